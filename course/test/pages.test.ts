import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as data from "@gradus/data";
import * as nn from "@gradus/nn";
import * as notebook from "@gradus/notebook";
import * as tensor from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { everyBlock, type Lesson, LessonError, linksWithin, type Page, parsePage } from "../src/index.ts";
import { loadCourse, loadPages } from "../src/node.ts";

const [lessons, pages] = await Promise.all([loadCourse(), loadPages()]);
const page = (slug: string): Page => pages.find((p) => p.slug === slug)!;

/** The rows of all tables in a Markdown text, without their heads. */
const rowsOf = (text: string): string[][] =>
  text
    .split("\n")
    .filter((line, i, all) => line.startsWith("|") && !/^\|[\s|:-]+$/.test(line) && !/^\|[\s|:-]+$/.test(all[i + 1] ?? ""))
    .map((line) =>
      line
        .slice(1, line.lastIndexOf("|"))
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    );
const textOf = ({ sections }: Page) => sections.map((s) => s.source).join("\n");

describe("a page around the lessons", () => {
  test("is Markdown with a title, a lead, and headings that can be linked to", () => {
    const { html, ...rest } = parsePage(
      "a-page",
      "---\ntitle: A page\nlead: For this.\n---\nOne\n\n## Two, or more\n\nThree\n\n### $x^2$\n",
    );
    expect(rest).toMatchObject({
      slug: "a-page",
      title: "A page",
      lead: "For this.",
      headings: [{ id: "two-or-more", level: 2 }, { level: 3 }],
    });
    expect(rest.sections.map((s) => s.source.trim())).toEqual(["One", "Three", ""]);
    expect(html).toContain('<h2 id="two-or-more"><a href="#two-or-more">Two, or more</a></h2>');
    expect(linksWithin('<a href="lessons/x#y">a</a><a href="https://x.org">b</a><a href="#z">c</a>')).toEqual(["lessons/x#y", "#z"]);
  });

  test("tells its faults with file and line", async () => {
    const head = "---\ntitle: A page\nlead: For this.\n---\n";
    const fault = (text: string): string => {
      try {
        parsePage("a-page", text);
        return "none";
      } catch (error) {
        if (!(error instanceof LessonError)) throw error;
        return `${error.line}: ${error.message}`;
      }
    };
    expect(fault("no head")).toBe("1: the text should begin with --- and a title and a lead");
    expect(fault("---\ntitle: A page\n---\n")).toMatch(/^1: front matter: lead should be a text/);
    expect(fault(`${head}## One\n\n## Two\n\n## One\n`)).toBe("9: there are two headings with the anchor one");
    expect(fault(`${head}text\n\n# One\n`)).toMatch(/^7: the title stands above the text already/);
    expect(fault(`${head}text\n\n::: aside\nmore\n:::\n`)).toMatch(/^7: a page has no cells, boxes/);
    const folder = mkdtempSync(join(tmpdir(), "gradus-pages-"));
    try {
      await mkdir(join(folder, "pages"));
      await writeFile(join(folder, "pages", "wrong.md"), `${head}\`\`\`ts cell\n1\n\`\`\`\n`);
      await expect(loadPages(folder)).rejects.toThrow("pages/wrong.md:5: a page has no cells");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test("every link from a page or a lesson to another one leads somewhere", () => {
  const anchors = new Map<string, ReadonlySet<string>>([
    ...pages.map((p): [string, Set<string>] => [p.slug, new Set(p.headings.map((h) => h.id))]),
    ...lessons.map((l): [string, Set<string>] => [
      `lessons/${l.slug}`,
      new Set([
        ...l.headings.map((h) => h.id),
        ...[...everyBlock(l.blocks)].flatMap((b) =>
          b.type === "cell" || b.type === "exercise" ? [b.id] : b.type === "quiz" ? [b.quiz.id] : [],
        ),
      ]),
    ]),
    ...["reference", "scratch", "search", "questions"].map((path): [string, Set<string>] => [path, new Set()]),
  ]);
  const prose = (lesson: Lesson) =>
    [...everyBlock(lesson.blocks)]
      .map((b) => (b.type === "prose" ? b.html : b.type === "exercise" ? b.task + b.hints.join("") : ""))
      .join("");
  const places = [
    ...pages.map(({ slug, html }) => ({ slug, html })),
    ...lessons.map((l) => ({ slug: `lessons/${l.slug}`, html: prose(l) })),
  ];
  for (const { slug, html } of places)
    for (const link of linksWithin(html)) {
      const [path = "", anchor] = link.split("#");
      const there = anchors.get(path || slug);
      expect.soft(there, `${slug} links to ${link}`).toBeDefined();
      if (anchor !== undefined) expect.soft([...(there ?? [])], `${slug} links to ${link}`).toContain(anchor);
    }
});

describe("the glossary", () => {
  const words = page("glossary").headings.filter((h) => h.level === 3);

  test("has its words in the order of the alphabet, each under its letter and with a lesson", () => {
    expect(words.length).toBeGreaterThan(90);
    const sorted = words.map((w) => w.text.toLowerCase().replaceAll("-", " ").replaceAll("’", ""));
    expect(sorted).toEqual(sorted.toSorted());
    let letter = "";
    for (const { text, level } of page("glossary").headings)
      if (level === 2) letter = text;
      else expect(text[0]!.toUpperCase(), text).toBe(letter);
    for (const { title, id, source } of page("glossary").sections)
      if (words.some((w) => w.id === id)) expect.soft(source, title).toMatch(/\[(Lesson \d+|Warm-up)\]\(lessons\/\d\d-/);
  });

  test("names the lesson by the number that it has", () => {
    for (const [, number, link] of textOf(page("glossary")).matchAll(/\[Lesson (\d+)\]\(lessons\/(\d\d)-/g))
      expect(Number(link)).toBe(Number(number));
  });
});

describe("the schedule of a class", () => {
  const minutes = (time: string) => Number(time.split(":")[0]) * 60 + Number(time.split(":")[1]);
  const days = page("about")
    .sections.filter((s) => s.title.startsWith("Day "))
    .map((s) => rowsOf(s.source));

  test("fills three days from nine to four without holes, with an hour for lunch", () => {
    expect(days.length).toBe(3);
    for (const rows of days) {
      const times = rows.map(([time]) => time!.split("–").map(minutes) as [number, number]);
      expect([times[0]![0], times.at(-1)![1]]).toEqual([9 * 60, 16 * 60]);
      times.slice(1).forEach(([begin], i) => expect(begin).toBe(times[i]![1]));
      rows.forEach(([time, , inClass], i) => expect(Number.parseInt(inClass!, 10), time).toBe(times[i]![1] - times[i]![0]));
      expect(rows.find(([, what]) => what === "lunch")![2]).toBe("60 min");
    }
  });

  test("has every lesson, on its day, under its name, with its minutes", () => {
    const planned = days.flatMap((rows, i) =>
      rows.flatMap(([, what, , whole]) => {
        const found = /^\[(\d+) (.*)\]\(lessons\/(.*)\)$/.exec(what!);
        return found
          ? [{ slug: found[3], title: found[2], number: Number(found[1]), day: i + 1, minutes: Number.parseInt(whole!, 10) }]
          : [];
      }),
    );
    expect(planned).toEqual(
      lessons.filter((l) => l.day !== null).map(({ slug, title, number, day, minutes: m }) => ({ slug, title, number, day, minutes: m })),
    );
  });
});

test("every name in the column of Gradus of the translations exists", async () => {
  const modules: Record<string, unknown> = { ...tensor, ...nn, ...data, ...notebook };
  const array = tensor.zeros([2, 2]);
  const model = new nn.Sequential([new nn.Dense(1)]);
  const table = await data.readTable("a,g\n1,x\n2,y\n");
  const things: Record<string, object> = {
    ...Object.fromEntries([..."xyabc"].map((name) => [name, array])),
    ...{ w: tensor.variable([1, 2]), model, layer: new nn.Normalization(), history: new nn.History() },
    ...{ d: data.Dataset.range(3), t: table, row: table.row(0), loss: { loss: [] } },
  };
  const results = [...Object.values(things), array.at([0]), table.groupBy("g"), model.layers[0]!];
  const has = (thing: unknown, name: string) =>
    ((typeof thing === "object" && thing !== null) || typeof thing === "function") && name in thing;
  const examples = new Set([
    ..."xyabcifvwhmzqdt",
    "key",
    "labels",
    "weights",
    "inputs",
    "outputs",
    "names",
    "picture",
    "files",
    "bytes",
    "row",
    "image",
  ]);
  const words = new Set(["new", "await", "true", "false", "null"]);

  let checked = 0;
  for (const row of rowsOf(textOf(page("translations"))))
    for (const [, code] of row.at(-1)!.matchAll(/`([^`]+)`/g)) {
      const bare = code!.replace(/"[^"]*"/g, '""');
      for (const found of bare.matchAll(/([A-Za-z_]\w*)\.([A-Za-z_]\w*)|\.([A-Za-z_]\w*)|([A-Za-z_]\w*)(?![\w.])/g)) {
        const [, owner, member, later, alone] = found;
        if (owner) {
          const thing = things[owner] ?? modules[owner];
          expect.soft(has(thing, member!), `${owner}.${member} in ${code}`).toBe(true);
        } else if (later)
          expect
            .soft(
              [...results, { loss: 0 }].some((r) => has(r, later)),
              `.${later} in ${code}`,
            )
            .toBe(true);
        else if (!bare.slice(found.index + alone!.length).startsWith(":") && !words.has(alone!))
          expect.soft(alone! in modules || examples.has(alone!) || alone! in things, `${alone} in ${code}`).toBe(true);
        checked++;
      }
    }
  expect(checked).toBeGreaterThan(300);
});
