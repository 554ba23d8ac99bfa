import type { Tensor } from "@gradus/tensor";
import { type Config, Registry, type Serializable, type Serialized } from "./serialize.ts";

/** Brings a weight back into a set after each update. */
export abstract class Constraint implements Serializable {
  abstract call(w: Tensor): Tensor;
  abstract getConfig(): Config;
}

const epsilon = 1e-7;
const lengths = (w: Tensor, axis: number | readonly number[]): Tensor => w.square().sum({ axis, keepdims: true }).sqrt();

export interface NormOptions {
  readonly axis?: number | readonly number[];
}

/** Vectors along `axis` (default 0: the weights into each unit) no longer than `maxValue`. */
export class MaxNorm extends Constraint {
  static readonly className = "MaxNorm";
  readonly maxValue: number;
  readonly axis: number | readonly number[];
  constructor({ maxValue = 2, axis = 0 }: NormOptions & { readonly maxValue?: number } = {}) {
    super();
    this.maxValue = maxValue;
    this.axis = axis;
  }
  static fromConfig(config: Config): Constraint {
    return new MaxNorm(config);
  }
  call(w: Tensor): Tensor {
    const norms = lengths(w, this.axis);
    return w.mul(norms.clip(0, this.maxValue).div(norms.add(epsilon)));
  }
  getConfig(): Config {
    return { maxValue: this.maxValue, axis: this.axis };
  }
}

/** No negative weights. */
export class NonNeg extends Constraint {
  static readonly className = "NonNeg";
  static fromConfig(): Constraint {
    return new NonNeg();
  }
  call(w: Tensor): Tensor {
    return w.maximum(0);
  }
  getConfig(): Config {
    return {};
  }
}

/** Vectors along `axis` of length 1. */
export class UnitNorm extends Constraint {
  static readonly className = "UnitNorm";
  readonly axis: number | readonly number[];
  constructor({ axis = 0 }: NormOptions = {}) {
    super();
    this.axis = axis;
  }
  static fromConfig(config: Config): Constraint {
    return new UnitNorm(config);
  }
  call(w: Tensor): Tensor {
    return w.div(lengths(w, this.axis).add(epsilon));
  }
  getConfig(): Config {
    return { axis: this.axis };
  }
}

/** Vectors along `axis` with lengths moved towards [minValue, maxValue] at `rate` (1: all the way). */
export class MinMaxNorm extends Constraint {
  static readonly className = "MinMaxNorm";
  readonly options: {
    readonly minValue: number;
    readonly maxValue: number;
    readonly rate: number;
    readonly axis: number | readonly number[];
  };
  constructor({
    minValue = 0,
    maxValue = 1,
    rate = 1,
    axis = 0,
  }: NormOptions & { readonly minValue?: number; readonly maxValue?: number; readonly rate?: number } = {}) {
    super();
    this.options = { minValue, maxValue, rate, axis };
  }
  static fromConfig(config: Config): Constraint {
    return new MinMaxNorm(config);
  }
  call(w: Tensor): Tensor {
    const { minValue, maxValue, rate, axis } = this.options;
    const norms = lengths(w, axis);
    const desired = norms
      .clip(minValue, maxValue)
      .mul(rate)
      .add(norms.mul(1 - rate));
    return w.mul(desired.div(norms.add(epsilon)));
  }
  getConfig(): Config {
    return { ...this.options };
  }
}

const registry = new Registry<Constraint>("constraint");
registry.register(MaxNorm, "max_norm");
registry.register(NonNeg, "non_neg");
registry.register(UnitNorm, "unit_norm");
registry.register(MinMaxNorm, "min_max_norm");

/** A constraint by Keras's name ("max_norm", "non_neg", "unit_norm"), or as it is. */
export type ConstraintLike = string | Constraint | Serialized;
export const constraint = (given: ConstraintLike): Constraint => registry.get(given);
