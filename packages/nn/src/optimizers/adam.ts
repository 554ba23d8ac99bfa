import { sqrt, type Tensor, type Variable } from "@gradus/tensor";
import type { Config } from "../serialize.ts";
import { Optimizer, type OptimizerOptions, optimizerRegistry } from "./optimizer.ts";

export interface AdamOptions extends OptimizerOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** Divide by the largest second moment seen so far (Reddi et al. 2018). */
  readonly amsgrad?: boolean;
}

/** Steps scaled by running means of the gradient and its square, corrected for their start at zero (Kingma & Ba 2015, algorithm 1). */
export class Adam extends Optimizer {
  static readonly className: string = "Adam";
  private readonly settings: { readonly beta1: number; readonly beta2: number; readonly epsilon: number; readonly amsgrad: boolean };
  private readonly m: Variable[] = [];
  private readonly v: Variable[] = [];
  private readonly largest: Variable[] = [];

  constructor(options: AdamOptions | number = {}, name = "adam") {
    const given = typeof options === "number" ? { learningRate: options } : options;
    super(name, 0.001, given);
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7, amsgrad = false } = given as AdamOptions;
    this.settings = { beta1, beta2, epsilon, amsgrad };
  }

  static fromConfig(config: Config): Optimizer {
    return new Adam(config);
  }

  protected override createState(weights: readonly Variable[]): void {
    for (const w of weights) {
      this.m.push(this.stateLike(w, "momentum"));
      this.v.push(this.stateLike(w, "velocity"));
      if (this.settings.amsgrad) this.largest.push(this.stateLike(w, "velocity_hat"));
    }
  }

  protected override update(w: Tensor, g: Tensor, rate: Tensor, step: Tensor, i: number): Tensor {
    const { beta1, beta2, epsilon, amsgrad } = this.settings;
    // Keras's form: the correction goes into the rate, epsilon is added to the uncorrected root.
    const correction = sqrt(missing(beta2, step)).div(missing(beta1, step));
    const m = this.m[i]!.add(g.sub(this.m[i]!).mul(1 - beta1));
    const v = this.v[i]!.add(
      g
        .square()
        .sub(this.v[i]!)
        .mul(1 - beta2),
    );
    this.m[i]!.assign(m);
    this.v[i]!.assign(v);
    let second = v;
    if (amsgrad) {
      second = this.largest[i]!.maximum(v);
      this.largest[i]!.assign(second);
    }
    return w.sub(m.mul(rate.mul(correction).astype(w.dtype)).div(sqrt(second).add(epsilon)));
  }

  override getConfig(): Config {
    return { ...super.getConfig(), ...this.settings };
  }
}

/** 1 - base^step, exact also for a base near 1. */
const missing = (base: number, step: Tensor): Tensor => step.mul(Math.log(base)).expm1().neg();

/** Adam with decoupled weight decay, 0.004 unless told (Loshchilov & Hutter 2019). */
export class AdamW extends Adam {
  static override readonly className = "AdamW";
  constructor(options: AdamOptions | number = {}) {
    const given = typeof options === "number" ? { learningRate: options } : options;
    super({ ...given, weightDecay: given.weightDecay ?? 0.004 }, "adamw");
  }
  static override fromConfig(config: Config): Optimizer {
    return new AdamW(config);
  }
}

/** Adam with the largest gradient seen so far in place of the root mean square (Kingma & Ba 2015, algorithm 2). */
export class Adamax extends Optimizer {
  static readonly className = "Adamax";
  private readonly settings: { readonly beta1: number; readonly beta2: number; readonly epsilon: number };
  private readonly m: Variable[] = [];
  private readonly u: Variable[] = [];

  constructor(options: Omit<AdamOptions, "amsgrad"> | number = {}) {
    const given: AdamOptions = typeof options === "number" ? { learningRate: options } : options;
    super("adamax", 0.001, given);
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7 } = given;
    this.settings = { beta1, beta2, epsilon };
  }
  static fromConfig(config: Config): Optimizer {
    return new Adamax(config);
  }

  protected override createState(weights: readonly Variable[]): void {
    for (const w of weights) {
      this.m.push(this.stateLike(w, "momentum"));
      this.u.push(this.stateLike(w, "norm"));
    }
  }

  protected override update(w: Tensor, g: Tensor, rate: Tensor, step: Tensor, i: number): Tensor {
    const { beta1, beta2, epsilon } = this.settings;
    const m = this.m[i]!.add(g.sub(this.m[i]!).mul(1 - beta1));
    const u = this.u[i]!.mul(beta2).maximum(g.abs());
    this.m[i]!.assign(m);
    this.u[i]!.assign(u);
    return w.sub(m.mul(rate.div(missing(beta1, step)).astype(w.dtype)).div(u.add(epsilon)));
  }

  override getConfig(): Config {
    return { ...super.getConfig(), ...this.settings };
  }
}

/** Adam with Nesterov's momentum and its schedule (Dozat 2016). */
export class Nadam extends Optimizer {
  static readonly className = "Nadam";
  private readonly settings: { readonly beta1: number; readonly beta2: number; readonly epsilon: number };
  private readonly m: Variable[] = [];
  private readonly v: Variable[] = [];
  /** Product of the momenta so far. */
  private product!: Variable;
  /** The product with this step's momentum, shared by all weights. */
  private next: Tensor | null = null;

  constructor(options: Omit<AdamOptions, "amsgrad"> | number = {}) {
    const given: AdamOptions = typeof options === "number" ? { learningRate: options } : options;
    super("nadam", 0.001, given);
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7 } = given;
    this.settings = { beta1, beta2, epsilon };
  }
  static fromConfig(config: Config): Optimizer {
    return new Nadam(config);
  }

  protected override createState(weights: readonly Variable[]): void {
    this.product = this.scalarState("u_product", 1);
    for (const w of weights) {
      this.m.push(this.stateLike(w, "momentum"));
      this.v.push(this.stateLike(w, "velocity"));
    }
  }

  protected override update(w: Tensor, g: Tensor, rate: Tensor, step: Tensor, i: number): Tensor {
    const { beta1, beta2, epsilon } = this.settings;
    const momentum = (at: Tensor): Tensor => at.mul(Math.log(0.96)).exp().mul(-0.5).add(1).mul(beta1);
    const [now, later] = [momentum(step), momentum(step.add(1))];
    if (i === 0) {
      this.next = this.product.mul(now);
      this.product.assign(this.next);
    }
    const product = this.next!;
    const m = this.m[i]!.add(g.sub(this.m[i]!).mul(1 - beta1));
    const v = this.v[i]!.add(
      g
        .square()
        .sub(this.v[i]!)
        .mul(1 - beta2),
    );
    this.m[i]!.assign(m);
    this.v[i]!.assign(v);
    const ahead = m
      .mul(later.div(product.mul(later).neg().add(1)).astype(w.dtype))
      .add(g.mul(now.neg().add(1).div(product.neg().add(1)).astype(w.dtype)));
    const spread = v.div(missing(beta2, step).astype(w.dtype));
    return w.sub(ahead.mul(rate.astype(w.dtype)).div(sqrt(spread).add(epsilon)));
  }

  override getConfig(): Config {
    return { ...super.getConfig(), ...this.settings };
  }
}

optimizerRegistry.register(Adam, "adam");
optimizerRegistry.register(AdamW, "adamw", "adam_w");
optimizerRegistry.register(Adamax, "adamax");
optimizerRegistry.register(Nadam, "nadam");
