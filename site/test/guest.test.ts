import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchBrowser } from "../../scripts/browser.ts";
import { patience, type Site, startSite } from "./server.ts";

let site: Site;
let browser: Browser;
let context: BrowserContext;
let page: Page;
const problems: string[] = [];

beforeAll(async () => {
  [site, browser] = await Promise.all([startSite(), launchBrowser()]);
  context = await browser.newContext();
  context.setDefaultTimeout(patience);
  page = await context.newPage();
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  page.on("dialog", (dialog) => void dialog.accept());
});
afterAll(async () => {
  await browser?.close();
  await site?.stop();
});

const state = (cell: string) => page.locator(`[data-cell="${cell}"]`).getAttribute("data-state");
const untilState = (cell: string, wanted: string) =>
  page.locator(`[data-cell="${cell}"][data-state="${wanted}"]`).waitFor({ timeout: patience });

/** Types a program into a cell in place of what is there. */
async function write(cell: string, source: string): Promise<void> {
  const place = page.locator(`[data-cell="${cell}"]`);
  await place.locator(".editor").hover();
  const editor = place.locator(".cm-content");
  await editor.waitFor();
  await editor.click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.insertText(source);
}

describe("a guest", () => {
  test("reads a lesson before any script runs, with what its cells show", async () => {
    const plain = await browser.newContext({ javaScriptEnabled: false });
    const reader = await plain.newPage();
    await reader.goto(`${site.url}/lessons/00-start`);
    expect(await reader.locator("h1").innerText()).toBe("A network in a minute");
    expect(await reader.locator('[data-cell="data"] svg circle').count()).toBe(120);
    expect(await reader.locator('[data-cell="train"] svg').count()).toBe(1);
    await plain.close();
  });

  test("opens the first lesson from the home page and runs every cell", async () => {
    await page.goto(site.url);
    await page.getByRole("link", { name: "Train a network" }).click();
    await page.waitForURL("**/lessons/00-start");
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    await page.getByRole("button", { name: "Run all" }).click();
    for (const cell of ["data", "model", "train", "fit", "knobs"]) await untilState(cell, "done");
    await page.locator('[data-cell="train"] .plot-frame svg').waitFor();
    expect(await page.locator('[data-cell="train"] progress').getAttribute("value")).toBe("300");
  });

  test("sees what depends on a changed cell marked as out of date", async () => {
    await write(
      "model",
      'import { Dense, Sequential } from "@gradus/nn";\nconst model = new Sequential([new Dense(2, { activation: "tanh", inputShape: [1] }), new Dense(1)]);\nmodel',
    );
    await page.locator('[data-cell="model"][data-stale="true"]').waitFor();
    expect(await page.locator('[data-cell="fit"]').getAttribute("data-stale")).toBe("true");
    expect(await page.locator('[data-cell="data"]').getAttribute("data-stale")).toBe("false");
    await page.keyboard.press("ControlOrMeta+Enter");
    await page.locator('[data-cell="model"][data-stale="false"][data-state="done"]').waitFor();
  });

  test("moves a slider, and the figure is computed anew", async () => {
    const slider = page.locator('[data-cell="knobs"] input[type="range"]').first();
    const before = await page.locator('[data-cell="knobs"] .plot-frame').innerHTML();
    await slider.focus();
    for (let i = 0; i < 5; i++) await page.keyboard.press("PageDown");
    await page.waitForFunction((old) => document.querySelector('[data-cell="knobs"] .plot-frame')?.innerHTML !== old, before, {
      timeout: patience,
    });
    await untilState("knobs", "done");
  });

  test("is told which check failed, then solves the exercise", async () => {
    const exercise = page.locator('[data-exercise="predict-one"]');
    await exercise.getByRole("button", { name: "Check" }).click();
    await exercise.getByText("The value differs.").waitFor();
    expect(await exercise.locator("dd").first().innerText()).toBe("0");
    expect(await exercise.getAttribute("data-solved")).toBe("false");
    await write(
      "predict-one",
      'import { array } from "@gradus/tensor";\nconst input = array([[0.5]]);\nconst guess = await (await model.predict(input)).item();',
    );
    await exercise.getByRole("button", { name: "Check" }).click();
    await page.locator('[data-exercise="predict-one"][data-solved="true"]').waitFor();
  });

  test("answers a quiz", async () => {
    const question = page.locator('[data-question="q2"]');
    await question.getByRole("textbox").fill("5");
    await question.getByRole("button", { name: /Check/ }).click();
    await question.getByText("Not right.").waitFor();
    await question.getByRole("textbox").fill("4");
    await question.getByRole("button", { name: /Check/ }).click();
    await question.getByText("Right.").waitFor();
  });

  test("stops a loop without end, keeps the variables, and goes on", async () => {
    await write("fit", "let turns = 0;\nwhile (true) turns++;");
    await page.keyboard.press("ControlOrMeta+Enter");
    await untilState("fit", "running");
    await page.locator('[data-cell="fit"]').getByRole("button", { name: "Stop" }).click();
    await untilState("fit", "stopped");
    await write("fit", "turns > 0 && x.shape[0]");
    await page.keyboard.press("ControlOrMeta+Enter");
    await untilState("fit", "done");
    expect(await page.locator('[data-cell="fit"] .outputs').innerText()).toContain("120");
  });

  test("stops even code that never looks up", async () => {
    await write("fit", 'const f = new Function("while (true);"); f();');
    await page.keyboard.press("ControlOrMeta+Enter");
    await untilState("fit", "running");
    await page.locator('[data-cell="fit"]').getByRole("button", { name: "Stop" }).click();
    await untilState("fit", "stopped");
    await page.getByText("variables are gone").waitFor();
  });

  test("finds an error at its line", async () => {
    await write("fit", "const a = 1;\nconst b = a +\n  missing;");
    await page.keyboard.press("ControlOrMeta+Enter");
    await untilState("fit", "error");
    expect(await page.locator('[data-cell="fit"] .failure').innerText()).toMatch(/line [23][\s\S]*missing is not defined/);
  });

  test("goes offline and returns: own code and results are there, cells run", async () => {
    await page.locator("header.top").getByText("Saved on this device").waitFor();
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null, undefined, { timeout: patience });
    await page.goto(`${site.url}/lessons/00-start`, { waitUntil: "networkidle" });
    await page.waitForFunction(
      async () =>
        (await caches.keys()).length > 0 &&
        (await (await caches.open((await caches.keys())[0]!)).keys()).some((r) => r.url.includes("kernel.js")),
      undefined,
      { timeout: patience },
    );
    await context.setOffline(true);
    await page.goto(`${site.url}/lessons/00-start`);
    await page.locator('[data-exercise="predict-one"][data-solved="true"]').waitFor();
    await page.getByText("Offline").waitFor();
    await page.locator('[data-cell="data"]').getByRole("button", { name: "Run" }).click();
    await untilState("data", "done");
    expect(await state("data")).toBe("done");
    await context.setOffline(false);
  });

  test("shares a scratch page by link", async () => {
    await page.goto(`${site.url}/scratch`);
    await page.locator(".cm-content, .code").first().waitFor();
    const cell = (await page.locator("[data-cell]").first().getAttribute("data-cell"))!;
    await write(cell, "6 * 7");
    await page.keyboard.press("ControlOrMeta+Enter");
    await untilState(cell, "done");
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.locator("summary").first().click();
    await page.getByRole("button", { name: "Share by link" }).click();
    await page.getByText("The link is in the clipboard.").waitFor();
    const link = await page.evaluate(() => navigator.clipboard.readText());
    expect(link).toContain("#n=");
    const other = await (await browser.newContext()).newPage();
    await other.goto(link);
    await other.locator(".cm-content").waitFor();
    expect(await other.locator(".cm-content").innerText()).toContain("6 * 7");
    await other.context().close();
  });

  test("met no error on the way", () => {
    expect(problems.filter((p) => !p.includes("ERR_INTERNET_DISCONNECTED"))).toEqual([]);
  });
});
