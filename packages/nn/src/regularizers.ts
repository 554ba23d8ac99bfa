import type { Tensor } from "@gradus/tensor";
import { type Config, Registry, type Serializable, type Serialized } from "./serialize.ts";

/** A penalty on the size of a weight (or of a layer's output), added to the loss. */
export abstract class Regularizer implements Serializable {
  abstract call(x: Tensor): Tensor;
  abstract getConfig(): Config;
}

/** l1 · Σ|x| + l2 · Σx². */
export class L1L2 extends Regularizer {
  static readonly className: string = "L1L2";
  readonly l1: number;
  readonly l2: number;
  constructor({ l1 = 0, l2 = 0 }: { readonly l1?: number; readonly l2?: number } = {}) {
    super();
    this.l1 = l1;
    this.l2 = l2;
  }
  static fromConfig(config: Config): Regularizer {
    return new L1L2(config);
  }
  call(x: Tensor): Tensor {
    const parts = [...(this.l1 ? [x.abs().sum().mul(this.l1)] : []), ...(this.l2 ? [x.square().sum().mul(this.l2)] : [])];
    return parts.length ? parts.reduce((a, b) => a.add(b)) : x.sum().mul(0);
  }
  getConfig(): Config {
    return { l1: this.l1, l2: this.l2 };
  }
}

/** l1 · Σ|x|. */
export class L1 extends L1L2 {
  static override readonly className = "L1";
  constructor(l1 = 0.01) {
    super({ l1 });
  }
  static override fromConfig({ l1 = 0.01 }: Config): Regularizer {
    return new L1(l1 as number);
  }
  override getConfig(): Config {
    return { l1: this.l1 };
  }
}

/** l2 · Σx². */
export class L2 extends L1L2 {
  static override readonly className = "L2";
  constructor(l2 = 0.01) {
    super({ l2 });
  }
  static override fromConfig({ l2 = 0.01 }: Config): Regularizer {
    return new L2(l2 as number);
  }
  override getConfig(): Config {
    return { l2: this.l2 };
  }
}

/** Factor · ||xᵀx - 1||² over rows (or columns): keeps them at right angles. */
export class OrthogonalRegularizer extends Regularizer {
  static readonly className = "OrthogonalRegularizer";
  readonly factor: number;
  readonly mode: "rows" | "columns";
  constructor({ factor = 0.01, mode = "rows" }: { readonly factor?: number; readonly mode?: "rows" | "columns" } = {}) {
    super();
    this.factor = factor;
    this.mode = mode;
  }
  static fromConfig(config: Config): Regularizer {
    return new OrthogonalRegularizer(config);
  }
  call(x: Tensor): Tensor {
    const rows = this.mode === "rows" ? x : x.T;
    const unit = rows.div(rows.square().sum({ axis: 1, keepdims: true }).sqrt());
    const products = unit.matmul(unit.T);
    const n = products.shape[0]!;
    const pairs = (n * (n - 1)) / 2;
    return products
      .abs()
      .sum()
      .sub(products.diagonal().abs().sum())
      .mul(this.factor * 0.5)
      .div(Math.max(pairs, 1));
  }
  getConfig(): Config {
    return { factor: this.factor, mode: this.mode };
  }
}

const registry = new Registry<Regularizer>("regularizer");
registry.register(L1L2, "l1_l2");
registry.register(L1, "l1");
registry.register(L2, "l2");
registry.register(OrthogonalRegularizer, "orthogonal");

/** A regularizer by Keras's name ("l1", "l2", "l1_l2"), or as it is. */
export type RegularizerLike = string | Regularizer | Serialized;
export const regularizer = (given: RegularizerLike): Regularizer => registry.get(given);

/**
 * factor · Σ |w|.
 * @example
 * new Dense(4, { kernelRegularizer: l1(1e-4) })
 */
export const l1 = (factor = 0.01): L1 => new L1(factor);
/**
 * factor · Σ w²: weight decay through the loss.
 * @example
 * new Dense(4, { kernelRegularizer: l2(1e-4) })
 */
export const l2 = (factor = 0.01): L2 => new L2(factor);
/**
 * l1 · Σ |w| + l2 · Σ w².
 * @example
 * new Dense(4, { kernelRegularizer: l1l2({ l1: 1e-5, l2: 1e-4 }) })
 */
export const l1l2 = (options: { readonly l1?: number; readonly l2?: number } = { l1: 0.01, l2: 0.01 }): L1L2 => new L1L2(options);
