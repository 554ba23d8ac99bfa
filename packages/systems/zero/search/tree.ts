import type { Random } from "@gradus/data";
import { ArgumentError, StateError } from "@gradus/tensor";
import type { State } from "../games/game.ts";

/** What is known of a position: the network's opinion, and what the search has seen below. Arrays have an entry per legal move. */
export interface Node {
  readonly actions: readonly number[];
  /** The network's, of the legal moves. */
  readonly logits: Float32Array;
  /** P(s, a): their softmax; at the root of a search perhaps with noise. */
  readonly prior: Float32Array;
  /** N(s, a). */
  readonly visits: Int32Array;
  /** W(s, a): the sum of the values found below each move, from the side of who moves here. Q = W / N. */
  readonly total: Float64Array;
  readonly children: (Node | typeof pending | null)[];
  /** v(s), the network's, in [-1, 1] from the side of who moves here; of a finished game the result. */
  readonly value: number;
  /** Σ N(s, a). */
  visited: number;
}

/** Stands where a position is being evaluated. */
const pending = Symbol("pending");

/** A position whose evaluation is asked for, and the way there. */
export interface Leaf {
  readonly path: readonly { readonly node: Node; readonly edge: number }[];
  readonly actions: readonly number[];
}

/** How a search goes down its tree. It knows neither game nor network. */
export interface Strategy {
  /** Whether each search is to begin with nothing known, not with what earlier ones have left of the tree. */
  readonly startsOver?: boolean;
  /** The edge to follow from a node below the root. */
  select(node: Node): number;
  /** What happens at the root of a search of so many simulations, which begins now. */
  begin(root: Node, simulations: number, random: Random): Root;
}

export interface Root {
  /** The edge that the next simulation follows. */
  select(): number;
  /** What the network should have said: a probability for each edge, after the simulations. */
  target(): Float32Array;
  /** The edge to play. A temperature above 0 lets chance decide, where the strategy leaves it to that. */
  choose(temperature: number): number;
}

/** Moves with probabilities that follow from logits. */
export function softmax(logits: ArrayLike<number>): Float32Array {
  let largest = -Infinity;
  for (let i = 0; i < logits.length; i++) largest = Math.max(largest, logits[i]!);
  const p = Float32Array.from(logits, (x) => Math.exp(x - largest));
  const sum = p.reduce((a, b) => a + b, 0);
  return p.map((x) => x / sum);
}

/** The mean value of an edge, from the side of who moves; `unvisited` where it has not been followed. */
export const meanOf = (node: Node, edge: number, unvisited: number): number =>
  node.visits[edge] ? node.total[edge]! / node.visits[edge]! : unvisited;

function newNode(actions: readonly number[], logits: Float32Array, value: number): Node {
  const n = actions.length;
  return {
    ...{ actions, logits, prior: softmax(logits), visits: new Int32Array(n), total: new Float64Array(n) },
    ...{ children: new Array<null>(n).fill(null), value, visited: 0 },
  };
}

/** Simulations of a search at most. */
export const mostSimulations = 1_000_000;

/** Room for edges: about 46 bytes each in shogi and Connect Four, 1 GB in all. */
const mostEdges = 2e7;
/** The room that a node takes: its edges, and itself as much as 24 of them. */
const roomOf = (node: Node): number => node.actions.length + 24;

/**
 * A search tree over one game (Silver and others 2018, "Search"). A simulation goes down to a position that has not been evaluated
 * (`descend`), and when its evaluation is there, the position joins the tree and its value goes up (`expand`). In between, others may
 * go down: edges on the way count as lost meanwhile, so that they look elsewhere (virtual loss, Segal 2010).
 */
export class Tree {
  /** The game at the root; between `descend` and `ascend` at the leaf. */
  readonly state: State;
  private readonly strategy: Strategy;
  private readonly random: Random;
  private node: Node | null = null;
  private rule: Root | null = null;
  private budget = 0;
  private depth = 0;
  private waiting = 0;
  private readonly room: number;
  private taken = 0;

  /** The state becomes the tree's own. Once its nodes take more room than there is, searches end with what they have. */
  constructor(state: State, strategy: Strategy, random: Random, room = mostEdges) {
    this.state = state;
    this.strategy = strategy;
    this.random = random;
    this.room = room;
  }

  /** The position to move in. null until it has been evaluated. */
  get root(): Node | null {
    return this.node;
  }

  /**
   * Begins a search for the move to play here, of at most `mostSimulations`. What is known of the position from before stays, unless the
   * strategy starts over. ArgumentError once the game is over.
   */
  begin(simulations: number): void {
    if (this.state.outcome) throw new ArgumentError("search", `the game is over: ${this.state.outcome.reason}`);
    this.budget = Math.min(simulations, mostSimulations);
    if (this.strategy.startsOver) this.keep(null);
    this.rule = this.node && this.strategy.begin(this.node, this.budget, this.random);
  }

  /** Simulations still to be begun. */
  get left(): number {
    const visited = this.node?.visited ?? 0;
    return visited && this.taken >= this.room ? 0 : Math.max(0, this.budget - visited);
  }

  /**
   * Goes down to a position to evaluate, and leaves `state` there until `ascend`. null where that is not possible now: at a
   * position that is being evaluated, "busy"; at the end of a game, whose result has counted, "over".
   */
  descend(): Leaf | "busy" | "over" {
    const { state } = this;
    if (!this.node) {
      if (this.waiting) return "busy";
      this.waiting++;
      return { path: [], actions: state.legal() };
    }
    const path: { node: Node; edge: number }[] = [];
    let node = this.node;
    let edge = this.rule!.select();
    for (;;) {
      path.push({ node, edge });
      node.visits[edge]!++;
      node.visited++;
      node.total[edge]! -= 1;
      const child = node.children[edge]!;
      if (child === pending) {
        for (const step of path) {
          step.node.visits[step.edge]!--;
          step.node.visited--;
          step.node.total[step.edge]! += 1;
        }
        this.ascend();
        return "busy";
      }
      if (child && !child.actions.length) {
        backUp(path, child.value);
        this.ascend();
        return "over";
      }
      state.play(node.actions[edge]!);
      this.depth++;
      if (!child) break;
      node = child;
      edge = this.strategy.select(node);
    }
    const { outcome } = state;
    if (outcome) {
      const value = outcome.winner === null ? 0 : outcome.winner === state.turn ? 1 : -1;
      const end = newNode([], new Float32Array(0), value);
      node.children[edge] = end;
      this.taken += roomOf(end);
      backUp(path, value);
      this.ascend();
      return "over";
    }
    node.children[edge] = pending;
    this.waiting++;
    return { path, actions: state.legal() };
  }

  /** Takes `state` back to the root. */
  ascend(): void {
    for (; this.depth > 0; this.depth--) this.state.undo();
  }

  /** The leaf joins the tree: logits of its moves in their order, value from the side of who moves there. */
  expand({ path, actions }: Leaf, logits: Float32Array, value: number): void {
    const node = newNode(actions, logits, value);
    this.waiting--;
    this.taken += roomOf(node);
    const end = path.at(-1);
    if (end) end.node.children[end.edge] = node;
    else {
      this.node = node;
      this.rule = this.strategy.begin(node, this.budget, this.random);
    }
    backUp(path, value);
  }

  /** What the search found at its root. StateError before any simulation. */
  get result(): Root {
    if (!this.rule || !this.node!.visited) throw new StateError("search", "no simulation was made");
    return this.rule;
  }

  /** Plays a move. What is known of the position it leads to is kept. */
  advance(action: number): void {
    if (this.waiting) throw new StateError("search", "positions are being evaluated", "Let the search end first");
    const edge = this.node?.actions.indexOf(action) ?? -1;
    const child = edge >= 0 ? this.node!.children[edge]! : null;
    this.state.play(action);
    this.keep(child && child !== pending && child.actions.length ? child : null);
    this.rule = null;
    this.budget = 0;
  }

  /** Of all that is known, what lies below one position, or nothing. */
  private keep(node: Node | null): void {
    this.node = node;
    this.taken = 0;
    const kept = node ? [node] : [];
    for (let next = kept.pop(); next; next = kept.pop()) {
      this.taken += roomOf(next);
      for (const child of next.children) if (child && child !== pending) kept.push(child);
    }
  }

  /** The moves that the search expects, the likeliest of each position as long as there is one that was followed. */
  line(edge: number): number[] {
    const moves: number[] = [];
    let node = this.node;
    while (node?.visits[edge]) {
      moves.push(node.actions[edge]!);
      const child: Node | typeof pending | null = node.children[edge]!;
      if (!child || child === pending || !child.actions.length) break;
      node = child;
      edge = most(node);
    }
    return moves;
  }
}

/** The edge followed most often. */
export function most(node: Node): number {
  let best = 0;
  for (let i = 1; i < node.visits.length; i++)
    if (node.visits[i]! > node.visits[best]! || (node.visits[i] === node.visits[best] && node.prior[i]! > node.prior[best]!)) best = i;
  return best;
}

/** A value goes up to the root, seen from one side and from the other in turn; the losses lent on the way down are given back. */
function backUp(path: Leaf["path"], value: number): void {
  for (let i = path.length - 1; i >= 0; i--) {
    value = -value;
    const { node, edge } = path[i]!;
    node.total[edge]! += 1 + value;
  }
}
