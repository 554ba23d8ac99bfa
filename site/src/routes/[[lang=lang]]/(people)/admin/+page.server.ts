import { protection } from "@gradus/jail";
import { asc } from "drizzle-orm";
import * as v from "valibot";
import { giveRole, newPassword } from "#lib/server/accounts.ts";
import { database, dataFolder } from "#lib/server/db.ts";
import { administrator, form } from "#lib/server/guard.ts";
import { user } from "#lib/server/schema.ts";

export const load = async (event) => {
  administrator(event);
  const db = await database();
  return {
    people: await db
      .select({ id: user.id, name: user.name, email: user.email, role: user.role })
      .from(user)
      .orderBy(asc(user.name))
      .limit(2000),
    protection: await protection().then(
      (p) => p.words,
      (problem: Error) => problem.message,
    ),
    place: process.env["DATABASE_URL"] ? "Postgres (DATABASE_URL)" : dataFolder(),
  };
};

export const actions = {
  password: async (event) => {
    administrator(event);
    const { id } = await form(event, v.object({ id: v.pipe(v.string(), v.maxLength(100)) }));
    return { password: await newPassword(id), id }; // null for those who sign in elsewhere
  },
  role: async (event) => {
    const me = administrator(event);
    const { id, role } = await form(
      event,
      v.object({ id: v.pipe(v.string(), v.maxLength(100)), role: v.picklist(["learner", "instructor", "administrator"]) }),
    );
    if (id !== me.id) await giveRole(id, role);
  },
};
