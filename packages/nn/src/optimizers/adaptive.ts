import { ArgumentError, full, sqrt, type Tensor, type Variable } from "@gradus/tensor";
import type { Config } from "../serialize.ts";
import { Optimizer, type OptimizerOptions, optimizerRegistry } from "./optimizer.ts";

const optionsOf = <T extends OptimizerOptions>(options: T | number): T =>
  typeof options === "number" ? ({ learningRate: options } as T) : options;

export interface RMSpropOptions extends OptimizerOptions {
  readonly rho?: number;
  readonly momentum?: number;
  readonly epsilon?: number;
  /** Divide by the deviation instead of the root of the mean square. */
  readonly centered?: boolean;
}

/** Steps divided by the root of a running mean of squared gradients (Tieleman & Hinton 2012). */
export class RMSprop extends Optimizer {
  static readonly className = "RMSprop";
  private readonly settings: { readonly rho: number; readonly momentum: number; readonly epsilon: number; readonly centered: boolean };
  private readonly squares: Variable[] = [];
  private readonly means: Variable[] = [];
  private readonly momenta: Variable[] = [];

  constructor(options: RMSpropOptions | number = {}) {
    const given = optionsOf(options);
    super("rmsprop", 0.001, given);
    const { rho = 0.9, momentum = 0, epsilon = 1e-7, centered = false } = given;
    this.settings = { rho, momentum, epsilon, centered };
  }
  static fromConfig(config: Config): Optimizer {
    return new RMSprop(config);
  }

  protected override createState(weights: readonly Variable[]): void {
    for (const w of weights) {
      this.squares.push(this.stateLike(w, "velocity"));
      if (this.settings.centered) this.means.push(this.stateLike(w, "average_gradient"));
      if (this.settings.momentum) this.momenta.push(this.stateLike(w, "momentum"));
    }
  }

  protected override update(w: Tensor, g: Tensor, rate: Tensor, _step: Tensor, i: number): Tensor {
    const { rho, momentum, epsilon } = this.settings;
    const square = this.squares[i]!.mul(rho).add(g.square().mul(1 - rho));
    this.squares[i]!.assign(square);
    let spread = square;
    const average = this.means[i];
    if (average) {
      const mean = average.mul(rho).add(g.mul(1 - rho));
      average.assign(mean);
      spread = square.sub(mean.square());
    }
    const change = g.mul(rate.astype(w.dtype)).div(sqrt(spread.add(epsilon)));
    const v = this.momenta[i];
    if (!v) return w.sub(change);
    const next = v.mul(momentum).add(change);
    v.assign(next);
    return w.sub(next);
  }

  override getConfig(): Config {
    return { ...super.getConfig(), ...this.settings };
  }
}

export interface AdagradOptions extends OptimizerOptions {
  readonly initialAccumulatorValue?: number;
  readonly epsilon?: number;
}

/** Steps divided by the root of the sum of all squared gradients (Duchi et al. 2011). */
export class Adagrad extends Optimizer {
  static readonly className = "Adagrad";
  private readonly settings: { readonly initialAccumulatorValue: number; readonly epsilon: number };
  private readonly sumsOfSquares: Variable[] = [];

  constructor(options: AdagradOptions | number = {}) {
    const given = optionsOf(options);
    super("adagrad", 0.001, given);
    const { initialAccumulatorValue = 0.1, epsilon = 1e-7 } = given;
    if (!(initialAccumulatorValue >= 0))
      throw new ArgumentError("Adagrad", `initialAccumulatorValue is ${initialAccumulatorValue}`, "Give a number from 0 on");
    this.settings = { initialAccumulatorValue, epsilon };
  }
  static fromConfig(config: Config): Optimizer {
    return new Adagrad(config);
  }

  protected override createState(weights: readonly Variable[]): void {
    const { initialAccumulatorValue } = this.settings;
    for (const w of weights)
      this.sumsOfSquares.push(this.stateLike(w, "accumulator", full([...w.shape], initialAccumulatorValue, { dtype: w.dtype })));
  }

  protected override update(w: Tensor, g: Tensor, rate: Tensor, _step: Tensor, i: number): Tensor {
    const sum = this.sumsOfSquares[i]!.add(g.square());
    this.sumsOfSquares[i]!.assign(sum);
    return w.sub(g.mul(rate.astype(w.dtype)).div(sqrt(sum.add(this.settings.epsilon))));
  }

  override getConfig(): Config {
    return { ...super.getConfig(), ...this.settings };
  }
}

export interface AdadeltaOptions extends OptimizerOptions {
  readonly rho?: number;
  readonly epsilon?: number;
}

/** Steps in the units of earlier steps (Zeiler 2012). */
export class Adadelta extends Optimizer {
  static readonly className = "Adadelta";
  private readonly settings: { readonly rho: number; readonly epsilon: number };
  private readonly gradients: Variable[] = [];
  private readonly changes: Variable[] = [];

  constructor(options: AdadeltaOptions | number = {}) {
    const given = optionsOf(options);
    super("adadelta", 0.001, given);
    const { rho = 0.95, epsilon = 1e-7 } = given;
    this.settings = { rho, epsilon };
  }
  static fromConfig(config: Config): Optimizer {
    return new Adadelta(config);
  }

  protected override createState(weights: readonly Variable[]): void {
    for (const w of weights) {
      this.gradients.push(this.stateLike(w, "accumulated_grad"));
      this.changes.push(this.stateLike(w, "accumulated_delta"));
    }
  }

  protected override update(w: Tensor, g: Tensor, rate: Tensor, _step: Tensor, i: number): Tensor {
    const { rho, epsilon } = this.settings;
    const mean = (before: Tensor, x: Tensor): Tensor => before.mul(rho).add(x.square().mul(1 - rho));
    const square = mean(this.gradients[i]!, g);
    const change = g.mul(sqrt(this.changes[i]!.add(epsilon))).div(sqrt(square.add(epsilon)));
    this.gradients[i]!.assign(square);
    this.changes[i]!.assign(mean(this.changes[i]!, change));
    return w.sub(change.mul(rate.astype(w.dtype)));
  }

  override getConfig(): Config {
    return { ...super.getConfig(), ...this.settings };
  }
}

export interface LionOptions extends OptimizerOptions {
  readonly beta1?: number;
  readonly beta2?: number;
}

/** Steps of one size in the direction of the sign of a mean gradient (Chen et al. 2023). */
export class Lion extends Optimizer {
  static readonly className = "Lion";
  private readonly settings: { readonly beta1: number; readonly beta2: number };
  private readonly momenta: Variable[] = [];

  constructor(options: LionOptions | number = {}) {
    const given = optionsOf(options);
    super("lion", 0.001, given);
    const { beta1 = 0.9, beta2 = 0.99 } = given;
    this.settings = { beta1, beta2 };
  }
  static fromConfig(config: Config): Optimizer {
    return new Lion(config);
  }

  protected override createState(weights: readonly Variable[]): void {
    for (const w of weights) this.momenta.push(this.stateLike(w, "momentum"));
  }

  protected override update(w: Tensor, g: Tensor, rate: Tensor, _step: Tensor, i: number): Tensor {
    const { beta1, beta2 } = this.settings;
    const m = this.momenta[i]!;
    const direction = m
      .mul(beta1)
      .add(g.mul(1 - beta1))
      .sign();
    m.assign(m.mul(beta2).add(g.mul(1 - beta2)));
    return w.sub(direction.mul(rate.astype(w.dtype)));
  }

  override getConfig(): Config {
    return { ...super.getConfig(), ...this.settings };
  }
}

optimizerRegistry.register(RMSprop, "rmsprop");
optimizerRegistry.register(Adagrad, "adagrad");
optimizerRegistry.register(Adadelta, "adadelta");
optimizerRegistry.register(Lion, "lion");
