import { renderMarkdown } from "@gradus/course/markdown";
import { and, asc, count, desc, eq, ilike, inArray, isNull, ne, or, sql } from "drizzle-orm";
import type { SignedIn } from "./auth.ts";
import { database } from "./db.ts";
import { membership, notification, post, user } from "./schema.ts";

export interface PostView {
  readonly id: string;
  readonly title: string | null;
  readonly html: string;
  readonly body: string;
  readonly author: string;
  readonly byInstructor: boolean;
  readonly mine: boolean;
  readonly accepted: boolean;
  readonly at: number;
  readonly edited: boolean;
  readonly removed: boolean;
}

/** Questions shown on a page. */
const perPage = 50;

const escapeLike = (text: string): string => text.replace(/[\\%_]/g, (c) => `\\${c}`);

/** Questions of a lesson ("" is all), the newest first; `search` looks into titles, texts and answers. */
export async function questions(lesson: string, search: string, page: number) {
  const db = await database();
  const words = search.trim().split(/\s+/).filter(Boolean).slice(0, 8);
  const answer = sql`select 1 from ${post} as a where a.parent_id = ${post.id} and a.deleted_at is null`;
  const rows = await db
    .select({ id: post.id, lesson: post.lesson, title: post.title, author: user.name, role: user.role, at: post.createdAt })
    .from(post)
    .innerJoin(user, eq(user.id, post.authorId))
    .where(
      and(
        isNull(post.parentId),
        isNull(post.deletedAt),
        lesson ? eq(post.lesson, lesson) : undefined,
        ...words.map((w) =>
          or(
            ilike(post.title, `%${escapeLike(w)}%`),
            ilike(post.body, `%${escapeLike(w)}%`),
            sql`exists (${answer} and a.body ilike ${`%${escapeLike(w)}%`})`,
          ),
        ),
      ),
    )
    .orderBy(desc(post.createdAt))
    .limit(perPage)
    .offset(page * perPage);
  const ids = rows.map((r) => r.id);
  const answers = ids.length
    ? await db
        .select({ parent: post.parentId, n: count(), accepted: sql<boolean>`bool_or(${post.accepted})` })
        .from(post)
        .where(and(inArray(post.parentId, ids), isNull(post.deletedAt)))
        .groupBy(post.parentId)
    : [];
  return rows.map((r) => {
    const a = answers.find((x) => x.parent === r.id);
    return {
      id: r.id,
      lesson: r.lesson,
      title: r.title ?? "",
      author: r.author,
      byInstructor: r.role !== "learner",
      at: r.at.getTime(),
      answers: a?.n ?? 0,
      accepted: a?.accepted ?? false,
    };
  });
}

/** A question with its answers: the accepted one first, then the oldest. */
export async function thread(id: string, me: SignedIn | null): Promise<{ lesson: string; question: PostView; answers: PostView[] } | null> {
  const db = await database();
  const rows = await db
    .select({ p: post, author: user.name, role: user.role })
    .from(post)
    .innerJoin(user, eq(user.id, post.authorId))
    .where(or(eq(post.id, id), eq(post.parentId, id)))
    .orderBy(desc(post.accepted), asc(post.createdAt))
    .limit(500);
  const view = ({ p, author, role }: (typeof rows)[number]): PostView => ({
    ...{ id: p.id, title: p.title, author, accepted: p.accepted, byInstructor: role !== "learner", mine: p.authorId === me?.id },
    ...{ at: p.createdAt.getTime(), edited: p.editedAt !== null, removed: p.deletedAt !== null },
    html: p.deletedAt ? "" : renderMarkdown(p.body),
    body: p.deletedAt ? "" : p.body,
  });
  const question = rows.find((r) => r.p.id === id && r.p.parentId === null);
  if (!question) return null;
  return {
    lesson: question.p.lesson,
    question: view(question),
    answers: rows.filter((r) => r.p.parentId === id && !r.p.deletedAt).map(view),
  };
}

/** Asks; the instructors of the asker's classes hear of it. */
export async function ask(me: SignedIn, lesson: string, title: string, body: string): Promise<string> {
  const db = await database();
  return db.transaction(async (tx) => {
    const [row] = await tx.insert(post).values({ lesson, title, body, authorId: me.id }).returning({ id: post.id });
    const mine = tx
      .select({ id: membership.classroomId })
      .from(membership)
      .where(and(eq(membership.userId, me.id), eq(membership.role, "learner")));
    const hear = await tx
      .selectDistinct({ userId: membership.userId })
      .from(membership)
      .where(and(eq(membership.role, "instructor"), ne(membership.userId, me.id), inArray(membership.classroomId, mine)));
    if (hear.length)
      await tx.insert(notification).values(
        hear.map(({ userId }) => ({
          userId,
          kind: "question",
          text: `${me.name}: ${title}`.slice(0, 200),
          path: `questions/${row!.id}`,
        })),
      );
    return row!.id;
  });
}

/** Answers a question; its asker, and who has answered before, hear of it. */
export async function answer(me: SignedIn, id: string, body: string): Promise<boolean> {
  const db = await database();
  const [question] = await db
    .select()
    .from(post)
    .where(and(eq(post.id, id), isNull(post.parentId), isNull(post.deletedAt)));
  if (!question) return false;
  await db.transaction(async (tx) => {
    await tx.insert(post).values({ lesson: question.lesson, parentId: id, body, authorId: me.id });
    const others = await tx
      .selectDistinct({ authorId: post.authorId })
      .from(post)
      .where(or(eq(post.id, id), eq(post.parentId, id)));
    const hear = others.map((o) => o.authorId).filter((o) => o !== me.id);
    if (hear.length)
      await tx.insert(notification).values(
        hear.map((userId) => ({
          userId,
          kind: "answer",
          text: `${me.name}: ${question.title ?? ""}`.slice(0, 200),
          path: `questions/${id}`,
        })),
      );
  });
  return true;
}

/** Only the asker and instructors accept; a question has one accepted answer. */
export async function accept(me: SignedIn, answerId: string): Promise<boolean> {
  const db = await database();
  const [row] = await db.select().from(post).where(eq(post.id, answerId));
  if (!row?.parentId) return false;
  const [question] = await db.select().from(post).where(eq(post.id, row.parentId));
  if (!question || (question.authorId !== me.id && me.role === "learner")) return false;
  await db.transaction(async (tx) => {
    await tx
      .update(post)
      .set({ accepted: sql`${post.id} = ${answerId}` })
      .where(eq(post.parentId, question.id));
    // Told once, however often it is accepted.
    if (row.authorId !== me.id && !row.accepted)
      await tx
        .insert(notification)
        .values({ userId: row.authorId, kind: "accepted", text: (question.title ?? "").slice(0, 200), path: `questions/${question.id}` });
  });
  return true;
}

/** Authors and instructors remove; what was removed stays for nobody to read. */
export async function remove(me: SignedIn, id: string): Promise<boolean> {
  const db = await database();
  const mine = me.role === "learner" ? eq(post.authorId, me.id) : undefined;
  const gone = await db
    .update(post)
    .set({ deletedAt: new Date(), body: "", title: sql`case when ${post.title} is null then null else '' end`, accepted: false })
    .where(and(eq(post.id, id), isNull(post.deletedAt), mine))
    .returning({ id: post.id });
  return gone.length > 0;
}

export async function edit(me: SignedIn, id: string, body: string): Promise<boolean> {
  const db = await database();
  const changed = await db
    .update(post)
    .set({ body, editedAt: new Date() })
    .where(and(eq(post.id, id), eq(post.authorId, me.id), isNull(post.deletedAt)))
    .returning({ id: post.id });
  return changed.length > 0;
}
