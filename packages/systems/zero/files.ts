import type { Model } from "@gradus/nn";
import { FormatError, type Source } from "@gradus/tensor";
import { parseJson } from "@gradus/tensor/json";
import { type Game, gameOf } from "./games/index.ts";
import { type NetworkConfig, networkProblem, zeroNetwork } from "./model.ts";

/** What is written beside a network's weights: which game it plays, and how large it is. Records of training add to it. */
export interface ZeroDescription {
  readonly system: "zero";
  readonly game: string;
  readonly network: NetworkConfig;
}

/** Reads a description. FormatError where it is none. */
export function parseDescription(text: string, name: string): ZeroDescription {
  const fail = (problem: string): never => {
    throw new FormatError("zero", `${name} ${problem}`, "gradus train zero writes it beside the weights");
  };
  const value = parseJson(text, fail) as Partial<ZeroDescription> | null;
  const network = value?.network;
  if (value?.system !== "zero" || typeof value.game !== "string" || !network) return fail("does not describe a network that plays");
  const problem = networkProblem(network);
  if (problem) return fail(`describes no network that there is: ${problem}`);
  return value as ZeroDescription;
}

/**
 * The network of a description with weights of a file: FormatError where they do not fit, or are no numbers. With pooled heads the weights
 * of one size of board fit every other: name the game to be played.
 */
export async function loadZero(
  description: ZeroDescription,
  weights: Source,
  name = description.game,
): Promise<{ readonly game: Game; readonly model: Model }> {
  const game = await gameOf(name);
  const model = zeroNetwork(game, description.network);
  await model.loadWeights(weights);
  for (const w of model.weights)
    if (!(await w.data()).every(Number.isFinite))
      throw new FormatError(
        "zero",
        `the weights ${w.name} hold what is no finite number`,
        "The training that wrote them has failed: train anew",
      );
  return { game, model };
}
