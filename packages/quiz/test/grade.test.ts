import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { grade, isOpen, publicQuestion, type Question } from "../src/index.ts";
import { giftQuestions } from "./questions.ts";

const base = { id: "q", prompt: "?", points: 4 };
const single: Question = {
  ...{ ...base, type: "single", feedback: "because" },
  choices: [
    { text: "a", correct: true, feedback: "good" },
    { text: "b", correct: false, feedback: "too small" },
    { text: "c", correct: false, credit: 0.5 },
  ],
};
const multiple: Question = {
  ...{ ...base, type: "multiple" },
  choices: [
    { text: "a", correct: true },
    { text: "b", correct: true },
    { text: "c", correct: false, feedback: "c is odd." },
    { text: "d", correct: false },
  ],
};
const numeric: Question = {
  ...base,
  type: "numeric",
  answer: 0.3,
  tolerance: 0.1,
  others: [{ min: 1, max: 2, credit: 0.5, feedback: "wrong unit" }],
};
const relative: Question = { ...base, type: "numeric", answer: -200, tolerance: 0.05, relative: true };
const text: Question = {
  ...{ ...base, type: "text" },
  answers: [
    { text: "gradient * descent", credit: 1 },
    { text: "*descent*", credit: 0.25, feedback: "Which one?" },
    { text: "2\\*x", credit: 1 },
    { text: "*", credit: 0, feedback: "Look it up." },
  ],
};
const ordering: Question = { ...base, type: "ordering", items: ["mix", "bake", "cool", "eat", "rest"] };
const matching: Question = {
  ...{ ...base, type: "matching", distractors: ["5"] },
  pairs: [
    { left: "a", right: "1" },
    { left: "b", right: "2" },
    { left: "c", right: "1" },
    { left: "d", right: "4" },
  ],
};
const code: Question = {
  ...{ ...base, type: "code", starter: "" },
  checks: [
    { name: "adds", code: "" },
    { name: "halves", code: "" },
  ],
};
const all = [single, multiple, numeric, relative, text, ordering, matching, code];
const score = async (q: Question, response: unknown) => (await grade(q, response)).score;

describe("grading", () => {
  test("one choice is worth all, its credit, or nothing", async () => {
    expect(await grade(single, 0)).toEqual({ score: 4, points: 4, correct: true, answered: true, feedback: ["good", "because"] });
    expect(await grade(single, 1)).toEqual({ score: 0, points: 4, correct: false, answered: true, feedback: ["too small"] });
    expect(await grade(single, 2)).toMatchObject({ score: 2, correct: false });
  });

  test("of several choices each right one earns and each wrong one costs, never below nothing", async () => {
    expect(await grade(multiple, [1, 0])).toMatchObject({ score: 4, correct: true });
    expect(await grade(multiple, [0])).toMatchObject({ score: 2, feedback: ["There is more to choose."] });
    expect(await grade(multiple, [0, 1, 2])).toMatchObject({ score: 2, correct: false, feedback: ["“c”: c is odd."] });
    expect(await score(multiple, [2, 3])).toBe(0);
    expect(await score(multiple, [0, 1, 2, 3])).toBe(0);
    expect(await grade(multiple, [])).toMatchObject({ score: 0, answered: true });
    const thirds: Question = {
      ...multiple,
      choices: [0.3333333, 0.3333333, 0.3333333, 0].map((credit, i) => ({ text: `${i}`, correct: credit > 0, credit })),
    };
    expect(await grade(thirds, [0, 1, 2])).toMatchObject({ score: 4, correct: true });
  });

  test("numbers are right within their tolerance, ends included", async () => {
    for (const right of [0.3, 0.2, 0.4, " 0,4 ", "3e-1", "+.3"]) expect(await score(numeric, right), String(right)).toBe(4);
    expect(await grade(numeric, 0.19)).toMatchObject({ score: 0, feedback: ["Larger."] });
    expect(await grade(numeric, 1.5)).toMatchObject({ score: 2, feedback: ["wrong unit"] });
    expect([await score(relative, -190), await score(relative, "−210"), await score(relative, -189)]).toEqual([4, 4, 0]);
    const range: Question = { ...base, type: "numeric", min: 1, max: 2 };
    expect([await score(range, 1), await score(range, 2), await score(range, 2.01)]).toEqual([4, 4, 0]);
  });

  test("short answers fit patterns, the best one counts", async () => {
    expect(await score(text, "  Gradient   Stochastic DESCENT ")).toBe(4);
    expect(await grade(text, "steepest descent!")).toMatchObject({ score: 1, feedback: ["Which one?"] });
    expect(await grade(text, "ascent")).toMatchObject({ score: 0, feedback: ["Look it up."] });
    expect([await score(text, "2*x"), await score(text, "2yx")]).toEqual([4, 0]);
    const exact: Question = { ...base, type: "text", answers: [{ text: "ReLU", credit: 1 }], caseSensitive: true };
    expect([await score(exact, "ReLU"), await score(exact, "relu")]).toEqual([4, 0]);
  });

  test("wildcards take no more than a moment", async () => {
    const hard: Question = { ...base, type: "text", answers: [{ text: "*a".repeat(400), credit: 1 }] };
    const begin = performance.now();
    expect(await score(hard, `${"a".repeat(399)}b`.repeat(40))).toBe(0);
    expect(performance.now() - begin).toBeLessThan(500);
  });

  test("neighbours in their order earn their share, by keys that tell nothing", async () => {
    const open = publicQuestion(ordering, 7);
    if (open.type !== "ordering") throw new Error("not an ordering question");
    const keys = (...items: string[]) => items.map((item) => open.items.find((i) => i.text === item)!.key);
    expect(await grade(ordering, keys("mix", "bake", "cool", "eat", "rest"))).toMatchObject({ score: 4, correct: true });
    expect(await score(ordering, keys("eat", "rest", "mix", "bake", "cool"))).toBe(3);
    expect(await score(ordering, [0, 1, 2, 3, 4])).toBeLessThan(4);
  });

  test("pairs earn their share, and one may be left open", async () => {
    expect(await grade(matching, ["1", "2", "1", "4"])).toMatchObject({ score: 4, correct: true });
    expect(await grade(matching, ["1", "5", "1", ""])).toMatchObject({
      score: 2,
      feedback: ["“b” goes with something else.", "“d” goes with something else."],
    });
  });

  test("code earns the share of its checks that pass, whoever reports them", async () => {
    const run = (results: unknown) => grade(code, "x", { runChecks: async () => results as [] });
    expect(
      await run([
        { name: "adds", passed: true },
        { name: "halves", passed: true },
      ]),
    ).toMatchObject({ score: 4, correct: true });
    expect(
      await run([
        { name: "adds", passed: true },
        { name: "halves", passed: false, message: "got 3" },
      ]),
    ).toMatchObject({
      score: 2,
      feedback: ["halves: got 3"],
    });
    for (const odd of [
      null,
      [null],
      [{ name: "adds", passed: "yes" }],
      [],
      [
        { name: "adds", passed: true },
        { name: "adds", passed: false },
      ],
    ])
      expect(await run(odd)).toMatchObject({ score: 0, correct: false });
    expect(await grade(code, "x", { runChecks: () => Promise.reject(new Error("no jail")) })).toMatchObject({
      score: 0,
      feedback: ["The checks could not run: no jail"],
    });
    expect((await grade(code, "x")).feedback).toEqual(["Code is graded later."]);
  });

  test("the answer is told only when asked for", async () => {
    expect((await grade(single, 1, { reveal: true })).feedback).toEqual(["too small", "Right: “a”.", "because"]);
    expect((await grade(ordering, [4, 3, 2, 1, 0], { reveal: true })).feedback[0]).toMatch("1. mix; 2. bake");
    expect((await grade(matching, ["5", "5", "5", "5"])).feedback.join()).not.toMatch("1");
  });
});

describe("hostile answers", () => {
  const throwing = new Proxy([], {
    get() {
      throw new Error("trap");
    },
  });
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  const { proxy: revoked, revoke } = Proxy.revocable([], {});
  revoke();
  // Answers after all: a list with its own `every` is still the list of one right choice.
  const list = Object.assign([0], { every: () => true });
  const truly: unknown[] = [list];
  const odd = [
    ...[null, undefined, Number.NaN, Number.POSITIVE_INFINITY, -1, 7.5, 1e9, true, 5n, Symbol("s"), () => 0, {}, { length: 2, 0: 0, 1: 1 }],
    ...["", "  ", "__proto__", "constructor", "NaN", "Infinity", "0x10", "1e999", "1".repeat(200), "x".repeat(1e6)],
    ...[
      ["__proto__"],
      ["0", "1"],
      [0, 0],
      [0, 1, 1],
      [Number.NaN],
      [[0]],
      [{}],
      new Array(1e7),
      Array(5).fill(0),
      ["", "", "", ""],
      throwing,
      cyclic,
      revoked,
    ],
    ...[list, JSON.parse('{"__proto__": [0, 1], "valueOf": 0, "toString": 0}'), new Date(), new Number(0), /a/],
  ];

  test("earn nothing and are called no answer, or are simply wrong", async () => {
    for (const q of all)
      for (const response of odd) {
        const outcome = await grade(q, response);
        if (!truly.includes(response)) expect(outcome.score).toBe(0);
        expect(outcome.correct).toBe(false);
        if (!outcome.answered) expect(outcome.feedback).toEqual([expect.stringMatching(/^Not an answer: /)]);
      }
    expect(await grade(numeric, Number.NaN)).toMatchObject({
      answered: false,
      feedback: ["Not an answer: write a number, such as 0.25 or 1e-3."],
    });
    expect(await grade(multiple, [0, 0])).toMatchObject({ answered: false });
    expect(await grade(matching, ["__proto__", "1", "2", "3"])).toMatchObject({ answered: false });
  });

  test("anything at all gets an outcome within the points", async () => {
    const anything = fc.oneof(
      fc.anything({ withBigInt: true, withNullPrototype: true, withSparseArray: true, withDate: true }),
      fc.array(fc.integer({ min: -1, max: 6 })),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...all), anything, async (q, response) => {
        const { score, points } = await grade(q, response);
        expect(score >= 0 && score <= points).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });
});

describe("what learners see", () => {
  test("has no answers in it, and the same seed gives the same order", () => {
    fc.assert(
      fc.property(giftQuestions, fc.integer(), (questions, seed) => {
        for (const q of questions) {
          const open = publicQuestion(q, seed);
          expect(publicQuestion(q, seed)).toEqual(open);
          const allowed = ["id", "prompt", "points", "hint", "type", "choices", "items", "left", "right", "starter"];
          expect(Object.keys(open).filter((k) => !allowed.includes(k))).toEqual([]);
          if ("choices" in open) for (const c of open.choices) expect(Object.keys(c)).toEqual(["key", "text"]);
          if (open.type === "ordering" && q.type === "ordering") expect(open.items.map((i) => i.text)).not.toEqual(q.items);
        }
      }),
    );
  });

  test("is shuffled where order tells nothing, and differs from seed to seed", () => {
    const orders = new Set(Array.from({ length: 20 }, (_, seed) => JSON.stringify(publicQuestion(multiple, seed))));
    expect(orders.size).toBeGreaterThan(5);
    const yesNo: Question = {
      ...single,
      choices: [
        { text: "Yes", correct: false },
        { text: "No", correct: true },
      ],
    };
    for (let seed = 0; seed < 10; seed++) expect(publicQuestion(yesNo, seed)).toMatchObject({ choices: [{ key: 0 }, { key: 1 }] });
  });
});

describe("attempts and times", () => {
  const quiz = { attempts: 2, opens: "2026-11-24T09:00:00Z", closes: "2026-11-24T10:00:00Z" };
  const at = (time: string, used = 0) => isOpen(quiz, new Date(time), used);

  test("a quiz is open between its times, ends included, while attempts are left", () => {
    expect(at("2026-11-24T09:00:00Z")).toEqual({ open: true });
    expect(at("2026-11-24T10:00:00Z", 1)).toEqual({ open: true });
    expect(at("2026-11-24T08:59:59Z")).toEqual({ open: false, reason: "early", message: "The quiz opens at 2026-11-24T09:00:00Z." });
    expect(at("2026-11-24T10:00:01Z")).toMatchObject({ reason: "late" });
    expect(at("2026-11-24T09:30:00Z", 2)).toMatchObject({ reason: "attempts", message: "All 2 attempts are used." });
    expect(isOpen({}, new Date(), 1e9)).toEqual({ open: true });
  });

  test("times and counts that make no sense keep it closed", () => {
    expect(at("never")).toMatchObject({ open: false });
    expect(at("2026-11-24T09:30:00Z", Number.NaN)).toMatchObject({ open: false, reason: "attempts" });
    expect(isOpen({ closes: "soon" }, new Date(), 0)).toMatchObject({ open: false, reason: "late" });
  });
});
