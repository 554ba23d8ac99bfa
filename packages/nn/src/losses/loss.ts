import { ArgumentError, type Tensor } from "@gradus/tensor";
import { type Config, Registry, type Serializable, type Serialized } from "../serialize.ts";

export type Reduction = "sumOverBatchSize" | "sum" | "none" | "mean" | "meanWithSampleWeight";

export interface LossOptions {
  readonly name?: string;
  /** Default "sumOverBatchSize": the mean over all values the loss gives. */
  readonly reduction?: Reduction;
}

/** What training minimises: one number for each example (and place), and how these become one. */
export abstract class Loss implements Serializable {
  readonly name: string;
  readonly reduction: Reduction;

  constructor(name: string, options: LossOptions = {}) {
    this.name = options.name ?? name;
    this.reduction = options.reduction ?? "sumOverBatchSize";
    if (!["sumOverBatchSize", "sum", "none", "mean", "meanWithSampleWeight"].includes(this.reduction))
      throw new ArgumentError(
        name,
        `unknown reduction ${JSON.stringify(this.reduction)}`,
        `Use "sumOverBatchSize", "sum", "mean", "meanWithSampleWeight" or "none"`,
      );
  }

  /** Losses of single examples, [batch] or [batch, places...]: the last axis of predictions is summed up by the loss. */
  abstract values(yTrue: Tensor, yPred: Tensor): Tensor;

  /** The reduced loss; `sampleWeight` broadcasts against `values` from the left: [batch] or [batch, places...]. */
  call(yTrue: Tensor, yPred: Tensor, sampleWeight: Tensor | null = null): Tensor {
    return reduceValues(this.values(yTrue, yPred), sampleWeight, this.reduction);
  }

  getConfig(): Config {
    return { name: this.name, reduction: this.reduction };
  }
}

/** Weights by example made to fit values with further axes: [batch] → [batch, 1, ...]. */
export function alignWeights(weights: Tensor, values: Tensor): Tensor {
  if (weights.ndim === values.ndim + 1 && weights.shape.at(-1) === 1) return weights.squeeze({ axis: -1 });
  if (weights.ndim >= values.ndim) return weights;
  return weights.reshape([...weights.shape, ...Array<number>(values.ndim - weights.ndim).fill(1)]);
}

export function reduceValues(values: Tensor, sampleWeight: Tensor | null, reduction: Reduction): Tensor {
  const weights = sampleWeight ? alignWeights(sampleWeight.astype(values.dtype), values) : null;
  const weighted = weights ? values.mul(weights) : values;
  if (reduction === "none") return weighted;
  const total = weighted.sum();
  if (reduction === "sum") return total;
  if (reduction === "meanWithSampleWeight" && weights) return total.div(weights.broadcastTo([...values.shape]).sum());
  return total.div(values.size);
}

export const lossRegistry = new Registry<Loss>("loss");

/** A function of targets and predictions, giving a loss for each example or for the whole batch. */
export type LossFunction = (yTrue: Tensor, yPred: Tensor) => Tensor;

/** A loss by Keras's name ("mse", "categorical_crossentropy"), an object, or a function. */
export type LossLike = string | Loss | LossFunction | Serialized;

class FunctionLoss extends Loss {
  private readonly f: LossFunction;
  constructor(f: LossFunction) {
    super(f.name || "loss");
    this.f = f;
  }
  override values(yTrue: Tensor, yPred: Tensor): Tensor {
    return this.f(yTrue, yPred);
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
  typeof given === "function" && !(given instanceof Loss)
    ? new FunctionLoss(given as LossFunction)
    : lossRegistry.get(given as string | Loss | Serialized);
