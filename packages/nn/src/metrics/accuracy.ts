import type { Tensor } from "@gradus/tensor";
import type { Loss } from "../losses/loss.ts";
import type { Config } from "../serialize.ts";
import { MeanMetric, type Metric, type MetricLike, type MetricOptions, metricRegistry } from "./metric.ts";

/** Share of places where prediction and target are equal. */
export class Accuracy extends MeanMetric {
  static override readonly className = "Accuracy";
  constructor(options: MetricOptions = {}) {
    super((t, p) => sameRank(t, p).equal(p).astype("float32"), "accuracy", options);
  }
  static override fromConfig(config: Config): Metric {
    return new Accuracy(config);
  }
}

/** Share of places where the target, 0 or 1, is on the same side of the threshold as the prediction. */
export class BinaryAccuracy extends MeanMetric {
  static override readonly className = "BinaryAccuracy";
  readonly threshold: number;
  constructor(options: MetricOptions & { readonly threshold?: number } = {}) {
    const { threshold = 0.5 } = options;
    super((t, p) => sameRank(t, p).greater(threshold).equal(p.greater(threshold)).astype("float32"), "binary_accuracy", options);
    this.threshold = threshold;
  }
  static override fromConfig(config: Config): Metric {
    return new BinaryAccuracy(config);
  }
  override getConfig(): Config {
    return { ...super.getConfig(), threshold: this.threshold };
  }
}

/** Share of examples whose largest prediction is at the class of the one-hot target. */
export class CategoricalAccuracy extends MeanMetric {
  static override readonly className = "CategoricalAccuracy";
  constructor(options: MetricOptions = {}) {
    super(
      (t, p) =>
        t
          .argmax({ axis: -1 })
          .equal(p.argmax({ axis: -1 }))
          .astype("float32"),
      "categorical_accuracy",
      options,
    );
  }
  static override fromConfig(config: Config): Metric {
    return new CategoricalAccuracy(config);
  }
}

/** Share of examples whose largest prediction is at the class number the target gives. */
export class SparseCategoricalAccuracy extends MeanMetric {
  static override readonly className = "SparseCategoricalAccuracy";
  constructor(options: MetricOptions = {}) {
    super(
      (t, p) =>
        classNumbers(t, p)
          .equal(p.argmax({ axis: -1 }))
          .astype("float32"),
      "sparse_categorical_accuracy",
      options,
    );
  }
  static override fromConfig(config: Config): Metric {
    return new SparseCategoricalAccuracy(config);
  }
}

/** Targets [batch] or [batch, 1] for predictions [batch, 1] or [batch]. */
function sameRank(target: Tensor, prediction: Tensor): Tensor {
  const t = target.astype(prediction.dtype);
  return t.ndim !== prediction.ndim && t.size === prediction.size ? t.reshape([...prediction.shape]) : t;
}

/** Class numbers as int32 of the predictions' shape without classes. */
export function classNumbers(target: Tensor, prediction: Tensor): Tensor {
  const t = target.ndim === prediction.ndim && target.shape.at(-1) === 1 ? target.squeeze({ axis: -1 }) : target;
  return t.astype("int32");
}

/** Whether a metric is the short name that stands for the fitting kind of accuracy. */
export const isAccuracy = (m: MetricLike): m is "accuracy" => m === "accuracy" || m === "acc";

/** The kind of accuracy that fits targets, predictions and loss; called "accuracy". */
export function accuracyFor(_: string, target: Tensor, prediction: Tensor, loss: Loss | null): Metric {
  const options = { name: "accuracy" };
  const className = (loss?.constructor as { className?: string } | undefined)?.className ?? "";
  if (className.startsWith("Sparse")) return new SparseCategoricalAccuracy(options);
  if (className === "BinaryCrossentropy" || prediction.shape.at(-1) === 1 || prediction.ndim === 1) return new BinaryAccuracy(options);
  return target.ndim === prediction.ndim && target.shape.at(-1) === prediction.shape.at(-1)
    ? new CategoricalAccuracy(options)
    : new SparseCategoricalAccuracy(options);
}

metricRegistry.register(Accuracy);
metricRegistry.register(BinaryAccuracy, "binary_accuracy");
metricRegistry.register(CategoricalAccuracy, "categorical_accuracy");
metricRegistry.register(SparseCategoricalAccuracy, "sparse_categorical_accuracy");
