import { ArgumentError, asarray, ShapeError, type Tensor, type TensorLike } from "@gradus/tensor";
import { callable } from "../callable.ts";
import { maskOf } from "../masking.ts";
import { type Config, camelCase, Registry, type Serializable, type Serialized } from "../serialize.ts";

const reductions = ["sumOverBatchSize", "sum", "mean", "meanWithSampleWeight", "none"] as const;
export type Reduction = (typeof reductions)[number];

export interface LossOptions {
  readonly name?: string;
  /**
   * Default "sumOverBatchSize" (also called "mean"): the mean over all values the loss gives. "meanWithSampleWeight" divides
   * by the sum of the weights instead; "none" (or null) gives the single values.
   */
  readonly reduction?: Reduction | null;
}

/** Calling a loss: targets, predictions and weights of examples give the reduced loss. */
type LossCall = (yTrue: TensorLike, yPred: TensorLike, sampleWeight?: TensorLike | null) => Tensor;

/**
 * What training minimises: one number for each example (and place), and how these become one. Losses are functions:
 * `new MeanSquaredError()(yTrue, yPred)`. Subclasses give `values`.
 * @example
 * // too few bikes cost five times as much as too many
 * const cost = (t, y) => y.sub(t).relu().add(t.sub(y).relu().mul(5)).mean();
 * cost(array([10, 10]), array([8, 12]))
 */
export abstract class Loss extends callable<LossCall>() implements Serializable {
  static readonly className: string = "Loss";
  override readonly name: string;
  readonly reduction: Reduction;

  constructor(name: string, options: LossOptions = {}) {
    super();
    this.name = options.name ?? name;
    const reduction = options.reduction === null ? "none" : camelCase(options.reduction ?? "sumOverBatchSize");
    if (!(reductions as readonly string[]).includes(reduction))
      throw new ArgumentError(name, `unknown reduction ${JSON.stringify(options.reduction)}`, `Use one of ${reductions.join(", ")}`);
    this.reduction = reduction as Reduction;
  }

  static fromConfig(this: new (config: Config) => Loss, config: Config): Loss {
    return new this(config);
  }

  /** Losses of single examples, [batch] or [batch, places...]: the last axis of predictions is summed up by the loss. */
  abstract values(yTrue: Tensor, yPred: Tensor): Tensor;

  /**
   * The reduced loss. `sampleWeight` fits the single values from the left: [batch] or [batch, places...]. Places masked by
   * earlier layers do not count: a mean is over the others.
   */
  override call(yTrue: TensorLike, yPred: TensorLike, sampleWeight: TensorLike | null = null): Tensor {
    const prediction = asarray(yPred);
    const values = this.values(asarray(yTrue), prediction);
    const masks = [maskOf(prediction), maskOf(values)].filter((m) => m !== null);
    const mask = masks.length ? masks.reduce((a, b) => a.logicalAnd(b)) : null;
    return reduceValues(values, sampleWeight === null ? null : asarray(sampleWeight), mask, this.reduction);
  }

  /** @internal What calling the loss does. */
  invoke(args: unknown[]): Tensor {
    return this.call(...(args as Parameters<LossCall>));
  }

  getConfig(): Config {
    return { name: this.name, reduction: this.reduction };
  }
}

/** Weights by example made to fit values with further axes: [batch] → [batch, 1, ...]. ShapeError where they cannot. */
export function alignWeights(weights: Tensor, values: Tensor): Tensor {
  const squeezed = weights.ndim === values.ndim + 1 && weights.shape.at(-1) === 1 ? weights.squeeze({ axis: -1 }) : weights;
  if (squeezed.ndim === 0) return squeezed;
  const shape = [...squeezed.shape, ...Array<number>(Math.max(values.ndim - squeezed.ndim, 0)).fill(1)];
  if (shape.length > values.ndim || shape.some((n, axis) => n !== 1 && n !== values.shape[axis]))
    throw new ShapeError(
      "sampleWeight",
      `weights (or a mask) of shape [${weights.shape.join(", ")}] do not fit values of shape [${values.shape.join(", ")}]`,
      "Give one weight for each example, or one for each value",
    );
  return squeezed.reshape(shape);
}

function reduceValues(values: Tensor, sampleWeight: Tensor | null, mask: Tensor | null, reduction: Reduction): Tensor {
  const fit = (x: Tensor): Tensor => alignWeights(x.astype(values.dtype), values);
  const valid = mask && fit(mask);
  const given = sampleWeight && fit(sampleWeight);
  const weights = valid && given ? given.mul(valid) : (given ?? valid);
  const weighted = weights ? values.mul(weights) : values;
  if (reduction === "none") return weighted;
  const total = weighted.sum();
  if (reduction === "sum") return total;
  const size = Math.max(values.size, 1);
  if (reduction === "meanWithSampleWeight" && weights) return divideNoNaN(total, weights.broadcastTo([...values.shape]).sum());
  return valid ? divideNoNaN(total, valid.mean().mul(size)) : total.div(size);
}

/** a / b, 0 where b is 0. */
export const divideNoNaN = (a: Tensor, b: Tensor): Tensor => {
  const none = b.equal(0);
  return a.div(b.add(none.astype(b.dtype))).mul(none.logicalNot().astype(a.dtype));
};

/** Losses that `compile` and files may name. Own ones are added with `lossRegistry.register(MyLoss)`. */
export const lossRegistry = new Registry<Loss>("loss");

/** A function of targets and predictions, giving a loss for each example or for the whole batch. */
export type LossFunction = (yTrue: Tensor, yPred: Tensor) => Tensor;

/** A loss by Keras's name ("mse", "categorical_crossentropy"), an object, or a function. */
export type LossLike = string | Loss | LossFunction | Serialized;

/** A loss that is a function of targets and predictions, with the settings that its file must hold. */
export abstract class FunctionLoss extends Loss {
  private readonly f: LossFunction;
  private readonly settings: Config;
  constructor(name: string, f: LossFunction, options: LossOptions, settings: Config = {}) {
    super(name, options);
    this.f = f;
    this.settings = settings;
  }
  override values(yTrue: Tensor, yPred: Tensor): Tensor {
    return this.f(yTrue, yPred);
  }
  override getConfig(): Config {
    return { ...super.getConfig(), ...this.settings };
  }
}

/** A function of somebody's own as a loss. */
class CustomLoss extends FunctionLoss {
  static override readonly className = "CustomLoss";
  constructor(f: LossFunction) {
    super(f.name || "loss", f, {});
  }
  override getConfig(): Config {
    throw new ArgumentError(
      "loss",
      `the function ${this.name} cannot be written to a file`,
      "Use a loss by name, or compile again after loading",
    );
  }
}

export const loss = (given: LossLike): Loss =>
  typeof given === "function" && !(given instanceof Loss) ? new CustomLoss(given) : lossRegistry.get(given);
