import { sqrt, type Tensor, type Variable } from "@gradus/tensor";
import { runningMean } from "./adam.ts";
import { Optimizer, type OptimizerArguments, type OptimizerOptions, optimizerRegistry, optionsOf } from "./optimizer.ts";

export interface AdagradOptions extends OptimizerOptions {
  readonly initialAccumulatorValue?: number;
  readonly epsilon?: number;
}

/**
 * Steps divided by the root of the sum of all squared gradients, which starts at 0.1 (Duchi et al. 2011).
 * @example
 * const x = linspace(-1, 1, 64).reshape([-1, 1]);
 * const model = new Sequential([new Dense(16, { activation: "tanh" }), new Dense(1)]);
 * model.compile({ optimizer: new Adagrad(0.1), loss: "mse" });
 * const history = await model.fit(x, x.square(), { epochs: 40, verbose: 0 });
 * plot(line(history.history.loss), { x: "epoch", y: { label: "loss", log: true } })
 */
export class Adagrad extends Optimizer {
  static override readonly className = "Adagrad";
  private readonly initial: number;
  private readonly epsilon: number;
  private readonly sums: Variable[] = [];

  constructor(given: OptimizerArguments<AdagradOptions> = {}) {
    const options = optionsOf<AdagradOptions>(given);
    const { initialAccumulatorValue = 0.1, epsilon = 1e-7 } = options;
    super("adagrad", 0.001, options, { initialAccumulatorValue, epsilon });
    this.initial = initialAccumulatorValue;
    this.epsilon = epsilon;
  }

  protected override createState(weights: readonly Variable[]): void {
    for (const w of weights) this.sums.push(this.stateLike(w, "accumulator", this.initial));
  }

  protected override update(w: Tensor, g: Tensor, rate: Tensor, _step: Tensor, i: number): Tensor {
    const sum = this.sums[i]!.add(g.square());
    this.sums[i]!.assign(sum);
    return w.sub(g.mul(rate).div(sqrt(sum.add(this.epsilon))));
  }
}

export interface AdadeltaOptions extends OptimizerOptions {
  /** How slowly means forget; default 0.95. */
  readonly rho?: number;
  readonly epsilon?: number;
}

/**
 * Steps as large as the last ones were, by running means of squared gradients and steps (Zeiler 2012, algorithm 1).
 * @example
 * const x = linspace(-1, 1, 64).reshape([-1, 1]);
 * const model = new Sequential([new Dense(16, { activation: "tanh" }), new Dense(1)]);
 * model.compile({ optimizer: new Adadelta(1), loss: "mse" });
 * const history = await model.fit(x, x.square(), { epochs: 40, verbose: 0 });
 * plot(line(history.history.loss), { x: "epoch", y: { label: "loss", log: true } })
 */
export class Adadelta extends Optimizer {
  static override readonly className = "Adadelta";
  private readonly rho: number;
  private readonly epsilon: number;
  private readonly gradients: Variable[] = [];
  private readonly steps: Variable[] = [];

  constructor(given: OptimizerArguments<AdadeltaOptions> = {}) {
    const options = optionsOf<AdadeltaOptions>(given);
    const { rho = 0.95, epsilon = 1e-7 } = options;
    super("adadelta", 0.001, options, { rho, epsilon });
    this.rho = rho;
    this.epsilon = epsilon;
  }

  protected override createState(weights: readonly Variable[]): void {
    for (const w of weights) {
      this.gradients.push(this.stateLike(w, "accumulated_grad"));
      this.steps.push(this.stateLike(w, "accumulated_delta_var"));
    }
  }

  protected override update(w: Tensor, g: Tensor, rate: Tensor, _step: Tensor, i: number): Tensor {
    const { rho, epsilon } = this;
    const squares = runningMean(this.gradients[i]!, g.square(), rho);
    const step = sqrt(this.steps[i]!.add(epsilon).div(squares.add(epsilon))).mul(g);
    runningMean(this.steps[i]!, step.square(), rho);
    return w.sub(step.mul(rate));
  }
}

optimizerRegistry.register(Adagrad, "adagrad");
optimizerRegistry.register(Adadelta, "adadelta");
