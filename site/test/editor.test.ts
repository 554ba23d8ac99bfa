import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchBrowser } from "../../scripts/browser.ts";
import { patience, type Site, startSite } from "./server.ts";

let site: Site;
let browser: Browser;
let page: Page;
const asked: string[] = [];
const problems: string[] = [];

beforeAll(async () => {
  [site, browser] = await Promise.all([startSite(), launchBrowser()]);
  const context = await browser.newContext();
  context.setDefaultTimeout(patience);
  page = await context.newPage();
  context.on("request", (request) => asked.push(request.url()));
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
});
afterAll(async () => {
  await browser?.close();
  await site?.stop();
});

const typesAsked = () => asked.filter((url) => /language\.worker|generated\/types/.test(url));
const editor = (cell: string) => page.locator(`[data-cell="${cell}"] .cm-content`);

async function write(cell: string, source: string): Promise<void> {
  await page.locator(`[data-cell="${cell}"] .editor`).hover();
  await editor(cell).click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.insertText(source);
}

describe("the editor of a cell", () => {
  test("loads types only when it is used", async () => {
    await page.goto(`${site.url}/lessons/01-arrays`);
    await page.waitForLoadState("networkidle");
    expect(typesAsked()).toEqual([]);
    await page.locator('[data-cell="shapes"] .editor').hover();
    await editor("shapes").click();
    await expect.poll(() => typesAsked().length).toBe(2);
  });

  test("completes members of what an earlier cell has made, with their docstrings", async () => {
    await write("shapes", "A.cums");
    await page.keyboard.press("Control+Space");
    const list = page.locator(".cm-tooltip-autocomplete");
    await list.getByText("cumsum", { exact: true }).waitFor();
    await page.locator(".cm-completionInfo").getByText("Tensor").first().waitFor();
    await page.keyboard.press("Enter");
    expect(await editor("shapes").innerText()).toContain("A.cumsum");
  });

  test("completes a name that is not imported, and imports it", async () => {
    await write("shapes", "const t = 1;\n");
    await page.keyboard.type("logsumex");
    await page.locator(".cm-tooltip-autocomplete").getByText("logsumexp", { exact: true }).waitFor();
    await page.waitForTimeout(200); // the list takes no key at once, so that nobody accepts what has just jumped up
    await page.keyboard.press("Enter");
    expect(await editor("shapes").innerText()).toContain('import { logsumexp } from "@gradus/tensor";\nconst t = 1;\nlogsumexp');
  });

  test("shows the signature while a call is typed, and lets it go with Escape", async () => {
    await page.keyboard.type("(");
    const hint = page.locator(".cm-tooltip.explained strong").first();
    await hint.waitFor();
    expect(await hint.innerText()).toMatch(/^x: /);
    await page.keyboard.press("Escape");
    await hint.waitFor({ state: "detached" });
  });

  test("tells the type and the docstring of what the pointer rests on", async () => {
    await write("shapes", "A.reshape([3, 2])");
    await page.locator('[data-cell="shapes"] .cm-line').getByText("reshape").hover();
    await page.locator(".cm-tooltip-hover").getByText("Tensor").first().waitFor();
  });

  test("underlines a type error in its line, and what a notebook allows not at all", async () => {
    await write("shapes", 'const fine = A.add(1);\nA.matmull(A);\nconst A = "again";');
    const wrong = page.locator('[data-cell="shapes"] .cm-lintRange-error');
    await expect.poll(() => wrong.count()).toBeGreaterThan(0);
    await write("shapes", "const fine = A.add(1);\nA.matmull(A);");
    await expect.poll(() => wrong.allInnerTexts()).toEqual(["matmull"]);
    await write("shapes", 'const A = "again";\nA.toUpperCase()');
    await expect.poll(() => wrong.count()).toBe(0);
    await page.locator('[data-cell="shapes"]').getByRole("button", { name: "Run" }).click();
    await page.locator('[data-cell="shapes"]').getByText("AGAIN").waitFor();
    expect(problems).toEqual([]);
  });
});
