import { ArgumentError } from "@gradus/tensor";
import { type NetworkConfig, networkProblem } from "./model.ts";
import { mostSimulations } from "./search/tree.ts";
import type { SelfPlayOptions } from "./self-play.ts";

/** How a game is learned. */
export interface Recipe {
  readonly network: NetworkConfig;
  readonly selfPlay: SelfPlayOptions;
  /** Games of the whole run. */
  readonly games: number;
  /** Games from one training to the next. */
  readonly gamesPerRound: number;
  readonly batchSize: number;
  /** How often each position is learned from, on average. */
  readonly reuse: number;
  /** Positions that are learned from: at least, and as a share of all so far, and at most. */
  readonly window: { readonly least: number; readonly share: number; readonly most: number };
  /** Highest learning rate; see `rateOf` in train.ts. */
  readonly rate: number;
  readonly weightDecay: number;
  /** Rounds from one match against earlier networks to the next, games in it, and simulations a move. */
  readonly evaluation: { readonly rounds: number; readonly games: number; readonly simulations: number };
}

const common = {
  batchSize: 256,
  reuse: 4,
  rate: 0.05,
  weightDecay: 1e-4,
} as const;

const gumbel = (simulations: number, considered: number, alpha: number): SelfPlayOptions => ({
  ...{ search: "gumbel", simulations, considered, temperatureMoves: 10, noise: alpha },
  ...{ openings: { share: 0.5, moves: 8 }, parallel: 32 },
});

/** By the name of the game. */
export const recipes: Readonly<Record<string, Recipe>> = {
  tictactoe: {
    ...common,
    network: { filters: 16, blocks: 2, heads: "dense" },
    selfPlay: { ...gumbel(24, 9, 2), openings: { share: 0.7, moves: 5 } },
    ...{ games: 3000, gamesPerRound: 200, rate: 0.03, batchSize: 128 },
    window: { least: 3000, share: 0.5, most: 20_000 },
    evaluation: { rounds: 3, games: 40, simulations: 32 },
  },
  connect4: {
    ...common,
    network: { filters: 48, blocks: 4, heads: "dense" },
    selfPlay: { ...gumbel(40, 7, 1.5), openings: { share: 0.5, moves: 14 } },
    ...{ games: 16_000, gamesPerRound: 320 },
    window: { least: 20_000, share: 0.5, most: 200_000 },
    evaluation: { rounds: 5, games: 40, simulations: 64 },
  },
  othello: {
    ...common,
    network: { filters: 64, blocks: 5, heads: "dense" },
    selfPlay: gumbel(32, 12, 1),
    ...{ games: 10_000, gamesPerRound: 200 },
    window: { least: 20_000, share: 0.5, most: 300_000 },
    evaluation: { rounds: 5, games: 40, simulations: 64 },
  },
  ...Object.fromEntries(Array.from({ length: 15 }, (_, i) => [`go${i + 5}`, goRecipe(i + 5)])),
  chess: {
    ...common,
    network: { filters: 64, blocks: 6, heads: "dense" },
    selfPlay: gumbel(32, 16, 0.3),
    ...{ games: 10_000, gamesPerRound: 100 },
    window: { least: 20_000, share: 0.5, most: 300_000 },
    evaluation: { rounds: 5, games: 20, simulations: 64 },
  },
  shogi: {
    ...common,
    network: { filters: 64, blocks: 6, heads: "dense" },
    selfPlay: gumbel(32, 16, 0.15),
    ...{ games: 10_000, gamesPerRound: 100 },
    window: { least: 20_000, share: 0.5, most: 300_000 },
    evaluation: { rounds: 5, games: 20, simulations: 64 },
  },
};

function goRecipe(size: number): Recipe {
  return {
    ...common,
    network: { filters: size <= 5 ? 32 : 64, blocks: size <= 5 ? 3 : 5, heads: "pooled" },
    selfPlay: { ...gumbel(size <= 5 ? 24 : 32, 16, 10 / (size * size)), openings: { share: 0.4, moves: size <= 5 ? 4 : 6 } },
    ...{ games: size <= 5 ? 6000 : 10_000, gamesPerRound: size <= 5 ? 300 : 200 },
    window: { least: 20_000, share: 0.5, most: 200_000 },
    evaluation: { rounds: 5, games: 40, simulations: 64 },
  };
}

/** How a game is learned unless said otherwise; komi and handicap change nothing. ArgumentError names the games there are. */
export function recipeOf(name: string): Recipe {
  const [game = ""] = name.split(":");
  if (!Object.hasOwn(recipes, game))
    throw new ArgumentError("recipeOf", `there is no game ${JSON.stringify(name)}`, `Use one of ${Object.keys(recipes).join(", ")}`);
  return recipes[game]!;
}

/** ArgumentError for a recipe that no machine carries out, or whose network could not be loaded. */
export function checkRecipe({ network, selfPlay: { simulations }, games, gamesPerRound }: Recipe): void {
  const fail = (problem: string, fix: string): never => {
    throw new ArgumentError("train", problem, fix);
  };
  const problem = networkProblem(network);
  if (problem) fail(problem, "Choose another size");
  if (!(Number.isInteger(simulations) && simulations >= 1 && simulations <= mostSimulations))
    fail(`simulations are ${simulations}`, `Give a whole number from 1 to ${mostSimulations}`);
  for (const [name, n] of Object.entries({ games, gamesPerRound }))
    if (!(Number.isSafeInteger(n) && n >= 1)) fail(`${name} are ${n}`, "Give a whole number above 0");
}
