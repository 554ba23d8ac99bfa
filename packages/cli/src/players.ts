import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type Evaluator,
  evaluatorOf,
  type Game,
  gameOf,
  loadZero,
  NetworkPlayer,
  type NetworkPlayerOptions,
  parseDescription,
} from "@gradus/systems/zero";
import { ArgumentError } from "@gradus/tensor";
import { ownErrors } from "./own-errors.ts";

const weightsFolder = new URL(".", import.meta.resolve("@gradus/systems/zero/weights/tictactoe.json"));

/** The weights that come with Gradus for a game; for Go those of another size of board where there are none of this one. */
function shipped(name: string): string | null {
  const [game = ""] = name.split(":");
  const sizes = /^go\d+$/.test(game) ? [9, 7, 5].map((n) => `go${n}`) : [];
  const found = [game, ...sizes].map((n) => fileURLToPath(new URL(`${n}.safetensors`, weightsFolder))).find(existsSync);
  return found ?? null;
}

export interface LoadedNetwork {
  readonly game: Game;
  readonly evaluate: Evaluator;
  /** The game that it has learned: of Go, perhaps on a board of another size. */
  readonly learned: string;
}

/** A network for a game: that of a folder or file of `gradus train zero`, or the one that comes with Gradus. */
export async function loadNetwork(command: string, name: string, weights?: string): Promise<LoadedNetwork> {
  await gameOf(name);
  const file = weights === undefined ? shipped(name) : weights.endsWith(".safetensors") ? weights : join(weights, "weights.safetensors");
  if (file === null) {
    const [here, other] =
      command === "gradus play"
        ? ["--weights ", `, or type the moves of both: gradus play ${name} --side both`]
        : ["network:", ", or choose other players with --first and --second"];
    throw new ArgumentError(
      command,
      `${name} comes without weights`,
      `Train some with gradus train zero --game ${name}, then give ${here}runs/zero-${name}${other}`,
    );
  }
  if (!existsSync(file)) throw new ArgumentError(command, `there is no file ${file}`, "Give a folder or file that gradus train zero wrote");
  const beside = file.replace(/\.safetensors$/, ".json");
  const text = await readFile(beside, "utf8").catch(() => null);
  if (text === null)
    throw new ArgumentError(command, `there is no ${beside}, which says what network it is`, "gradus train zero writes it");
  const description = parseDescription(text, beside);
  if (description.game !== name && description.network.heads !== "pooled")
    throw new ArgumentError(command, `${file} plays ${description.game}, not ${name}`, `Use: gradus play ${description.game}`);
  const { game, model } = await ownErrors(command, file, () => loadZero(description, file, name));
  return { game, evaluate: evaluatorOf(game, model), learned: description.game };
}

/** A player for a game, with a network as `loadNetwork` finds it. */
export async function networkPlayer(command: string, name: string, weights: string | undefined, options: NetworkPlayerOptions) {
  const { game, evaluate, learned } = await loadNetwork(command, name, weights);
  return { game, learned, player: new NetworkPlayer(evaluate, { name: "Gradus", ...options }) };
}
