import { ArgumentError, ShapeError, Tensor, take, tensor, where } from "@gradus/tensor";
import { type Arrays, asArrays, type Batch, type Data, examples, isStream, type Parts, partsOf, range, shuffledOrder } from "./data.ts";
import type { EvaluateOptions, FitOptions } from "./trainer.ts";

/** Examples that lie in memory. */
export interface ArraySource {
  readonly kind: "arrays";
  readonly parts: Parts;
  readonly count: number;
}

/** Batches that come one by one, anew in each epoch. */
export interface StreamSource {
  readonly kind: "stream";
  readonly length: number | null;
  readonly batches: (epoch: number) => AsyncGenerator<Parts>;
}

/** What can give the batches of any epoch, such as a `Dataset` that shuffles: a run that goes on in another process needs it. */
interface Epochs {
  iterate(options: { readonly epoch: number }): AsyncIterable<Batch>;
}

const hasEpochs = (data: object): data is Epochs => "iterate" in data && typeof data.iterate === "function";

export type Source = ArraySource | StreamSource;

/** x, y and weights from whatever a caller gave. */
export function partsFrom(x: Data, y: Data | null, sampleWeight: unknown): Parts {
  const weight = sampleWeight === null || sampleWeight === undefined ? null : (asArrays("sampleWeight", sampleWeight) as Tensor);
  return { x: asArrays("x", x), y: y === null ? null : asArrays("y", y), weight: weight ? weight.astype("float32") : null };
}

export function makeSource(x: Data, y: Data | null, options: EvaluateOptions & Pick<FitOptions, "classWeight">): Source {
  if (isStream(x)) {
    if (y !== null) throw new ArgumentError("fit", "y was given beside a data set", "A data set gives [x, y] itself");
    return streamSource(x as AsyncIterable<Batch>);
  }
  const { batchSize = 32 } = options;
  if (!Number.isInteger(batchSize) || batchSize < 1) throw new ArgumentError("fit", `batchSize is ${batchSize}`, "Give a positive integer");
  const parts = withClassWeights(partsFrom(x, y, options.sampleWeight), options.classWeight);
  const count = examples(parts);
  if (!count) throw new ArgumentError("fit", "there is no data", "Give at least one example");
  return { kind: "arrays", parts, count };
}

function streamSource(data: AsyncIterable<Batch> | Iterable<Batch>): StreamSource {
  const length = "length" in data && typeof data.length === "number" ? data.length : null;
  return {
    kind: "stream",
    length,
    async *batches(epoch) {
      for await (const batch of hasEpochs(data) ? data.iterate({ epoch }) : data) yield partsOf(batch);
    },
  };
}

/** Batches of an epoch; null while not known. */
export function stepsOf(source: Source, { stepsPerEpoch, batchSize = 32 }: FitOptions): number | null {
  if (stepsPerEpoch) return stepsPerEpoch;
  return source.kind === "arrays" ? Math.ceil(source.count / batchSize) : source.length;
}

/** What is trained on, and what is measured after each epoch. */
export function splitValidation(source: Source, options: FitOptions): { training: Source; validation: Source | null } {
  const { validationSplit = 0, validationData = null } = options;
  if (validationData) {
    const given =
      isStream(validationData) || !Array.isArray(validationData) ? [validationData as Data] : (validationData as readonly Data[]);
    const [x, y = null, sampleWeight = null] = given;
    return {
      training: source,
      validation: makeSource(x!, y, { ...options, sampleWeight: sampleWeight as Tensor | null, classWeight: null }),
    };
  }
  if (!validationSplit) return { training: source, validation: null };
  if (source.kind !== "arrays") throw new ArgumentError("fit", "validationSplit needs arrays", "Give validationData for a data set");
  const first = Math.floor(source.count * (1 - validationSplit));
  if (!(validationSplit > 0 && validationSplit < 1) || first === 0 || first === source.count)
    throw new ArgumentError(
      "fit",
      `validationSplit ${validationSplit} of ${source.count} examples leaves nothing to train on or to measure`,
    );
  const cut = (start: number, end: number): ArraySource => ({ kind: "arrays", parts: range(source.parts, start, end), count: end - start });
  return { training: cut(0, first), validation: cut(first, source.count) };
}

/** Weights of examples times the weight of their class; y holds class numbers, or one-hot rows. */
export function withClassWeights(parts: Parts, classWeight: FitOptions["classWeight"]): Parts {
  if (!classWeight) return parts;
  if (!(parts.y instanceof Tensor)) throw new ArgumentError("fit", "classWeight needs a model with one output");
  const { y } = parts;
  const oneHot = y.ndim > 1 && y.shape.at(-1)! > 1;
  if (y.ndim > 2) throw new ShapeError("fit", `classWeight needs one class for each example, y has shape [${y.shape.join(", ")}]`);
  const classes = oneHot ? y.argmax({ axis: -1 }) : y.reshape([-1]).astype("int32");
  const known = Object.keys(classWeight).map(Number);
  const size = Math.max(...known, oneHot ? y.shape.at(-1)! - 1 : 0) + 1;
  const table = tensor(Float32Array.from({ length: size }, (_, i) => classWeight[i] ?? 1));
  // Classes nobody named count once.
  const inside = classes.less(size);
  const weight = where(inside, take(table, where(inside, classes, 0), { axis: 0 }), 1);
  return { ...parts, weight: parts.weight ? parts.weight.mul(weight) : weight };
}

/** The examples that a step of `fit` (counted from its first) was made with. */
export function batchOfStep(source: ArraySource, seed: number, options: FitOptions, step: number): { x: Arrays } {
  const { batchSize = 32, shuffle = true, initialEpoch = 0 } = options;
  const steps = options.stepsPerEpoch ?? Math.ceil(source.count / batchSize);
  const epoch = initialEpoch + Math.floor(step / steps);
  const at = (step % steps) * batchSize;
  const size = Math.min(batchSize, source.count - at);
  if (!shuffle) return range(source.parts, at, at + size);
  const places = tensor(shuffledOrder(source.count, seed, epoch).slice(at, at + size));
  const pick = (t: Tensor): Tensor => take(t, places, { axis: 0 });
  const { x } = source.parts;
  if (x instanceof Tensor) return { x: pick(x) };
  return { x: Array.isArray(x) ? x.map(pick) : Object.fromEntries(Object.entries(x).map(([k, t]) => [k, pick(t)])) };
}
