import { Random } from "@gradus/data";
import { ArgumentError, StateError } from "@gradus/tensor";
import type { State } from "./games/game.ts";

/** How long a player may think. Without either it decides itself; with both, what comes first ends it. */
export interface Limits {
  readonly simulations?: number;
  readonly seconds?: number;
  /** Ends the thinking at once, with the best move found so far. */
  readonly signal?: AbortSignal;
  /** Told now and then what the player thinks so far. */
  readonly progress?: (soFar: Choice) => void;
  /** How often, in seconds. Default 0.25. */
  readonly every?: number;
}

/** A move and why. */
export interface Choice {
  readonly move: number;
  /** What the player expects, in [-1, 1] from the side of who moves. */
  readonly value: number;
  readonly simulations: number;
  /** The moves it expects from here on, its own first. */
  readonly line: readonly number[];
  readonly resign?: boolean;
  /** All moves that it has looked at, the best first, where it can tell. */
  readonly candidates?: readonly Candidate[];
}

/** A move that was thought of. */
export interface Candidate {
  readonly move: number;
  /** As in `Choice`. */
  readonly value: number;
  readonly visits: number;
  /** The network's probability of it. */
  readonly prior: number;
  readonly line: readonly number[];
}

/** Whoever can choose a move: a network with a search, chance, another program. */
export interface Player {
  readonly name: string;
  /** The state is not changed. ArgumentError once the game is over. */
  choose(state: State, limits: Limits): Promise<Choice>;
}

/** Who was to move has not done so in time. */
export class LateError extends StateError {}

/** Plays any legal move. */
export function randomPlayer(seed: number): Player {
  const random = new Random(seed);
  return {
    name: "random",
    async choose(state) {
      if (state.outcome) throw new ArgumentError("choose", `the game is over: ${state.outcome.reason}`);
      const legal = state.legal();
      const move = legal[random.integer(legal.length)]!;
      return { move, value: 0, simulations: 0, line: [move] };
    },
  };
}
