// What learners write stays theirs: through slow and failing servers, closed tabs, shared computers and newer courses.
import type { Browser, BrowserContext, Page, Route } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchBrowser } from "../../scripts/browser.ts";
import { profile } from "./browser.ts";
import { setUp } from "./people.ts";
import { patience, type Site, startSite } from "./server.ts";

let site: Site;
let browser: Browser;
const password = "a long password";
const lesson = "00-start";

beforeAll(async () => {
  [site, browser] = await Promise.all([startSite(), launchBrowser()]);
  await setUp(site.url, site.token);
});
afterAll(async () => {
  await browser?.close();
  await site?.stop();
});

/** A browser profile of its own. The service worker stays out, so that a test can stand in for the server. */
async function device(as?: BrowserContext): Promise<BrowserContext> {
  return profile(browser, {
    serviceWorkers: "block",
    ...(as ? { storageState: { cookies: await as.cookies(), origins: [] } } : {}),
  });
}

async function signUp(page: Page, name: string): Promise<void> {
  await page.goto(`${site.url}/sign-in?next=/lessons/${lesson}`);
  const form = page.locator('form[action="?/up"]');
  await form.getByLabel("Name").fill(name);
  await form.getByLabel("E-mail").fill(`${name.toLowerCase()}@example.org`);
  await form.getByLabel("Password").fill(password);
  await form.getByRole("button").click();
  await page.getByRole("link", { name, exact: true }).waitFor();
  await page.waitForURL("**/lessons/*");
}

async function signIn(page: Page, name: string): Promise<void> {
  const form = page.locator('form[action="?/in"]');
  await form.getByLabel("E-mail").fill(`${name.toLowerCase()}@example.org`);
  await form.getByLabel("Password").fill(password);
  await form.getByRole("button").click();
  await page.getByRole("link", { name, exact: true }).waitFor();
  await page.waitForURL("**/lessons/*");
}

async function signOut(page: Page): Promise<void> {
  await page.goto(`${site.url}/account`);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("link", { name: "Sign in" }).waitFor();
}

const place = (page: Page, cell: string) => page.locator(`[data-cell="${cell}"]`);
const status = (page: Page, text: string) => page.locator(".tools").getByText(text, { exact: true }).first().waitFor();

/** Puts a program into a cell in place of what is there. */
async function write(page: Page, cell: string, source: string): Promise<void> {
  await place(page, cell).locator(".editor").hover();
  const editor = place(page, cell).locator(".cm-content");
  await editor.click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.insertText(source);
}

const open = (page: Page, slug = lesson) => page.goto(`${site.url}/lessons/${slug}`);
const shows = (page: Page, cell: string, text: string) => place(page, cell).locator(".editor").getByText(text).first().waitFor();
const textOf = (page: Page, cell: string) => place(page, cell).locator(".editor").innerText();

interface Kept {
  cells: { cell: string; source: string; version: string }[];
}

/** What the server has of somebody's texts. */
const onServer = async (context: BrowserContext, cell = "model", slug = lesson): Promise<string | undefined> => {
  const { cells } = (await (await context.request.get(`${site.url}/api/cells?lesson=${slug}`)).json()) as Kept;
  return cells.find((c) => c.cell === cell && c.version)?.source;
};
const untilOnServer = (context: BrowserContext, text: string | undefined, cell = "model", slug = lesson) =>
  expect.poll(() => onServer(context, cell, slug), { timeout: patience }).toBe(text);

const isPost = (route: Route) => route.request().method() === "POST";

describe("two people at one computer", () => {
  let context: BrowserContext;
  let page: Page;
  beforeAll(async () => {
    context = await device();
    page = await context.newPage();
  });

  test("a guest's work goes to the first who signs up, exercises and quizzes included", async () => {
    await open(page);
    await write(page, "model", "// by a guest");
    await status(page, "Saved on this device");
    const question = page.locator('[data-question="q2"]');
    await question.getByRole("textbox").fill("5");
    await question.getByRole("button", { name: /Check/ }).click();
    await question.getByText("Not right.").waitFor();
    await page.reload();
    await shows(page, "model", "// by a guest");
    // What stands below is of the lesson's code, also below cells that take what this one makes.
    for (const id of ["model", "train"]) {
      await page.locator(`[data-cell="${id}"] .status`, { hasText: "shows what the lesson's code gave" }).waitFor();
      await page.locator(`[data-cell="${id}"] .outputs.dimmed`).waitFor();
    }
    expect(await page.locator('[data-cell="data"] .outputs.dimmed').count()).toBe(0);
    await question.getByText("Not right.").waitFor();
    expect(await question.getByRole("textbox").inputValue()).toBe("5");
    const answered = page.waitForResponse((r) => r.url().includes("/api/quiz/") && r.ok());
    await signUp(page, "Lin");
    await answered;
    await shows(page, "model", "// by a guest");
    await untilOnServer(context, "// by a guest");
  });

  test("whoever signs out leaves nothing to be seen; what was not sent waits for them alone", async () => {
    await status(page, "Saved");
    await context.route("**/api/cells", (route) => (isPost(route) ? route.abort() : route.continue()));
    await write(page, "model", "// Lin, not sent");
    await status(page, "Offline: saved on this device");
    await signOut(page);
    await context.unroute("**/api/cells");
    await open(page);
    await page.waitForLoadState("networkidle");
    expect(await textOf(page, "model")).toContain("Sequential");
    expect(await place(page, "model").getByRole("button", { name: "History" }).count()).toBe(0);
    await signUp(page, "Mo");
    await page.waitForLoadState("networkidle");
    expect(await textOf(page, "model")).toContain("Sequential");
    expect(await page.locator('[data-question="q2"]').getByRole("textbox").inputValue()).toBe("");
    await write(page, "data", "// Mo");
    await untilOnServer(context, "// Mo", "data");
    expect(await onServer(context, "model")).toBeUndefined();
  });

  test("who comes back finds what was not sent, and the server gets it; nothing of the other's", async () => {
    await signOut(page);
    await page.goto(`${site.url}/sign-in?next=/lessons/${lesson}`);
    expect(await page.getByText("Take along").count()).toBe(0);
    await signIn(page, "Lin");
    await shows(page, "model", "// Lin, not sent");
    await untilOnServer(context, "// Lin, not sent");
    expect(await onServer(context, "data")).toBeUndefined();
    expect(await textOf(page, "data")).not.toContain("Mo");
  });

  test("a guest's work is left alone where whoever signs in says it is not theirs", async () => {
    await signOut(page);
    await open(page);
    await write(page, "fit", "// a stranger");
    await status(page, "Saved on this device");
    await page.goto(`${site.url}/sign-in?next=/lessons/${lesson}`);
    await page.getByLabel("Take along").uncheck();
    await signIn(page, "Lin");
    await page.waitForLoadState("networkidle");
    expect(await textOf(page, "fit")).not.toContain("stranger");
    expect(await onServer(context, "fit")).toBeUndefined();
  });

  test("a page that was left open gives nothing to, and takes nothing from, whoever has signed in since", async () => {
    const { me } = (await (await context.request.get(`${site.url}/api/me`)).json()) as { me: { id: string } };
    const stale = { headers: { "x-gradus-person": `${me.id}x` } };
    expect((await context.request.get(`${site.url}/api/cells?lesson=${lesson}`, stale)).status()).toBe(401);
    const cell = { lesson, cell: "fit", source: "x", version: "v", at: Date.now() };
    expect((await context.request.post(`${site.url}/api/cells`, { ...stale, data: { cells: [cell] } })).status()).toBe(401);
    const other = await context.newPage();
    await open(other);
    await shows(other, "model", "// Lin, not sent");
    await signOut(page);
    await expect.poll(() => textOf(other, "model")).toContain("Sequential");
    await context.close();
  });

  test("however somebody signs in, guests' work goes along", async () => {
    const elsewhere = await device();
    const guest = await elsewhere.newPage();
    await open(guest);
    await write(guest, "data", "// before any page knew");
    await status(guest, "Saved on this device");
    await elsewhere.request.post(`${site.url}/sign-in?/in`, {
      form: { email: "mo@example.org", password },
      headers: { origin: site.url, accept: "application/json", "x-sveltekit-action": "true" },
    });
    await open(guest);
    await shows(guest, "data", "// before any page knew");
    await untilOnServer(elsewhere, "// before any page knew", "data");
    // What the server had is not lost.
    await place(guest, "data").getByRole("button", { name: "History" }).click();
    await place(guest, "data").locator(".history").getByText("// Mo").waitFor();
    await elsewhere.close();
  });
});

describe("with a server that fails", () => {
  let context: BrowserContext;
  let page: Page;
  beforeAll(async () => {
    context = await device();
    page = await context.newPage();
    await signUp(page, "Ira");
  });

  test("what is handed in survives errors and limits, and arrives once", async () => {
    const answers = [500, 429, 502];
    const statuses: number[] = [];
    page.on("response", (r) => {
      if (r.url().endsWith("/api/submissions")) statuses.push(r.status());
    });
    await page.route("**/api/submissions", (route) => {
      const code = answers.shift();
      return code ? route.fulfill({ status: code, json: { message: "Not now." } }) : route.continue();
    });
    await open(page, "01-arrays");
    const exercise = page.locator('[data-exercise="largest-entry"]');
    await write(
      page,
      "largest-entry",
      "const U = arange(12).reshape([3, 4]).sub(5);\nconst V = arange(20).reshape([4, 5]).mod(7);\nconst largest = U.matmul(V).max();",
    );
    await exercise.getByRole("button", { name: "Check" }).click();
    await page.locator('[data-exercise="largest-entry"][data-solved="true"]').waitFor({ timeout: patience });
    await status(page, "Saved on this device only; the server is asked again");
    await expect.poll(() => statuses, { timeout: patience }).toEqual([500, 429, 502, 201]);
    await status(page, "Saved");
    await page.reload();
    await page.waitForLoadState("networkidle");
    expect(statuses).toHaveLength(4);
  });

  test("an ended session is told, the work goes on being kept, and is sent after signing in again", async () => {
    await open(page);
    await write(page, "model", "// while signed in");
    await status(page, "Saved");
    await context.clearCookies();
    await write(page, "model", "// after the session");
    await page.getByText("You are not signed in any more. Ira's work").waitFor();
    await status(page, "Saved on this device only: sign in again");
    await page.reload();
    await shows(page, "model", "// after the session");
    await page.getByRole("link", { name: "Sign in again" }).click();
    await signIn(page, "Ira");
    await shows(page, "model", "// after the session");
    await untilOnServer(context, "// after the session");
    expect(await page.getByText("not signed in any more").count()).toBe(0);
  });

  test("what is typed while the server's texts are on their way stands; theirs goes to the history", async () => {
    const second = await device(context);
    const slow = await second.newPage();
    let asked = 0;
    const typed = Promise.withResolvers<void>();
    await slow.route("**/api/cells?*", async (route) => {
      asked++;
      await typed.promise;
      await route.continue();
    });
    await open(slow);
    await write(slow, "model", "// typed meanwhile");
    expect(asked).toBeLessThanOrEqual(1);
    const texts = slow.waitForResponse((r) => r.url().includes("/api/cells?"));
    typed.resolve();
    await texts;
    await untilOnServer(second, "// typed meanwhile");
    expect(await textOf(slow, "model")).toContain("// typed meanwhile");
    await place(slow, "model").getByRole("button", { name: "History" }).click();
    await place(slow, "model").locator(".history").getByText("// after the session").waitFor();
    // Exercises that were solved elsewhere are solved here.
    await open(slow, "01-arrays");
    await slow.locator('[data-exercise="largest-entry"][data-solved="true"]').waitFor();
    await second.close();
  });

  test("a tab that is closed at once after typing loses nothing", async () => {
    const tab = await context.newPage();
    await open(tab);
    await write(tab, "data", "// last words");
    await tab.close();
    await untilOnServer(context, "// last words", "data");
    await context.route("**/api/cells", (route) => (isPost(route) ? route.abort() : route.continue()));
    const next = await context.newPage();
    await open(next);
    await write(next, "data", "// and without a server");
    await next.close();
    await context.unroute("**/api/cells");
    const last = await context.newPage();
    await open(last);
    await shows(last, "data", "// and without a server");
    await untilOnServer(context, "// and without a server", "data");
    await last.close();
  });

  test("what is reset offline stays reset, and what was there is in the history", async () => {
    await open(page);
    await shows(page, "data", "// and without a server");
    await status(page, "Saved");
    await context.setOffline(true);
    await place(page, "data").getByRole("button", { name: "Reset" }).click();
    await status(page, "Offline: saved on this device");
    await context.setOffline(false);
    await page.reload();
    await untilOnServer(context, undefined, "data");
    expect(await textOf(page, "data")).not.toContain("without a server");
    const cell = place(page, "data");
    await cell.getByRole("button", { name: "History" }).click();
    await cell.locator(".history li", { hasText: "// and without a server" }).getByRole("button").click();
    await shows(page, "data", "// and without a server");
    await untilOnServer(context, "// and without a server", "data");
  });

  test("an exercise that was begun anew keeps its history", async () => {
    await open(page);
    page.once("dialog", (dialog) => void dialog.accept());
    await write(page, "predict-one", "// an attempt");
    await page.locator('[data-exercise="predict-one"]').getByRole("button", { name: "Start over" }).click();
    const cell = place(page, "predict-one");
    await cell.getByRole("button", { name: "History" }).click();
    await cell.locator(".history").getByText("// an attempt").waitFor();
  });

  test("a notebook is on another device too, with its history", async () => {
    await page.goto(`${site.url}/scratch`);
    await page.locator("[data-cell]").first().waitFor();
    await page.waitForLoadState("networkidle");
    const cell = (await page.locator("[data-cell]").first().getAttribute("data-cell"))!;
    await page.getByLabel("Title").fill("On the train");
    await write(page, cell, "// first thoughts");
    await status(page, "Saved");
    const second = await device(context);
    const there = await second.newPage();
    await there.goto(`${site.url}/scratch`);
    await there.locator(".cm-content").getByText("// first thoughts").waitFor();
    expect(await there.getByLabel("Title").inputValue()).toBe("On the train");
    await write(there, cell, "// second thoughts");
    await status(there, "Saved");
    await page.reload();
    await page.locator(".cm-content").getByText("// second thoughts").waitFor();
    await page.getByRole("button", { name: "History" }).click();
    await page.locator(".history button").first().click();
    await page.locator(".cm-content").getByText("// first thoughts").waitFor();
    await second.close();
  });
});

test("an open page learns of a newer course, and loads it without losing a word", async () => {
  const context = await device();
  const page = await context.newPage();
  await open(page);
  await write(page, "model", "// half a thought");
  await page.route("**/_app/version.json", (route) => route.fulfill({ json: { version: "newer" } }));
  await page.evaluate(() => window.dispatchEvent(new Event("focus")));
  await page.getByText("This course has a newer version.").waitFor();
  await page.route("**/versions.json", (route) => route.fulfill({ json: { [lesson]: "newer" } }));
  await page.unroute("**/_app/version.json");
  await write(page, "model", "// a whole thought");
  await page.getByRole("button", { name: "Load it" }).click();
  await page.waitForLoadState("load");
  await shows(page, "model", "// a whole thought");
  await page.route("**/_app/version.json", (route) => route.fulfill({ json: { version: "newer" } }));
  await page.evaluate(() => window.dispatchEvent(new Event("focus")));
  await page.getByText("This lesson has a newer version.").waitFor();
  await context.close();
});
