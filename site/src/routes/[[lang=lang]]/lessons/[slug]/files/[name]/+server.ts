import { lessonFile } from "@gradus/course/node";
import { error } from "@sveltejs/kit";
import { courseFolder, lessonBySlug, lessons } from "#lib/server/course.ts";

export const prerender = true;
export const entries = async () => (await lessons()).flatMap(({ slug, files }) => Object.keys(files).map((name) => ({ slug, name })));

export const GET = async ({ params }) => {
  const lesson = await lessonBySlug(params.slug);
  const bytes = lesson ? await lessonFile(lesson, params.name, courseFolder) : null;
  if (!bytes) error(404, "There is no such file.");
  const type = params.name.endsWith(".png") ? "image/png" : params.name.endsWith(".jpg") ? "image/jpeg" : "application/octet-stream";
  return new Response(bytes, { headers: { "content-type": type } });
};
