import { sqrt, type Tensor } from "@gradus/tensor";
import {
  binaryCrossentropy,
  type CrossentropyOptions,
  categoricalCrossentropy,
  klDivergence,
  type SparseCrossentropyOptions,
  sparseCategoricalCrossentropy,
} from "../losses/crossentropy.ts";
import { categoricalHinge, hinge, squaredHinge } from "../losses/hinge.ts";
import {
  cosineSimilarity,
  logCosh,
  meanAbsoluteError,
  meanAbsolutePercentageError,
  meanSquaredError,
  meanSquaredLogarithmicError,
  poisson,
} from "../losses/regression.ts";
import { matchShapes } from "../losses/shapes.ts";
import { Averaging, MeanMetric, type MetricOptions, metricRegistry } from "./metric.ts";

/**
 * Mean of `meanSquaredError`.
 * @example
 * const metric = new metrics.MeanSquaredError();
 * metric.updateState([1, 2, 3], [1, 2, 5]);
 * metric.result()
 */
export class MeanSquaredError extends MeanMetric {
  static override readonly className = "MeanSquaredError";
  constructor(options: MetricOptions = {}) {
    super(meanSquaredError, "mean_squared_error", options);
  }
}

/**
 * Mean of `meanAbsoluteError`.
 * @example
 * const metric = new metrics.MeanAbsoluteError();
 * metric.updateState([1, 2, 3], [1, 2, 5]);
 * metric.result()
 */
export class MeanAbsoluteError extends MeanMetric {
  static override readonly className = "MeanAbsoluteError";
  constructor(options: MetricOptions = {}) {
    super(meanAbsoluteError, "mean_absolute_error", options);
  }
}

/**
 * Mean of `meanAbsolutePercentageError`.
 * @example
 * const metric = new metrics.MeanAbsolutePercentageError();
 * metric.updateState([1, 2, 3], [1, 2, 5]);
 * metric.result()
 */
export class MeanAbsolutePercentageError extends MeanMetric {
  static override readonly className = "MeanAbsolutePercentageError";
  constructor(options: MetricOptions = {}) {
    super(meanAbsolutePercentageError, "mean_absolute_percentage_error", options);
  }
}

/**
 * Mean of `meanSquaredLogarithmicError`.
 * @example
 * const metric = new metrics.MeanSquaredLogarithmicError();
 * metric.updateState([1, 2, 3], [1, 2, 5]);
 * metric.result()
 */
export class MeanSquaredLogarithmicError extends MeanMetric {
  static override readonly className = "MeanSquaredLogarithmicError";
  constructor(options: MetricOptions = {}) {
    super(meanSquaredLogarithmicError, "mean_squared_logarithmic_error", options);
  }
}

/**
 * Mean of `logCosh`.
 * @example
 * const metric = new metrics.LogCoshError();
 * metric.updateState([1, 2, 3], [1, 2, 5]);
 * metric.result()
 */
export class LogCoshError extends MeanMetric {
  static override readonly className = "LogCoshError";
  constructor(options: MetricOptions = {}) {
    super(logCosh, "logcosh", options);
  }
}

/**
 * Mean of `poisson`.
 * @example
 * const metric = new metrics.Poisson();
 * metric.updateState([1, 2, 3], [1, 2, 5]);
 * metric.result()
 */
export class Poisson extends MeanMetric {
  static override readonly className = "Poisson";
  constructor(options: MetricOptions = {}) {
    super(poisson, "poisson", options);
  }
}

/**
 * Mean of `klDivergence`.
 * @example
 * const metric = new metrics.KLDivergence();
 * metric.updateState([[0, 1, 0], [1, 0, 0]], [[0.1, 0.8, 0.1], [0.2, 0.7, 0.1]]);
 * metric.result()
 */
export class KLDivergence extends MeanMetric {
  static override readonly className = "KLDivergence";
  constructor(options: MetricOptions = {}) {
    super(klDivergence, "kl_divergence", options);
  }
}

/**
 * Mean of `hinge`.
 * @example
 * const metric = new metrics.Hinge();
 * metric.updateState([1, -1], [0.5, -2]);
 * metric.result()
 */
export class Hinge extends MeanMetric {
  static override readonly className = "Hinge";
  constructor(options: MetricOptions = {}) {
    super(hinge, "hinge", options);
  }
}

/**
 * Mean of `squaredHinge`.
 * @example
 * const metric = new metrics.SquaredHinge();
 * metric.updateState([1, -1], [0.5, -2]);
 * metric.result()
 */
export class SquaredHinge extends MeanMetric {
  static override readonly className = "SquaredHinge";
  constructor(options: MetricOptions = {}) {
    super(squaredHinge, "squared_hinge", options);
  }
}

/**
 * Mean of `categoricalHinge`.
 * @example
 * const metric = new metrics.CategoricalHinge();
 * metric.updateState([[0, 1, 0], [1, 0, 0]], [[0.1, 0.8, 0.1], [0.2, 0.7, 0.1]]);
 * metric.result()
 */
export class CategoricalHinge extends MeanMetric {
  static override readonly className = "CategoricalHinge";
  constructor(options: MetricOptions = {}) {
    super(categoricalHinge, "categorical_hinge", options);
  }
}

/**
 * Square root of the mean squared difference.
 * @example
 * const metric = new metrics.RootMeanSquaredError();
 * metric.updateState([1, 2, 3], [1, 2, 5]);
 * metric.result()
 */
export class RootMeanSquaredError extends Averaging {
  static override readonly className = "RootMeanSquaredError";
  constructor(options: MetricOptions = {}) {
    super("root_mean_squared_error", options);
  }
  protected override update(yTrue: Tensor, yPred: Tensor, weights: Tensor | null): void {
    const [target, prediction] = matchShapes("RootMeanSquaredError", yTrue, yPred);
    this.add(prediction.sub(target).square(), weights);
  }
  override result(): Tensor {
    return sqrt(super.result());
  }
}

/**
 * Mean cosine of the angle between targets and predictions: unlike the loss, 1 where they point the same way.
 * @example
 * const metric = new metrics.CosineSimilarity();
 * metric.updateState([[0, 1, 0], [1, 0, 0]], [[0.1, 0.8, 0.1], [0.2, 0.7, 0.1]]);
 * metric.result()
 */
export class CosineSimilarity extends MeanMetric {
  static override readonly className = "CosineSimilarity";
  constructor({ axis = -1, ...options }: MetricOptions & { readonly axis?: number } = {}) {
    super((t, p) => cosineSimilarity(t, p, { axis }).neg(), "cosine_similarity", options, { axis });
  }
}

/**
 * Mean of `binaryCrossentropy`.
 * @example
 * const metric = new metrics.BinaryCrossentropy();
 * metric.updateState([1, 0, 1, 0], [0.9, 0.2, 0.4, 0.6]);
 * metric.result()
 */
export class BinaryCrossentropy extends MeanMetric {
  static override readonly className = "BinaryCrossentropy";
  constructor({ fromLogits = false, labelSmoothing = 0, ...options }: MetricOptions & Omit<CrossentropyOptions, "axis"> = {}) {
    const settings = { fromLogits, labelSmoothing };
    super((t, p) => binaryCrossentropy(t, p, settings), "binary_crossentropy", options, settings);
  }
}

/**
 * Mean of `categoricalCrossentropy`.
 * @example
 * const metric = new metrics.CategoricalCrossentropy();
 * metric.updateState([[0, 1, 0], [1, 0, 0]], [[0.1, 0.8, 0.1], [0.2, 0.7, 0.1]]);
 * metric.result()
 */
export class CategoricalCrossentropy extends MeanMetric {
  static override readonly className = "CategoricalCrossentropy";
  constructor({ fromLogits = false, labelSmoothing = 0, axis = -1, ...options }: MetricOptions & CrossentropyOptions = {}) {
    const settings = { fromLogits, labelSmoothing, axis };
    super((t, p) => categoricalCrossentropy(t, p, settings), "categorical_crossentropy", options, settings);
  }
}

/**
 * Mean of `sparseCategoricalCrossentropy`.
 * @example
 * const metric = new metrics.SparseCategoricalCrossentropy();
 * metric.updateState([1, 0], [[0.1, 0.8, 0.1], [0.2, 0.7, 0.1]]);
 * metric.result()
 */
export class SparseCategoricalCrossentropy extends MeanMetric {
  static override readonly className = "SparseCategoricalCrossentropy";
  constructor({ fromLogits = false, axis = -1, ...options }: MetricOptions & Omit<SparseCrossentropyOptions, "ignoreClass"> = {}) {
    const settings = { fromLogits, axis };
    super((t, p) => sparseCategoricalCrossentropy(t, p, settings), "sparse_categorical_crossentropy", options, settings);
  }
}

metricRegistry.register(MeanSquaredError, "mean_squared_error", "mse");
metricRegistry.register(MeanAbsoluteError, "mean_absolute_error", "mae");
metricRegistry.register(MeanAbsolutePercentageError, "mean_absolute_percentage_error", "mape");
metricRegistry.register(MeanSquaredLogarithmicError, "mean_squared_logarithmic_error", "msle");
metricRegistry.register(LogCoshError, "logcosh", "log_cosh");
metricRegistry.register(Poisson, "poisson");
metricRegistry.register(KLDivergence, "kl_divergence", "kld");
metricRegistry.register(Hinge, "hinge");
metricRegistry.register(SquaredHinge, "squared_hinge");
metricRegistry.register(CategoricalHinge, "categorical_hinge");
metricRegistry.register(RootMeanSquaredError, "root_mean_squared_error", "rmse");
metricRegistry.register(CosineSimilarity, "cosine_similarity");
metricRegistry.register(BinaryCrossentropy, "binary_crossentropy", "bce");
metricRegistry.register(CategoricalCrossentropy, "categorical_crossentropy");
metricRegistry.register(SparseCategoricalCrossentropy, "sparse_categorical_crossentropy");
