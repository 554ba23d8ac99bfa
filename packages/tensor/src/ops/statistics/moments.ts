import { asDType, type DType, dtypeInfo, isFloat } from "../../dtype.ts";
import { DTypeError, ShapeError } from "../../errors.ts";
import { make, type Node } from "../../graph/node.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { normalizeAxis, sameShape, showShape } from "../../shape.ts";
import { asTensor, broadcastNode, commonType, floatType, type TensorLike, wrap } from "../core.ts";
import { constant, isNan, type ReduceOptions, reduced, reduceNode, spread, type TypedReduceOptions, termsOf } from "./reductions.ts";

/** Means and what is built on them: variances and covariances. */

/** The type means are computed in: half floats would lose most of their digits in the sum. */
const meanType = (dtype: DType): DType => (dtypeInfo(dtype).bytes === 2 && isFloat(dtype) ? "float32" : floatType(dtype));

function checkFloat(operation: string, dtype: DType): DType {
  if (!isFloat(asDType(operation, dtype))) throw new DTypeError(operation, `dtype ${dtype} cannot hold a mean`, "Use a floating type");
  return dtype;
}

function meanNode(x: Node, axes: readonly number[]): Node {
  const total = reduceNode("reduceSum", x, axes);
  return make.binary("div", total, constant(termsOf(x.shape, axes), total));
}

/**
 * The arithmetic mean over axes; NaN of none. float32 for integers. DTypeError for a result type that is no float.
 * @example
 * mean([[1, 2], [3, 4]], { axis: 1 })
 */
export function mean(x: TensorLike, options: TypedReduceOptions = {}): Tensor {
  const t = asTensor(x, undefined, "mean");
  const type = options.dtype === undefined ? floatType(t.dtype) : checkFloat("mean", options.dtype);
  const node = make.cast(t.node, meanType(type));
  return reduced("mean", node, options, (axes) => make.cast(meanNode(node, axes), type));
}

export interface VarianceOptions extends TypedReduceOptions {
  /** The sum of squares is divided by the count minus this: 0 for the whole population, 1 for a sample. Default 0. */
  readonly correction?: number;
}

/** In two passes, the mean first: one pass over squares would cancel. */
function fromVariance(operation: string, x: TensorLike, options: VarianceOptions, finish: (v: Node) => Node): Tensor {
  const { correction = 0 } = options;
  const t = asTensor(x, undefined, operation);
  const type = options.dtype === undefined ? floatType(t.dtype) : checkFloat(operation, options.dtype);
  const node = make.cast(t.node, meanType(type));
  return reduced(operation, node, options, (axes) => {
    const deviation = make.binary("sub", node, spread(meanNode(node, axes), axes, node.shape));
    const total = reduceNode("reduceSum", make.binary("mul", deviation, deviation), axes);
    const count = Math.max(0, termsOf(node.shape, axes) - correction);
    return make.cast(finish(make.binary("div", total, constant(count, total))), type);
  });
}

/**
 * The variance over axes: the sum of squared distances from the mean over count - correction (NumPy's ddof); infinite
 * or NaN where that is not positive. DTypeError as for `mean`. Also exported as `var`, which no declaration may be
 * called.
 * @example
 * variance([1, 2, 3, 4])
 */
export const variance = (x: TensorLike, options: VarianceOptions = {}): Tensor => fromVariance("var", x, options, (v) => v);
export { variance as var };

/**
 * The standard deviation over axes: the square root of the variance, with its options and errors.
 * @example
 * std([1, 2, 3, 4])
 */
export const std = (x: TensorLike, options: VarianceOptions = {}): Tensor => fromVariance("std", x, options, (v) => make.unary("sqrt", v));

export interface AverageOptions extends ReduceOptions {
  /** Shaped like x, or one dimension along the single axis. Default: all equal. */
  readonly weights?: TensorLike;
}

/**
 * The weighted mean over axes: Σ w·x / Σ w (NumPy). ShapeError for weights that are neither shaped like x nor one per
 * element of a single axis.
 * @example
 * average([1, 2, 3], { weights: [3, 0, 1] })
 */
export function average(x: TensorLike, options: AverageOptions = {}): Tensor {
  if (options.weights === undefined) return mean(x, options);
  const t = asTensor(x, undefined, "average");
  const w = asTensor(options.weights, undefined, "average");
  const type = floatType(commonType([t, w]));
  const node = make.cast(t.node, type);
  const weights = broadcastNode(alignWeights(make.cast(w.node, type), t, options.axis), t.shape);
  return reduced("average", node, options, (axes) =>
    make.binary("div", reduceNode("reduceSum", make.binary("mul", node, weights), axes), reduceNode("reduceSum", weights, axes)),
  );
}

function alignWeights(w: Node, x: Tensor, axis: ReduceOptions["axis"]): Node {
  if (sameShape(w.shape, x.shape)) return w;
  const single = typeof axis === "number" ? axis : axis?.length === 1 ? axis[0] : undefined;
  if (w.shape.length !== 1 || single === undefined)
    throw new ShapeError(
      "average",
      `weights of shape ${showShape(w.shape)} do not fit x of shape ${showShape(x.shape)}`,
      "Shape them like x, or give one axis and as many weights",
    );
  const at = normalizeAxis("average", single, x.ndim);
  if (w.size !== x.shape[at]) throw new ShapeError("average", `${w.size} weights for axis ${at} of ${x.shape[at]} elements`);
  return make.reshape(
    w,
    x.shape.map((n, i) => (i === at ? n : 1)),
  );
}

/**
 * The mean over axes of what is not NaN; NaN where nothing is (NumPy).
 * @example
 * nanmean([1, NaN, 3])
 */
export function nanmean(x: TensorLike, options: ReduceOptions = {}): Tensor {
  const { node } = asTensor(x, undefined, "nanmean");
  if (!isFloat(node.dtype)) return mean(wrap(node), options);
  const wide = make.cast(node, meanType(node.dtype));
  return reduced("nanmean", wide, options, (axes) => {
    const missing = isNan(wide);
    const total = reduceNode("reduceSum", make.where(missing, constant(0, wide), wide), axes);
    const count = reduceNode("reduceSum", make.cast(make.unary("not", missing), wide.dtype), axes);
    return make.cast(make.binary("div", total, count), node.dtype);
  });
}

export interface CovarianceOptions {
  /** More variables, in the form of x. */
  readonly y?: TensorLike;
  /** Whether each row is a variable (default) or each column. */
  readonly rowvar?: boolean;
  /** The sum is divided by the count minus this. Default 1. */
  readonly correction?: number;
}

/** Variables as rows of one float matrix. */
function variables(operation: string, x: TensorLike, options: CovarianceOptions): Node {
  const { y, rowvar = true } = options;
  const given = [x, ...(y === undefined ? [] : [y])].map((part) => asTensor(part, undefined, operation));
  const type = floatType(commonType(given));
  const parts = given.map(({ node }) => {
    if (node.shape.length > 2) throw new ShapeError(operation, `needs one or two dimensions, received shape ${showShape(node.shape)}`);
    const wide = make.cast(node, type);
    if (wide.shape.length < 2) return make.reshape(wide, [1, wide.size]);
    return rowvar ? wide : make.permute(wide, [1, 0]);
  });
  return make.concat(parts, 0);
}

function covariance(operation: string, x: TensorLike, options: CovarianceOptions): Node {
  const { correction = 1 } = options;
  const rows = variables(operation, x, options); // [variables, observations]
  const centred = make.binary("sub", rows, spread(meanNode(rows, [1]), [1], rows.shape));
  const products = make.contract(centred, centred, { batch: [[], []], contract: [[1], [1]] });
  return make.binary("div", products, constant(Math.max(0, rows.shape[1]! - correction), products));
}

/**
 * The covariance matrix of variables (rows of x): [variables, observations] → [variables, variables], or [] for a
 * single one (NumPy). ShapeError for more than two dimensions, and for a y of other observations.
 * @example
 * cov([[1, 2, 3], [2, 4, 7]])
 */
export function cov(x: TensorLike, options: CovarianceOptions = {}): Tensor {
  const result = covariance("cov", x, options);
  return wrap(result.size === 1 ? make.reshape(result, []) : result);
}

/**
 * The matrix of Pearson's correlation coefficients of variables (rows of x), within [-1, 1]. Shapes and errors as for
 * `cov` (NumPy).
 * @example
 * corrcoef([[1, 2, 3], [2, 4, 7]])
 */
export function corrcoef(x: TensorLike, options: Omit<CovarianceOptions, "correction"> = {}): Tensor {
  const c = covariance("corrcoef", x, options);
  const count = c.shape[0]!;
  const diagonal = make.slice(make.reshape(c, [count * count]), [0], [count + 1], [count]);
  const deviation = make.unary("sqrt", diagonal);
  const byColumn = make.binary("div", c, broadcastNode(deviation, c.shape));
  const byBoth = make.binary("div", byColumn, broadcastNode(make.reshape(deviation, [count, 1]), c.shape));
  const result = make.binary("min", make.binary("max", byBoth, constant(-1, byBoth)), constant(1, byBoth));
  return wrap(result.size === 1 ? make.reshape(result, []) : result);
}
