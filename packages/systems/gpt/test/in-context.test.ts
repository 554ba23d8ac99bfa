import { Random } from "@gradus/data";
import { configOf, Gpt, type LanguageModel } from "@gradus/systems/gpt";
import {
  type Answered,
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  type InductionMeasurement,
  induction,
  promptFor,
  repeatedSequence,
  type Task,
  taskFrom,
  taskNames,
  taskOf,
  wordsOf,
} from "@gradus/systems/gpt/in-context";
import { CharacterTokenizer, type Tokenizer } from "@gradus/systems/gpt/tokenizers";
import { tensor } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { all } from "./tiny.ts";

const sorted = (text: string): string => [...text].sort().join("");

describe("arithmetic", () => {
  const of = { plus: (a: number, b: number) => a + b, minus: (a: number, b: number) => a - b, times: (a: number, b: number) => a * b };

  test.each(taskNames.filter((name) => /^[2-5]d-/.test(name)))("%s: answers are right, numbers have at most so many digits", (name) => {
    const items = taskOf(name).items(300, new Random(1));
    expect(new Set(items.map((i) => i.context)).size).toBe(300);
    const [lengths, signs] = [new Set<number>(), new Set<string>()];
    for (const { context, answer, choices } of items) {
      const [, a, sign, b] = /^Q: What is (\d+) (plus|minus|times) (\d+)\?\nA:$/.exec(context)!;
      for (const number of [a!, b!]) expect(String(Number(number))).toBe(number);
      expect(answer).toBe(String(of[sign as "plus"](Number(a), Number(b))));
      expect(choices).toEqual([]);
      lengths.add(a!.length).add(b!.length);
      signs.add(sign!);
    }
    expect(Math.max(...lengths)).toBe(Number(name[0]));
    expect([...signs]).toEqual([{ addition: "plus", subtraction: "minus", multiplication: "times" }[name.slice(3)]]);
  });

  test("1d-composite: brackets first, with all nine pairs of operations", () => {
    const pairs = new Set<string>();
    for (const { context, answer } of taskOf("1DC").items(500, new Random(2))) {
      const [, text, outer, inner] = /^Q: What is (\d([+\-*])\(\d([+\-*])\d\))\?\nA:$/.exec(context)!;
      expect(answer).toBe(String(new Function(`return ${text}`)()));
      pairs.add(outer! + inner!);
    }
    expect(pairs.size).toBe(9);
  });

  test("all items there are can be asked for, and none more", () => {
    expect(
      new Set(
        taskOf("2D+")
          .items(10_000, new Random(1))
          .map((i) => i.key),
      ).size,
    ).toBe(10_000);
    expect(() => taskOf("2D+").items(10_001, new Random(1))).toThrow("10001 examples are asked of 2d-addition, which has 10000");
  });
});

describe("words", () => {
  const promises: Record<string, (spoilt: string, word: string) => boolean> = {
    "cycle-letters": (s, w) => (w + w).includes(s) && s.length === w.length,
    "anagrams-1": (s, w) => s[0] === w[0] && s.at(-1) === w.at(-1) && sorted(s) === sorted(w),
    "anagrams-2": (s, w) => s.slice(0, 2) === w.slice(0, 2) && s.slice(-2) === w.slice(-2) && sorted(s) === sorted(w),
    "random-insertion": (s, w) => s.length === 2 * w.length - 1 && [...w].every((c, i) => s[2 * i] === c) && /^.([^a-z].)*$/.test(s),
    "reversed-words": (s, w) => s === [...w].reverse().join(""),
  };

  test.each(Object.entries(promises))("%s: what is spoilt differs from the word, and keeps what it promises", (name, keeps) => {
    const task = taskOf(name);
    const items = task.items(200, new Random(3));
    expect(new Set(items.map((i) => i.answer)).size).toBe(200);
    for (const { context, answer } of items) {
      expect(context.endsWith(" =")).toBe(true);
      const spoilt = context.slice(0, -2);
      expect(spoilt).not.toBe(answer);
      expect(keeps(spoilt, answer), `${spoilt} = ${answer}`).toBe(true);
    }
  });

  test("words of a text are taken, those that cannot be spoilt are left out", () => {
    const words = wordsOf("Anna saw NOON; noon, a été-related aaaa kayak, casino. Extraordinarilyy");
    expect(words).toEqual(["anna", "noon", "related", "aaaa", "kayak", "casino"]);
    expect(taskOf("RW", { words }).size).toBe(2);
    expect(taskOf("CL", { words }).size).toBe(5);
    expect(
      taskOf("A2", { words })
        .items(2, new Random(1))
        .map((i) => i.answer)
        .sort(),
    ).toEqual(["casino", "related"]);
    expect(() => taskOf("A1", { words: ["anna", "noon"] })).toThrow("none of the 2 words");
    expect(() => wordsOf("a b c 1234")).toThrow("no word");
  });
});

test("the same seed gives the same items, another one others", () => {
  for (const name of taskNames) {
    const task = taskOf(name);
    expect(task.items(20, new Random(5))).toEqual(task.items(20, new Random(5)));
    expect(task.items(20, new Random(5))).not.toEqual(task.items(20, new Random(6)));
  }
  expect(() => taskOf("6d-addition")).toThrow('there is no task "6d-addition"');
});

test("prompts are an instruction, solved examples, and the question", () => {
  const item = (context: string, answer: string) => ({ key: context, context, answer, choices: [] });
  const [one, two] = [item("asinoc =", "casino"), item("dorw =", "word")];
  const instruction = "Please unscramble the letters into a word, and write that word:";
  expect(promptFor(taskOf("CL"), one, [])).toBe(`${instruction}\nasinoc =`);
  expect(promptFor(taskOf("CL"), one, [two])).toBe(`${instruction}\ndorw = word\n\nasinoc =`);
  expect(promptFor(taskOf("2D+"), item("Q: What is 1 plus 2?\nA:", "3"), [item("Q: What is 4 plus 5?\nA:", "9")])).toBe(
    "Q: What is 4 plus 5?\nA: 9\n\nQ: What is 1 plus 2?\nA:",
  );
});

describe("a user's file", () => {
  const item = { context: "lull is to trust as ", choices: ["cajole is to compliance", "balk is to fortitude"], answer: 0 };
  const lines = (...values: unknown[]) => values.map((v) => JSON.stringify(v)).join("\n");

  test("JSON Lines, a list, and an object with an instruction are read", () => {
    const expected = { context: "lull is to trust as", choices: item.choices, answer: item.choices[0] };
    const byText = { ...item, answer: "balk is to fortitude" };
    for (const text of [
      `\ufeff${lines(item, byText)}\r\n\r\n`,
      JSON.stringify([item, byText]),
      JSON.stringify({ items: [item, byText] }),
    ]) {
      const found = taskFrom("sat", new TextEncoder().encode(text)).items(2, new Random(1));
      expect(found.find((i) => i.answer === expected.answer)).toMatchObject(expected);
      expect(found.find((i) => i.answer === byText.answer)).toBeDefined();
    }
    expect(taskFrom("sat", lines(item)).size).toBe(1);
    expect(taskFrom("sat", JSON.stringify({ instruction: "Choose.", items: [item] })).instruction).toBe("Choose.");
    expect(taskFrom("open", lines({ context: "1 + 1 =", answer: "2" })).items(1, new Random(1))[0]).toMatchObject({
      answer: "2",
      choices: [],
    });
  });

  test.each([
    ["", "has no items"],
    ["[]", "has no items"],
    ["3", "holds no list of items"],
    ['{"items": 3}', "holds no list of items"],
    ['{"items": [], "instruction": 3}', "the instruction is no text"],
    [`${lines(item)}\n{oops`, "line 2 is no JSON"],
    [lines(item, 3), "line 2: it is no object"],
    ["[null]", "item 1: it is no object"],
    [lines(item, { ...item, context: " " }), "line 2: there is no context"],
    [JSON.stringify([{ ...item, choices: "a" }]), "item 1: the choices are not a list"],
    [JSON.stringify([{ ...item, choices: ["a", ""] }]), "item 1: the choices are not a list of texts of one line"],
    [JSON.stringify([{ ...item, choices: ["a"] }]), "item 1: there is one choice"],
    [JSON.stringify([{ ...item, choices: ["a", " a"] }]), "item 1: two choices are the same"],
    [JSON.stringify([{ ...item, answer: 2 }]), "the answer is 2. Give the number of a choice, 0 to 1, or its text"],
    [JSON.stringify([{ ...item, answer: 0.5 }]), "the answer is 0.5"],
    [JSON.stringify([{ ...item, answer: "balk" }]), 'the answer is "balk"'],
    [JSON.stringify([{ context: "a" }]), "the answer is missing"],
    [JSON.stringify([{ context: "a", answer: 3 }]), "the answer is 3. Without choices it is a text"],
    [JSON.stringify([{ context: "a", answer: "b\nc" }]), "Without choices it is a text of one line"],
  ])("%j: %s", (text, message) => {
    expect(() => taskFrom("sat.jsonl", text)).toThrow(message);
  });

  test("bytes that are no text", () => expect(() => taskFrom("sat", Uint8Array.of(0xff, 0xfe))).toThrow("not text in UTF-8"));
});

const tokenizer = CharacterTokenizer.from(`\n${Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join("")}`);

/**
 * A network whose next token depends on the present one alone, in a way that is known: blocks add nothing, a token's vector is a unit
 * vector, which normalisation makes √width long, and the head is a table of scores. Pairs that are not named score 0.
 */
function bigrams(scores: Readonly<Record<string, number>>, context = 64): LanguageModel {
  const size = tokenizer.size;
  const sizes = { vocabulary: size, width: size, context, layers: 1, heads: 1, keyValueHeads: 1, headWidth: 2, hidden: 2 };
  const network = new Gpt(configOf("small", { ...sizes, positions: "rotary", norm: "rms", epsilon: 0, bias: "none", tied: false }));
  for (const { path, variable } of network.namedWeights().map(([path, w]) => ({ path, variable: w.variable }))) {
    const table = new Float32Array(variable.size);
    if (path.includes("tokens")) for (let i = 0; i < size; i++) table[i * size + i] = 1;
    else if (path.includes("head"))
      for (const [[from, to], score] of Object.entries(scores).map(([pair, s]) => [tokenizer.encode(pair), s] as const))
        table[to! * size + from!] = score / Math.sqrt(size);
    else if (path.includes("norm")) table.fill(1);
    variable.assign(tensor(table).reshape(variable.shape));
  }
  return { network, tokenizer, endings: [] };
}

/** The natural logarithm of the probability of the second character after the first. */
function logProbability(scores: Readonly<Record<string, number>>, pair: string): number {
  const named = Object.entries(scores).filter(([key]) => key[0] === pair[0]);
  const sum = named.reduce((total, [, s]) => total + Math.exp(s), tokenizer.size - named.length);
  return (scores[pair] ?? 0) - Math.log(sum);
}
const logOf = (scores: Readonly<Record<string, number>>, text: string): number =>
  [...text].slice(1).reduce((sum, _, i) => sum + logProbability(scores, text.slice(i, i + 2)), 0);

const run = async (model: LanguageModel, task: Task, options: EvaluateOptions): Promise<{ updates: Answered[]; result: Evaluation }> =>
  all(evaluate(model, task, options));

describe("evaluate", () => {
  const seven = bigrams({ ": ": 9, " 7": 9, "7\n": 9 });
  const digits = taskFrom(
    "digits",
    JSON.stringify(Array.from({ length: 24 }, (_, i) => ({ context: `n${i}:`, answer: i % 3 ? String(i) : "7" }))),
  );

  test.each(["generation", "likelihood"] as const)("a network that always writes 7 is right where the answer is 7, by %s", async (by) => {
    for (const shots of [0, 1, 4]) {
      const { updates, result } = await run(seven, digits, { by, shots, examples: 24 });
      const wanted = Array.from({ length: 24 }, (_, i) => (i % 3 ? String(i) : "7")).filter((a) => a === "7").length;
      expect(updates.map((u) => u.right)).toEqual(updates.map((u) => u.item.answer === "7"));
      expect(updates.map((u) => u.done)).toEqual(Array.from({ length: 24 }, (_, i) => i + 1));
      if (by === "generation") expect(new Set(updates.map((u) => u.given))).toEqual(new Set(["7"]));
      expect(result).toMatchObject({ task: "digits", by, shots, fewestShots: shots, examples: 24, right: wanted, chance: 0 });
      expect(result.accuracy).toBeCloseTo(wanted / 24, 12);
      expect(result.standardError).toBeCloseTo(Math.sqrt(((wanted / 24) * (1 - wanted / 24)) / 24), 12);
    }
  });

  test("a tokenizer that brings the space before a text does not get another", async () => {
    const spaced: Tokenizer = {
      ...{ size: tokenizer.size, special: tokenizer.special, leadingSpace: true },
      encode: (text) => tokenizer.encode(` ${text}`),
      decode: (ids) => tokenizer.decode(ids).replace(/^ /, ""),
      bytes: (id) => tokenizer.bytes(id),
      token: (id) => tokenizer.token(id),
      toJSON: () => ({ type: "spaced" }),
    };
    for (const by of ["generation", "likelihood"] as const)
      expect((await run({ ...seven, tokenizer: spaced }, digits, { by, shots: 1, examples: 24 })).result.right).toBe(9);
  });

  test("a beginning of the answer, or more than it, is not the answer", async () => {
    const longer = taskFrom(
      "longer",
      JSON.stringify([
        { context: "a:", answer: "77" },
        { context: "b:", answer: "7" },
      ]),
    );
    for (const by of ["generation", "likelihood"] as const) {
      expect((await run(seven, longer, { by })).updates.map((u) => [u.item.answer, u.right]).sort()).toEqual([
        ["7", true],
        ["77", false],
      ]);
      const endless = bigrams({ ": ": 9, " 7": 9, "77": 9 });
      expect((await run(endless, longer, { by })).result.right).toBe(0);
    }
  });

  test("choices are compared per token, in all, or to how likely they are by themselves", async () => {
    // After ":" as after any context a space comes; "xy" is long and likely per token, "z" likely in all.
    const scores = { ": ": 9, " x": 4.8, xy: 9, " z": 5, " q": 1 };
    const model = bigrams(scores);
    const texts = ["xy", "z", "q"];
    const task = taskFrom("choices", JSON.stringify([{ context: "which:", choices: texts, answer: 1 }]));
    const sums = texts.map((t) => logOf(scores, `: ${t}`));
    const token = await run(model, task, { normalise: "token" });
    expect(token.result.by).toBe("likelihood");
    expect(token.result.chance).toBeCloseTo(1 / 3, 12);
    for (const [k, s] of token.updates[0]!.scores.entries()) expect(s).toBeCloseTo(sums[k]! / (texts[k]!.length + 1), 4);
    expect(token.updates[0]).toMatchObject({ given: "xy", right: false });
    const none = await run(model, task, { normalise: "none" });
    for (const [k, s] of none.updates[0]!.scores.entries()) expect(s).toBeCloseTo(sums[k]!, 4);
    expect(none.updates[0]).toMatchObject({ given: "z", right: true });
    // "Answer:" ends as the context does, so for this network a choice says nothing about the question.
    for (const s of (await run(model, task, { normalise: "unconditional" })).updates[0]!.scores) expect(s).toBeCloseTo(0, 4);
    const other = taskFrom("choices", JSON.stringify([{ context: "which?", choices: texts, answer: 1 }]));
    const apart = logProbability(scores, "? ") - logProbability(scores, ": ");
    for (const s of (await run(model, other, { normalise: "unconditional" })).updates[0]!.scores) expect(s).toBeCloseTo(apart, 4);
  });

  test("choices of many questions are matched to their questions", async () => {
    const list = Array.from({ length: 40 }, (_, i) => {
      const choices = ["7", ...Array.from({ length: 1 + (i % 4) }, (_, k) => `${k}x`)];
      return { context: `${i}:`, choices: i % 2 ? choices : choices.toReversed(), answer: i % 5 ? "7" : "0x" };
    });
    const { updates, result } = await run(seven, taskFrom("many", JSON.stringify(list)), { shots: 2, examples: 40, normalise: "none" });
    expect(updates.every((u) => u.given === "7" && u.scores.length === u.item.choices.length)).toBe(true);
    expect(result.right).toBe(32);
  });

  test("solved examples are others than the question, as many as asked for, and change from question to question", async () => {
    const few = taskFrom("few", JSON.stringify(["a", "b", "c", "d"].map((c) => ({ context: `${c}:`, answer: c }))));
    const { updates } = await run(seven, few, { shots: 3 });
    expect(updates.map((u) => u.shots)).toEqual([3, 3, 3, 3]);
    await expect(run(seven, few, { shots: 4 })).rejects.toThrow("4 shots and a question are more than the 4 items");
    await expect(run(seven, few, { examples: 5 })).rejects.toThrow("5 examples are asked of few, which has 4");
  });

  test("a prompt that does not fit is an error that says how many shots do, or gets fewer shots", async () => {
    const task = taskOf("2D+");
    for (const by of ["generation", "likelihood"] as const) {
      await expect(run(seven, task, { shots: 8, by, examples: 10 })).rejects.toThrow(
        /question 1 of 2d-addition with 8 shots .* sees 64\. At most 1 shots/,
      );
      const { updates, result } = await run(seven, task, { shots: 8, by, examples: 10, fewerShots: true });
      expect(new Set(updates.map((u) => u.shots))).toEqual(new Set([1]));
      expect(result).toMatchObject({ shots: 8, fewestShots: 1 });
    }
    await expect(run(bigrams({}, 16), task, { fewerShots: true })).rejects.toThrow("does not fit even without shots");
  });

  test("as many shots as fit are taken, and not one more", async () => {
    // "x:" and " x" and two ends of line for a solved example, "y:" and " y\n" for the question, whose last token is not read.
    const task = taskFrom("exact", JSON.stringify([..."abcdefgh"].map((c) => ({ context: `${c}:`, answer: c }))));
    const fits = async (context: number, shots: number) =>
      run(bigrams({}, context), task, { shots, by: "likelihood" }).then(
        () => true,
        () => false,
      );
    expect(await fits(6 * 5 + 4, 5)).toBe(true);
    expect(await fits(6 * 5 + 3, 5)).toBe(false);
    const { result } = await run(bigrams({}, 6 * 5 + 3), task, { shots: 7, by: "likelihood", fewerShots: true });
    expect(result.fewestShots).toBe(4);
  });

  test("a token before every prompt takes a place of the context, too", async () => {
    const task = taskFrom("exact", JSON.stringify([..."abcdefgh"].map((c) => ({ context: `${c}:`, answer: c }))));
    const model = { ...bigrams({}, 6 * 5 + 4), beginnings: [0] };
    const { result } = await run(model, task, { shots: 5, by: "likelihood", fewerShots: true });
    expect(result.fewestShots).toBe(4);
  });

  test.each([
    [{ shots: -1 }, "shots is -1"],
    [{ shots: 1.5 }, "shots is 1.5"],
    [{ examples: 0 }, "examples is 0"],
    [{ by: "guess" as "likelihood" }, "by is guess"],
    [{ normalise: "all" as "none" }, "normalise is all"],
  ])("%j is refused", async (options, message) => {
    await expect(run(seven, digits, options)).rejects.toThrow(message);
  });
});

describe("the induction experiment", () => {
  const small = { context: 24, vocabulary: 12, width: 32, heads: 2, rate: 0.01, testSequences: 32, batchSize: 32, seed: 1 };

  test("sequences repeat after their period, and their patterns have no token twice", () => {
    const periods = new Set<number>();
    for (let i = 0; i < 200; i++) {
      const { ids, period } = repeatedSequence(65, 48, new Random(1, i));
      periods.add(period);
      expect(new Set(ids.subarray(0, period)).size).toBe(period);
      for (let k = period; k < ids.length; k++) expect(ids[k]).toBe(ids[k - period]);
    }
    expect([Math.min(...periods), Math.max(...periods)]).toEqual([8, 24]);
  });

  test("a new network guesses, and its heads look everywhere alike", async () => {
    const { result } = await all(induction({ ...small, layers: [1], steps: 1 }));
    const [first] = result.measurements as [InductionMeasurement];
    expect(first.firstLoss).toBeCloseTo(Math.log(12), 1);
    expect(first.repeatedLoss).toBeCloseTo(Math.log(12), 1);
    // What even attention gives, counted one by one.
    let [sum, count] = [0, 0];
    for (let row = 0; row < 32; row++) {
      const { ids, period } = repeatedSequence(25, 12, new Random(1, 1, row));
      for (let i = period; i < 24; i++, count++) for (let j = 1; j <= i; j++) if (ids[j - 1] === ids[i]) sum += 1 / (i + 1);
    }
    const previous = Array.from({ length: 23 }, (_, i) => 1 / (i + 2)).reduce((a, b) => a + b, 0) / 23;
    for (const head of first.heads) {
      expect(head.prefixMatching).toBeCloseTo(sum / count, 1);
      expect(head.previousToken).toBeCloseTo(previous, 1);
    }
  });

  test("two layers learn to copy what came before, by a head that finds it; one layer does not", async () => {
    const sizes = { ...small, vocabulary: 16, rate: 0.005, steps: 400, measureEvery: 200 };
    const { updates, result } = await all(induction(sizes));
    expect(updates.flatMap((u) => (u.kind === "progress" ? [u.layers] : []))).toContain(2);
    expect(result.measurements.map((m) => [m.layers, m.step])).toEqual([1, 2].flatMap((n) => [0, 200, 400].map((step) => [n, step])));
    const [one, two] = [result.measurements[2]!, result.measurements[5]!];
    const best = (m: InductionMeasurement) => m.heads.reduce((a, b) => (b.prefixMatching > a.prefixMatching ? b : a));
    expect(one.repeatedAccuracy).toBeLessThan(0.6);
    expect(best(one).prefixMatching).toBeLessThan(0.5);
    expect(two.repeatedAccuracy).toBeGreaterThan(0.8);
    expect(best(two).prefixMatching).toBeGreaterThan(0.6);
    expect(best(two).layer).toBe(1);
    // Where nothing came before, there is nothing to copy.
    expect(two.firstLoss).toBeGreaterThan(2.3);
  });

  test("numbers that make no sense are refused", async () => {
    for (const [options, message] of [
      [{ layers: [] }, "networks of"],
      [{ layers: [1, 1] }, "networks of 1, 1 layers"],
      [{ steps: 0 }, "steps is 0"],
      [{ rate: -1 }, "the rate is -1"],
      [{ width: 20, heads: 4 }, "a width of 20"],
      [{ context: 8 }, "the context is 8"],
      [{ vocabulary: 8 }, "8 tokens are too few"],
    ] as const)
      await expect(all(induction(options))).rejects.toThrow(message);
  });
});
