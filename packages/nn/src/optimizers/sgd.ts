import type { Tensor, Variable } from "@gradus/tensor";
import type { Config } from "../serialize.ts";
import { Optimizer, type OptimizerOptions, optimizerRegistry } from "./optimizer.ts";

export interface SGDOptions extends OptimizerOptions {
  readonly momentum?: number;
  /** Look ahead along the momentum (Nesterov 1983). */
  readonly nesterov?: boolean;
}

/** v ← momentum · v - rate · g; w ← w + v. */
export class SGD extends Optimizer {
  static readonly className = "SGD";
  private readonly settings: { readonly momentum: number; readonly nesterov: boolean };
  private readonly velocity: Variable[] = [];

  constructor(options: SGDOptions | number = {}) {
    const given: SGDOptions = typeof options === "number" ? { learningRate: options } : options;
    super("SGD", 0.01, given);
    const { momentum = 0, nesterov = false } = given;
    this.settings = { momentum, nesterov };
  }
  static fromConfig(config: Config): Optimizer {
    return new SGD(config);
  }

  protected override createState(weights: readonly Variable[]): void {
    if (this.settings.momentum) for (const w of weights) this.velocity.push(this.stateLike(w, "momentum"));
  }

  protected override update(w: Tensor, g: Tensor, rate: Tensor, _step: Tensor, i: number): Tensor {
    const { momentum, nesterov } = this.settings;
    const change = g.mul(rate.astype(w.dtype));
    const v = this.velocity[i];
    if (!v) return w.sub(change);
    const next = v.mul(momentum).sub(change);
    v.assign(next);
    return nesterov ? w.add(next.mul(momentum)).sub(change) : w.add(next);
  }

  override getConfig(): Config {
    return { ...super.getConfig(), ...this.settings };
  }
}

optimizerRegistry.register(SGD, "sgd");
