import { ArgumentError, array, isArrayData, ShapeError, Tensor, take } from "@gradus/tensor";

/** One array, several, or several by name. */
export type Arrays = Tensor | readonly Tensor[] | { readonly [name: string]: Tensor };

/** A batch as data sets give it: x, [x, y] or [x, y, sampleWeight]. */
export type Batch = Arrays | readonly [Arrays, Arrays] | readonly [Arrays, Arrays, Arrays];

/** What models are trained on: arrays (also plain nested ones), or a stream of batches that can be walked again and again. */
export type Data = Arrays | readonly unknown[] | AsyncIterable<Batch> | Iterable<Batch>;

/** The parts of one batch. */
export interface Parts {
  readonly x: Arrays;
  readonly y: Arrays | null;
  readonly weight: Tensor | null;
}

const isPlain = (x: unknown): x is Record<string, unknown> =>
  typeof x === "object" && x !== null && Object.getPrototypeOf(x) === Object.prototype;

/** Whether data comes as a stream of batches rather than as arrays. */
export function isStream(x: unknown): x is AsyncIterable<Batch> | Iterable<Batch> {
  if (x instanceof Tensor || Array.isArray(x) || ArrayBuffer.isView(x) || typeof x !== "object" || x === null) return false;
  return Symbol.asyncIterator in x || Symbol.iterator in x;
}

/** Arrays from tensors or nested plain arrays. */
export function asArrays(name: string, x: unknown): Arrays {
  if (x instanceof Tensor) return x;
  if (Array.isArray(x)) return x.some((e) => e instanceof Tensor) ? x.map((e) => asArrays(name, e) as Tensor) : array(x as number[]);
  if (ArrayBuffer.isView(x)) return array(x as unknown as number[]);
  if (isArrayData(x)) return array(x);
  if (isPlain(x)) return Object.fromEntries(Object.entries(x).map(([k, v]) => [k, asArrays(`${name}.${k}`, v) as Tensor]));
  throw new ArgumentError(
    "fit",
    `${name} is ${x === null ? "null" : typeof x}`,
    "Give an array (tensor), nested plain arrays, or a Dataset of batches",
  );
}

export const listOf = (x: Arrays): readonly Tensor[] => (x instanceof Tensor ? [x] : (Object.values(x) as Tensor[]));

export function mapArrays(x: Arrays, f: (t: Tensor) => Tensor): Arrays {
  if (x instanceof Tensor) return f(x);
  if (Array.isArray(x)) return x.map(f);
  return Object.fromEntries(Object.entries(x).map(([k, v]) => [k, f(v as Tensor)]));
}

/** The number of examples; ShapeError when arrays disagree. */
export function examples(parts: Parts): number {
  const all = [...listOf(parts.x), ...(parts.y ? listOf(parts.y) : []), ...(parts.weight ? [parts.weight] : [])];
  const counts = all.map((t) => t.shape[0] ?? 1);
  if (new Set(counts).size > 1)
    throw new ShapeError(
      "fit",
      `arrays hold different numbers of examples: ${counts.join(", ")}`,
      "x, y and sampleWeight must have equal first axes",
    );
  return counts[0]!;
}

/** Examples of some places, in that order: part of a program. */
export const rows = (parts: Parts, places: Tensor): Parts => ({
  x: mapArrays(parts.x, (t) => take(t, places, { axis: 0 })),
  y: parts.y ? mapArrays(parts.y, (t) => take(t, places, { axis: 0 })) : null,
  weight: parts.weight ? take(parts.weight, places, { axis: 0 }) : null,
});

/** Examples from `start` to `end` (exclusive). */
export const range = (parts: Parts, start: number, end: number): Parts => {
  const cut = (t: Tensor): Tensor => t.get(`${start}:${end}`).realize();
  return { x: mapArrays(parts.x, cut), y: parts.y ? mapArrays(parts.y, cut) : null, weight: parts.weight ? cut(parts.weight) : null };
};

/** Takes a batch of a stream apart. */
export function partsOf(batch: Batch): Parts {
  if (Array.isArray(batch)) {
    const [x, y = null, weight = null] = batch as readonly unknown[];
    if (batch.length < 1 || batch.length > 3)
      throw new ArgumentError("fit", `a batch has ${batch.length} parts`, "Give [x], [x, y] or [x, y, sampleWeight]");
    return { x: asArrays("x", x), y: y === null ? null : asArrays("y", y), weight: weight as Tensor | null };
  }
  return { x: asArrays("x", batch), y: null, weight: null };
}

/** A shuffled order of n examples that depends on nothing but seed and epoch. */
export function shuffledOrder(n: number, seed: number, epoch: number): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  // xorshift32 on a mix of both: enough for an order, and the same everywhere.
  let state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(epoch + 1, 0xc2b2ae35)) >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
  for (let i = 0; i < 8; i++) next();
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    const x = order[i]!;
    order[i] = order[j]!;
    order[j] = x;
  }
  return order;
}
