import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchBrowser } from "../../scripts/browser.ts";
import { profile } from "./browser.ts";
import { patience, type Site, startSite } from "./server.ts";

let site: Site;
let browser: Browser;
/** A name that is not this machine's own: what a browser makes of a site in a room's network. */
const elsewhere = "gradus.test";

beforeAll(async () => {
  [site, browser] = await Promise.all([startSite(), launchBrowser([`--host-resolver-rules=MAP ${elsewhere} 127.0.0.1`])]);
});
afterAll(async () => {
  await browser?.close();
  await site?.stop();
});

/** A visitor of one's own, who agrees to whatever is asked. */
async function visit(path: string, options: Parameters<Browser["newContext"]>[0] = {}): Promise<{ page: Page; context: BrowserContext }> {
  const context = await profile(browser, options);
  const page = await context.newPage();
  page.on("dialog", (dialog) => void dialog.accept());
  await page.goto(path.startsWith("http") ? path : site.url + path);
  return { page, context };
}

const cellOf = (page: Page, id: string) => page.locator(`[data-cell="${id}"]`);
const untilState = (page: Page, id: string, state: string) =>
  page.locator(`[data-cell="${id}"][data-state="${state}"]`).waitFor({ timeout: patience });

async function write(page: Page, id: string, source: string): Promise<void> {
  await cellOf(page, id).locator(".editor").hover();
  await cellOf(page, id).locator(".cm-content").click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.insertText(source);
}

describe("stopping", () => {
  test("ends checks that call a function without end, and hands nothing in; restarting does, too", async () => {
    const { page, context } = await visit("/lessons/03-gradient-descent");
    const exercise = page.locator('[data-exercise="by-hand-gradient"]');
    const checking = exercise.locator(".status", { hasText: "checking" });
    await write(page, "by-hand-gradient", "const slopes = (theta: Tensor) => { while (true); };");
    for (const end of ["Stop", "Restart"]) {
      await exercise.getByRole("button", { name: "Check" }).click();
      await checking.waitFor({ timeout: patience });
      await page.getByRole("button", { name: end }).first().click();
      await checking.waitFor({ state: "detached" });
      await exercise.locator("button:not([disabled])", { hasText: "Check" }).waitFor();
      expect(await exercise.locator(".score").count(), end).toBe(0);
      expect(await page.getByRole("button", { name: "Stop" }).count()).toBe(0);
    }
    // The engine is as good as new.
    await write(page, "by-hand-gradient", "const slopes = (theta: Tensor) => [0, 0];");
    await exercise.getByRole("button", { name: "Check" }).click();
    await exercise.locator(".score").waitFor({ timeout: patience });
    expect(await exercise.locator(".score").innerText()).toBe("0 of 1 points");
    await context.close();
  });

  test("works while the engine loads, and cells run once it is there", async () => {
    const { page, context } = await visit("/lessons/00-start");
    let arrives = () => {};
    const arrived = new Promise<void>((resolve) => (arrives = resolve));
    await page.route("**/sandbox/kernel.js*", async (route) => {
      await arrived;
      await route.continue();
    });
    await cellOf(page, "data").getByRole("button", { name: "Run" }).click();
    await page.getByText("Loading the engine").waitFor();
    await cellOf(page, "data").getByRole("button", { name: "Stop" }).click();
    await untilState(page, "data", "idle");
    expect(await page.getByText("Loading the engine").count()).toBe(0);
    await page.getByRole("button", { name: "Restart" }).click();
    await cellOf(page, "data").getByRole("button", { name: "Run" }).click();
    arrives();
    await untilState(page, "data", "done");
    await context.close();
  });
});

describe("controls", () => {
  test("a slider stays under the hand while the figure follows, and ends where it was let go", async () => {
    const { page, context } = await visit("/lessons/06-neural-networks");
    const slider = page.locator('input[type="range"]').first();
    await slider.scrollIntoViewIfNeeded();
    const box = (await slider.boundingBox())!;
    const across = (share: number) => [box.x + box.width * share, box.y + box.height / 2] as const;
    const cell = slider.locator("xpath=ancestor::*[@data-cell]");
    const drawn = () => cell.locator(".plot-frame").first().innerHTML();
    const before = await drawn();
    await page.mouse.move(...across(0.5));
    await page.mouse.down();
    // Each value that the thumb has, seen at every frame.
    await slider.evaluate((input: HTMLInputElement) => {
      const seen: number[] = [];
      Object.assign(window, { seen });
      const look = () => {
        if (seen.at(-1) !== input.valueAsNumber) seen.push(input.valueAsNumber);
        requestAnimationFrame(look);
      };
      look();
    });
    for (let share = 0.5; share <= 0.9; share += 0.02) {
      await page.mouse.move(...across(share));
      await page.waitForTimeout(60);
    }
    // Live: the figure has followed before the hand lets go.
    await page.waitForFunction(
      ([id, old]) => document.querySelector(`[data-cell="${id}"] .plot-frame`)?.innerHTML !== old,
      [await cell.getAttribute("data-cell"), before] as const,
      { timeout: patience },
    );
    await page.mouse.up();
    const value = await slider.inputValue();
    await cell.and(page.locator('[data-state="done"]')).waitFor({ timeout: patience });
    await page.waitForTimeout(500);
    expect(await slider.inputValue()).toBe(value);
    const seen = await page.evaluate(() => (window as unknown as { seen: number[] }).seen);
    expect(seen.length).toBeGreaterThan(5);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    await context.close();
  });

  test("a board is played by mouse and keyboard: each move runs the cell, and the ones that need it", async () => {
    const { page, context } = await visit("/scratch");
    await page.locator(".cm-content").waitFor();
    await write(
      page,
      "cell-1",
      `import { custom } from "@gradus/notebook";
const stones = (moves: number[]) => Array.from({ length: 9 }, (_, i) => moves.includes(i) ? (moves.indexOf(i) % 2 ? "o" : "x") : "");
const { value: moves } = custom("board", (m: number[]) => ({ rows: 3, columns: 3, fields: stones(m) }), { alt: (m) => \`a board after \${m.length} moves\`, value: [] as number[] });
moves.join(" then ")`,
    );
    await page.keyboard.press("ControlOrMeta+Enter");
    await untilState(page, "cell-1", "done");
    const cell = cellOf(page, "cell-1");
    await cell.getByRole("button", { name: "row 2, column 2: empty" }).click();
    await cell.getByRole("button", { name: "row 2, column 2: x" }).waitFor();
    // From there by keyboard: one up, and play.
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    await cell.getByRole("button", { name: "row 1, column 2: o" }).waitFor();
    await cell.getByText("4 then 1").waitFor();
    expect(await cell.locator("svg").first().getAttribute("aria-label")).toBe("a board after 2 moves");
    // A field that is taken is no move.
    await cell.getByRole("button", { name: "row 2, column 2: x" }).dispatchEvent("click");
    await cell.getByRole("button", { name: "Take back" }).click();
    await cell.getByRole("button", { name: "row 1, column 2: empty" }).waitFor();
    await context.close();
  });

  test("moves from place to place are made by two clicks or by keyboard, with pieces in hand and a choice where there are several", async () => {
    const { page, context } = await visit("/scratch");
    await page.locator(".cm-content").waitFor();
    await write(
      page,
      "cell-1",
      `import { custom } from "@gradus/notebook";
const steps = [
  { from: 0, to: 3, move: 10, label: "queen" }, { from: 0, to: 3, move: 11, label: "knight" },
  { from: 0, to: 1, move: 12 }, { from: 4, to: 2, move: 13 },
];
const { value: moves } = custom("board", { rows: 2, columns: 2, fields: ["♙", "", "", ""], hands: [[], ["歩"]], names: ["a2", "b2", "a1", "b1"],
  words: { "♙": "white pawn" }, steps, others: [{ label: "pass", move: 14 }] }, { alt: "a small game", value: [] as number[] });
moves.join(" then ")`,
    );
    await page.keyboard.press("ControlOrMeta+Enter");
    await untilState(page, "cell-1", "done");
    const cell = cellOf(page, "cell-1");
    await cell.getByRole("button", { name: "a2: white pawn" }).click();
    await cell.getByRole("button", { name: "b1: empty, can go here" }).click();
    await cell.getByRole("button", { name: "knight" }).click();
    // In the output: the code has an 11 too.
    const said = (moves: string) => cell.locator("pre.text").getByText(moves, { exact: true }).waitFor();
    await said("11");
    // By keyboard: the piece in hand, below the first column, then to a1.
    await cell.getByRole("button", { name: "a1: empty" }).focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    await said("11 then 13");
    // A place from where nothing goes takes nothing along, and Escape lets go of what was taken.
    await cell.getByRole("button", { name: "b2: empty" }).dispatchEvent("click");
    await cell.getByRole("button", { name: "a2: white pawn" }).click();
    await page.keyboard.press("Escape");
    await cell.getByRole("button", { name: "b2: empty", exact: true }).dispatchEvent("click");
    await cell.getByRole("button", { name: "pass" }).click();
    await said("11 then 13 then 14");
    await context.close();
  });
});

test("a board is there before any script runs, as the build has drawn it, and can be played at once", async () => {
  const { page: reader, context: plain } = await visit("/reference/notebook/showing", { javaScriptEnabled: false });
  const drawing = reader.locator('svg[role="img"][aria-label="a board after 2 moves"]');
  expect(await drawing.locator("line").count()).toBe(8);
  expect(await drawing.locator("path").count()).toBe(1);
  await plain.close();
  const { page, context } = await visit("/reference/notebook/showing");
  const board = page.locator('svg[role="group"][aria-label="a board after 2 moves"]');
  await board.getByRole("button", { name: "row 3, column 3: empty" }).click();
  await page.locator('svg[aria-label="a board after 3 moves"]').waitFor({ timeout: patience });
  await context.close();
});

describe("a flood of outputs that goes around the kernel", () => {
  test("ends the cell, and the page stays usable", async () => {
    const { page, context } = await visit("/lessons/00-start");
    await write(
      page,
      "data",
      `const original = MessagePort.prototype.postMessage;
let port = null;
MessagePort.prototype.postMessage = function (...given) { port = this; return original.apply(this, given); };
console.log("catch the port");
for (let i = 0; i < 30000; i++) original.call(port, { type: "output", cell: "data", output: { id: "x" + i, content: { kind: "value", text: "flood" } } });
while (true);`,
    );
    await page.keyboard.press("ControlOrMeta+Enter");
    await untilState(page, "data", "error");
    expect(await cellOf(page, "data").locator(".failure").innerText()).toContain("more than a page can take");
    expect(await cellOf(page, "data").locator(".output").count()).toBeLessThan(1100);
    await write(page, "data", "6 * 7");
    await page.keyboard.press("ControlOrMeta+Enter");
    await untilState(page, "data", "done");
    expect(await cellOf(page, "data").locator(".outputs").innerText()).toContain("42");
    await context.close();
  });
});

describe("over plain HTTP in a room's network", () => {
  test("cells run and stop, a scratch page is made, and the link to it can be had", async () => {
    const { page, context } = await visit(`${site.url.replace("127.0.0.1", elsewhere)}/scratch`);
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(error.message));
    expect(await page.evaluate(() => isSecureContext)).toBe(false);
    await page.locator(".cm-content").waitFor();
    await page.getByRole("button", { name: "Add code" }).first().click();
    expect(await page.locator("[data-cell]").count()).toBe(2);
    await write(page, "cell-1", "6 * 7");
    await page.keyboard.press("ControlOrMeta+Enter");
    await untilState(page, "cell-1", "done");
    await write(page, "cell-1", "while (true);");
    await page.keyboard.press("ControlOrMeta+Enter");
    await untilState(page, "cell-1", "running");
    await cellOf(page, "cell-1").getByRole("button", { name: "Stop" }).click();
    await untilState(page, "cell-1", "stopped");
    await page.locator("details.tools summary").click();
    await page.getByRole("button", { name: "Share by link" }).click();
    // In the clipboard by the older way, or else in a field to copy from.
    await page.getByText(/The link is in the clipboard|copy the link from here/).waitFor();
    if (await page.getByLabel("Link to share").count()) expect(await page.getByLabel("Link to share").inputValue()).toContain("#n=");
    expect(problems).toEqual([]);
    await context.close();
  });
});

describe("offline", () => {
  test("lessons that were reached by links and only read are there after reloading", async () => {
    const { page, context } = await visit("/");
    await page.getByRole("link", { name: "Train a network" }).click();
    await page.waitForURL("**/lessons/00-start");
    await page.locator('a[rel="next"]').click();
    await page.waitForURL("**/lessons/01-arrays");
    const title = await page.locator("h1").innerText();
    const kept = (path: string) =>
      page.waitForFunction(async (p) => (await caches.match(p)) !== undefined, path, { timeout: patience, polling: 200 });
    await kept("/lessons/01-arrays");
    await kept("/lessons/00-start");
    await context.setOffline(true);
    await page.reload();
    expect(await page.locator("h1").innerText()).toBe(title);
    // With its style: what is there is what was there.
    expect(await page.evaluate(() => getComputedStyle(document.querySelector("h1")!).fontFamily)).toContain("Source Serif");
    await page.goto(`${site.url}/lessons/00-start`);
    expect(await page.locator("h1").innerText()).toBe("A network in a minute");
    await context.close();
  });

  test("a new version of the course keeps what was read with the one before", async () => {
    const { page, context } = await visit("/");
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    // What an earlier version has left: a page, with a text that is no longer true.
    await page.evaluate(async () => {
      for (const registration of await navigator.serviceWorker.getRegistrations()) await registration.unregister();
      for (const name of await caches.keys()) await caches.delete(name);
      const old = await caches.open("gradus-earlier");
      await old.put("/lessons/02-data", new Response("<h1>Old</h1>", { headers: { "content-type": "text/html" } }));
    });
    await page.goto(`${site.url}/`);
    await page.waitForFunction(async () => !(await caches.has("gradus-earlier")), undefined, { timeout: patience, polling: 200 });
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    await context.setOffline(true);
    await page.goto(`${site.url}/lessons/02-data`);
    expect(await page.locator("h1").innerText()).not.toBe("Old");
    expect(await page.locator("[data-cell]").count()).toBeGreaterThan(3);
    await context.close();
  });
});

describe("on paper", () => {
  test("a lesson is dark on white, whatever the screen was, and slides are forgotten after printing", async () => {
    const { page, context } = await visit("/lessons/00-start", { colorScheme: "dark" });
    await page.evaluate(() => (document.documentElement.dataset["theme"] = "dark"));
    const colours = () =>
      page.evaluate(() => {
        const { color, backgroundColor } = getComputedStyle(document.body);
        return [color, backgroundColor].map((c) => Number(/\d+/.exec(c)![0]));
      });
    expect((await colours())[0]).toBeGreaterThan(200);
    await page.emulateMedia({ media: "print" });
    const [ink, paper] = await colours();
    expect(ink).toBeLessThan(60);
    expect(paper).toBe(255);
    await page.emulateMedia({ media: "screen" });
    await page.evaluate(() => {
      window.print = () => {
        Object.assign(window, { printed: document.documentElement.dataset["print"] });
        dispatchEvent(new Event("afterprint"));
      };
    });
    await page.getByRole("button", { name: "Slides" }).click();
    expect(await page.evaluate(() => (window as unknown as { printed: string }).printed)).toBe("slides");
    expect(await page.evaluate(() => document.documentElement.dataset["print"])).toBe(undefined);
    await context.close();
  });

  test("slides have the shape of a screen, one or more a section, and hold all that is on them", async () => {
    for (const lesson of ["00-start", "01-arrays", "04-stochastic-gradient-descent"]) {
      const { page, context } = await visit(`/lessons/${lesson}`);
      await page.evaluate(() => (document.documentElement.dataset["print"] = "slides"));
      const pdf = (await page.pdf({ preferCSSPageSize: true, printBackground: true })).toString("latin1");
      const sizes = [...pdf.matchAll(/\/MediaBox\s*\[([^\]]*)\]/g)].map((m) => m[1]!.trim().split(/\s+/).map(Number));
      const sections = await page.locator(".prose > h2").count();
      expect(sizes.length, lesson).toBeGreaterThan(sections);
      for (const [, , width, height] of sizes) expect(width! / height!, lesson).toBeCloseTo(16 / 9, 2);
      // As wide as the text of a slide: nothing may be wider, and what cannot be broken, higher than a slide.
      await page.setViewportSize({ width: 845, height: 459 });
      await page.emulateMedia({ media: "print" });
      const misfits = await page.evaluate(() => {
        const article = document.querySelector("article")!.getBoundingClientRect();
        const visible = [...document.querySelectorAll<HTMLElement>("article *")].filter((e) => e.checkVisibility());
        const wide = visible.filter(
          (e) => e.getBoundingClientRect().right > article.right + 2 && !e.closest(".katex, svg, .visually-hidden"),
        );
        const high = visible.filter((e) => e.matches("svg, img, tr, .katex-display") && e.getBoundingClientRect().height > 459);
        return [...wide, ...high].map((e) => `${e.tagName}.${e.className}`).slice(0, 5);
      });
      expect(misfits, lesson).toEqual([]);
      await context.close();
    }
  });
});

describe("a file of one's own", () => {
  test("is read into the lesson's cells, after asking; what was exported comes back", async () => {
    const { page, context } = await visit("/lessons/00-start");
    const cells = [{ cell_type: "code", id: "knobs", metadata: {}, source: ["1 + ", "41"], execution_count: null, outputs: [] }];
    const notebook = { nbformat: 4, nbformat_minor: 5, metadata: {}, cells };
    await page.locator("details.tools summary").click();
    const give = (name: string, text: string) =>
      page.getByLabel("Import").setInputFiles({ name, mimeType: "text/plain", buffer: Buffer.from(text) });
    await give("own.ipynb", JSON.stringify(notebook));
    await page.getByText("1 cell has the file's code now.").waitFor();
    await cellOf(page, "knobs").getByRole("button", { name: "Run" }).click();
    await untilState(page, "knobs", "done");
    expect(await cellOf(page, "knobs").locator(".outputs").innerText()).toContain("42");
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: ".ts" }).click()]);
    const program = await (await import("node:fs/promises")).readFile((await download.path())!, "utf8");
    expect(program).toContain("1 + 41");
    await give("same.ts", program);
    await page.getByText("what the cells have already").waitFor();
    await give("own.ts", program.replace("1 + 41", "1 + 42"));
    await page.getByText("1 cell has the file's code now.").waitFor();
    await give("other.ts", "// %%\n1\n");
    await page.getByText("not those of this lesson").waitFor();
    await give("broken.ipynb", "{");
    await page.getByText("not a Jupyter notebook").waitFor();
    await context.close();
  });
});

test("in German, what screen readers hear of a cell is German", async () => {
  const { page, context } = await visit("/de/lessons/00-start");
  await cellOf(page, "data").getByRole("button", { name: "Ausführen" }).click();
  await untilState(page, "data", "done");
  await page.locator('[role="status"]', { hasText: "Zelle data: fertig" }).waitFor({ state: "attached" });
  await context.close();
});

describe("a page whose script is on its way", () => {
  /** Does something before the script has come, and goes on when it has. */
  async function before(deed: (page: Page) => Promise<void>, then: (page: Page) => Promise<void>): Promise<void> {
    const context = await profile(browser);
    const page = await context.newPage();
    const done = Promise.withResolvers<void>();
    await page.route("**/_app/immutable/entry/**", async (route) => {
      await done.promise;
      await route.continue();
    });
    const early = page.waitForResponse("**/early.js");
    await page.goto(`${site.url}/lessons/00-start`, { waitUntil: "commit" });
    await early;
    await page.waitForFunction(() => "early" in globalThis);
    await deed(page);
    done.resolve();
    await then(page);
    await context.close();
  }

  test(
    "runs the cell whose button was pressed before, when the script has come",
    () =>
      before(
        (page) => cellOf(page, "data").getByRole("button", { name: "Run" }).click(),
        (page) => untilState(page, "data", "done"),
      ),
    100_000,
  );

  test(
    "makes code editable that was clicked before, and takes what is typed then",
    () =>
      before(
        (page) => cellOf(page, "data").locator(".code").click(),
        async (page) => {
          await cellOf(page, "data").locator(".cm-content:focus").waitFor();
          await page.keyboard.type("// typed\n");
          await cellOf(page, "data").getByText("// typed").waitFor();
        },
      ),
    100_000,
  );

  test(
    "makes code editable that the pointer rests on",
    () =>
      before(
        (page) => cellOf(page, "data").locator(".editor").hover(),
        (page) => cellOf(page, "data").locator(".cm-content").waitFor(),
      ),
    100_000,
  );
});
