/** The whole vocabulary of the graph. Everything else in Gradus is written in these. Meanings: docs/architecture.md. */

export const unaryOps = [
  "neg",
  "abs",
  "sign",
  "floor",
  "ceil",
  "trunc",
  "rint",
  "sqrt",
  "exp",
  "expm1",
  "log",
  "log1p",
  "log2",
  "log10",
  "sin",
  "cos",
  "tan",
  "asin",
  "acos",
  "atan",
  "sinh",
  "cosh",
  "tanh",
  "asinh",
  "acosh",
  "atanh",
  "erf",
  "not",
] as const;
export const binaryOps = [
  "add",
  "sub",
  "mul",
  "div",
  "floorDiv",
  "mod",
  "pow",
  "max",
  "min",
  "atan2",
  "nextafter",
  "and",
  "or",
  "xor",
  "shl",
  "shr",
] as const;
export const compareOps = ["eq", "ne", "lt", "le"] as const;
export const reduceOps = ["reduceSum", "reduceProd", "reduceMax", "reduceMin", "argmax", "argmin"] as const;

export type UnaryOp = (typeof unaryOps)[number];
export type BinaryOp = (typeof binaryOps)[number];
export type CompareOp = (typeof compareOps)[number];
export type ReduceOp = (typeof reduceOps)[number];

export type LinalgName = "cholesky" | "lu" | "qr" | "eigh" | "svd" | "triangularSolve";
export type ScanKind = "sum" | "prod" | "max" | "min";
export type ScatterMode = "add" | "set" | "max" | "min";

/** Windows along `axes`, each of `size` elements `dilation` apart, their starts `stride` apart. */
export interface WindowsAttributes {
  readonly axes: readonly number[];
  readonly size: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
}

type None = Readonly<Record<string, never>>;

/** What each primitive carries besides its inputs. */
export interface Attributes extends Record<UnaryOp | BinaryOp | CompareOp, None>, Record<ReduceOp, { readonly axes: readonly number[] }> {
  buffer: None;
  constant: { readonly value: number };
  iota: { readonly axis: number };
  cast: None;
  bitcast: None;
  where: None;
  threefry: None;
  reshape: None;
  permute: { readonly axes: readonly number[] };
  expand: None;
  slice: { readonly starts: readonly number[]; readonly steps: readonly number[] };
  pad: { readonly before: readonly number[]; readonly after: readonly number[] };
  windows: WindowsAttributes;
  fold: WindowsAttributes;
  concat: { readonly axis: number };
  contract: {
    /** Paired axes that are kept (first in the result), and paired axes that are summed away. */
    readonly batch: readonly [readonly number[], readonly number[]];
    readonly contract: readonly [readonly number[], readonly number[]];
  };
  gather: { readonly axis: number };
  scatter: { readonly axis: number; readonly mode: ScatterMode };
  scan: { readonly axis: number; readonly kind: ScanKind; readonly reverse: boolean };
  argsort: { readonly axis: number; readonly descending: boolean };
  /** `packed`, which only the compiler makes: the flat result, then the maximum and 1 / total of each query's weights. */
  attention: { readonly causal: boolean; readonly scale: number; readonly packed?: true };
  /**
   * Cotangent of input number `of` of an attention, given that of its result. "all", which only the compiler makes: that
   * of q, then `parts` partial sums of those of k, then of v, flat.
   */
  attentionGradient: { readonly causal: boolean; readonly scale: number; readonly of: 0 | 1 | 2 | "all"; readonly parts: number };
  linalg: { readonly name: LinalgName; readonly [option: string]: string | number | boolean };
  /**
   * No computation: the value of the first input. `argument` marks what a gradient is taken for, `stop` cuts gradients,
   * `barrier` keeps two computations of the same thing apart, `custom` carries a gradient rule for the other inputs.
   */
  alias: { readonly kind: "argument" | "stop" | "barrier" | "custom"; readonly rule?: CustomRule };
}

export type Op = keyof Attributes;

/** Gradient of a `custom` alias: from its output's cotangent to those of its inputs after the first. Opaque to the graph. */
export type CustomRule = { readonly id: number; readonly vjp: (cotangent: unknown) => readonly unknown[] };
