import { ArgumentError, type Shape, type Tensor, type Variable } from "@gradus/tensor";
import { alignWeights, divideNoNaN } from "../losses/loss.ts";
import { matchShapes } from "../losses/shapes.ts";
import { Metric, type MetricOptions, metricRegistry } from "./metric.ts";

export interface R2Options extends MetricOptions {
  /** How the scores of several outputs become one; null gives each. */
  readonly classAggregation?: "uniform_average" | "variance_weighted_average" | null;
  /** Number of independent regressors, for the adjusted score; 0: not adjusted. */
  readonly numRegressors?: number;
}

/**
 * The coefficient of determination, 1 - Σ(t - p)² / Σ(t - mean t)², for targets [batch] or [batch, outputs]. Variances of
 * batches are merged (Chan et al. 1983), which loses no digits to a large mean.
 * @example
 * const metric = new metrics.R2Score();
 * metric.updateState([[1], [2], [3]], [[1], [2], [4]]);
 * metric.result()
 */
export class R2Score extends Metric {
  static override readonly className = "R2Score";
  private readonly classAggregation: "uniform_average" | "variance_weighted_average" | null;
  private readonly numRegressors: number;
  private readonly samples = this.addVariable("num_samples");
  private count!: Variable;
  private mean!: Variable;
  private spread!: Variable;
  private residual!: Variable;

  constructor({ classAggregation = "uniform_average", numRegressors = 0, ...options }: R2Options = {}) {
    super("r2_score", options, { classAggregation, numRegressors });
    if (![null, "uniform_average", "variance_weighted_average"].includes(classAggregation))
      throw new ArgumentError(
        "R2Score",
        `classAggregation is ${JSON.stringify(classAggregation)}`,
        `Use "uniform_average", "variance_weighted_average" or null`,
      );
    if (!(Number.isInteger(numRegressors) && numRegressors >= 0))
      throw new ArgumentError("R2Score", `numRegressors is ${numRegressors}`, "Give an integer from 0 on");
    this.classAggregation = classAggregation;
    this.numRegressors = numRegressors;
  }

  protected override build(_: Shape, yPred: Shape): void {
    const outputs = yPred.length > 1 ? yPred.at(-1)! : 1;
    this.count = this.addVariable("count", [outputs]);
    this.mean = this.addVariable("mean", [outputs]);
    this.spread = this.addVariable("spread", [outputs]);
    this.residual = this.addVariable("residual", [outputs]);
  }

  protected override update(yTrue: Tensor, yPred: Tensor, weights: Tensor | null): void {
    const outputs = this.count.size;
    const matched = matchShapes("R2Score", yTrue, yPred);
    const [t, p] = matched.map((x) => x.astype("float32").reshape([-1, outputs])) as [Tensor, Tensor];
    const w = weights ? alignWeights(weights, t).broadcastTo([...t.shape]) : t.mul(0).add(1);
    const axis = 0;
    const added = w.sum({ axis });
    const batchMean = divideNoNaN(t.mul(w).sum({ axis }), added);
    const batchSpread = t.sub(batchMean).square().mul(w).sum({ axis });
    const total = this.count.add(added);
    const apart = batchMean.sub(this.mean);
    const share = divideNoNaN(added, total);
    const spread = this.spread.add(batchSpread).add(apart.square().mul(this.count).mul(share));
    const mean = this.mean.add(apart.mul(share));
    this.residual.assign(this.residual.add(t.sub(p).square().mul(w).sum({ axis })));
    this.spread.assign(spread);
    this.mean.assign(mean);
    this.count.assign(total);
    this.samples.assign(this.samples.add(t.shape[0]!));
  }

  override result(): Tensor {
    const explained = divideNoNaN(this.residual, this.spread);
    // Targets that never change have no variance to explain: 0, as in Keras.
    const scores = explained.neg().add(1).mul(this.spread.greater(0).astype("float32"));
    let score = scores;
    if (this.classAggregation === "uniform_average") score = scores.mean();
    if (this.classAggregation === "variance_weighted_average") score = divideNoNaN(scores.mul(this.spread).sum(), this.spread.sum());
    if (!this.numRegressors) return score;
    const left = this.samples.sub(this.numRegressors + 1);
    return score
      .neg()
      .add(1)
      .mul(divideNoNaN(this.samples.sub(1), left))
      .neg()
      .add(1);
  }
}

metricRegistry.register(R2Score, "r2_score");
