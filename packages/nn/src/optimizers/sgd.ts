import { ArgumentError, type Tensor, type Variable } from "@gradus/tensor";
import { Optimizer, type OptimizerArguments, type OptimizerOptions, optimizerRegistry, optionsOf } from "./optimizer.ts";

export interface SGDOptions extends OptimizerOptions {
  /** Share of the last step that is taken again; default 0. */
  readonly momentum?: number;
  /** Take the gradient's step from where momentum leads (Nesterov 1983). */
  readonly nesterov?: boolean;
}

/**
 * Steps against the gradient, with momentum if wanted: v ← momentum · v - rate · g, w ← w + v. Rate 0.01 unless told.
 * @example
 * const x = linspace(-1, 1, 64).reshape([-1, 1]);
 * const model = new Sequential([new Dense(16, { activation: "tanh" }), new Dense(1)]);
 * model.compile({ optimizer: new SGD({ learningRate: 0.1, momentum: 0.9 }), loss: "mse" });
 * const history = await model.fit(x, x.square(), { epochs: 40, verbose: 0 });
 * plot(line(history.history.loss), { x: "epoch", y: { label: "loss", log: true } })
 */
export class SGD extends Optimizer {
  static override readonly className = "SGD";
  private readonly momentum: number;
  private readonly nesterov: boolean;
  private readonly velocities: Variable[] = [];

  constructor(given: OptimizerArguments<SGDOptions> = {}) {
    const options = optionsOf<SGDOptions>(given);
    const { momentum = 0, nesterov = false } = options;
    super("sgd", 0.01, options, { momentum, nesterov });
    if (!(momentum >= 0 && momentum <= 1)) throw new ArgumentError(this.name, `momentum is ${momentum}`, "Give a number from 0 to 1");
    this.momentum = momentum;
    this.nesterov = nesterov;
  }

  protected override createState(weights: readonly Variable[]): void {
    if (this.momentum) for (const w of weights) this.velocities.push(this.stateLike(w, "momentum"));
  }

  protected override update(w: Tensor, g: Tensor, rate: Tensor, _step: Tensor, i: number): Tensor {
    const step = g.mul(rate);
    if (!this.momentum) return w.sub(step);
    const velocity = this.velocities[i]!.mul(this.momentum).sub(step);
    this.velocities[i]!.assign(velocity);
    return w.add(this.nesterov ? velocity.mul(this.momentum).sub(step) : velocity);
  }
}

optimizerRegistry.register(SGD, "sgd");
