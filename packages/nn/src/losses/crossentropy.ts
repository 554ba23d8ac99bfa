import {
  ArgumentError,
  asarray,
  log,
  sigmoid,
  sigmoidCrossEntropy,
  softmax,
  softmaxCrossEntropy,
  type Tensor,
  type TensorLike,
  takeAlongAxis,
  where,
} from "@gradus/tensor";
import { logitsOf } from "../logits.ts";
import { setMask } from "../masking.ts";
import { FunctionLoss, type LossOptions, lossRegistry } from "./loss.ts";
import { classNumbers, epsilon, floats, matchExamples, matchShapes } from "./shapes.ts";

/*
 * Predictions are probabilities unless `fromLogits` says otherwise. Where they come straight from a sigmoid or softmax
 * activation, its input is used instead (as Keras does with TensorFlow); other probabilities are clipped to [1e-7, 1 - 1e-7].
 */

export interface CrossentropyOptions {
  readonly fromLogits?: boolean;
  /** Share of each target spread evenly over all classes (Szegedy et al. 2016); default 0. */
  readonly labelSmoothing?: number;
  /** The axis of classes; default the last. */
  readonly axis?: number;
}

export interface SparseCrossentropyOptions {
  readonly fromLogits?: boolean;
  /** A class number whose places do not count, such as -1 or 255 for "not labelled". */
  readonly ignoreClass?: number | null;
  readonly axis?: number;
}

export interface FocalOptions extends CrossentropyOptions {
  /** Weight of the class 1 (binary) or of all classes (categorical); default 0.25. */
  readonly alpha?: number;
  /** How much less easy examples count; default 2, 0 not at all less. */
  readonly gamma?: number;
}

export interface BinaryFocalOptions extends FocalOptions {
  /** Weight class 1 by `alpha` and class 0 by 1 - `alpha`; default false. */
  readonly applyClassBalancing?: boolean;
}

const clipped = (p: Tensor): Tensor => p.clip(epsilon, 1 - epsilon);

function checkSmoothing(name: string, labelSmoothing: number): void {
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
    throw new ArgumentError(name, `labelSmoothing is ${labelSmoothing}`, "It must be from 0 to 1");
}

/** Logits where they are given or known, in the prediction's shape. */
function knownLogits(kind: "sigmoid" | "softmax", yPred: TensorLike, prediction: Tensor, fromLogits: boolean): Tensor | null {
  if (fromLogits) return prediction;
  const logits = logitsOf(kind, asarray(yPred));
  return logits ? logits.reshape([...prediction.shape]) : null;
}

/** -t log p - (1 - t) log(1 - p) in every place, and p. */
function binaryTerms(name: string, yTrue: TensorLike, yPred: TensorLike, options: CrossentropyOptions) {
  const { fromLogits = false, labelSmoothing = 0 } = options;
  checkSmoothing(name, labelSmoothing);
  const [given, prediction] = matchExamples(name, yTrue, yPred);
  const target = labelSmoothing ? given.mul(1 - labelSmoothing).add(0.5 * labelSmoothing) : given;
  const logits = knownLogits("sigmoid", yPred, prediction, fromLogits);
  if (logits) return { target, terms: sigmoidCrossEntropy(logits, target, { reduction: "none" }), p: sigmoid(logits) };
  const p = clipped(prediction);
  const terms = target.mul(log(p)).add(target.neg().add(1).mul(p.neg().log1p())).neg();
  return { target, terms, p };
}

/**
 * Mean over the last axis of -t log p - (1 - t) log(1 - p), for targets t in [0, 1].
 * @example
 * losses.binaryCrossentropy([1, 0, 1], [0.9, 0.2, 0.6])
 */
export function binaryCrossentropy(yTrue: TensorLike, yPred: TensorLike, options: CrossentropyOptions = {}): Tensor {
  return binaryTerms("binaryCrossentropy", yTrue, yPred, options).terms.mean({ axis: options.axis ?? -1 });
}

/**
 * Binary cross-entropy in which places that are right already count little: times (1 - p of the truth)^gamma (Lin et al. 2017).
 * @example
 * losses.binaryFocalCrossentropy([1, 0, 1], [0.9, 0.2, 0.6])
 */
export function binaryFocalCrossentropy(yTrue: TensorLike, yPred: TensorLike, options: BinaryFocalOptions = {}): Tensor {
  const { alpha = 0.25, gamma = 2, applyClassBalancing = false, axis = -1 } = options;
  const { target, terms, p } = binaryTerms("binaryFocalCrossentropy", yTrue, yPred, options);
  const other = target.neg().add(1);
  const wrong = target.mul(p.neg().add(1)).add(other.mul(p));
  const focal = wrong.pow(gamma).mul(terms);
  const balanced = applyClassBalancing ? focal.mul(target.mul(alpha).add(other.mul(1 - alpha))) : focal;
  return balanced.mean({ axis });
}

/** Probabilities along the axis of classes that sum to 1, none quite 0 or 1. */
const distribution = (prediction: Tensor, axis: number): Tensor => clipped(prediction.div(prediction.sum({ axis, keepdims: true })));

/**
 * -Σ t log p over the axis of classes, for targets t of the predictions' shape (one-hot or other distributions).
 * @example
 * losses.categoricalCrossentropy([[0, 1, 0]], [[0.1, 0.8, 0.1]])
 */
export function categoricalCrossentropy(yTrue: TensorLike, yPred: TensorLike, options: CrossentropyOptions = {}): Tensor {
  const { fromLogits = false, labelSmoothing = 0, axis = -1 } = options;
  const name = "categoricalCrossentropy";
  checkSmoothing(name, labelSmoothing);
  const [given, prediction] = matchShapes(name, yTrue, yPred);
  const classes = prediction.shape.at(axis)!;
  const target = labelSmoothing ? given.mul(1 - labelSmoothing).add(labelSmoothing / classes) : given;
  // Softmax activations run over the last axis.
  const logits = knownLogits("softmax", yPred, prediction, fromLogits);
  if (logits && (fromLogits || axis === -1 || axis === prediction.ndim - 1))
    return softmaxCrossEntropy(logits, target, { axis, reduction: "none" });
  return target
    .mul(log(distribution(prediction, axis)))
    .sum({ axis })
    .neg();
}

/**
 * Categorical cross-entropy in which classes that are right already count little: times alpha · (1 - p)^gamma (Lin et al. 2017).
 * @example
 * losses.categoricalFocalCrossentropy([[0, 1, 0]], [[0.1, 0.8, 0.1]])
 */
export function categoricalFocalCrossentropy(yTrue: TensorLike, yPred: TensorLike, options: FocalOptions = {}): Tensor {
  const { alpha = 0.25, gamma = 2, fromLogits = false, labelSmoothing = 0, axis = -1 } = options;
  const name = "categoricalFocalCrossentropy";
  checkSmoothing(name, labelSmoothing);
  const [given, prediction] = matchShapes(name, yTrue, yPred);
  const target = labelSmoothing ? given.mul(1 - labelSmoothing).add(labelSmoothing / prediction.shape.at(axis)!) : given;
  const p = distribution(fromLogits ? softmax(prediction, { axis }) : prediction, axis);
  const modulation = p.neg().add(1).pow(gamma).mul(alpha);
  return modulation
    .mul(target.mul(log(p)))
    .sum({ axis })
    .neg();
}

/**
 * -log p of the class whose number the target gives, [batch, ...] for predictions [batch, ..., classes].
 * @example
 * losses.sparseCategoricalCrossentropy([1], [[0.1, 0.8, 0.1]])
 */
export function sparseCategoricalCrossentropy(yTrue: TensorLike, yPred: TensorLike, options: SparseCrossentropyOptions = {}): Tensor {
  const { fromLogits = false, ignoreClass = null, axis = -1 } = options;
  const name = "sparseCategoricalCrossentropy";
  const prediction = floats(yPred);
  const given = classNumbers(name, yTrue, prediction, axis);
  const valid = ignoreClass === null ? null : given.notEqual(ignoreClass);
  const classes = valid ? where(valid, given, 0) : given;
  const logits = knownLogits("softmax", yPred, prediction, fromLogits);
  let values: Tensor;
  if (logits && (fromLogits || axis === -1 || axis === prediction.ndim - 1))
    values = softmaxCrossEntropy(logits, classes, { axis, reduction: "none" });
  else {
    const place = classes.expandDims({ axis });
    const chosen = takeAlongAxis(prediction, place, { axis }).squeeze({ axis });
    values = log(clipped(chosen.div(prediction.sum({ axis })))).neg();
  }
  if (!valid) return values;
  const counted = where(valid, values, 0);
  setMask(counted, valid);
  return counted;
}

/**
 * Σ t log(t / p) over the last axis, both clipped to [1e-7, 1]: how far the distribution p is from t (Kullback & Leibler 1951).
 * @example
 * losses.klDivergence([[0.5, 0.5]], [[0.9, 0.1]])
 */
export function klDivergence(yTrue: TensorLike, yPred: TensorLike): Tensor {
  const [t, p] = matchShapes("klDivergence", yTrue, yPred).map((x) => x.clip(epsilon, 1)) as [Tensor, Tensor];
  return t.mul(log(t.div(p))).sum({ axis: -1 });
}

/**
 * `binaryCrossentropy` as a loss.
 * @example
 * new losses.BinaryCrossentropy({ fromLogits: true })([1, 0], [3, -3])
 */
export class BinaryCrossentropy extends FunctionLoss {
  static override readonly className = "BinaryCrossentropy";
  constructor({ fromLogits = false, labelSmoothing = 0, axis = -1, ...options }: LossOptions & CrossentropyOptions = {}) {
    const settings = { fromLogits, labelSmoothing, axis };
    super("binary_crossentropy", (t, p) => binaryCrossentropy(t, p, settings), options, settings);
  }
}
/** `binaryFocalCrossentropy` as a loss. */
export class BinaryFocalCrossentropy extends FunctionLoss {
  static override readonly className = "BinaryFocalCrossentropy";
  constructor({
    applyClassBalancing = false,
    alpha = 0.25,
    gamma = 2,
    fromLogits = false,
    labelSmoothing = 0,
    axis = -1,
    ...options
  }: LossOptions & BinaryFocalOptions = {}) {
    const settings = { applyClassBalancing, alpha, gamma, fromLogits, labelSmoothing, axis };
    super("binary_focal_crossentropy", (t, p) => binaryFocalCrossentropy(t, p, settings), options, settings);
  }
}
/**
 * `categoricalCrossentropy` as a loss.
 * @example
 * new losses.CategoricalCrossentropy({ labelSmoothing: 0.1 })([[0, 1, 0]], [[0.1, 0.8, 0.1]])
 */
export class CategoricalCrossentropy extends FunctionLoss {
  static override readonly className = "CategoricalCrossentropy";
  constructor({ fromLogits = false, labelSmoothing = 0, axis = -1, ...options }: LossOptions & CrossentropyOptions = {}) {
    const settings = { fromLogits, labelSmoothing, axis };
    super("categorical_crossentropy", (t, p) => categoricalCrossentropy(t, p, settings), options, settings);
  }
}
/** `categoricalFocalCrossentropy` as a loss. */
export class CategoricalFocalCrossentropy extends FunctionLoss {
  static override readonly className = "CategoricalFocalCrossentropy";
  constructor({ alpha = 0.25, gamma = 2, fromLogits = false, labelSmoothing = 0, axis = -1, ...options }: LossOptions & FocalOptions = {}) {
    const settings = { alpha, gamma, fromLogits, labelSmoothing, axis };
    super("categorical_focal_crossentropy", (t, p) => categoricalFocalCrossentropy(t, p, settings), options, settings);
  }
}
/**
 * `sparseCategoricalCrossentropy` as a loss; places of `ignoreClass` do not count in the mean.
 * @example
 * new losses.SparseCategoricalCrossentropy({ fromLogits: true })([1], [[0, 3, 0]])
 */
export class SparseCategoricalCrossentropy extends FunctionLoss {
  static override readonly className = "SparseCategoricalCrossentropy";
  constructor({ fromLogits = false, ignoreClass = null, axis = -1, ...options }: LossOptions & SparseCrossentropyOptions = {}) {
    const settings = { fromLogits, ignoreClass, axis };
    super("sparse_categorical_crossentropy", (t, p) => sparseCategoricalCrossentropy(t, p, settings), options, settings);
  }
}
/** `klDivergence` as a loss. */
export class KLDivergence extends FunctionLoss {
  static override readonly className = "KLDivergence";
  constructor(options: LossOptions = {}) {
    super("kl_divergence", klDivergence, options);
  }
}

lossRegistry.register(BinaryCrossentropy, "bce", "binary_crossentropy");
lossRegistry.register(BinaryFocalCrossentropy, "binary_focal_crossentropy");
lossRegistry.register(CategoricalCrossentropy, "categorical_crossentropy");
lossRegistry.register(CategoricalFocalCrossentropy, "categorical_focal_crossentropy");
lossRegistry.register(SparseCategoricalCrossentropy, "sparse_categorical_crossentropy");
lossRegistry.register(KLDivergence, "kld", "kl_divergence");
