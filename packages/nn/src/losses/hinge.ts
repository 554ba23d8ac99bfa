import { type Tensor, type TensorLike, where } from "@gradus/tensor";
import { FunctionLoss, type LossOptions, lossRegistry } from "./loss.ts";
import { matchExamples, matchShapes } from "./shapes.ts";

/** max(1 - target · prediction, 0); targets that are all 0 or 1 count as -1 and 1. */
function margins(name: string, yTrue: TensorLike, yPred: TensorLike): Tensor {
  const [given, prediction] = matchExamples(name, yTrue, yPred);
  const binary = given.equal(0).logicalOr(given.equal(1)).all();
  const target = where(binary, given.mul(2).sub(1), given);
  return target.mul(prediction).neg().add(1).maximum(0);
}

/**
 * Mean over the last axis of max(1 - target · prediction, 0), for targets -1 and 1 (or 0 and 1).
 * @example
 * losses.hinge([1, -1], [0.5, -2])
 */
export const hinge = (yTrue: TensorLike, yPred: TensorLike): Tensor => margins("hinge", yTrue, yPred).mean({ axis: -1 });
/**
 * Mean over the last axis of max(1 - target · prediction, 0)², for targets -1 and 1 (or 0 and 1).
 * @example
 * losses.squaredHinge([1, -1], [0.5, -2])
 */
export const squaredHinge = (yTrue: TensorLike, yPred: TensorLike): Tensor =>
  margins("squaredHinge", yTrue, yPred).square().mean({ axis: -1 });
/**
 * max(1 + largest wrong prediction - prediction for the true class, 0), for one-hot targets.
 * @example
 * losses.categoricalHinge([[0, 1]], [[0.3, 0.7]])
 */
export function categoricalHinge(yTrue: TensorLike, yPred: TensorLike): Tensor {
  const [target, prediction] = matchShapes("categoricalHinge", yTrue, yPred);
  const right = target.mul(prediction).sum({ axis: -1 });
  const wrong = target.neg().add(1).mul(prediction).max({ axis: -1 });
  return wrong.sub(right).add(1).maximum(0);
}

/** `hinge` as a loss. */
export class Hinge extends FunctionLoss {
  static override readonly className = "Hinge";
  constructor(options: LossOptions = {}) {
    super("hinge", hinge, options);
  }
}
/** `squaredHinge` as a loss. */
export class SquaredHinge extends FunctionLoss {
  static override readonly className = "SquaredHinge";
  constructor(options: LossOptions = {}) {
    super("squared_hinge", squaredHinge, options);
  }
}
/** `categoricalHinge` as a loss. */
export class CategoricalHinge extends FunctionLoss {
  static override readonly className = "CategoricalHinge";
  constructor(options: LossOptions = {}) {
    super("categorical_hinge", categoricalHinge, options);
  }
}

lossRegistry.register(Hinge, "hinge");
lossRegistry.register(SquaredHinge, "squared_hinge");
lossRegistry.register(CategoricalHinge, "categorical_hinge");
