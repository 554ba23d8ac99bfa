import { Random } from "@gradus/data";
import { ArgumentError } from "@gradus/tensor";
import type { State } from "./games/game.ts";
import { movesOf } from "./games/moves.ts";
import type { Candidate, Choice, Limits, Player } from "./player.ts";
import { puct } from "./search/puct.ts";
import { type Evaluator, search, Transpositions } from "./search/search.ts";
import { meanOf, mostSimulations, type Strategy, Tree } from "./search/tree.ts";

export interface NetworkPlayerOptions {
  readonly name?: string;
  /** Simulations a move where the limits do not say. Default 400. */
  readonly simulations?: number;
  /** How it searches. Default: `puct()`; `gumbel({ noise: 0 })` plays well with few simulations. */
  readonly strategy?: Strategy;
  /** Positions evaluated together. Default 8. */
  readonly parallel?: number;
  readonly seed?: number;
  /** Above 0, moves are drawn in proportion to their visits, for so many moves of the game: variety, and a weaker player. */
  readonly temperature?: number;
  readonly temperatureMoves?: number;
  /** It resigns where it expects less than this in each of its last three moves. Default: never. */
  readonly resignBelow?: number;
  /** Edges that its tree has room for: thinking ends there, whatever the limits. Default 2e7, about 1 GB. */
  readonly room?: number;
}

/** A network and a search. What it knows of a game it keeps while the game goes on (tree reuse). */
export class NetworkPlayer implements Player {
  readonly name: string;
  private readonly evaluate: Evaluator;
  private readonly options: NetworkPlayerOptions;
  private readonly random: Random;
  private readonly known = new Transpositions();
  private current: Tree | null = null;
  private hopeless = 0;

  constructor(evaluate: Evaluator, options: NetworkPlayerOptions = {}) {
    this.evaluate = evaluate;
    this.options = options;
    this.name = options.name ?? "Gradus";
    this.random = new Random(options.seed ?? 1);
  }

  /** The tree of the last search, for those who look. */
  get tree(): Tree | null {
    return this.current;
  }

  async choose(state: State, limits: Limits = {}): Promise<Choice> {
    if (state.outcome) throw new ArgumentError("choose", `the game is over: ${state.outcome.reason}`);
    const { parallel = 8, temperature = 0, temperatureMoves = Infinity, resignBelow = -Infinity } = this.options;
    const tree = this.treeFor(state);
    const timed = limits.seconds !== undefined;
    tree.begin(limits.simulations ?? (timed ? mostSimulations : (this.options.simulations ?? 400)));
    const start = performance.now();
    let told = start;
    // A search that was ended before its first simulation still has the network's opinion, and needs one simulation to have a move.
    const ended = (): boolean =>
      Boolean(tree.root?.visited && (limits.signal?.aborted || (timed && performance.now() - start >= 1000 * limits.seconds!)));
    // Neither evaluations nor walks to finished games wait for a turn of the event loop; whoever wants to end the thinking has to be heard.
    let heard = start;
    const stop = (): boolean | Promise<boolean> => {
      const now = performance.now();
      if (limits.progress && now - told > 1000 * (limits.every ?? 0.25) && tree.root?.visited) {
        told = now;
        limits.progress(this.choice(tree, tree.result.choose(0)));
      }
      if (now - heard < 20) return ended();
      return new Promise((resolve) =>
        setTimeout(() => {
          heard = performance.now();
          resolve(ended());
        }),
      );
    };
    try {
      await search([tree], this.evaluate, { parallel, transpositions: this.known, stop });
    } catch (error) {
      // Positions of the tree still wait to be evaluated, and would for ever.
      this.current = null;
      throw error;
    }
    const choice = this.choice(tree, tree.result.choose(state.ply < temperatureMoves ? temperature : 0));
    this.hopeless = choice.value < resignBelow ? this.hopeless + 1 : 0;
    return this.hopeless >= 3 ? { ...choice, resign: true } : choice;
  }

  private choice(tree: Tree, edge: number): Choice {
    const root = tree.root!;
    const candidate = (i: number): Candidate => ({
      ...{ move: root.actions[i]!, value: meanOf(root, i, root.value), visits: root.visits[i]! },
      ...{ prior: root.prior[i]!, line: tree.line(i) },
    });
    const others = [...root.visits.keys()].filter((i) => i !== edge && root.visits[i]).sort((a, b) => root.visits[b]! - root.visits[a]!);
    const candidates = [edge, ...others].map(candidate);
    const { move, value, line } = candidates[0]!;
    return { move, value, simulations: root.visited, line, candidates };
  }

  /** The tree of this game: that of the last search where the game goes on from there, else a new one. */
  private treeFor(state: State): Tree {
    const moves = movesOf(state);
    const tree = this.current;
    if (tree && tree.state.game === state.game && tree.state.ply <= moves.length) {
      const before = movesOf(tree.state);
      const start = (s: State): string => {
        const copy = s.clone();
        while (copy.ply) copy.undo();
        return copy.key;
      };
      if (before.every((move, i) => move === moves[i]) && start(tree.state) === start(state)) {
        for (const move of moves.slice(before.length)) tree.advance(move);
        return tree;
      }
    }
    this.hopeless = 0;
    this.current = new Tree(state.clone(), this.options.strategy ?? puct(), this.random, this.options.room);
    return this.current;
  }
}
