import { error } from "@sveltejs/kit";
import * as v from "valibot";
import { classById, instructorsOf, plan, roleIn, schedule, unplan } from "#lib/server/classes.ts";
import { summaries } from "#lib/server/course.ts";
import { form, moment, signedIn, signedInReader, slug, text, zone } from "#lib/server/guard.ts";
import { say } from "#lib/server/say.ts";

export const load = async (event) => {
  const me = signedInReader(event);
  const { id } = event.params;
  const [found, role] = [await classById(id), await roleIn(me, id)];
  if (!found || !role) error(404, say(event).noClass);
  return {
    id,
    name: found.name,
    teaches: role === "instructor",
    zone: zone(),
    schedule: await schedule(id),
    instructors: (await instructorsOf(id)).map((i) => i.name),
    lessons: (await summaries()).map(({ slug: s, title }) => ({ slug: s, title })),
  };
};

async function teacher(event: Parameters<typeof signedIn>[0] & { params: { id: string } }): Promise<void> {
  if ((await roleIn(signedIn(event), event.params.id)) !== "instructor") error(403, say(event).classInstructors);
}

const entry = v.object({
  /** Empty for a new entry. */
  id: v.union([slug, v.literal("")]),
  title: text(200),
  begins: moment,
  ends: moment,
  kind: v.picklist(["session", "break", "other"]),
  lesson: v.optional(v.union([slug, v.literal("")]), ""),
  instructor: v.optional(v.pipe(v.string(), v.trim(), v.maxLength(120)), ""),
});

export const actions = {
  plan: async (event) => {
    await teacher(event);
    const { id, lesson, instructor, ...given } = await form(event, entry);
    if (given.ends <= given.begins) error(400, say(event).endsFirst);
    const made = await plan(event.params.id, id || null, { ...given, lesson: lesson || null, instructor: instructor || null });
    if (!made) error(404, say(event).noAppointment);
  },
  unplan: async (event) => {
    await teacher(event);
    const { id } = await form(event, v.object({ id: slug }));
    if (!(await unplan(event.params.id, id))) error(404, say(event).noAppointment);
  },
};
