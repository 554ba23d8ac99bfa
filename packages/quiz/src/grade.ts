import type { Choice, Multiple, Ordering, PublicQuestion, Question, Quiz, Response, ShortText } from "./question.ts";

/** What an answer was worth. */
export interface Outcome {
  /** From 0 to `points`. */
  readonly score: number;
  readonly points: number;
  readonly correct: boolean;
  /** What to tell the learner: never the answer itself. */
  readonly feedback: readonly string[];
}

export type RunChecks = (
  code: string,
  checks: readonly { readonly name: string; readonly code: string }[],
) => Promise<readonly { readonly name: string; readonly passed: boolean; readonly message?: string }[]>;

/** Longest answer that is looked at. */
const longest = 20_000;

/**
 * Grades an answer: a choice's key (single), keys (multiple, ordering), a number or its text (numeric), a text (text, code), the
 * texts of the right side in the order of the left (matching). What is none of these earns nothing and never throws.
 */
export async function grade(
  question: Question,
  response: Response,
  { runChecks }: { readonly runChecks?: RunChecks } = {},
): Promise<Outcome> {
  const { points } = question;
  const outcome = (share: number, feedback: readonly (string | undefined)[]): Outcome => ({
    score: points * Math.max(0, Math.min(1, share)),
    points,
    correct: share >= 1,
    feedback: [...feedback, question.feedback].filter((f): f is string => typeof f === "string" && f !== ""),
  });
  const invalid = (expected: string): Outcome => ({ score: 0, points, correct: false, feedback: [`This is not an answer: ${expected}.`] });
  switch (question.type) {
    case "single": {
      const key = keyOf(response, question.choices.length);
      if (key === null) return invalid("choose one");
      const choice = question.choices[key]!;
      return outcome(choice.correct ? 1 : 0, [choice.feedback]);
    }
    case "multiple": {
      const keys = keysOf(response, question.choices.length);
      if (!keys) return invalid("choose all that are right");
      return outcome(
        shareOf(question, keys),
        keys.map((k) => question.choices[k]!.feedback),
      );
    }
    case "numeric": {
      const value = numberOf(response);
      if (value === null) return invalid("write a number, such as 0.25 or 1e-3");
      const allowed = question.relative ? question.tolerance * Math.abs(question.answer) : question.tolerance;
      // A last bit of rounding is nobody's mistake.
      const right = Math.abs(value - question.answer) <= allowed + 1e-12 * Math.abs(question.answer);
      return outcome(right ? 1 : 0, [right ? undefined : value < question.answer ? "Larger." : "Smaller."]);
    }
    case "text": {
      if (typeof response !== "string" || !response.trim() || response.length > longest) return invalid("write a few words");
      const found = bestAnswer(question, response);
      return outcome(found?.credit ?? 0, [found?.feedback]);
    }
    case "ordering": {
      const keys = keysOf(response, question.items.length);
      if (!keys || keys.length !== question.items.length) return invalid("put every item into its place");
      return outcome(orderShare(question, keys), []);
    }
    case "matching": {
      if (!Array.isArray(response) || response.length !== question.pairs.length || response.some((r) => typeof r !== "string"))
        return invalid("choose something for each");
      const right = question.pairs.filter((p, i) => p.right === response[i]).length;
      const wrong = question.pairs.filter((p, i) => p.right !== response[i]).map((p) => `“${p.left}” goes with something else.`);
      return outcome(right / question.pairs.length, wrong);
    }
    case "code": {
      if (typeof response !== "string" || response.length > longest) return invalid(`write at most ${longest} characters of code`);
      if (!runChecks) return { score: 0, points, correct: false, feedback: ["Code is graded later."] };
      const results = await runChecks(response, question.checks);
      const passed = question.checks.filter((c) => results.some((r) => r.name === c.name && r.passed)).length;
      return outcome(
        question.checks.length ? passed / question.checks.length : 0,
        results.filter((r) => !r.passed).map((r) => `${r.name}: ${r.message ?? "failed"}`),
      );
    }
  }
}

function keyOf(response: Response, count: number): number | null {
  return typeof response === "number" && Number.isInteger(response) && response >= 0 && response < count ? response : null;
}

/** Different keys, or null. */
function keysOf(response: Response, count: number): number[] | null {
  if (!Array.isArray(response) || response.length > count) return null;
  const keys = response.map((r) => keyOf(r, count));
  return keys.some((k) => k === null) || new Set(keys).size !== keys.length ? null : (keys as number[]);
}

function shareOf({ choices }: Multiple, keys: readonly number[]): number {
  const right = choices.filter((c) => c.correct).length;
  const chosen = keys.filter((k) => choices[k]!.correct).length;
  if (right === 0) return keys.length === 0 ? 1 : 0;
  return (chosen - (keys.length - chosen)) / right;
}

/** Number of neighbours in their right order, as a share. */
function orderShare({ items }: Ordering, keys: readonly number[]): number {
  if (items.length < 2) return 1;
  const right = keys.slice(1).filter((key, i) => key === keys[i]! + 1).length;
  return right / (items.length - 1);
}

function numberOf(response: Response): number | null {
  if (typeof response === "number") return Number.isFinite(response) ? response : null;
  if (typeof response !== "string" || response.length > 100) return null;
  const text = response
    .trim()
    .replace("−", "-")
    .replace(/^(-?\d+),(\d+)$/, "$1.$2"); // 0,25 in German
  if (!/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text)) return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

const simplified = (text: string, caseSensitive: boolean): string => {
  const plain = text.normalize("NFKC").trim().replace(/\s+/g, " ");
  return caseSensitive ? plain : plain.toLowerCase();
};

function bestAnswer({ answers, caseSensitive = false }: ShortText, response: string) {
  const given = simplified(response, caseSensitive);
  const matching = answers.filter(({ text }) => matches(simplified(text, caseSensitive), given));
  return matching.sort((a, b) => b.credit - a.credit)[0];
}

/** Whether a pattern with * fits, in time proportional to both lengths (a regular expression might take forever). */
function matches(pattern: string, text: string): boolean {
  const parts = pattern.split("*");
  if (parts.length === 1) return pattern === text;
  const [head, tail] = [parts[0]!, parts.at(-1)!];
  if (text.length < head.length + tail.length || !text.startsWith(head) || !text.endsWith(tail)) return false;
  let at = head.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > text.length - tail.length) return false;
    at = found + part.length;
  }
  return at <= text.length - tail.length;
}

/** What a learner sees of a question: no answers, choices in an order that `seed` decides. Keys stay those of the question. */
export function publicQuestion(question: Question, seed = 0): PublicQuestion {
  const { id, prompt, points, hint } = question;
  const common = { id, prompt, points, hint };
  const keyed = (texts: readonly string[]) =>
    shuffled(
      texts.map((text, key) => ({ key, text })),
      seed + points + texts.length,
    );
  switch (question.type) {
    case "single":
    case "multiple":
      return {
        ...common,
        type: question.type,
        choices: keepOrder(question.choices)
          ? question.choices.map(({ text }, key) => ({ key, text }))
          : keyed(question.choices.map((c) => c.text)),
      };
    case "numeric":
    case "text":
      return { ...common, type: question.type };
    case "ordering":
      return { ...common, type: "ordering", items: keyed(question.items) };
    case "matching": {
      const right = [...new Set([...question.pairs.map((p) => p.right), ...(question.distractors ?? [])])];
      return { ...common, type: "matching", left: question.pairs.map((p) => p.left), right: right.sort((a, b) => a.localeCompare(b)) };
    }
    case "code":
      return { ...common, type: "code", starter: question.starter };
  }
}

/** True and false, yes and no, numbers stand in their natural order. */
const keepOrder = (choices: readonly Choice[]): boolean =>
  (choices.length === 2 && choices.every((c) => /^(true|false|yes|no|wahr|falsch|ja|nein)$/i.test(c.text))) ||
  choices.every((c) => /^-?[\d.,]+$/.test(c.text));

function shuffled<T>(list: readonly T[], seed: number): T[] {
  const out = [...list];
  // A small generator (Mulberry32, Ettinger 2017): the order only has to look different.
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}

/** Whether a quiz can be answered now, or why not. */
export function availability(
  quiz: Pick<Quiz, "attempts" | "opens" | "closes">,
  now: Date,
  used: number,
): { readonly open: true } | { readonly open: false; readonly reason: "early" | "late" | "attempts" } {
  if (quiz.opens && now < new Date(quiz.opens)) return { open: false, reason: "early" };
  if (quiz.closes && now > new Date(quiz.closes)) return { open: false, reason: "late" };
  if (quiz.attempts !== undefined && used >= quiz.attempts) return { open: false, reason: "attempts" };
  return { open: true };
}
