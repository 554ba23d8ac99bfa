import { Random } from "@gradus/data";
import { ArgumentError, compile, logSoftmax as logSoftmaxOf, StateError, type Tensor, takeAlongAxis, tensor } from "@gradus/tensor";
import { Decoder } from "./decoder.ts";
import type { LanguageModel } from "./language-model.ts";
import { checkSampling, distribution, draw, likeliest, logSoftmax, normalised, type SamplingOptions } from "./sampling.ts";
import { TextStream } from "./tokenizers/index.ts";

export interface GenerateOptions extends SamplingOptions {
  /** At most so many new tokens. Default 100. */
  readonly tokens?: number;
  /** The text ends before the first of these. */
  readonly stop?: readonly string[];
  /** Same seed, same text. Default 0. */
  readonly seed?: number;
  /** Say for each token which others were likely, so many of them. Default 0. */
  readonly alternatives?: number;
  /** A smaller network with the same tokens that guesses ahead; what is generated keeps its distribution (Leviathan et al. 2023). */
  readonly draft?: LanguageModel;
  /** Tokens that the draft guesses at a time. Default 4. */
  readonly lookahead?: number;
}

/** A token that was generated. */
export interface Generated {
  /** Which of the prompts it goes on with. */
  readonly row: number;
  readonly id: number;
  /** What is new in the text for certain: a token may end within a character, or begin a stop string. */
  readonly text: string;
  /** Natural logarithm of the probability that the network itself gives the token, before temperature and choices. */
  readonly logProbability: number;
  /** The likeliest tokens at this place with the probabilities they were drawn with, best first. */
  readonly alternatives: readonly Alternative[];
}

export interface Alternative {
  readonly id: number;
  readonly token: string;
  readonly probability: number;
}

/** How a text ended. */
export type Ending = "tokens" | "stop" | "end";

/**
 * Goes on with a prompt, or with several side by side, token by token, as a stream. A text ends with one of the model's own endings, at
 * a stop string, or after so many tokens. Once the context is full, the network goes on from the last half of it. The generator returns
 * how each text ended. ArgumentError for a prompt without tokens or longer than the context.
 */
export async function* generate(
  model: LanguageModel,
  prompts: string | readonly string[],
  options: GenerateOptions = {},
): AsyncGenerator<Generated, readonly Ending[]> {
  checkSampling(options);
  const { tokens = 100, draft, alternatives = 0 } = options;
  if (!(Number.isInteger(tokens) && tokens >= 0)) throw new ArgumentError("generate", `tokens is ${tokens}`, "Give an integer from 0 on");
  const rows = (typeof prompts === "string" ? [prompts] : prompts).map(
    (prompt, i) => new Row(model, promptTokens(model, prompt), i, options),
  );
  if (!rows.length) throw new ArgumentError("generate", "there are no prompts", "Give at least one");
  if (!tokens) return rows.map(() => "tokens");
  if (draft) {
    if (rows.length > 1) throw new ArgumentError("generate", "a draft guesses for one prompt at a time", "Give one prompt, or no draft");
    yield* speculate(model, draft, rows[0]!, options);
    return [rows[0]!.ending ?? "tokens"];
  }
  const decoder = new Decoder(model.network, { batch: rows.length });
  try {
    let fresh = rows.map((row) => row.ids);
    while (rows.some((row) => row.ending === null)) {
      const logits = await decoder.read(fresh);
      fresh = [];
      for (const [i, row] of rows.entries()) {
        if (row.ending !== null) {
          fresh.push([]);
          continue;
        }
        const probabilities = distribution(logits[i]!, options, row.ids);
        const id = draw(probabilities, row.random);
        yield row.take(id, logSoftmax(logits[i]!)[id]!, describe(model, probabilities, alternatives));
        if (decoder.lengths[i]! < model.network.config.context) fresh.push([id]);
        else {
          decoder.rewind(decoder.lengths.map((n, k) => (k === i ? 0 : n)));
          fresh.push(row.lastHalf());
        }
      }
    }
  } finally {
    decoder.dispose();
  }
  return rows.map((row) => row.ending!);
}

/** The whole new text of one prompt. */
export async function complete(model: LanguageModel, prompt: string, options: GenerateOptions = {}): Promise<string> {
  let text = "";
  for await (const step of generate(model, prompt, options)) text += step.text;
  return text;
}

/** Tokens of a prompt; ArgumentError where there are none, or more than the network sees. */
export function promptTokens({ tokenizer, network, beginnings = [] }: LanguageModel, prompt: string): number[] {
  const ids = [...beginnings, ...tokenizer.encode(prompt)];
  const { context, vocabulary } = network.config;
  if (!ids.length) throw new ArgumentError("generate", "the prompt is empty", "Give at least one character to go on with");
  if (ids.length > context)
    throw new ArgumentError("generate", `the prompt has ${ids.length} tokens, the network sees ${context} at once`, "Shorten it");
  const stranger = ids.find((id) => id >= vocabulary);
  if (stranger !== undefined)
    throw new ArgumentError(
      "generate",
      `the tokenizer has token ${stranger}, the network knows ${vocabulary}`,
      "They do not belong together",
    );
  return ids;
}

const describe = ({ tokenizer }: LanguageModel, probabilities: Float32Array, count: number): Alternative[] =>
  count ? likeliest(probabilities, count).map((id) => ({ id, token: tokenizer.token(id), probability: probabilities[id]! })) : [];

/** One text on its way. */
class Row {
  readonly ids: number[];
  readonly random: Random;
  ending: Ending | null = null;
  private readonly row: number;
  private readonly model: LanguageModel;
  private readonly stream: TextStream;
  private readonly stop: readonly string[];
  private left: number;
  /** Text that may be the beginning of a stop string. */
  private held = "";

  constructor(model: LanguageModel, ids: number[], row: number, { tokens = 100, stop = [], seed = 0 }: GenerateOptions) {
    if (stop.some((s) => !s)) throw new ArgumentError("generate", "a stop string is empty", "Give at least one character");
    this.model = model;
    this.ids = ids;
    this.row = row;
    this.random = new Random(seed, row);
    this.stream = new TextStream(model.tokenizer, { continues: true });
    this.stop = stop;
    this.left = tokens;
  }

  /** Appends a token; `ending` is set where it ends the text. */
  take(id: number, logProbability: number, alternatives: readonly Alternative[]): Generated {
    this.ids.push(id);
    let text = "";
    if (this.model.endings.includes(id)) this.ending = "end";
    else {
      this.left--;
      this.held += this.stream.push(id);
      text = this.release();
      if (this.ending === null && this.left === 0) this.ending = "tokens";
    }
    if (this.ending === "end" || this.ending === "tokens") text += this.held + this.stream.end();
    return { row: this.row, id, text, logProbability, alternatives };
  }

  /** What the network goes on from where its context is full: the last half of it, begun as every text. */
  lastHalf(): number[] {
    const { beginnings = [], network } = this.model;
    const half = Math.ceil(network.config.context / 2);
    return [...beginnings, ...this.ids.slice(Math.min(-1, beginnings.length - half))];
  }

  /** Of what is held, the part that begins no stop string; `ending` is set where one is complete. */
  private release(): string {
    const found = this.stop.map((s) => this.held.indexOf(s)).filter((at) => at >= 0);
    if (found.length) {
      this.ending = "stop";
      return this.held.slice(0, Math.min(...found));
    }
    let keep = 0;
    for (const s of this.stop)
      for (let n = Math.min(s.length - 1, this.held.length); n > keep; n--) if (this.held.endsWith(s.slice(0, n))) keep = n;
    const text = this.held.slice(0, this.held.length - keep);
    this.held = this.held.slice(text.length);
    return text;
  }
}

/**
 * Algorithm 1 of Leviathan et al. (2023): the draft proposes tokens; the network reads all of them at once, takes each with probability
 * min(1, p / q), and draws the first that it refuses anew from max(0, p - q).
 */
async function* speculate(model: LanguageModel, draft: LanguageModel, row: Row, options: GenerateOptions): AsyncGenerator<Generated> {
  const { lookahead = 4, alternatives = 0 } = options;
  if (!(Number.isInteger(lookahead) && lookahead >= 1))
    throw new ArgumentError("generate", `lookahead is ${lookahead}`, "Give a positive integer");
  const { vocabulary, context } = model.network.config;
  if (draft.network.config.vocabulary !== vocabulary)
    throw new ArgumentError(
      "generate",
      `the draft knows ${draft.network.config.vocabulary} tokens, the network ${vocabulary}`,
      "They must be the same",
    );
  if (row.ids.length + (options.tokens ?? 100) + lookahead > Math.min(context, draft.network.config.context))
    throw new ArgumentError("generate", "prompt and new tokens do not fit into the context of network and draft", "Ask for fewer tokens");
  const [large, small] = [new Decoder(model.network), new Decoder(draft.network)];
  try {
    while (row.ending === null) {
      const start = row.ids.length;
      const guesses: number[] = [];
      const q: Float32Array[] = [];
      while (guesses.length < lookahead) {
        const known = [...row.ids, ...guesses];
        const [logits] = await small.read([known.slice(small.lengths[0])]);
        q.push(distribution(logits!, options, known));
        guesses.push(draw(q.at(-1)!, row.random));
      }
      const known = [...row.ids, ...guesses];
      const unread = known.slice(large.lengths[0]);
      const [logits] = await large.readAll([unread]);
      const at = (i: number): Float32Array => logits![unread.length - guesses.length - 1 + i]!;
      for (let i = 0; i <= guesses.length && row.ending === null; i++) {
        const p = distribution(at(i), options, known.slice(0, start + i));
        const guess = guesses[i];
        const accepted = guess !== undefined && row.random.uniform() < p[guess]! / q[i]![guess]!;
        const rest = guess === undefined || accepted ? p : normalised(p.map((x, k) => Math.max(0, x - q[i]![k]!)));
        const id = accepted ? guess : draw(rest, row.random);
        yield row.take(id, logSoftmax(at(i))[id]!, describe(model, p, alternatives));
        if (!accepted) break;
      }
      // What was guessed in vain is forgotten; the newest token is not read yet.
      for (const decoder of [large, small]) decoder.rewind([Math.min(decoder.lengths[0]!, row.ids.length - 1)]);
    }
  } finally {
    large.dispose();
    small.dispose();
  }
}

export interface BeamOptions {
  /** Texts kept at a time. Default 4. */
  readonly beams?: number;
  /** At most so many new tokens. Default 100. */
  readonly tokens?: number;
  /** Sums of log-probabilities are divided by length to this power: above 0 longer texts gain (Wu et al. 2016). Default 1. */
  readonly lengthPenalty?: number;
}

/** A text that beam search found, with the sum of its tokens' log-probabilities. */
export interface Beam {
  readonly text: string;
  readonly ids: readonly number[];
  readonly logProbability: number;
  readonly score: number;
}

/** The likeliest continuations that are found when only the best `beams` beginnings are kept at each step, best first. */
export async function beamSearch(model: LanguageModel, prompt: string, options: BeamOptions = {}): Promise<Beam[]> {
  const { beams = 4, tokens = 100, lengthPenalty = 1 } = options;
  for (const [name, n] of Object.entries({ beams, tokens }))
    if (!(Number.isInteger(n) && n >= 1)) throw new ArgumentError("beamSearch", `${name} is ${n}`, "Give a positive integer");
  const start = promptTokens(model, prompt);
  const { context } = model.network.config;
  if (start.length + tokens > context + 1)
    throw new ArgumentError(
      "beamSearch",
      `${start.length} and ${tokens} new tokens are more than the context of ${context}`,
      "Ask for fewer",
    );
  type Open = { ids: number[]; logProbability: number };
  const finished: Beam[] = [];
  const finish = ({ ids, logProbability }: Open): Beam => {
    const ended = model.endings.includes(ids.at(-1)!) ? ids.slice(0, -1) : ids;
    return { text: model.tokenizer.decode(ended), ids: ended, logProbability, score: logProbability / ids.length ** lengthPenalty };
  };
  const decoder = new Decoder(model.network, { batch: beams });
  try {
    let open: Open[] = [{ ids: [], logProbability: 0 }];
    let logits = await decoder.read(Array.from({ length: beams }, () => start));
    for (let n = 0; n < tokens; n++) {
      const candidates = open.flatMap((beam, from) => {
        const scores = logSoftmax(logits[from]!);
        // A beam can give no more than all places of the next round, and those that end.
        const best = likeliest(scores.map(Math.exp), beams + model.endings.length);
        return best.map((id) => ({ from, ids: [...beam.ids, id], logProbability: beam.logProbability + scores[id]! }));
      });
      candidates.sort((a, b) => b.logProbability - a.logProbability);
      for (const c of candidates.slice(0, beams)) if (model.endings.includes(c.ids.at(-1)!)) finished.push(finish(c));
      const next = candidates.filter((c) => !model.endings.includes(c.ids.at(-1)!)).slice(0, beams);
      open = next;
      finished.sort((a, b) => b.score - a.score).splice(beams);
      // Sums only fall: with a penalty of at most 1 the best open one divided by the longest length bounds what may come.
      const bound = (open[0]?.logProbability ?? Number.NEGATIVE_INFINITY) / (lengthPenalty > 0 ? tokens ** lengthPenalty : 1);
      if (!open.length || (finished.length === beams && finished.at(-1)!.score >= bound) || n === tokens - 1) break;
      const places = Array.from({ length: beams }, (_, i) => open[i] ?? open[0]!) as typeof next;
      decoder.reorder(places.map((c) => c.from));
      logits = await decoder.read(places.map((c) => [c.ids.at(-1)!]));
    }
    return [...finished, ...open.map(finish)].sort((a, b) => b.score - a.score).slice(0, beams);
  } finally {
    decoder.dispose();
  }
}

/** How likely a continuation is. */
export interface Score {
  /** Sum of the natural logarithms of its tokens' probabilities. */
  readonly logProbability: number;
  /** Each of its tokens with its own. */
  readonly tokens: readonly { readonly id: number; readonly token: string; readonly logProbability: number }[];
  /** Whether each token is the likeliest at its place. */
  readonly greedy: boolean;
}

/** Scores texts by the model: how likely each continuation is after its prompt. Prompt and continuation are tokenized apart. */
export class Scorer {
  private readonly model: LanguageModel;
  private readonly run: (ids: Tensor) => readonly Tensor[];

  constructor(model: LanguageModel) {
    this.model = model;
    this.run = compile((ids: Tensor) => {
      const scores = logSoftmaxOf(model.network.forward(ids.get(":", ":-1")));
      const next = ids.get(":", "1:").expandDims({ axis: -1 });
      const own = takeAlongAxis(scores, next, { axis: -1 }).squeeze({ axis: -1 });
      return [own, own.greaterEqual(scores.max({ axis: -1 }))];
    });
  }

  /** StateError for texts longer than the context; ArgumentError for an empty prompt or continuation. */
  async score(texts: readonly { readonly prompt: string; readonly continuation: string }[]): Promise<Score[]> {
    const { network, tokenizer } = this.model;
    const rows = texts.map(({ prompt, continuation }) => {
      const [before, after] = [promptTokens(this.model, prompt), tokenizer.encode(continuation)];
      if (!after.length) throw new ArgumentError("score", "the continuation is empty", "Give at least one character");
      if (before.length + after.length > network.config.context + 1)
        throw new StateError(
          "score",
          `${before.length + after.length} tokens are more than the context of ${network.config.context}`,
          "Shorten the prompt",
        );
      return { before, after };
    });
    // A program a length: lengths are rounded up, and texts of a size share one.
    const longest = Math.max(...rows.map((r) => r.before.length + r.after.length));
    const time = Math.min(network.config.context + 1, 1 + 16 * Math.ceil((longest - 1) / 16));
    const ids = new Int32Array(rows.length * time);
    for (const [i, { before, after }] of rows.entries()) ids.set([...before, ...after], i * time);
    const results = this.run(tensor(ids, { dtype: "int32" }).reshape([rows.length, time]));
    const [own, greedy] = (await Promise.all(results.map((t) => t.data()))) as [Float32Array, Uint8Array];
    for (const t of results) t.dispose();
    return rows.map(({ before, after }, i) => {
      const at = (k: number): number => i * (time - 1) + before.length - 1 + k;
      const tokens = after.map((id, k) => ({ id, token: tokenizer.token(id), logProbability: own[at(k)]! }));
      return {
        logProbability: tokens.reduce((sum, t) => sum + t.logProbability, 0),
        tokens,
        greedy: after.every((_, k) => greedy[at(k)] !== 0),
      };
    });
  }
}
