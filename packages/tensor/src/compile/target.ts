import type { DType } from "../dtype.ts";

/** What a plan has to know of the device it is for. */
export interface Target {
  /** Bytes of a stored element. */
  bytesOf(dtype: DType): number;
  /** Intermediates start at multiples of `alignment` bytes and cross no multiple of `segment`. */
  readonly alignment: number;
  readonly segment: number;
  /** Buffers that one kernel may use. */
  readonly slots: number;
  /** Types whose contractions have a kernel of their own. */
  readonly contractions: readonly DType[];
  /** Whether contractions read padded arrays that were never stored, with a test for each element. */
  readonly guardedOperands: boolean;
  /** How a contraction is joined with what follows: block by block of its rows in cache, or element by element in registers. */
  readonly joins: "rows" | "elements";
  /** Whether large 3 x 3 convolutions go by Winograd's algorithm. */
  readonly winograd: boolean;
  /** Whether an attention (or its gradient, computed along with it) has a kernel that never stores its scores. */
  ownAttention(sizes: AttentionSizes): boolean;
  /** Heads below which the gradient of an attention is computed in parts that are added up. */
  readonly fewHeads: number;
}

/** Batch and heads, queries and keys, features of keys and of values. */
export interface AttentionSizes {
  readonly heads: number;
  readonly T: number;
  readonly S: number;
  readonly d: number;
  readonly e: number;
  readonly dtype: DType;
  readonly causal: boolean;
  readonly withGradient: boolean;
}
