import { type DType, isFloat, isInteger } from "../../dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../../errors.ts";
import { engine } from "../../graph/engine.ts";
import { add, mul } from "../../graph/gradients.ts";
import { make, type Node } from "../../graph/node.ts";
import { Tensor } from "../../graph/tensor.ts";
import { asShape, type Shape, sameShape, showShape, sizeOf } from "../../shape.ts";
import { wrap } from "../core.ts";

/** Keys, and the random bits and numbers of the unit interval that a key stands for. */

/**
 * A key from a seed, a whole number from 0 to 2^53 - 1: uint32 [2]. ArgumentError for another seed.
 * @example
 * // the same key, the same numbers
 * const key = randomKey(7);
 * random.uniform(key, [3]).equal(random.uniform(key, [3]))
 */
export function randomKey(seed: number): Tensor {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new ArgumentError("randomKey", `the seed is ${seed}`, "Give an integer from 0 to 2**53 - 1");
  return wrap(engine.upload([2], "uint32", Uint32Array.of(Math.floor(seed / 2 ** 32), seed >>> 0)));
}

export function keyNode(operation: string, key: Tensor): Node {
  if (!(key instanceof Tensor) || key.dtype !== "uint32" || !sameShape(key.shape, [2]))
    throw new ArgumentError(
      operation,
      `the key is ${key instanceof Tensor ? `${key.dtype}${showShape(key.shape)}` : typeof key}`,
      "Make one with randomKey(seed), and more with split(key)",
    );
  return key.node;
}

/** Keys for different purposes must not meet, so each purpose flips other bits of the key first. */
const purposes = {
  splitHigh: [0x1b873593, 0xcc9e2d51],
  splitLow: [0x85ebca6b, 0xc2b2ae35],
  foldHigh: [0x27d4eb2f, 0x165667b1],
  foldLow: [0x9e3779b1, 0x7f4a7c15],
} as const;

function forPurpose(key: Node, purpose: keyof typeof purposes): Node {
  const place = make.iota([2], 0, "uint32");
  const [a, b] = purposes[purpose];
  const first = make.compare("eq", place, make.constant(0, [2], "uint32"));
  return make.binary("xor", key, make.where(first, make.constant(a, [2], "uint32"), make.constant(b, [2], "uint32")));
}

/**
 * n (default 2) independent keys (uint32 [2] each) from one, which should not be used again. ArgumentError for an n that is no
 * whole number from 0.
 * @example
 * const [a, b] = random.split(randomKey(7));
 * console.log(random.uniform(a, [2]));
 * random.uniform(b, [2])
 */
export function split(key: Tensor): [Tensor, Tensor];
export function split(key: Tensor, n: number): Tensor[];
export function split(key: Tensor, n = 2): Tensor[] {
  const node = keyNode("split", key);
  if (!Number.isInteger(n) || n < 0) throw new ArgumentError("split", `the number of keys is ${n}`, "Give a non-negative integer");
  const counter = make.iota([n], 0, "uint32");
  const words = (purpose: keyof typeof purposes) => make.reshape(make.threefry(forPurpose(node, purpose), counter), [n, 1]);
  const keys = make.concat([words("splitHigh"), words("splitLow")], 1);
  return Array.from({ length: n }, (_, i) => wrap(make.reshape(make.slice(keys, [i, 0], [1, 1], [1, 2]), [2])));
}

/**
 * A key from a key and a number, such as a step or a layer's place: an integer from 0 to 2^32 - 1, or an integer array
 * of one element. ArgumentError for another number.
 * @example
 * // a key of its own for every step
 * random.uniform(random.foldIn(randomKey(7), 12), [2])
 */
export function foldIn(key: Tensor, data: number | Tensor): Tensor {
  const node = keyNode("foldIn", key);
  if (typeof data === "number" && (!Number.isInteger(data) || data < 0 || data >= 2 ** 32))
    throw new ArgumentError("foldIn", `the number is ${data}`, "Give an integer from 0 to 2**32 - 1");
  const given = typeof data === "number" ? make.constant(data, [1], "uint32") : data.node;
  if (!isInteger(given.dtype) || given.size !== 1)
    throw new ArgumentError("foldIn", `the number is ${given.dtype}${showShape(given.shape)}`, "Give one integer");
  const counter = make.reshape(make.cast(given, "uint32"), [1]);
  return wrap(make.concat([make.threefry(forPurpose(node, "foldHigh"), counter), make.threefry(forPurpose(node, "foldLow"), counter)], 0));
}

/** Threefry-2x32-20 in plain arithmetic: the block that the first word of the primitive comes from (Salmon et al. 2011). */
export function threefry2x32(key: readonly [number, number], counter: readonly [number, number]): [number, number] {
  const rotations = [13, 15, 26, 6, 17, 29, 16, 24];
  const ks = [key[0], key[1], (key[0] ^ key[1] ^ 0x1bd11bda) >>> 0];
  let x = (counter[0] + ks[0]!) >>> 0;
  let y = (counter[1] + ks[1]!) >>> 0;
  for (let round = 0; round < 20; round++) {
    const r = rotations[round % 8]!;
    x = (x + y) >>> 0;
    y = (((y << r) | (y >>> (32 - r))) ^ x) >>> 0;
    if (round % 4 === 3) {
      const n = (round + 1) / 4;
      x = (x + ks[n % 3]!) >>> 0;
      y = (y + ks[(n + 1) % 3]! + n) >>> 0;
    }
  }
  return [x, y];
}

/** The first word of `foldIn(randomKey(seed), n)` in plain arithmetic, for code that must not wait for a device. */
export function plainFoldIn(seed: number, n: number): number {
  const [a, b] = purposes.foldHigh;
  return threefry2x32([(Math.floor(seed / 2 ** 32) ^ a) >>> 0, ((seed >>> 0) ^ b) >>> 0], [n, 0])[0];
}

/** Words number `block`·size to (block + 1)·size of a key's stream. */
export function words(key: Node, shape: Shape, block = 0): Node {
  const size = sizeOf(shape);
  if ((block + 1) * size > 2 ** 32)
    throw new ShapeError("random", `${size} elements of shape ${showShape(shape)} exceed a key's 2^32 words`, "Split the key");
  let counter: Node = make.iota([size], 0, "uint32");
  if (block && size) counter = make.binary("add", counter, make.constant(block * size, [size], "uint32"));
  return make.reshape(make.threefry(key, counter), shape);
}

export const shr = (x: Node, by: number) => make.binary("shr", x, make.constant(by, x.shape, "uint32"));
export const u32 = (value: number, shape: Shape) => make.constant(value, shape, "uint32");

/**
 * Random uint32 words, [...shape]. ShapeError for more than the 2^32 words of a key.
 * @example
 * random.bits(randomKey(1), [3])
 */
export function bits(key: Tensor, shape: readonly number[] = []): Tensor {
  return wrap(words(keyNode("bits", key), asShape("bits", shape)));
}

export interface RandomOptions {
  /** Default float32 (integers: int32). */
  readonly dtype?: DType;
}

export function floatDType(operation: string, dtype: DType = "float32"): DType {
  if (!isFloat(dtype)) throw new DTypeError(operation, `dtype is ${dtype}`, "Random real numbers need a floating type");
  return dtype;
}

/** Distributions are computed in float32 or float64 and then cast. */
export const wide = (dtype: DType): DType => (dtype === "float64" ? dtype : "float32");

/** Multiples of 2^-24 (float16: 2^-11, bfloat16: 2^-8, float64: 2^-53) in [0, 1). */
export function unit(key: Node, shape: Shape, dtype: DType): Node {
  const high = words(key, shape);
  if (dtype === "float64") {
    const low = words(key, shape, 1);
    return mul(add(mul(make.cast(shr(high, 5), dtype), 2 ** 26), make.cast(shr(low, 6), dtype)), 2 ** -53);
  }
  const precision = dtype === "float16" ? 11 : dtype === "bfloat16" ? 8 : 24;
  return mul(make.cast(shr(high, 32 - precision), dtype), 2 ** -precision);
}

/**
 * A uniform number u in (0, 1) as its distance p from the nearer end and which end that is, so that both tails keep all
 * their digits. p = (k + 1/2) · 2^-32 for 31 random bits k (float64: 53 bits), rounded.
 */
export function tails(key: Node, shape: Shape, dtype: DType): { p: Node; upper: Node } {
  const high = words(key, shape);
  const upper = make.compare("le", u32(2 ** 31, shape), high);
  const rest = make.binary("and", high, u32(2 ** 31 - 1, shape));
  if (dtype === "float64") {
    const k = add(mul(make.cast(rest, dtype), 2 ** 22), make.cast(shr(words(key, shape, 1), 10), dtype));
    return { p: mul(add(k, 0.5), 2 ** -54), upper };
  }
  // Through int32, which these 31 bits fit: every device converts that to floats directly.
  return { p: mul(add(make.cast(make.bitcast(rest, "int32"), dtype), 0.5), 2 ** -32), upper };
}

/** Several keys from one, as nodes. */
export const keysOf = (operation: string, key: Tensor, n: number): Node[] => {
  keyNode(operation, key);
  return split(key, n).map((k) => k.node);
};
