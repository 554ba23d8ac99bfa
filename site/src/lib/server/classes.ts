import { randomInt } from "node:crypto";
import { exercisesOf } from "@gradus/course";
import { renderMarkdown } from "@gradus/course/markdown";
import { and, asc, desc, eq, inArray, isNull, or, sql } from "drizzle-orm";
import type { SignedIn } from "./auth.ts";
import { lessons } from "./course.ts";
import { database } from "./db.ts";
import { counts } from "./grades.ts";
import { announcement, appointment, classroom, feedback, membership, notification, quizAnswer, submission, user } from "./schema.ts";

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
    html: renderMarkdown(a.body),
    author,
    className,
    at: a.createdAt.getTime(),
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

/** One submission, for its class's instructors. */
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
  return {
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

/** Best scores in the quizzes, by learner. */
export async function quizScores(classId: string) {
  const db = await database();
  return db
    .select({
      name: user.name,
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
    .groupBy(user.name, quizAnswer.lesson, quizAnswer.quiz, quizAnswer.question)
    .orderBy(asc(user.name));
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
