import { error } from "@sveltejs/kit";
import { lessonBySlug, lessons, summaries } from "#lib/server/course.ts";
import { lessonData } from "#lib/server/lesson-page.ts";
import { say } from "#lib/server/say.ts";

export const prerender = true;
export const entries = async () => (await lessons()).flatMap(({ slug }) => [{ slug }, { slug, lang: "de" }]);

export const load = async ({ params, locals }) => {
  const lesson = await lessonBySlug(params.slug);
  if (!lesson) error(404, say({ locals }).noLesson);
  const all = await summaries();
  const at = all.findIndex((l) => l.slug === lesson.slug);
  const neighbour = (i: number) => (all[i] ? { slug: all[i].slug, title: all[i].title } : null);
  return { lesson: await lessonData(lesson), previous: neighbour(at - 1), next: neighbour(at + 1) };
};
