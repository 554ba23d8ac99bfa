import { Dataset, Random } from "@gradus/data";
import { AdamW, losses, setRandomSeed } from "@gradus/nn";
import { ArgumentError, compile, logSoftmax, type Tensor, takeAlongAxis, tensor } from "@gradus/tensor";
import { configOf, type GptConfig } from "../config.ts";
import type { Window } from "../data.ts";
import { Gpt } from "../model.ts";

/** The experiment's sizes. What is not told is chosen so that it lasts two minutes on two cores. */
export interface InductionOptions {
  /** Networks to compare, by their layers. Default 1 and 2. */
  readonly layers?: readonly number[];
  /** Updates of the weights of each. Default 1000. */
  readonly steps?: number;
  /** Steps from one measurement to the next. Default 50. */
  readonly measureEvery?: number;
  /** Sequences a step. Default 32. */
  readonly batchSize?: number;
  /** Learning rate. Default 0.003. */
  readonly rate?: number;
  /** Features of a token. Default 64. */
  readonly width?: number;
  /** Default 4. */
  readonly heads?: number;
  /** Different tokens. Default 48. */
  readonly vocabulary?: number;
  /** Tokens in a sequence. Default 64. */
  readonly context?: number;
  /** Sequences that are measured on, never trained on. Default 64. */
  readonly testSequences?: number;
  /** Same seed, same numbers. Default 1. */
  readonly seed?: number;
}

/** What a head looks at, as means over test sequences: shares of its attention, 0 to 1. */
export interface HeadScores {
  readonly layer: number;
  readonly head: number;
  /** On what came after earlier occurrences of the present token: an induction head's is near 1 (Olsson et al. 2022). */
  readonly prefixMatching: number;
  /** On the token just before the present one. */
  readonly previousToken: number;
}

export interface InductionMeasurement {
  readonly layers: number;
  readonly step: number;
  /** Nats a token where nothing but guessing is possible: the first time that a pattern is there. ln(vocabulary) at best, nearly. */
  readonly firstLoss: number;
  /** Nats a token where the pattern is repeated: 0 at best. */
  readonly repeatedLoss: number;
  /** Share of repeated tokens that are the likeliest at their place. */
  readonly repeatedAccuracy: number;
  readonly heads: readonly HeadScores[];
}

export type InductionUpdate =
  | { readonly kind: "progress"; readonly layers: number; readonly step: number; readonly steps: number; readonly loss: number }
  | ({ readonly kind: "measurement"; readonly steps: number } & InductionMeasurement);

export interface InductionResult {
  readonly options: Required<InductionOptions>;
  readonly measurements: readonly InductionMeasurement[];
}

const defaults: Required<InductionOptions> = {
  ...{ layers: [1, 2], steps: 1000, measureEvery: 50, batchSize: 32, rate: 3e-3, width: 64, heads: 4 },
  ...{ vocabulary: 48, context: 64, testSequences: 64, seed: 1 },
};

/** A sequence of random tokens, all different, repeated until it is long enough. */
export interface Repeated {
  readonly ids: Int32Array;
  /** Tokens until it repeats. */
  readonly period: number;
}

/**
 * `length` tokens: a pattern of different random tokens again and again. Its period is random, an eighth to three eighths of the length,
 * so that no fixed distance tells what comes next: one must look for the present token in what came before.
 */
export function repeatedSequence(length: number, vocabulary: number, random: Random): Repeated {
  const least = Math.floor(length / 8);
  const period = least + random.integer(Math.floor((3 * length) / 8) - least + 1);
  // The first `period` of a shuffle (Fisher and Yates).
  const tokens = Array.from({ length: vocabulary }, (_, i) => i);
  for (let i = 0; i < period; i++) {
    const j = i + random.integer(vocabulary - i);
    [tokens[i], tokens[j]] = [tokens[j]!, tokens[i]!];
  }
  return { ids: Int32Array.from({ length }, (_, i) => tokens[i % period]!), period };
}

/**
 * In-context learning arises in a small network that is trained on nothing but next tokens of repeated random sequences (Olsson et al.
 * 2022). With two layers, the loss on repetitions falls suddenly, at the time when heads appear that look for the present token in what
 * came before and copy what followed ("induction heads"); with one layer, nothing below tells places what came before them. ArgumentError
 * for numbers that make no sense.
 */
export async function* induction(options: InductionOptions = {}): AsyncGenerator<InductionUpdate, InductionResult> {
  const all = check({ ...defaults, ...options });
  const test = testSet(all);
  const measurements: InductionMeasurement[] = [];
  for (const layers of all.layers)
    for await (const update of trainOne(layers, all, test)) {
      yield update;
      if (update.kind !== "measurement") continue;
      const { kind: _, steps: __, ...measurement } = update;
      measurements.push(measurement);
    }
  return { options: all, measurements };
}

async function* trainOne(layers: number, options: Required<InductionOptions>, test: TestSet): AsyncGenerator<InductionUpdate> {
  const { steps, measureEvery, batchSize, rate, vocabulary, context, seed } = options;
  setRandomSeed(seed);
  const network = new Gpt(configFor(layers, options));
  network.compile({
    optimizer: new AdamW({ learningRate: rate, beta2: 0.99, weightDecay: 0.01, globalClipnorm: 1 }),
    loss: new losses.SparseCategoricalCrossentropy({ fromLogits: true }),
  });
  const measure = measurer(network, test);
  yield { kind: "measurement", steps, ...(await measure(0)) };
  const epochs = Math.ceil(steps / measureEvery);
  const stepAfter = (epoch: number): number => Math.min(steps, (epoch + 1) * measureEvery);
  const sequences = Dataset.fromGenerator(function* (epoch): Generator<Window> {
    const count = (stepAfter(epoch) - epoch * measureEvery) * batchSize;
    for (let i = 0; i < count; i++) {
      const { ids } = repeatedSequence(context + 1, vocabulary, new Random(seed, 0, epoch, i));
      yield [ids.subarray(0, -1), ids.subarray(1)];
    }
  }).batch(batchSize);
  for await (const { kind, epoch, logs, ...event } of network.fitEvents(sequences, null, { epochs, seed })) {
    if (kind === "epoch") yield { kind: "measurement", steps, ...(await measure(stepAfter(epoch))) };
    else {
      const step = epoch * measureEvery + (event as { batch: number }).batch;
      yield { kind: "progress", layers, step, steps, loss: logs["loss"]! };
    }
  }
}

function configFor(layers: number, { vocabulary, context, width, heads }: Required<InductionOptions>): GptConfig {
  const sizes = { vocabulary, context, layers, heads, keyValueHeads: heads, width, headWidth: width / heads, hidden: 2 * width };
  // Rotary positions: "the one before" is the same turn everywhere, which heads find sooner than from a table of places.
  return configOf("small", { ...sizes, positions: "rotary", tied: false, bias: "none", norm: "rms" });
}

interface TestSet {
  /** int32 [B, T + 1] */
  readonly ids: Tensor;
  /** float32 [B, T]: 1 where the next token is a repetition that can be told from what came before. */
  readonly repeated: Tensor;
  /** float32 [B, 1, T, T]: 1 where a key comes right after an earlier occurrence of the query's token. */
  readonly matches: Tensor;
  /** float32 [T, T]: 1 where a key comes right before the query. */
  readonly before: Tensor;
}

function testSet({ testSequences: rows, context: time, vocabulary, seed }: Required<InductionOptions>): TestSet {
  const [ids, repeated] = [new Int32Array(rows * (time + 1)), new Float32Array(rows * time)];
  const [matches, before] = [new Float32Array(rows * time * time), new Float32Array(time * time)];
  for (let row = 0; row < rows; row++) {
    const { ids: sequence, period } = repeatedSequence(time + 1, vocabulary, new Random(seed, 1, row));
    ids.set(sequence, row * (time + 1));
    repeated.fill(1, row * time + period, (row + 1) * time);
    for (let i = period; i < time; i++) for (let j = i - period + 1; j > 0; j -= period) matches[(row * time + i) * time + j] = 1;
  }
  for (let i = 1; i < time; i++) before[i * time + i - 1] = 1;
  return {
    ids: tensor(ids).reshape([rows, time + 1]),
    repeated: tensor(repeated).reshape([rows, time]),
    matches: tensor(matches).reshape([rows, 1, time, time]),
    before: tensor(before).reshape([time, time]),
  };
}

function measurer(network: Gpt, { ids, repeated, matches, before }: TestSet): (step: number) => Promise<InductionMeasurement> {
  const { layers, heads } = network.config;
  const run = compile((ids: Tensor, repeated: Tensor, matches: Tensor, before: Tensor): Tensor[] => {
    const [later, first] = [repeated.sum(), repeated.neg().add(1).sum()];
    const [matching, previous]: [Tensor[], Tensor[]] = [[], []];
    const observe = (what: string, _layer: number, value: Tensor): void => {
      if (what !== "attention") return;
      matching.push(
        value
          .mul(matches)
          .sum({ axis: [0, 2, 3] })
          .div(later),
      );
      // The first token of a sequence has none before it.
      previous.push(
        value
          .mul(before)
          .sum({ axis: [0, 2, 3] })
          .div(value.shape[0]! * (value.shape[2]! - 1)),
      );
    };
    const scores = logSoftmax(network.forward(ids.get(":", ":-1"), { observe }));
    const own = takeAlongAxis(scores, ids.get(":", "1:").expandDims({ axis: -1 }), { axis: -1 }).squeeze({ axis: -1 });
    const right = own.greaterEqual(scores.max({ axis: -1 })).astype("float32");
    return [
      own.neg().mul(repeated.neg().add(1)).sum().div(first).reshape([1]),
      own.neg().mul(repeated).sum().div(later).reshape([1]),
      right.mul(repeated).sum().div(later).reshape([1]),
      ...matching,
      ...previous,
    ];
  });
  return async (step) => {
    const results = run(ids, repeated, matches, before);
    const numbers = await Promise.all(results.map(async (t) => Array.from((await t.data()) as Float32Array)));
    for (const t of results) t.dispose();
    const [[firstLoss], [repeatedLoss], [repeatedAccuracy], ...rest] = numbers as [[number], [number], [number], ...number[][]];
    const scores = Array.from({ length: layers * heads }, (_, i): HeadScores => {
      const [layer, head] = [Math.floor(i / heads), i % heads];
      return { layer, head, prefixMatching: rest[layer]![head]!, previousToken: rest[layers + layer]![head]! };
    });
    return { layers, step, firstLoss, repeatedLoss, repeatedAccuracy, heads: scores };
  };
}

function check(options: Required<InductionOptions>): Required<InductionOptions> {
  const fail = (problem: string, fix: string): never => {
    throw new ArgumentError("induction", problem, fix);
  };
  const counts = ["steps", "measureEvery", "batchSize", "width", "heads", "vocabulary", "context", "testSequences"] as const;
  for (const [name, n] of [...counts.map((name) => [name, options[name]] as const), ...options.layers.map((n) => ["layers", n] as const)])
    if (!(Number.isSafeInteger(n) && n >= 1)) fail(`${name} is ${n}`, "Give a whole number from 1 on");
  const { layers, rate, width, heads, vocabulary, context } = options;
  if (!layers.length || new Set(layers).size < layers.length)
    fail(`networks of ${layers.join(", ")} layers are to be compared`, "Give different numbers, such as 1, 2");
  if (!(rate > 0 && rate < Infinity)) fail(`the rate is ${rate}`, "Give a positive number");
  if (width % (2 * heads))
    fail(`a width of ${width} does not give ${heads} heads an even width each`, "Give a multiple of twice the heads");
  if (context < 16) fail(`the context is ${context}`, "Give at least 16 tokens, for a pattern and its repetitions");
  if (vocabulary < Math.floor((3 * (context + 1)) / 8))
    fail(`${vocabulary} tokens are too few for patterns in ${context}`, `Give at least ${Math.floor((3 * (context + 1)) / 8)}`);
  return options;
}
