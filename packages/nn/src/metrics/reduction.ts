import type { Tensor, TensorLike } from "@gradus/tensor";
import { asarray } from "@gradus/tensor";
import { alignWeights } from "../losses/loss.ts";
import { Averaging, Metric, type MetricOptions, metricRegistry } from "./metric.ts";

/**
 * The mean of values, weighted where weights are given: `mean.updateState(values, weights)`.
 * @example
 * const metric = new metrics.Mean();
 * metric.updateState([1, 2, 6]);
 * metric.result()
 */
export class Mean extends Averaging {
  static override readonly className = "Mean";
  constructor(options: MetricOptions = {}) {
    super("mean", options);
  }
  /** Values of any shape; weights fit from the left. */
  override updateState(values: TensorLike, sampleWeight: TensorLike | null = null): void {
    const x = asarray(values);
    super.updateState(x, x, sampleWeight);
  }
  protected override update(values: Tensor, _: Tensor, weights: Tensor | null): void {
    this.add(values, weights);
  }
}

/**
 * The sum of values, times weights where they are given: `sum.updateState(values, weights)`.
 * @example
 * const metric = new metrics.Sum();
 * metric.updateState([1, 2, 6]);
 * metric.result()
 */
export class Sum extends Metric {
  static override readonly className = "Sum";
  private readonly total = this.addVariable("total");
  constructor(options: MetricOptions = {}) {
    super("sum", options);
  }
  /** Values of any shape; weights fit from the left. */
  override updateState(values: TensorLike, sampleWeight: TensorLike | null = null): void {
    const x = asarray(values);
    super.updateState(x, x, sampleWeight);
  }
  protected override update(values: Tensor, _: Tensor, weights: Tensor | null): void {
    const x = values.astype("float32");
    this.total.assign(this.total.add((weights ? x.mul(alignWeights(weights, x)) : x).sum()));
  }
  override result(): Tensor {
    return this.total.mul(1);
  }
}

metricRegistry.register(Mean, "mean");
metricRegistry.register(Sum, "sum");
