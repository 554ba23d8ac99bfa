import {
  Activation,
  Add,
  BatchNormalization,
  Concatenate,
  Conv2D,
  Dense,
  Flatten,
  GlobalAveragePooling2D,
  GlobalMaxPooling2D,
  Input,
  l2,
  Model,
  Reshape,
  type SymbolicTensor,
} from "@gradus/nn";
import type { Game } from "./games/game.ts";

/** The size of a network. */
export interface NetworkConfig {
  /** Channels; the paper has 256. */
  readonly filters: number;
  /** Residual blocks; the paper has 19. */
  readonly blocks: number;
  /**
   * How the heads look at the board. "dense": every square with weights of its own, the paper's. "pooled": means and maxima over the
   * board, so that the same weights play on boards of any size.
   */
  readonly heads: "dense" | "pooled";
}

const most = { filters: 1024, blocks: 100 };

/** What is wrong with the size of a network, in a few words; null where nothing is. */
export function networkProblem({ filters, blocks, heads }: NetworkConfig): string | null {
  const whole = (n: unknown, from: number, to: number): boolean => Number.isInteger(n) && (n as number) >= from && (n as number) <= to;
  if (!whole(filters, 1, most.filters)) return `a network has 1 to ${most.filters} filters, not ${filters}`;
  if (!whole(blocks, 0, most.blocks)) return `a network has at most ${most.blocks} blocks, not ${blocks}`;
  return ["dense", "pooled"].includes(heads) ? null : `heads are "dense" or "pooled", not ${JSON.stringify(heads)}`;
}

type X = SymbolicTensor;

/**
 * AlphaZero's network (Silver and others 2018, "Representation" and "Architecture"): planes [B, rows, columns, planes] to logits of all
 * moves [B, actions] and a value [B, 1] in [-1, 1]. Weight decay λ is that of the paper's loss, c |θ|² with c = λ / 2.
 */
export function zeroNetwork(game: Game, { filters, blocks, heads }: NetworkConfig, weightDecay = 1e-4): Model {
  const decay = { kernelInitializer: "heNormal", kernelRegularizer: l2(weightDecay / 2) } as const;
  const conv = (name: string, channels: number, size: number, x: X): X =>
    new Conv2D(channels, size, { padding: "same", useBias: false, name, ...decay })(x);
  const active = (name: string, x: X): X => relu(name, new BatchNormalization({ epsilon: 1e-5, momentum: 0.9, name: `${name}.norm` })(x));
  const relu = (name: string, x: X): X => new Activation("relu", { name: `${name}.relu` })(x);
  const norm = (name: string, x: X): X => new BatchNormalization({ epsilon: 1e-5, momentum: 0.9, name: `${name}.norm` })(x);
  const dense = (name: string, units: number, x: X): X => new Dense(units, { name, ...decay })(x);
  const pooled = (name: string, x: X): X =>
    new Concatenate({ name: `${name}.pool` })([
      new GlobalAveragePooling2D({ name: `${name}.mean` })(x),
      new GlobalMaxPooling2D({ name: `${name}.max` })(x),
    ]);

  const board = Input([game.rows, game.columns, game.planes], { name: "board" });
  let x = active("stem", conv("stem", filters, 3, board));
  for (let k = 0; k < blocks; k++) {
    const name = `block${k}`;
    const first = active(`${name}.1`, conv(`${name}.1`, filters, 3, x));
    const second = norm(`${name}.2`, conv(`${name}.2`, filters, 3, first));
    x = relu(name, new Add({ name: `${name}.add` })([second, x]));
  }

  const squares = game.rows * game.columns;
  const others = game.actions - squares * game.movePlanes;
  let policy: X;
  if (game.movePlanes === 0 || (others > 0 && heads === "dense")) {
    // Two channels, then every move from every square: as in AlphaGo Zero and, for Go, AlphaZero.
    const narrow = active("policy", conv("policy", game.movePlanes ? 2 : 8, 1, x));
    policy = dense("policy.moves", game.actions, new Flatten({ name: "policy.flat" })(narrow));
  } else {
    const wide = active("policy", conv("policy", filters, 3, x));
    const moves = new Conv2D(game.movePlanes, game.movePlanes > 1 ? 3 : 1, { padding: "same", name: "policy.moves", ...decay })(wide);
    const flat = new Reshape([squares * game.movePlanes], { name: "policy.flat" })(moves);
    policy = others ? new Concatenate({ name: "policy.all" })([flat, dense("policy.others", others, pooled("policy", wide))]) : flat;
  }

  const seen =
    heads === "pooled"
      ? pooled("value", active("value", conv("value", 32, 1, x)))
      : new Flatten({ name: "value.flat" })(active("value", conv("value", game.movePlanes ? 1 : 4, 1, x)));
  const hidden = relu("value.hidden", dense("value.hidden", Math.min(256, 4 * filters), seen));
  // From zeros: a value near ±1 before anything is known would hardly learn, where tanh is flat.
  const value = new Dense(1, { ...{ activation: "tanh", name: "value.result" }, ...decay, kernelInitializer: "zeros" })(hidden);
  return new Model({ inputs: board, outputs: [policy, value], name: `zero_${game.name}` });
}
