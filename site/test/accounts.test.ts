import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nextPage } from "../src/lib/server/next.ts";
import { setUp, Visitor } from "./people.ts";
import { newData, type Site, startSite } from "./server.ts";

let site: Site;
/** Since the first test. */
let administrator: Visitor;
const stranger = () => new Visitor(site.url);

beforeAll(async () => {
  site = await startSite();
});
afterAll(() => site?.stop());

/** The status that a form's action gave. */
async function outcome(response: Response): Promise<number | string> {
  const text = await response.text();
  const { status, type, location } = JSON.parse(text) as { status: number; type: string; location?: string };
  return type === "redirect" ? `to ${location}` : (status ?? response.status);
}

const endpoints = [
  ...["sign-up/email", "sign-in/email", "sign-in/social", "sign-out", "change-password", "change-email", "update-user", "delete-user"],
  ...["get-session", "list-sessions", "revoke-sessions", "request-password-reset", "reset-password", "link-social", "ok", "error"],
];

describe("a new site", () => {
  test("lets nobody make an account before its administrator, by no way", async () => {
    const person = { name: "Eve", email: "eve@example.org", password: "a long password" };
    expect(await outcome(await stranger().form("/sign-in?/up", person))).toBe("to /setup");
    for (const path of ["/api/auth/sign-up/email", "/api/auth//sign-up/email", "/api/auth/sign-up/email/", "/API/auth/sign-up/email"])
      expect((await stranger().post(path, person)).status, path).toBe(404);
    administrator = await setUp(site.url, site.token);
    expect((await administrator.request("/admin")).status).toBe(200);
    expect((await stranger().request("/setup")).headers.get("location")).toBe("/sign-in");
    expect(await outcome(await stranger().form("/setup", { ...person, token: site.token }))).toBe(403);
  });

  test("keeps all of the library's own endpoints closed", async () => {
    for (const path of endpoints) {
      expect((await stranger().request(`/api/auth/${path}`)).status, path).toBe(404);
      expect((await stranger().post(`/api/auth/${path}`, { email: "ada@example.org", password: "a long password" })).status, path).toBe(
        404,
      );
    }
    expect((await stranger().request("/api/auth/callback/oidc?code=x&state=y")).status).toBe(404);
  });
});

describe("guessing", () => {
  test("at one account ends after ten attempts, whatever headers say whence they come", async () => {
    await stranger().signUp("Victim");
    const seen: (number | string)[] = [];
    for (let i = 0; i < 14; i++) {
      const from = `203.0.113.${i}`;
      const headers = {
        ...{ accept: "application/json", "x-sveltekit-action": "true" },
        ...{ "x-forwarded-for": from, "x-real-ip": from, forwarded: `for=${from}`, "cf-connecting-ip": from, "x-gradus-protocol": "https" },
      };
      const body = new URLSearchParams({ email: i % 2 ? "victim@example.org" : " Victim@Example.org", password: `guess number ${i}` });
      seen.push(await outcome(await stranger().request("/sign-in?/in", { method: "POST", headers, body })));
    }
    expect(seen).toEqual([...Array(10).fill(400), ...Array(4).fill(429)]);
    // Who knows the password must wait too; others need not.
    await expect(stranger().signUp("Bystander")).resolves.toBeUndefined();
  });

  test("at classes' codes ends after ten attempts", async () => {
    const learner = stranger();
    await learner.signUp("Guesser");
    const seen: (number | string)[] = [];
    for (let i = 0; i < 12; i++) seen.push(await outcome(await learner.form("/classes?/join", { code: `AAAA${10 + i}` })));
    expect(seen).toEqual([...Array(10).fill(404), 429, 429]);
  });

  test("from one address ends too, however many accounts are tried", async () => {
    const seen = new Set<number | string>();
    for (let i = 0; i < 290 && !seen.has(429); i += 10)
      for (const s of await Promise.all(
        Array.from({ length: 10 }, async (_, j) => {
          // Too long for a password: refused before anything is hashed, but counted.
          return outcome(await stranger().form("/sign-in?/in", { email: `a${i + j}@example.org`, password: "x".repeat(201) }));
        }),
      ))
        seen.add(s);
    expect([...seen]).toEqual([400, 429]);
  });
});

describe("signing up", () => {
  test("checks name, address and password, and says when an address is taken", async () => {
    const up = (given: Record<string, string>) =>
      stranger().form("/sign-in?/up", { name: "New", email: "new@example.org", password: "a long password", ...given });
    expect(await outcome(await up({ name: "x".repeat(81) }))).toBe(400);
    expect(await outcome(await up({ name: " " }))).toBe(400);
    expect(await outcome(await up({ email: "nothing" }))).toBe(400);
    expect(await outcome(await up({ password: "short" }))).toBe(400);
    expect(await (await up({ email: "ADA@example.org" })).text()).toContain("taken");
    const german = await stranger().form("/de/sign-in?/up", { name: "New", email: "new@example.org", password: "short" });
    expect(await german.text()).toContain("sollte mindestens 10 Zeichen haben");
  });

  test("comes back to where it was wanted, but to no other site", async () => {
    const given = { name: "Back", email: "back@example.org", password: "a long password", next: "/de/classes?code=ABC" };
    expect(await outcome(await stranger().form("/sign-in?/up", given))).toBe("to /de/classes?code=ABC");
    for (const evil of ["//example.org", "/\\example.org", "https://example.org", "/\t/example.org", "javascript:alert(1)", "", null])
      expect(nextPage(evil), String(evil)).toBe("/");
    const reader = await stranger().request("/de/account");
    expect(reader.headers.get("location")).toBe("/de/sign-in?next=%2Fde%2Faccount");
  });
});

describe("sessions", () => {
  test("are prolonged once a day while in use, the cookie too, and end when they were not", async () => {
    const folder = newData(mkdtempSync(join(tmpdir(), "gradus-accounts-")));
    process.env["GRADUS_MIGRATIONS"] = fileURLToPath(new URL("../migrations", import.meta.url));
    process.env["GRADUS_DATA"] = folder;
    delete process.env["DATABASE_URL"];
    const [{ signUp }, { whoSends }, db, schema] = await Promise.all([
      import("../src/lib/server/accounts.ts"),
      import("../src/lib/server/auth.ts"),
      import("../src/lib/server/db.ts"),
      import("../src/lib/server/schema.ts"),
    ]);
    try {
      const forged = new Headers({ "x-forwarded-for": "203.0.113.9" });
      const { id, cookies } = await signUp("Lin", "lin@example.org", "a long password", forged);
      const headers = new Headers({ cookie: cookies.map((c) => c.split(";")[0]).join("; ") });
      expect((await whoSends(headers)).cookies).toEqual([]);
      const base = await db.database();
      const ends = async (days: number) => {
        await base
          .update(schema.session)
          .set({ expiresAt: new Date(Date.now() + days * 86_400_000) })
          .where(eq(schema.session.userId, id));
      };
      const [row] = await base.select().from(schema.session);
      expect(row!.ipAddress ?? "").toBe("");
      await ends(9);
      const used = await whoSends(headers);
      expect(used.me).toMatchObject({ name: "Lin" });
      expect(used.cookies.join()).toMatch(/gradus\.session_token=[^;]+; Max-Age=1209600/);
      const [prolonged] = await base.select().from(schema.session);
      expect(prolonged!.expiresAt.getTime()).toBeGreaterThan(Date.now() + 13.9 * 86_400_000);
      await ends(-0.01);
      expect((await whoSends(headers)).me).toBeNull();
      expect(await base.select().from(schema.session)).toEqual([]);
    } finally {
      await db.closeDatabase();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("a site behind HTTPS", () => {
  test("tells browsers to stay with it, and sends cookies by nothing else", async () => {
    const secure = await startSite({ env: { ORIGIN: "https://gradus.example.org" } });
    try {
      const { headers } = await fetch(`${secure.url}/api/health`);
      expect(headers.get("strict-transport-security")).toMatch(/^max-age=\d{7,}/);
      expect((await fetch(`${site.url}/api/health`)).headers.get("strict-transport-security")).toBeNull();
      const response = await fetch(`${secure.url}/setup`, {
        method: "POST",
        headers: { origin: "https://gradus.example.org", accept: "application/json", "x-sveltekit-action": "true" },
        body: new URLSearchParams({ token: secure.token, name: "Ada", email: "ada@example.org", password: "a long password" }),
      });
      expect(response.headers.getSetCookie().join()).toMatch(/__Secure-gradus\.session_token=[^;]+;.*Secure/i);
    } finally {
      await secure.stop();
    }
  });
});

describe("a backup download", () => {
  test("that nobody reads holds up nobody else", async () => {
    // More than sockets and streams buffer, and nothing that packs well.
    for (let i = 0; i < 12; i++) {
      const noise = Array.from({ length: 3 }, () => Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString("base64"));
      const cells = noise.map((source, j) => ({ lesson: "00-start", cell: `c${i}-${j}`, source, version: "x", at: i }));
      expect((await administrator.post("/api/cells", { cells })).status).toBe(200);
    }
    const cookie = administrator.cookie();
    const begun = await new Promise<import("node:http").IncomingMessage>((resolve) =>
      request(`${site.url}/api/backup`, { headers: { cookie } }, resolve).end(),
    );
    begun.pause();
    expect(begun.statusCode).toBe(200);
    expect(Number(begun.headers["content-length"])).toBeGreaterThan(1_500_000);
    const answered = await Promise.race([
      administrator.request("/api/me").then((r) => r.status),
      new Promise((resolve) => setTimeout(() => resolve("nothing"), 5000)),
    ]);
    expect(answered).toBe(200);
    let size = 0;
    for await (const part of begun) size += (part as Buffer).length;
    expect(size).toBe(Number(begun.headers["content-length"]));
  });
});
