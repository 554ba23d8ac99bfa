import * as v from "valibot";
import { QuizError, shown } from "./error.ts";
import type { Question, Quiz } from "./question.ts";

const text = (most: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(most));
const prose = text(10_000);
const short = text(1000);
const finite = v.pipe(v.number(), v.finite());
const credit = (least: number) => v.pipe(v.number(), v.minValue(least), v.maxValue(1));
const id = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/, "expected letters, digits, - and _, at most 64"));
const time = v.pipe(
  v.string(),
  v.maxLength(40),
  v.check((s) => !Number.isNaN(Date.parse(s)), "expected a time such as 2026-11-24T09:00:00Z"),
);
/** Numbers and truth values may be written without quotation marks. */
const words = v.pipe(v.union([v.string(), v.number(), v.boolean()]), v.transform(String), v.string(), v.minLength(1), v.maxLength(1000));
const tag = v.pipe(
  v.string(),
  v.regex(/^[^\p{Cc}[\]\\\s](?:[^\p{Cc}[\]\\]{0,98}[^\p{Cc}[\]\\\s])?$/u, "expected 1 to 100 characters, no brackets and backslashes"),
);

const common = {
  id: v.optional(id),
  title: v.optional(text(200)),
  prompt: prose,
  points: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1000)), 1),
  feedback: v.optional(prose),
  hint: v.optional(prose),
  tags: v.optional(v.pipe(v.array(tag), v.maxLength(50))),
};

const different = (list: readonly string[]) => new Set(list).size === list.length;

const choice = v.strictObject({
  text: words,
  correct: v.optional(v.boolean(), false),
  credit: v.optional(credit(-1)),
  feedback: v.optional(prose),
});
const choices = v.pipe(v.array(choice), v.minLength(2), v.maxLength(50));

/** Either answer, with a tolerance, or min and max. */
const target = {
  answer: v.optional(finite),
  tolerance: v.optional(v.pipe(finite, v.minValue(0))),
  relative: v.optional(v.boolean()),
  min: v.optional(finite),
  max: v.optional(finite),
};
type Loose = v.InferOutput<v.ObjectSchema<typeof target, undefined>>;
const isTarget = (t: Loose): boolean =>
  t.answer !== undefined
    ? t.min === undefined && t.max === undefined
    : t.min !== undefined && t.max !== undefined && t.min <= t.max && t.tolerance === undefined && t.relative === undefined;
const targetExpected = "expected answer (and tolerance), or min and max with min not above max";
const withTolerance = <T extends Loose>(t: T): T => (t.answer === undefined ? t : { ...t, tolerance: t.tolerance ?? 0 });

const question = v.variant("type", [
  v.strictObject({
    ...common,
    type: v.literal("single"),
    choices: v.pipe(
      choices,
      v.check(
        (list) => list.some((c) => c.correct) && list.filter((c) => c.correct && c.credit === undefined).length <= 1,
        "expected exactly one choice with correct: true (several only with a credit each)",
      ),
    ),
  }),
  v.strictObject({ ...common, type: v.literal("multiple"), choices }),
  v.pipe(
    v.strictObject({
      ...common,
      type: v.literal("numeric"),
      ...target,
      right: v.optional(prose),
      wrong: v.optional(prose),
      others: v.optional(
        v.pipe(
          v.array(
            v.pipe(
              v.strictObject({ ...target, credit: credit(0), feedback: v.optional(prose) }),
              v.check((t) => isTarget(t), targetExpected),
              v.transform((t) => withTolerance(t)),
            ),
          ),
          v.maxLength(50),
        ),
      ),
    }),
    v.check((t) => isTarget(t), targetExpected),
    v.transform((t) => withTolerance(t)),
  ),
  v.strictObject({
    ...common,
    type: v.literal("text"),
    answers: v.pipe(
      v.array(
        v.union([
          v.strictObject({ text: words, credit: v.optional(credit(0), 1), feedback: v.optional(prose) }),
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
  v.strictObject({
    ...common,
    type: v.literal("ordering"),
    items: v.pipe(
      v.array(words),
      v.minLength(2),
      v.maxLength(50),
      v.check((list) => different(list), "expected different items, two are the same"),
    ),
  }),
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
      v.check((list) => different(list.map((c) => c.name)), "expected different names, two checks have the same"),
    ),
  }),
]);

const quiz = v.pipe(
  v.strictObject({
    id,
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
  const { questions, ...rest } = checked(quiz, value, "the quiz");
  const ids = new Set<string>();
  return {
    ...rest,
    questions: questions.map((q, i) => {
      const id = q.id ?? `q${i + 1}`;
      if (ids.has(id)) throw new QuizError(`quiz: questions[${i}].id: there are two questions called ${id}. Give each its own id.`);
      ids.add(id);
      return { ...q, id } as Question;
    }),
  };
}

/** Checks one question; its id has to be there. Throws QuizError with the place of the fault. */
export function parseQuestion(value: unknown): Question {
  const parsed = checked(question, value, "the question");
  if (parsed.id === undefined) throw new QuizError("quiz: id: expected an id of the question. Received: nothing");
  return parsed as Question;
}

function checked<S extends v.GenericSchema>(schema: S, value: unknown, whole: string): v.InferOutput<S> {
  let issue: v.BaseIssue<unknown>;
  try {
    const parsed = v.safeParse(schema, value, { abortEarly: true });
    if (parsed.success) return parsed.output;
    issue = parsed.issues[0];
  } catch (error) {
    // Getters and proxies can throw anything.
    throw new QuizError(`quiz: ${whole} cannot be read: ${error instanceof Error ? error.message : shown(error)}. Expected plain data`);
  }
  const path = (issue.path ?? [])
    .map((p) => (typeof p.key === "number" ? `[${p.key}]` : `.${String(p.key).slice(0, 80)}`))
    .join("")
    .replace(/^\./, "");
  throw new QuizError(`quiz: ${path || whole}: ${sentence(issue)}. Received: ${shown(issue.input)}`);
}

function sentence({ type, kind, expected, message, path }: v.BaseIssue<unknown>): string {
  if (type === "check" || type === "regex") return message;
  if (type === "strict_object" && expected === "never")
    return `there is no such field${path ? "" : " here"}; check its spelling, or leave it out`;
  if (type === "min_length" || type === "max_length")
    return `expected a length of ${type === "min_length" ? "at least" : "at most"} ${expected?.replace(/[<>=]/g, "")}`;
  if (type === "min_value" || type === "max_value")
    return `expected ${type === "min_value" ? "at least" : "at most"} ${expected?.replace(/[<>=]/g, "")}`;
  return kind === "schema" && expected ? `expected ${expected.slice(0, 300)}` : message.slice(0, 300);
}
