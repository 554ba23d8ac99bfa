import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { and, count, eq } from "drizzle-orm";
import { auth } from "./auth.ts";
import { database, sharedSetting } from "./db.ts";
import { hashPassword } from "./passwords.ts";
import { account, session, user } from "./schema.ts";

/** Whether the site has no administrator yet. Until then nobody else can make an account. */
export async function isNew(): Promise<boolean> {
  const [row] = await (await database()).select({ n: count() }).from(user).where(eq(user.role, "administrator"));
  return (row?.n ?? 0) === 0;
}

/** What whoever starts the server reads in its log, and nobody else knows. */
export const setupToken = (): Promise<string> => sharedSetting("setup-token", () => randomBytes(12).toString("hex"));

export async function isSetupToken(given: string): Promise<boolean> {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(await setupToken()));
}

/** Whether an error of `signUp` says that the address has an account already. */
export const isTaken = (error: unknown): boolean =>
  String((error as { body?: { code?: string } }).body?.code ?? "").startsWith("USER_ALREADY_EXISTS");

/** Makes an account and gives the cookies that sign it in. */
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

/**
 * Gives somebody who has forgotten theirs a new password, to be told once, and ends their sessions. Null for those who have none, since
 * they sign in elsewhere.
 */
export async function newPassword(id: string): Promise<string | null> {
  const password = randomBytes(9).toString("base64url");
  const hash = await hashPassword(password);
  const db = await database();
  return db.transaction(async (tx) => {
    const changed = await tx
      .update(account)
      .set({ password: hash, updatedAt: new Date() })
      .where(and(eq(account.userId, id), eq(account.providerId, "credential")))
      .returning({ id: account.id });
    if (!changed.length) return null;
    await tx.delete(session).where(eq(session.userId, id));
    return password;
  });
}
