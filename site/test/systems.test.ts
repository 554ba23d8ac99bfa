import { encodePng } from "@gradus/data";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchBrowser } from "../../scripts/browser.ts";
import { patience, type Site, startSite } from "./server.ts";

let site: Site;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  // A camera that shows a pattern, and nobody who has to allow it.
  const camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];
  [site, browser] = await Promise.all([startSite(), launchBrowser(camera)]);
  page = await browser.newPage();
  page.setDefaultTimeout(patience);
});
afterAll(async () => {
  await browser?.close();
  await site?.stop();
});

const cell = (id: string) => page.locator(`[data-cell="${id}"]`);
const state = (id: string, is: string) => page.locator(`[data-cell="${id}"][data-state="${is}"]`).waitFor({ timeout: patience });
const says = async (id: string) => /It says: (\w+)/.exec(await cell(id).innerText())?.[1];

describe("ResNet", () => {
  test("has a door on the home page, with a picture that its own network made", async () => {
    await page.goto(site.url);
    const door = page.getByRole("link", { name: /ResNet/ });
    const picture = door.locator("img");
    await picture.scrollIntoViewIfNeeded();
    await expect.poll(() => picture.evaluate((img: HTMLImageElement) => img.complete && img.naturalWidth)).toBeGreaterThan(500);
    await door.click();
    await page.waitForURL(/16-resnet/);
  });

  test("tells what is on a picture of the reader's: opened, dropped or photographed", async () => {
    await page.goto(`${site.url}/lessons/16-resnet`, { waitUntil: "networkidle" });
    expect(await says("show")).toBeTruthy(); // as the build has seen it
    // A white thing on blue, as aeroplanes and ships are.
    const data = Uint8Array.from({ length: 48 * 48 * 3 }, (_, i) => {
      const [y, x] = [Math.floor(i / 144), Math.floor((i % 144) / 3)];
      return Math.abs(y - 24) < 4 && Math.abs(x - 24) < 18 ? 240 : [90, 140, 210][i % 3]!;
    });
    const png = Buffer.from(await encodePng({ dtype: "uint8", shape: [48, 48, 3], data }));
    const input = cell("show").locator('input[type="file"]');
    await input.setInputFiles({ name: "plane.png", mimeType: "image/png", buffer: png });
    await cell("show").getByText("plane.png").waitFor();
    await state("show", "done");
    const opened = await says("show");
    expect(["airplane", "ship"]).toContain(opened);

    await page.getByRole("button", { name: "Restart" }).click();
    await cell("show").getByRole("button", { name: "Use the camera" }).click();
    await cell("show").locator("video").waitFor();
    await expect
      .poll(() =>
        cell("show")
          .locator("video")
          .evaluate((v: HTMLVideoElement) => v.videoWidth),
      )
      .toBeGreaterThan(0);
    await cell("show").getByRole("button", { name: "Take the photograph" }).click();
    await cell("show").getByText("photograph.jpg").waitFor();
    await state("show", "done");
    expect(await says("show")).toBeTruthy();

    const drop = await page.evaluateHandle(
      (bytes) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(bytes)], "dropped.png", { type: "image/png" }));
        return transfer;
      },
      [...png],
    );
    await cell("show")
      .locator(".control", { has: page.locator('input[type="file"]') })
      .dispatchEvent("drop", { dataTransfer: drop });
    await cell("show").getByText("dropped.png").waitFor();
    await state("show", "done");
    expect(await says("show")).toBe(opened);
  });

  test("answers a file that is no picture with a sentence, and goes on with the next one", async () => {
    const input = cell("show").locator('input[type="file"]');
    await input.setInputFiles({ name: "notes.png", mimeType: "image/png", buffer: Buffer.from("not a picture") });
    await state("show", "error");
    expect(await cell("show").innerText()).toContain("neither a JPEG nor a PNG file");
  });
});

describe("GPT", () => {
  test("has a door on the home page, with a picture that its own network made", async () => {
    await page.goto(site.url);
    const door = page.getByRole("link", { name: /GPT/ });
    const picture = door.locator("img");
    await picture.scrollIntoViewIfNeeded();
    await expect.poll(() => picture.evaluate((img: HTMLImageElement) => img.complete && img.naturalWidth)).toBeGreaterThan(500);
    await door.click();
    await page.waitForURL(/17-gpt/);
  });

  test("goes on with what the reader begins, and draws otherwise at another temperature", async () => {
    await page.goto(`${site.url}/lessons/17-gpt`, { waitUntil: "networkidle" });
    const written = async () => (await cell("write").locator("pre.text").first().textContent()) ?? "";
    expect(await written()).toMatch(/^ROMEO:/); // as the build has seen it
    const begin = cell("write").getByLabel("begin with", { exact: true });
    await begin.fill("JULIET: O");
    await begin.press("Enter");
    await expect.poll(async () => (await written()).length, { timeout: patience }).toBeGreaterThan(200);
    await state("write", "done");
    const first = await written();
    expect(first).toMatch(/^JULIET: O/);
    await cell("write").getByLabel("temperature", { exact: true }).press("Home"); // 0: the likeliest each time
    await expect.poll(written, { timeout: patience }).not.toBe(first);
    await state("write", "done");
    expect(await written()).toMatch(/^JULIET: O/);
  });

  test("shows its surprise at the reader's line, and where each head looks in it", async () => {
    await cell("maps").getByRole("button", { name: "Run" }).click();
    await state("maps", "done");
    const typed = cell("surprise").getByLabel("your line", { exact: true });
    await typed.fill("O Romeo, Romeo");
    await typed.press("Enter");
    await expect.poll(() => cell("maps").locator("svg text").count(), { timeout: patience }).toBe(28);
    await state("maps", "done");
    const map = () => cell("maps").locator("svg.plot").first().innerHTML();
    const before = await map();
    const head = cell("maps").getByLabel("head", { exact: true });
    await head.press((await head.inputValue()) === (await head.getAttribute("max")) ? "ArrowLeft" : "ArrowRight");
    await expect.poll(map, { timeout: patience }).not.toBe(before);
  });

  test("learns from a text of the reader's in the page, which can be stopped, and says so where it is too short", async () => {
    const own = cell("scratch").getByLabel("your text", { exact: true });
    await own.fill("too short");
    await own.blur();
    await state("scratch", "error");
    expect(await cell("scratch").innerText()).toContain("Give a longer text");
    await own.fill("the cat sat on the mat\nthe dog sat on the log\n".repeat(40));
    await own.blur();
    // A later sample takes the place of one that a busy page never showed.
    await cell("scratch")
      .getByText(/after \d+ steps/)
      .waitFor({ timeout: patience });
    await cell("scratch").getByRole("button", { name: "Stop" }).click();
    await state("scratch", "stopped");
    expect(await cell("scratch").locator("textarea").inputValue()).toMatch(/^the cat/);
  });
});

describe("AlphaZero", () => {
  /** A place on the board of a cell, fields row by row and then what is in hand. */
  const place = (id: string, at: number) => cell(id).locator(`[data-place="${at}"]`);
  const board = (id: string) => cell(id).locator('svg[role="group"]');
  /** What the board says of itself, once it says so. */
  const boardSays = (id: string, what: RegExp) =>
    expect.poll(() => board(id).getAttribute("aria-label"), { timeout: patience }).toMatch(what);
  const programs: string[] = [];

  test("has a door on the home page, with a picture of what its own network thinks", async () => {
    await page.goto(site.url);
    const door = page.getByRole("link", { name: /AlphaZero/ });
    const picture = door.locator("img");
    await picture.scrollIntoViewIfNeeded();
    await expect.poll(() => picture.evaluate((img: HTMLImageElement) => img.complete && img.naturalWidth)).toBeGreaterThan(500);
    await door.click();
    await page.waitForURL(/18-alphazero/);
  });

  test("answers moves at Connect Four, by mouse and by keyboard, says what it thinks, and takes moves back", async () => {
    page.on("request", (request) => void programs.push(new URL(request.url()).pathname));
    await page.goto(`${site.url}/lessons/18-alphazero`, { waitUntil: "networkidle" });
    await boardSays("play", /^Connect Four after 0 moves/); // as the build has seen it
    await place("play", 38).click(); // the middle of the lowest row
    await boardSays("play", /^Connect Four after 2 moves: 4[1-7]$/);
    await state("play", "done");
    expect(await cell("play").innerText()).toMatch(/share of \d+ simulations.*can expect \d+ % of the points.*It expects [a-g]/s);
    // Arrows lead from field to field; the stone falls.
    await place("play", 38).focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    await boardSays("play", /^Connect Four after 4 moves: 4[1-7]5[1-7]$/);
    await state("play", "done");
    await cell("play").getByRole("button", { name: "Take back" }).click();
    await boardSays("play", /^Connect Four after 2 moves/);
    await state("play", "done");
    // A figure below follows the game.
    await cell("tree").getByLabel("position", { exact: true }).selectOption("your game");
    await expect.poll(() => cell("tree").innerHTML(), { timeout: patience }).toMatch(/Connect Four after the columns 4[1-7]"/);
  });

  test("learns tic-tac-toe from zero in the page, and can be played against then", async () => {
    await cell("learn").getByRole("slider", { name: "games" }).press("Home"); // 200: it is to be seen, not to play well
    await state("learn", "done");
    expect(await cell("learn").innerText()).toMatch(/positions in \d+ seconds/);
    await cell("play3").getByRole("button", { name: "Run" }).click();
    await state("play3", "done");
    await place("play3", 4).click();
    await boardSays("play3", /^Tic-tac-toe after 2 moves/);
  });

  test("plays chess, shogi and Go by choosing a piece and where it goes; chess is loaded only then", async () => {
    const great = cell("play-great");
    const chess = () => programs.filter((path) => path.endsWith("/sandbox/chess.js")).length;
    expect(chess()).toBe(0);
    await boardSays("play-great", /^Chess after 0 moves/);
    await place("play-great", 52).click();
    expect(await place("play-great", 36).getAttribute("aria-label")).toBe("e4: empty, can go here");
    await place("play-great", 36).click();
    await boardSays("play-great", /^Chess after 2 moves/);
    await state("play-great", "done");
    expect(await great.innerText()).toMatch(/It plays [a-h]\d[a-h]\d, expects \d+ % of the points/);
    expect(await place("play-great", 36).getAttribute("aria-label")).toBe("e4: white pawn");
    expect(chess()).toBe(1);

    await great.getByLabel("opponent", { exact: true }).selectOption("shogi, counting pieces");
    await boardSays("play-great", /^Shogi after 0 moves/);
    await state("play-great", "done");
    expect(await place("play-great", 0).getAttribute("aria-label")).toBe("9a: white lance");
    // By keyboard: 7g to 7f.
    await place("play-great", 56).focus();
    for (const key of ["Enter", "ArrowUp", "Enter"]) await page.keyboard.press(key);
    await boardSays("play-great", /^Shogi after 2 moves/);
    await state("play-great", "done");

    await great.getByLabel("opponent", { exact: true }).selectOption("Go on 5 × 5, a trained network");
    await boardSays("play-great", /^Go.* after 0 moves/);
    await state("play-great", "done");
    await place("play-great", 12).click();
    await boardSays("play-great", /^Go.* after 2 moves/);
    await state("play-great", "done");
    // The game of chess is where it was.
    await great.getByLabel("opponent", { exact: true }).selectOption("chess, counting pieces");
    await boardSays("play-great", /^Chess after 2 moves/);
  });
});

describe("Latent diffusion", () => {
  const pictures = (id: string) => cell(id).locator(".images img");
  /** The picture of the first figure, once it is finished for these words. */
  const finished = async (words: string) => {
    await cell("play").getByRole("img", { name: words, exact: true }).waitFor({ timeout: patience });
    await state("play", "done");
    return pictures("play").first().getAttribute("src");
  };
  const words = "a large red circle on a white background";

  test("has a door on the home page, with a picture that its own network drew", async () => {
    await page.goto(site.url);
    const door = page.getByRole("link", { name: /pictures out of noise/ });
    const picture = door.locator("img");
    await picture.scrollIntoViewIfNeeded();
    await expect.poll(() => picture.evaluate((img: HTMLImageElement) => img.complete && img.naturalWidth)).toBeGreaterThan(500);
    await door.click();
    await page.waitForURL(/19-text-to-image/);
  });

  test("draws what the reader types, which can be watched; what it does not know it says", async () => {
    await page.goto(`${site.url}/lessons/19-text-to-image`, { waitUntil: "networkidle" });
    expect(await pictures("play").count()).toBe(1); // as the build has seen it
    const typed = cell("play").getByLabel("draw", { exact: true });
    await typed.fill(words);
    await typed.press("Enter");
    await cell("play")
      .getByRole("img", { name: /^What is behind the noise after step \d+$/ })
      .waitFor({ timeout: patience });
    await finished(words);
    expect(await cell("play").innerText()).toMatch(/steps 20\/20.*\d\.\d s\b/s);
    // It is as red as it should be, on white.
    const colours = await pictures("play")
      .first()
      .evaluate(async (img: HTMLImageElement) => {
        await img.decode();
        const [width, height] = [img.naturalWidth, img.naturalHeight];
        const context = new OffscreenCanvas(width, height).getContext("2d")!;
        context.drawImage(img, 0, 0);
        const { data } = context.getImageData(0, 0, width, height);
        let [red, white] = [0, 0];
        for (let i = 0; i < data.length; i += 4) {
          const [r, g, b] = [data[i]!, data[i + 1]!, data[i + 2]!];
          if (r > g + 60 && r > b + 60) red++;
          if (Math.min(r, g, b) > 190) white++;
        }
        return { red: red / (width * height), white: white / (width * height) };
      });
    expect(colours.red).toBeGreaterThan(0.02);
    expect(colours.white).toBeGreaterThan(0.4);

    await typed.fill("a large red dog circle");
    await typed.press("Enter");
    await finished("a large red dog circle");
    expect(await cell("play").innerText()).toMatch(/it does not know, or has no room for: dog/);
    await typed.fill("Katze");
    await typed.press("Enter");
    await state("play", "error");
    expect(await cell("play").innerText()).toMatch(/knows no word of "Katze"/);
    await typed.fill(words);
    await typed.press("Enter");
    await finished(words);
  });

  test("gives the same picture for the same seed, another for another, and follows the other sliders", async () => {
    const figure = cell("play");
    // Two steps: it is to be seen that something changes, not to look well.
    await figure.getByRole("slider", { name: "steps" }).press("Home");
    await expect.poll(() => figure.innerText(), { timeout: patience }).toMatch(/steps 2\/2/);
    const first = await finished(words);
    const source = () => pictures("play").first().getAttribute("src");
    /** What it looks like after a change, once that is done. */
    const after = async (change: () => Promise<unknown>, is: (picture: string | null) => boolean) => {
      await change();
      await expect.poll(async () => is(await source()), { timeout: patience }).toBe(true);
      await finished(words);
      return source();
    };
    const seed = figure.getByRole("slider", { name: "seed" });
    const second = await after(
      () => seed.press("ArrowRight"),
      (p) => p !== first,
    );
    expect(second).not.toBe(first);
    await after(
      () => seed.press("ArrowLeft"),
      (p) => p === first,
    );
    await after(
      () => figure.getByRole("slider", { name: "guidance" }).press("End"),
      (p) => p !== first,
    );
    await after(
      () => figure.getByRole("slider", { name: "guidance" }).press("Home"),
      (p) => p !== first,
    );
    const plain = await source();
    await after(
      () => figure.getByLabel("sampler", { exact: true }).selectOption("euler"),
      (p) => p !== plain,
    );
  });

  test("shows where each word is listened to", async () => {
    const typed = cell("attention").getByLabel("draw", { exact: true });
    await typed.fill("a small blue ring");
    await typed.press("Enter");
    await expect
      .poll(() => cell("attention").locator(".images figcaption").allInnerTexts(), { timeout: patience })
      .toEqual(["a", "small", "blue", "ring"]);
    await state("attention", "done");
  });

  test("learns points in the plane in the page, and takes them out of noise", async () => {
    await cell("moons").getByRole("slider", { name: "training steps" }).press("Home");
    await expect.poll(() => cell("moons").innerText(), { timeout: patience }).toMatch(/training steps 100\/100/);
    await state("moons", "done");
    expect(await cell("moons").innerText()).toMatch(/half of the new points are nearer than \d\.\d\d/);
  });
});

describe("AlphaFold", () => {
  /** A structure in a cell: in WebGL where the browser has it, drawn otherwise. */
  const shown = (id: string) => cell(id).locator("[data-structure]");
  const saysOf = (id: string, what: RegExp) =>
    expect.poll(() => shown(id).first().getAttribute("aria-label"), { timeout: patience }).toMatch(what);

  test("has a door on the home page, with a picture that its own network made", async () => {
    await page.goto(site.url);
    const door = page.getByRole("link", { name: /AlphaFold/ });
    const picture = door.locator("img");
    await picture.scrollIntoViewIfNeeded();
    await expect.poll(() => picture.evaluate((img: HTMLImageElement) => img.complete && img.naturalWidth)).toBeGreaterThan(500);
    await door.click();
    await page.waitForURL(/20-alphafold/);
  });

  test("shows structures without scripts, and brings the library of ribbons when the first one is near", async () => {
    const text = await (await fetch(`${site.url}/lessons/20-alphafold`)).text();
    expect(text.match(/data-structure="drawn"/g)!.length).toBeGreaterThan(3);
    const sizes: number[] = [];
    page.on("response", async (response) => {
      if (!response.url().endsWith(".js")) return;
      const { length } = await response.body().catch(() => Buffer.alloc(0));
      if (length > 400_000) sizes.push(length);
    });
    await page.goto(`${site.url}/lessons/19-text-to-image`, { waitUntil: "networkidle" });
    expect(sizes.length).toBe(0);
    await page.goto(`${site.url}/lessons/20-alphafold`, { waitUntil: "networkidle" });
    await shown("fold").scrollIntoViewIfNeeded();
    await page.locator('[data-cell="fold"] [data-structure="3d"] canvas').waitFor({ timeout: patience });
    expect(sizes.length).toBe(1);
  });

  test("folds a sequence that the reader pastes, and says how sure it is, in words and in the colours of its residues", async () => {
    await saysOf("fold", /^[A-Z]+ after pass 4: \d+ residues, mean pLDDT \d+$/); // as the build has seen it
    const typed = cell("fold").getByLabel("or your own", { exact: true });
    await typed.fill(">mine\nAELKAMEKLRQAEG\nPNDLKEAMRELKQAM");
    await typed.blur();
    await saysOf("fold", /^AELKAMEKLRQAEGPNDLKEAMRELKQAM after pass 4: 29 residues/);
    await state("fold", "done");
    expect(await cell("fold").innerText()).toMatch(
      /mean pLDDT \d+; expected TM-score [\d.]+.*RMSD from the shape that the rules give it: [\d.]+ Å/s,
    );
    const residues = cell("fold").getByRole("list", { name: "Residues" }).getByRole("listitem");
    expect(await residues.count()).toBe(29);
    expect(await residues.first().getAttribute("title")).toMatch(/^ALA 1, pLDDT \d+$/);
    expect(await cell("fold").innerText()).toMatch(/very high, above 90.*very low, to 50/s);
  });

  test("says in a sentence what is wrong with a sequence", async () => {
    const typed = cell("fold").getByLabel("or your own", { exact: true });
    await typed.fill("AELB");
    await typed.blur();
    await state("fold", "error");
    expect(await cell("fold").innerText()).toContain("B is aspartate or asparagine: write D or N");
    await typed.fill("");
    await typed.blur();
    await state("fold", "done");
  });

  test("turns by keyboard and by pointer, and lies as at first again", async () => {
    const canvas = cell("fold").locator("canvas").first();
    const picture = () => canvas.evaluate((c: HTMLCanvasElement) => c.toDataURL());
    await shown("fold").scrollIntoViewIfNeeded();
    await shown("fold").focus();
    const before = await picture();
    for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowRight");
    await expect.poll(picture).not.toBe(before);
    await page.keyboard.press("Home");
    await expect.poll(picture).toBe(before);
    const box = (await shown("fold").boundingBox())!;
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2 + 60, box.y + box.height / 2 + 20, { steps: 3 });
    await page.mouse.up();
    await expect.poll(picture).not.toBe(before);
    await cell("fold").getByRole("button", { name: "As at first" }).click();
    await expect.poll(picture).toBe(before);
  });

  test("shows what a residue looks at, chosen by its letter or by keyboard", async () => {
    await cell("watched").getByRole("button", { name: "Run" }).click();
    await state("watched", "done");
    const letter = (i: number) => cell("look").getByRole("group", { name: "Residues" }).getByRole("button").nth(i);
    await letter(2).click();
    await saysOf("look", /^[A-Z]3 looks most at [A-Z]\d+ \(\d+ %\)/);
    await state("look", "done");
    expect(await letter(2).getAttribute("aria-pressed")).toBe("true");
    await letter(2).focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    await saysOf("look", /^[A-Z]4 looks most at/);
    await cell("look").getByLabel("attention", { exact: true }).selectOption("triangles");
    await state("look", "done");
  });

  test("lays a prediction upon a file that the reader opens, and says how well they fit", async () => {
    // The CA atoms of a helix: 1.5 Å along and 100 degrees around for each residue.
    const number = (x: number, width: number) => x.toFixed(3).padStart(width);
    const pdb = Array.from({ length: 16 }, (_, i) => {
      const [x, y, z] = [2.3 * Math.cos(1.745 * i), 2.3 * Math.sin(1.745 * i), 1.5 * i];
      return `ATOM  ${String(i + 1).padStart(5)}  CA  ALA A${String(i + 1).padStart(4)}    ${number(x, 8)}${number(y, 8)}${number(z, 8)}  1.00  0.00           C`;
    }).join("\n");
    const input = cell("experiment").locator('input[type="file"]');
    await input.setInputFiles({ name: "measured.pdb", mimeType: "chemical/x-pdb", buffer: Buffer.from(pdb) });
    await saysOf("experiment", /^Prediction and experiment of 16 residues, TM-score/);
    await state("experiment", "done");
    expect(await cell("experiment").innerText()).toMatch(/TM-score.*lDDT/s);
    expect(await cell("experiment").innerText()).toContain("measured.pdb");
    await input.setInputFiles({ name: "notes.pdb", mimeType: "chemical/x-pdb", buffer: Buffer.from("nothing of the kind") });
    await state("experiment", "error");
    expect(await cell("experiment").innerText()).toContain("neither an mmCIF file nor a PDB file");
  });
});
