import { randomBytes } from "node:crypto";
import { count, eq } from "drizzle-orm";
import { auth } from "./auth.ts";
import { database, sharedSetting } from "./db.ts";
import { user } from "./schema.ts";

/** Whether nobody has an account yet. */
export async function isNew(): Promise<boolean> {
  const [row] = await (await database()).select({ n: count() }).from(user);
  return (row?.n ?? 0) === 0;
}

/** What whoever starts the server reads in its log, and nobody else knows. */
export const setupToken = (): Promise<string> => sharedSetting("setup-token", () => randomBytes(12).toString("hex"));

/** Makes an account and gives the cookies that sign it in. Throws a sentence. */
export async function signUp(name: string, email: string, password: string, headers: Headers): Promise<{ id: string; cookies: string[] }> {
  const { headers: answer, response } = await (await auth()).api.signUpEmail({
    body: { name, email, password },
    headers,
    returnHeaders: true,
  });
  return { id: response.user.id, cookies: answer.getSetCookie() };
}

export async function signIn(email: string, password: string, headers: Headers): Promise<string[]> {
  const { headers: answer } = await (await auth()).api.signInEmail({ body: { email, password }, headers, returnHeaders: true });
  return answer.getSetCookie();
}

export async function giveRole(id: string, role: "learner" | "instructor" | "administrator"): Promise<void> {
  await (await database()).update(user).set({ role, updatedAt: new Date() }).where(eq(user.id, id));
}
