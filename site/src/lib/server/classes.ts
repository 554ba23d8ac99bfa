import { randomInt } from "node:crypto";
import { exercisesOf, quizzesOf } from "@gradus/course";
import { renderMarkdown } from "@gradus/course/markdown";
import { and, asc, desc, eq, inArray, isNull, ne, or, sql } from "drizzle-orm";
import type { SignedIn } from "./auth.ts";
import { lessons } from "./course.ts";
import { database } from "./db.ts";
import { counts } from "./grades.ts";
import {
  announcement,
  appointment,
  classQuiz,
  classroom,
  feedback,
  membership,
  notification,
  quizAnswer,
  submission,
  user,
} from "./schema.ts";

/** Letters and digits that cannot be mistaken for each other. */
const alphabet = "ABCDEFGHJKMNPQRSTUVWXYZ23456789";
const newCode = (): string => Array.from({ length: 6 }, () => alphabet[randomInt(alphabet.length)]).join("");

export async function createClass(me: SignedIn, name: string): Promise<string> {
  const db = await database();
  return db.transaction(async (tx) => {
    const [row] = await tx.insert(classroom).values({ name, code: newCode(), createdBy: me.id }).returning({ id: classroom.id });
    await tx.insert(membership).values({ classroomId: row!.id, userId: me.id, role: "instructor" });
    return row!.id;
  });
}

/** Joins by code; null where there is no such class. */
export async function joinClass(me: SignedIn, code: string): Promise<string | null> {
  const db = await database();
  const [row] = await db.select().from(classroom).where(eq(classroom.code, code.trim().toUpperCase()));
  if (!row) return null;
  await db.insert(membership).values({ classroomId: row.id, userId: me.id }).onConflictDoNothing();
  return row.id;
}

export async function classesOf(me: SignedIn) {
  const db = await database();
  const rows = await db
    .select({ id: classroom.id, name: classroom.name, code: classroom.code, role: membership.role })
    .from(membership)
    .innerJoin(classroom, eq(classroom.id, membership.classroomId))
    .where(eq(membership.userId, me.id))
    .orderBy(desc(classroom.createdAt));
  return rows.map((r) => ({ ...r, code: r.role === "instructor" ? r.code : "" }));
}

/** What somebody is in a class; administrators are instructors everywhere. */
export async function roleIn(me: SignedIn, classId: string): Promise<"learner" | "instructor" | null> {
  const db = await database();
  const [row] = await db
    .select({ role: membership.role })
    .from(membership)
    .where(and(eq(membership.classroomId, classId), eq(membership.userId, me.id)));
  if (me.role === "administrator") return "instructor";
  return row ? (row.role === "instructor" ? "instructor" : "learner") : null;
}

export async function classById(id: string) {
  const db = await database();
  const [row] = await db.select().from(classroom).where(eq(classroom.id, id));
  return row ?? null;
}

export async function schedule(classId: string) {
  const db = await database();
  const rows = await db.select().from(appointment).where(eq(appointment.classroomId, classId)).orderBy(asc(appointment.begins)).limit(500);
  return rows.map((a) => ({ ...a, begins: a.begins.getTime(), ends: a.ends.getTime() }));
}

export interface Entry {
  readonly title: string;
  readonly begins: Date;
  readonly ends: Date;
  readonly kind: "session" | "break" | "other";
  readonly lesson: string | null;
  readonly instructor: string | null;
}

/** Adds an entry to a class's schedule, or puts it in place of another; false where there is no such one. */
export async function plan(classId: string, id: string | null, entry: Entry): Promise<boolean> {
  const db = await database();
  if (id === null) {
    await db.insert(appointment).values({ ...entry, classroomId: classId });
    return true;
  }
  const changed = await db
    .update(appointment)
    .set({ ...entry })
    .where(and(eq(appointment.id, id), eq(appointment.classroomId, classId)))
    .returning({ id: appointment.id });
  return changed.length > 0;
}

export async function unplan(classId: string, id: string): Promise<boolean> {
  const db = await database();
  const gone = await db
    .delete(appointment)
    .where(and(eq(appointment.id, id), eq(appointment.classroomId, classId)))
    .returning({ id: appointment.id });
  return gone.length > 0;
}

/** Who teaches a class, by name. */
export async function instructorsOf(classId: string) {
  const db = await database();
  return db
    .select({ id: user.id, name: user.name, email: user.email })
    .from(membership)
    .innerJoin(user, eq(user.id, membership.userId))
    .where(and(eq(membership.classroomId, classId), eq(membership.role, "instructor")))
    .orderBy(asc(user.name));
}

/** Makes whoever has the account with this address an instructor of a class, and tells them; false where there is no such account. */
export async function inviteInstructor(classId: string, email: string): Promise<boolean> {
  const db = await database();
  const [found] = await db.select({ id: user.id }).from(user).where(eq(user.email, email));
  if (!found) return false;
  await db.transaction(async (tx) => {
    const [room] = await tx.select({ name: classroom.name }).from(classroom).where(eq(classroom.id, classId));
    const changed = await tx
      .insert(membership)
      .values({ classroomId: classId, userId: found.id, role: "instructor" })
      .onConflictDoUpdate({
        target: [membership.classroomId, membership.userId],
        set: { role: "instructor" },
        setWhere: ne(membership.role, "instructor"),
      })
      .returning({ userId: membership.userId });
    if (changed.length)
      await tx
        .insert(notification)
        .values({ userId: found.id, kind: "invitation", text: (room?.name ?? "").slice(0, 200), path: `classes/${classId}` });
  });
  return true;
}

/** Takes an instructor out of a class; false for the last one, since a class needs one. */
export async function dismissInstructor(classId: string, userId: string): Promise<boolean> {
  const db = await database();
  return db.transaction(async (tx) => {
    const teaching = await tx
      .select({ userId: membership.userId })
      .from(membership)
      .where(and(eq(membership.classroomId, classId), eq(membership.role, "instructor")))
      .for("update");
    if (teaching.length < 2 || !teaching.some((m) => m.userId === userId)) return false;
    await tx.delete(membership).where(and(eq(membership.classroomId, classId), eq(membership.userId, userId)));
    return true;
  });
}

export async function announcements(classIds: readonly string[]) {
  const db = await database();
  const rows = await db
    .select({ a: announcement, author: user.name, className: classroom.name })
    .from(announcement)
    .innerJoin(user, eq(user.id, announcement.authorId))
    .leftJoin(classroom, eq(classroom.id, announcement.classroomId))
    .where(or(isNull(announcement.classroomId), classIds.length ? inArray(announcement.classroomId, [...classIds]) : sql`false`))
    .orderBy(desc(announcement.createdAt))
    .limit(100);
  return rows.map(({ a, author, className }) => ({
    id: a.id,
    title: a.title,
    body: a.body,
    html: renderMarkdown(a.body),
    author,
    className,
    at: a.createdAt.getTime(),
    edited: a.editedAt !== null,
  }));
}

/** Announces to a class; all its members hear of it. */
export async function announce(me: SignedIn, classId: string, title: string, body: string): Promise<void> {
  const db = await database();
  await db.transaction(async (tx) => {
    await tx.insert(announcement).values({ classroomId: classId, authorId: me.id, title, body });
    const members = await tx.select({ id: membership.userId }).from(membership).where(eq(membership.classroomId, classId));
    const hear = members.filter((m) => m.id !== me.id);
    if (hear.length)
      await tx
        .insert(notification)
        .values(hear.map(({ id }) => ({ userId: id, kind: "announcement", text: title.slice(0, 200), path: `classes/${classId}` })));
  });
}

/** Changes an announcement of a class; false where there is no such one. Nobody is told again. */
export async function reword(classId: string, id: string, title: string, body: string): Promise<boolean> {
  const db = await database();
  const changed = await db
    .update(announcement)
    .set({ title, body, editedAt: new Date() })
    .where(and(eq(announcement.id, id), eq(announcement.classroomId, classId)))
    .returning({ id: announcement.id });
  return changed.length > 0;
}

export async function withdraw(classId: string, id: string): Promise<boolean> {
  const db = await database();
  const gone = await db
    .delete(announcement)
    .where(and(eq(announcement.id, id), eq(announcement.classroomId, classId)))
    .returning({ id: announcement.id });
  return gone.length > 0;
}

export interface Square {
  readonly state: "solved" | "tried";
  readonly score: number | null;
  readonly tries: number;
  /** The latest submission. */
  readonly submission: string;
}

/** Learners by exercises: who has solved what, and where most are stuck. */
export async function matrix(classId: string) {
  const db = await database();
  const people = await db
    .select({ id: user.id, name: user.name, email: user.email })
    .from(membership)
    .innerJoin(user, eq(user.id, membership.userId))
    .where(and(eq(membership.classroomId, classId), eq(membership.role, "learner")))
    .orderBy(asc(user.name));
  const exercises = (await lessons()).flatMap((lesson) =>
    exercisesOf(lesson).map((e) => ({ lesson: lesson.slug, lessonTitle: lesson.title, id: e.id, title: e.title, points: e.points })),
  );
  const ids = people.map((p) => p.id);
  const rows = ids.length
    ? await db
        .select({
          userId: submission.userId,
          lesson: submission.lesson,
          exercise: submission.exercise,
          tries: sql<number>`count(*)::int`,
          passed: sql<boolean>`bool_or(${submission.passed})`,
          // What the server found counts; until it has looked, what the browser found.
          full: sql<boolean>`bool_or(case when ${submission.score} is null then ${submission.passed} and ${submission.state} <> 'superseded' else ${submission.score} >= ${submission.points} end) filter (where ${counts})`,
          score: sql<number | null>`max(${submission.score}) filter (where ${counts})`,
          latest: sql<string>`(array_agg(${submission.id} order by ${submission.createdAt} desc))[1]`,
        })
        .from(submission)
        .where(inArray(submission.userId, ids))
        .groupBy(submission.userId, submission.lesson, submission.exercise)
    : [];
  const squares: Record<string, Record<string, Square>> = {};
  for (const r of rows)
    (squares[r.userId] ??= {})[`${r.lesson}/${r.exercise}`] = {
      state: r.full ? "solved" : "tried",
      score: r.score,
      tries: r.tries,
      submission: r.latest,
    };
  const stuck = exercises
    .map((e) => {
      const own = rows.filter((r) => r.lesson === e.lesson && r.exercise === e.id);
      return { ...e, stuck: own.filter((r) => !r.full).length, tried: own.length };
    })
    .filter((e) => e.stuck > 0)
    .sort((a, b) => b.stuck - a.stuck || b.stuck / b.tried - a.stuck / a.tried)
    .slice(0, 5);
  return { people, exercises, squares, stuck };
}

/** One submission, for its class's instructors, with all tries of the same learner at the same exercise. */
export async function submissionFor(classId: string, id: string) {
  const db = await database();
  const [row] = await db
    .select({ s: submission, name: user.name })
    .from(submission)
    .innerJoin(user, eq(user.id, submission.userId))
    .innerJoin(membership, and(eq(membership.userId, submission.userId), eq(membership.classroomId, classId)))
    .where(eq(submission.id, id));
  if (!row) return null;
  const { s, name } = row;
  const tries = await db
    .select({ id: submission.id, at: submission.createdAt, score: submission.score, passed: submission.passed })
    .from(submission)
    .where(and(eq(submission.userId, s.userId), eq(submission.lesson, s.lesson), eq(submission.exercise, s.exercise)))
    .orderBy(desc(submission.createdAt))
    .limit(500);
  return {
    tries: tries.map(({ at, ...t }) => ({ ...t, at: at.getTime() })),
    ...{ id: s.id, name, lesson: s.lesson, exercise: s.exercise, sources: s.sources, claimed: s.claimed, graded: s.graded, state: s.state },
    ...{ score: s.score, points: s.points, sawSolution: s.sawSolution, comment: s.comment ?? "", at: s.createdAt.getTime() },
  };
}

/** An instructor's word on a submission, and a score in place of the computed one. */
export async function commentOn(me: SignedIn, classId: string, id: string, comment: string, score: number | null): Promise<boolean> {
  const found = await submissionFor(classId, id);
  if (!found) return false;
  const db = await database();
  const [row] = await db
    .update(submission)
    .set({
      comment,
      commentBy: me.id,
      ...(score === null
        ? {}
        : { score: Math.max(0, Math.min(found.points, score)), scoreBy: me.id, state: "graded", gradedAt: new Date() }),
    })
    .where(eq(submission.id, id))
    .returning({ userId: submission.userId });
  await db
    .insert(notification)
    .values({ userId: row!.userId, kind: "comment", text: comment.slice(0, 200), path: `lessons/${found.lesson}#${found.exercise}` });
  return true;
}

/** Best scores in the quizzes of the lessons and in the class's own, by learner. */
export async function quizScores(classId: string) {
  const db = await database();
  const own = await db.select({ id: classQuiz.id, content: classQuiz.content }).from(classQuiz).where(eq(classQuiz.classroomId, classId));
  const titles = new Map(own.map(({ id, content }) => [`class/${id}`, String((content as { title?: unknown }).title ?? "")]));
  for (const lesson of await lessons())
    for (const quiz of quizzesOf(lesson)) titles.set(`${lesson.slug}/${quiz.id}`, `${lesson.title}: ${quiz.title}`);
  const rows = await db
    .select({
      userId: user.id,
      name: user.name,
      email: user.email,
      lesson: quizAnswer.lesson,
      quiz: quizAnswer.quiz,
      question: quizAnswer.question,
      best: sql<number>`max(${quizAnswer.score})`,
      points: sql<number>`max(${quizAnswer.points})`,
      attempts: sql<number>`count(*)::int`,
    })
    .from(quizAnswer)
    .innerJoin(user, eq(user.id, quizAnswer.userId))
    .innerJoin(
      membership,
      and(eq(membership.userId, quizAnswer.userId), eq(membership.classroomId, classId), eq(membership.role, "learner")),
    )
    .where(
      or(
        ne(quizAnswer.lesson, "class"),
        inArray(
          quizAnswer.quiz,
          own.map((q) => q.id),
        ),
      ),
    )
    .groupBy(user.id, user.name, user.email, quizAnswer.lesson, quizAnswer.quiz, quizAnswer.question)
    .orderBy(asc(user.name), asc(user.id), asc(quizAnswer.lesson), asc(quizAnswer.quiz), asc(quizAnswer.question));
  return rows.map((r) => ({ ...r, title: titles.get(`${r.lesson}/${r.quiz}`) ?? r.quiz }));
}

export async function recentFeedback() {
  const db = await database();
  const rows = await db.select().from(feedback).orderBy(desc(feedback.createdAt)).limit(200);
  // The day is enough; the minute might tell who it was.
  return rows.map(({ id, lesson, rating, body, createdAt }) => ({ id, lesson, rating, body, day: createdAt.toISOString().slice(0, 10) }));
}

/** A cell of a CSV file; what a spreadsheet would take for a formula becomes text. */
export function csvCell(value: string | number | null): string {
  const text = value === null ? "" : String(value);
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** A CSV file. The mark at its beginning tells spreadsheets that it is UTF-8. */
export const csvFile = (lines: readonly (readonly (string | number | null)[])[], name: string): Response =>
  new Response(`\uFEFF${lines.map((l) => `${l.map(csvCell).join(",")}\r\n`).join("")}`, {
    headers: { "content-type": "text/csv; charset=utf-8", "content-disposition": `attachment; filename="${name}.csv"` },
  });
