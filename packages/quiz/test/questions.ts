import fc from "fast-check";
import type { Question } from "../src/index.ts";

/** Texts with everything that means something to a format. */
const characters = fc.constantFrom(
  ..."abcXYZ019 äß日𝄞~=#{}:\\*%[]<>&;'\"$`_-.,/()".split(/(?:)/u),
  "->",
  "..",
  "::",
  "####",
  "\\n",
  "//",
  "]]>",
  "&lt;",
);

const textOf = (most: number) =>
  fc
    .array(characters, { minLength: 1, maxLength: most })
    .map((list) => list.join("").trim())
    .filter((s) => s !== "");
export const words = textOf(12);
export const prose = fc.oneof(
  words,
  fc.tuple(words, fc.constantFrom("\n", "\n\n", "\n- "), words).map((p) => p.join("")),
);
const maybe = <T>(name: string, value: fc.Arbitrary<T>) =>
  fc.oneof(
    fc.constant({}),
    value.map((v) => ({ [name]: v })),
  );
const parts = (...list: fc.Arbitrary<object>[]) => fc.tuple(...list).map((all) => Object.assign({}, ...all) as Record<string, unknown>);

const common = parts(
  maybe(
    "title",
    words.map((t) => t.replace(/\s+/g, " ")),
  ),
  prose.map((prompt) => ({ prompt })),
  maybe("feedback", prose),
  maybe("tags", fc.uniqueArray(fc.constantFrom("arrays", "Week 1/Loss", "größer: x=1"), { minLength: 1 })),
);
/** What GIFT has no words for. */
const beyondGift = parts(
  fc.constantFrom(0, 0.5, 1, 2, 10).map((points) => ({ points })),
  maybe("hint", prose),
);

const choice = (correct: fc.Arbitrary<boolean>, ...more: fc.Arbitrary<object>[]) =>
  parts(
    words.map((text) => ({ text })),
    correct.map((c) => ({ correct: c })),
    maybe("feedback", words),
    ...more,
  );
const yes = fc.constant(true);
const no = fc.constant(false);
const shares = fc.constantFrom(0.1, 0.25, 1 / 3, 0.5, 0.75).map((share) => Number(share.toFixed(7)));
const single = fc
  .tuple(choice(yes), fc.array(choice(no, maybe("credit", shares)), { minLength: 1, maxLength: 5 }), fc.nat(5))
  .map(([right, wrong, at]) => ({ type: "single", choices: [...wrong.slice(0, at), right, ...wrong.slice(at)] }));
const trueFalse = fc.tuple(fc.boolean(), maybe("feedback", words), maybe("feedback", words)).map(([right, a, b]) => ({
  type: "single",
  choices: [
    { text: "True", correct: right, ...a },
    { text: "False", correct: !right, ...b },
  ],
}));
const multiple = fc
  .tuple(fc.array(choice(yes), { minLength: 1, maxLength: 4 }), fc.array(choice(no), { minLength: 1, maxLength: 4 }))
  .map((both) => ({ type: "multiple", choices: both.flat() }));
const number = fc.oneof(fc.integer({ min: -1e6, max: 1e6 }), fc.double({ noNaN: true, noDefaultInfinity: true })).map((n) => n || 0);
const exact = fc.tuple(number, fc.constantFrom(0, 0.5, 1e-3, 1e-9, 2e20)).map(([answer, tolerance]) => ({ answer, tolerance }));
export const range = fc.tuple(number, number).map(([a, b]) => ({ min: Math.min(a, b), max: Math.max(a, b) }));
const numeric = (target: fc.Arbitrary<object>) =>
  parts(
    fc.constant({ type: "numeric" }),
    target,
    maybe("right", words),
    maybe("wrong", words),
    maybe(
      "others",
      fc.array(
        parts(
          target,
          shares.map((credit) => ({ credit })),
          maybe("feedback", words),
        ),
        { minLength: 1, maxLength: 3 },
      ),
    ),
  );
const text = (answer: fc.Arbitrary<string>, remark = answer) =>
  parts(
    fc.constant({ type: "text" }),
    fc
      .array(
        parts(
          answer.map((t) => ({ text: t })),
          fc.oneof(shares, fc.constantFrom(0, 1)).map((credit) => ({ credit })),
          maybe("feedback", remark),
        ),
        {
          minLength: 1,
          maxLength: 4,
        },
      )
      .map((answers) => ({ answers })),
  );
const matching = (left: fc.Arbitrary<string>) =>
  parts(
    fc.constant({ type: "matching" }),
    fc
      .array(fc.tuple(left, words), { minLength: 2, maxLength: 5 })
      .map((pairs) => ({ pairs: pairs.map(([l, right]) => ({ left: l, right })) })),
    maybe("distractors", fc.array(words, { minLength: 1, maxLength: 3 })),
  );
const ordering = (item: fc.Arbitrary<string>) =>
  fc.uniqueArray(item, { minLength: 2, maxLength: 6 }).map((items) => ({ type: "ordering", items }));

const numbered = (list: fc.Arbitrary<Record<string, unknown>>) =>
  fc
    .array(list, { minLength: 1, maxLength: 4 })
    .map((questions) => questions.map((q, i) => ({ points: 1, ...q, id: `id-${i}` }) as unknown as Question));

const noArrow = words.filter((w) => !w.includes("->"));
export const giftQuestions = numbered(
  parts(
    common,
    fc.oneof(
      ...[single, trueFalse, multiple, numeric(fc.oneof(exact, range)), text(noArrow), matching(noArrow)],
      ordering(words.filter((w) => !w.startsWith("//"))),
    ),
  ),
);
export const moodleQuestions = numbered(
  parts(
    common,
    beyondGift,
    fc.oneof(
      ...[single, trueFalse, multiple, numeric(exact), matching(words), ordering(words)],
      parts(text(words), maybe("caseSensitive", yes)),
    ),
  ),
);
export const ranges = numbered(parts(common, numeric(range)));
