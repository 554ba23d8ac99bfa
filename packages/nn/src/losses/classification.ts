import { ArgumentError, ShapeError, sigmoid, sigmoidCrossEntropy, softmax, softmaxCrossEntropy, type Tensor, where } from "@gradus/tensor";
import type { Config } from "../serialize.ts";
import { Loss, type LossOptions, lossRegistry } from "./loss.ts";
import { epsilon, plainLoss } from "./regression.ts";
import { matchShapes } from "./shapes.ts";

export interface CrossentropyOptions extends LossOptions {
  /** Predictions are scores before softmax or sigmoid: more exact, and what training should use. */
  readonly fromLogits?: boolean;
  /** Share of each target spread evenly over all classes (Szegedy et al. 2016). */
  readonly labelSmoothing?: number;
  /** The axis of classes; default the last. */
  readonly axis?: number;
}

/** Probabilities kept away from 0 and 1, so that logarithms stay finite, as in Keras. */
const inside = (p: Tensor): Tensor => p.clip(epsilon, 1 - epsilon);

/** -t·log p - (1 - t)·log(1 - p), mean over the last axis: [batch, ..., n] → [batch, ...]. */
export function binaryCrossentropy(
  yTrue: Tensor,
  yPred: Tensor,
  { fromLogits = false, labelSmoothing = 0 }: CrossentropyOptions = {},
): Tensor {
  const [t, p] = matchShapes("binary_crossentropy", yTrue, yPred);
  const target = labelSmoothing ? t.mul(1 - labelSmoothing).add(0.5 * labelSmoothing) : t;
  return binaryTerms(target, p, fromLogits).mean({ axis: -1 });
}

function binaryTerms(target: Tensor, p: Tensor, fromLogits: boolean): Tensor {
  if (fromLogits) return sigmoidCrossEntropy(p, target, { reduction: "none" });
  const q = inside(p);
  return target
    .mul(q.log())
    .add(target.neg().add(1).mul(q.neg().add(1).log()))
    .neg();
}

/** -Σ t·log p over classes, targets one-hot or probabilities: [batch, ..., classes] → [batch, ...]. */
export function categoricalCrossentropy(yTrue: Tensor, yPred: Tensor, options: CrossentropyOptions = {}): Tensor {
  const { fromLogits = false, labelSmoothing = 0, axis = -1 } = options;
  sameClasses("categorical_crossentropy", yTrue, yPred);
  const t = yTrue.astype(yPred.dtype);
  const n = t.shape.at(axis)!;
  const target = labelSmoothing ? t.mul(1 - labelSmoothing).add(labelSmoothing / n) : t;
  if (fromLogits) return softmaxCrossEntropy(yPred, target, { axis, reduction: "none" });
  return target.mul(logProbabilities(yPred, axis)).sum({ axis }).neg();
}

/** log of predictions that are made to sum to one. */
const logProbabilities = (p: Tensor, axis: number): Tensor => inside(p.div(p.sum({ axis, keepdims: true }))).log();

function sameClasses(name: string, yTrue: Tensor, yPred: Tensor): void {
  if (yTrue.shape.join() !== yPred.shape.join())
    throw new ShapeError(
      name,
      `targets have shape [${yTrue.shape.join(", ")}], predictions [${yPred.shape.join(", ")}]`,
      "Targets are one-hot rows here; for class numbers use sparse_categorical_crossentropy",
    );
}

export interface SparseOptions extends CrossentropyOptions {
  /** Places with this class do not count. */
  readonly ignoreClass?: number | null;
}

/** -log p of the class the target numbers: targets [batch, ...] (or with a last axis of 1), predictions [batch, ..., classes]. */
export function sparseCategoricalCrossentropy(yTrue: Tensor, yPred: Tensor, options: SparseOptions = {}): Tensor {
  const { fromLogits = false, axis = -1, ignoreClass = null } = options;
  const expected = yPred.shape.filter((_, i) => i !== (axis < 0 ? yPred.ndim + axis : axis));
  const flat = yTrue.ndim === yPred.ndim && yTrue.shape.at(-1) === 1 ? yTrue.squeeze({ axis: -1 }) : yTrue;
  if (flat.shape.join() !== expected.join())
    throw new ShapeError(
      "sparse_categorical_crossentropy",
      `targets have shape [${yTrue.shape.join(", ")}], predictions [${yPred.shape.join(", ")}]`,
      `Targets are class numbers of shape [${expected.join(", ")}]`,
    );
  const classes = flat.astype("int32");
  const counted = ignoreClass === null ? null : classes.notEqual(ignoreClass);
  const known = counted ? where(counted, classes, 0) : classes;
  // Logarithms of probabilities are logits too: their softmax gives the probabilities back.
  const logits = fromLogits ? yPred : logProbabilities(yPred, axis);
  const losses = softmaxCrossEntropy(logits, known, { axis, reduction: "none" });
  return counted ? where(counted, losses, 0) : losses;
}

abstract class Crossentropy extends Loss {
  protected readonly options: Required<Pick<CrossentropyOptions, "fromLogits" | "labelSmoothing" | "axis">>;
  constructor(name: string, options: CrossentropyOptions) {
    super(name, options);
    const { fromLogits = false, labelSmoothing = 0, axis = -1 } = options;
    if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
      throw new ArgumentError(name, `labelSmoothing is ${labelSmoothing}`, "Give a number from 0 to 1");
    this.options = { fromLogits, labelSmoothing, axis };
  }
  override getConfig(): Config {
    return { ...super.getConfig(), ...this.options };
  }
}

export class BinaryCrossentropy extends Crossentropy {
  static readonly className = "BinaryCrossentropy";
  constructor(options: CrossentropyOptions = {}) {
    super("binary_crossentropy", options);
  }
  static fromConfig(config: Config): Loss {
    return new BinaryCrossentropy(config);
  }
  override values(yTrue: Tensor, yPred: Tensor): Tensor {
    return binaryCrossentropy(yTrue, yPred, this.options);
  }
}

export class CategoricalCrossentropy extends Crossentropy {
  static readonly className = "CategoricalCrossentropy";
  constructor(options: CrossentropyOptions = {}) {
    super("categorical_crossentropy", options);
  }
  static fromConfig(config: Config): Loss {
    return new CategoricalCrossentropy(config);
  }
  override values(yTrue: Tensor, yPred: Tensor): Tensor {
    return categoricalCrossentropy(yTrue, yPred, this.options);
  }
}

export class SparseCategoricalCrossentropy extends Loss {
  static readonly className = "SparseCategoricalCrossentropy";
  private readonly options: SparseOptions;
  constructor(options: SparseOptions = {}) {
    super("sparse_categorical_crossentropy", options);
    const { fromLogits = false, ignoreClass = null, axis = -1 } = options;
    this.options = { fromLogits, ignoreClass, axis };
  }
  static fromConfig(config: Config): Loss {
    return new SparseCategoricalCrossentropy(config);
  }
  override values(yTrue: Tensor, yPred: Tensor): Tensor {
    return sparseCategoricalCrossentropy(yTrue, yPred, this.options);
  }
  override getConfig(): Config {
    return { ...super.getConfig(), ...this.options };
  }
}

export interface FocalOptions extends CrossentropyOptions {
  /** Weight of the positive class. Default 0.25. */
  readonly alpha?: number;
  /** How much easy examples are played down. Default 2. */
  readonly gamma?: number;
}

/** Cross-entropy times (1 - p of the right class)^gamma: easy examples count less (Lin et al. 2017). */
export class BinaryFocalCrossentropy extends Crossentropy {
  static readonly className = "BinaryFocalCrossentropy";
  private readonly focal: { readonly applyClassBalancing: boolean; readonly alpha: number; readonly gamma: number };
  constructor(options: FocalOptions & { readonly applyClassBalancing?: boolean } = {}) {
    super("binary_focal_crossentropy", options);
    const { applyClassBalancing = false, alpha = 0.25, gamma = 2 } = options;
    this.focal = { applyClassBalancing, alpha, gamma };
  }
  static fromConfig(config: Config): Loss {
    return new BinaryFocalCrossentropy(config);
  }
  override values(yTrue: Tensor, yPred: Tensor): Tensor {
    const { applyClassBalancing, alpha, gamma } = this.focal;
    const { fromLogits, labelSmoothing } = this.options;
    const [t, x] = matchShapes(this.name, yTrue, yPred);
    const target = labelSmoothing ? t.mul(1 - labelSmoothing).add(0.5 * labelSmoothing) : t;
    const p = fromLogits ? sigmoid(x) : inside(x);
    const other = target.neg().add(1);
    const right = target.mul(p).add(other.mul(p.neg().add(1)));
    let loss = right
      .neg()
      .add(1)
      .pow(gamma)
      .mul(binaryTerms(target, x, fromLogits));
    if (applyClassBalancing) loss = loss.mul(target.mul(alpha).add(other.mul(1 - alpha)));
    return loss.mean({ axis: -1 });
  }
  override getConfig(): Config {
    return { ...super.getConfig(), ...this.focal };
  }
}

/** -Σ alpha · (1 - p)^gamma · t · log p over classes (Lin et al. 2017). */
export class CategoricalFocalCrossentropy extends Crossentropy {
  static readonly className = "CategoricalFocalCrossentropy";
  private readonly focal: { readonly alpha: number; readonly gamma: number };
  constructor(options: FocalOptions = {}) {
    super("categorical_focal_crossentropy", options);
    const { alpha = 0.25, gamma = 2 } = options;
    this.focal = { alpha, gamma };
  }
  static fromConfig(config: Config): Loss {
    return new CategoricalFocalCrossentropy(config);
  }
  override values(yTrue: Tensor, yPred: Tensor): Tensor {
    const { alpha, gamma } = this.focal;
    const { fromLogits, labelSmoothing, axis } = this.options;
    sameClasses(this.name, yTrue, yPred);
    const t = yTrue.astype(yPred.dtype);
    const target = labelSmoothing ? t.mul(1 - labelSmoothing).add(labelSmoothing / t.shape.at(axis)!) : t;
    const p = inside(fromLogits ? softmax(yPred, { axis }) : yPred.div(yPred.sum({ axis, keepdims: true })));
    return p.neg().add(1).pow(gamma).mul(target).mul(p.log()).sum({ axis }).mul(-alpha);
  }
  override getConfig(): Config {
    return { ...super.getConfig(), ...this.focal };
  }
}

/** Σ t·log(t / p) over the last axis. */
export function klDivergence(yTrue: Tensor, yPred: Tensor): Tensor {
  const [t, p] = matchShapes("kl_divergence", yTrue, yPred);
  const [a, b] = [t.clip(epsilon, 1), p.clip(epsilon, 1)];
  return a.mul(a.div(b).log()).sum({ axis: -1 });
}

/** Targets of hinge losses are -1 and 1; 0 and 1 are taken as that. */
function signs(t: Tensor): Tensor {
  const binary = t.equal(0).logicalOr(t.equal(1)).all();
  return where(binary, t.mul(2).sub(1), t);
}
const margin = (name: string, yTrue: Tensor, yPred: Tensor): Tensor => {
  const [t, p] = matchShapes(name, yTrue, yPred);
  return signs(t).mul(p).neg().add(1).maximum(0);
};

/** max(1 - t·p, 0), mean over the last axis; targets -1 and 1 (or 0 and 1). */
export const hinge = (yTrue: Tensor, yPred: Tensor): Tensor => margin("hinge", yTrue, yPred).mean({ axis: -1 });
/** The square of the hinge. */
export const squaredHinge = (yTrue: Tensor, yPred: Tensor): Tensor => margin("squared_hinge", yTrue, yPred).square().mean({ axis: -1 });
/** max(largest wrong prediction - right prediction + 1, 0), targets one-hot. */
export function categoricalHinge(yTrue: Tensor, yPred: Tensor): Tensor {
  const [t, p] = matchShapes("categorical_hinge", yTrue, yPred);
  const right = t.mul(p).sum({ axis: -1 });
  const wrong = t.neg().add(1).mul(p).max({ axis: -1 });
  return wrong.sub(right).add(1).maximum(0);
}

export const KLDivergence = plainLoss("KLDivergence", "kl_divergence", klDivergence);
export const Hinge = plainLoss("Hinge", "hinge", hinge);
export const SquaredHinge = plainLoss("SquaredHinge", "squared_hinge", squaredHinge);
export const CategoricalHinge = plainLoss("CategoricalHinge", "categorical_hinge", categoricalHinge);

export interface OverlapOptions extends LossOptions {
  /** Axes summed over; all of them when left out. */
  readonly axis?: number | readonly number[] | null;
}

/** 1 - 2·overlap / (sum of both): for segmentation (Milletari et al. 2016). */
export class Dice extends Loss {
  static readonly className: string = "Dice";
  protected readonly axis: number | readonly number[] | null;
  constructor(options: OverlapOptions = {}, name = "dice") {
    super(name, options);
    this.axis = options.axis ?? null;
  }
  static fromConfig(config: Config): Loss {
    return new Dice(config);
  }
  override values(yTrue: Tensor, yPred: Tensor): Tensor {
    const [t, p] = matchShapes(this.name, yTrue, yPred);
    const axis = this.axis;
    const sum = (x: Tensor): Tensor => x.sum({ axis });
    return sum(t.mul(p))
      .mul(2)
      .div(sum(t).add(sum(p)).add(epsilon))
      .neg()
      .add(1);
  }
  override getConfig(): Config {
    return { ...super.getConfig(), axis: this.axis };
  }
}

/** Dice with its own weights for false positives (alpha) and false negatives (beta) (Salehi et al. 2017). */
export class Tversky extends Dice {
  static override readonly className = "Tversky";
  private readonly weights: { readonly alpha: number; readonly beta: number };
  constructor(options: OverlapOptions & { readonly alpha?: number; readonly beta?: number } = {}) {
    super(options, "tversky");
    const { alpha = 0.5, beta = 0.5 } = options;
    this.weights = { alpha, beta };
  }
  static override fromConfig(config: Config): Loss {
    return new Tversky(config);
  }
  override values(yTrue: Tensor, yPred: Tensor): Tensor {
    const [t, p] = matchShapes(this.name, yTrue, yPred);
    const { axis } = this;
    const { alpha, beta } = this.weights;
    const sum = (x: Tensor): Tensor => x.sum({ axis });
    const overlap = sum(t.mul(p));
    const wrong = sum(t.neg().add(1).mul(p))
      .mul(alpha)
      .add(sum(t.mul(p.neg().add(1))).mul(beta));
    return overlap.div(overlap.add(wrong).add(epsilon)).neg().add(1);
  }
  override getConfig(): Config {
    return { ...super.getConfig(), ...this.weights };
  }
}

lossRegistry.register(BinaryCrossentropy, "binary_crossentropy", "bce");
lossRegistry.register(CategoricalCrossentropy, "categorical_crossentropy");
lossRegistry.register(SparseCategoricalCrossentropy, "sparse_categorical_crossentropy");
lossRegistry.register(BinaryFocalCrossentropy, "binary_focal_crossentropy");
lossRegistry.register(CategoricalFocalCrossentropy, "categorical_focal_crossentropy");
lossRegistry.register(KLDivergence, "kl_divergence", "kld", "kullback_leibler_divergence");
lossRegistry.register(Hinge, "hinge");
lossRegistry.register(SquaredHinge, "squared_hinge");
lossRegistry.register(CategoricalHinge, "categorical_hinge");
lossRegistry.register(Dice, "dice");
lossRegistry.register(Tversky, "tversky");
