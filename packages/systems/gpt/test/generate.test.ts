import { Random } from "@gradus/data";
import { setRandomSeed } from "@gradus/nn";
import {
  beamSearch,
  complete,
  configOf,
  Decoder,
  distribution,
  draw,
  type Generated,
  type GenerateOptions,
  Gpt,
  type GptConfig,
  generate,
  type LanguageModel,
  logSoftmax,
  Scorer,
} from "@gradus/systems/gpt";
import { CharacterTokenizer } from "@gradus/systems/gpt/tokenizers";
import { tensor } from "@gradus/tensor";
import fc from "fast-check";
import { beforeAll, describe, expect, test, vi } from "vitest";

const text = "abcdefghijklmnop .\n";
const tokenizer = CharacterTokenizer.from(text);
const vocabulary = tokenizer.size;
const small = { vocabulary, context: 32, width: 32, layers: 2, heads: 4, keyValueHeads: 4, headWidth: 8, hidden: 64 };
const like: Record<string, Partial<GptConfig>> = {
  "GPT-2": {},
  Llama: { positions: "rotary", norm: "rms", activation: "silu", gated: true, bias: "none", tied: false, keyValueHeads: 2 },
};

/** A network with large weights, so that its opinions are strong. */
function model(changes: Partial<GptConfig> = {}, seed = 1): LanguageModel {
  setRandomSeed(seed);
  const network = new Gpt(configOf("small", { ...small, ...changes }));
  for (const w of network.weights) if (w.ndim === 2) w.assign(w.mul(12));
  return { network, tokenizer, endings: [] };
}

async function all(given: LanguageModel, prompts: string | string[], options: GenerateOptions): Promise<Generated[]> {
  const steps: Generated[] = [];
  for await (const step of generate(given, prompts, options)) steps.push(step);
  return steps;
}
const textOf = (steps: readonly Generated[], row = 0): string => steps.filter((s) => s.row === row).reduce((t, s) => t + s.text, "");

/** The same by passes over the whole text, without a cache. */
async function plainly({ network }: LanguageModel, prompt: string, count: number): Promise<string> {
  const ids = tokenizer.encode(prompt);
  for (let i = 0; i < count; i++) {
    const logits = (await network.forward(tensor([ids], { dtype: "int32" })).data()) as Float32Array;
    const last = logits.subarray((ids.length - 1) * vocabulary);
    ids.push(last.indexOf(Math.max(...last)));
  }
  return tokenizer.decode(ids.slice(prompt.length));
}

describe.each(Object.entries(like))("%s's kind of network", (_, changes) => {
  let given: LanguageModel;
  beforeAll(() => {
    given = model(changes);
  });

  test("with kept keys and values it says what passes over the whole text say", async () => {
    expect(await complete(given, "abc", { tokens: 20, temperature: 0 })).toBe(await plainly(given, "abc", 20));
  });

  test("texts side by side, of different lengths, come out as each alone", async () => {
    const prompts = ["a", "hello".replaceAll(/[^a-p]/g, ""), "bcdefghijk"];
    const together = await all(given, prompts, { tokens: 12, temperature: 0 });
    for (const [row, prompt] of prompts.entries())
      expect(textOf(together, row)).toBe(await complete(given, prompt, { tokens: 12, temperature: 0 }));
  });

  test("a draft's guesses change nothing where the likeliest token is taken, whatever the draft", async () => {
    const alone = await complete(given, "abc", { tokens: 20, temperature: 0 });
    for (const draft of [given, model(changes, 2)])
      for (const lookahead of [1, 3]) expect(await complete(given, "abc", { tokens: 20, temperature: 0, draft, lookahead })).toBe(alone);
  });

  test("rows that are reordered and rewound go on as if they had read what they then have", async () => {
    const decoder = new Decoder(given.network, { batch: 3 });
    const afresh = async (ids: number[]): Promise<Float32Array> => {
      const other = new Decoder(given.network);
      const [logits] = await other.read([ids]);
      other.dispose();
      return logits!;
    };
    const near = (found: Float32Array, wanted: Float32Array) =>
      expect(Math.max(...found.map((v, i) => Math.abs(v - wanted[i]!)))).toBeLessThan(1e-3 * Math.max(...wanted.map(Math.abs)));
    await decoder.read([[1, 2, 3, 4, 5], [6], [7, 8, 9]]);
    decoder.reorder([2, 0, 0]);
    expect(decoder.lengths).toEqual([3, 5, 5]);
    decoder.rewind([3, 2, 5]);
    const found = await decoder.read([[10], [11, 12], [13]]);
    for (const [i, ids] of [
      [7, 8, 9, 10],
      [1, 2, 11, 12],
      [1, 2, 3, 4, 5, 13],
    ].entries())
      near(found[i]!, await afresh(ids));
    expect(() => decoder.rewind([9, 0, 0])).toThrow(/rewind: to 9, 0, 0 where 4, 4, 6 were read/);
    expect(() => decoder.reorder([0, 1, 3])).toThrow(/reorder: rows 0, 1, 3 of 3/);
    decoder.dispose();
  });

  test("one program is made for all tokens that come one by one", async () => {
    const decoder = new Decoder(given.network);
    await decoder.read([[1, 2, 3]]);
    await decoder.read([[1]]);
    const { step } = (decoder as unknown as { programs: { step: { traces: number } } }).programs;
    const traces = step.traces;
    for (let i = 0; i < 20; i++) await decoder.read([[i % vocabulary]]);
    decoder.dispose();
    const another = new Decoder(given.network);
    await another.read([[1, 2]]);
    await another.read([[3]]);
    another.dispose();
    expect(step.traces).toBe(traces);
  });
});

test("a draft keeps the distribution of what is drawn", async () => {
  const given = model();
  const draft = model({}, 2);
  const counts = { plain: new Map<string, number>(), guessed: new Map<string, number>() };
  const n = 400;
  for (let seed = 0; seed < n; seed++)
    for (const [name, options] of Object.entries({ plain: {}, guessed: { draft, lookahead: 2 } })) {
      const t = await complete(given, "ab", { tokens: 2, seed, temperature: 0.7, topK: 3, ...options });
      const count = counts[name as "plain"];
      count.set(t, (count.get(t) ?? 0) + 1);
    }
  // Two samples of one distribution: chi-squared of the texts that came often, far below what another distribution gives.
  let [chi, kinds] = [0, 0];
  for (const t of new Set([...counts.plain.keys(), ...counts.guessed.keys()])) {
    const [a, b] = [counts.plain.get(t) ?? 0, counts.guessed.get(t) ?? 0];
    if (a + b < 10) continue;
    kinds++;
    chi += (a - b) ** 2 / (a + b);
  }
  expect(kinds).toBeGreaterThan(2);
  expect(chi).toBeLessThan(kinds + 5 * Math.sqrt(2 * kinds));
}, 120_000);

test("a text goes on when the context is full", async () => {
  const steps = await all(model(), "abc", { tokens: 80, temperature: 0 });
  expect(textOf(steps)).toHaveLength(80);
  const together = await all(model(), ["abc", "bcdefgh"], { tokens: 80, temperature: 0 });
  expect(textOf(together, 0)).toBe(textOf(steps));
});

test("a text goes on behind its beginning token when the context is full", async () => {
  const given = { ...model({ context: 8 }), beginnings: [3] };
  const read: number[][][] = [];
  const original = Decoder.prototype.read;
  const spy = vi.spyOn(Decoder.prototype, "read").mockImplementation(function (this: Decoder, fresh) {
    read.push(fresh.map((ids) => [...ids]));
    return original.call(this, fresh);
  });
  const steps = await all(given, "abc", { tokens: 12, temperature: 0 });
  spy.mockRestore();
  const written = [3, ...tokenizer.encode("abc"), ...steps.map((s) => s.id)];
  // Seven are read, the eighth fills the context; then the last three follow the beginning.
  const again = read.slice(1).filter(([ids]) => ids!.length > 1);
  expect(again.length).toBeGreaterThan(1);
  expect(again[0]).toEqual([[3, ...written.slice(6, 9)]]);
  for (const [ids] of again) expect(ids).toMatchObject({ 0: 3, length: 4 });
});

test("a seed repeats a text, another one gives another", async () => {
  const given = model();
  const one = await complete(given, "abc", { tokens: 25, seed: 1 });
  expect(await complete(given, "abc", { tokens: 25, seed: 1 })).toBe(one);
  expect(await complete(given, "abc", { tokens: 25, seed: 2 })).not.toBe(one);
});

test("a text ends before a stop string, also one that spans tokens, and at the model's own ending", async () => {
  const given = model();
  const whole = await complete(given, "abc", { tokens: 24, temperature: 0 });
  const stop = whole.slice(7, 10);
  const ended = await complete(given, "abc", { tokens: 24, temperature: 0, stop: ["zzz", stop] });
  expect(ended).toBe(whole.slice(0, whole.indexOf(stop)));
  const ending = tokenizer.encode(whole)[5]!;
  const endless = { ...given, endings: [ending] };
  expect(await complete(endless, "abc", { tokens: 24, temperature: 0 })).toBe(whole.slice(0, tokenizer.encode(whole).indexOf(ending)));
});

test("log-probabilities are the network's, and those of a text are the same scored afterwards", async () => {
  const given = model();
  const steps = await all(given, "abc", { tokens: 10, temperature: 0.5, topK: 4, alternatives: 2 });
  const [score, other] = await new Scorer(given).score([
    { prompt: "abc", continuation: textOf(steps) },
    { prompt: "abcdefg", continuation: "k" },
  ]);
  steps.forEach((s, i) => {
    expect(s.logProbability).toBeCloseTo(score!.tokens[i]!.logProbability, 4);
  });
  expect(score!.logProbability).toBeCloseTo(
    steps.reduce((sum, s) => sum + s.logProbability, 0),
    3,
  );
  expect(other!.tokens).toHaveLength(1);
  const likely = await complete(given, "abc", { tokens: 5, temperature: 0 });
  expect((await new Scorer(given).score([{ prompt: "abc", continuation: likely }]))[0]!.greedy).toBe(true);
  for (const s of steps) expect(s.alternatives[0]!.probability).toBeGreaterThanOrEqual(s.alternatives[1]!.probability);
});

test("what comes before every prompt is read, and makes an empty prompt one", async () => {
  const given = model();
  const begun = { ...given, beginnings: tokenizer.encode("pon") };
  const options = { tokens: 12, temperature: 0 };
  expect(await complete(begun, "abc", options)).toBe(await complete(given, "ponabc", options));
  expect(await complete(begun, "", options)).toBe(await complete(given, "pon", options));
});

test("beam search with one beam is greedy, and with all beams of two tokens finds the best of all", async () => {
  const given = model();
  const [greedy] = await beamSearch(given, "abc", { beams: 1, tokens: 6 });
  expect(greedy!.text).toBe(await complete(given, "abc", { tokens: 6, temperature: 0 }));
  const found = await beamSearch(given, "abc", { beams: vocabulary, tokens: 2, lengthPenalty: 0 });
  const scorer = new Scorer(given);
  const pairs = [...tokenizer.decode(Array.from({ length: vocabulary }, (_, i) => i))].flatMap((a, _i, s) => s.map((b) => a + b));
  const scores = await scorer.score(pairs.map((continuation) => ({ prompt: "abc", continuation })));
  const best = scores.reduce((a, s, i) => (s.logProbability > scores[a]!.logProbability ? i : a), 0);
  expect(found[0]!.text).toBe(pairs[best]);
  expect(found[0]!.logProbability).toBeCloseTo(scores[best]!.logProbability, 3);
});

describe("sampling", () => {
  const logits = fc.array(fc.float({ min: -10, max: 10, noNaN: true }), { minLength: 1, maxLength: 40 }).map((z) => Float32Array.from(z));

  test("whatever the choices, probabilities come to 1 and the likeliest token stays", () => {
    const options = fc.record(
      {
        temperature: fc.double({ min: 0, max: 3, noNaN: true }),
        topK: fc.integer({ min: 1, max: 50 }),
        topP: fc.double({ min: 0.01, max: 1, noNaN: true }),
        minP: fc.double({ min: 0, max: 1, noNaN: true }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(logits, options, (z, o) => {
        const p = distribution(z, o);
        expect(p.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 4);
        expect(z.filter((_, i) => p[i]! > 0).some((x) => x > Math.max(...z) - 1e-5)).toBe(true);
        if (o.topK) expect(p.filter((x) => x > 0).length).toBeLessThanOrEqual(o.topK);
      }),
    );
  });

  test("without choices they are the softmax", () => {
    fc.assert(
      fc.property(logits, (z) => {
        const wanted = logSoftmax(z).map(Math.exp);
        distribution(z, {}).forEach((p, i) => {
          expect(p).toBeCloseTo(wanted[i]!, 4);
        });
      }),
    );
  });

  test("top-p keeps the fewest that come to the share, min-p those near the likeliest, a penalty lowers what was there", () => {
    const z = Float32Array.from([0.5, 0.25, 0.15, 0.1], Math.log);
    const kept = (o: object) => [...distribution(z, o)].map((p) => p > 0);
    expect(kept({ topP: 0.6 })).toEqual([true, true, false, false]);
    expect(kept({ topP: 0.76 })).toEqual([true, true, true, false]);
    expect(kept({ minP: 0.4 })).toEqual([true, true, false, false]);
    expect(kept({ topK: 3 })).toEqual([true, true, true, false]);
    // The share of top-p is of all that top-k leaves, not of what min-p would leave: 0.5 is less than 0.6.
    expect(kept({ topP: 0.6, minP: 0.4 })).toEqual([true, true, false, false]);
    const [a, b] = [distribution(z, {}), distribution(z, { repetitionPenalty: 2 }, [1, 1])];
    expect(b[1]! / b[0]!).toBeCloseTo(a[1]! ** 2 / a[0]! / 1, 4);
  });

  test("a penalty of any size gives probabilities", () => {
    const z = Float32Array.of(2, 1, -1);
    expect([...distribution(z, { repetitionPenalty: 1e-300 }, [0, 1])]).toEqual([1, 0, 0]);
    expect([...distribution(z, { repetitionPenalty: 1e300 }, [0, 1, 2])]).toEqual([0.5, 0.5, 0]);
  });

  test("tokens are drawn as often as their probabilities say", () => {
    const random = new Random(1);
    const counts = [0, 0, 0];
    for (let i = 0; i < 20_000; i++) counts[draw(Float32Array.of(0.2, 0, 0.8), random)]!++;
    expect(counts[1]).toBe(0);
    expect(counts[0]! / 20_000).toBeCloseTo(0.2, 1);
  });
});

test("what cannot be done is said in one sentence", async () => {
  const given = model();
  const said = async (prompt: string, options: GenerateOptions = {}) =>
    complete(given, prompt, options).then(
      () => "nothing",
      (error: Error) => error.message,
    );
  expect(await said("")).toMatch(/prompt is empty/);
  expect(await said("a".repeat(33))).toMatch(/33 tokens.*32/);
  expect(await said("a", { temperature: -1 })).toMatch(/temperature is -1/);
  expect(await said("a", { topK: 0 })).toMatch(/topK is 0/);
  expect(await said("a", { topP: 0 })).toMatch(/topP is 0/);
  expect(await said("a", { tokens: 1.5 })).toMatch(/tokens is 1.5/);
  expect(await said("a", { stop: [""] })).toMatch(/stop string is empty/);
  expect(await said("a", { draft: model({ vocabulary: 40 }) })).toMatch(/draft knows 40 tokens/);
  const decoder = new Decoder(given.network);
  await expect(decoder.read([[99]])).rejects.toThrow(/99 is no token/);
});
