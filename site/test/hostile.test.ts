import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchBrowser } from "../../scripts/browser.ts";
import { profile } from "./browser.ts";
import { type Site, startSite } from "./server.ts";

let site: Site;
let browser: Browser;
let page: Page;
const dialogs: string[] = [];

beforeAll(async () => {
  [site, browser] = await Promise.all([startSite({ env: { GRADUS_LOG: "requests" } }), launchBrowser()]);
  const context = await profile(browser);
  page = await context.newPage();
  page.on("dialog", (dialog) => {
    dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  // Somebody who is signed in has something to lose.
  await page.goto(`${site.url}/setup?token=${site.token}`);
  await page.getByLabel("Name").fill("Ada");
  await page.getByLabel("E-mail").fill("ada@example.org");
  await page.getByLabel("Password").fill("a long password");
  await page.getByRole("button", { name: "Set up the site" }).click();
  await page.waitForURL("**/admin");
  await page.goto(`${site.url}/lessons/00-start`);
  await page.evaluate(() => localStorage.setItem("secret", "mine"));
});
afterAll(async () => {
  await browser?.close();
  await site?.stop();
});

/** Runs code in a cell and gives what stands below it. */
async function runCell(source: string): Promise<string> {
  const cell = page.locator('[data-cell="data"]');
  await cell.locator(".editor").hover();
  await cell.locator(".cm-content").click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.insertText(source);
  // It may have run before anybody can look: that it is or was running is told by what changes its state.
  const ended = await page.evaluateHandle(() => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const place = document.querySelector<HTMLElement>('[data-cell="data"]')!;
    let began = false;
    new MutationObserver((changes) => {
      began ||= place.dataset["state"] === "running" || changes.some((c) => c.oldValue === "running");
      if (began && ["done", "error", "stopped"].includes(place.dataset["state"]!)) resolve();
    }).observe(place, { attributeFilter: ["data-state"], attributeOldValue: true });
    return { promise };
  });
  await page.keyboard.press("ControlOrMeta+Enter");
  await ended.evaluate(({ promise }) => promise);
  return cell
    .locator(".outputs, .failure")
    .allInnerTexts()
    .then((all) => all.join("\n"));
}

const attempt = (code: string) =>
  runCell(
    `let outcome = "nothing";\ntry { outcome = "got " + String(await (async () => { ${code} })()); } catch (e) { outcome = "refused: " + e; }\noutcome`,
  );

describe("hostile code in a cell", () => {
  test("cannot read the page, its storage or its session", async () => {
    for (const code of [
      "return document.cookie",
      "return parent.document.body.innerHTML",
      "return top.location.href",
      "return localStorage.getItem('secret')",
      "return await new Promise((r, j) => { const q = indexedDB.open('gradus'); q.onsuccess = () => r('open'); q.onerror = () => j(q.error) })",
      "return (await caches.open('x')).keys()",
      "return await cookieStore.getAll()",
      "return await navigator.storage.getDirectory()",
    ])
      expect(await attempt(code), code).toContain("refused");
  });

  test("cannot call the site or anybody else", async () => {
    for (const code of [
      `return (await fetch("${site.url}/api/stolen")).text()`,
      `return (await fetch("${site.url}/api/stolen", { credentials: "include", headers: { "x-stolen": "1" } })).text()`,
      `return await new Promise((r, j) => { const x = new XMLHttpRequest(); x.open("GET", "${site.url}/api/stolen"); x.withCredentials = true; x.onload = () => r(x.responseText); x.onerror = () => j("no"); x.send() })`,
      `return await new Promise((r, j) => { const s = new WebSocket("${site.url.replace("http", "ws")}/stolen"); s.onopen = () => r("open"); s.onerror = () => j("no") })`,
      `return await new Promise((r, j) => { const s = new EventSource("${site.url}/stolen"); s.onopen = () => r("open"); s.onerror = () => j("no") })`,
      `importScripts("${site.url}/stolen.js"); return "loaded"`,
      `return Object.keys(await (new Function("return import('${site.url}/stolen.js')"))())`,
      `const w = new Worker("${site.url}/stolen.js"); return await new Promise((r, j) => { w.onerror = () => j("no"); w.onmessage = () => r("runs") })`,
      `const w = new Worker(URL.createObjectURL(new Blob(["fetch('${site.url}/api/stolen').then((r) => r.text()).then((t) => postMessage(t), (e) => postMessage('no ' + e))"]))); const said = await new Promise((r) => { w.onmessage = (e) => r(e.data) }); if (String(said).startsWith("no")) throw said; return said`,
      `const b = navigator.sendBeacon("${site.url}/stolen"); throw b`,
    ])
      expect(await attempt(code), code).toContain("refused");
    expect(site.log()).toContain("/api/me");
    expect(site.log()).not.toContain("stolen");
  });

  test("cannot bring HTML, scripts or nonsense into the page through what it shows", async () => {
    const evil = "<img src=x onerror=alert(1)><script>alert(2)</script>";
    await runCell(`import { bars, custom, image, line, markdown, plot, select, show, slider, table, text } from "@gradus/notebook";
const evil = ${JSON.stringify(evil)};
console.log(evil); show(evil); markdown(evil + "\\n\\n[click](javascript:alert(3)) ![x](https://example.org/stolen.png) $\\\\href{javascript:alert(4)}{x}$");
table([{ [evil]: evil }]); plot(line([1, 2], { label: evil }), text([1], [1], [evil]), { title: evil, x: evil, alt: evil }); plot(bars([evil], [1]));
slider(evil); select(evil, [evil]); custom(evil, { html: evil }, { alt: evil, value: evil }); custom("board", { rows: 1, columns: 1, fields: [evil] }, { alt: evil }); custom("board", { rows: 1, columns: 1, fields: ["<b>"] }, { alt: evil, value: [evil] }); throw new Error(evil)`);
    const found = await page.evaluate(() => ({
      scripts: document.querySelectorAll('[data-cell="data"] script').length,
      images: document.querySelectorAll('[data-cell="data"] img').length,
      handlers: [...document.querySelectorAll('[data-cell="data"] *')].filter((e) => e.getAttributeNames().some((n) => n.startsWith("on")))
        .length,
      links: [...document.querySelectorAll('[data-cell="data"] a')].filter((a) => (a.getAttribute("href") ?? "").startsWith("javascript"))
        .length,
    }));
    expect(found).toEqual({ scripts: 0, images: 0, handlers: 0, links: 0 });
  });

  test("cannot break the page by messages of its own making", async () => {
    await runCell(`const send = self.postMessage.bind(self);
for (const port of [self]) for (const bad of [null, 7, { type: "done" }, { type: "output", cell: "data", output: { id: "a", content: { kind: "drawn", svg: "<script>alert(5)</script>" } } }]) send(bad);
const original = MessagePort.prototype.postMessage;
let kernel = null;
MessagePort.prototype.postMessage = function (...given) { kernel = this; return original.apply(this, given); };
console.log("catch the port");
for (const content of [
  { kind: "drawn", svg: "<img src=x onerror=alert(6)>" },
  { kind: "images", images: [{ png: '"><script>alert(7)</script>', width: 1, height: 1 }], scale: 1, alt: "" },
  { kind: "plot", marks: [{ mark: "line", x: "a", y: {} }], options: {} },
  { kind: "plot", marks: [{ mark: "heatmap", values: [], rows: 1e9, columns: 1e9, x: [0, 1], y: [0, 1], numbers: true }], options: {} },
  { kind: "grid", columns: 1, cells: [{ content: { kind: "grid", columns: 1, cells: [] } }] },
  { kind: "text", level: "log", text: { toString: "x" } },
  { kind: "__proto__" }, null, "text",
]) kernel && original.call(kernel, { type: "output", cell: "data", output: { id: "x" + Math.random(), content } });
kernel && original.call(kernel, { type: "done", cell: "model", milliseconds: "x", error: { name: {}, message: [] }, defines: 3, uses: null });
kernel && original.call(kernel, { type: "output", cell: "__proto__", output: { id: "constructor", content: { kind: "text", level: "log", text: "x" } } });
"sent"`);
    expect(await page.locator('[data-cell="data"] svg script, [data-cell="data"] img').count()).toBe(0);
    expect(await page.getByText("This output cannot be shown.").count()).toBeGreaterThan(3);
    expect(await runCell("1 + 1")).toContain("2");
    expect(await page.locator('[data-cell="model"]').getAttribute("data-state")).toBe("idle");
  });

  test("cannot make its frame anything but a frame without rights", async () => {
    const response = (await page.context().request.get(`${site.url}/sandbox/frame.html`))!;
    const policy = response.headers()["content-security-policy"]!;
    for (const part of ["default-src 'none'", "connect-src data:", "sandbox allow-scripts", "frame-ancestors 'self'"])
      expect(policy).toContain(part);
    const frame = page.locator("iframe");
    expect(await frame.getAttribute("sandbox")).toBe("allow-scripts");
    const lesson = (await page.context().request.get(`${site.url}/lessons/00-start`))!;
    expect(lesson.headers()["x-frame-options"]).toBe("DENY");
    expect(await lesson.text()).toMatch(/http-equiv="content-security-policy" content="[^"]*script-src 'self' 'sha256/i);
  });

  test("an endless flood of outputs ends in a sentence", async () => {
    expect(await runCell("for (let i = 0; ; i++) { console.log(i); console.warn(i); }")).toContain("printed more than");
  });
});

describe("hostile texts of people", () => {
  const vectors = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1)) [b](data:text/html,<script>alert(1)</script>) [c](vbscript:x)",
    "<svg/onload=alert(1)> <iframe srcdoc='<script>alert(1)</script>'>",
    "![p](https://example.org/stolen.png)",
    "$\\href{javascript:alert(1)}{x}$ $\\includegraphics{https://example.org/stolen.png}$ $\\htmlData{x=y}{z}$",
    '<a href="https://example.org" onclick="alert(1)">x</a>',
    "```html\n<script>alert(1)</script>\n```",
    "\u202e<b>right to left</b>",
    `${"[".repeat(3000)}a${"](b)".repeat(3000)}`,
    `${"> ".repeat(3000)}deep`,
    "$".repeat(9000),
    `$${"\\frac{".repeat(500)}$`,
    "\\newcommand{\\x}{\\x\\x}$\\def\\x{\\x\\x}\\x$",
  ];

  test("a post shows them as text, whatever they try", async () => {
    await page.goto(`${site.url}/questions`);
    const ask = page.locator('form[method="POST"]');
    await ask.getByLabel("Title").fill("<script>alert(0)</script>");
    await ask.getByLabel("Text").fill(vectors[0]!);
    await ask.getByRole("button").click();
    await page.waitForURL(/questions\/[\w-]{36}$/);
    const url = page.url();
    for (const body of vectors.slice(1)) {
      const sent = await page
        .context()
        .request.post(`${url}?/answer`, { form: { body }, headers: { origin: site.url, accept: "application/json" } });
      expect(sent.status(), body.slice(0, 60)).toBe(200);
    }
    await page.goto(url);
    await page
      .locator("article.post")
      .nth(vectors.length - 1)
      .waitFor();
    const found = await page.evaluate(() => ({
      scripts: document.querySelectorAll("main script").length,
      elements: document.querySelectorAll("main iframe, main img, main svg[onload], main object, main embed").length,
      handlers: [...document.querySelectorAll("main *")].filter((e) => e.getAttributeNames().some((n) => n.startsWith("on"))).length,
      links: [...document.querySelectorAll("main a")]
        .map((a) => a.getAttribute("href") ?? "")
        .filter((h) => /^(javascript|data|vbscript):/i.test(h)),
    }));
    expect(found).toEqual({ scripts: 0, elements: 0, handlers: 0, links: [] });
  });

  test("requests from another site are refused", async () => {
    for (const [path, data] of [
      ["/api/cells", { cells: [] }],
      ["/questions", {}],
      ["/admin", {}],
    ] as const) {
      const answer = await page.context().request.post(site.url + path, { data, headers: { origin: "https://example.org" } });
      expect(answer.status(), path).toBe(403);
    }
  });

  test("oversized and senseless requests get an answer, not a crash", async () => {
    const post = (path: string, data: unknown) =>
      page.context().request.post(site.url + path, { data: data as object, headers: { origin: site.url } });
    const large = { cells: [{ lesson: "00-start", cell: "a", source: "x".repeat(3_000_000), version: "v", at: 1 }] };
    expect([400, 413]).toContain((await post("/api/cells", large)).status());
    for (const body of [
      [],
      "x",
      { cells: 1 },
      { cells: [{ lesson: "../..", cell: "a", source: "", version: "", at: 0 }] },
      { cells: [{ lesson: "__proto__", cell: "constructor", source: "1", version: "v", at: "now" }] },
    ])
      expect((await post("/api/cells", body)).status()).toBe(400);
    expect(
      (await post("/api/submissions", { lesson: "00-start", exercise: "none", sources: {}, results: [], sawSolution: false })).status(),
    ).toBe(404);
    expect((await post("/api/quiz/00-start/start-quiz/q1", { response: { a: [1, { b: 2 }] } })).status()).toBe(200);
    expect((await post("/api/quiz/none/none/none", { response: 1 })).status()).toBe(404);
    expect((await page.context().request.get(`${site.url}/questions/${"x".repeat(3000)}`)).status()).toBe(404);
    expect((await page.context().request.get(`${site.url}/lessons/..%2f..%2fpackage.json`)).status()).toBe(404);
    expect((await page.context().request.get(`${site.url}/sign-in?next=//example.org`)).status()).toBe(200);
    expect((await page.context().request.get(`${site.url}/api/health`)).status()).toBe(200);
  });

  test("nothing that was tried has run or left the page", () => {
    expect(dialogs).toEqual([]);
    expect(site.log()).not.toContain("stolen");
  });
});
