import type { Random } from "@gradus/data";
import type { Game } from "./games/game.ts";
import type { PlayedGame } from "./self-play.ts";

/** Examples as arrays, a row each. */
export interface Examples {
  /** [n, rows, columns, planes] */
  readonly planes: Float32Array;
  /** [n, actions] */
  readonly policy: Float32Array;
  /** [n]: the result, from the side of who is to move. */
  readonly value: Float32Array;
}

/** The last games, as many as hold a number of positions, and examples drawn from them. */
export class Replay {
  private readonly game: Game;
  /** Positions kept. Games leave, the oldest first, while the others hold as many. */
  capacity: number;
  private games: PlayedGame[] = [];
  private count = 0;

  constructor(game: Game, capacity: number) {
    this.game = game;
    this.capacity = capacity;
  }

  /** Positions there are. */
  get positions(): number {
    return this.count;
  }

  add(game: PlayedGame): void {
    this.games.push(game);
    this.count += game.policies.length;
    let gone = 0;
    while (this.count - this.games[gone]!.policies.length >= this.capacity) this.count -= this.games[gone++]!.policies.length;
    if (gone) this.games = this.games.slice(gone);
  }

  /** n examples, each position as likely as any other, each turned or mirrored by chance. */
  draw(n: number, random: Random): Examples {
    const { game } = this;
    const size = game.rows * game.columns * game.planes;
    const planes = new Float32Array(n * size);
    const policy = new Float32Array(n * game.actions);
    const value = new Float32Array(n);
    const ends = new Float64Array(this.games.length);
    this.games.reduce((sum, { policies }, i) => {
      ends[i] = sum + policies.length;
      return ends[i]!;
    }, 0);
    const seen = new Float32Array(size);
    for (let row = 0; row < n; row++) {
      const at = random.integer(this.count);
      const which = firstAbove(ends, at);
      const played = this.games[which]!;
      const ply = played.opening + at - (ends[which]! - played.policies.length);
      const state = game.begin();
      for (let i = 0; i < ply; i++) state.play(played.moves[i]!);
      state.observe(seen);
      const { squares, actions } = game.symmetries[random.integer(game.symmetries.length)]!;
      const start = row * size;
      for (let square = 0; square < squares.length; square++)
        for (let plane = 0; plane < game.planes; plane++)
          planes[start + square * game.planes + plane] = seen[squares[square]! * game.planes + plane]!;
      const { moves, p } = played.policies[ply - played.opening]!;
      const target = new Map(moves.map((move, i) => [move, p[i]!]));
      for (let action = 0; action < game.actions; action++) policy[row * game.actions + action] = target.get(actions[action]!) ?? 0;
      value[row] = played.winner === null ? 0 : played.winner === state.turn ? 1 : -1;
    }
    return { planes, policy, value };
  }
}

/** The first place whose number is above x, in numbers that rise. */
function firstAbove(numbers: Float64Array, x: number): number {
  let [low, high] = [0, numbers.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle]! > x) high = middle;
    else low = middle + 1;
  }
  return low;
}
