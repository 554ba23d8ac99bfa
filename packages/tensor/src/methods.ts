import { GradusError } from "./errors.ts";
import { Tensor } from "./graph/tensor.ts";
import { formatArray } from "./io/print.ts";
import * as activations from "./ops/activations.ts";
import * as contraction from "./ops/contraction.ts";
import type { TensorLike } from "./ops/core.ts";
import * as creation from "./ops/creation.ts";
import * as elementwise from "./ops/elementwise.ts";
import * as indexing from "./ops/indexing.ts";
import * as linalg from "./ops/linalg/index.ts";
import * as manipulation from "./ops/manipulation.ts";
import * as searching from "./ops/searching.ts";
import * as statistics from "./ops/statistics/index.ts";
import { showShape } from "./shape.ts";

/** Functions of an array that are methods of Tensor too: `add(x, 1)` is `x.add(1)`. */
const methods = {
  // elementwise
  abs: elementwise.abs,
  add: elementwise.add,
  subtract: elementwise.subtract,
  multiply: elementwise.multiply,
  divide: elementwise.divide,
  sub: elementwise.sub,
  mul: elementwise.mul,
  div: elementwise.div,
  neg: elementwise.neg,
  mod: elementwise.mod,
  floorDivide: elementwise.floorDivide,
  remainder: elementwise.remainder,
  pow: elementwise.pow,
  negative: elementwise.negative,
  sign: elementwise.sign,
  square: elementwise.square,
  reciprocal: elementwise.reciprocal,
  maximum: elementwise.maximum,
  minimum: elementwise.minimum,
  clip: elementwise.clip,
  floor: elementwise.floor,
  ceil: elementwise.ceil,
  trunc: elementwise.trunc,
  round: elementwise.round,
  sqrt: elementwise.sqrt,
  rsqrt: elementwise.rsqrt,
  cbrt: elementwise.cbrt,
  exp: elementwise.exp,
  exp2: elementwise.exp2,
  expm1: elementwise.expm1,
  log: elementwise.log,
  log1p: elementwise.log1p,
  log2: elementwise.log2,
  log10: elementwise.log10,
  logaddexp: elementwise.logaddexp,
  erf: elementwise.erf,
  sin: elementwise.sin,
  cos: elementwise.cos,
  tan: elementwise.tan,
  asin: elementwise.asin,
  acos: elementwise.acos,
  atan: elementwise.atan,
  atan2: elementwise.atan2,
  sinh: elementwise.sinh,
  cosh: elementwise.cosh,
  tanh: elementwise.tanh,
  asinh: elementwise.asinh,
  acosh: elementwise.acosh,
  atanh: elementwise.atanh,
  hypot: elementwise.hypot,
  signbit: elementwise.signbit,
  copysign: elementwise.copysign,
  nextafter: elementwise.nextafter,
  isfinite: elementwise.isfinite,
  isinf: elementwise.isinf,
  isnan: elementwise.isnan,
  nanToNum: elementwise.nanToNum,
  equal: elementwise.equal,
  notEqual: elementwise.notEqual,
  less: elementwise.less,
  lessEqual: elementwise.lessEqual,
  greater: elementwise.greater,
  greaterEqual: elementwise.greaterEqual,
  isclose: elementwise.isclose,
  logicalAnd: elementwise.logicalAnd,
  logicalOr: elementwise.logicalOr,
  logicalXor: elementwise.logicalXor,
  logicalNot: elementwise.logicalNot,
  bitwiseAnd: elementwise.bitwiseAnd,
  bitwiseOr: elementwise.bitwiseOr,
  bitwiseXor: elementwise.bitwiseXor,
  bitwiseInvert: elementwise.bitwiseInvert,
  bitwiseLeftShift: elementwise.bitwiseLeftShift,
  bitwiseRightShift: elementwise.bitwiseRightShift,
  astype: elementwise.astype,
  cast: elementwise.cast,
  // statistics
  sum: statistics.sum,
  prod: statistics.prod,
  mean: statistics.mean,
  var: statistics.variance,
  std: statistics.std,
  average: statistics.average,
  max: statistics.max,
  min: statistics.min,
  ptp: statistics.ptp,
  all: statistics.all,
  any: statistics.any,
  allclose: statistics.allclose,
  countNonzero: statistics.countNonzero,
  argmax: statistics.argmax,
  argmin: statistics.argmin,
  nansum: statistics.nansum,
  nanmean: statistics.nanmean,
  nanmax: statistics.nanmax,
  nanmin: statistics.nanmin,
  cumsum: statistics.cumsum,
  cumprod: statistics.cumprod,
  cummax: statistics.cummax,
  cummin: statistics.cummin,
  cumulativeSum: statistics.cumulativeSum,
  cumulativeProd: statistics.cumulativeProd,
  diff: statistics.diff,
  quantile: statistics.quantile,
  percentile: statistics.percentile,
  median: statistics.median,
  // manipulation
  reshape: manipulation.reshape,
  flatten: manipulation.flatten,
  ravel: manipulation.ravel,
  expandDims: manipulation.expandDims,
  squeeze: manipulation.squeeze,
  broadcastTo: manipulation.broadcastTo,
  permuteDims: manipulation.permuteDims,
  transpose: manipulation.transpose,
  moveaxis: manipulation.moveaxis,
  swapaxes: manipulation.swapaxes,
  unstack: manipulation.unstack,
  split: manipulation.split,
  arraySplit: manipulation.arraySplit,
  tile: manipulation.tile,
  repeat: manipulation.repeat,
  roll: manipulation.roll,
  flip: manipulation.flip,
  rot90: manipulation.rot90,
  pad: manipulation.pad,
  tril: creation.tril,
  triu: creation.triu,
  diag: creation.diag,
  // contraction
  matmul: contraction.matmul,
  dot: contraction.dot,
  inner: contraction.inner,
  vecdot: contraction.vecdot,
  tensordot: contraction.tensordot,
  // indexing, order
  get: indexing.get,
  at: indexing.at,
  take: indexing.take,
  takeAlongAxis: indexing.takeAlongAxis,
  putAlongAxis: indexing.putAlongAxis,
  compress: indexing.compress,
  nonzero: indexing.nonzero,
  argwhere: indexing.argwhere,
  sort: searching.sort,
  argsort: searching.argsort,
  topK: searching.topK,
  searchsorted: searching.searchsorted,
  // activations
  relu: activations.relu,
  gelu: activations.gelu,
  silu: activations.silu,
  sigmoid: activations.sigmoid,
  softplus: activations.softplus,
  softmax: activations.softmax,
  logSoftmax: activations.logSoftmax,
  logsumexp: activations.logsumexp,
  // linear algebra
  matrixTranspose: linalg.matrixTranspose,
  diagonal: linalg.diagonal,
  trace: linalg.trace,
  outer: linalg.outer,
  norm: linalg.norm,
  det: linalg.det,
  inv: linalg.inv,
};

/** A function without its first parameter. */
type Method<F> = F extends (x: TensorLike, ...rest: infer Rest) => infer Result ? (...rest: Rest) => Result : never;
type Methods = { [K in keyof typeof methods]: Method<(typeof methods)[K]> };

declare module "./graph/tensor.ts" {
  interface Tensor extends Methods {
    /** A matrix transposed; axes in reverse for other dimensions. */
    readonly T: Tensor;
    /** Matrices, the last two axes, transposed. */
    readonly mT: Tensor;
    /** The elements as NumPy prints them where they can be read at once, else shape and type. */
    toString(): string;
  }
}

const { prototype } = Tensor;
const define = (name: string | symbol, value: unknown): void => {
  Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
};
for (const [name, f] of Object.entries(methods) as [string, (x: Tensor, ...rest: unknown[]) => unknown][])
  define(name, function (this: Tensor, ...rest: unknown[]) {
    return f(this, ...rest);
  });
Object.defineProperty(prototype, "T", {
  configurable: true,
  get(this: Tensor) {
    return manipulation.transpose(this);
  },
});
Object.defineProperty(prototype, "mT", {
  configurable: true,
  get(this: Tensor) {
    return linalg.matrixTranspose(this);
  },
});
define("toString", function (this: Tensor) {
  return show(this);
});
define(Symbol.for("nodejs.util.inspect.custom"), function (this: Tensor) {
  return show(this);
});

/** Printing never fails: values that are not there yet, or not on this side of an asynchronous device, are left out. */
function show(x: Tensor): string {
  let described = "array";
  try {
    const { shape, dtype } = x;
    described = `${dtype}${showShape(shape)}`;
    return formatArray({ dtype, shape, data: x.dataSync() });
  } catch (error) {
    if (!(error instanceof GradusError)) throw error;
    return `Tensor(${described}, not readable here)`;
  }
}
