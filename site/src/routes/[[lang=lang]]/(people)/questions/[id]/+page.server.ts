import { error } from "@sveltejs/kit";
import * as v from "valibot";
import { accept, answer, edit, remove, thread } from "#lib/server/forum.ts";
import { form, limit, signedIn, slug, text } from "#lib/server/guard.ts";
import { say } from "#lib/server/say.ts";

export const load = async ({ params, locals }) => {
  const found = await thread(params.id, locals.me);
  if (!found) error(404, say({ locals }).noQuestion);
  return { me: locals.me, ...found };
};

const one = v.object({ id: slug });

export const actions = {
  answer: async (event) => {
    const me = signedIn(event);
    limit(event, "post", 20, 60);
    const { body } = await form(event, v.object({ body: text(20_000) }));
    if (!(await answer(me, event.params.id, body))) error(404, say(event).noQuestion);
  },
  edit: async (event) => {
    const me = signedIn(event);
    limit(event, "post", 20, 60);
    const { id, body } = await form(event, v.object({ id: slug, body: text(20_000) }));
    if (!(await edit(me, id, body))) error(403, say(event).authorOnly);
  },
  accept: async (event) => {
    const me = signedIn(event);
    limit(event, "accept", 20, 60);
    const { id } = await form(event, one);
    if (!(await accept(me, id))) error(403, say(event).askerOnly);
  },
  remove: async (event) => {
    const me = signedIn(event);
    limit(event, "remove", 60, 60);
    const { id } = await form(event, one);
    if (!(await remove(me, id))) error(403, say(event).authorOrInstructor);
  },
};
