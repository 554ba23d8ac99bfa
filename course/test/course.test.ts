import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cellsOf, exercisesOf, fromIpynb, fromScript, LessonError, parseLesson, quizzesOf, toIpynb, toScript } from "../src/index.ts";
import { plainText, renderMarkdown } from "../src/markdown.ts";
import { loadCourse } from "../src/node.ts";

const head = `---
title: A lesson
question: What?
minutes: 10
---
`;

const exercise = `::: exercise id=sum title="The sum"
Add $a$ and $b$.

\`\`\`ts starter
const total = 0;
\`\`\`

\`\`\`ts check name="it is right" points=2
check.equal(total, 3);
\`\`\`

\`\`\`ts check hidden name="for others too"
check.ok(true, "");
\`\`\`

::: hint
Use *plus*.
:::

\`\`\`ts solution
const total = 3;
\`\`\`
:::
`;

describe("a lesson's text", () => {
  test("holds prose, cells, exercises, boxes and quizzes in their order", () => {
    const lesson = parseLesson(
      "07-name",
      `${head}## First

Text with \`code\` and

\`\`\`ts
not.a.cell();
\`\`\`

\`\`\`ts cell id=one
const a = 1;
\`\`\`

::: remember
- this
\`\`\`ts figure caption="A figure"
a
\`\`\`
:::

${exercise}
\`\`\`quiz
id: q
questions:
  - { type: numeric, prompt: "1 + 1", answer: 2 }
\`\`\`
### Second`,
    );
    expect(lesson).toMatchObject({ number: 7, title: "A lesson", question: "What?", minutes: 10, day: null });
    expect(lesson.blocks.map((b) => b.type)).toEqual(["prose", "cell", "box", "exercise", "quiz", "prose"]);
    expect(cellsOf(lesson)).toEqual([
      { id: "one", source: "const a = 1;" },
      { id: "cell-1", source: "a" },
      { id: "sum", source: "const total = 0;" },
    ]);
    expect(lesson.headings).toEqual([
      { id: "first", text: "First", level: 2 },
      { id: "second", text: "Second", level: 3 },
    ]);
    const [sum] = exercisesOf(lesson);
    expect(sum).toMatchObject({
      title: "The sum",
      points: 3,
      solution: "const total = 3;",
      checks: [
        { points: 2, hidden: false },
        { points: 1, hidden: true },
      ],
    });
    expect(sum!.hints[0]).toContain("<em>plus</em>");
    expect(sum!.task).toContain("katex");
    expect(quizzesOf(lesson)[0]!.questions[0]).toMatchObject({ type: "numeric", answer: 2, points: 1 });
  });

  test("what its text says of results is checked in the text's own words", () => {
    const stated = (says: string) => `\n\`\`\`ts stated says="${says}"\ncheck.ok(a === 1);\n\`\`\`\n`;
    const lesson = parseLesson("01-a", `${head}The sum\nis 1.\n${stated("The sum is 1")}`);
    expect(lesson.stated).toMatchObject([{ name: "The sum is 1", code: "check.ok(a === 1);" }]);
    expect(lesson.blocks.map((b) => b.type)).toEqual(["prose"]);
    expect(() => parseLesson("01-a", `${head}The sum is 1.\n${stated("The sum is 2")}`)).toThrow(/no text says "The sum is 2"/);
  });

  test("its version changes with its text, and with nothing else", () => {
    const [a, b] = [parseLesson("01-a", `${head}text`), parseLesson("01-a", `${head}texts`)];
    expect(a.version).toBe(parseLesson("01-a", `${head}text`).version);
    expect(a.version).not.toBe(b.version);
  });

  test("faults are told with their line", () => {
    const fault = (text: string): string => {
      try {
        parseLesson("01-a", text);
        return "none";
      } catch (error) {
        if (!(error instanceof LessonError)) throw error;
        return `${error.line}: ${error.message}`;
      }
    };
    expect(fault("no head")).toMatch(/^1: the text should begin with ---/);
    expect(fault(head.replace("minutes: 10", "minutes: soon"))).toMatch(/minutes should be a number. Received: "soon"/);
    expect(fault(`${head}\n\`\`\`ts cell\nopen`)).toBe("7: this code block has no end");
    expect(fault(`${head}::: exercise id=x title="X"`)).toBe("6: ::: exercise has no closing :::");
    expect(fault(`${head}:::`)).toBe("6: ::: closes nothing");
    expect(fault(`${head}::: wonder\n:::`)).toMatch(/there is no box called wonder/);
    expect(fault(`${head}${exercise}${exercise}`)).toMatch(/there are two things called sum/);
    expect(fault(head + exercise.replace(/```ts solution[\s\S]*?```\n/, ""))).toMatch(/needs one solution block, it has 0/);
    expect(fault(head + exercise.replace("check name", "check hidden name"))).toMatch(/needs a check that is not hidden/);
    expect(
      fault(`${head}\`\`\`quiz\nid: q\nquestions: [{ type: single, prompt: p, choices: [{ text: a }, { text: b }] }]\n\`\`\``),
    ).toMatch(/^6: .*correct/);
    expect(fault(`${head}\`\`\`ts figure\n1\n\`\`\``)).toMatch(/a figure needs caption/);
    expect(fault(`${head}\`\`\`ts starter\n1\n\`\`\``)).toMatch(/belongs into ::: exercise/);
  });

  test("the lessons of the course are all without fault", async () => {
    const lessons = await loadCourse();
    expect(lessons.length).toBeGreaterThanOrEqual(2);
    for (const lesson of lessons) expect(quizzesOf(lesson)[0]!.questions.length, lesson.slug).toBeGreaterThanOrEqual(5);
  });
});

describe("Markdown", () => {
  test("mathematics stands in lines and apart; amounts of money are none", () => {
    expect(renderMarkdown("$x^2$ and\n\n$$ y $$")).toMatch(/katex[\s\S]*katex-display/);
    expect(renderMarkdown("it costs 5$ and 6$ more")).not.toContain("katex");
    expect(renderMarkdown("a \\$ sign, $not closed")).not.toContain("katex");
    expect(renderMarkdown("`$code$`")).not.toContain("katex");
  });

  test("texts of people give no HTML of their own, whatever they hold", () => {
    const parts = fc.constantFrom(
      "<script>",
      "</script>",
      "<img src=x onerror=alert(1)>",
      "[a](javascript:alert(1))",
      "![p](https://x.org/y.png)",
      "`",
      "```",
      "$",
      "$$",
      "\\href{javascript:1}{x}",
      "*",
      "_",
      "[",
      "](",
      ")",
      "> ",
      "\n",
      "\n\n",
      "<",
      "&lt;",
      '"',
      "'",
      "x",
      "# ",
      "| a |",
      "---",
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 40 }), (list) => {
        const html = renderMarkdown(list.join(""));
        expect(html).not.toMatch(/<(script|img|iframe|object|embed|form|input|style|link|meta|base)\b/i);
        expect(html).not.toMatch(/<[^>]*\son\w+\s*=/i);
        expect(html).not.toMatch(/(href|src)="?\s*(javascript|data|vbscript):/i);
      }),
      { numRuns: 500 },
    );
  });

  test("plain text is what is left without the marks", () => {
    expect(plainText("# Title\n\nSome **bold** [link](x) and `code`, $x$.")).toBe("Title Some bold link and code, x.");
  });
});

describe("notebooks as files", () => {
  const source = fc.string({ unit: fc.constantFrom("a", " ", "\n", "1", "/", "%", '"', "\\", "é", "`"), maxLength: 40 });
  const cell = fc.record({ kind: fc.constantFrom("code" as const, "markdown" as const), id: fc.stringMatching(/^[a-z]{1,8}$/), source });

  test("ipynb files come back as they went", () => {
    fc.assert(
      fc.property(fc.array(cell, { maxLength: 8 }), (cells) => {
        const back = fromIpynb(toIpynb({ title: "T", cells }));
        expect(back.title).toBe("T");
        expect(back.cells.map((c) => [c.kind, c.source])).toEqual(cells.map((c) => [c.kind, c.source]));
        expect(new Set(back.cells.map((c) => c.id)).size).toBe(cells.length);
      }),
    );
  });

  test("scripts keep cells and text apart", () => {
    const cells = [
      { kind: "markdown" as const, id: "a", source: "# Title\n\ntext" },
      { kind: "code" as const, id: "b", source: "const a = 1;\n// a comment\na" },
    ];
    const back = fromScript(toScript({ title: "My notebook", cells }));
    expect(back.title).toBe("My notebook");
    expect(back.cells.map((c) => [c.kind, c.source])).toEqual(cells.map((c) => [c.kind, c.source]));
    expect(fromScript("1 + 1\n2").cells).toEqual([{ kind: "code", id: "cell-0", source: "1 + 1\n2" }]);
  });

  test("files that are none are refused with a sentence", () => {
    for (const text of [
      "",
      "{",
      "[]",
      "null",
      '{"nbformat":3,"cells":[]}',
      '{"nbformat":4,"cells":[{"cell_type":"code"}]}',
      '{"nbformat":4,"cells":[null]}',
      `{"nbformat":4,"cells":${JSON.stringify(Array(3000).fill({ cell_type: "code", source: "x".repeat(1000) }))}}`,
    ])
      expect(() => fromIpynb(text), text.slice(0, 60)).toThrow(/notebook|Cell|cells/);
  });
});
