import type { Block, Lesson } from "@gradus/course";
import { plainText } from "@gradus/course/markdown";
import type { Passage } from "../search.ts";
import { lessons, pages } from "./course.ts";
import { referenceIndex } from "./reference.ts";

/** Everything that can be found: lessons and pages by section, the reference by name. */
export async function passages(): Promise<Passage[]> {
  const list: Omit<Passage, "id">[] = [];
  for (const lesson of await lessons()) list.push(...sectionsOf(lesson));
  for (const { slug, title: within, lead, sections } of await pages())
    for (const { id, title, source } of sections) {
      const text = plainText(id ? source : `${lead}\n\n${source}`);
      if (text) list.push({ kind: "page", path: id ? `${slug}#${id}` : slug, title, within, text });
    }
  for (const page of await referenceIndex())
    for (const { id, name, summary } of page.entries)
      list.push({
        ...{ kind: "reference", path: `reference/${page.package}/${page.slug}#${id}`, title: name, within: `@gradus/${page.package}` },
        text: summary,
      });
  return list.map((passage, id) => ({ ...passage, id }));
}

function sectionsOf(lesson: Lesson): Omit<Passage, "id">[] {
  const sections: { path: string; title: string; text: string[] }[] = [
    { path: `lessons/${lesson.slug}`, title: lesson.title, text: [lesson.question, ...lesson.goals] },
  ];
  const headings = [...lesson.headings];
  const read = (text: string): void => {
    for (const line of text.split("\n")) {
      const heading = /^#{2,3}\s+(.*)$/.test(line) ? headings.shift() : undefined;
      if (heading) sections.push({ path: `lessons/${lesson.slug}#${heading.id}`, title: heading.text, text: [] });
      else sections.at(-1)!.text.push(line);
    }
  };
  const walk = (blocks: readonly Block[]): void => {
    for (const b of blocks) {
      if (b.type === "prose") read(b.source);
      else if (b.type === "cell") sections.at(-1)!.text.push(b.source);
      else if (b.type === "exercise") sections.at(-1)!.text.push(b.title, b.taskSource);
      else if (b.type === "box") walk(b.blocks);
    }
  };
  walk(lesson.blocks);
  return sections.map(({ path, title, text }) => ({ kind: "lesson", path, title, within: lesson.title, text: plainText(text.join("\n")) }));
}
