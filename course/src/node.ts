import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Lesson } from "./lesson.ts";
import { type Page, parsePage } from "./pages.ts";
import { parseLesson } from "./parse.ts";
import { LessonError } from "./sections.ts";

/** Where the lessons of this course are. */
export const courseFolder = fileURLToPath(new URL("..", import.meta.url));

/** Reads all lessons `NN-name/lesson.md`, in their order. Throws an error that names file and line of a fault. */
export async function loadCourse(folder: string = courseFolder): Promise<Lesson[]> {
  const names = (await readdir(folder, { withFileTypes: true })).filter((e) => e.isDirectory() && /^\d+-/.test(e.name)).map((e) => e.name);
  if (!names.length) throw new Error(`There are no lessons (folders such as 01-arrays) in ${folder}.`);
  const lessons = await Promise.all(names.sort().map((name) => loadLesson(join(folder, name), name)));
  return lessons.sort((a, b) => a.number - b.number);
}

/** Reads the pages around the lessons, `pages/NAME.md`. Throws an error that names file and line of a fault. */
export async function loadPages(folder: string = courseFolder): Promise<Page[]> {
  const names = (await readdir(join(folder, "pages")).catch(() => [] as string[])).filter((name) => name.endsWith(".md")).sort();
  return Promise.all(
    names.map(async (name) => {
      const text = (await readFile(join(folder, "pages", name), "utf8")).replaceAll("\r\n", "\n");
      return placed(`pages/${name}`, () => parsePage(name.replace(/\.md$/, ""), text));
    }),
  );
}

async function loadLesson(folder: string, slug: string): Promise<Lesson> {
  const text = await readFile(join(folder, "lesson.md"), "utf8");
  const files = (await readdir(join(folder, "files")).catch(() => [] as string[])).sort();
  return placed(`${slug}/lesson.md`, () => parseLesson(slug, text.replaceAll("\r\n", "\n"), files));
}

/** What `parse` gives; the file is named in front of its faults. */
function placed<T>(file: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof LessonError) error.message = `${file}:${error.line}: ${error.message}`;
    throw error;
  }
}

/** The bytes of a file of a lesson; null for a name that is not among its files. */
export async function lessonFile(
  lesson: Pick<Lesson, "slug" | "files">,
  name: string,
  folder: string = courseFolder,
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (!Object.hasOwn(lesson.files, name)) return null;
  return new Uint8Array(await readFile(join(folder, lesson.slug, lesson.files[name]!)));
}

/** All files of a lesson, in base64, by name. */
export async function filesOf(lesson: Pick<Lesson, "slug" | "files">, folder: string = courseFolder): Promise<Record<string, string>> {
  const read = async ([name, path]: [string, string]) =>
    [name, (await readFile(join(folder, lesson.slug, path))).toString("base64")] as const;
  return Object.fromEntries(await Promise.all(Object.entries(lesson.files).map(read)));
}
