import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JailOptions, JailResult } from "@gradus/jail";
import type { CodeQuestion } from "@gradus/quiz";
import { eq } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { SignedIn } from "../src/lib/server/auth.ts";
import { commentOn, createClass, joinClass, matrix } from "../src/lib/server/classes.ts";
import { closeDatabase, type Database, database } from "../src/lib/server/db.ts";
import { Grader, grader } from "../src/lib/server/grader.ts";
import { gradesOf, handIn, noteSolution } from "../src/lib/server/grades.ts";
import { gradingLimits } from "../src/lib/server/grading-limits.ts";
import { body } from "../src/lib/server/guard.ts";
import { type AnswerOutcome, answerQuiz, gradedAnswer } from "../src/lib/server/quizzes.ts";
import { classQuiz, classroom, quizAnswer, submission, user } from "../src/lib/server/schema.ts";
import { newData, patience } from "./server.ts";

// The site runs in its own folder, which is looked at as its modules are loaded.
const start = vi.hoisted(() => {
  const before = process.cwd();
  process.chdir(decodeURIComponent(new URL("..", import.meta.url).pathname));
  return before;
});

/** What the jail does with a job; real ones are in solutions.test.ts and class.test.ts. */
const jail = vi.hoisted(() => ({ run: (_: JailOptions): Promise<JailResult> => Promise.reject(new Error("no job is expected")) }));
vi.mock("@gradus/jail", () => ({
  protection: async () => ({ words: "" }),
  runInJail: async (options: JailOptions) => {
    const result = await jail.run(options);
    options.signal?.throwIfAborted();
    return result;
  },
}));

const folder = newData(mkdtempSync(join(tmpdir(), "gradus-grading-")));
let db: Database;
let graders: Grader[] = [];

beforeAll(async () => {
  vi.stubEnv("GRADUS_DATA", folder);
  vi.stubEnv("DATABASE_URL", "");
  vi.stubEnv("GRADUS_GRADERS", "1");
  db = await database();
});
beforeEach(async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  await db.delete(submission);
});
afterEach(async () => {
  await Promise.all(graders.map((g) => g.stop()));
  graders = [];
  vi.restoreAllMocks();
});
afterAll(async () => {
  await closeDatabase();
  vi.unstubAllEnvs();
  process.chdir(start);
  rmSync(folder, { recursive: true, force: true });
});

let people = 0;
async function person(role: SignedIn["role"] = "learner"): Promise<SignedIn> {
  const me = { id: `p${++people}`, name: `P${people}`, email: `p${people}@example.org`, role };
  await db.insert(user).values(me);
  return me;
}

/** An exercise of 2 points, one of them for a hidden check. */
const [lesson, exercise] = ["12-sequences", "f1"];
const hand = (me: SignedIn, source: string, { passed = false, of = exercise } = {}) =>
  handIn(me, { lesson, exercise: of, sources: { [of]: source }, claimed: [], passed, sawSolution: false, points: 2 });
const rowOf = async (id: string) => (await db.select().from(submission).where(eq(submission.id, id)))[0]!;

function working(): Grader {
  const g = new Grader();
  graders.push(g);
  g.start();
  return g;
}

interface Input {
  readonly exercise: string;
  readonly cells: readonly { readonly id: string; readonly source: string }[];
  readonly checks: readonly { readonly name: string; readonly points: number }[];
}
const sourceIn = ({ input }: JailOptions): string => (input as Input).cells.find((c) => c.id === (input as Input).exercise)!.source;
const verdict = ({ input }: JailOptions, passed: boolean, message?: string): JailResult => ({
  ...{ ok: true, milliseconds: 1 },
  value: (input as Input).checks.map(({ name, points }) => ({ name, points, passed, ...(message === undefined ? {} : { message }) })),
});
const broken: JailResult = { ok: false, reason: "start", message: "bwrap: no user namespaces", milliseconds: 1 };

describe("the queue", () => {
  test("lets learners take turns, however much one of them hands in", async () => {
    const [busy, calm] = [await person(), await person()];
    for (const [i, of] of ["cheat", "pairs", "project"].entries()) await hand(busy, `busy ${i}`, { of });
    await hand(calm, "calm");
    const order: string[] = [];
    jail.run = async (options) => {
      order.push(sourceIn(options));
      return verdict(options, true);
    };
    working();
    await vi.waitFor(() => expect(order).toHaveLength(4), patience);
    expect(order).toEqual(["busy 0", "calm", "busy 1", "busy 2"]);
  });

  test("runs as many at a time as it is told to", async () => {
    vi.stubEnv("GRADUS_GRADERS", "2");
    for (let i = 0; i < 4; i++) await hand(await person(), `${i}`);
    let [now, most, all] = [0, 0, 0];
    jail.run = async (options) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 100));
      now--;
      all++;
      return verdict(options, true);
    };
    working();
    await vi.waitFor(() => expect(all).toBe(4), patience);
    vi.stubEnv("GRADUS_GRADERS", "1");
    expect(most).toBe(2);
  });

  test("a newer submission takes the place of one that waits, but not a wrong one that of a right one", async () => {
    const me = await person();
    const ids = [await hand(me, "first"), await hand(me, "second", { passed: true }), await hand(me, "third")];
    const other = await hand(me, "another exercise", { of: "pairs" });
    const states = await Promise.all([...ids, other].map(async (id) => (await rowOf(id)).state));
    expect(states).toEqual(["superseded", "waiting", "waiting", "waiting"]);
  });

  test("a failure of the sandbox is no grade: it is tried again, then said to have failed", async () => {
    const me = await person();
    const id = await hand(me, "right");
    jail.run = async () => broken;
    const g = working();
    for (const tries of [1, 2, 3]) {
      await vi.waitFor(async () => expect(await rowOf(id)).toMatchObject({ tries, state: tries < 3 ? "waiting" : "failed" }), patience);
      expect((await rowOf(id)).score).toBeNull();
      // A while later.
      await db.update(submission).set({ gradedAt: new Date(Date.now() - 60_000) });
      g.wake();
    }
    expect((await gradesOf(me, lesson))[exercise]).toMatchObject({ state: "failed", score: null });
  });

  test("is graded once the sandbox works again", async () => {
    const id = await hand(await person(), "right");
    jail.run = async () => broken;
    const g = working();
    await vi.waitFor(async () => expect(await rowOf(id)).toMatchObject({ tries: 1, state: "waiting" }), patience);
    jail.run = async (options) => verdict(options, true);
    await db.update(submission).set({ gradedAt: new Date(Date.now() - 60_000) });
    g.wake();
    await vi.waitFor(async () => expect(await rowOf(id)).toMatchObject({ state: "graded", score: 2 }), patience);
  });

  test("what a process left when it was killed is graded by another, and not for ever", async () => {
    const [once, often] = [await hand(await person(), "a"), await hand(await person(), "b")];
    const gradedAt = new Date(Date.now() - 3_600_000);
    await db.update(submission).set({ state: "grading", tries: 1, gradedAt }).where(eq(submission.id, once));
    await db.update(submission).set({ state: "grading", tries: 3, gradedAt }).where(eq(submission.id, often));
    jail.run = async (options) => verdict(options, true);
    working();
    await vi.waitFor(async () => expect((await rowOf(once)).state).toBe("graded"), patience);
    expect((await rowOf(often)).state).toBe("failed");
  });

  test("a grader that stops gives back what it has begun, at once", async () => {
    const id = await hand(await person(), "slow");
    const begun = Promise.withResolvers<void>();
    jail.run = ({ signal }) =>
      new Promise((_, reject) => {
        signal!.addEventListener("abort", () => reject(signal!.reason as Error));
        begun.resolve();
      });
    const g = working();
    await begun.promise;
    await g.stop();
    expect(await rowOf(id)).toMatchObject({ state: "waiting", tries: 0, score: null });
    jail.run = async (options) => verdict(options, true);
    working();
    await vi.waitFor(async () => expect((await rowOf(id)).state).toBe("graded"), patience);
  });
});

describe("a grade", () => {
  test("takes messages that databases refuse: NUL, and half a character at the end", async () => {
    const me = await person();
    const id = await hand(me, "wrong");
    jail.run = async (options) => verdict(options, false, `\0${"x".repeat(998)}😀`);
    working();
    await vi.waitFor(async () => expect((await rowOf(id)).state).toBe("graded"), patience);
    expect((await rowOf(id)).graded![0]!.message).toBe(`\ufffd${"x".repeat(998)}\ufffd`);
  });

  test("tells which check failed and why, but of hidden ones only the name", async () => {
    const me = await person();
    const id = await hand(me, "wrong");
    jail.run = async (options) => verdict(options, false, "The value differs.");
    working();
    expect((await gradesOf(me, lesson))[exercise]).toMatchObject({ state: "pending", score: null });
    await vi.waitFor(async () => expect((await rowOf(id)).state).toBe("graded"), patience);
    const { checks, ...rest } = (await gradesOf(me, lesson))[exercise]!;
    expect(rest).toEqual({ state: "graded", score: 0, points: 2 });
    expect(checks!.map((c) => c.message)).toContain("The value differs.");
    expect(checks!.filter((c) => c.message === "Not yet.")).toHaveLength(1);
    expect(JSON.stringify(checks)).not.toContain("check.");
  });

  test("given by an instructor while the server grades stays", async () => {
    const [teacher, learner] = [await person("instructor"), await person()];
    const classId = await createClass(teacher, "Class");
    const [room] = await db.select().from(classroom).where(eq(classroom.id, classId));
    await joinClass(learner, room!.code);
    const id = await hand(learner, "copied");
    const [begun, decided] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    jail.run = async (options) => {
      begun.resolve();
      await decided.promise;
      return verdict(options, true);
    };
    const g = working();
    await begun.promise;
    await commentOn(teacher, classId, id, "This is not yours.", 0);
    decided.resolve();
    await vi.waitFor(() => expect(decided.promise).resolves.toBeUndefined());
    await g.stop();
    expect(await rowOf(id)).toMatchObject({ score: 0, state: "graded", scoreBy: teacher.id });
  });

  test("that an instructor lowers is lower, until something newer is better", async () => {
    const [teacher, learner] = [await person("instructor"), await person()];
    const classId = await createClass(teacher, "Class");
    const [room] = await db.select().from(classroom).where(eq(classroom.id, classId));
    await joinClass(learner, room!.code);
    jail.run = async (options) => verdict(options, true);
    const g = working();
    const next = async (source: string) => {
      const id = await hand(learner, source, { passed: true });
      g.wake();
      await vi.waitFor(async () => expect((await rowOf(id)).state).toBe("graded"), patience);
      return id;
    };
    const shown = async () => [
      (await gradesOf(learner, lesson))[exercise]!.score,
      (await matrix(classId)).squares[learner.id]![`${lesson}/${exercise}`]!.score,
      (await matrix(classId)).squares[learner.id]![`${lesson}/${exercise}`]!.state,
    ];
    await next("one");
    const second = await next("two");
    expect(await shown()).toEqual([2, 2, "solved"]);
    await commentOn(teacher, classId, second, "Half of it.", 1);
    expect(await shown()).toEqual([1, 1, "tried"]);
    await next("three");
    expect(await shown()).toEqual([2, 2, "solved"]);
  });

  test("says that the solution was seen, whatever the page says", async () => {
    const me = await person();
    await noteSolution(me, lesson, exercise);
    await noteSolution(me, lesson, exercise);
    expect(await rowOf(await hand(me, "seen"))).toMatchObject({ sawSolution: true });
    expect(await rowOf(await hand(me, "other", { of: "pairs" }))).toMatchObject({ sawSolution: false });
  });
});

describe("code in a quiz", () => {
  const question: CodeQuestion = {
    ...{ id: "q1", type: "code", prompt: "Write f", points: 3, starter: "" },
    checks: ["one", "two", "three"].map((name) => ({ name, code: "check.ok(f())" })),
  };
  const answer = async (me: SignedIn, quiz: string, response: unknown) =>
    (await answerQuiz(me, { lesson: "class", quiz }, { id: quiz, title: "Quiz", questions: [question] }, "q1", response)) as AnswerOutcome;

  test("is graded by its checks in the jail; a broken sandbox grades nothing", async () => {
    const [teacher, me] = [await person("instructor"), await person()];
    const classId = await createClass(teacher, "Class");
    const content = { id: "class", title: "Quiz", questions: [question] };
    const [quiz] = await db.insert(classQuiz).values({ classroomId: classId, content }).returning({ id: classQuiz.id });
    jail.run = async () => broken;
    const g = grader();
    graders.push(g);
    const { pending } = await answer(me, quiz!.id, "const f = () => 1");
    await vi.waitFor(async () => expect((await db.select().from(quizAnswer))[0]).toMatchObject({ state: "waiting", tries: 1 }), patience);
    expect(await gradedAnswer(me, pending!)).toMatchObject({ pending });
    expect(await gradedAnswer(teacher, pending!)).toBeNull();
    jail.run = async (options) => {
      expect(sourceIn(options)).toBe("const f = () => 1");
      return {
        ...{ ok: true, milliseconds: 1 },
        value: question.checks.map(({ name }) => ({ name, passed: name !== "two", points: 1, message: "f is 1" })),
      };
    };
    await db.update(quizAnswer).set({ gradedAt: new Date(Date.now() - 60_000) });
    g.wake();
    await vi.waitFor(async () => expect((await gradedAnswer(me, pending!))!.pending).toBeUndefined(), patience);
    expect(await gradedAnswer(me, pending!)).toEqual({ score: 2, points: 3, correct: false, answered: true, feedback: ["two: f is 1"] });
  });

  test("that is no text is no answer", async () => {
    expect(await answer(await person(), "quiz", 7)).toMatchObject({ answered: false, score: 0 });
  });
});

test("limits of grading are whole numbers, and a wrong one is named", () => {
  expect(gradingLimits({})).toMatchObject({ seconds: 90, megabytes: 1536 });
  expect(gradingLimits({ GRADUS_GRADING_SECONDS: "90", GRADUS_GRADERS: "4" })).toMatchObject({ seconds: 90, concurrent: 4 });
  expect(() => gradingLimits({ GRADUS_GRADERS: "many" })).toThrow("GRADUS_GRADERS should be a whole number from 1 to 64. Received: many");
});

test("requests lose what databases refuse, at any depth", async () => {
  const { any } = await import("valibot");
  const request = new Request("http://a", { method: "POST", body: '{"a":["\\u0000b",{"c":"\\ud800"}],"d":"\\ud83d\\ude00 \\\\u0000"}' });
  expect(await body({ request, locals: { me: null, lang: "en" } as App.Locals }, any())).toEqual({
    a: ["\ufffdb", { c: "\ufffd" }],
    d: "😀 \\u0000",
  });
});
