import { fail, redirect } from "@sveltejs/kit";
import * as v from "valibot";
import { announcements, classesOf, createClass, joinClass } from "#lib/server/classes.ts";
import { form, instructor, signedIn, signedInReader, text } from "#lib/server/guard.ts";
import { guesses } from "#lib/server/limits.ts";

export const load = async (event) => {
  const me = signedInReader(event);
  const classes = await classesOf(me);
  return { me, classes, announcements: await announcements(classes.map((c) => c.id)), code: event.url.searchParams.get("code") ?? "" };
};

export const actions = {
  join: async (event) => {
    const me = signedIn(event);
    await guesses(event, "join", me.id, 10, 60);
    const { code } = await form(event, v.object({ code: text(20) }));
    const id = await joinClass(me, code);
    if (!id) return fail(404, { problem: true });
    redirect(303, `${event.url.pathname}/${id}`);
  },
  create: async (event) => {
    const me = instructor(event);
    const { name } = await form(event, v.object({ name: text(120) }));
    redirect(303, `${event.url.pathname}/${await createClass(me, name)}`);
  },
};
