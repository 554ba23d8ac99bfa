import { error } from "@sveltejs/kit";
import * as v from "valibot";
import { accept, answer, edit, remove, thread } from "#lib/server/forum.ts";
import { form, limit, signedIn, slug, text } from "#lib/server/guard.ts";

export const load = async ({ params, locals }) => {
  const found = await thread(params.id, locals.me);
  if (!found) error(404, "There is no such question.");
  return { me: locals.me, ...found };
};

const one = v.object({ id: slug });

export const actions = {
  answer: async (event) => {
    const me = signedIn(event);
    limit(event, "post", 20, 60);
    const { body } = await form(event, v.object({ body: text(20_000) }));
    if (!(await answer(me, event.params.id, body))) error(404, "There is no such question.");
  },
  edit: async (event) => {
    const me = signedIn(event);
    limit(event, "post", 20, 60);
    const { id, body } = await form(event, v.object({ id: slug, body: text(20_000) }));
    if (!(await edit(me, id, body))) error(403, "Only its author can change this.");
  },
  accept: async (event) => {
    const { id } = await form(event, one);
    if (!(await accept(signedIn(event), id))) error(403, "Only who asked, and instructors, accept an answer.");
  },
  remove: async (event) => {
    const { id } = await form(event, one);
    if (!(await remove(signedIn(event), id))) error(403, "Only its author, and instructors, remove this.");
  },
};
