import fc from "fast-check";
import { expect, test } from "vitest";
import { grade, parseMoodleXml, parseQuiz, QuizError, writeMoodleXml } from "../src/index.ts";
import { moodleQuestions, ranges } from "./questions.ts";

const file = (...questions: string[]) => `<?xml version="1.0" encoding="UTF-8"?>\n<quiz>\n${questions.join("\n")}\n</quiz>`;
const head = (prompt: string) => `<name><text>N</text></name><questiontext format="html"><text><![CDATA[${prompt}]]></text></questiontext>`;

function one(question: string) {
  const { questions, problems } = parseMoodleXml(file(question));
  expect(problems).toEqual([]);
  expect(questions).toHaveLength(1);
  return questions[0]!;
}
const problems = (question: string) => parseMoodleXml(file(question)).problems.map((p) => `${p.line}: ${p.message}`);

test("a choice question keeps its texts, remarks, points, hint, tags and category", () => {
  const { questions } = parseMoodleXml(
    file(
      '<question type="category"><category><text>$course$/top/Week 1</text></category></question>',
      `<question type="multichoice">${head("<p>Which <b>loss</b> fits \\(y \\in \\{0, 1\\}\\)?</p><ul><li>a</li><li>b</li></ul>")}
        <generalfeedback format="html"><text>&lt;p&gt;Bishop &amp;amp; others&lt;/p&gt;</text></generalfeedback>
        <defaultgrade>2.0000000</defaultgrade><idnumber>loss-1</idnumber><single>true</single>
        <correctfeedback format="html"><text>Your answer is correct.</text></correctfeedback>
        <answer fraction="100" format="html"><text><![CDATA[<p>cross-entropy</p>]]></text><feedback format="html"><text>Yes</text></feedback></answer>
        <answer fraction="33.33333" format="html"><text>squared error</text></answer>
        <answer fraction="0" format="html"><text>none</text></answer>
        <hint format="html"><text>Think of coins.</text></hint>
        <tags><tag><text>losses</text></tag></tags></question>`,
    ),
  );
  expect(questions).toEqual([
    {
      ...{ type: "single", id: "loss-1", title: "N", points: 2, hint: "Think of coins.", tags: ["Week 1", "losses"] },
      prompt: "Which **loss** fits $y \\in \\{0, 1\\}$?\n\n- a\n- b",
      feedback: "Bishop & others",
      choices: [
        { text: "cross-entropy", correct: true, feedback: "Yes" },
        { text: "squared error", correct: false, credit: 0.3333333 },
        { text: "none", correct: false },
      ],
    },
  ]);
});

test("several choices, true or false", () => {
  const answers =
    '<answer fraction="50"><text>a</text></answer><answer fraction="50"><text>b</text></answer><answer fraction="-50"><text>c</text></answer>';
  expect(one(`<question type="multichoice">${head("q")}<single>false</single>${answers}</question>`)).toMatchObject({
    type: "multiple",
    choices: [
      { text: "a", correct: true },
      { text: "b", correct: true },
      { text: "c", correct: false },
    ],
  });
  const both =
    '<answer fraction="0"><text>true</text><feedback><text>no</text></feedback></answer><answer fraction="100"><text>false</text></answer>';
  expect(one(`<question type="truefalse">${head("q")}${both}</question>`)).toMatchObject({
    type: "single",
    choices: [
      { text: "True", correct: false, feedback: "no" },
      { text: "False", correct: true },
    ],
  });
});

test("numbers and short answers", () => {
  const numbers =
    '<answer fraction="100"><text>9.81</text><tolerance>0.02</tolerance></answer><answer fraction="50"><text>10</text></answer><answer fraction="0"><text>*</text><feedback><text>Far off.</text></feedback></answer>';
  expect(one(`<question type="numerical">${head("g?")}${numbers}</question>`)).toMatchObject({
    ...{ type: "numeric", answer: 9.81, tolerance: 0.02, wrong: "Far off." },
    others: [{ answer: 10, tolerance: 0, credit: 0.5 }],
  });
  const words = '<usecase>1</usecase><answer fraction="100"><text>Adam*</text></answer><answer fraction="20"><text>SGD</text></answer>';
  expect(one(`<question type="shortanswer">${head("q")}${words}</question>`)).toMatchObject({
    ...{ type: "text", caseSensitive: true },
    answers: [
      { text: "Adam*", credit: 1 },
      { text: "SGD", credit: 0.2 },
    ],
  });
});

test("pairs and orders", () => {
  const pair = (l: string, r: string) => `<subquestion format="html"><text>${l}</text><answer><text>${r}</text></answer></subquestion>`;
  expect(one(`<question type="matching">${head("q")}${pair("a", "1")}${pair("b", "2")}${pair("", "3")}</question>`)).toMatchObject({
    pairs: [
      { left: "a", right: "1" },
      { left: "b", right: "2" },
    ],
    distractors: ["3"],
  });
  const items =
    '<selecttype>ALL</selecttype><answer fraction="1"><text>first</text></answer><answer fraction="2"><text>second</text></answer>';
  expect(one(`<question type="ordering">${head("q")}${items}</question>`)).toMatchObject({ type: "ordering", items: ["first", "second"] });
});

test("simple HTML becomes Markdown and the rest is stripped", () => {
  const prompt = (html: string) =>
    one(`<question type="shortanswer">${head(html)}<answer fraction="100"><text>x</text></answer></question>`).prompt;
  expect(prompt("<p>a</p><p>b<br>c</p>")).toBe("a\n\nb\\\nc");
  expect(prompt("<em>a</em> <code>x&lt;y</code> 10<sup>-3</sup> x<sub>ij</sub>")).toBe("*a* `x<y` 10⁻³ x$_{ij}$");
  expect(prompt("a<b> b </b>c <i>- d</i>")).toBe("a **b** c *- d*");
  expect(prompt("<pre>let a;\n  b();</pre>")).toBe("```\nlet a;\n  b();\n```");
  expect(prompt("<ol><li>one</li><li>two<ul><li>inner</li></ul></li></ol>")).toBe("1. one\n2. two\n   - inner");
  expect(prompt("see $$ a_1 $$ for 5$")).toBe("see $$a_1$$ for 5\\$");
  expect(prompt('<span onclick="x()">a</span><script>alert(1)</script> &lt;b&gt; <!-- <i> -->*')).toBe("a \\<b> \\*");
});

test("what cannot be taken over is named with its line", () => {
  expect(problems(`<question type="essay">${head("q")}</question>`)).toEqual([
    "3: left out: it is an essay: there is nothing to grade it by",
  ]);
  expect(problems(`<question type="cloze">${head("q")}</question>`)[0]).toMatch('3: left out: the type "cloze" is not known');
  const answers = '<answer fraction="100"><text>a</text></answer><answer fraction="0"><text>b</text></answer>';
  expect(
    problems(
      `<question type="multichoice">${head('see <img src="x.png">')}${answers}<correctfeedback><text>Bravo</text></correctfeedback></question>`,
    ),
  ).toEqual([
    "3: correctfeedback was left out: remarks belong to choices and answers",
    "3: cannot show <img>; only the text inside was kept",
  ]);
  expect(problems(`<question type="multichoice">${head("")}${answers}</question>`)[0]).toBe(
    '3: left out: quiz: prompt: expected a length of at least 1. Received: ""',
  );
});

test("document types, entities, broken and deep documents are refused with a reason", () => {
  const bomb = '<!DOCTYPE quiz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><quiz><question type="&b;"/></quiz>';
  expect(() => parseMoodleXml(bomb)).toThrow("parseMoodleXml: a document type (<!DOCTYPE …>) is not allowed");
  expect(() => parseMoodleXml("<quiz>\n<question>\n</quiz>")).toThrow("parseMoodleXml: not XML in line 3");
  expect(() => parseMoodleXml("<quiz>".repeat(1000))).toThrow(QuizError);
  expect(() => parseMoodleXml(`<quiz>${"<a>".repeat(100)}${"</a>".repeat(100)}</quiz>`)).toThrow(QuizError);
  expect(() => parseMoodleXml("<quiz><__proto__ constructor='1'/></quiz>")).toThrow(QuizError);
  expect(() => parseMoodleXml("")).toThrow("expected a document with <quiz> around it");
  expect(() => parseMoodleXml(null as unknown as string)).toThrow("Received: null");
});

test("characters that XML does not allow become spaces, and it is said", () => {
  const { text, problems } = writeMoodleXml([{ type: "numeric", id: "n", prompt: "a\u0001b", points: 1, answer: 1, tolerance: 0 }]);
  expect(parseMoodleXml(text).questions[0]!.prompt).toBe("a b");
  expect(problems).toEqual([{ question: "n", message: "control characters, which XML does not allow, became spaces" }]);
});

test("questions come back from XML as they were", () => {
  fc.assert(
    fc.property(moodleQuestions, (questions) => {
      const { text, problems } = writeMoodleXml(questions);
      expect(problems).toEqual([]);
      expect(parseMoodleXml(text)).toEqual({ questions, problems: [] });
    }),
    { numRuns: 500 },
  );
});

test("ranges come back as a middle and a tolerance that accept the same numbers", async () => {
  await fc.assert(
    fc.asyncProperty(ranges, fc.nat(10), async (questions, tenth) => {
      for (const [i, q] of questions.entries()) {
        if (q.type !== "numeric" || !("min" in q)) throw new Error("not a range");
        const back = parseMoodleXml(writeMoodleXml(questions).text).questions[i]!;
        // The smallest numbers are rounded so much that a mean of two may lie outside.
        const between = Math.min(q.max, Math.max(q.min, q.min * (1 - tenth / 10) + q.max * (tenth / 10)));
        expect((await grade(back, between)).correct).toBe(true);
        const width = Math.max(q.max - q.min, Math.abs(q.min) * 1e-6, Math.abs(q.max) * 1e-6, 1e-300);
        if (Number.isFinite(q.max + width))
          expect((await grade(back, q.max + width)).correct).toBe((await grade(q, q.max + width)).correct);
      }
    }),
    { numRuns: 1000 },
  );
});

test.each([
  [1.5e-323, 1.5e-323],
  [5e-324, 1e-323],
  [-5e-324, 5e-324],
  [-1.7976931348623157e308, 1.7976931348623157e308],
  [1.7e308, 1.7976931348623157e308],
])("a range from %d to %d keeps its ends", async (min, max) => {
  const { text } = writeMoodleXml([{ type: "numeric", id: "n", prompt: "a", points: 1, min, max }]);
  const back = parseMoodleXml(text).questions[0]!;
  for (const end of [min, max]) expect((await grade(back, end)).correct).toBe(true);
});

const marks = fc.constantFrom(
  ..."<>/&\"'=[]! \n".split(""),
  ...[
    "<quiz>",
    "</quiz>",
    '<question type="multichoice">',
    '<question type="numerical">',
    "</question>",
    "<text>",
    "</text>",
    "<answer",
    ' fraction="100"',
    ">",
  ],
  ...[
    "</answer>",
    "<questiontext>",
    "</questiontext>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "&#x0;",
    "&lt;b&gt;",
    "<?pi",
    "?>",
    "<tolerance>",
    "<__proto__>",
  ],
);

test("no text breaks the reader, and what it returns is a quiz", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.array(marks, { maxLength: 60 }).map((m) => `<quiz>${m.join("")}</quiz>`),
      ),
      (text) => {
        try {
          const { questions } = parseMoodleXml(text);
          if (questions.length) parseQuiz({ id: "x", questions });
        } catch (error) {
          expect(error).toBeInstanceOf(QuizError);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test("a valid file with one piece spoilt never breaks the reader", () => {
  fc.assert(
    fc.property(moodleQuestions, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(30), marks, (questions, where, length, mark) => {
      const { text } = writeMoodleXml(questions);
      const at = Math.floor(where * text.length);
      try {
        parseMoodleXml(text.slice(0, at) + mark + text.slice(at + length));
      } catch (error) {
        expect(error).toBeInstanceOf(QuizError);
      }
    }),
    { numRuns: 1000 },
  );
});

test("long and hostile documents are read in time that grows with their length, or refused", () => {
  const pieces = [
    "<",
    "<a ",
    "<a>",
    "<![CDATA[",
    "<!--",
    "&",
    "&#x41;",
    "<b>",
    "</b>",
    "<script>",
    "<ul><li>",
    "<p>",
    "a ",
    "`",
    "\\(",
    "$$",
    "<a b='",
  ];
  for (const piece of pieces) {
    const many = piece.repeat(300_000 / piece.length);
    const inside = piece.replace(/</g, "&lt;").repeat(29_000 / piece.length);
    for (const text of [many, `<quiz>${many}</quiz>`, file(`<question type="shortanswer">${head(inside.slice(0, 29_000))}</question>`)]) {
      const begin = process.cpuUsage();
      try {
        parseMoodleXml(text);
      } catch (error) {
        expect(error).toBeInstanceOf(QuizError);
      }
      // Its own processor time, in microseconds: what grows with the square would take minutes.
      expect(process.cpuUsage(begin).user, piece).toBeLessThan(10e6);
    }
  }
});
