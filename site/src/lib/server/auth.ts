import { randomBytes } from "node:crypto";
import { betterAuth } from "better-auth";
import { drizzleAdapter } from "better-auth/adapters/drizzle";
import { genericOAuth } from "better-auth/plugins/generic-oauth";
import { database, sharedSetting } from "./db.ts";
import { hashPassword, verifyPassword } from "./passwords.ts";
import * as schema from "./schema.ts";

/** A university's login: OpenID Connect, named by the environment. */
export const openId = () => {
  const { OIDC_ISSUER: issuer, OIDC_CLIENT_ID: clientId, OIDC_CLIENT_SECRET: clientSecret, OIDC_NAME: name = "OpenID" } = process.env;
  return issuer && clientId && clientSecret ? { issuer: issuer.replace(/\/$/, ""), clientId, clientSecret, name } : null;
};

/** What a provider calls a person; some send no name. */
const nameFrom = (profile: Record<string, unknown>): string => {
  const { name, preferred_username: nick, email } = profile;
  const given = [name, nick, typeof email === "string" ? email.split("@")[0] : null].find((n) => typeof n === "string" && n.trim());
  return String(given ?? "?")
    .replace(/\p{Cc}/gu, " ")
    .trim()
    .slice(0, 80);
};

async function build() {
  const secret = process.env["BETTER_AUTH_SECRET"] ?? (await sharedSetting("secret", () => randomBytes(32).toString("hex")));
  const oidc = openId();
  return betterAuth({
    ...(process.env["ORIGIN"] ? { baseURL: process.env["ORIGIN"] } : {}),
    basePath: "/api/auth",
    secret,
    telemetry: { enabled: false },
    database: drizzleAdapter(await database(), { provider: "pg", schema }),
    emailAndPassword: {
      enabled: true,
      minPasswordLength: 10,
      maxPasswordLength: 200,
      password: { hash: hashPassword, verify: verifyPassword },
    },
    session: { expiresIn: 14 * 24 * 3600, updateAge: 24 * 3600 },
    user: { additionalFields: { role: { type: "string", required: false, defaultValue: "learner", input: false } } },
    advanced: {
      cookiePrefix: "gradus",
      useSecureCookies: process.env["ORIGIN"]?.startsWith("https:") ?? false,
      // It would believe X-Forwarded-For, which anybody can send. Nothing here needs addresses in its tables.
      ipAddress: { disableIpTracking: true },
    },
    // Its own limits count by that header too. Its endpoints are closed but one (hooks.server.ts); limits.ts counts.
    rateLimit: { enabled: false },
    onAPIError: { errorURL: "/sign-in" },
    plugins: oidc
      ? [
          genericOAuth({
            config: [
              {
                providerId: "oidc",
                discoveryUrl: `${oidc.issuer}/.well-known/openid-configuration`,
                clientId: oidc.clientId,
                clientSecret: oidc.clientSecret,
                scopes: ["openid", "profile", "email"],
                mapProfileToUser: (profile) => ({ name: nameFrom(profile) }),
              },
            ],
          }),
        ]
      : [],
    logger: { level: "error" },
  });
}

let built: ReturnType<typeof build> | null = null;

/** The accounts of the site, opened at their first use. */
export function auth(): ReturnType<typeof build> {
  built ??= build().catch((error: unknown) => {
    built = null;
    throw error;
  });
  return built;
}

export type Role = "learner" | "instructor" | "administrator";

export interface SignedIn {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly role: Role;
}

/** Begins a sign-in by OpenID Connect: where to send the browser, and the cookies that it must bring back. */
export async function beginOpenId(origin: string, next: string, failed: string): Promise<{ url: string; cookies: string[] }> {
  // As a request, since that is how the library learns its own address where ORIGIN is not set.
  const response = await (await auth()).handler(
    new Request(`${origin}/api/auth/sign-in/social`, {
      method: "POST",
      headers: { "content-type": "application/json", origin },
      body: JSON.stringify({ provider: "oidc", callbackURL: next, errorCallbackURL: failed, disableRedirect: true }),
    }),
  );
  const { url, message } = (await response.json().catch(() => ({}))) as { url?: string; message?: string };
  if (!response.ok || !url)
    throw new Error(`OpenID Connect: ${message ?? `the library answered ${response.status}`}. Is OIDC_ISSUER right?`);
  return { url, cookies: response.headers.getSetCookie() };
}

/**
 * Who sends a request; null for guests. A session in use is prolonged once a day: `cookies` are then to be sent along, or the browser
 * would forget it after two weeks all the same.
 */
export async function whoSends(headers: Headers): Promise<{ me: SignedIn | null; cookies: string[] }> {
  if (!headers.get("cookie")?.includes("gradus.session_token")) return { me: null, cookies: [] };
  const { headers: answer, response: found } = await (await auth()).api
    .getSession({ headers, returnHeaders: true })
    .catch((error: { status?: string }) => {
      if (error.status === "UNAUTHORIZED") return { headers: new Headers(), response: null }; // ended in this moment
      throw error;
    });
  const cookies = answer.getSetCookie();
  if (!found) return { me: null, cookies };
  const { id, name, email, role } = found.user as typeof found.user & { role?: string };
  return { me: { id, name, email, role: role === "administrator" || role === "instructor" ? role : "learner" }, cookies };
}
