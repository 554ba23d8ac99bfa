import type { Tensor } from "@gradus/tensor";
import { type Config, Registry, type Serializable } from "../serialize.ts";

/** A learning rate that depends on the number of updates done. */
export abstract class LearningRateSchedule implements Serializable {
  /** The rate at a step (float32, zero-dimensional), as part of the program. */
  abstract call(step: Tensor): Tensor;
  abstract getConfig(): Config;
}

export const scheduleRegistry = new Registry<LearningRateSchedule>("learning rate schedule");
