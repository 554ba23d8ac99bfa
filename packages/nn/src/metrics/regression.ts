import { type Tensor, zeros } from "@gradus/tensor";
import {
  binaryCrossentropy,
  type CrossentropyOptions,
  categoricalCrossentropy,
  categoricalHinge,
  hinge,
  klDivergence,
  type SparseOptions,
  sparseCategoricalCrossentropy,
  squaredHinge,
} from "../losses/classification.ts";
import type { LossFunction } from "../losses/loss.ts";
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
import type { Config } from "../serialize.ts";
import { Mean, MeanMetric, Metric, type MetricOptions, metricRegistry } from "./metric.ts";

/** The class of a metric that is the mean of a loss, under Keras's names. */
function meanOf(className: string, name: string, f: LossFunction, ...others: string[]) {
  const made = class extends MeanMetric {
    static override readonly className: string = className;
    constructor(options: MetricOptions = {}) {
      super(f, name, options);
    }
    static override fromConfig(config: Config): Metric {
      return new this(config);
    }
  };
  metricRegistry.register(made, name, ...others);
  return made;
}

export const MeanSquaredErrorMetric = meanOf("MeanSquaredError", "mean_squared_error", meanSquaredError, "mse");
export const MeanAbsoluteErrorMetric = meanOf("MeanAbsoluteError", "mean_absolute_error", meanAbsoluteError, "mae");
export const MeanAbsolutePercentageErrorMetric = meanOf(
  "MeanAbsolutePercentageError",
  "mean_absolute_percentage_error",
  meanAbsolutePercentageError,
  "mape",
);
export const MeanSquaredLogarithmicErrorMetric = meanOf(
  "MeanSquaredLogarithmicError",
  "mean_squared_logarithmic_error",
  meanSquaredLogarithmicError,
  "msle",
);
export const LogCoshErrorMetric = meanOf("LogCoshError", "logcosh", logCosh, "log_cosh");
export const PoissonMetric = meanOf("Poisson", "poisson", poisson);
export const KLDivergenceMetric = meanOf("KLDivergence", "kl_divergence", klDivergence, "kld");
export const HingeMetric = meanOf("Hinge", "hinge", hinge);
export const SquaredHingeMetric = meanOf("SquaredHinge", "squared_hinge", squaredHinge);
export const CategoricalHingeMetric = meanOf("CategoricalHinge", "categorical_hinge", categoricalHinge);

/** The cosine of the angle between target and prediction: 1 for the same direction. */
export const CosineSimilarityMetric = meanOf("CosineSimilarity", "cosine_similarity", (t, p) => cosineSimilarity(t, p).neg());

/** The classes of cross-entropies, which have options. */
function crossentropyMetric<O extends CrossentropyOptions | SparseOptions>(
  className: string,
  name: string,
  f: (t: Tensor, p: Tensor, options: O) => Tensor,
  short: string,
) {
  const made = class extends MeanMetric {
    static override readonly className: string = className;
    private readonly options: O;
    constructor(options: O & MetricOptions = {} as O) {
      super((t, p) => f(t, p, options), name, options);
      this.options = options;
    }
    static override fromConfig(config: Config): Metric {
      return new this(config as unknown as O);
    }
    override getConfig(): Config {
      return { ...this.options, ...super.getConfig() };
    }
  };
  metricRegistry.register(made, name, short);
  return made;
}

export const BinaryCrossentropyMetric = crossentropyMetric("BinaryCrossentropy", "binary_crossentropy", binaryCrossentropy, "bce");
export const CategoricalCrossentropyMetric = crossentropyMetric(
  "CategoricalCrossentropy",
  "categorical_crossentropy",
  categoricalCrossentropy,
  "cce",
);
export const SparseCategoricalCrossentropyMetric = crossentropyMetric(
  "SparseCategoricalCrossentropy",
  "sparse_categorical_crossentropy",
  sparseCategoricalCrossentropy,
  "scce",
);

/** The root of the mean square of all differences. */
export class RootMeanSquaredError extends Mean {
  static override readonly className = "RootMeanSquaredError";
  constructor(options: MetricOptions = {}) {
    super(options, "root_mean_squared_error");
  }
  static override fromConfig(config: Config): Metric {
    return new RootMeanSquaredError(config);
  }
  override update(yTrue: Tensor, yPred: Tensor | null = null, sampleWeight: Tensor | null = null): void {
    const [t, p] = matchShapes(this.name, yTrue, yPred!);
    this.add(p.sub(t).square(), sampleWeight);
  }
  override result(): Tensor {
    return super.result().sqrt();
  }
}

/** The sum of values. */
export class Sum extends Metric {
  static readonly className = "Sum";
  private readonly total = this.addVariable("total");
  constructor(options: MetricOptions = {}) {
    super("sum", options);
  }
  static fromConfig(config: Config): Metric {
    return new Sum(config);
  }
  override update(values: Tensor, _unused: Tensor | null = null, sampleWeight: Tensor | null = null): void {
    const x = values.astype("float32");
    this.total.assign(this.total.add((sampleWeight ? x.mul(sampleWeight) : x).sum()));
  }
  override result(): Tensor {
    return this.total.mul(1);
  }
}

/** 1 - (mean square of the errors) / (variance of the targets), the mean over outputs: 1 is perfect, 0 as good as the mean. */
export class R2Score extends Metric {
  static readonly className = "R2Score";
  private readonly sums: {
    squares: ReturnType<Metric["addVariable"]>;
    total: ReturnType<Metric["addVariable"]>;
    residual: ReturnType<Metric["addVariable"]>;
    count: ReturnType<Metric["addVariable"]>;
  };
  constructor(options: MetricOptions & { readonly outputs?: number } = {}) {
    super("r2_score", options);
    const n = options.outputs ?? 1;
    this.outputs = n;
    this.sums = {
      squares: this.addVariable("squared_sum", [n]),
      total: this.addVariable("sum", [n]),
      residual: this.addVariable("residual", [n]),
      count: this.addVariable("count"),
    };
  }
  private readonly outputs: number;
  static fromConfig(config: Config): Metric {
    return new R2Score(config);
  }
  override update(yTrue: Tensor, yPred: Tensor, sampleWeight: Tensor | null = null): void {
    const rows = (x: Tensor): Tensor => x.astype("float32").reshape([-1, this.outputs]);
    const [t, p] = [rows(yTrue), rows(yPred)];
    const w = sampleWeight ? sampleWeight.astype("float32").reshape([-1, 1]) : zeros([t.shape[0]!, 1]).add(1);
    const { squares, total, residual, count } = this.sums;
    const sum = (x: Tensor): Tensor => x.mul(w).sum({ axis: 0 });
    squares.assign(squares.add(sum(t.square())));
    total.assign(total.add(sum(t)));
    residual.assign(residual.add(sum(t.sub(p).square())));
    count.assign(count.add(w.sum()));
  }
  override result(): Tensor {
    const { squares, total, residual, count } = this.sums;
    const spread = squares.sub(total.square().div(count.maximum(1e-12)));
    return residual.div(spread.maximum(1e-12)).neg().add(1).mean();
  }
  override getConfig(): Config {
    return { ...super.getConfig(), outputs: this.outputs };
  }
}

metricRegistry.register(Mean, "mean");
metricRegistry.register(Sum, "sum");
metricRegistry.register(RootMeanSquaredError, "root_mean_squared_error", "rmse");
metricRegistry.register(R2Score, "r2_score", "r2");
