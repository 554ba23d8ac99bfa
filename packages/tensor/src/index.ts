/** The table of contents of @gradus/tensor. Everything that is not named here is private. */
import "./methods.ts";

export {
  arange, array, asarray, diag, empty, emptyLike, eye, fromFunction, full, fullLike, identity, indices, linspace,
  logspace, meshgrid, ones, onesLike, tensor, tri, tril, triu, variable, zeros, zerosLike, type DTypeOption,
  type DiagonalChoice, type LinspaceOptions, type ShapeLike,
} from "./ops/creation.ts";
export {
  abs, acos, acosh, add, asin, asinh, astype, atan, atan2, atanh, bitwiseAnd, bitwiseInvert, bitwiseLeftShift,
  bitwiseOr, bitwiseRightShift, bitwiseXor, cast, cbrt, ceil, clip, copysign, cos, cosh, div, divide, equal, erf,
  exp, exp2, expm1, floor, floorDivide, greater, greaterEqual, hypot, isclose, isfinite, isinf, isnan, less,
  lessEqual, log, log10, log1p, log2, logaddexp, logicalAnd, logicalNot, logicalOr, logicalXor, maximum, minimum,
  mod, mul, multiply, nanToNum, neg, negative, nextafter, notEqual, positive, pow, reciprocal, remainder, round,
  rsqrt, sign, signbit, sin, sinh, sqrt, square, sub, subtract, tan, tanh, trunc, where, type BinaryFunction,
  type ClosenessOptions, type NanToNumOptions, type UnaryFunction,
} from "./ops/elementwise.ts";
export {
  all, allclose, any, argmax, argmin, average, bincount, corrcoef, countNonzero, cov, cummax, cummin, cumprod,
  cumsum, cumulativeProd, cumulativeSum, diff, digitize, histogram, histogramBinEdges, max, mean, median, min,
  nanmax, nanmean, nanmin, nansum, percentile, prod, ptp, quantile, std, sum, variance, type ArgOptions,
  type AverageOptions, type BincountOptions, type CovarianceOptions, type CumulativeFromStartOptions,
  type CumulativeOptions, type DiffOptions, type HistogramOptions, type QuantileMethod, type QuantileOptions,
  type ReduceOptions, type TypedReduceOptions, type VarianceOptions,
} from "./ops/statistics.ts";
export {
  arraySplit, broadcastArrays, broadcastTo, concat, concatenate, expandDims, flatten, flip, hstack, moveaxis, pad,
  permuteDims, ravel, repeat, reshape, roll, rot90, split, squeeze, stack, swapaxes, tile, transpose, unstack,
  vstack, type Axes, type JoinOptions, type PadOptions, type PadWidth,
} from "./ops/manipulation.ts";
export {
  dot, einsum, inner, matmul, tensordot, vecdot, type TensordotOptions,
} from "./ops/contraction.ts";
export {
  argwhere, at, compress, get, nonzero, oneHot, putAlongAxis, select, Slice, slice, take, takeAlongAxis,
  type AxisOption, type Index, type IndexedUpdate, type OneHotOptions,
} from "./ops/indexing.ts";
export {
  argsort, searchsorted, sort, topK, type SearchOptions, type SortOptions, type TopKOptions,
} from "./ops/searching.ts";
export {
  intersect1d, isin, setdiff1d, setxor1d, union1d, unique, uniqueAll, uniqueCounts, uniqueInverse, uniqueValues,
  type Unique, type UniqueOptions,
} from "./ops/sets.ts";
export {
  cholesky, cross, det, diagonal, eigh, eigvalsh, inv, kron, lstsq, matrixNorm, matrixPower, matrixRank,
  matrixTranspose, multiDot, norm, outer, pinv, qr, slogdet, solve, svd, svdvals, trace, triangularSolve, vectorNorm,
  type DiagonalOptions, type MatrixOrder,
} from "./ops/linalg.ts";
export {
  elu, gelu, glu, hardSigmoid, hardSilu, leakyRelu, logSigmoid, logSoftmax, logsumexp, mish, relu, relu6, selu,
  sigmoid, silu, softmax, softplus, softsign, type LogSumExpOptions, type SoftmaxOptions,
} from "./ops/activations.ts";
export {
  conv1d, conv2d, conv3d, convTranspose1d, convTranspose2d, convTranspose3d, depthwiseConv2d, type ConvOptions,
  type ConvTransposeOptions, type Padding, type WindowOptions,
} from "./ops/convolution.ts";
export {
  averagePool1d, averagePool2d, averagePool3d, globalAveragePool, globalMaxPool, maxPool1d, maxPool2d, maxPool3d,
  type AveragePoolOptions, type GlobalPoolOptions,
} from "./ops/pooling.ts";
export {
  batchNorm, groupNorm, l2Normalize, layerNorm, moments, rmsNorm, type BatchNormOptions, type LayerNormOptions,
  type MomentsOptions, type NormOptions,
} from "./ops/normalization.ts";
export {
  scaledDotProductAttention, type AttentionOptions,
} from "./ops/attention.ts";
export {
  huber, mae, mse, sigmoidCrossEntropy, softmaxCrossEntropy, type CrossEntropyOptions, type LossOptions,
} from "./ops/losses.ts";
export {
  dropout, embedding, type DropoutOptions,
} from "./ops/nn.ts";
export {
  resize, type ResizeOptions,
} from "./ops/resize.ts";
export { defaultRng, Generator, randomKey } from "./ops/random.ts";
export * as random from "./ops/random.ts";
export type { TensorLike } from "./ops/core.ts";
export { checkpoint, customGradient, grad, type GradientOptions, hessian, jacobian, jvp, stopGradient, type TensorFunction, valueAndGrad, vjp } from "./graph/autodiff.ts";
export { compile, type Compiled, type CompileOptions } from "./graph/compile.ts";
export { setDebugLevel } from "./graph/debug.ts";
export type { MemoryReport } from "./graph/engine.ts";
export { explain, memoryReport, scope } from "./graph/inspect.ts";
export { type DeviceName, init, type InitOptions } from "./graph/init.ts";
export { type NestedArray, Tensor, Variable } from "./graph/tensor.ts";
export { mapTree, type Tree } from "./graph/tree.ts";
export { type DType, dtypeInfo, dtypes, promote, type TypedArray } from "./dtype.ts";
export { ArgumentError, DTypeError, FormatError, GradusError, IndexError, OutOfMemoryError, ShapeError, StateError } from "./errors.ts";
export { type PrintOptions, setPrintOptions } from "./io/print.ts";
export { loadNpy, loadNpz, loadSafetensors, saveNpy, saveNpz, saveSafetensors, type Source } from "./io/tensors.ts";
