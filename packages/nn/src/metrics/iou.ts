import { ArgumentError, matmul, oneHot, type Tensor, take, tensor } from "@gradus/tensor";
import { alignWeights } from "../losses/loss.ts";
import { epsilon } from "../losses/shapes.ts";
import { Metric, type MetricOptions, metricRegistry } from "./metric.ts";

export interface MeanIoUOptions extends MetricOptions {
  readonly numClasses: number;
  /** Targets of this class do not count. */
  readonly ignoreClass?: number | null;
  /** Whether targets are class numbers (default), or scores whose largest wins. */
  readonly sparseYTrue?: boolean;
  /** Whether predictions are class numbers (default), or scores whose largest wins. */
  readonly sparseYPred?: boolean;
  /** The axis of scores; default the last. */
  readonly axis?: number;
}

export interface IoUOptions extends MeanIoUOptions {
  /** The classes whose mean is the result. */
  readonly targetClassIds: readonly number[];
}

/**
 * Intersection over union, TP / (TP + FP + FN), of some classes: the mean over those that occur.
 * @example
 * const metric = new metrics.IoU({ numClasses: 2, targetClassIds: [1] });
 * metric.updateState([0, 0, 1, 1], [0, 1, 0, 1]);
 * metric.result()
 */
export class IoU extends Metric {
  static override readonly className: string = "IoU";
  protected readonly options: Required<Omit<IoUOptions, "name">>;
  /** Weights by true (rows) and predicted class (columns). */
  private readonly confusion;

  constructor(
    { numClasses, targetClassIds, ignoreClass = null, sparseYTrue = true, sparseYPred = true, axis = -1, ...options }: IoUOptions,
    name = "io_u",
  ) {
    const all = { numClasses, targetClassIds, ignoreClass, sparseYTrue, sparseYPred, axis };
    super(name, options, all);
    if (!(Number.isInteger(numClasses) && numClasses > 0))
      throw new ArgumentError(name, `numClasses is ${numClasses}`, "Give a positive integer");
    if (!targetClassIds?.length || targetClassIds.some((id) => !(Number.isInteger(id) && id >= 0 && id < numClasses)))
      throw new ArgumentError(name, `targetClassIds are ${JSON.stringify(targetClassIds)}`, `Give classes from 0 to ${numClasses - 1}`);
    this.options = all;
    this.confusion = this.addVariable("total_confusion_matrix", [numClasses, numClasses]);
  }

  /** Class numbers that predictions stand for. */
  protected predictedClasses(yPred: Tensor): Tensor {
    const { sparseYPred, axis } = this.options;
    return sparseYPred ? yPred.astype("int32") : yPred.argmax({ axis });
  }

  protected override update(yTrue: Tensor, yPred: Tensor, weights: Tensor | null): void {
    const { numClasses, ignoreClass, sparseYTrue, axis } = this.options;
    const target = sparseYTrue ? yTrue.astype("int32") : yTrue.argmax({ axis });
    const predicted = this.predictedClasses(yPred);
    const given = weights
      ? alignWeights(weights, target)
          .broadcastTo([...target.shape])
          .reshape([-1, 1])
      : null;
    const rows = oneHot(target.reshape([-1]), numClasses);
    const counted = ignoreClass === null ? rows : rows.mul(target.reshape([-1, 1]).notEqual(ignoreClass).astype("float32"));
    const columns = oneHot(predicted.reshape([-1]), numClasses);
    this.confusion.assign(this.confusion.add(matmul(counted.T, given ? columns.mul(given) : columns)));
  }

  override result(): Tensor {
    const hits = this.confusion.diagonal();
    const union = this.confusion
      .sum({ axis: 0 })
      .add(this.confusion.sum({ axis: 1 }))
      .sub(hits);
    const ids = tensor([...this.options.targetClassIds], { dtype: "int32" });
    const [chosenHits, chosenUnion] = [take(hits, ids, { axis: 0 }), take(union, ids, { axis: 0 })];
    const occurring = chosenUnion.greater(1e-9).astype("float32").sum();
    return chosenHits.div(chosenUnion.add(epsilon)).sum().div(occurring.add(epsilon));
  }
}

/**
 * The mean of IoU over all classes that occur.
 * @example
 * const metric = new metrics.MeanIoU({ numClasses: 2 });
 * metric.updateState([0, 0, 1, 1], [0, 1, 0, 1]);
 * metric.result()
 */
export class MeanIoU extends IoU {
  static override readonly className: string = "MeanIoU";
  constructor(options: MeanIoUOptions, name = "mean_io_u") {
    super({ ...options, targetClassIds: Array.from({ length: options.numClasses }, (_, i) => i) }, name);
  }
  override getConfig() {
    const { targetClassIds: _, ...config } = super.getConfig();
    return config;
  }
}

/**
 * IoU of classes 0 and 1, for predictions that count as 1 from the threshold on.
 * @example
 * const metric = new metrics.BinaryIoU();
 * metric.updateState([1, 0, 1, 0], [0.9, 0.2, 0.4, 0.6]);
 * metric.result()
 */
export class BinaryIoU extends IoU {
  static override readonly className = "BinaryIoU";
  private readonly threshold: number;
  constructor({
    targetClassIds = [0, 1],
    threshold = 0.5,
    ...options
  }: MetricOptions & { readonly targetClassIds?: readonly number[]; readonly threshold?: number } = {}) {
    super({ ...options, numClasses: 2, targetClassIds }, "binary_io_u");
    this.threshold = threshold;
  }
  protected override predictedClasses(yPred: Tensor): Tensor {
    return yPred.greaterEqual(this.threshold).astype("int32");
  }
  override getConfig() {
    return { name: this.name, targetClassIds: this.options.targetClassIds, threshold: this.threshold };
  }
}

/** IoU for one-hot targets and scores. */
export class OneHotIoU extends IoU {
  static override readonly className = "OneHotIoU";
  constructor({ sparseYPred = false, ...options }: Omit<IoUOptions, "sparseYTrue">) {
    super({ ...options, sparseYTrue: false, sparseYPred }, "one_hot_io_u");
  }
}

/** Mean IoU for one-hot targets and scores. */
export class OneHotMeanIoU extends MeanIoU {
  static override readonly className = "OneHotMeanIoU";
  constructor({ sparseYPred = false, ...options }: Omit<MeanIoUOptions, "sparseYTrue">) {
    super({ ...options, sparseYTrue: false, sparseYPred }, "one_hot_mean_io_u");
  }
}

metricRegistry.register(IoU);
metricRegistry.register(MeanIoU);
metricRegistry.register(BinaryIoU, "binary_io_u");
metricRegistry.register(OneHotIoU);
metricRegistry.register(OneHotMeanIoU);
