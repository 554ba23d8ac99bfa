import { redirect } from "@sveltejs/kit";
import * as v from "valibot";
import { summaries } from "#lib/server/course.ts";
import { ask, questions } from "#lib/server/forum.ts";
import { form, limit, signedIn, slug, text } from "#lib/server/guard.ts";

export const load = async ({ url, locals }) => {
  const lesson = url.searchParams.get("lesson") ?? "";
  const search = (url.searchParams.get("search") ?? "").slice(0, 200);
  const page = Math.max(0, Math.min(1000, Number(url.searchParams.get("page")) || 0));
  return {
    me: locals.me,
    lesson,
    search,
    page,
    questions: await questions(lesson, search, page),
    lessons: (await summaries()).map(({ slug: s, title }) => ({ slug: s, title })),
  };
};

export const actions = {
  default: async (event) => {
    const me = signedIn(event);
    limit(event, "post", 20, 60);
    const given = await form(event, v.object({ lesson: slug, title: text(200), body: text(20_000) }));
    const id = await ask(me, given.lesson, given.title, given.body);
    redirect(303, `${event.url.pathname}/${id}`);
  },
};
