import { log1p, logaddexp, type Tensor } from "@gradus/tensor";
import type { Config } from "../serialize.ts";
import { Loss, type LossFunction, type LossOptions, lossRegistry } from "./loss.ts";
import { matchShapes } from "./shapes.ts";

/** Kept away from zero: Keras's epsilon. */
export const epsilon = 1e-7;

/** Means over the last axis of a function of target and prediction. */
const meanOf =
  (name: string, f: (target: Tensor, prediction: Tensor) => Tensor): LossFunction =>
  (yTrue, yPred) => {
    const [target, prediction] = matchShapes(name, yTrue, yPred);
    return f(target, prediction).mean({ axis: -1 });
  };

/** (p - t)², mean over the last axis: [batch, ..., n] → [batch, ...]. ShapeError where the shapes differ; so for all below. */
export const meanSquaredError = meanOf("mean_squared_error", (t, p) => p.sub(t).square());
/** |p - t|. */
export const meanAbsoluteError = meanOf("mean_absolute_error", (t, p) => p.sub(t).abs());
/** 100 · |t - p| / |t|. */
export const meanAbsolutePercentageError = meanOf("mean_absolute_percentage_error", (t, p) =>
  t.sub(p).div(t.abs().maximum(epsilon)).abs().mul(100),
);
/** (log(p + 1) - log(t + 1))². */
export const meanSquaredLogarithmicError = meanOf("mean_squared_logarithmic_error", (t, p) =>
  log1p(p.maximum(epsilon))
    .sub(log1p(t.maximum(epsilon)))
    .square(),
);
/** log cosh(p - t): half the square near 0, a line far away, without overflow. */
export const logCosh = meanOf("log_cosh", (t, p) => {
  const d = p.sub(t);
  return logaddexp(d, d.neg()).sub(Math.LN2);
});
/** p - t · log p: for counts. */
export const poisson = meanOf("poisson", (t, p) => p.sub(t.mul(p.add(epsilon).log())));

/** Half the square up to `delta`, from there a line of that slope (Huber 1964). */
export function huber(yTrue: Tensor, yPred: Tensor, delta = 1): Tensor {
  return meanOf("huber_loss", (t, p) => {
    const size = p.sub(t).abs();
    const near = size.minimum(delta);
    return near.square().mul(0.5).add(size.sub(near).mul(delta));
  })(yTrue, yPred);
}

/** -cos of the angle between target and prediction along `axis`: -1 for the same direction. */
export function cosineSimilarity(yTrue: Tensor, yPred: Tensor, axis = -1): Tensor {
  const [t, p] = matchShapes("cosine_similarity", yTrue, yPred);
  const unit = (x: Tensor): Tensor => x.div(x.square().sum({ axis, keepdims: true }).maximum(1e-12).sqrt());
  return unit(t).mul(unit(p)).sum({ axis }).neg();
}

/** The class of a loss without settings of its own. */
export function plainLoss(className: string, name: string, f: LossFunction) {
  return class extends Loss {
    static readonly className = className;
    constructor(options: LossOptions = {}) {
      super(name, options);
    }
    static fromConfig(config: Config): Loss {
      return new this(config);
    }
    override values(yTrue: Tensor, yPred: Tensor): Tensor {
      return f(yTrue, yPred);
    }
  };
}

export const MeanSquaredError = plainLoss("MeanSquaredError", "mean_squared_error", meanSquaredError);
export const MeanAbsoluteError = plainLoss("MeanAbsoluteError", "mean_absolute_error", meanAbsoluteError);
export const MeanAbsolutePercentageError = plainLoss(
  "MeanAbsolutePercentageError",
  "mean_absolute_percentage_error",
  meanAbsolutePercentageError,
);
export const MeanSquaredLogarithmicError = plainLoss(
  "MeanSquaredLogarithmicError",
  "mean_squared_logarithmic_error",
  meanSquaredLogarithmicError,
);
export const LogCosh = plainLoss("LogCosh", "log_cosh", logCosh);
export const Poisson = plainLoss("Poisson", "poisson", poisson);

export class Huber extends Loss {
  static readonly className = "Huber";
  private readonly delta: number;
  constructor(options: LossOptions & { readonly delta?: number } = {}) {
    super("huber_loss", options);
    this.delta = options.delta ?? 1;
  }
  static fromConfig(config: Config): Loss {
    return new Huber(config);
  }
  override values(yTrue: Tensor, yPred: Tensor): Tensor {
    return huber(yTrue, yPred, this.delta);
  }
  override getConfig(): Config {
    return { ...super.getConfig(), delta: this.delta };
  }
}

export class CosineSimilarity extends Loss {
  static readonly className = "CosineSimilarity";
  private readonly axis: number;
  constructor(options: LossOptions & { readonly axis?: number } = {}) {
    super("cosine_similarity", options);
    this.axis = options.axis ?? -1;
  }
  static fromConfig(config: Config): Loss {
    return new CosineSimilarity(config);
  }
  override values(yTrue: Tensor, yPred: Tensor): Tensor {
    return cosineSimilarity(yTrue, yPred, this.axis);
  }
  override getConfig(): Config {
    return { ...super.getConfig(), axis: this.axis };
  }
}

lossRegistry.register(MeanSquaredError, "mean_squared_error", "mse");
lossRegistry.register(MeanAbsoluteError, "mean_absolute_error", "mae");
lossRegistry.register(MeanAbsolutePercentageError, "mean_absolute_percentage_error", "mape");
lossRegistry.register(MeanSquaredLogarithmicError, "mean_squared_logarithmic_error", "msle");
lossRegistry.register(LogCosh, "log_cosh", "logcosh");
lossRegistry.register(Poisson, "poisson");
lossRegistry.register(Huber, "huber", "huber_loss");
lossRegistry.register(CosineSimilarity, "cosine_similarity");
