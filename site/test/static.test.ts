import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser } from "../../scripts/browser.ts";
import { patience } from "./server.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = `${root}site/build-static`;
let browser: Browser;
let server: Server;
let url = "";

/** A web host that knows nothing but files: no headers of ours, no server program. */
beforeAll(async () => {
  const { status, stderr } = spawnSync(process.execPath, ["scripts/build-site.ts"], {
    cwd: root,
    env: { ...process.env, GRADUS_STATIC: "1" },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  const types: Record<string, string> = {
    html: "text/html",
    js: "text/javascript",
    css: "text/css",
    json: "application/json",
    svg: "image/svg+xml",
  };
  server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://x").pathname);
    for (const name of [path, `${path}.html`, `${path.replace(/\/$/, "")}/index.html`]) {
      const bytes = path.includes("..") ? null : await readFile(folder + name).catch(() => null);
      if (!bytes) continue;
      response.setHeader("content-type", types[name.split(".").at(-1)!] ?? "application/octet-stream");
      return response.end(bytes);
    }
    response.statusCode = 404;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await launchBrowser();
}, 600_000);
afterAll(async () => {
  await browser?.close();
  server?.close();
});

test("as files on any web host, lessons run, quizzes are graded, and nobody is asked to sign in", async () => {
  const context = await browser.newContext();
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  await page.goto(`${url}/lessons/00-start`);
  await page.getByRole("button", { name: "Run all" }).click();
  await page.locator('[data-cell="knobs"][data-state="done"]').waitFor();
  const question = page.locator('[data-question="q2"]');
  await question.getByRole("textbox").fill("4");
  await question.getByRole("button", { name: /Check/ }).click();
  await question.getByText("Right.").waitFor();
  expect(await page.getByText("Sign in").count()).toBe(0);
  // What was visited is there without a network.
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null, undefined, { timeout: patience });
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
  await page.goto(`${url}/lessons/00-start`, { waitUntil: "networkidle" });
  await context.setOffline(true);
  await page.reload();
  expect(await page.locator("h1").innerText()).toBe("A network in a minute");
  await context.close();
});
