import type { Game, State } from "../games/game.ts";
import type { Leaf, Tree } from "./tree.ts";

/** The network's opinion of positions. */
export interface Opinions {
  /** [n, actions] */
  readonly logits: Float32Array;
  /** [n], in [-1, 1] from the side of who is to move. */
  readonly values: Float32Array;
}

/** Looks at n positions [n, rows, columns, planes] at once. What the arrays hold is good until the next call. */
export type Evaluator = (planes: Float32Array, n: number) => Promise<Opinions>;

/** The opinion of one position: logits of its legal moves, and the value. */
interface Opinion {
  readonly logits: Float32Array;
  readonly value: number;
}

/** Opinions that are kept by position, so that one reached in two ways is evaluated once. The oldest go first. */
export class Transpositions {
  private readonly known = new Map<string, Opinion>();
  private readonly capacity: number;
  /** How often a position was known, of how many asked for. */
  hits = 0;
  asked = 0;

  constructor(capacity = 50_000) {
    this.capacity = capacity;
  }

  get(key: string): Opinion | undefined {
    const found = this.known.get(key);
    this.asked++;
    if (found) this.hits++;
    return found;
  }

  set(key: string, opinion: Opinion): void {
    if (this.known.size >= this.capacity) this.known.delete(this.known.keys().next().value!);
    this.known.set(key, opinion);
  }

  clear(): void {
    this.known.clear();
  }
}

export interface SearchOptions {
  /** Positions of one tree that are evaluated together. More are faster and see a little less. Default 1. */
  readonly parallel?: number;
  readonly transpositions?: Transpositions | null;
  /** Asked between evaluations; true ends the search as it stands. */
  readonly stop?: () => boolean | Promise<boolean>;
  /** Told of a tree whose simulations are made; true where it has begun another search, which then goes on among the others. */
  readonly next?: (tree: Tree) => boolean;
}

/** Memory for the positions that one call of the evaluator looks at. */
class Batch {
  readonly size: number;
  private readonly evaluate: Evaluator;
  private readonly actions: number;
  private planes = new Float32Array(0);
  private readonly entries: { readonly tree: Tree; readonly leaf: Leaf; readonly key: string }[] = [];

  constructor(game: Game, evaluate: Evaluator) {
    this.size = game.rows * game.columns * game.planes;
    this.actions = game.actions;
    this.evaluate = evaluate;
  }

  get count(): number {
    return this.entries.length;
  }

  add(tree: Tree, leaf: Leaf, state: State, key: string): void {
    const at = this.entries.length * this.size;
    if (at + this.size > this.planes.length) {
      const larger = new Float32Array(2 * (at + this.size));
      larger.set(this.planes);
      this.planes = larger;
    }
    state.observe(this.planes.subarray(at, at + this.size));
    this.entries.push({ tree, leaf, key });
  }

  async run(known: Transpositions | null): Promise<void> {
    const n = this.entries.length;
    const { logits, values } = await this.evaluate(this.planes.subarray(0, n * this.size), n);
    for (const [i, { tree, leaf, key }] of this.entries.entries()) {
      const opinion = { logits: Float32Array.from(leaf.actions, (a) => logits[i * this.actions + a]!), value: values[i]! };
      known?.set(key, opinion);
      tree.expand(leaf, opinion.logits, opinion.value);
    }
    this.entries.length = 0;
  }
}

/**
 * Searches that share a network: each tree gets the simulations that its `begin` asked for, and positions of all go to the evaluator
 * together. Returns the positions evaluated.
 */
export async function search(trees: readonly Tree[], evaluate: Evaluator, options: SearchOptions = {}): Promise<number> {
  const { parallel = 1, transpositions: known = null, stop, next } = options;
  const [first] = trees;
  if (!first) return 0;
  const batch = new Batch(first.state.game, evaluate);
  let evaluated = 0;
  for (;;) {
    let searching = false;
    for (const tree of trees) {
      let ended = 0;
      while (tree.left === 0 && next?.(tree));
      searching ||= tree.left > 0;
      // A walk that ends at a finished game costs no evaluation; some of them in a row are enough for a turn.
      for (let own = 0; own < parallel && tree.left > 0 && ended < 16 * parallel; ) {
        const leaf = tree.descend();
        if (leaf === "busy") break;
        if (leaf === "over") {
          ended++;
          continue;
        }
        const key = known ? tree.state.key : "";
        const opinion = known?.get(key);
        if (opinion) {
          tree.ascend();
          tree.expand(leaf, opinion.logits, opinion.value);
          ended++;
          continue;
        }
        batch.add(tree, leaf, tree.state, key);
        tree.ascend();
        own++;
      }
    }
    if (batch.count) {
      evaluated += batch.count;
      await batch.run(known);
      // Trees that have just come to their end without an evaluation are asked for the next search first.
    } else if (!searching && trees.every((tree) => tree.left === 0)) return evaluated;
    const ended = stop?.() ?? false;
    if (ended === true || (ended && (await ended))) return evaluated;
  }
}
