import { huber as huberOf, l2Normalize, log, softplus, type Tensor, type TensorLike } from "@gradus/tensor";
import { FunctionLoss, type LossOptions, lossRegistry } from "./loss.ts";
import { epsilon, matchExamples, matchShapes } from "./shapes.ts";

/**
 * Mean over the last axis of squared differences.
 * @example
 * losses.meanSquaredError([1, 2, 3], [1, 2, 5])
 */
export function meanSquaredError(yTrue: TensorLike, yPred: TensorLike): Tensor {
  const [target, prediction] = matchExamples("meanSquaredError", yTrue, yPred);
  return prediction.sub(target).square().mean({ axis: -1 });
}
/**
 * Mean over the last axis of absolute differences.
 * @example
 * losses.meanAbsoluteError([1, 2, 3], [1, 2, 5])
 */
export function meanAbsoluteError(yTrue: TensorLike, yPred: TensorLike): Tensor {
  const [target, prediction] = matchExamples("meanAbsoluteError", yTrue, yPred);
  return prediction.sub(target).abs().mean({ axis: -1 });
}
/**
 * 100 · mean over the last axis of |difference / target|; targets smaller than 1e-7 count as that.
 * @example
 * losses.meanAbsolutePercentageError([1, 2, 4], [1, 2, 5])
 */
export function meanAbsolutePercentageError(yTrue: TensorLike, yPred: TensorLike): Tensor {
  const [target, prediction] = matchExamples("meanAbsolutePercentageError", yTrue, yPred);
  return prediction.sub(target).div(target.abs().maximum(epsilon)).abs().mean({ axis: -1 }).mul(100);
}
/**
 * Mean over the last axis of squared differences of log(1 + value); negative values count as 1e-7.
 * @example
 * losses.meanSquaredLogarithmicError([1, 10, 100], [1, 20, 100])
 */
export function meanSquaredLogarithmicError(yTrue: TensorLike, yPred: TensorLike): Tensor {
  const [target, prediction] = matchExamples("meanSquaredLogarithmicError", yTrue, yPred);
  const logs = (x: Tensor): Tensor => x.maximum(epsilon).log1p();
  return logs(prediction).sub(logs(target)).square().mean({ axis: -1 });
}
/**
 * Half the squared difference up to `delta`, from there on a line of that slope (Huber 1964); mean over the last axis.
 * @example
 * losses.huber([1, 2, 3], [1, 2, 9])
 */
export function huber(yTrue: TensorLike, yPred: TensorLike, { delta = 1 }: { readonly delta?: number } = {}): Tensor {
  const [target, prediction] = matchExamples("huber", yTrue, yPred);
  return huberOf(prediction, target, { delta, reduction: "none" }).mean({ axis: -1 });
}
/**
 * Mean over the last axis of log(cosh(difference)): as |x| + log(1 + exp(-2|x|)) - log 2, which cannot overflow.
 * @example
 * losses.logCosh([1, 2, 3], [1, 2, 9])
 */
export function logCosh(yTrue: TensorLike, yPred: TensorLike): Tensor {
  const [target, prediction] = matchExamples("logCosh", yTrue, yPred);
  const x = prediction.sub(target);
  return x
    .add(softplus(x.mul(-2)))
    .sub(Math.LN2)
    .mean({ axis: -1 });
}
/**
 * Cosine of the angle between targets and predictions, negative: -1 where they point the same way, 0 for zero vectors.
 * @example
 * losses.cosineSimilarity([[1, 0]], [[1, 1]])
 */
export function cosineSimilarity(yTrue: TensorLike, yPred: TensorLike, { axis = -1 }: { readonly axis?: number } = {}): Tensor {
  const [target, prediction] = matchShapes("cosineSimilarity", yTrue, yPred);
  const unit = (x: Tensor): Tensor => l2Normalize(x, { axis, epsilon });
  return unit(target).mul(unit(prediction)).sum({ axis }).neg();
}
/**
 * Mean over the last axis of prediction - target · log prediction: counts that follow a Poisson distribution.
 * @example
 * losses.poisson([3, 5], [2.5, 6])
 */
export function poisson(yTrue: TensorLike, yPred: TensorLike): Tensor {
  const [target, prediction] = matchExamples("poisson", yTrue, yPred);
  return prediction.sub(target.mul(log(prediction.add(epsilon)))).mean({ axis: -1 });
}

/**
 * `meanSquaredError` as a loss.
 * @example
 * new losses.MeanSquaredError()([1, 2, 3], [1, 2, 5])
 */
export class MeanSquaredError extends FunctionLoss {
  static override readonly className = "MeanSquaredError";
  constructor(options: LossOptions = {}) {
    super("mean_squared_error", meanSquaredError, options);
  }
}
/**
 * `meanAbsoluteError` as a loss.
 * @example
 * new losses.MeanAbsoluteError()([1, 2, 3], [1, 2, 5])
 */
export class MeanAbsoluteError extends FunctionLoss {
  static override readonly className = "MeanAbsoluteError";
  constructor(options: LossOptions = {}) {
    super("mean_absolute_error", meanAbsoluteError, options);
  }
}
/** `meanAbsolutePercentageError` as a loss. */
export class MeanAbsolutePercentageError extends FunctionLoss {
  static override readonly className = "MeanAbsolutePercentageError";
  constructor(options: LossOptions = {}) {
    super("mean_absolute_percentage_error", meanAbsolutePercentageError, options);
  }
}
/** `meanSquaredLogarithmicError` as a loss. */
export class MeanSquaredLogarithmicError extends FunctionLoss {
  static override readonly className = "MeanSquaredLogarithmicError";
  constructor(options: LossOptions = {}) {
    super("mean_squared_logarithmic_error", meanSquaredLogarithmicError, options);
  }
}
/**
 * `huber` as a loss.
 * @example
 * new losses.Huber({ delta: 2 })([1, 2, 3], [1, 2, 9])
 */
export class Huber extends FunctionLoss {
  static override readonly className = "Huber";
  constructor({ delta = 1, ...options }: LossOptions & { readonly delta?: number } = {}) {
    super("huber_loss", (t, p) => huber(t, p, { delta }), options, { delta });
  }
}
/** `logCosh` as a loss. */
export class LogCosh extends FunctionLoss {
  static override readonly className = "LogCosh";
  constructor(options: LossOptions = {}) {
    super("log_cosh", logCosh, options);
  }
}
/** `cosineSimilarity` as a loss. */
export class CosineSimilarity extends FunctionLoss {
  static override readonly className = "CosineSimilarity";
  constructor({ axis = -1, ...options }: LossOptions & { readonly axis?: number } = {}) {
    super("cosine_similarity", (t, p) => cosineSimilarity(t, p, { axis }), options, { axis });
  }
}
/** `poisson` as a loss. */
export class Poisson extends FunctionLoss {
  static override readonly className = "Poisson";
  constructor(options: LossOptions = {}) {
    super("poisson", poisson, options);
  }
}

lossRegistry.register(MeanSquaredError, "mse", "mean_squared_error");
lossRegistry.register(MeanAbsoluteError, "mae", "mean_absolute_error");
lossRegistry.register(MeanAbsolutePercentageError, "mape", "mean_absolute_percentage_error");
lossRegistry.register(MeanSquaredLogarithmicError, "msle", "mean_squared_logarithmic_error");
lossRegistry.register(Huber, "huber", "huber_loss");
lossRegistry.register(LogCosh, "logcosh", "log_cosh");
lossRegistry.register(CosineSimilarity, "cosine_similarity");
lossRegistry.register(Poisson, "poisson");
