import * as v from "valibot";
import type { Question, Quiz } from "./question.ts";

/** A quiz or a file of questions that cannot be used. */
export class QuizError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "QuizError";
  }
}

const text = (most: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(most));
const prose = text(10_000);
const short = text(1000);
const time = v.pipe(
  v.string(),
  v.check((s) => !Number.isNaN(Date.parse(s)), "expected a time such as 2026-11-24T09:00:00Z"),
);
/** Numbers and truth values may be written without quotation marks. */
const words = v.pipe(v.union([v.string(), v.number(), v.boolean()]), v.transform(String), v.string(), v.minLength(1), v.maxLength(1000));

const common = {
  id: v.optional(v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/, "expected letters, digits, - and _"))),
  prompt: prose,
  points: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1000)), 1),
  feedback: v.optional(prose),
  hint: v.optional(prose),
};

const choice = v.strictObject({ text: words, correct: v.optional(v.boolean(), false), feedback: v.optional(prose) });
const choices = v.pipe(v.array(choice), v.minLength(2), v.maxLength(50));

const question = v.variant("type", [
  v.strictObject({
    ...common,
    type: v.literal("single"),
    choices: v.pipe(
      choices,
      v.check((list) => list.filter((c) => c.correct).length === 1, "expected exactly one choice with correct: true"),
    ),
  }),
  v.strictObject({ ...common, type: v.literal("multiple"), choices }),
  v.strictObject({
    ...common,
    type: v.literal("numeric"),
    answer: v.pipe(v.number(), v.finite()),
    tolerance: v.optional(v.pipe(v.number(), v.finite(), v.minValue(0)), 0),
    relative: v.optional(v.boolean()),
  }),
  v.strictObject({
    ...common,
    type: v.literal("text"),
    answers: v.pipe(
      v.array(
        v.union([
          v.strictObject({
            text: words,
            credit: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1)), 1),
            feedback: v.optional(prose),
          }),
          v.pipe(
            words,
            v.transform((t) => ({ text: t, credit: 1, feedback: undefined })),
          ),
        ]),
      ),
      v.minLength(1),
      v.maxLength(100),
    ),
    caseSensitive: v.optional(v.boolean()),
  }),
  v.strictObject({ ...common, type: v.literal("ordering"), items: v.pipe(v.array(words), v.minLength(2), v.maxLength(50)) }),
  v.strictObject({
    ...common,
    type: v.literal("matching"),
    pairs: v.pipe(v.array(v.strictObject({ left: words, right: words })), v.minLength(2), v.maxLength(50)),
    distractors: v.optional(v.pipe(v.array(words), v.maxLength(50))),
  }),
  v.strictObject({
    ...common,
    type: v.literal("code"),
    starter: v.optional(v.pipe(v.string(), v.maxLength(20_000)), ""),
    checks: v.pipe(
      v.array(v.strictObject({ name: short, code: v.pipe(v.string(), v.maxLength(20_000)) })),
      v.minLength(1),
      v.maxLength(50),
    ),
  }),
]);

const quiz = v.pipe(
  v.strictObject({
    id: v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/, "expected letters, digits, - and _")),
    title: v.optional(short, "Quiz"),
    attempts: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000))),
    opens: v.optional(time),
    closes: v.optional(time),
    questions: v.pipe(v.array(question), v.minLength(1), v.maxLength(500)),
  }),
  v.check((q) => !q.opens || !q.closes || new Date(q.opens) < new Date(q.closes), "expected closes after opens"),
);

/** Checks a quiz that comes from outside, and fills in what may be left out. Throws QuizError with the place of the fault. */
export function parseQuiz(value: unknown): Quiz {
  const parsed = v.safeParse(quiz, value, { abortEarly: true });
  if (!parsed.success) throw new QuizError(`quiz: ${faultOf(parsed.issues[0])}`);
  const { questions, ...rest } = parsed.output;
  const ids = new Set<string>();
  return {
    ...rest,
    questions: questions.map((q, i) => {
      const id = q.id ?? `q${i + 1}`;
      if (ids.has(id)) throw new QuizError(`quiz: questions[${i}].id: there are two questions called ${id}`);
      ids.add(id);
      return { ...q, id } as Question;
    }),
  };
}

function faultOf(issue: v.BaseIssue<unknown>): string {
  const path = (issue.path ?? [])
    .map((p) => (typeof p.key === "number" ? `[${p.key}]` : `.${String(p.key)}`))
    .join("")
    .replace(/^\./, "");
  const received = JSON.stringify(issue.input)?.slice(0, 100) ?? "nothing";
  return `${path || "the quiz"}: ${issue.message}. Received: ${received}`;
}
