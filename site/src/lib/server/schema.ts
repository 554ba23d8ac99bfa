import { boolean, index, integer, jsonb, pgTable, primaryKey, real, text, timestamp } from "drizzle-orm/pg-core";

const id = () =>
  text("id")
    .primaryKey()
    .$defaultFn(() => crypto.randomUUID());
const now = (name: string) => timestamp(name, { withTimezone: true }).notNull().defaultNow();
const time = (name: string) => timestamp(name, { withTimezone: true });

// ------------------------------------------------------------------------------- people (in the form that better-auth wants)

export const user = pgTable("user", {
  id: text("id").primaryKey(),
  name: text("name").notNull(),
  email: text("email").notNull().unique(),
  emailVerified: boolean("email_verified").notNull().default(false),
  image: text("image"),
  /** learner, instructor or administrator. */
  role: text("role").notNull().default("learner"),
  createdAt: now("created_at"),
  updatedAt: now("updated_at"),
});

export const session = pgTable("session", {
  id: text("id").primaryKey(),
  expiresAt: timestamp("expires_at", { withTimezone: true }).notNull(),
  token: text("token").notNull().unique(),
  createdAt: now("created_at"),
  updatedAt: now("updated_at"),
  ipAddress: text("ip_address"),
  userAgent: text("user_agent"),
  userId: text("user_id")
    .notNull()
    .references(() => user.id, { onDelete: "cascade" }),
});

export const account = pgTable("account", {
  id: text("id").primaryKey(),
  accountId: text("account_id").notNull(),
  providerId: text("provider_id").notNull(),
  userId: text("user_id")
    .notNull()
    .references(() => user.id, { onDelete: "cascade" }),
  accessToken: text("access_token"),
  refreshToken: text("refresh_token"),
  idToken: text("id_token"),
  accessTokenExpiresAt: time("access_token_expires_at"),
  refreshTokenExpiresAt: time("refresh_token_expires_at"),
  scope: text("scope"),
  password: text("password"),
  createdAt: now("created_at"),
  updatedAt: now("updated_at"),
});

export const verification = pgTable("verification", {
  id: text("id").primaryKey(),
  identifier: text("identifier").notNull(),
  value: text("value").notNull(),
  expiresAt: timestamp("expires_at", { withTimezone: true }).notNull(),
  createdAt: now("created_at"),
  updatedAt: now("updated_at"),
});

// ------------------------------------------------------------------------------------------------------------ classes

/** A group that takes the course together; learners join by its code. */
export const classroom = pgTable("classroom", {
  id: id(),
  name: text("name").notNull(),
  code: text("code").notNull().unique(),
  createdBy: text("created_by")
    .notNull()
    .references(() => user.id),
  createdAt: now("created_at"),
});

export const membership = pgTable(
  "membership",
  {
    classroomId: text("classroom_id")
      .notNull()
      .references(() => classroom.id, { onDelete: "cascade" }),
    userId: text("user_id")
      .notNull()
      .references(() => user.id, { onDelete: "cascade" }),
    /** learner or instructor. */
    role: text("role").notNull().default("learner"),
    joinedAt: now("joined_at"),
  },
  (t) => [primaryKey({ columns: [t.classroomId, t.userId] }), index("membership_user").on(t.userId)],
);

/** A line of a class's timetable. */
export const appointment = pgTable("appointment", {
  id: id(),
  classroomId: text("classroom_id")
    .notNull()
    .references(() => classroom.id, { onDelete: "cascade" }),
  begins: timestamp("begins", { withTimezone: true }).notNull(),
  ends: timestamp("ends", { withTimezone: true }).notNull(),
  title: text("title").notNull(),
  /** session, break or other. */
  kind: text("kind").notNull().default("session"),
  lesson: text("lesson"),
  instructor: text("instructor"),
});

export const announcement = pgTable(
  "announcement",
  {
    id: id(),
    /** Null is for everybody. */
    classroomId: text("classroom_id").references(() => classroom.id, { onDelete: "cascade" }),
    authorId: text("author_id")
      .notNull()
      .references(() => user.id),
    title: text("title").notNull(),
    body: text("body").notNull(),
    createdAt: now("created_at"),
    editedAt: time("edited_at"),
  },
  (t) => [index("announcement_time").on(t.createdAt)],
);

// --------------------------------------------------------------------------------------------------------------- work

/** A learner's own code in place of a lesson's; notebooks of the scratch page are cells of the lesson "scratch". */
export const savedCell = pgTable(
  "saved_cell",
  {
    userId: text("user_id")
      .notNull()
      .references(() => user.id, { onDelete: "cascade" }),
    lesson: text("lesson").notNull(),
    cell: text("cell").notNull(),
    source: text("source").notNull(),
    /** The lesson's version that it was written for; empty where the learner has gone back to the lesson's own text. */
    version: text("version").notNull(),
    updatedAt: now("updated_at"),
  },
  (t) => [primaryKey({ columns: [t.userId, t.lesson, t.cell] })],
);

/** An exercise handed in. What the learner's own browser found is noted; what the server finds is the grade. */
export const submission = pgTable(
  "submission",
  {
    id: id(),
    userId: text("user_id")
      .notNull()
      .references(() => user.id, { onDelete: "cascade" }),
    lesson: text("lesson").notNull(),
    exercise: text("exercise").notNull(),
    /** Sources of the exercise's cell and of those that the learner has changed, by cell. */
    sources: jsonb("sources").$type<Record<string, string>>().notNull(),
    /** What the browser found. */
    claimed: jsonb("claimed").$type<{ name: string; passed: boolean; message?: string }[]>().notNull(),
    passed: boolean("passed").notNull(),
    sawSolution: boolean("saw_solution").notNull().default(false),
    /** waiting, grading, graded, failed (the sandbox did not work) or superseded by a newer one. */
    state: text("state").notNull().default("waiting"),
    /** How often grading has begun and not come to an end. */
    tries: integer("tries").notNull().default(0),
    graded: jsonb("graded").$type<{ name: string; passed: boolean; points: number; message?: string }[]>(),
    score: real("score"),
    /** The instructor whose score this is; null where the server found it. */
    scoreBy: text("score_by").references(() => user.id),
    points: real("points").notNull(),
    /** An instructor's word on it. */
    comment: text("comment"),
    commentBy: text("comment_by").references(() => user.id),
    createdAt: now("created_at"),
    gradedAt: time("graded_at"),
  },
  (t) => [
    index("submission_user").on(t.userId, t.lesson, t.exercise),
    index("submission_state").on(t.state, t.createdAt),
    index("submission_exercise").on(t.lesson, t.exercise, t.createdAt),
  ],
);

/** Who has looked at the solution of which exercise. */
export const seenSolution = pgTable(
  "seen_solution",
  {
    userId: text("user_id")
      .notNull()
      .references(() => user.id, { onDelete: "cascade" }),
    lesson: text("lesson").notNull(),
    exercise: text("exercise").notNull(),
    createdAt: now("created_at"),
  },
  (t) => [primaryKey({ columns: [t.userId, t.lesson, t.exercise] })],
);

/** An answer to one question of a quiz. */
export const quizAnswer = pgTable(
  "quiz_answer",
  {
    id: id(),
    userId: text("user_id")
      .notNull()
      .references(() => user.id, { onDelete: "cascade" }),
    /** The lesson's slug, or "class" for a class's own quiz. */
    lesson: text("lesson").notNull(),
    quiz: text("quiz").notNull(),
    question: text("question").notNull(),
    response: jsonb("response"),
    score: real("score").notNull(),
    points: real("points").notNull(),
    /** graded; code, which the grader runs, is waiting, grading or failed before. */
    state: text("state").notNull().default("graded"),
    tries: integer("tries").notNull().default(0),
    feedback: jsonb("feedback").$type<string[]>(),
    gradedAt: time("graded_at"),
    createdAt: now("created_at"),
  },
  (t) => [index("quiz_answer_user").on(t.userId, t.lesson, t.quiz), index("quiz_answer_state").on(t.state, t.createdAt)],
);

/** A quiz that an instructor has made or imported for a class. */
export const classQuiz = pgTable("class_quiz", {
  id: id(),
  classroomId: text("classroom_id")
    .notNull()
    .references(() => classroom.id, { onDelete: "cascade" }),
  content: jsonb("content").notNull(),
  createdAt: now("created_at"),
});

// -------------------------------------------------------------------------------------------------------------- forum

export const post = pgTable(
  "post",
  {
    id: id(),
    lesson: text("lesson").notNull(),
    /** The question that this answers; null for a question. */
    parentId: text("parent_id"),
    authorId: text("author_id")
      .notNull()
      .references(() => user.id),
    title: text("title"),
    body: text("body").notNull(),
    /** On an answer: the asker or an instructor has accepted it. */
    accepted: boolean("accepted").notNull().default(false),
    createdAt: now("created_at"),
    editedAt: time("edited_at"),
    deletedAt: time("deleted_at"),
  },
  (t) => [index("post_lesson").on(t.lesson, t.createdAt), index("post_parent").on(t.parentId, t.createdAt)],
);

export const notification = pgTable(
  "notification",
  {
    id: id(),
    userId: text("user_id")
      .notNull()
      .references(() => user.id, { onDelete: "cascade" }),
    /** answer, accepted, announcement, comment, question or invitation. */
    kind: text("kind").notNull(),
    text: text("text").notNull(),
    path: text("path").notNull(),
    readAt: time("read_at"),
    createdAt: now("created_at"),
  },
  (t) => [index("notification_user").on(t.userId, t.createdAt)],
);

/** What somebody thinks of a lesson. Nobody is named. */
export const feedback = pgTable("feedback", {
  id: id(),
  lesson: text("lesson").notNull(),
  /** 1 to 5. */
  rating: integer("rating"),
  body: text("body").notNull(),
  createdAt: now("created_at"),
});

/** What the site itself must remember, for all its processes. */
export const setting = pgTable("setting", { key: text("key").primaryKey(), value: text("value").notNull() });

/** How often something was tried that people guess at, for all processes; rows of the past are swept away. */
export const tally = pgTable("tally", {
  key: text("key").primaryKey(),
  count: integer("count").notNull(),
  resets: timestamp("resets", { withTimezone: true }).notNull(),
});
