import type { Matching, Multiple, Numeric, Ordering, Question, Response, ShortText, Single } from "./question.ts";
import { creditsOf, keysToPlaces, matches, numberOf, sideOf } from "./scoring.ts";

/** What an answer was worth. */
export interface Outcome {
  /** From 0 to `points`. */
  readonly score: number;
  readonly points: number;
  readonly correct: boolean;
  /** False for what is no answer to this question, such as a text where a number is asked for. */
  readonly answered: boolean;
  /** What to tell the learner; the answer itself only with `reveal`. */
  readonly feedback: readonly string[];
}

export type RunChecks = (
  code: string,
  checks: readonly { readonly name: string; readonly code: string }[],
) => Promise<readonly { readonly name: string; readonly passed: boolean; readonly message?: string }[]>;

export interface GradeOptions {
  /** Runs the checks of a code question, somewhere safe. */
  readonly runChecks?: RunChecks;
  /** Tell the right answer and the general feedback, also to those who did not find it. */
  readonly reveal?: boolean;
}

/** Longest text and list that are looked at. */
const longestText = 20_000;
const longestList = 1000;

/** A share of the points, and what to say about it. */
interface Verdict {
  readonly share: number;
  readonly feedback: readonly (string | undefined)[];
}

/** What is wrong with an answer that is none. */
class NoAnswer {
  readonly expected: string;
  constructor(expected: string) {
    this.expected = expected;
  }
}

/**
 * Grades an answer: a key (single), keys (multiple, ordering; see `publicQuestion`), a number or its text (numeric), a text (text,
 * code), the texts of the right side in the order of the left (matching, "" for none). What is none of these earns nothing.
 */
export async function grade(question: Question, response: Response, { runChecks, reveal = false }: GradeOptions = {}): Promise<Outcome> {
  const { points } = question;
  const verdict = await verdictOf(question, plain(response), runChecks);
  if (verdict instanceof NoAnswer)
    return { score: 0, points, correct: false, answered: false, feedback: [`Not an answer: ${verdict.expected}.`] };
  // Shares of a third, three times, are the whole.
  const share = verdict.share > 0.9999 ? 1 : Math.max(0, verdict.share);
  const correct = share === 1;
  const feedback = [...verdict.feedback];
  if (reveal && !correct) feedback.push(answerText(question));
  if (reveal || correct) feedback.push(question.feedback);
  return { score: points * share, points, correct, answered: true, feedback: feedback.filter((f): f is string => !!f) };
}

function verdictOf(question: Question, response: Plain, runChecks?: RunChecks): Verdict | NoAnswer | Promise<Verdict | NoAnswer> {
  switch (question.type) {
    case "single":
      return gradeSingle(question, response);
    case "multiple":
      return gradeMultiple(question, response);
    case "numeric":
      return gradeNumeric(question, response);
    case "text":
      return gradeText(question, response);
    case "ordering":
      return gradeOrdering(question, response);
    case "matching":
      return gradeMatching(question, response);
    case "code":
      if (typeof response !== "string") return new NoAnswer(`write at most ${longestText} characters of code`);
      return gradeCode(question, response, runChecks);
  }
}

/** A number, a text, a list of both, or null for everything else. */
type Plain = number | string | readonly (number | string)[] | null;

/** Reads an answer once, by its own elements; objects that answer differently each time, or throw, are none. */
function plain(response: unknown): Plain {
  const simple = (value: unknown) =>
    (typeof value === "number" && Number.isFinite(value)) || (typeof value === "string" && value.length <= longestText);
  if (simple(response)) return response as number | string;
  try {
    if (!Array.isArray(response) || response.length > longestList) return null;
    const list = Array.from({ length: response.length }, (_, i) => response[i] as unknown);
    return list.every(simple) ? (list as (number | string)[]) : null;
  } catch {
    return null;
  }
}

const isKey = (value: unknown, count: number): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value < count;

/** Different keys, or null. */
function keysOf(response: Plain, count: number): number[] | null {
  if (!Array.isArray(response) || !response.every((r) => isKey(r, count))) return null;
  return new Set(response).size === response.length ? (response as number[]) : null;
}

function gradeSingle({ choices }: Single, response: Plain): Verdict | NoAnswer {
  if (!isKey(response, choices.length)) return new NoAnswer("choose one");
  const { correct, credit, feedback } = choices[response]!;
  return { share: credit ?? (correct ? 1 : 0), feedback: [feedback] };
}

function gradeMultiple({ choices }: Multiple, response: Plain): Verdict | NoAnswer {
  const keys = keysOf(response, choices.length);
  if (!keys) return new NoAnswer("choose all that are right");
  const right = choices.filter((c) => c.correct).length;
  const chosen = keys.map((k) => choices[k]!);
  const wrong = chosen.filter((c) => !c.correct);
  const remarks = chosen.map((c) => (c.correct ? c.feedback : `“${c.text}”: ${c.feedback ?? "does not belong here."}`));
  if (right === 0) return { share: keys.length === 0 ? 1 : 0, feedback: remarks };
  const credits = creditsOf(choices);
  const missing = right - (chosen.length - wrong.length);
  const share = keys.reduce((sum, k) => sum + credits[k]!, 0);
  return { share, feedback: [...remarks, missing > 0 && wrong.length === 0 ? "There is more to choose." : undefined] };
}

function gradeNumeric(question: Numeric, response: Plain): Verdict | NoAnswer {
  const value = typeof response === "string" ? numberOf(response, { comma: true }) : typeof response === "number" ? response : null;
  if (value === null) return new NoAnswer("write a number, such as 0.25 or 1e-3");
  const side = sideOf(question, value);
  if (side === 0) return { share: 1, feedback: [question.right] };
  const [best] = (question.others ?? []).filter((o) => sideOf(o, value) === 0).sort((a, b) => b.credit - a.credit);
  if (best) return { share: best.credit, feedback: [best.feedback] };
  return { share: 0, feedback: [question.wrong, side < 0 ? "Larger." : "Smaller."] };
}

function gradeText({ answers, caseSensitive = false }: ShortText, response: Plain): Verdict | NoAnswer {
  if (typeof response !== "string" || !response.trim()) return new NoAnswer("write a few words");
  const given = simplified(response, caseSensitive);
  const fitting = answers.filter(({ text }) => matches(simplified(text, caseSensitive), given));
  const best = fitting.sort((a, b) => b.credit - a.credit)[0];
  return { share: best?.credit ?? 0, feedback: [best?.feedback] };
}

function simplified(text: string, caseSensitive: boolean): string {
  const plain = text.normalize("NFKC").trim().replace(/\s+/g, " ");
  return caseSensitive ? plain : plain.toLowerCase();
}

function gradeOrdering({ items }: Ordering, response: Plain): Verdict | NoAnswer {
  const keys = keysOf(response, items.length);
  if (!keys || keys.length !== items.length) return new NoAnswer("put every item into its place");
  const places = keysToPlaces(items);
  const order = keys.map((key) => places[key]!);
  const right = order.slice(1).filter((place, i) => place === order[i]! + 1).length;
  return { share: items.length < 2 ? 1 : right / (items.length - 1), feedback: [] };
}

function gradeMatching(question: Matching, response: Plain): Verdict | NoAnswer {
  const { pairs } = question;
  const offered = new Set(["", ...rightSide(question)]);
  if (!Array.isArray(response) || response.length !== pairs.length || !response.every((r) => offered.has(r)) || !response.some(Boolean))
    return new NoAnswer("choose something for each");
  const wrong = pairs.filter((p, i) => p.right !== response[i]);
  return {
    share: (pairs.length - wrong.length) / pairs.length,
    feedback: wrong.map((p) => `“${p.left}” goes with something else.`),
  };
}

/** What stands on the right, each once. */
export function rightSide({ pairs, distractors = [] }: Matching): string[] {
  return [...new Set([...pairs.map((p) => p.right), ...distractors])];
}

async function gradeCode({ checks }: Extract<Question, { type: "code" }>, code: string, runChecks?: RunChecks): Promise<Verdict> {
  if (!runChecks) return { share: 0, feedback: ["Code is graded later."] };
  try {
    const results = await runChecks(code, checks);
    const failures: string[] = [];
    for (const { name } of checks) {
      const found = results.filter((r) => r.name === name);
      const failed = found.find((r) => r.passed !== true);
      if (failed || !found.length) failures.push(`${name}: ${String(failed?.message ?? "failed").slice(0, 1000)}`);
    }
    return { share: checks.length ? 1 - failures.length / checks.length : 0, feedback: failures };
  } catch (error) {
    return {
      share: 0,
      feedback: [`The checks could not run: ${error instanceof Error ? error.message.slice(0, 1000) : "no reason given"}`],
    };
  }
}

/** The right answer in words. */
function answerText(question: Question): string | undefined {
  switch (question.type) {
    case "single":
    case "multiple":
      return `Right: ${question.choices.flatMap((c) => (c.correct ? [`“${c.text}”`] : [])).join(", ") || "none of them"}.`;
    case "numeric":
      return `Right: ${"min" in question ? `${question.min} to ${question.max}` : question.answer}.`;
    case "text": {
      const best = Math.max(...question.answers.map((a) => a.credit));
      return `Right: ${question.answers.flatMap((a) => (a.credit === best ? [`“${a.text}”`] : [])).join(" or ")}.`;
    }
    case "ordering":
      return `Right: ${question.items.map((item, i) => `${i + 1}. ${item}`).join("; ")}.`;
    case "matching":
      return `Right: ${question.pairs.map((p) => `“${p.left}” – “${p.right}”`).join(", ")}.`;
    case "code":
      return undefined;
  }
}
