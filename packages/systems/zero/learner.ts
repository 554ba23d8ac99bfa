import type { Random } from "@gradus/data";
import { losses, type Model, SGD } from "@gradus/nn";
import { tensor } from "@gradus/tensor";
import type { Recipe } from "./config.ts";
import type { Game } from "./games/game.ts";
import { zeroNetwork } from "./model.ts";
import type { Replay } from "./replay.ts";

/** Means over the steps of a training. */
export interface Losses {
  /** Cross-entropy between what searches found and what the network says, in nats. */
  readonly policy: number;
  /** Mean squared difference between results and values. */
  readonly value: number;
}

/** The network and how it learns: l = (z - v)² - π · log p + c |θ|² (Silver and others 2018, equation 1). */
export class Learner {
  readonly model: Model;
  private readonly game: Game;
  private readonly recipe: Recipe;

  constructor(game: Game, recipe: Recipe, model?: Model) {
    this.game = game;
    this.recipe = recipe;
    this.model = model ?? zeroNetwork(game, recipe.network, recipe.weightDecay);
    if (model) return;
    this.model.compile({
      optimizer: new SGD({ learningRate: recipe.rate, momentum: 0.9, nesterov: true, globalClipnorm: 5 }),
      loss: [new losses.CategoricalCrossentropy({ fromLogits: true }), new losses.MeanSquaredError()],
    });
  }

  /** Learns from examples drawn from the replay. */
  async train(replay: Replay, steps: number, rate: number, random: Random, progress: (step: number) => void = () => {}): Promise<Losses> {
    const { game, model } = this;
    const { batchSize } = this.recipe;
    model.optimizer.learningRate = rate;
    const sums = { policy: 0, value: 0 };
    for (let step = 0; step < steps; step++) {
      const { planes, policy, value } = replay.draw(batchSize, random);
      const x = tensor(planes).reshape([batchSize, game.rows, game.columns, game.planes]);
      const y = [tensor(policy).reshape([batchSize, game.actions]), tensor(value).reshape([batchSize, 1])];
      const logs = await model.trainOnBatch(x, y);
      const [policyLoss, valueLoss] = Object.entries(logs).flatMap(([name, loss]) => (/._loss$/.test(name) ? [loss] : []));
      sums.policy += policyLoss!;
      sums.value += valueLoss!;
      for (const array of [x, ...y]) array.dispose();
      progress(step + 1);
    }
    return { policy: sums.policy / steps, value: sums.value / steps };
  }

  /** The weights as plain arrays, in the model's order: what threads that play are sent. */
  async weights(): Promise<Float32Array[]> {
    return Promise.all(this.model.weights.map(async (w) => (await w.data()) as Float32Array));
  }
}
