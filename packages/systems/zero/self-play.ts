import { Random } from "@gradus/data";
import type { Game, Side } from "./games/game.ts";
import { gumbel } from "./search/gumbel.ts";
import { puct } from "./search/puct.ts";
import { type Evaluator, search, Transpositions } from "./search/search.ts";
import { most, type Strategy, Tree } from "./search/tree.ts";

/** How games for learning are played. */
export interface SelfPlayOptions {
  /** Gumbel's search learns with few simulations; PUCT is the paper's. */
  readonly search: "gumbel" | "puct";
  /** Simulations a move. */
  readonly simulations: number;
  /** Moves considered at the root of Gumbel's search. */
  readonly considered: number;
  /** PUCT: moves that are drawn in proportion to their visits, before the best one is played; 30 in the paper. */
  readonly temperatureMoves: number;
  /** PUCT: α of the noise at the root. */
  readonly noise: number;
  /** Share of the games that begin with moves of pure chance, and how many at most, so that the network sees what it would not play. */
  readonly openings: { readonly share: number; readonly moves: number };
  /** Games that a thread plays side by side. */
  readonly parallel: number;
}

/** A game as it is learned from. */
export interface PlayedGame {
  readonly moves: readonly number[];
  /** Moves of pure chance at the beginning: nothing is learned from them. */
  readonly opening: number;
  /** For each move after the opening: what the network should have said, as the moves that matter and their probabilities. */
  readonly policies: readonly { readonly moves: readonly number[]; readonly p: readonly number[] }[];
  /** What the search thought of each position after the opening, from the side of who was to move. */
  readonly values: readonly number[];
  readonly winner: Side | null;
  readonly reason: string;
}

interface Slot {
  readonly tree: Tree;
  readonly opening: number;
  readonly policies: { moves: number[]; p: number[] }[];
  readonly values: number[];
  readonly moves: number[];
}

export function strategyOf(options: SelfPlayOptions): Strategy {
  if (options.search === "gumbel") return gumbel({ considered: options.considered });
  return puct({ noise: { alpha: options.noise, fraction: 0.25 } });
}

/**
 * Games of a network against itself, several side by side. It can be left between two calls of `play` with games under way, which go
 * on with the network given next. Same seed, same calls: same games.
 */
export class SelfPlay {
  private readonly game: Game;
  private readonly options: SelfPlayOptions;
  private readonly strategy: Strategy;
  private readonly seed: number;
  private readonly known = new Transpositions();
  private slots: Slot[] = [];
  private begun = 0;

  constructor(game: Game, options: SelfPlayOptions, seed: number) {
    this.game = game;
    this.options = options;
    this.strategy = strategyOf(options);
    this.seed = seed;
  }

  /**
   * Plays on until so many more games have ended, or so many moves were played in all of them, and hands out games that end. Returns the
   * positions evaluated and the moves played.
   */
  async play(
    evaluate: Evaluator,
    games: number,
    ended: (game: PlayedGame) => void,
    mostMoves = Infinity,
  ): Promise<{ evaluations: number; moves: number }> {
    this.known.clear(); // another network, other opinions
    let left = games;
    let moves = 0;
    while (this.slots.length < this.options.parallel) this.slots.push(this.newGame());
    const slotOf = new Map(this.slots.map((slot) => [slot.tree, slot]));
    const trees = [...slotOf.keys()];
    const enough = (): boolean => left <= 0 || moves >= mostMoves;
    const next = (tree: Tree): boolean => {
      if (enough()) return false;
      const slot = slotOf.get(tree)!;
      if (tree.root?.visited) {
        this.move(slot);
        moves++;
      }
      if (!tree.state.outcome) {
        tree.begin(this.options.simulations);
        return true;
      }
      ended(record(slot));
      left--;
      // A game ends and another takes its place, as a tree that `search` does not know yet.
      const fresh = this.newGame();
      slotOf.delete(tree);
      slotOf.set(fresh.tree, fresh);
      trees[trees.indexOf(tree)] = fresh.tree;
      fresh.tree.begin(this.options.simulations);
      return false;
    };
    const evaluations = await search(trees, evaluate, { transpositions: this.known, next, stop: enough });
    this.slots = trees.map((tree) => slotOf.get(tree)!);
    return { evaluations, moves };
  }

  private newGame(): Slot {
    const random = new Random(this.seed, this.begun++);
    const state = this.game.begin();
    const { share, moves } = this.options.openings;
    let opening = random.chance(share) ? 1 + random.integer(Math.max(1, moves)) : 0;
    const played: number[] = [];
    while (played.length < opening) {
      const legal = state.legal();
      const move = legal[random.integer(legal.length)]!;
      state.play(move);
      if (state.outcome) {
        // Over before it began: one move fewer.
        state.undo();
        opening = played.length;
        break;
      }
      played.push(move);
    }
    return { tree: new Tree(state, this.strategy, random), opening, policies: [], values: [], moves: played };
  }

  private move({ tree, policies, values, moves, opening }: Slot): void {
    const root = tree.root!;
    const { temperatureMoves } = this.options;
    const temperature = this.options.search === "puct" && moves.length - opening < temperatureMoves ? 1 : 0;
    const edge = tree.result.choose(temperature);
    const target = tree.result.target();
    const kept = [...target.keys()].filter((i) => target[i]! >= 5e-4);
    const sum = kept.reduce((s, i) => s + target[i]!, 0);
    policies.push({ moves: kept.map((i) => root.actions[i]!), p: kept.map((i) => Math.round((1e4 * target[i]!) / sum) / 1e4) });
    const followed = most(root);
    values.push(Math.round((1e4 * root.total[followed]!) / root.visits[followed]!) / 1e4);
    const action = root.actions[edge]!;
    moves.push(action);
    tree.advance(action);
  }
}

function record({ tree, opening, policies, values, moves }: Slot): PlayedGame {
  const { winner, reason } = tree.state.outcome!;
  return { moves, opening, policies, values, winner, reason };
}
