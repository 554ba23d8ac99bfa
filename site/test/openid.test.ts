import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchBrowser } from "../../scripts/browser.ts";
import { setUp } from "./people.ts";
import { type Provider, startProvider } from "./provider.ts";
import { patience, type Site, startSite } from "./server.ts";

let site: Site;
let provider: Provider;
let browser: Browser;

beforeAll(async () => {
  provider = await startProvider();
  const env = { OIDC_ISSUER: provider.issuer, OIDC_CLIENT_ID: provider.clientId, OIDC_CLIENT_SECRET: provider.clientSecret };
  [site, browser] = await Promise.all([startSite({ env: { ...env, OIDC_NAME: "Uni Musterstadt" } }), launchBrowser()]);
  await setUp(site.url, site.token);
});
afterAll(async () => {
  await browser?.close();
  await site?.stop();
  await provider?.stop();
});

/** Somebody in a browser of their own who chooses the university's login. */
async function choose(path = "/sign-in?next=%2Fclasses"): Promise<Page> {
  const context = await browser.newContext();
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  await page.goto(site.url + path);
  await page.getByRole("link", { name: /Uni Musterstadt/ }).click();
  return page;
}

const me = (page: Page) => page.evaluate(async () => (await (await fetch("/api/me")).json()) as { me: Record<string, unknown> | null });

describe("signing in by OpenID Connect, in Chromium", () => {
  test("leads to the provider and back to the page one came from, with an account of that name", async () => {
    provider.person = { sub: "4711", email: "Emmy@Uni.example", name: "Emmy Noether" };
    const page = await choose();
    await page.waitForURL(`${site.url}/classes`);
    expect((await me(page)).me).toMatchObject({ name: "Emmy Noether", email: "emmy@uni.example", role: "learner" });
    expect(provider.faults).toEqual([]);
    const again = await choose("/de/sign-in");
    await again.waitForURL(`${site.url}/`);
    expect((await me(again)).me!["id"]).toBe((await me(page)).me!["id"]);
  });

  test("gives somebody whose provider sends no name the beginning of the address", async () => {
    provider.person = { sub: "4712", email: "hilbert@uni.example" };
    const page = await choose();
    await page.waitForURL(`${site.url}/classes`);
    expect((await me(page)).me).toMatchObject({ name: "hilbert" });
  });

  test("that the provider refuses ends on the sign-in page with a sentence, in its language", async () => {
    provider.person = null;
    const page = await choose("/de/sign-in?next=%2Fde%2Fclasses");
    await page.getByText("Die Anmeldung dort ist nicht gelungen").waitFor();
    expect(new URL(page.url()).pathname).toBe("/de/sign-in");
    expect((await me(page)).me).toBeNull();
  });

  test("does not take over an account with a password that has the same address", async () => {
    provider.person = { sub: "4713", email: "ada@example.org", name: "Not Ada" };
    const page = await choose();
    await page.getByText("There is an account with this e-mail address already").waitFor();
    expect((await me(page)).me).toBeNull();
  });

  test("refuses tokens of another issuer, for another site, of another request, and those that have expired", async () => {
    provider.person = { sub: "4714", email: "mallory@uni.example", name: "Mallory" };
    for (const change of [{ iss: "https://example.org" }, { aud: "other" }, { nonce: "other" }, { exp: 1000 }]) {
      provider.tamper = (claims) => ({ ...claims, ...change });
      const page = await choose();
      await page.getByText("Signing in there did not work").waitFor();
      expect((await me(page)).me, JSON.stringify(change)).toBeNull();
      await page.context().close();
    }
    provider.tamper = (claims) => claims;
  });

  test("a code brought to another browser signs nobody in", async () => {
    provider.person = { sub: "4711", email: "emmy@uni.example", name: "Emmy Noether" };
    const begun = await fetch(`${site.url}/sign-in/openid`, { redirect: "manual" });
    const atProvider = await fetch(begun.headers.get("location")!, { redirect: "manual" });
    const page = await (await browser.newContext()).newPage();
    await page.goto(atProvider.headers.get("location")!);
    expect((await me(page)).me).toBeNull();
  });

  test("people without a password here are given none, and stay signed in", async () => {
    const context = await browser.newContext();
    context.setDefaultTimeout(patience);
    const page = await context.newPage();
    await page.goto(`${site.url}/sign-in`);
    const form = page.locator('form[action="?/in"]');
    await form.getByLabel("E-mail").fill("ada@example.org");
    await form.getByLabel("Password").fill("a long password");
    await form.getByRole("button").click();
    await page.getByRole("link", { name: "Ada" }).waitFor();
    await page.goto(`${site.url}/admin`);
    const row = page.locator("tr", { hasText: "emmy@uni.example" });
    await row.getByRole("button", { name: /New password/ }).click();
    await row.getByText("has no password here").waitFor();
  });
});
