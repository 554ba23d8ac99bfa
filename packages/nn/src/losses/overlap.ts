import type { Tensor, TensorLike } from "@gradus/tensor";
import { FunctionLoss, type LossOptions, lossRegistry } from "./loss.ts";
import { epsilon, matchShapes } from "./shapes.ts";

export interface OverlapOptions {
  /** Axes of one region; default all: one number for the whole batch. */
  readonly axis?: number | readonly number[] | null;
}

export interface TverskyOptions extends OverlapOptions {
  /** Weight of places that the prediction misses, as Keras computes it; default 0.5. */
  readonly alpha?: number;
  /** Weight of places that the prediction adds, as Keras computes it; default 0.5. */
  readonly beta?: number;
}

/**
 * 1 - 2 Σ t·p / (Σ t + Σ p): how little two regions overlap (Dice 1945), for values in [0, 1].
 * @example
 * losses.dice([[1, 0, 1]], [[0.9, 0.2, 0.6]])
 */
export function dice(yTrue: TensorLike, yPred: TensorLike, options: OverlapOptions = {}): Tensor {
  return overlapLoss("dice", yTrue, yPred, 0.5, 0.5, options);
}

/**
 * 1 - Σ t·p / (Σ t·p + alpha Σ t(1 - p) + beta Σ p(1 - t)) (Salehi et al. 2017), for values in [0, 1].
 * @example
 * losses.tversky([[1, 0, 1]], [[0.9, 0.2, 0.6]])
 */
export function tversky(yTrue: TensorLike, yPred: TensorLike, { alpha = 0.5, beta = 0.5, ...options }: TverskyOptions = {}): Tensor {
  return overlapLoss("tversky", yTrue, yPred, alpha, beta, options);
}

function overlapLoss(name: string, yTrue: TensorLike, yPred: TensorLike, alpha: number, beta: number, options: OverlapOptions): Tensor {
  const [t, p] = matchShapes(name, yTrue, yPred);
  const total = (x: Tensor): Tensor => x.sum({ axis: options.axis ?? null });
  const both = total(t.mul(p));
  const missed = total(t.mul(p.neg().add(1))).mul(alpha);
  const added = total(p.mul(t.neg().add(1))).mul(beta);
  return both.div(both.add(missed).add(added).add(epsilon)).neg().add(1);
}

/** `dice` as a loss. */
export class Dice extends FunctionLoss {
  static override readonly className = "Dice";
  constructor({ axis = null, ...options }: LossOptions & OverlapOptions = {}) {
    super("dice", (t, p) => dice(t, p, { axis }), options, { axis });
  }
}
/** `tversky` as a loss. */
export class Tversky extends FunctionLoss {
  static override readonly className = "Tversky";
  constructor({ alpha = 0.5, beta = 0.5, axis = null, ...options }: LossOptions & TverskyOptions = {}) {
    const settings = { alpha, beta, axis };
    super("tversky", (t, p) => tversky(t, p, settings), options, settings);
  }
}

lossRegistry.register(Dice, "dice");
lossRegistry.register(Tversky, "tversky");
