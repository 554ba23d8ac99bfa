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
    advanced: { cookiePrefix: "gradus", useSecureCookies: process.env["ORIGIN"]?.startsWith("https:") ?? false },
    rateLimit: {
      enabled: process.env["GRADUS_RATE_LIMIT"] !== "off",
      window: 60,
      max: 100,
      customRules: { "/sign-in/email": { window: 60, max: 10 }, "/sign-up/email": { window: 60, max: 20 } },
    },
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

/** Who sends a request; null for guests. */
export async function whoSends(headers: Headers): Promise<SignedIn | null> {
  if (!headers.get("cookie")?.includes("gradus.session_token")) return null;
  const found = await (await auth()).api.getSession({ headers });
  if (!found) return null;
  const { id, name, email, role } = found.user as typeof found.user & { role?: string };
  return { id, name, email, role: role === "administrator" || role === "instructor" ? role : "learner" };
}
