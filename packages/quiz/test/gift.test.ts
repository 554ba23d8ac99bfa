import fc from "fast-check";
import { expect, test } from "vitest";
import { parseGift, parseQuiz, QuizError, writeGift } from "../src/index.ts";
import { giftQuestions } from "./questions.ts";

/** The only question of a text, without what every question has. */
function one(text: string) {
  const { questions, problems } = parseGift(text);
  expect(problems).toEqual([]);
  expect(questions).toHaveLength(1);
  const { id: _, points: __, ...rest } = questions[0]!;
  return rest;
}
const problem = (text: string) => parseGift(text).problems.map((p) => `${p.line}: ${p.message}`);

test("one right answer among several, each with a remark", () => {
  expect(
    one(`// the colour question [id:sky] [tag:nature]
::Sky:: Which colour has a clear sky at noon? {
  =blue # Right, blue light is scattered most.
  ~green # No.
  ~%50%light grey # Near the horizon, perhaps.
  ~red
  #### Rayleigh found out why.
}`),
  ).toEqual({
    type: "single",
    title: "Sky",
    prompt: "Which colour has a clear sky at noon?",
    tags: ["nature"],
    choices: [
      { text: "blue", correct: true, feedback: "Right, blue light is scattered most." },
      { text: "green", correct: false, feedback: "No." },
      { text: "light grey", correct: false, credit: 0.5, feedback: "Near the horizon, perhaps." },
      { text: "red", correct: false },
    ],
    feedback: "Rayleigh found out why.",
  });
  expect(parseGift("// [id:sky]\na {T}").questions[0]!.id).toBe("sky");
});

test("a gap takes the place of answers within a sentence", () => {
  expect(one("Seven times {~40 =42 ~49} is six sevens.").prompt).toBe("Seven times _____ is six sevens.");
});

test("true or false, with remarks for the wrong and for the right answer", () => {
  expect(one("A gradient points uphill.{T}")).toMatchObject({
    choices: [
      { text: "True", correct: true },
      { text: "False", correct: false },
    ],
  });
  expect(one("Softmax sums to two. {FALSE # It sums to one. # Well seen. #### By construction.}")).toMatchObject({
    type: "single",
    choices: [
      { text: "True", correct: false, feedback: "It sums to one." },
      { text: "False", correct: true, feedback: "Well seen." },
    ],
    feedback: "By construction.",
  });
});

test("several right choices share the points, wrong ones cost what they say", () => {
  expect(one("Even? {~%50%2 ~%50%4 ~%-50%3}")).toMatchObject({
    type: "multiple",
    choices: [
      { text: "2", correct: true },
      { text: "4", correct: true },
      { text: "3", correct: false },
    ],
  });
  expect(one("Even? {~%70%2 ~%30%4 ~%-100%3 ~5}")).toMatchObject({
    choices: [{ credit: 0.7 }, { credit: 0.3 }, { credit: -1 }, { credit: 0 }],
  });
  expect(problem("Even? {~%50%2 ~%20%4 ~3}")).toEqual(["1: the right choices add up to 70 %: nobody can get all the points"]);
});

test("short answers have wildcards, credits and remarks", () => {
  expect(one("Who wrote it? {=%100%*Goodfellow* # Indeed. =%50%Bengio =LeCun}")).toMatchObject({
    type: "text",
    answers: [{ text: "*Goodfellow*", credit: 1, feedback: "Indeed." }, { text: "Bengio", credit: 0.5 }, { credit: 1 }],
  });
  expect(one("Four? {four}")).toMatchObject({ type: "text", answers: [{ text: "four", credit: 1 }] });
});

test("numbers have tolerances, ranges, exponents and other answers", () => {
  expect(one("g? {#9.81:0.0005}")).toMatchObject({ type: "numeric", answer: 9.81, tolerance: 0.0005 });
  expect(one("g? {# 9.801 .. 9.832 }")).toMatchObject({ min: 9.801, max: 9.832 });
  expect(one("small? {#-1.5e-3:1e-4}")).toMatchObject({ answer: -0.0015, tolerance: 1e-4 });
  expect(one("Year? {#\n =1986:0 # Yes.\n =%50%1985..1987 # Nearly.\n ~# Far off.\n}")).toMatchObject({
    ...{ answer: 1986, tolerance: 0, right: "Yes.", wrong: "Far off." },
    others: [{ min: 1985, max: 1987, credit: 0.5, feedback: "Nearly." }],
  });
});

test("pairs are matched; a right side alone is a distractor", () => {
  expect(one("Match. {=ReLU -> max(0, x) =tanh -> odd = -> periodic #### done}")).toMatchObject({
    type: "matching",
    pairs: [
      { left: "ReLU", right: "max(0, x)" },
      { left: "tanh", right: "odd" },
    ],
    distractors: ["periodic"],
    feedback: "done",
  });
});

test("items are ordered in Moodle's form", () => {
  expect(one("Sort. {>\nforward\nbackward\nupdate\n}")).toMatchObject({ type: "ordering", items: ["forward", "backward", "update"] });
  expect(one("Sort. {>3 ALL VERTICAL RELATIVE_NEXT_EXCLUDE_LAST SHOW none\na\nb\n#### why}")).toMatchObject({
    items: ["a", "b"],
    feedback: "why",
  });
  expect(problem("Sort. {>2 RANDOM VERTICAL ABSOLUTE_POSITION\na\nb\nc}")).toEqual([
    "1: all items are asked for, not a choice of them (RANDOM)",
    "1: neighbours are graded, not ABSOLUTE_POSITION",
  ]);
});

test("escaped marks are text, colons need no escape, \\n begins a line", () => {
  expect(one("::a\\:\\:b:: Is \\{x\\} \\= y\\~z in https://x.org?\\nSay so. {=\\=1 \\# ~C:\\\\dir}")).toMatchObject({
    title: "a::b",
    prompt: "Is {x} = y~z in https://x.org?\nSay so.",
    choices: [{ text: "=1 #" }, { text: "C:\\dir" }],
  });
});

test("categories become tags, comments are left out also within answers", () => {
  const { questions, problems } = parseGift(
    "$CATEGORY: $course$/top/Week 1/Loss\n\n// a {\nq {=a\n// no } here\n~b}\n\n$CATEGORY: x\nr {T}",
  );
  expect(problems).toEqual([]);
  expect(questions.map((q) => [q.prompt, q.tags])).toEqual([
    ["q", ["Week 1/Loss"]],
    ["r", ["x"]],
  ]);
});

test("HTML becomes Markdown, plain text is kept from looking like it", () => {
  expect(one("[html]<p>Is <b>x<sub>1</sub></b> in <code>a*b</code>?</p> {=<i>yes</i> ~no}")).toMatchObject({
    prompt: "Is **x₁** in `a*b`?",
    choices: [{ text: "yes" }, { text: "no" }],
  });
  expect(one("2*3*4 or \\(2^3\\)? {#24}").prompt).toBe("2\\*3\\*4 or $2^3$?");
  expect(one("[markdown]2 **or** 3? {#24}").prompt).toBe("2 **or** 3?");
});

test("what cannot be taken over is named with its line, and the rest is kept", () => {
  const text =
    "Write an essay. {}\n\nJust a text.\n\nopen {=a\n\nclose }\n\ntwo {=a} and {=b}\n\n::title {=a}\n\nn {#x}\n\nw {~%150%a ~b}\n\nok {T}";
  expect(parseGift(text).questions.map((q) => q.prompt)).toEqual(["ok"]);
  expect(problem(text).map((p) => p.slice(0, 40))).toEqual([
    "1: left out: it is an essay: there is no",
    "3: left out: it has no answers in { }: d",
    "5: left out: the { is not closed before ",
    "7: left out: there is a } without a { be",
    "9: left out: there is more than one { } ",
    "11: left out: the title begun with :: is",
    "13: left out: expected a number, number:",
    "15: left out: a weight should be from -1",
  ]);
});

test("writing says what GIFT has no words for", () => {
  const common = { id: "c", prompt: "p", points: 2, hint: "h" };
  const { text, problems } = writeGift([
    { ...common, type: "code", starter: "", checks: [] },
    { ...common, type: "text", answers: [{ text: "a", credit: 1 }], caseSensitive: true },
  ]);
  expect(parseGift(text).questions).toHaveLength(1);
  expect(problems.map((p) => p.message)).toEqual([
    "left out: GIFT has no questions that are answered by code",
    "GIFT has no points: 2 became 1",
    "GIFT has no hints: the hint was left out",
    "GIFT has no case-sensitive answers: capitals no longer matter",
  ]);
});

test("questions come back from GIFT as they were", () => {
  fc.assert(
    fc.property(giftQuestions, (questions) => {
      const { text, problems } = writeGift(questions);
      expect(problems).toEqual([]);
      expect(parseGift(text)).toEqual({ questions, problems: [] });
    }),
    { numRuns: 500 },
  );
});

const marks = fc.constantFrom(
  ..."{}~=#:\\%*> \n$[]<>&/a1.-".split(""),
  "\n\n",
  "->",
  "::",
  "####",
  "//",
  "$CATEGORY:",
  "[html]",
  "{#",
  "{>",
  "<b>",
  "\\(",
  "%50%",
);

test("no text breaks the reader, and what it returns is a quiz", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.array(marks, { maxLength: 60 }).map((m) => m.join("")),
      ),
      (text) => {
        const { questions } = parseGift(text);
        if (questions.length) parseQuiz({ id: "x", questions });
        expect(parseGift(writeGift(questions).text).questions.length).toBeLessThanOrEqual(questions.length);
      },
    ),
    { numRuns: 2000 },
  );
});

test("long and hostile texts are read in time that grows with their length, or refused", () => {
  const texts = [
    "{",
    "}",
    "q {",
    "~",
    "=",
    "\\",
    "#",
    ":",
    "::",
    "q {=a",
    "%50%",
    "//[tag:",
    "//[id:\\",
    "<",
    "<b>",
    "<a ",
    "&",
    "\\(",
    "->",
    "\n",
    "q {T}\n\n",
  ];
  for (const t of texts)
    for (const text of [
      t.repeat(300_000 / t.length),
      `q {=${t.repeat(300_000 / t.length)} ~b}`,
      `[html]${t.repeat(29_000 / t.length)}{T}`,
    ]) {
      const begin = process.cpuUsage();
      parseGift(text);
      // Its own processor time, in microseconds: what grows with the square would take minutes.
      expect(process.cpuUsage(begin).user, t).toBeLessThan(10e6);
    }
  const { questions, problems } = parseGift("q {T}\n\n".repeat(100_000));
  expect([questions.length, problems.length]).toEqual([5000, 1001]);
  expect(() => parseGift("x".repeat(3_000_000))).toThrow(QuizError);
  expect(() => parseGift(5 as unknown as string)).toThrow("parseGift: expected the text of a file. Received: 5");
});
