import type { Tensor } from "@gradus/tensor";
import type { Config } from "../serialize.ts";
import { Loss, type LossOptions, lossRegistry } from "./loss.ts";
import { matchShapes } from "./shapes.ts";

/** Mean over the last axis of squared differences. */
export class MeanSquaredError extends Loss {
  static readonly className = "MeanSquaredError";
  constructor(options: LossOptions = {}) {
    super("mean_squared_error", options);
  }
  static fromConfig(config: Config): Loss {
    return new MeanSquaredError(config);
  }
  override values(yTrue: Tensor, yPred: Tensor): Tensor {
    const [target, prediction] = matchShapes(this.name, yTrue, yPred);
    return prediction.sub(target).square().mean({ axis: -1 });
  }
}

lossRegistry.register(MeanSquaredError, "mse", "mean_squared_error");
