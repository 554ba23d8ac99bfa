import { ArgumentError, type Shape, ShapeError, type Tensor, type Variable } from "@gradus/tensor";
import { alignWeights } from "../losses/loss.ts";
import { epsilon } from "../losses/shapes.ts";
import { Metric, type MetricOptions, metricRegistry } from "./metric.ts";

export interface FScoreOptions extends MetricOptions {
  /** null (default): a score for each class; "micro": of all places together; "macro", "weighted": means over classes. */
  readonly average?: "micro" | "macro" | "weighted" | null;
  /** Predictions above are positive; null (default): an example's largest prediction is. */
  readonly threshold?: number | null;
}

/**
 * (1 + beta²) · precision · recall / (beta² · precision + recall), for one-hot or several labels [batch, classes].
 * @example
 * const metric = new metrics.FBetaScore({ beta: 2, threshold: 0.5 });
 * metric.updateState([[1], [0], [1]], [[0.9], [0.2], [0.4]]);
 * metric.result()
 */
export class FBetaScore extends Metric {
  static override readonly className: string = "FBetaScore";
  private readonly average: "micro" | "macro" | "weighted" | null;
  private readonly beta: number;
  private readonly threshold: number | null;
  private truePositives!: Variable;
  private falsePositives!: Variable;
  private falseNegatives!: Variable;

  constructor(
    { average = null, beta = 1, threshold = null, ...options }: FScoreOptions & { readonly beta?: number } = {},
    name = "fbeta_score",
  ) {
    super(name, options, { average, beta, threshold });
    if (![null, "micro", "macro", "weighted"].includes(average))
      throw new ArgumentError(name, `average is ${JSON.stringify(average)}`, `Use "micro", "macro", "weighted" or null`);
    if (!(beta > 0)) throw new ArgumentError(name, `beta is ${beta}`, "Give a positive number");
    if (threshold !== null && !(threshold > 0 && threshold <= 1))
      throw new ArgumentError(name, `threshold is ${threshold}`, "Give a number above 0, at most 1");
    this.average = average;
    this.beta = beta;
    this.threshold = threshold;
  }

  protected override build(yTrue: Shape, yPred: Shape): void {
    if (yPred.length !== 2 || yTrue.join() !== yPred.join())
      throw new ShapeError(
        this.name,
        `targets have shape [${yTrue.join(", ")}], predictions [${yPred.join(", ")}]`,
        "Both must be [batch, classes]",
      );
    const shape = this.average === "micro" ? [] : [yPred[1]!];
    this.truePositives = this.addVariable("true_positives", shape);
    this.falsePositives = this.addVariable("false_positives", shape);
    this.falseNegatives = this.addVariable("false_negatives", shape);
  }

  protected override update(yTrue: Tensor, yPred: Tensor, weights: Tensor | null): void {
    const target = yTrue.astype("float32");
    // The largest prediction, unless all of them are 0.
    const positive =
      this.threshold === null
        ? yPred.greaterEqual(yPred.max({ axis: -1, keepdims: true })).logicalAnd(yPred.abs().greater(1e-9))
        : yPred.greater(this.threshold);
    const prediction = positive.astype("float32");
    const take = (state: Variable, values: Tensor): void => {
      const weighted = weights ? values.mul(alignWeights(weights, values)) : values;
      state.assign(state.add(this.average === "micro" ? weighted.sum() : weighted.sum({ axis: 0 })));
    };
    take(this.truePositives, prediction.mul(target));
    take(this.falsePositives, prediction.mul(target.neg().add(1)));
    take(this.falseNegatives, prediction.neg().add(1).mul(target));
  }

  override result(): Tensor {
    const { truePositives: hits, falsePositives, falseNegatives, average } = this;
    const support = hits.add(falseNegatives);
    const precision = hits.div(hits.add(falsePositives).add(epsilon));
    const recall = hits.div(support.add(epsilon));
    const factor = this.beta ** 2;
    const score = precision
      .mul(recall)
      .div(precision.mul(factor).add(recall).add(epsilon))
      .mul(1 + factor);
    if (average === "weighted") return score.mul(support.div(support.sum().add(epsilon))).sum();
    return average === "macro" ? score.mean() : score;
  }
}

/**
 * The harmonic mean of precision and recall, for one-hot or several labels [batch, classes].
 * @example
 * const metric = new metrics.F1Score({ threshold: 0.5 });
 * metric.updateState([[1], [0], [1]], [[0.9], [0.2], [0.4]]);
 * metric.result()
 */
export class F1Score extends FBetaScore {
  static override readonly className = "F1Score";
  constructor(options: FScoreOptions = {}) {
    super({ ...options, beta: 1 }, "f1_score");
  }
  override getConfig() {
    const { beta: _, ...config } = super.getConfig();
    return config;
  }
}

metricRegistry.register(FBetaScore, "fbeta_score");
metricRegistry.register(F1Score, "f1_score");
