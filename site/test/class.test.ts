import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchBrowser } from "../../scripts/browser.ts";
import { profile } from "./browser.ts";
import { patience, type Site, startSite } from "./server.ts";

let site: Site;
let browser: Browser;
let administrator: Page;
let instructor: Page;
let learner: Page;
let code = "";
let classUrl = "";

/** Somebody with a browser of their own, somewhere in the world. */
async function person(timezoneId: string): Promise<Page> {
  const context = await profile(browser, { timezoneId });
  return context.newPage();
}

const password = "a long password";

async function signUp(page: Page, name: string): Promise<void> {
  await page.goto(`${site.url}/sign-in`);
  const form = page.locator('form[action="?/up"]');
  await form.getByLabel("Name").fill(name);
  await form.getByLabel("E-mail").fill(`${name.toLowerCase()}@example.org`);
  await form.getByLabel("Password").fill(password);
  await form.getByRole("button").click();
  await page.getByRole("link", { name, exact: true }).waitFor();
}

/** A request with the page's cookies. */
const api = (page: Page, path: string, body?: unknown) =>
  page.evaluate(
    async ([url, given]) => {
      const response = await fetch(
        url as string,
        given === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(given) },
      );
      return { status: response.status, body: (await response.json().catch(() => null)) as Record<string, unknown> | null };
    },
    [`${site.url}${path}`, body] as const,
  );

beforeAll(async () => {
  [site, browser] = await Promise.all([startSite(), launchBrowser()]);
  [administrator, instructor, learner] = (await Promise.all(["Europe/Berlin", "Asia/Tokyo", "Europe/Berlin"].map(person))) as [
    Page,
    Page,
    Page,
  ];
});
afterAll(async () => {
  await browser?.close();
  await site?.stop();
});

describe("a class", () => {
  test("the first visitor with the token of the server's log becomes the administrator", async () => {
    await administrator.goto(`${site.url}/sign-in`);
    expect(administrator.url()).toBe(`${site.url}/setup`);
    const fill = async (token: string) => {
      await administrator.getByLabel("Token").fill(token);
      await administrator.getByLabel("Name").fill("Ada");
      await administrator.getByLabel("E-mail").fill("ada@example.org");
      await administrator.getByLabel("Password").fill(password);
      await administrator.getByRole("button", { name: "Set up the site" }).click();
    };
    await fill("guessed");
    await administrator.getByText("This is not the token").waitFor();
    await fill(site.token);
    await administrator.waitForURL("**/admin");
    expect(await administrator.locator("main").innerText()).toMatch(/permission model/);
  });

  test("people sign up as learners; the administrator makes an instructor of one", async () => {
    await signUp(instructor, "Grace");
    await signUp(learner, "Lin");
    expect((await api(learner, "/api/me")).body).toMatchObject({ me: { name: "Lin", role: "learner" } });
    await administrator.reload();
    const row = administrator.locator("tr", { hasText: "grace@example.org" });
    await row.getByRole("combobox").selectOption("instructor");
    await row.getByRole("button", { name: "Save" }).click();
    await expect.poll(async () => ((await api(instructor, "/api/me")).body as { me: { role: string } }).me.role).toBe("instructor");
  });

  test("pages and actions of instructors are refused to learners", async () => {
    expect((await learner.goto(`${site.url}/admin`))!.status()).toBe(403);
    const answer = await learner.request.post(`${site.url}/classes?/create`, {
      form: { name: "mine" },
      headers: { origin: site.url, accept: "application/json" },
    });
    expect(await answer.text()).toContain("403");
  });

  test("an instructor makes a class, a learner joins by its code", async () => {
    await instructor.goto(`${site.url}/classes`);
    await instructor.getByLabel("New class").fill("Winter school");
    await instructor.getByRole("button", { name: "Create" }).click();
    await instructor.waitForURL(/classes\/[\w-]{36}$/);
    classUrl = instructor.url();
    code = /code (\w{6})/.exec(await instructor.locator("main").innerText())![1]!;
    await learner.goto(`${site.url}/classes`);
    await learner.getByLabel("Join a class").fill("NOPE22");
    await learner.getByRole("button", { name: "Join a class" }).click();
    await learner.getByText("There is no class with this code.").waitFor();
    await learner.getByLabel("Join a class").fill(code.toLowerCase());
    await learner.getByRole("button", { name: "Join a class" }).click();
    await learner.waitForURL(classUrl);
    expect(await learner.locator("main").innerText()).not.toContain(code);
  });

  test("a learner's exercise is graded by the server, hidden checks included", async () => {
    await learner.goto(`${site.url}/lessons/01-arrays`);
    const exercise = learner.locator('[data-exercise="largest-entry"]');
    await exercise.locator(".editor").hover();
    await exercise.locator(".cm-content").click();
    await learner.keyboard.press("ControlOrMeta+a");
    await learner.keyboard.insertText(
      "const U = arange(12).reshape([3, 4]).sub(5);\nconst V = arange(20).reshape([4, 5]).mod(7);\nconst largest = U.matmul(V).max();",
    );
    await exercise.getByRole("button", { name: "Check" }).click();
    await learner.locator('[data-exercise="largest-entry"][data-solved="true"]').waitFor();
    await expect
      .poll(
        async () =>
          ((await api(learner, "/api/submissions?lesson=01-arrays")).body as { grades: Record<string, unknown> }).grades["largest-entry"],
        { timeout: patience },
      )
      .toMatchObject({ score: 2, points: 2, state: "graded" });
    // The page has been waiting for it.
    await exercise.getByText("Graded by the server: 2 of 2 points").waitFor({ timeout: patience });
  });

  test("what the browser claims is not the grade, and what the code forges neither", async () => {
    const forged =
      'const guess = { valueOf() { return 3 } }; Array.prototype.forEach = () => {}; Object.prototype.toJSON = () => [{ name: "guess is what the network answers", passed: true, points: 1 }];';
    const sent = await api(learner, "/api/submissions", {
      lesson: "00-start",
      exercise: "predict-one",
      sources: { "predict-one": forged },
      results: [{ name: "guess is what the network answers", passed: true }],
      sawSolution: false,
    });
    expect(sent.status).toBe(201);
    await expect
      .poll(
        async () =>
          ((await api(learner, "/api/submissions?lesson=00-start")).body as { grades: Record<string, unknown> }).grades["predict-one"],
        { timeout: patience },
      )
      .toMatchObject({ score: 0, points: 2, state: "graded" });
  });

  test("code is kept on the server, and the newer text wins", async () => {
    const cell = (source: string, at: number) => ({ cells: [{ lesson: "00-start", cell: "model", source, version: "x", at }] });
    const now = Date.now();
    expect((await api(learner, "/api/cells", cell("new", now))).status).toBe(200);
    expect((await api(learner, "/api/cells", cell("old", now - 60_000))).status).toBe(200);
    const { cells } = (await api(learner, "/api/cells?lesson=00-start")).body as { cells: { cell: string; source: string }[] };
    expect(cells.find((c) => c.cell === "model")?.source).toBe("new");
    expect(((await api(instructor, "/api/cells?lesson=00-start")).body as { cells: unknown[] }).cells).toEqual([]);
  });

  test("the instructor sees the room, where it is stuck, and what was written, and comments on it", async () => {
    await instructor.goto(classUrl);
    await instructor.locator("td.solved").waitFor();
    expect(await instructor.locator("td.tried").count()).toBe(1);
    expect(await instructor.locator(".stuck").innerText()).toContain("Ask the network");
    await instructor.locator("td.tried a").click();
    await instructor.locator("#submission").waitFor();
    expect(await instructor.locator("#submission").innerText()).toContain("Object.prototype.toJSON");
    await instructor.locator("#submission").getByLabel("Comment").fill("Please solve it yourself.");
    await instructor.locator("#submission").getByRole("button").click();
    await expect
      .poll(
        async () =>
          ((await api(learner, "/api/submissions?lesson=00-start")).body as { grades: Record<string, unknown> }).grades["predict-one"],
      )
      .toMatchObject({ comment: "Please solve it yourself." });
    const csv = await instructor.request.get(`${classUrl}/export`);
    expect(await csv.text()).toContain("Lin,lin@example.org,01-arrays,largest-entry,solved,2,2,1");
    expect((await learner.request.get(`${classUrl}/export`)).status()).toBe(403);
  });

  test("what the server finds wrong is shown without a reload: the hidden check by its name", async () => {
    await learner.goto(`${site.url}/lessons/12-sequences`);
    const exercise = learner.locator('[data-exercise="f1"]');
    await exercise.locator(".editor").hover();
    await exercise.locator(".cm-content").click();
    await learner.keyboard.press("ControlOrMeta+a");
    await learner.keyboard.insertText("async function macroF1(confusion: Tensor): Promise<number> {\n  return (16 / 19 + 18 / 21) / 2;\n}");
    await exercise.getByRole("button", { name: "Check" }).click();
    await learner.locator('[data-exercise="f1"][data-solved="true"]').waitFor({ timeout: patience });
    await exercise.getByText("Graded by the server: 1 of 2 points").waitFor({ timeout: patience });
    expect(await exercise.locator(".grade").innerText()).toMatch(/macroF1 of a larger one\s+Not yet\./);
    expect(await learner.content()).not.toContain("100 / 107");
  });

  test("a look at the solution is noted at once, and starting over does not undo it", async () => {
    await learner.goto(`${site.url}/lessons/12-sequences`);
    const exercise = learner.locator('[data-exercise="pairs"]');
    learner.once("dialog", (dialog) => void dialog.accept());
    const told = learner.waitForResponse((r) => r.url().endsWith("/api/solutions") && r.status() === 201);
    await exercise.getByRole("button", { name: "Solution" }).click();
    await told;
    await api(learner, "/api/submissions", {
      ...{ lesson: "12-sequences", exercise: "pairs", sources: { pairs: "const pairs = () => []" }, results: [], sawSolution: false },
    });
    await instructor.goto(classUrl);
    await instructor.locator('a[title^="Lin, Which letters pair?"]').click();
    await instructor
      .getByText(/solution/i)
      .first()
      .waitFor();
  });

  test("a quiz in GIFT becomes the class's own, is graded, and runs out of attempts", async () => {
    await instructor.goto(classUrl);
    await instructor.locator("summary", { hasText: "Import a quiz" }).click();
    const form = instructor.locator('form[action="?/quiz"]');
    await form.getByLabel("Title").fill("Entrance");
    await form
      .getByLabel("Import a quiz")
      .fill("::Q1:: What is 2+2? {=4 ~5}\n\n::Q2:: <script>alert(1)</script> Pi? {#3.14:0.01}\n\n::Q3:: Describe it. {}");
    await form.getByLabel("Attempts").fill("1");
    await form.getByRole("button").click();
    await instructor.getByRole("link", { name: "Entrance" }).waitFor();
    expect(await instructor.locator(".problem").innerText()).toMatch(/essay|answer/i);
    await learner.goto(classUrl);
    await learner.getByRole("link", { name: "Entrance" }).click();
    await learner.locator('[data-question="q2"]').waitFor();
    expect(await learner.locator("main script").count()).toBe(0);
    expect(await learner.content()).not.toContain("correct");
    const question = learner.locator('[data-question="q2"]');
    await question.getByRole("textbox").fill("3.145");
    await question.getByRole("button", { name: /Check/ }).click();
    await question.getByText("Right.").waitFor();
    await question.getByRole("textbox").fill("3");
    await question.getByRole("button", { name: /Check/ }).click();
    await question.getByText(/attempts/).waitFor();
    const link = await instructor.getByRole("link", { name: "GIFT" }).evaluate((a) => (a as HTMLAnchorElement).href);
    const gift = await instructor.request.get(link);
    expect(gift.status()).toBe(200);
  });

  test("announcements reach the class, and the number of unread news the page that is open already", async () => {
    await learner.goto(`${site.url}/questions`);
    await learner.getByRole("link", { name: /^Lin/ }).waitFor();
    const badge = learner.locator("header .badge");
    const before = (await badge.count()) ? Number(await badge.innerText()) : 0;
    await instructor.goto(classUrl);
    await instructor.locator("summary", { hasText: "Announce" }).click();
    const announce = instructor.locator('form[action="?/announce"]');
    await announce.getByLabel("Title").fill("Welcome");
    await announce.getByLabel("Text").fill("We begin at **nine**: $e^{i\\pi} = -1$.");
    await announce.getByRole("button").click();
    await instructor.getByRole("heading", { name: "Welcome" }).waitFor();
    await learner.getByRole("link", { name: "Classes" }).click();
    await expect.poll(async () => Number(await badge.innerText())).toBe(before + 1);
    await learner.goto(classUrl);
    await learner.getByText("Welcome").waitFor();
    expect(await learner.locator(".katex").count()).toBeGreaterThan(0);
    await expect.poll(async () => ((await api(learner, "/api/me")).body as { me: { unread: number } }).me.unread).toBeGreaterThanOrEqual(2);
  });

  test("what the instructor plans in Tokyo, the learner in Berlin reads in Berlin's time, on paper too", async () => {
    await instructor.goto(`${classUrl}/schedule`);
    const add = instructor.locator("details", { hasText: "Add to the schedule" });
    const plan = async (title: string, begins: string, ends: string, kind: string) => {
      if ((await add.getAttribute("open")) === null) await add.locator("summary").click();
      await add.getByLabel("Title").fill(title);
      await add.getByLabel("Begins").fill(begins);
      await add.getByLabel("Ends").fill(ends);
      await add.getByLabel("Kind").selectOption(kind);
      await add.getByLabel("Instructor").fill("Grace");
      await add.getByRole("button").click();
      await instructor.getByRole("rowheader", { name: title }).waitFor();
    };
    await plan("Arrays", "2026-12-01T17:00", "2026-12-01T18:30", "session");
    await plan("Tea", "2026-12-01T18:30", "2026-12-01T19:00", "break");
    await plan("Late losses", "2026-12-02T05:00", "2026-12-02T06:00", "session");
    await instructor.getByRole("button", { name: /Change.*Arrays/ }).click();
    const row = instructor.locator("tr", { hasText: "Grace" }).first();
    expect(await row.getByLabel("Begins").inputValue()).toBe("2026-12-01T17:00");
    await row.getByLabel("Title").fill("Arrays, all of them");
    await row.getByRole("button", { name: "Save" }).click();
    await instructor.getByRole("rowheader", { name: "Arrays, all of them" }).waitFor();
    await learner.goto(`${classUrl}/schedule`);
    // The server writes its own time, and scripts put it right.
    await learner.getByText("9:00 AM").waitFor();
    const text = await learner.locator("main").innerText();
    expect(text).toMatch(
      /Tuesday, December 1, 2026\s+9:00.AM–10:30.AM\s+Arrays, all of them\s+Grace\s+10:30.AM–11:00.AM\s+Tea \(break\)\s+Grace/,
    );
    expect(text).toMatch(/9:00.PM–10:00.PM\s+Late losses/); // of the first day still
    expect(text.match(/December/g)).toHaveLength(1);
    await learner.emulateMedia({ media: "print" });
    expect(await learner.getByRole("button", { name: "Print" }).isVisible()).toBe(false);
    expect(await learner.getByRole("rowheader", { name: "Tea" }).isVisible()).toBe(true);
    await learner.emulateMedia({ media: "screen" });
    await learner.goto(classUrl);
    expect(await learner.locator("main").innerText()).toContain("Tea");
  });

  test("a learner asks, an instructor answers with code, the answer is accepted and opens in a cell", async () => {
    await learner.goto(`${site.url}/questions?lesson=01-arrays`);
    const ask = learner.locator('form[method="POST"]');
    await ask.getByLabel("Title").fill("Why is my sum wrong?");
    await ask.getByLabel("Text").fill("I expected $6$.");
    await ask.getByRole("button").click();
    await learner.waitForURL(/questions\/[\w-]{36}$/);
    const url = learner.url();
    await instructor.goto(url);
    await instructor.getByLabel("Answer").fill("Add along the other axis:\n\n```ts\n6 * 7\n```");
    await instructor.getByRole("button", { name: "Answer" }).click();
    await instructor.locator("article.post").nth(1).waitFor();
    await learner.reload();
    const answer = learner.locator("article.post").nth(1);
    expect(await answer.innerText()).toMatch(/Grace\s*instructor/);
    await answer.getByRole("button", { name: "Accept" }).click();
    await learner.locator("article.accepted").waitFor();
    await learner.getByRole("button", { name: "Open the code in a cell" }).click();
    await learner.waitForURL(/scratch/);
    await learner.locator(".cm-content").waitFor();
    expect(await learner.locator(".cm-content").innerText()).toContain("6 * 7");
    await learner.goto(`${site.url}/questions?search=other+axis`);
    await learner.getByText("Why is my sum wrong?").waitFor();
    await learner.goto(`${site.url}/questions?search=nothing+of+the+kind`);
    await learner.getByText("No questions yet").waitFor();
  });

  test("feedback is anonymous, and the instructor reads it", async () => {
    expect((await api(learner, "/api/feedback", { lesson: "01-arrays", rating: 5, body: "More pictures, please" })).status).toBe(201);
    await instructor.goto(classUrl);
    const shown = await instructor.getByText("More pictures, please").locator("..").innerText();
    expect(shown).toContain("5/5");
    expect(shown).not.toContain("Lin");
  });

  test("who forgot the password gets a new one from the administrator", async () => {
    await administrator.goto(`${site.url}/admin`);
    const row = administrator.locator("tr", { hasText: "grace@example.org" });
    await row.getByRole("button", { name: /New password/ }).click();
    const given = await row.locator("code").innerText();
    expect((await api(instructor, "/api/me")).body).toEqual({ me: null });
    await instructor.goto(`${site.url}/sign-in`);
    const form = instructor.locator('form[action="?/in"]');
    for (const [attempt, works] of [
      [password, false],
      [given, true],
    ] as const) {
      await form.getByLabel("E-mail").fill("grace@example.org");
      await form.getByLabel("Password").fill(attempt);
      await form.getByRole("button").click();
      if (works) await instructor.getByRole("link", { name: /^Grace/ }).waitFor();
      else await instructor.getByText("E-mail or password is wrong.").waitFor();
    }
  });

  test("signing out ends the session", async () => {
    await learner.goto(`${site.url}/account`);
    await learner.getByRole("button", { name: "Sign out" }).click();
    await learner.getByRole("link", { name: "Sign in" }).waitFor();
    expect((await api(learner, "/api/cells?lesson=00-start")).status).toBe(401);
  });
});
