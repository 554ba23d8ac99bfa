import { sqrt, type Tensor, type Variable } from "@gradus/tensor";
import { Optimizer, type OptimizerArguments, type OptimizerOptions, optimizerRegistry, optionsOf } from "./optimizer.ts";

export interface MomentOptions extends OptimizerOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
}

export interface AdamOptions extends MomentOptions {
  /** Divide by the largest second moment seen so far (Reddi et al. 2018). */
  readonly amsgrad?: boolean;
}

/** 1 - base^step, exact also for a base near 1. */
const missing = (base: number, step: Tensor): Tensor => step.mul(Math.log(base)).expm1().neg();

/** A running mean: old + (value - old) · (1 - beta), assigned. */
export function runningMean(state: Variable, value: Tensor, beta: number): Tensor {
  const next = state.add(value.sub(state).mul(1 - beta));
  state.assign(next);
  return next;
}

/** The update that Adam subtracts: Keras's form, where the correction goes into the rate and epsilon is added to the uncorrected root. */
export function adamStep(
  moments: { readonly m: Variable; readonly v: Variable; readonly largest?: Variable | undefined },
  gradient: Tensor,
  rate: Tensor,
  step: Tensor,
  { beta1, beta2, epsilon }: { readonly beta1: number; readonly beta2: number; readonly epsilon: number },
): Tensor {
  const correction = sqrt(missing(beta2, step)).div(missing(beta1, step));
  const m = runningMean(moments.m, gradient, beta1);
  let second = runningMean(moments.v, gradient.square(), beta2);
  if (moments.largest) {
    second = moments.largest.maximum(second);
    moments.largest.assign(second);
  }
  return m.mul(rate.mul(correction)).div(sqrt(second).add(epsilon));
}

/**
 * Steps scaled by running means of the gradient and its square, corrected for their start at zero (Kingma & Ba 2015, algorithm 1).
 * @example
 * const x = linspace(-1, 1, 64).reshape([-1, 1]);
 * const model = new Sequential([new Dense(16, { activation: "tanh" }), new Dense(1)]);
 * model.compile({ optimizer: new Adam(0.01), loss: "mse" });
 * const history = await model.fit(x, x.square(), { epochs: 40, verbose: 0 });
 * plot(line(history.history.loss), { x: "epoch", y: { label: "loss", log: true } })
 */
export class Adam extends Optimizer {
  static override readonly className: string = "Adam";
  private readonly choices: { readonly beta1: number; readonly beta2: number; readonly epsilon: number; readonly amsgrad: boolean };
  private readonly m: Variable[] = [];
  private readonly v: Variable[] = [];
  private readonly largest: Variable[] = [];

  constructor(given: OptimizerArguments<AdamOptions> = {}, name = "adam") {
    const options = optionsOf<AdamOptions>(given);
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7, amsgrad = false } = options;
    const choices = { beta1, beta2, epsilon, amsgrad };
    super(name, 0.001, options, choices);
    this.choices = choices;
  }

  protected override createState(weights: readonly Variable[]): void {
    for (const w of weights) {
      this.m.push(this.stateLike(w, "momentum"));
      this.v.push(this.stateLike(w, "velocity"));
      if (this.choices.amsgrad) this.largest.push(this.stateLike(w, "velocity_hat"));
    }
  }

  protected override update(w: Tensor, g: Tensor, rate: Tensor, step: Tensor, i: number): Tensor {
    return w.sub(adamStep({ m: this.m[i]!, v: this.v[i]!, largest: this.largest[i] }, g, rate, step, this.choices));
  }
}

/**
 * Adam with decoupled weight decay, 0.004 unless told (Loshchilov & Hutter 2019).
 * @example
 * const x = linspace(-1, 1, 64).reshape([-1, 1]);
 * const model = new Sequential([new Dense(16, { activation: "tanh" }), new Dense(1)]);
 * model.compile({ optimizer: new AdamW({ learningRate: 0.01, weightDecay: 0.004 }), loss: "mse" });
 * const history = await model.fit(x, x.square(), { epochs: 40, verbose: 0 });
 * plot(line(history.history.loss), { x: "epoch", y: { label: "loss", log: true } })
 */
export class AdamW extends Adam {
  static override readonly className = "AdamW";
  constructor(given: OptimizerArguments<AdamOptions> = {}) {
    const options = optionsOf<AdamOptions>(given);
    super({ ...options, weightDecay: options.weightDecay === undefined ? 0.004 : options.weightDecay }, "adamw");
  }
}

/**
 * Adam with the largest recent gradient in place of the root of the second moment (Kingma & Ba 2015, algorithm 2).
 * @example
 * const x = linspace(-1, 1, 64).reshape([-1, 1]);
 * const model = new Sequential([new Dense(16, { activation: "tanh" }), new Dense(1)]);
 * model.compile({ optimizer: new Adamax(0.01), loss: "mse" });
 * const history = await model.fit(x, x.square(), { epochs: 40, verbose: 0 });
 * plot(line(history.history.loss), { x: "epoch", y: { label: "loss", log: true } })
 */
export class Adamax extends Optimizer {
  static override readonly className = "Adamax";
  private readonly choices: Required<Pick<MomentOptions, "beta1" | "beta2" | "epsilon">>;
  private readonly m: Variable[] = [];
  private readonly u: Variable[] = [];

  constructor(given: OptimizerArguments<MomentOptions> = {}) {
    const options = optionsOf<MomentOptions>(given);
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7 } = options;
    super("adamax", 0.001, options, { beta1, beta2, epsilon });
    this.choices = { beta1, beta2, epsilon };
  }

  protected override createState(weights: readonly Variable[]): void {
    for (const w of weights) {
      this.m.push(this.stateLike(w, "momentum"));
      this.u.push(this.stateLike(w, "norm"));
    }
  }

  protected override update(w: Tensor, g: Tensor, rate: Tensor, step: Tensor, i: number): Tensor {
    const { beta1, beta2, epsilon } = this.choices;
    const m = runningMean(this.m[i]!, g, beta1);
    const u = this.u[i]!.mul(beta2).maximum(g.abs());
    this.u[i]!.assign(u);
    return w.sub(m.mul(rate.div(missing(beta1, step))).div(u.add(epsilon)));
  }
}

/**
 * Adam that looks one step ahead as Nesterov's momentum does (Dozat 2016).
 * @example
 * const x = linspace(-1, 1, 64).reshape([-1, 1]);
 * const model = new Sequential([new Dense(16, { activation: "tanh" }), new Dense(1)]);
 * model.compile({ optimizer: new Nadam(0.01), loss: "mse" });
 * const history = await model.fit(x, x.square(), { epochs: 40, verbose: 0 });
 * plot(line(history.history.loss), { x: "epoch", y: { label: "loss", log: true } })
 */
export class Nadam extends Optimizer {
  static override readonly className = "Nadam";
  private readonly choices: Required<Pick<MomentOptions, "beta1" | "beta2" | "epsilon">>;
  private readonly m: Variable[] = [];
  private readonly v: Variable[] = [];
  /** The product of all momentum factors so far. */
  private readonly product = this.scalarState("u_product", 1);

  constructor(given: OptimizerArguments<MomentOptions> = {}) {
    const options = optionsOf<MomentOptions>(given);
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7 } = options;
    super("nadam", 0.001, options, { beta1, beta2, epsilon });
    this.choices = { beta1, beta2, epsilon };
  }

  protected override createState(weights: readonly Variable[]): void {
    for (const w of weights) {
      this.m.push(this.stateLike(w, "momentum"));
      this.v.push(this.stateLike(w, "velocity"));
    }
  }

  protected override update(w: Tensor, g: Tensor, rate: Tensor, step: Tensor, i: number): Tensor {
    const { beta1, beta2, epsilon } = this.choices;
    // Momentum rises slowly: beta1 · (1 - 0.96^t / 2).
    const factor = (t: Tensor): Tensor =>
      t
        .mul(Math.log(0.96))
        .exp()
        .mul(-0.5 * beta1)
        .add(beta1);
    const [now, next] = [factor(step), factor(step.add(1))];
    if (i === 0) this.product.assign(this.product.mul(now.astype("float32")));
    const product = this.product.astype(w.dtype);
    const m = runningMean(this.m[i]!, g, beta1);
    const v = runningMean(this.v[i]!, g.square(), beta2);
    const ahead = m.mul(next.div(product.mul(next).neg().add(1))).add(g.mul(now.neg().add(1).div(product.neg().add(1))));
    return w.sub(ahead.mul(rate).div(sqrt(v.div(missing(beta2, step))).add(epsilon)));
  }
}

optimizerRegistry.register(Adam, "adam");
optimizerRegistry.register(AdamW, "adamw", "adam_w");
optimizerRegistry.register(Adamax, "adamax");
optimizerRegistry.register(Nadam, "nadam");
