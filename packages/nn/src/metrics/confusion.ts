import { ArgumentError, arange, oneHot, type Tensor, tensor, topK, type Variable, where } from "@gradus/tensor";
import { alignWeights } from "../losses/loss.ts";
import type { Config } from "../serialize.ts";
import { classNumbers } from "./accuracy.ts";
import { MeanMetric, Metric, type MetricOptions, metricRegistry } from "./metric.ts";

export interface ThresholdOptions extends MetricOptions {
  /** Predictions above it count as positive: one number, or several (then the result is an array). Default 0.5. */
  readonly thresholds?: number | readonly number[] | null;
  /** Only the so many largest predictions of a row count as positive. */
  readonly topK?: number | null;
  /** Only this class counts. */
  readonly classId?: number | null;
}

type Count = "truePositives" | "falsePositives" | "trueNegatives" | "falseNegatives";

/** Counts of right and wrong positives and negatives at some thresholds: [thresholds] each. */
abstract class Confusion extends Metric {
  protected readonly thresholds: readonly number[];
  private readonly counts = new Map<Count, Variable>();
  private readonly options: ThresholdOptions;

  constructor(name: string, options: ThresholdOptions, thresholds: readonly number[], wanted: readonly Count[]) {
    super(name, options);
    this.options = options;
    this.thresholds = thresholds;
    if (thresholds.some((t) => !Number.isFinite(t)))
      throw new ArgumentError(name, `a threshold is ${thresholds.find((t) => !Number.isFinite(t))}`);
    for (const count of wanted) this.counts.set(count, this.addVariable(count, [thresholds.length]));
  }

  protected count(name: Count): Tensor {
    return this.counts.get(name)!;
  }

  override update(yTrue: Tensor, yPred: Tensor, sampleWeight: Tensor | null = null): void {
    const { classId = null } = this.options;
    const top = this.options.topK ?? null;
    let p = yPred.astype("float32");
    let t = yTrue.astype("float32");
    if (t.ndim !== p.ndim && t.size === p.size) t = t.reshape([...p.shape]);
    if (top !== null) {
      // Whatever is not among the largest is negative at any threshold.
      const least = topK(p, top).values.get("...", -1).expandDims({ axis: -1 });
      p = where(p.greaterEqual(least), p, Number.NEGATIVE_INFINITY);
    }
    let weights = sampleWeight ? alignWeights(sampleWeight.astype("float32"), p).broadcastTo([...p.shape]) : null;
    if (classId !== null) [p, t, weights] = [p.get("...", classId), t.get("...", classId), weights ? weights.get("...", classId) : null];
    const flat = (x: Tensor): Tensor => x.reshape([1, -1]);
    const limits = tensor(Float32Array.from(this.thresholds)).reshape([-1, 1]);
    const said = flat(p).greater(limits);
    const is = flat(t).greater(0.5);
    const add = (name: Count, mask: Tensor): void => {
      const count = this.counts.get(name);
      if (!count) return;
      const ones = mask.astype("float32");
      count.assign(count.add((weights ? ones.mul(flat(weights)) : ones).sum({ axis: 1 })));
    };
    add("truePositives", said.logicalAnd(is));
    add("falsePositives", said.logicalAnd(is.logicalNot()));
    add("falseNegatives", said.logicalNot().logicalAnd(is));
    add("trueNegatives", said.logicalNot().logicalAnd(is.logicalNot()));
  }

  /** A result for each threshold; a number where there is one. */
  protected each(values: Tensor): Tensor {
    return this.thresholds.length === 1 ? values.reshape([]) : values;
  }

  override getConfig(): Config {
    const { topK = null, classId = null } = this.options;
    return { ...super.getConfig(), thresholds: this.options.thresholds ?? null, topK, classId };
  }
}

const share = (a: Tensor, of: Tensor): Tensor => a.div(of.maximum(1e-12));
const listOf = (given: ThresholdOptions["thresholds"], topK: number | null | undefined): readonly number[] =>
  given === null || given === undefined ? [topK ? Number.MIN_SAFE_INTEGER : 0.5] : typeof given === "number" ? [given] : given;

function countMetric(className: string, name: string, count: Count) {
  const made = class extends Confusion {
    static readonly className: string = className;
    constructor(options: ThresholdOptions = {}) {
      super(name, options, listOf(options.thresholds, options.topK), [count]);
    }
    static fromConfig(config: Config): Metric {
      return new this(config);
    }
    override result(): Tensor {
      return this.each(this.count(count).mul(1));
    }
  };
  metricRegistry.register(made, name);
  return made;
}

export const TruePositives = countMetric("TruePositives", "true_positives", "truePositives");
export const FalsePositives = countMetric("FalsePositives", "false_positives", "falsePositives");
export const TrueNegatives = countMetric("TrueNegatives", "true_negatives", "trueNegatives");
export const FalseNegatives = countMetric("FalseNegatives", "false_negatives", "falseNegatives");

/** Share of what was called positive that is. */
export class Precision extends Confusion {
  static readonly className = "Precision";
  constructor(options: ThresholdOptions = {}) {
    super("precision", options, listOf(options.thresholds, options.topK), ["truePositives", "falsePositives"]);
  }
  static fromConfig(config: Config): Metric {
    return new Precision(config);
  }
  override result(): Tensor {
    const hits = this.count("truePositives");
    return this.each(share(hits, hits.add(this.count("falsePositives"))));
  }
}

/** Share of the positives that were found. */
export class Recall extends Confusion {
  static readonly className = "Recall";
  constructor(options: ThresholdOptions = {}) {
    super("recall", options, listOf(options.thresholds, options.topK), ["truePositives", "falseNegatives"]);
  }
  static fromConfig(config: Config): Metric {
    return new Recall(config);
  }
  override result(): Tensor {
    const hits = this.count("truePositives");
    return this.each(share(hits, hits.add(this.count("falseNegatives"))));
  }
}

export interface AUCOptions extends MetricOptions {
  readonly numThresholds?: number;
  /** Under the curve of true against false positives, or of precision against recall. */
  readonly curve?: "ROC" | "PR";
  readonly summationMethod?: "interpolation" | "minoring" | "majoring";
  /** Predictions are scores before a sigmoid. */
  readonly fromLogits?: boolean;
}

/** The area under a curve, from counts at evenly spaced thresholds. */
export class AUC extends Confusion {
  static readonly className = "AUC";
  private readonly settings: Required<Omit<AUCOptions, "name">>;
  constructor(options: AUCOptions = {}) {
    const { numThresholds = 200, curve = "ROC", summationMethod = "interpolation", fromLogits = false } = options;
    if (!Number.isInteger(numThresholds) || numThresholds < 2)
      throw new ArgumentError("AUC", `numThresholds is ${numThresholds}`, "Give an integer from 2 on");
    const inner = Array.from({ length: numThresholds - 2 }, (_, i) => (i + 1) / (numThresholds - 1));
    super("auc", options, [-1e-7, ...inner, 1 + 1e-7], ["truePositives", "falsePositives", "trueNegatives", "falseNegatives"]);
    this.settings = { numThresholds, curve, summationMethod, fromLogits };
  }
  static fromConfig(config: Config): Metric {
    return new AUC(config);
  }
  override update(yTrue: Tensor, yPred: Tensor, sampleWeight: Tensor | null = null): void {
    super.update(yTrue, this.settings.fromLogits ? yPred.sigmoid() : yPred, sampleWeight);
  }
  override result(): Tensor {
    const [tp, fp, tn, fn] = (["truePositives", "falsePositives", "trueNegatives", "falseNegatives"] as const).map((n) =>
      this.count(n),
    ) as [Tensor, Tensor, Tensor, Tensor];
    const { curve, summationMethod } = this.settings;
    const [before, after] = [(x: Tensor) => x.get(":-1"), (x: Tensor) => x.get("1:")];
    if (curve === "PR" && summationMethod === "interpolation") return interpolatedPR(tp, fp, fn);
    const recall = share(tp, tp.add(fn));
    const x = curve === "ROC" ? share(fp, fp.add(tn)) : recall;
    const y = curve === "ROC" ? recall : share(tp, tp.add(fp));
    const heights = {
      interpolation: before(y).add(after(y)).div(2),
      minoring: before(y).minimum(after(y)),
      majoring: before(y).maximum(after(y)),
    }[summationMethod];
    return before(x).sub(after(x)).mul(heights).sum();
  }
  override getConfig(): Config {
    return { name: this.name, ...this.settings };
  }
}

/** Between thresholds counts, not precision, change in a line (Davis & Goadrich 2006). */
function interpolatedPR(tp: Tensor, fp: Tensor, fn: Tensor): Tensor {
  const [before, after] = [(x: Tensor) => x.get(":-1"), (x: Tensor) => x.get("1:")];
  const found = before(tp).sub(after(tp));
  const positives = tp.add(fp);
  const slope = share(found, before(positives).sub(after(positives)).maximum(0));
  const intercept = after(tp).sub(slope.mul(after(positives)));
  const both = before(positives).greater(0).logicalAnd(after(positives).greater(0));
  const ratio = where(both, share(before(positives), after(positives)), 1);
  const increment = share(slope.mul(found.add(intercept.mul(ratio.log()))), after(tp).add(after(fn)).maximum(0));
  return increment.sum();
}

export interface FBetaOptions extends MetricOptions {
  /** Mean over classes ("macro", "weighted" by their size), or over all places together ("micro"); null: one a class. */
  readonly average?: "micro" | "macro" | "weighted" | null;
  readonly beta?: number;
  readonly threshold?: number | null;
  readonly numClasses: number;
}

/** (1 + beta²) · precision · recall / (beta² · precision + recall), for targets and predictions [batch, classes]. */
export class FBetaScore extends Metric {
  static readonly className: string = "FBetaScore";
  private readonly settings: Required<Omit<FBetaOptions, "name">>;
  private readonly hits: Variable;
  private readonly said: Variable;
  private readonly are: Variable;
  constructor(options: FBetaOptions, name = "fbeta_score") {
    super(name, options);
    const { average = null, beta = 1, threshold = null, numClasses } = options;
    if (!Number.isInteger(numClasses) || numClasses < 1)
      throw new ArgumentError("FBetaScore", `numClasses is ${numClasses}`, "Give the number of classes");
    this.settings = { average, beta, threshold, numClasses };
    const shape = average === "micro" ? [] : [numClasses];
    this.hits = this.addVariable("true_positives", shape);
    this.said = this.addVariable("predicted", shape);
    this.are = this.addVariable("actual", shape);
  }
  static fromConfig(config: Config): Metric {
    return new FBetaScore(config as unknown as FBetaOptions);
  }
  override update(yTrue: Tensor, yPred: Tensor, sampleWeight: Tensor | null = null): void {
    const { threshold, numClasses, average } = this.settings;
    const t = yTrue.astype("float32").reshape([-1, numClasses]);
    const p = yPred.astype("float32").reshape([-1, numClasses]);
    const said = threshold === null ? oneHot(p.argmax({ axis: -1 }), numClasses).astype("float32") : p.greater(threshold).astype("float32");
    const w = sampleWeight ? sampleWeight.astype("float32").reshape([-1, 1]) : null;
    const sum = (x: Tensor): Tensor => (w ? x.mul(w) : x).sum({ axis: average === "micro" ? null : 0 });
    this.hits.assign(this.hits.add(sum(said.mul(t))));
    this.said.assign(this.said.add(sum(said)));
    this.are.assign(this.are.add(sum(t)));
  }
  override result(): Tensor {
    const { average, beta } = this.settings;
    const square = beta * beta;
    const score = share(this.hits.mul(1 + square), this.said.add(this.are.mul(square)));
    if (average === null || average === "micro") return score;
    return average === "macro" ? score.mean() : share(score.mul(this.are).sum(), this.are.sum());
  }
  override getConfig(): Config {
    return { ...super.getConfig(), ...this.settings };
  }
}

/** The harmonic mean of precision and recall. */
export class F1Score extends FBetaScore {
  static override readonly className = "F1Score";
  constructor(options: Omit<FBetaOptions, "beta">) {
    super({ ...options, beta: 1 }, "f1_score");
  }
  static override fromConfig(config: Config): Metric {
    return new F1Score(config as unknown as FBetaOptions);
  }
}

/** The mean over classes of overlap / union, from class numbers [..] (or rows of scores with `sparseYPred: false`). */
export class MeanIoU extends Metric {
  static readonly className = "MeanIoU";
  private readonly numClasses: number;
  private readonly sparseYPred: boolean;
  private readonly matrix: Variable;
  constructor(options: MetricOptions & { readonly numClasses: number; readonly sparseYPred?: boolean }) {
    super("mean_io_u", options);
    this.numClasses = options.numClasses;
    this.sparseYPred = options.sparseYPred ?? true;
    this.matrix = this.addVariable("confusion", [options.numClasses, options.numClasses]);
  }
  static fromConfig(config: Config): Metric {
    return new MeanIoU(config as unknown as { numClasses: number });
  }
  override update(yTrue: Tensor, yPred: Tensor, sampleWeight: Tensor | null = null): void {
    const rows = (x: Tensor): Tensor => x.reshape([-1, 1]).astype("int32").equal(arange(this.numClasses)).astype("float32");
    const classes = this.sparseYPred ? yPred : yPred.argmax({ axis: -1 });
    const t = rows(yTrue);
    const weighted = sampleWeight ? t.mul(sampleWeight.astype("float32").reshape([-1, 1])) : t;
    this.matrix.assign(this.matrix.add(weighted.T.matmul(rows(classes))));
  }
  override result(): Tensor {
    const overlap = this.matrix.diagonal();
    const union = this.matrix
      .sum({ axis: 0 })
      .add(this.matrix.sum({ axis: 1 }))
      .sub(overlap);
    const valid = union.greater(0).astype("float32");
    return share(share(overlap, union).mul(valid).sum(), valid.sum());
  }
  override getConfig(): Config {
    return { ...super.getConfig(), numClasses: this.numClasses, sparseYPred: this.sparseYPred };
  }
}

/** Whether the right class is among the k largest predictions: ties count for it, as in Keras. */
const amongTop = (classes: Tensor, p: Tensor, k: number): Tensor => {
  const right = p.takeAlongAxis(classes.expandDims({ axis: -1 }), { axis: -1 });
  return p.greater(right).astype("int32").sum({ axis: -1 }).less(k).astype("float32");
};

export interface TopKOptions extends MetricOptions {
  readonly k?: number;
}

/** Share of examples whose class (one-hot) is among the k largest predictions. */
export class TopKCategoricalAccuracy extends MeanMetric {
  static override readonly className = "TopKCategoricalAccuracy";
  private readonly k: number;
  constructor(options: TopKOptions = {}) {
    const { k = 5 } = options;
    super((t, p) => amongTop(t.argmax({ axis: -1 }), p, k), "top_k_categorical_accuracy", options);
    this.k = k;
  }
  static override fromConfig(config: Config): Metric {
    return new TopKCategoricalAccuracy(config);
  }
  override getConfig(): Config {
    return { ...super.getConfig(), k: this.k };
  }
}

/** The same for class numbers. */
export class SparseTopKCategoricalAccuracy extends MeanMetric {
  static override readonly className = "SparseTopKCategoricalAccuracy";
  private readonly k: number;
  constructor(options: TopKOptions = {}) {
    const { k = 5 } = options;
    super((t, p) => amongTop(classNumbers(t, p), p, k), "sparse_top_k_categorical_accuracy", options);
    this.k = k;
  }
  static override fromConfig(config: Config): Metric {
    return new SparseTopKCategoricalAccuracy(config);
  }
  override getConfig(): Config {
    return { ...super.getConfig(), k: this.k };
  }
}

metricRegistry.register(Precision, "precision");
metricRegistry.register(Recall, "recall");
metricRegistry.register(AUC, "auc");
metricRegistry.register(FBetaScore);
metricRegistry.register(F1Score);
metricRegistry.register(MeanIoU);
metricRegistry.register(TopKCategoricalAccuracy, "top_k_categorical_accuracy");
metricRegistry.register(SparseTopKCategoricalAccuracy, "sparse_top_k_categorical_accuracy");
