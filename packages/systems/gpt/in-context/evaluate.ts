import { Random } from "@gradus/data";
import { ArgumentError } from "@gradus/tensor";
import { generate, Scorer } from "../generate.ts";
import type { LanguageModel } from "../language-model.ts";
import { type Item, promptFor, type Task } from "./tasks.ts";

export interface EvaluateOptions {
  /** Solved examples before each question, other ones each time. Default 0. */
  readonly shots?: number;
  /** Questions. Default 100, or as many as there are. */
  readonly examples?: number;
  /** Same seed, same questions. Default 1. */
  readonly seed?: number;
  /**
   * "likelihood": the likeliest of the choices is taken; an open question is right where each token of the answer, and the end of the
   * line after it, is the likeliest at its place. "generation": the network writes a line, always the likeliest token, which must be the
   * answer. Default: "likelihood" with choices, "generation" without.
   */
  readonly by?: "likelihood" | "generation";
  /**
   * What choices are compared by (Brown et al. 2020, §2.4): log-probability per token; or in all, minus that of the same choice after
   * "Answer:" alone, which takes away how common it is by itself; or in all. Default "token".
   */
  readonly normalise?: "token" | "unconditional" | "none";
  /** Where a prompt does not fit into the context, take fewer solved examples instead of failing. Default false. */
  readonly fewerShots?: boolean;
}

/** How a question was answered. */
export interface Answered {
  /** Questions answered, with this one, of `total`. */
  readonly done: number;
  readonly total: number;
  readonly item: Item;
  /** Solved examples that were in the prompt. */
  readonly shots: number;
  /** What the network took or wrote; null for an open question by likelihood. */
  readonly given: string | null;
  readonly right: boolean;
  /** Scores that choices were compared by, in their order; for an open question by likelihood the answer's alone, per token. */
  readonly scores: readonly number[];
}

export interface Evaluation {
  readonly task: string;
  readonly by: "likelihood" | "generation";
  /** Solved examples asked for, and the fewest that were in a prompt. */
  readonly shots: number;
  readonly fewestShots: number;
  readonly examples: number;
  readonly right: number;
  /** Share of right answers with its standard error, √(p (1 - p) / n). */
  readonly accuracy: number;
  readonly standardError: number;
  /** What guessing among the choices would give: 0 for open questions, and where the network writes, which does not see the choices. */
  readonly chance: number;
}

/** What stands before a choice when nothing is asked (§2.4). */
const emptyContext = "Answer:";

/** Numbers that a pass may hold at a time: logits where texts are scored, keys and values where they are written. */
const numbersAtOnce = 2 ** 26;

/** A question ready to be asked. */
interface Asked {
  readonly item: Item;
  readonly prompt: string;
  readonly shots: number;
}

/**
 * Asks a model the questions of a task after 0, 1 or several solved examples (Brown et al. 2020, §2), without any training: a stream of
 * answers, at the end their share that is right. ArgumentError for prompts longer than the context, before anything is asked.
 */
export async function* evaluate(model: LanguageModel, task: Task, options: EvaluateOptions = {}): AsyncGenerator<Answered, Evaluation> {
  const { shots = 0, seed = 1, normalise = "token", fewerShots = false } = options;
  const { examples = Math.min(100, task.size) } = options;
  if (!(Number.isSafeInteger(shots) && shots >= 0)) fail(`shots is ${shots}`, "Give a whole number from 0 on");
  if (!(Number.isSafeInteger(examples) && examples >= 1)) fail(`examples is ${examples}`, "Give a whole number from 1 on");
  if (examples > task.size) fail(`${examples} examples are asked of ${task.name}, which has ${task.size}`, "Ask for fewer");
  if (shots >= task.size) fail(`${shots} shots and a question are more than the ${task.size} items of ${task.name}`, "Ask for fewer shots");
  if (!["token", "unconditional", "none"].includes(normalise)) fail(`normalise is ${normalise}`, "Use token, unconditional or none");
  const items = task.items(examples, new Random(seed, 0));
  const { by = items.every((item) => item.choices.length) ? "likelihood" : "generation" } = options;
  if (by !== "likelihood" && by !== "generation") fail(`by is ${by}`, "Use likelihood or generation");
  const limit = by === "generation" ? longestAnswer(model, items) : 0;
  const asked = items.map((item, i) => ask(model, task, item, { i, shots, seed, limit, fewerShots }));
  const answers = by === "generation" ? written(model, asked, limit) : scored(model, asked, normalise);
  let [done, right] = [0, 0];
  for await (const answer of answers) {
    if (answer.right) right++;
    yield { done: ++done, total: examples, ...answer };
  }
  const accuracy = right / examples;
  return {
    ...{ task: task.name, by, shots, fewestShots: Math.min(...asked.map((a) => a.shots)), examples, right, accuracy },
    standardError: Math.sqrt((accuracy * (1 - accuracy)) / examples),
    chance: by === "generation" ? 0 : items.reduce((sum, { choices }) => sum + (choices.length ? 1 / choices.length : 0), 0) / examples,
  };
}

function fail(problem: string, fix: string): never {
  throw new ArgumentError("evaluate", problem, fix);
}

/** An answer as it follows its context. Tokenizers of words bring the space before a text by themselves. */
const after = ({ tokenizer }: LanguageModel, answer: string): string => (tokenizer.leadingSpace ? answer : ` ${answer}`);

/** The end of a line belongs to an answer: 12 is not the beginning of 123. */
const line = (model: LanguageModel, answer: string): string => `${after(model, answer)}\n`;

const tokensOf = (model: LanguageModel, text: string): number => model.tokenizer.encode(text).length;

/** Tokens that the network may write: a few more than the longest answer has, which it may well spell otherwise. */
const longestAnswer = (model: LanguageModel, items: readonly Item[]): number =>
  4 + Math.max(...items.map(({ answer }) => tokensOf(model, line(model, answer))));

/** A question with its solved examples, drawn anew for each question. */
function ask(
  model: LanguageModel,
  task: Task,
  item: Item,
  given: { readonly i: number; readonly shots: number; readonly seed: number; readonly limit: number; readonly fewerShots: boolean },
): Asked {
  const { i, shots, seed, limit, fewerShots } = given;
  const solved = task
    .items(Math.min(shots + 1, task.size), new Random(seed, 1, i))
    .filter((other) => other.key !== item.key)
    .slice(0, shots);
  const { context } = model.network.config;
  const { length: before } = model.beginnings ?? [];
  const answer = limit || Math.max(...endings(model, item).map((text) => tokensOf(model, text)));
  const lengthWith = (count: number): number => before + tokensOf(model, promptFor(task, item, solved.slice(0, count))) + answer;
  // The last token of all is written, not read.
  const fits = (count: number): boolean => lengthWith(count) <= context + 1;
  if (fits(solved.length)) return { item, prompt: promptFor(task, item, solved), shots: solved.length };
  // By halves: `most` shots fit, if any number does (-1: not known yet); more than `less` do not.
  let [most, less] = [-1, solved.length - 1];
  while (most < less) {
    const middle = Math.ceil((most + less) / 2);
    if (fits(middle)) most = middle;
    else less = middle - 1;
  }
  if (most < 0 || !fewerShots)
    fail(
      `question ${i + 1} of ${task.name} with ${solved.length} shots and its answer takes ${lengthWith(solved.length)} tokens, and the network sees ${context}`,
      most < 0 ? "It does not fit even without shots: use a model with a longer context" : `At most ${most} shots fit it`,
    );
  return { item, prompt: promptFor(task, item, solved.slice(0, most)), shots: most };
}

/** Continuations that are scored for an item. */
const endings = (model: LanguageModel, { choices, answer }: Item): string[] =>
  choices.length ? choices.map((choice) => after(model, choice)) : [line(model, answer)];

type Answer = Omit<Answered, "done" | "total">;

async function* scored(
  model: LanguageModel,
  asked: readonly Asked[],
  normalise: NonNullable<EvaluateOptions["normalise"]>,
): AsyncGenerator<Answer> {
  const scorer = new Scorer(model);
  const { context, vocabulary } = model.network.config;
  const rows = Math.min(32, Math.max(1, Math.floor(numbersAtOnce / (context * vocabulary))));
  const scores = async (texts: readonly { prompt: string; continuation: string }[]) => {
    const found: Awaited<ReturnType<Scorer["score"]>> = [];
    for (let at = 0; at < texts.length; at += rows) found.push(...(await scorer.score(texts.slice(at, at + rows))));
    return found;
  };
  for (let at = 0, count = 0; at < asked.length; at += count) {
    // Questions whose choices fill a pass together.
    count = 1;
    for (let n = endings(model, asked[at]!.item).length; at + count < asked.length; count++) {
      n += endings(model, asked[at + count]!.item).length;
      if (n > rows) break;
    }
    const group = asked.slice(at, at + count);
    const texts = group.flatMap(({ item, prompt }) => endings(model, item).map((continuation) => ({ prompt, continuation })));
    const found = await scores(texts);
    const apart =
      normalise === "unconditional" && group.some(({ item }) => item.choices.length)
        ? await scores(texts.map(({ continuation }) => ({ prompt: emptyContext, continuation })))
        : null;
    let first = 0;
    for (const { item, shots } of group) {
      const size = endings(model, item).length;
      const own = found.slice(first, first + size);
      const [open, offset] = [!item.choices.length, first];
      first += size;
      const values = own.map(({ logProbability, tokens }, k) =>
        open || normalise === "token" ? logProbability / tokens.length : logProbability - (apart ? apart[offset + k]!.logProbability : 0),
      );
      const given = open ? null : item.choices[values.indexOf(Math.max(...values))]!;
      yield { item, shots, given, right: open ? own[0]!.greedy : given === item.answer, scores: values };
    }
  }
}

async function* written(model: LanguageModel, asked: readonly Asked[], limit: number): AsyncGenerator<Answer> {
  const { context, layers, keyValueHeads, headWidth } = model.network.config;
  const kept = 2 * context * layers * keyValueHeads * headWidth;
  const rows = Math.min(16, Math.max(1, Math.floor(numbersAtOnce / kept)));
  for (let at = 0; at < asked.length; at += rows) {
    const group = asked.slice(at, at + rows);
    const texts = group.map(() => "");
    const prompts = group.map(({ prompt }) => prompt);
    for await (const { row, text } of generate(model, prompts, { temperature: 0, tokens: limit, stop: ["\n"] })) texts[row] += text;
    for (const [i, { item, shots }] of group.entries()) {
      const given = texts[i]!.trim();
      yield { item, shots, given, right: given === item.answer, scores: [] };
    }
  }
}
