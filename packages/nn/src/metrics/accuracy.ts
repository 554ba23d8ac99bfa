import { ArgumentError, type Tensor, type TensorLike, takeAlongAxis } from "@gradus/tensor";
import type { Loss } from "../losses/loss.ts";
import { classNumbers, floats, matchShapes } from "../losses/shapes.ts";
import { MeanMetric, type Metric, type MetricLike, type MetricOptions, metricRegistry } from "./metric.ts";

/** 1 where the target, 0 or 1, is on the same side of the threshold as the prediction, else 0. */
export function binaryAccuracy(yTrue: TensorLike, yPred: TensorLike, { threshold = 0.5 }: { readonly threshold?: number } = {}): Tensor {
  const [target, prediction] = matchShapes("binaryAccuracy", yTrue, yPred);
  return target.equal(prediction.greater(threshold).astype(target.dtype)).astype("float32");
}

/** 1 for examples whose largest prediction is at the largest target (one-hot), else 0. */
export function categoricalAccuracy(yTrue: TensorLike, yPred: TensorLike): Tensor {
  const [target, prediction] = matchShapes("categoricalAccuracy", yTrue, yPred);
  return target
    .argmax({ axis: -1 })
    .equal(prediction.argmax({ axis: -1 }))
    .astype("float32");
}

/** 1 for examples whose largest prediction is at the class number the target gives, else 0. */
export function sparseCategoricalAccuracy(yTrue: TensorLike, yPred: TensorLike): Tensor {
  const prediction = floats(yPred);
  return classNumbers("sparseCategoricalAccuracy", yTrue, prediction)
    .equal(prediction.argmax({ axis: -1 }))
    .astype("float32");
}

/** 1 for examples with fewer than k predictions above that for the target's class (a number), else 0. */
export function sparseTopKCategoricalAccuracy(yTrue: TensorLike, yPred: TensorLike, { k = 5 }: { readonly k?: number } = {}): Tensor {
  const prediction = floats(yPred);
  const place = classNumbers("sparseTopKCategoricalAccuracy", yTrue, prediction).expandDims({ axis: -1 });
  const chosen = takeAlongAxis(prediction, place, { axis: -1 });
  const above = prediction.greater(chosen).astype("int32").sum({ axis: -1 });
  return above
    .less(k)
    .logicalAnd(chosen.isfinite().squeeze({ axis: -1 }))
    .astype("float32");
}

/** 1 for examples with fewer than k predictions above that for the class of the one-hot target, else 0. */
export function topKCategoricalAccuracy(yTrue: TensorLike, yPred: TensorLike, options: { readonly k?: number } = {}): Tensor {
  const [target, prediction] = matchShapes("topKCategoricalAccuracy", yTrue, yPred);
  return sparseTopKCategoricalAccuracy(target.argmax({ axis: -1 }), prediction, options);
}

/**
 * Share of places where prediction and target are equal.
 * @example
 * const metric = new metrics.Accuracy();
 * metric.updateState([0, 0, 1, 1], [0, 1, 0, 1]);
 * metric.result()
 */
export class Accuracy extends MeanMetric {
  static override readonly className = "Accuracy";
  constructor(options: MetricOptions = {}) {
    const same = (yTrue: Tensor, yPred: Tensor): Tensor => {
      const [target, prediction] = matchShapes("Accuracy", yTrue, yPred);
      return target.equal(prediction).astype("float32");
    };
    super(same, "accuracy", options);
  }
}

/**
 * Mean of `binaryAccuracy`.
 * @example
 * const metric = new metrics.BinaryAccuracy();
 * metric.updateState([1, 0, 1, 0], [0.9, 0.2, 0.4, 0.6]);
 * metric.result()
 */
export class BinaryAccuracy extends MeanMetric {
  static override readonly className = "BinaryAccuracy";
  constructor({ threshold = 0.5, ...options }: MetricOptions & { readonly threshold?: number } = {}) {
    super((t, p) => binaryAccuracy(t, p, { threshold }), "binary_accuracy", options, { threshold });
  }
}

/**
 * Mean of `categoricalAccuracy`.
 * @example
 * const metric = new metrics.CategoricalAccuracy();
 * metric.updateState([[0, 1, 0], [1, 0, 0]], [[0.1, 0.8, 0.1], [0.2, 0.7, 0.1]]);
 * metric.result()
 */
export class CategoricalAccuracy extends MeanMetric {
  static override readonly className = "CategoricalAccuracy";
  constructor(options: MetricOptions = {}) {
    super(categoricalAccuracy, "categorical_accuracy", options);
  }
}

/**
 * Mean of `sparseCategoricalAccuracy`.
 * @example
 * const metric = new metrics.SparseCategoricalAccuracy();
 * metric.updateState([1, 0], [[0.1, 0.8, 0.1], [0.2, 0.7, 0.1]]);
 * metric.result()
 */
export class SparseCategoricalAccuracy extends MeanMetric {
  static override readonly className = "SparseCategoricalAccuracy";
  constructor(options: MetricOptions = {}) {
    super(sparseCategoricalAccuracy, "sparse_categorical_accuracy", options);
  }
}

/**
 * Mean of `topKCategoricalAccuracy`, k = 5 unless told.
 * @example
 * const metric = new metrics.TopKCategoricalAccuracy({ k: 2 });
 * metric.updateState([[0, 1, 0], [1, 0, 0]], [[0.1, 0.8, 0.1], [0.2, 0.7, 0.1]]);
 * metric.result()
 */
export class TopKCategoricalAccuracy extends MeanMetric {
  static override readonly className = "TopKCategoricalAccuracy";
  constructor({ k = 5, ...options }: MetricOptions & { readonly k?: number } = {}) {
    super((t, p) => topKCategoricalAccuracy(t, p, { k: checkedK(k) }), "top_k_categorical_accuracy", options, { k });
  }
}

/**
 * Mean of `sparseTopKCategoricalAccuracy`, k = 5 unless told.
 * @example
 * const metric = new metrics.SparseTopKCategoricalAccuracy({ k: 2 });
 * metric.updateState([1, 0], [[0.1, 0.8, 0.1], [0.2, 0.7, 0.1]]);
 * metric.result()
 */
export class SparseTopKCategoricalAccuracy extends MeanMetric {
  static override readonly className = "SparseTopKCategoricalAccuracy";
  constructor({ k = 5, ...options }: MetricOptions & { readonly k?: number } = {}) {
    super((t, p) => sparseTopKCategoricalAccuracy(t, p, { k: checkedK(k) }), "sparse_top_k_categorical_accuracy", options, { k });
  }
}

function checkedK(k: number): number {
  if (!Number.isInteger(k) || k < 1) throw new ArgumentError("topKCategoricalAccuracy", `k is ${k}`, "Give a positive integer");
  return k;
}

/** Whether a metric is the short name that stands for the fitting kind of accuracy. */
export const isAccuracy = (m: MetricLike): m is "accuracy" => m === "accuracy" || m === "acc";

/** The kind of accuracy that fits targets, predictions and loss; called "accuracy". */
export function accuracyFor(_: string, target: Tensor, prediction: Tensor, loss: Loss | null): Metric {
  const options = { name: "accuracy" };
  const className = (loss?.constructor as { className?: string } | undefined)?.className ?? "";
  if (className.startsWith("Sparse")) return new SparseCategoricalAccuracy(options);
  if (className.startsWith("Binary") || prediction.shape.at(-1) === 1 || prediction.ndim === 1) return new BinaryAccuracy(options);
  return target.ndim === prediction.ndim && target.shape.at(-1) === prediction.shape.at(-1)
    ? new CategoricalAccuracy(options)
    : new SparseCategoricalAccuracy(options);
}

metricRegistry.register(Accuracy);
metricRegistry.register(BinaryAccuracy, "binary_accuracy");
metricRegistry.register(CategoricalAccuracy, "categorical_accuracy");
metricRegistry.register(SparseCategoricalAccuracy, "sparse_categorical_accuracy");
metricRegistry.register(TopKCategoricalAccuracy, "top_k_categorical_accuracy");
metricRegistry.register(SparseTopKCategoricalAccuracy, "sparse_top_k_categorical_accuracy");
