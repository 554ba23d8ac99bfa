import { concat, dropout, layerNorm, random, relu, sigmoid, type Tensor } from "@gradus/tensor";
import type { linearParameters, normParameters, Weights } from "./parameters.ts";

export type LinearWeights = Weights<ReturnType<typeof linearParameters>>;
export type NormWeights = Weights<ReturnType<typeof normParameters>>;

/** [..., in] → [..., out]. */
export const linear = (x: Tensor, { weights, bias }: LinearWeights): Tensor => x.matmul(weights).add(bias);

/** Normalises channels: the last axis. */
export const norm = (x: Tensor, { scale, offset }: NormWeights): Tensor => layerNorm(x, { scale, offset, epsilon: 1e-5 });

/** A gate between 0 and 1. */
export const gate = (x: Tensor, weights: LinearWeights): Tensor => sigmoid(linear(x, weights));

export const reluLinear = (x: Tensor, weights: LinearWeights): Tensor => relu(linear(x, weights));

/**
 * Drops from x with this probability, the same in all places of one axis: rows (0) or columns (1) (supplement, section 1.11.6); null
 * decides everywhere anew.
 */
export type Drop = (x: Tensor, rate: number, shared: 0 | 1 | null) => Tensor;

/** What the layers are told besides arrays and weights. */
export interface Pass {
  /** Rows that attentions, triangle updates and transitions work on at once; less takes less memory. Default: all. */
  readonly chunk?: number | undefined;
  /** Drops nothing unless told. */
  readonly drop?: Drop;
  /** Is shown what attends to what, for those who look. Unobserved, triangle attention never has its weights in memory as a whole. */
  readonly observe?: Observer | undefined;
}

/**
 * Weights of an attention whose rows sum to 1: of "points" (algorithm 22) [heads, i, j], once a layer; of triangles, "starting" (algorithm 13) and
 * "ending" (14), [i, heads, j, k], once a block.
 */
export type Observer = (what: "points" | "starting" | "ending", weights: Tensor) => void;

/** Dropout for training, from a key that serves for one pass. */
export function dropFrom(key: Tensor): Drop {
  let count = 0;
  return (x, rate, shared) =>
    dropout(random.foldIn(key, count++), x, rate, { shape: x.shape.map((size, axis) => (axis === shared ? 1 : size)) });
}

export const keep: Drop = (x) => x;

/** The results of f for one range of rows after the other, joined along their first axis or another: memory for one range at a time. */
export function byRows(rows: number, chunk: number | undefined, f: (from: number, to: number) => Tensor, axis = 0): Tensor {
  if (chunk === undefined || chunk >= rows) return f(0, rows);
  const parts: Tensor[] = [];
  for (let from = 0; from < rows; from += chunk) parts.push(f(from, Math.min(rows, from + chunk)));
  return concat(parts, { axis });
}

/** 1 where there is something, 0 where there is padding; nothing where there is something everywhere. */
export type Mask = Tensor | null | undefined;

/** Rows of an array, or of none. */
export const rowsOf = <T extends Mask>(x: T, from: number, to: number): T =>
  (x && (from > 0 || to < x.shape[0]!) ? x.get(`${from}:${to}`) : x) as T;
