import type { DType } from "../dtype.ts";
import type { Node } from "../graph/node.ts";
import type { BinaryOp, CompareOp, UnaryOp } from "../graph/primitives.ts";

/** What a graph becomes: kernels over buffers. Generators (WebAssembly, WGSL) spell these; nothing else knows the graph. */

/** A buffer of the program: graph inputs and outputs, intermediates in the arena, and those that live within a chain. */
export interface Slot {
  readonly index: number;
  readonly dtype: DType;
  readonly size: number;
  readonly bytes: number;
  /** Where it lies: an argument of the run, a planned offset in the arena, or a block at a time in a thread's scratch. */
  place:
    | { readonly kind: "input" | "output"; readonly index: number }
    | { readonly kind: "arena"; offset: number }
    | { readonly kind: "block" };
}

/** offset + Σ index·stride over the dimensions of an iteration space. */
export interface Affine {
  readonly offset: number;
  readonly strides: readonly number[];
}

/** True where 0 ≤ offset + Σ index·stride < size. */
export interface Guard extends Affine {
  readonly size: number;
}

/** Which element of a slot an iteration point reads or writes. Where a guard is false a load gives zero. */
export interface Access extends Affine {
  readonly slot: Slot;
  readonly guards: readonly Guard[];
}

export type ReduceKind = "sum" | "prod" | "max" | "min";

/** One value of a loop kernel's body, in static single assignment: arguments are earlier positions in the body. */
export type Value = { readonly dtype: DType; readonly args: readonly number[] } & (
  | { readonly op: "load"; readonly access: Access }
  | { readonly op: "constant"; readonly value: number }
  | { readonly op: "index"; readonly index: Affine }
  | { readonly op: "guard"; readonly guards: readonly Guard[] }
  | { readonly op: UnaryOp | BinaryOp | CompareOp | "where" | "cast" | "bitcast" | "threefry" }
  | { readonly op: "reduce"; readonly kind: ReduceKind }
);

/**
 * Elementwise work and reductions over one iteration space. The first `split` dimensions are the units (row-major); for
 * each, the body runs over all points of the others, and a `reduce` value folds its argument over them and is then the
 * same for the whole row.
 */
export interface LoopKernel {
  readonly kind: "loop";
  readonly dims: readonly number[];
  readonly split: number;
  readonly body: readonly Value[];
  /** A store that does not vary over the inner dimensions happens once a row. */
  readonly stores: readonly { readonly value: number; readonly access: Access }[];
}

/** Strides of a contraction's operand, one per dimension of each group. Overlapping (windowed) and zero strides occur. */
export interface OperandStrides {
  readonly slot: Slot;
  readonly offset: number;
  readonly batch: readonly number[];
  /** The operand's free dimensions: rows of a, columns of b. */
  readonly free: readonly number[];
  readonly inner: readonly number[];
  /** Where one of these is false the operand is zero (padding). Only for targets with `guardedOperands`. */
  readonly guards?: readonly OperandGuard[];
}

/** True where 0 ≤ offset + Σ index·stride < size, over the dimensions of an operand's groups. */
export interface OperandGuard {
  readonly offset: number;
  readonly size: number;
  readonly batch: readonly number[];
  readonly free: readonly number[];
  readonly inner: readonly number[];
}

/**
 * out[batch, rows, columns] = Σ over inner of a[batch, rows, inner] · b[batch, inner, columns]; out is row-major, with
 * `gap` elements (default 0) between one batch's matrix and the next.
 */
export interface ContractionKernel {
  readonly kind: "contraction";
  readonly dtype: "float16" | "bfloat16" | "float32" | "float64";
  readonly batch: readonly number[];
  readonly rows: readonly number[];
  readonly columns: readonly number[];
  readonly inner: readonly number[];
  readonly a: OperandStrides;
  readonly b: OperandStrides;
  readonly out: Slot;
  readonly gap?: number;
  /** What is done with each element as soon as it is known: an elementwise kernel that reads each element of `out` at one point. */
  readonly epilogue?: { readonly kernel: LoopKernel; readonly storesProduct: boolean };
}

/** A primitive done by a routine of its own, on row-major operands. */
export interface OpaqueKernel {
  readonly kind: "opaque";
  readonly node: Node;
  readonly inputs: readonly Slot[];
  readonly out: Slot;
}

/**
 * Kernels that run one after the other on the same block of units, while what passes between them is in cache: a
 * contraction and its epilogue (bias, activation, residual, a normalisation of its rows).
 */
export interface ChainKernel {
  readonly kind: "chain";
  readonly units: number;
  readonly stages: readonly Stage[];
  /** What passes between the stages and is read by nobody else. */
  readonly blocks: readonly Block[];
}

/** Unit u of the chain is units [u · each, (u + 1) · each) of the kernel. */
export interface Stage {
  readonly kernel: LoopKernel | ContractionKernel;
  readonly each: number;
}

/** A slot of which unit u of the chain writes and reads nothing but elements [u · each, (u + 1) · each). */
export interface Block {
  readonly slot: Slot;
  readonly each: number;
}

export type Kernel = LoopKernel | ContractionKernel | OpaqueKernel | ChainKernel;
