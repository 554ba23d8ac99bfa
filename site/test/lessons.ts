import { type Check, cellsOf, exercisesOf } from "@gradus/course";
import { loadCourse } from "@gradus/course/node";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchBrowser } from "../../scripts/browser.ts";
import { profile, runOnOneThread } from "./browser.ts";
import { patience, type Site, startSite } from "./server.ts";

let site: Site;
let browser: Browser;
let page: Page;

const cell = (id: string) => page.locator(`[data-cell="${id}"]`);
const ended = (id: string) =>
  page.locator(`[data-cell="${id}"]:is([data-state="done"], [data-state="error"])`).waitFor({ timeout: patience });
const complaint = async (id: string) =>
  (await cell(id).getAttribute("data-state")) === "error" ? `${id}: ${await cell(id).innerText()}` : null;

async function write(id: string, source: string): Promise<void> {
  // A figure's code is folded away.
  const folded = cell(id).getByRole("button", { name: "Show the code" });
  if (await folded.count()) await folded.click();
  await cell(id).locator(".editor").hover();
  const editor = cell(id).locator(".cm-content");
  await editor.waitFor();
  await editor.click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.insertText(source);
}

/** One program of all that the prose says; what does not hold ends it. */
const program = (stated: readonly Check[]) =>
  `import { check } from "@gradus/notebook";\n${stated
    .map(
      (s) => `try {\n${s.code}\n} catch (error) {\n  throw new Error(${JSON.stringify(s.name)} + " does not hold: " + error.message);\n}`,
    )
    .join("\n")}`;

/** Tests every so manieth lesson in a page, from the one with this number on: files with a share each run side by side. */
export async function testLessons({ first, every }: { first: number; every: number }): Promise<void> {
  const share = (await loadCourse()).filter((_, i) => i % every === first);

  beforeAll(async () => {
    [site, browser] = await Promise.all([startSite(), launchBrowser()]);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.stop();
  });

  describe.each(share.map((lesson) => ({ slug: lesson.slug, lesson })))("$slug in a page", ({ lesson }) => {
    beforeAll(async () => {
      const context = await profile(browser, { serviceWorkers: "block" });
      await runOnOneThread(context);
      page = await context.newPage();
      page.on("dialog", (dialog) => void dialog.accept());
      await page.goto(`${site.url}/lessons/${lesson.slug}`, { waitUntil: "networkidle" });
    });
    afterAll(() => page.context().close());

    // That every solution is accepted, and no starter, is seen when the site is built, and by solutions.test.ts.
    test("runs every cell, the exercises solved, and gives the numbers that its text states", async () => {
      const cells = cellsOf(lesson);
      for (const { id, solution } of exercisesOf(lesson)) await write(id, solution);
      await page.getByRole("button", { name: "Run all" }).click();
      for (const { id } of cells) await ended(id);
      expect((await Promise.all(cells.map(({ id }) => complaint(id)))).filter(Boolean)).toEqual([]);

      if (!lesson.stated.length) return;
      const { id } = cells.at(-1)!;
      await write(id, program(lesson.stated));
      await page.keyboard.press("ControlOrMeta+Enter");
      await page.locator(`[data-cell="${id}"][data-stale="false"]`).waitFor();
      await ended(id);
      expect(await complaint(id)).toBeNull();
    });
  });
}
