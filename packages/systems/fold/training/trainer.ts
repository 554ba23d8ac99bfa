import { AdamW, schedules } from "@gradus/nn";
import {
  compile,
  FormatError,
  flattenTree,
  isfinite,
  random,
  randomKey,
  type Tensor,
  tensor,
  type Variable,
  valueAndGrad,
  variable,
} from "@gradus/tensor";
import type { FoldConfig } from "../config.ts";
import { foldLoss, type LossWeights, type Truth } from "../losses/index.ts";
import type { Features, Recycled } from "../network/features.ts";
import { plddtOf } from "../network/heads.ts";
import { dropFrom } from "../network/layers.ts";
import { checkpointed, headsOf, initialModel, iteration, type ModelWeights, modelParameters, nothingRecycled } from "../network/model.ts";
import { visitParameters } from "../network/parameters.ts";
import { release } from "../release.ts";
import { namedWeights, nameOf } from "../trained.ts";

/** A chain as a network sees it in one pass, and what it should say. */
export interface Lesson {
  readonly features: Features;
  readonly truth: Truth;
}

export interface TrainerOptions {
  /** Updates of the weights; the rate rises over a twentieth of them and falls along a cosine. */
  readonly steps: number;
  /** Chains whose gradients are averaged for an update. */
  readonly batchSize: number;
  readonly rate: number;
  readonly losses: LossWeights;
  readonly dropout: boolean;
  readonly seed: number;
}

/** Losses of a pass by name, weighted, and `total`, their sum. */
export type Losses = Readonly<Record<string, number>>;

/** What a pass gives besides what it leaves to the next. */
export interface Guess {
  /** Ångström, [r, 14, 3]. */
  readonly atoms: Tensor;
  /** [r] */
  readonly plddt: Tensor;
  readonly recycled: Recycled;
}

/** A network that learns: one program for a pass, one for a pass with its gradients and what they change. */
export class FoldTrainer {
  readonly config: FoldConfig;
  /** Variables. */
  readonly weights: ModelWeights;
  readonly optimizer: AdamW;
  private readonly variables: readonly Variable[];
  private readonly options: TrainerOptions;

  constructor(config: FoldConfig, options: TrainerOptions, start?: ModelWeights) {
    this.config = config;
    this.options = options;
    const initial = namedWeights(config, start ?? initialModel(config, options.seed));
    this.weights = visitParameters(modelParameters(config), (_, path) =>
      variable(initial[nameOf(path)]!, { name: nameOf(path) }),
    ) as ModelWeights;
    this.variables = flattenTree("weights", this.weights).leaves as Variable[];
    const { steps, rate, batchSize } = options;
    const warmupSteps = Math.ceil(steps / 20);
    const learningRate = new schedules.CosineDecay(rate / 100, Math.max(1, steps - warmupSteps), {
      ...{ alpha: 0.01, warmupTarget: rate, warmupSteps },
    });
    // Section 1.11.3 of the supplement, but for the schedule, and for the average, which in a short run must not be of its beginning.
    const emaMomentum = Math.max(0, Math.min(0.999, 1 - 20 / steps));
    this.optimizer = new AdamW({
      ...{ learningRate, weightDecay: 0, epsilon: 1e-6, globalClipnorm: 0.1, useEma: true, emaMomentum },
      ...(batchSize > 1 ? { gradientAccumulationSteps: batchSize } : {}),
    });
    this.optimizer.build(this.variables);
  }

  /** Before the first pass. */
  nothing(residues: number): Recycled {
    return nothingRecycled(this.config, residues);
  }

  private readonly run = compile((features: Features, recycled: Recycled) => {
    const outputs = iteration(features, recycled, this.weights, this.config.structure.layers);
    const { plddt } = headsOf(outputs, this.weights);
    return { atoms: outputs.atoms, plddt: plddtOf(plddt), recycled: outputs.recycled };
  });

  /** One pass. */
  guess(features: Features, recycled: Recycled): Guess {
    return this.run(features, recycled);
  }

  private readonly learning = compile((lesson: Lesson, recycled: Recycled, key: Tensor) => {
    const { losses, dropout } = this.options;
    const { features, truth } = lesson;
    const step = valueAndGrad(
      () => {
        const pass = dropout ? { drop: dropFrom(key) } : {};
        const outputs = iteration(features, recycled, this.weights, this.config.structure.layers, checkpointed, pass);
        const { total, parts } = foldLoss(outputs, headsOf(outputs, this.weights), features, truth, losses);
        return [total, { total, ...parts }];
      },
      { wrt: this.variables, hasAux: true },
    );
    const [[total, parts], gradients] = step() as [[Tensor, Record<string, Tensor>], Tensor[]];
    // A loss that is not finite changes nothing.
    this.optimizer.apply(gradients, this.variables, isfinite(total));
    return parts;
  });

  /** A pass with its gradients; after `batchSize` of them the weights change. `draw` gives what is dropped. */
  async learn(lesson: Lesson, recycled: Recycled, draw: number): Promise<Losses> {
    const key = random.foldIn(randomKey(this.options.seed), draw);
    const parts = this.learning(lesson, recycled, key);
    const entries = await Promise.all(Object.entries(parts).map(async ([name, x]) => [name, await x.item()] as const));
    release(parts);
    return Object.fromEntries(entries);
  }

  /** All that it takes to go on. */
  state(): Record<string, Tensor> {
    const optimizer = this.optimizer.variables.map((v, i) => [`optimizer/${i}`, v] as const);
    return { ...namedWeights(this.config, this.weights), ...Object.fromEntries(optimizer) };
  }

  /** Takes up `state`. FormatError or ShapeError for that of another network or another optimizer. */
  restore(state: Readonly<Record<string, Tensor>>): void {
    for (const [name, own] of Object.entries(namedWeights(this.config, this.weights))) {
      const kept = state[name];
      if (!kept) throw new FormatError("FoldTrainer.restore", `${name} is missing`);
      (own as Variable).assign(kept);
    }
    this.optimizer.restore(this.optimizer.variables.map((_, i) => state[`optimizer/${i}`] ?? tensor([])));
  }
}
