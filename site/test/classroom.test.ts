import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { setUp, Visitor } from "./people.ts";
import { patience, type Site, startSite } from "./server.ts";

// What a class's pages do, by HTTP alone; class.test.ts plays the same in a browser, postgres.test.ts this on a server's database.

let site: Site;
let ada: Visitor;
let bob: Visitor;
let lin: Visitor;
let room = "";

beforeAll(async () => {
  site = await startSite({ env: { TZ: "America/New_York" } });
  ada = await setUp(site.url, site.token);
  [bob, lin] = [new Visitor(site.url), new Visitor(site.url)];
  await bob.signUp("Bob");
  await lin.signUp("Lin");
  room = await newClass("Winter school");
  await join(lin, room);
});
afterAll(() => site?.stop());

async function newClass(name: string): Promise<string> {
  return /\/classes\/[\w-]{36}/.exec(await (await ada.form("/classes?/create", { name })).text())![0];
}

async function join(who: Visitor, path: string): Promise<void> {
  const [, code] = /code (\w{6})/.exec(await page(ada, path))!;
  await who.form("/classes?/join", { code: code! });
}

const page = async (who: Visitor, path: string): Promise<string> => (await who.request(path)).text();

/** What a form's action answered: its type, status, and all it said. */
async function act(who: Visitor, path: string, fields: Record<string, string>) {
  const response = await who.form(path, fields);
  const text = await response.text();
  const { type, status = response.status } = JSON.parse(text) as { type: string; status?: number };
  return { type, status, text };
}

const entry = {
  id: "",
  title: "Arrays",
  begins: "2026-12-01T09:00",
  ends: "2026-12-01T10:30",
  kind: "session",
  lesson: "",
  instructor: "Ada",
};

describe("the schedule", () => {
  const idOf = (html: string, title: string) => new RegExp(`data-entry="([\\w-]+)"(?:(?!data-entry)[\\s\\S])*${title}`).exec(html)![1]!;

  test("has a page of its own with days, breaks and instructors, and what it holds can be changed and removed", async () => {
    const path = `${room}/schedule`;
    expect(await act(ada, `${path}?/plan`, entry)).toMatchObject({ type: "success" });
    for (const [title, day, kind] of [
      ["Coffee", "01", "break"],
      ["Losses", "02", "session"],
      ["Systems", "03", "session"],
    ] as const)
      await act(ada, `${path}?/plan`, { ...entry, title, kind, begins: `2026-12-${day}T11:00Z`, ends: `2026-12-${day}T12:00Z` });
    let html = await page(lin, path);
    for (const words of ["Tuesday", "Wednesday", "Thursday", "Coffee", "(break)", "Ada"]) expect(html).toContain(words);
    expect(html).not.toContain("?/plan");
    await act(ada, `${path}?/plan`, {
      ...entry,
      id: idOf(html, "Losses"),
      title: "Choosing a loss",
      begins: "2026-12-02T13:00Z",
      ends: "2026-12-02T14:00Z",
    });
    await act(ada, `${path}?/unplan`, { id: idOf(html, "Systems") });
    html = await page(lin, path);
    expect(html).toContain("Choosing a loss");
    expect(html).toContain("2026-12-02T13:00:00.000Z");
    expect(html).not.toContain("Losses");
    expect(html).not.toContain("Systems");
    expect(await page(lin, room)).toContain("Choosing a loss");
  });

  test("takes a time without a zone in the server's, which it names; and refuses what is no time or ends too early", async () => {
    const html = await page(ada, `${room}/schedule`);
    expect(html).toContain("2026-12-01T14:00:00.000Z"); // nine in New York
    expect(html).toContain("Times are those of America/New_York.");
    const path = `${room}/schedule?/plan`;
    expect(await act(ada, path, { ...entry, ends: "2026-12-01T09:00" })).toMatchObject({ type: "error", status: 400 });
    for (const begins of ["tomorrow", "12", "2026-13-01T09:00", ""])
      expect(await act(ada, path, { ...entry, begins }), begins).toMatchObject({ type: "error", status: 400 });
    expect((await act(ada, `/de${path}`, { ...entry, begins: "12" })).text).toContain("sollte ein Datum mit Uhrzeit sein");
  });

  test("is changed by instructors of the class only, and not by way of another class", async () => {
    const other = await newClass("Another");
    const id = idOf(await page(ada, `${room}/schedule`), "Coffee");
    for (const who of [lin, bob]) {
      expect(await act(who, `${room}/schedule?/plan`, { ...entry, id })).toMatchObject({ status: 403 });
      expect(await act(who, `${room}/schedule?/unplan`, { id })).toMatchObject({ status: 403 });
    }
    expect(await act(ada, `${other}/schedule?/plan`, { ...entry, id })).toMatchObject({ status: 404 });
    expect(await act(ada, `${other}/schedule?/unplan`, { id })).toMatchObject({ status: 404 });
    expect((await bob.request(`${room}/schedule`)).status).toBe(404);
    expect(await page(lin, `${room}/schedule`)).toContain("Coffee");
  });
});

describe("announcements", () => {
  test("can be changed and removed by the class's instructors, and by nobody else", async () => {
    await act(ada, `${room}?/announce`, { title: "Welcom", body: "At nine." });
    const id = /data-announcement="([\w-]+)"/.exec(await page(ada, room))![1]!;
    for (const [action, fields] of [
      ["reword", { id, title: "Hacked", body: "x" }],
      ["withdraw", { id }],
    ] as const) {
      expect(await act(lin, `${room}?/${action}`, fields)).toMatchObject({ status: 403 });
      expect(await act(ada, `${await newClass("Yet another")}?/${action}`, fields)).toMatchObject({ status: 404 });
    }
    await act(ada, `${room}?/reword`, { id, title: "Welcome", body: "At **ten**." });
    const html = await page(lin, room);
    expect(html).toContain("<strong>ten</strong>");
    expect(html).toContain("edited");
    await act(ada, `${room}?/withdraw`, { id });
    expect(await page(lin, room)).not.toContain("Welcome");
  });
});

describe("a second instructor", () => {
  test("is invited by address, teaches from then on, and can be taken out; the last one cannot", async () => {
    const grace = new Visitor(site.url);
    await grace.signUp("Grace");
    const email = "grace@example.org";
    expect((await grace.request(room)).status).toBe(404);
    expect(await act(lin, `${room}?/invite`, { email })).toMatchObject({ status: 403 });
    expect((await act(ada, `${room}?/invite`, { email: "nobody@example.org" })).text).toContain("nobody@example.org");
    await act(ada, `${room}?/invite`, { email: "Grace@example.org" });
    expect(await page(grace, room)).toContain("?/announce");
    expect((await grace.request(`${room}/export`)).status).toBe(200);
    expect(await page(grace, "/account")).toContain("Winter school");
    // Teaching here is teaching nowhere else.
    expect((await grace.request(await newClass("Private"))).status).toBe(404);
    expect(await act(grace, "/classes?/create", { name: "Mine" })).toMatchObject({ status: 403 });
    const html = await page(ada, room);
    const ids = [...html.matchAll(/\?\/dismiss(?:(?!\/form)[\s\S])*?name="id" value="(\w+)"/g)].map((m) => m[1]!);
    expect(ids).toHaveLength(2);
    const [adas, graces] = ids as [string, string];
    await act(ada, `${room}?/dismiss`, { id: graces });
    expect((await grace.request(room)).status).toBe(404);
    expect(await act(ada, `${room}?/dismiss`, { id: adas })).toMatchObject({ status: 400 });
    expect(await page(lin, room)).not.toContain("ada@example.org");
  });
});

interface Person {
  readonly id: string;
  readonly role: string;
  readonly unread: number;
}

/** What the site knows of who asks; null without a session. */
const meOf = async (who: Visitor) => ((await (await who.request("/api/me")).json()) as { me: Person | null }).me;

describe("the administrator", () => {
  test("makes an instructor of somebody, and gives a new password to who forgot theirs, which ends the sessions", async () => {
    const mo = new Visitor(site.url);
    await mo.signUp("Mo");
    const { id } = (await meOf(mo))!;
    for (const action of ["role", "password"])
      expect(await act(mo, `/admin?/${action}`, { id, role: "administrator" })).toMatchObject({ status: 403 });
    await act(ada, "/admin?/role", { id, role: "instructor" });
    expect(await meOf(mo)).toMatchObject({ role: "instructor" });
    const { data } = JSON.parse((await act(ada, "/admin?/password", { id })).text) as { data: string };
    const password = (JSON.parse(data) as string[])[1]!;
    expect(await meOf(mo)).toBeNull();
    for (const [attempt, type] of [
      ["a long password", "failure"],
      [password, "redirect"],
    ] as const)
      expect(await act(mo, "/sign-in?/in", { email: "mo@example.org", password: attempt }), attempt).toMatchObject({ type });
    expect(await meOf(mo)).toMatchObject({ id, role: "instructor" });
  });
});

describe("questions", () => {
  const unread = async (who: Visitor) => (await meOf(who))!.unread;

  test("of a learner reach the instructors of the learner's classes, others' do not, and an answer is accepted once", async () => {
    const before = await unread(ada);
    await bob.form("/questions", { lesson: "01-arrays", title: "Of somebody in no class", body: "?" });
    expect(await unread(ada)).toBe(before);
    const asked = await lin.form("/questions", { lesson: "01-arrays", title: "Why is this so?", body: "?" });
    expect(await unread(ada)).toBe(before + 1);
    expect(await page(ada, "/account")).toMatch(/Question:[\s\S]*Lin: Why is this so\?/);
    const question = /\/questions\/[\w-]{36}/.exec(await asked.text())![0];
    await bob.form(`${question}?/answer`, { body: "Because." });
    const [answer] = [...(await page(lin, question)).matchAll(/<article[^>]* id="([\w-]+)"/g)].slice(-1).map((m) => m[1]!);
    const told = await unread(bob);
    for (let i = 0; i < 5; i++) await lin.form(`${question}?/accept`, { id: answer! });
    expect(await unread(bob)).toBe(told + 1);
    expect((await bob.post("/api/notifications", {})).status).toBe(200);
    expect(await unread(bob)).toBe(0);
  });

  test("are found by words of their answers, which their authors change, and authors and instructors remove", async () => {
    const asked = await lin.form("/questions", { lesson: "02-data", title: "Is the sum wrong?", body: "I expected 6." });
    const question = /\/questions\/[\w-]{36}/.exec(await asked.text())![0];
    await bob.form(`${question}?/answer`, { body: "Add along the other axis." });
    const found = async (words: string) =>
      (await page(lin, `/questions?search=${encodeURIComponent(words)}`)).includes("Is the sum wrong?");
    expect(await found("SUM other axis")).toBe(true);
    for (const words of ["nothing of the kind", "%", "o_her"]) expect(await found(words), words).toBe(false);
    const [id] = [...(await page(lin, question)).matchAll(/<article[^>]* id="([\w-]+)"/g)].slice(-1).map((m) => m[1]!);
    for (const action of ["edit", "remove"])
      expect(await act(lin, `${question}?/${action}`, { id: id!, body: "Hacked." })).toMatchObject({ status: 403 });
    expect(await act(bob, `${question}?/edit`, { id: id!, body: "Add along the **first** axis." })).toMatchObject({ type: "success" });
    expect(await page(lin, question)).toContain("<strong>first</strong>");
    expect(await act(ada, `${question}?/remove`, { id: id! })).toMatchObject({ type: "success" });
    expect(await page(lin, question)).not.toContain("axis");
    expect(await found("axis")).toBe(false);
  });
});

describe("a class's quiz", () => {
  const gift = "::Q1:: What is 2+2? {=4 ~5}\n\n::Q2:: Pi? {#3.14:0.01}";
  const make = async (fields: Record<string, string>) => {
    const known = await page(ada, room);
    expect(await act(ada, `${room}?/quiz`, { title: "Quiz", text: gift, ...fields })).toMatchObject({ type: "success" });
    const ids = [...(await page(ada, room)).matchAll(/\/quiz\/([\w-]{36})"/g)].map((m) => m[1]!);
    return ids.find((id) => !known.includes(id))!;
  };
  const answer = (who: Visitor, quiz: string, response: unknown, from = room, question = "q2") =>
    who.request(`/api${room}/quiz/${quiz}/${question}`, {
      method: "POST",
      headers: { "content-type": "application/json", referer: `${site.url}${from}` },
      body: JSON.stringify({ response }),
    });

  test("grants no more attempts than it has to answers sent at once", async () => {
    const quiz = await make({ title: "Once", attempts: "2" });
    const all = await Promise.all(Array.from({ length: 12 }, (_, i) => answer(lin, quiz, String(i))));
    expect(all.map((r) => r.status).sort()).toEqual([200, 200, ...Array(10).fill(403)]);
  });

  test("keeps to its window, for members only, and says so in the page's language", async () => {
    const [early, late] = [
      await make({ title: "Early", opens: "2999-01-01T00:00Z" }),
      await make({ title: "Late", closes: "2020-01-01T00:00Z" }),
    ];
    expect(await (await answer(lin, early, "3.14")).json()).toMatchObject({ message: "The quiz is not open yet." });
    expect(await (await answer(lin, late, "3.14", `/de${room}`)).json()).toMatchObject({ message: "Das Quiz ist geschlossen." });
    expect((await answer(new Visitor(site.url), late, "3.14")).status).toBe(401);
    expect((await answer(bob, late, "3.14")).status).toBe(404);
    expect(await page(lin, `/de${room}/quiz/${early}`)).toMatch(/Das Quiz öffnet am /);
    expect(await page(lin, `${room}/quiz/${early}`)).not.toContain("Pi?");
    const backwards = { title: "x", text: gift, opens: "2026-01-02T00:00Z", closes: "2026-01-01T00:00Z" };
    expect(await act(ada, `${room}?/quiz`, backwards)).toMatchObject({ status: 400 });
  });

  test("has its results by person and title, without those of other classes, in the page and as CSV", async () => {
    const other = await newClass("Elsewhere");
    const namesake = new Visitor(site.url);
    await namesake.form("/sign-in?/up", { name: "Lin", email: "lin2@example.org", password: "a long password" });
    await join(namesake, room);
    await join(lin, other);
    await act(ada, `${other}?/quiz`, { title: "Foreign", text: gift });
    const foreign = /\/quiz\/([\w-]{36})"/.exec(await page(lin, other))![1]!;
    await lin.post(`/api${other}/quiz/${foreign}/q2`, { response: "3.14" });
    const quiz = await make({ title: "Entrance" });
    await answer(lin, quiz, "3.14");
    await answer(namesake, quiz, "7");
    const csv = await ada.request(`${room}/export?what=quizzes`);
    expect(csv.headers.get("content-disposition")).toContain("quizzes.csv");
    const bytes = new Uint8Array(await csv.arrayBuffer());
    expect([...bytes.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
    const lines = new TextDecoder().decode(bytes).split("\r\n");
    expect(lines).toContain("Lin,lin@example.org,Entrance,q2,1,1,1");
    expect(lines).toContain("Lin,lin2@example.org,Entrance,q2,0,1,1");
    expect(lines.join()).not.toContain("Foreign");
    expect(lines.join()).not.toContain(foreign);
    expect((await lin.request(`${room}/export?what=quizzes`)).status).toBe(403);
    expect(await (await ada.request(`${room}/quiz/${quiz}/export`)).text()).toMatch(/::Q1::.*::Q2::/s);
    expect((await lin.request(`${room}/quiz/${quiz}/export`)).status).toBe(403);
  });
});

describe("submissions", () => {
  test("of one learner at one exercise can all be opened, from the latest", async () => {
    for (const n of [1, 2, 3])
      await lin.post("/api/submissions", {
        ...{ lesson: "00-start", exercise: "predict-one", results: [], sawSolution: false },
        sources: { "predict-one": `const attempt = ${n};` },
      });
    const html = await page(ada, room);
    const latest = /\?submission=([\w-]+)#submission" title="Lin, [^"]+" aria-label="Lin, [^"]*tried \(3\)"/.exec(html)![1]!;
    const opened = await page(ada, `${room}?submission=${latest}`);
    expect(opened).toContain("const attempt = 3;");
    const tries = [...opened.matchAll(/<ol class="tries[\s\S]*?<\/ol>/g)][0]![0];
    const ids = [...tries.matchAll(/submission=([\w-]+)#/g)].map((m) => m[1]!);
    expect(ids).toHaveLength(3);
    expect(await page(ada, `${room}?submission=${ids[2]}`)).toContain("const attempt = 1;");
  });

  test("are given points and a comment by hand, and say that the solution was seen", async () => {
    const of = { lesson: "01-arrays", exercise: "largest-entry" };
    const opened = async () => [...(await page(ada, room)).matchAll(/\?submission=([\w-]+)#/g)].map((m) => m[1]!);
    const before = await opened();
    expect((await lin.post("/api/solutions", of)).status).toBe(201);
    const sources = { "largest-entry": "const largest = 1;" };
    expect((await lin.post("/api/submissions", { ...of, sources, results: [], sawSolution: false })).status).toBe(201);
    const grade = async () =>
      ((await (await lin.request("/api/submissions?lesson=01-arrays")).json()) as { grades: Record<string, object> }).grades[
        "largest-entry"
      ];
    await expect.poll(grade, { timeout: patience }).toMatchObject({ state: "graded", score: 0, points: 2 });
    const solved = async () => ((await (await lin.request("/api/progress")).json()) as { solved: object[] }).solved;
    expect(await solved()).toEqual([]);
    const id = (await opened()).find((other) => !before.includes(other))!;
    const given = { id, comment: "You saw what the largest is.", score: "2" };
    expect(await act(lin, `${room}?/comment`, given)).toMatchObject({ status: 403 });
    expect(await act(ada, `${room}?/comment`, given)).toMatchObject({ type: "success" });
    expect(await grade()).toMatchObject({ score: 2, points: 2, comment: given.comment });
    expect(await solved()).toMatchObject([{ ...of, sawSolution: true }]);
  });
});

describe("what a learner writes", () => {
  test("is the newer of two texts of a cell, and nobody else's to read", async () => {
    const now = Date.now();
    for (const [source, at] of [
      ["new", now],
      ["old", now - 60_000],
    ] as const)
      expect((await lin.post("/api/cells", { cells: [{ lesson: "00-start", cell: "model", source, version: "x", at }] })).status).toBe(200);
    const kept = async (who: Visitor) =>
      ((await (await who.request("/api/cells?lesson=00-start")).json()) as { cells: { source: string }[] }).cells.map((c) => c.source);
    expect(await kept(lin)).toEqual(["new"]);
    expect(await kept(ada)).toEqual([]);
  });

  test("as feedback is read by instructors, without a name", async () => {
    expect((await lin.post("/api/feedback", { lesson: "01-arrays", rating: 4, body: "More pictures, please" })).status).toBe(201);
    const shown = /<li>(?:(?!<\/li>)[\s\S])*More pictures, please/.exec(await page(ada, room))![0];
    expect(shown).toContain("4/5");
    expect(shown).not.toContain("Lin");
    expect(await page(lin, room)).not.toContain("More pictures");
  });
});
