import { ArgumentError, oneHot, type Shape, sigmoid, type Tensor, tensor, topK, type Variable, where } from "@gradus/tensor";
import { alignWeights, divideNoNaN } from "../losses/loss.ts";
import { epsilon, matchShapes } from "../losses/shapes.ts";
import type { Config } from "../serialize.ts";
import { Metric, type MetricOptions, metricRegistry } from "./metric.ts";

/** Weights of true positives, false positives, true negatives and false negatives. */
export interface Counts<T> {
  readonly truePositives: T;
  readonly falsePositives: T;
  readonly trueNegatives: T;
  readonly falseNegatives: T;
}
const countNames = ["truePositives", "falsePositives", "trueNegatives", "falseNegatives"] as const;
const snakeNames = ["true_positives", "false_positives", "true_negatives", "false_negatives"] as const;

export interface ThresholdOptions extends MetricOptions {
  /** Predictions above count as positive: one number in [0, 1], or several for as many results. Default 0.5. */
  readonly thresholds?: number | readonly number[] | null;
}

function thresholdList(name: string, given: number | readonly number[] | null | undefined, otherwise: number): readonly number[] {
  const list = given === null || given === undefined ? [otherwise] : typeof given === "number" ? [given] : given;
  if (given !== null && given !== undefined && (!list.length || list.some((x) => !(x >= 0 && x <= 1))))
    throw new ArgumentError(name, `thresholds are ${JSON.stringify(given)}`, "Give numbers from 0 to 1");
  return list;
}

/**
 * Counts at every threshold, [thresholds] for targets and predictions of any equal shape; by label, [thresholds, labels],
 * for two dimensions if `byLabel`. Targets other than 0 are positive.
 */
function countsAt(
  thresholds: readonly number[],
  target: Tensor,
  prediction: Tensor,
  weights: Tensor | null,
  byLabel = false,
): Counts<Tensor> {
  const shape = byLabel ? [1, -1, target.shape.at(-1)!] : [1, -1];
  const one = tensor(1, { dtype: "float32" });
  const weight = (weights ? alignWeights(weights, target) : one).broadcastTo([...target.shape]).reshape(shape);
  const limits = tensor([...thresholds], { dtype: "float32" }).reshape([-1, ...shape.slice(1).map(() => 1)]);
  const above = prediction.astype("float32").reshape(shape).greater(limits);
  const positive = target.notEqual(0).reshape(shape);
  const total = (chosen: Tensor): Tensor => where(chosen, weight, 0).sum({ axis: 1 });
  return {
    truePositives: total(above.logicalAnd(positive)),
    falsePositives: total(above.logicalAnd(positive.logicalNot())),
    trueNegatives: total(above.logicalOr(positive).logicalNot()),
    falseNegatives: total(positive.logicalAnd(above.logicalNot())),
  };
}

/** Metrics made of counts at thresholds. */
abstract class CountingMetric extends Metric {
  protected readonly thresholds: readonly number[];
  private readonly kept: readonly (typeof countNames)[number][];
  private state: readonly Variable[] = [];

  /** Keeps the counts named in `kept`. */
  constructor(
    name: string,
    thresholds: readonly number[],
    kept: readonly (typeof countNames)[number][],
    options: MetricOptions,
    settings: Config,
  ) {
    super(name, options, settings);
    this.thresholds = thresholds;
    this.kept = kept;
  }

  protected override build(_yTrue: Shape, _yPred: Shape): void {
    this.makeState([this.thresholds.length]);
  }
  protected makeState(shape: Shape): void {
    this.state = this.kept.map((name) => this.addVariable(snakeNames[countNames.indexOf(name)]!, shape));
  }

  protected take(counts: Counts<Tensor>): void {
    this.kept.forEach((name, i) => this.state[i]!.assign(this.state[i]!.add(counts[name])));
  }

  protected override update(yTrue: Tensor, yPred: Tensor, weights: Tensor | null): void {
    this.take(countsAt(this.thresholds, ...matchShapes(this.name, yTrue, yPred), weights));
  }

  /** Counts so far, [thresholds]; zeros before the first batch. */
  protected get counts(): Counts<Tensor> {
    this.ensureBuilt([], []);
    return Object.fromEntries(this.kept.map((name, i) => [name, this.state[i]!])) as unknown as Counts<Tensor>;
  }

  /** One number where there is one threshold. */
  protected single(x: Tensor): Tensor {
    return this.thresholds.length === 1 ? x.reshape([]) : x;
  }
}

/** One of the four counts. */
abstract class CountMetric extends CountingMetric {
  private readonly which: (typeof countNames)[number];
  constructor(which: (typeof countNames)[number], name: string, { thresholds = null, ...options }: ThresholdOptions) {
    super(name, thresholdList(name, thresholds, 0.5), [which], options, { thresholds });
    this.which = which;
  }
  override result(): Tensor {
    return this.single(this.counts[this.which].mul(1));
  }
}

/**
 * Weight of places that are positive and predicted so.
 * @example
 * const metric = new metrics.TruePositives();
 * metric.updateState([1, 0, 1, 0], [0.9, 0.2, 0.4, 0.6]);
 * metric.result()
 */
export class TruePositives extends CountMetric {
  static override readonly className = "TruePositives";
  constructor(options: ThresholdOptions = {}) {
    super("truePositives", "true_positives", options);
  }
}
/**
 * Weight of places that are negative but predicted positive.
 * @example
 * const metric = new metrics.FalsePositives();
 * metric.updateState([1, 0, 1, 0], [0.9, 0.2, 0.4, 0.6]);
 * metric.result()
 */
export class FalsePositives extends CountMetric {
  static override readonly className = "FalsePositives";
  constructor(options: ThresholdOptions = {}) {
    super("falsePositives", "false_positives", options);
  }
}
/**
 * Weight of places that are negative and predicted so.
 * @example
 * const metric = new metrics.TrueNegatives();
 * metric.updateState([1, 0, 1, 0], [0.9, 0.2, 0.4, 0.6]);
 * metric.result()
 */
export class TrueNegatives extends CountMetric {
  static override readonly className = "TrueNegatives";
  constructor(options: ThresholdOptions = {}) {
    super("trueNegatives", "true_negatives", options);
  }
}
/**
 * Weight of places that are positive but predicted negative.
 * @example
 * const metric = new metrics.FalseNegatives();
 * metric.updateState([1, 0, 1, 0], [0.9, 0.2, 0.4, 0.6]);
 * metric.result()
 */
export class FalseNegatives extends CountMetric {
  static override readonly className = "FalseNegatives";
  constructor(options: ThresholdOptions = {}) {
    super("falseNegatives", "false_negatives", options);
  }
}

export interface PrecisionOptions extends ThresholdOptions {
  /** Only an example's k largest predictions can be positive; without thresholds they all are. */
  readonly topK?: number | null;
  /** Only this class (on the last axis) counts. */
  readonly classId?: number | null;
}

const lowest = -1e10;

/** Precision and recall: with top k, and of one class. */
abstract class SelectiveMetric extends CountingMetric {
  private readonly selection: { readonly topK: number | null; readonly classId: number | null };
  constructor(name: string, missed: "falsePositives" | "falseNegatives", given: PrecisionOptions) {
    const { thresholds = null, topK = null, classId = null, ...options } = given;
    const limits = thresholdList(name, thresholds, topK === null ? 0.5 : lowest);
    super(name, limits, ["truePositives", missed], options, { thresholds, topK, classId });
    this.selection = { topK, classId };
  }
  protected override update(yTrue: Tensor, yPred: Tensor, weights: Tensor | null): void {
    let [target, prediction] = matchShapes(this.name, yTrue, yPred);
    const { topK: k, classId } = this.selection;
    const classes = prediction.shape.at(-1)!;
    if (k !== null) {
      const { indices } = topK(prediction, k);
      const among = oneHot(indices, classes).sum({ axis: -2 }).greater(0);
      prediction = where(among, prediction, lowest);
    }
    if (classId !== null) [target, prediction] = [ofClass(this.name, target, classId), ofClass(this.name, prediction, classId)];
    this.take(countsAt(this.thresholds, target, prediction, weights));
  }
}

function ofClass(name: string, x: Tensor, classId: number): Tensor {
  const classes = x.shape.at(-1)!;
  if (!(Number.isInteger(classId) && classId >= 0 && classId < classes))
    throw new ArgumentError(name, `classId is ${classId}, there are ${classes} classes`, `Give an integer from 0 to ${classes - 1}`);
  return x.get("...", classId);
}

/**
 * Share of the positive predictions that are right; 0 without any.
 * @example
 * const metric = new metrics.Precision();
 * metric.updateState([1, 0, 1, 0], [0.9, 0.2, 0.4, 0.6]);
 * metric.result()
 */
export class Precision extends SelectiveMetric {
  static override readonly className = "Precision";
  constructor(options: PrecisionOptions = {}) {
    super("precision", "falsePositives", options);
  }
  override result(): Tensor {
    const { truePositives, falsePositives } = this.counts;
    return this.single(divideNoNaN(truePositives, truePositives.add(falsePositives)));
  }
}

/**
 * Share of the positive places that are predicted so; 0 without any.
 * @example
 * const metric = new metrics.Recall();
 * metric.updateState([1, 0, 1, 0], [0.9, 0.2, 0.4, 0.6]);
 * metric.result()
 */
export class Recall extends SelectiveMetric {
  static override readonly className = "Recall";
  constructor(options: PrecisionOptions = {}) {
    super("recall", "falseNegatives", options);
  }
  override result(): Tensor {
    const { truePositives, falseNegatives } = this.counts;
    return this.single(divideNoNaN(truePositives, truePositives.add(falseNegatives)));
  }
}

/** `count` thresholds from 0 to 1 in even steps; 0.5 if it is one. */
function evenThresholds(name: string, count: number): readonly number[] {
  if (!(Number.isInteger(count) && count > 0)) throw new ArgumentError(name, `numThresholds is ${count}`, "Give a positive integer");
  return count === 1 ? [0.5] : Array.from({ length: count }, (_, i) => i / (count - 1));
}

export interface ConstraintOptions extends MetricOptions {
  readonly numThresholds?: number;
  readonly classId?: number | null;
}

/** The best value of one quantity over the thresholds at which another is large enough. */
abstract class ConstrainedMetric extends CountingMetric {
  private readonly least: number;
  private readonly classId: number | null;
  constructor(name: string, setting: string, given: ConstraintOptions & Config) {
    const { numThresholds = 200, classId = null, ...options } = given;
    const least = given[setting] as number;
    if (!(least >= 0 && least <= 1)) throw new ArgumentError(name, `${setting} is ${least}`, "Give a number from 0 to 1");
    super(name, evenThresholds(name, numThresholds), countNames, options, { [setting]: least, numThresholds, classId });
    this.least = least;
    this.classId = classId;
  }
  protected override update(yTrue: Tensor, yPred: Tensor, weights: Tensor | null): void {
    const matched = matchShapes(this.name, yTrue, yPred);
    const { classId } = this;
    const [target, prediction] = classId === null ? matched : (matched.map((x) => ofClass(this.name, x, classId)) as [Tensor, Tensor]);
    this.take(countsAt(this.thresholds, target, prediction, weights));
  }
  /** What must be at least the given number, and what is then made as large as can be. */
  protected abstract quantities(counts: Counts<Tensor>): { readonly bound: Tensor; readonly wanted: Tensor };
  override result(): Tensor {
    const { bound, wanted } = this.quantities(this.counts);
    return where(bound.greaterEqual(this.least), wanted, 0).max();
  }
}

const share = (part: Tensor, other: Tensor): Tensor => divideNoNaN(part, part.add(other));
const sensitivity = (c: Counts<Tensor>): Tensor => share(c.truePositives, c.falseNegatives);
const specificity = (c: Counts<Tensor>): Tensor => share(c.trueNegatives, c.falsePositives);
const precision = (c: Counts<Tensor>): Tensor => share(c.truePositives, c.falsePositives);

const named = <N extends string>(name: N, given: number | (ConstraintOptions & Record<N, number>)): ConstraintOptions & Config =>
  (typeof given === "number" ? { [name]: given } : given) as ConstraintOptions & Config;

/**
 * The best sensitivity (recall) where the specificity is at least the given one.
 * @example
 * const metric = new metrics.SensitivityAtSpecificity(0.5);
 * metric.updateState([1, 0, 1, 0], [0.9, 0.2, 0.4, 0.6]);
 * metric.result()
 */
export class SensitivityAtSpecificity extends ConstrainedMetric {
  static override readonly className = "SensitivityAtSpecificity";
  constructor(given: number | (ConstraintOptions & { readonly specificity: number })) {
    super("sensitivity_at_specificity", "specificity", named("specificity", given));
  }
  protected override quantities(counts: Counts<Tensor>) {
    return { bound: specificity(counts), wanted: sensitivity(counts) };
  }
}
/**
 * The best specificity where the sensitivity (recall) is at least the given one.
 * @example
 * const metric = new metrics.SpecificityAtSensitivity(0.5);
 * metric.updateState([1, 0, 1, 0], [0.9, 0.2, 0.4, 0.6]);
 * metric.result()
 */
export class SpecificityAtSensitivity extends ConstrainedMetric {
  static override readonly className = "SpecificityAtSensitivity";
  constructor(given: number | (ConstraintOptions & { readonly sensitivity: number })) {
    super("specificity_at_sensitivity", "sensitivity", named("sensitivity", given));
  }
  protected override quantities(counts: Counts<Tensor>) {
    return { bound: sensitivity(counts), wanted: specificity(counts) };
  }
}
/**
 * The best precision where the recall is at least the given one.
 * @example
 * const metric = new metrics.PrecisionAtRecall(0.5);
 * metric.updateState([1, 0, 1, 0], [0.9, 0.2, 0.4, 0.6]);
 * metric.result()
 */
export class PrecisionAtRecall extends ConstrainedMetric {
  static override readonly className = "PrecisionAtRecall";
  constructor(given: number | (ConstraintOptions & { readonly recall: number })) {
    super("precision_at_recall", "recall", named("recall", given));
  }
  protected override quantities(counts: Counts<Tensor>) {
    return { bound: sensitivity(counts), wanted: precision(counts) };
  }
}
/**
 * The best recall where the precision is at least the given one.
 * @example
 * const metric = new metrics.RecallAtPrecision(0.5);
 * metric.updateState([1, 0, 1, 0], [0.9, 0.2, 0.4, 0.6]);
 * metric.result()
 */
export class RecallAtPrecision extends ConstrainedMetric {
  static override readonly className = "RecallAtPrecision";
  constructor(given: number | (ConstraintOptions & { readonly precision: number })) {
    super("recall_at_precision", "precision", named("precision", given));
  }
  protected override quantities(counts: Counts<Tensor>) {
    return { bound: precision(counts), wanted: sensitivity(counts) };
  }
}

export interface AUCOptions extends MetricOptions {
  /** How finely the curve is sampled; default 200. */
  readonly numThresholds?: number;
  /** Thresholds of one's own, between 0 and 1, instead. */
  readonly thresholds?: readonly number[] | null;
  /** "ROC" (default): true over false positive rate; "PR": precision over recall. */
  readonly curve?: "ROC" | "PR";
  /** Between thresholds: "interpolation" (default), or the smaller ("minoring") or larger ("majoring") of both ends. */
  readonly summationMethod?: "interpolation" | "minoring" | "majoring";
  /** Each column of [batch, labels] on its own, then the mean. */
  readonly multiLabel?: boolean;
  readonly numLabels?: number | null;
  readonly labelWeights?: readonly number[] | null;
  readonly fromLogits?: boolean;
}

/**
 * The area under a curve of counts over thresholds; between thresholds of a PR curve as in Davis & Goadrich (2006), section 4.
 * @example
 * const metric = new metrics.AUC();
 * metric.updateState([1, 0, 1, 0], [0.9, 0.2, 0.4, 0.6]);
 * metric.result()
 */
export class AUC extends CountingMetric {
  static override readonly className = "AUC";
  private readonly choices: Required<Pick<AUCOptions, "curve" | "summationMethod" | "multiLabel" | "labelWeights" | "fromLogits">>;

  constructor({
    numThresholds = 200,
    thresholds = null,
    curve = "ROC",
    summationMethod = "interpolation",
    multiLabel = false,
    numLabels = null,
    labelWeights = null,
    fromLogits = false,
    ...options
  }: AUCOptions = {}) {
    const oneOf = (what: string, given: string, known: readonly string[]): void => {
      if (!known.includes(given)) throw new ArgumentError("AUC", `${what} is ${JSON.stringify(given)}`, `Use one of ${known.join(", ")}`);
    };
    oneOf("curve", curve, ["ROC", "PR"]);
    oneOf("summationMethod", summationMethod, ["interpolation", "minoring", "majoring"]);
    if (!(Number.isInteger(numThresholds) && numThresholds > 1))
      throw new ArgumentError("AUC", `numThresholds is ${numThresholds}`, "Give an integer from 2 on");
    const between = thresholds ? [...thresholds].sort((a, b) => a - b) : evenThresholds("AUC", numThresholds).slice(1, -1);
    const choices = { curve, summationMethod, multiLabel, labelWeights, fromLogits };
    super("auc", [-epsilon, ...between, 1 + epsilon], countNames, options, { ...choices, numThresholds, thresholds, numLabels });
    this.choices = choices;
    if (numLabels) {
      if (!multiLabel) throw new ArgumentError("AUC", "numLabels was given without multiLabel", "Set multiLabel: true");
      this.ensureBuilt([1, numLabels], [1, numLabels]);
    }
  }

  protected override build(_: Shape, yPred: Shape): void {
    this.makeState(this.choices.multiLabel && yPred.length ? [this.thresholds.length, yPred.at(-1)!] : [this.thresholds.length]);
  }

  protected override update(yTrue: Tensor, yPred: Tensor, weights: Tensor | null): void {
    const { fromLogits, multiLabel, labelWeights } = this.choices;
    const [target, given] = matchShapes(this.name, yTrue, yPred);
    if (multiLabel && target.ndim !== 2)
      throw new ArgumentError("AUC", `predictions have ${target.ndim} dimensions`, "With multiLabel they must be [batch, labels]");
    const prediction = fromLogits ? sigmoid(given) : given;
    let weight = weights;
    if (labelWeights && !multiLabel) {
      const labels = tensor([...labelWeights], { dtype: "float32" }).broadcastTo([...target.shape]);
      weight = weights ? labels.mul(alignWeights(weights, target)) : labels;
    }
    this.take(countsAt(this.thresholds, target, prediction, weight, multiLabel));
  }

  override result(): Tensor {
    const { curve, summationMethod, multiLabel, labelWeights } = this.choices;
    const areas = (curve === "PR" && summationMethod === "interpolation" ? this.interpolatedPrecision() : this.rectangles()).sum({
      axis: 0,
    });
    if (!multiLabel) return areas;
    if (!labelWeights) return areas.mean();
    const weights = tensor([...labelWeights], { dtype: "float32" });
    return divideNoNaN(areas.mul(weights).sum(), weights.sum());
  }

  private rectangles(): Tensor {
    const { counts } = this;
    const [x, y] =
      this.choices.curve === "ROC"
        ? [share(counts.falsePositives, counts.trueNegatives), sensitivity(counts)]
        : [sensitivity(counts), precision(counts)];
    const [before, after] = [y.get(":-1"), y.get("1:")];
    const heights = {
      interpolation: () => before.add(after).div(2),
      minoring: () => before.minimum(after),
      majoring: () => before.maximum(after),
    }[this.choices.summationMethod]();
    return x.get(":-1").sub(x.get("1:")).mul(heights);
  }

  /** True positives and positive predictions P vary linearly between thresholds: ∫ precision = slope · (ΔTP + intercept · log(P_A / P_B)). */
  private interpolatedPrecision(): Tensor {
    const { truePositives, falsePositives, falseNegatives } = this.counts;
    const positives = truePositives.add(falsePositives);
    const [pBefore, pAfter] = [positives.get(":-1"), positives.get("1:")];
    const tpAfter = truePositives.get("1:");
    const gained = truePositives.get(":-1").sub(tpAfter);
    const slope = divideNoNaN(gained, pBefore.sub(pAfter).maximum(0));
    const intercept = tpAfter.sub(slope.mul(pAfter));
    const ratio = where(pBefore.greater(0).logicalAnd(pAfter.greater(0)), divideNoNaN(pBefore, pAfter), 1);
    const all = tpAfter.add(falseNegatives.get("1:"));
    return divideNoNaN(slope.mul(gained.add(intercept.mul(ratio.log()))), all);
  }
}

metricRegistry.register(TruePositives, "true_positives");
metricRegistry.register(FalsePositives, "false_positives");
metricRegistry.register(TrueNegatives, "true_negatives");
metricRegistry.register(FalseNegatives, "false_negatives");
metricRegistry.register(Precision, "precision");
metricRegistry.register(Recall, "recall");
metricRegistry.register(SensitivityAtSpecificity);
metricRegistry.register(SpecificityAtSensitivity);
metricRegistry.register(PrecisionAtRecall);
metricRegistry.register(RecallAtPrecision);
metricRegistry.register(AUC, "auc");
