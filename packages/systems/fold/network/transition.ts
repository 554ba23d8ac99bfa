import type { Tensor } from "@gradus/tensor";
import { byRows, linear, norm, type Pass, reluLinear, rowsOf } from "./layers.ts";
import { linearParameters, normParameters, type Weights } from "./parameters.ts";

/** `factor` times as many channels in between. */
export const transitionParameters = (channels: number, factor = 4) => ({
  input_layer_norm: normParameters(channels),
  transition1: linearParameters(channels, factor * channels, "relu"),
  transition2: linearParameters(factor * channels, channels, 0),
});

export type TransitionWeights = Weights<ReturnType<typeof transitionParameters>>;

/** What every place makes of its own channels: MSA transition (algorithm 9) and pair transition (algorithm 15). [..., c] → [..., c]. */
export const transition = (x: Tensor, weights: TransitionWeights, { chunk }: Pass = {}): Tensor =>
  byRows(x.shape[0]!, chunk, (from, to) =>
    linear(reluLinear(norm(rowsOf(x, from, to), weights.input_layer_norm), weights.transition1), weights.transition2),
  );
