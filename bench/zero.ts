import { Random } from "@gradus/data";
import { setRandomSeed } from "@gradus/nn";
import {
  type Evaluator,
  evaluatorOf,
  type Game,
  gameOf,
  type NetworkConfig,
  puct,
  recipeOf,
  SelfPlay,
  search,
  Tree,
  zeroNetwork,
} from "@gradus/systems/zero";
import type { Workload } from "./workloads.ts";

/** A network of the recipe's size as searches ask it, and how many milliseconds they waited for it. */
async function waitedFor(name: string): Promise<{ game: Game; evaluate: Evaluator; waited: { ms: number } }> {
  const game = await gameOf(name);
  setRandomSeed(1);
  const network = evaluatorOf(game, zeroNetwork(game, recipeOf(name).network));
  const waited = { ms: 0 };
  const evaluate: Evaluator = async (planes, n) => {
    const start = performance.now();
    const opinions = await network(planes, n);
    waited.ms += performance.now() - start;
    return opinions;
  };
  return { game, evaluate, waited };
}

const sizeOf = ({ blocks, filters }: NetworkConfig): string => `${blocks} blocks of ${filters} channels`;

/** 200 simulations from a position some moves into the game, so many of them evaluated together. */
export function zeroSearch(name: string, parallel: number, simulations = 200): Workload {
  let share = () => 0;
  return {
    detail: `AlphaZero's search in ${name}, ${parallel} positions together, ${sizeOf(recipeOf(name).network)}`,
    simulations,
    share: () => share(),
    prepare: () => {
      const loaded = waitedFor(name);
      let total = 0;
      return async () => {
        const { game, evaluate, waited } = await loaded;
        share = () => waited.ms / total;
        const start = performance.now();
        const state = game.begin();
        for (let ply = 0; ply < Math.min(8, game.typicalLength / 4); ply++) {
          const legal = state.legal();
          state.play(legal[(7 * ply) % legal.length]!);
        }
        const tree = new Tree(state, puct(), new Random(1));
        tree.begin(simulations);
        await search([tree], evaluate, { parallel });
        total += performance.now() - start;
      };
    },
  };
}

/** Games against itself as training plays them, in one thread of games: positions that become examples. One run goes on where the last ended. */
export function zeroSelfPlay(name: string, positions: number): Workload {
  let share = () => 0;
  return {
    detail: `self-play in ${name}, ${recipeOf(name).selfPlay.simulations} simulations a move, ${sizeOf(recipeOf(name).network)}`,
    positions,
    share: () => share(),
    prepare: () => {
      const loaded = waitedFor(name);
      let play: SelfPlay | null = null;
      let total = 0;
      return async () => {
        const { game, evaluate, waited } = await loaded;
        share = () => waited.ms / total;
        play ??= new SelfPlay(game, recipeOf(name).selfPlay, 1);
        const start = performance.now();
        await play.play(evaluate, Infinity, () => {}, positions);
        total += performance.now() - start;
      };
    },
  };
}
