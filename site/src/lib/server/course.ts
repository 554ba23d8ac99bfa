import { resolve } from "node:path";
import { exercisesOf, type Lesson, type Page } from "@gradus/course";
import { loadCourse, loadPages } from "@gradus/course/node";
import type { LessonSummary } from "../course.ts";

/** The site runs in its own folder, beside the lessons. */
export const courseFolder = resolve(process.env["GRADUS_COURSE"] ?? "../course");

let loaded: Promise<Lesson[]> | null = null;

/** The lessons on disk, read once. */
export const lessons = (): Promise<Lesson[]> => {
  loaded ??= loadCourse(courseFolder);
  return loaded;
};

let loadedPages: Promise<Page[]> | null = null;

/** The pages around the lessons on disk, read once. */
export const pages = (): Promise<Page[]> => {
  loadedPages ??= loadPages(courseFolder);
  return loadedPages;
};

export const lessonBySlug = async (slug: string): Promise<Lesson | undefined> => (await lessons()).find((l) => l.slug === slug);

export async function summaries(): Promise<LessonSummary[]> {
  return (await lessons()).map((lesson) => {
    const { slug, number, title, question, day, minutes, door } = lesson;
    return {
      slug,
      number,
      title,
      question,
      day,
      minutes,
      door,
      exercises: exercisesOf(lesson).map(({ id, title: name, points }) => ({ id, title: name, points })),
    };
  });
}
