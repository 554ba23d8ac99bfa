import { ArgumentError, type Tensor, type Variable } from "@gradus/tensor";
import { runningMean } from "./adam.ts";
import { Optimizer, type OptimizerArguments, type OptimizerOptions, optimizerRegistry, optionsOf } from "./optimizer.ts";

export interface LionOptions extends OptimizerOptions {
  readonly beta1?: number;
  readonly beta2?: number;
}

/**
 * Steps of equal size in every direction: the sign of a mean of gradient and momentum (Chen et al. 2023).
 * @example
 * const x = linspace(-1, 1, 64).reshape([-1, 1]);
 * const model = new Sequential([new Dense(16, { activation: "tanh" }), new Dense(1)]);
 * model.compile({ optimizer: new Lion(0.003), loss: "mse" });
 * const history = await model.fit(x, x.square(), { epochs: 40, verbose: 0 });
 * plot(line(history.history.loss), { x: "epoch", y: { label: "loss", log: true } })
 */
export class Lion extends Optimizer {
  static override readonly className = "Lion";
  private readonly beta1: number;
  private readonly beta2: number;
  private readonly m: Variable[] = [];

  constructor(given: OptimizerArguments<LionOptions> = {}) {
    const options = optionsOf<LionOptions>(given);
    const { beta1 = 0.9, beta2 = 0.99 } = options;
    super("lion", 0.001, options, { beta1, beta2 });
    if (!(beta1 > 0 && beta1 <= 1)) throw new ArgumentError(this.name, `beta1 is ${beta1}`, "Give a number above 0, at most 1");
    this.beta1 = beta1;
    this.beta2 = beta2;
  }

  protected override createState(weights: readonly Variable[]): void {
    for (const w of weights) this.m.push(this.stateLike(w, "momentum"));
  }

  protected override update(w: Tensor, g: Tensor, rate: Tensor, _step: Tensor, i: number): Tensor {
    const { beta1, beta2 } = this;
    const direction = this.m[i]!.mul(beta1)
      .add(g.mul(1 - beta1))
      .sign();
    runningMean(this.m[i]!, g, beta2);
    return w.sub(direction.mul(rate));
  }
}

optimizerRegistry.register(Lion, "lion");
