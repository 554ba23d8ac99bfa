import { sqrt, type Tensor, type Variable } from "@gradus/tensor";
import { runningMean } from "./adam.ts";
import { Optimizer, type OptimizerArguments, type OptimizerOptions, optimizerRegistry, optionsOf } from "./optimizer.ts";

export interface RMSpropOptions extends OptimizerOptions {
  /** How slowly the mean of squares forgets; default 0.9. */
  readonly rho?: number;
  readonly momentum?: number;
  readonly epsilon?: number;
  /** Divide by the deviation from the mean gradient instead (Graves 2013). */
  readonly centered?: boolean;
}

/**
 * Steps divided by the root of a running mean of squared gradients plus epsilon (Tieleman & Hinton 2012).
 * @example
 * const x = linspace(-1, 1, 64).reshape([-1, 1]);
 * const model = new Sequential([new Dense(16, { activation: "tanh" }), new Dense(1)]);
 * model.compile({ optimizer: new RMSprop(0.01), loss: "mse" });
 * const history = await model.fit(x, x.square(), { epochs: 40, verbose: 0 });
 * plot(line(history.history.loss), { x: "epoch", y: { label: "loss", log: true } })
 */
export class RMSprop extends Optimizer {
  static override readonly className = "RMSprop";
  private readonly choices: { readonly rho: number; readonly momentum: number; readonly epsilon: number; readonly centered: boolean };
  private readonly squares: Variable[] = [];
  private readonly momenta: Variable[] = [];
  private readonly means: Variable[] = [];

  constructor(given: OptimizerArguments<RMSpropOptions> = {}) {
    const options = optionsOf<RMSpropOptions>(given);
    const { rho = 0.9, momentum = 0, epsilon = 1e-7, centered = false } = options;
    const choices = { rho, momentum, epsilon, centered };
    super("rmsprop", 0.001, options, choices);
    this.choices = choices;
  }

  protected override createState(weights: readonly Variable[]): void {
    for (const w of weights) {
      this.squares.push(this.stateLike(w, "velocity"));
      if (this.choices.momentum > 0) this.momenta.push(this.stateLike(w, "momentum"));
      if (this.choices.centered) this.means.push(this.stateLike(w, "average_gradient"));
    }
  }

  protected override update(w: Tensor, g: Tensor, rate: Tensor, _step: Tensor, i: number): Tensor {
    const { rho, momentum, epsilon, centered } = this.choices;
    const squares = runningMean(this.squares[i]!, g.square(), rho);
    const spread = centered ? squares.sub(runningMean(this.means[i]!, g, rho).square()) : squares;
    const step = g.mul(rate).div(sqrt(spread.add(epsilon)));
    if (!(momentum > 0)) return w.sub(step);
    const velocity = this.momenta[i]!.mul(momentum).add(step);
    this.momenta[i]!.assign(velocity);
    return w.sub(velocity);
  }
}

optimizerRegistry.register(RMSprop, "rmsprop");
