import { ArgumentError, type Tensor, type Variable } from "@gradus/tensor";
import { Optimizer, type OptimizerArguments, type OptimizerOptions, optimizerRegistry, optionsOf } from "./optimizer.ts";

export interface FtrlOptions extends OptimizerOptions {
  /** How the rate falls with the sum of squares; at most 0, default -0.5. */
  readonly learningRatePower?: number;
  readonly initialAccumulatorValue?: number;
  readonly l1RegularizationStrength?: number;
  readonly l2RegularizationStrength?: number;
  /** A penalty on size that, unlike l2, acts through the gradient only. */
  readonly l2ShrinkageRegularizationStrength?: number;
  readonly beta?: number;
}

/**
 * "Follow the regularised leader", whose l1 penalty gives weights that are exactly 0 (McMahan et al. 2013, algorithm 1).
 * @example
 * const x = linspace(-1, 1, 64).reshape([-1, 1]);
 * const model = new Sequential([new Dense(16, { activation: "tanh" }), new Dense(1)]);
 * model.compile({ optimizer: new Ftrl(0.1), loss: "mse" });
 * const history = await model.fit(x, x.square(), { epochs: 40, verbose: 0 });
 * plot(line(history.history.loss), { x: "epoch", y: { label: "loss", log: true } })
 */
export class Ftrl extends Optimizer {
  static override readonly className = "Ftrl";
  private readonly choices: Required<Omit<FtrlOptions, keyof OptimizerOptions>>;
  private readonly sums: Variable[] = [];
  private readonly linear: Variable[] = [];

  constructor(given: OptimizerArguments<FtrlOptions> = {}) {
    const options = optionsOf<FtrlOptions>(given);
    const {
      learningRatePower = -0.5,
      initialAccumulatorValue = 0.1,
      l1RegularizationStrength = 0,
      l2RegularizationStrength = 0,
      l2ShrinkageRegularizationStrength = 0,
      beta = 0,
    } = options;
    const choices = {
      learningRatePower,
      initialAccumulatorValue,
      l1RegularizationStrength,
      l2RegularizationStrength,
      l2ShrinkageRegularizationStrength,
      beta,
    };
    super("ftrl", 0.001, options, choices);
    if (!(learningRatePower <= 0))
      throw new ArgumentError(this.name, `learningRatePower is ${learningRatePower}`, "Give a number that is not positive");
    for (const name of Object.keys(choices) as (keyof typeof choices)[])
      if (name !== "learningRatePower" && !(choices[name] >= 0))
        throw new ArgumentError(this.name, `${name} is ${choices[name]}`, "Give a number from 0 on");
    this.choices = choices;
  }

  protected override createState(weights: readonly Variable[]): void {
    for (const w of weights) {
      this.sums.push(this.stateLike(w, "accumulator", this.choices.initialAccumulatorValue));
      this.linear.push(this.stateLike(w, "linear"));
    }
  }

  protected override update(w: Tensor, g: Tensor, rate: Tensor, _step: Tensor, i: number): Tensor {
    const {
      learningRatePower,
      l1RegularizationStrength: l1,
      l2RegularizationStrength: l2,
      l2ShrinkageRegularizationStrength: shrinkage,
      beta,
    } = this.choices;
    const old = this.sums[i]!;
    const sum = old.add(g.square());
    const [oldPower, power] = [old, sum].map((x) => x.pow(-learningRatePower)) as [Tensor, Tensor];
    const shrunk = shrinkage ? g.add(w.mul(2 * shrinkage)) : g;
    const linear = this.linear[i]!.add(shrunk).sub(power.sub(oldPower).div(rate).mul(w));
    const quadratic = power
      .add(beta)
      .div(rate)
      .add(2 * l2);
    this.sums[i]!.assign(sum);
    this.linear[i]!.assign(linear);
    return linear.clip(-l1, l1).sub(linear).div(quadratic);
  }
}

optimizerRegistry.register(Ftrl, "ftrl");
