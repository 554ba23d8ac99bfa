import { Random } from "@gradus/data";
import { ArgumentError, FormatError, StateError } from "@gradus/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Recipe } from "../config.ts";
import { recipeOf } from "../config.ts";
import { boardSymmetries } from "../games/grid.ts";
import { connectFour, defineGame, type Game, type Rules, type Side, ticTacToe } from "../games/index.ts";
import { evaluatorOf } from "../network.ts";
import { NetworkPlayer } from "../network-player.ts";
import { puct } from "../search/puct.ts";
import { search } from "../search/search.ts";
import { Tree } from "../search/tree.ts";
import { train } from "../train.ts";
import { perft } from "./perft.ts";

type Board = readonly ("X" | "O" | "")[];
const lines = ["012", "345", "678", "036", "147", "258", "048", "246"].map((line) => [...line].map(Number));
const turnOf = (board: Board): Side => (board.filter(Boolean).length % 2) as Side;
const squares: Rules<Board> = {
  ...{ name: "squares", rows: 3, columns: 3, planes: 2, actions: 9, movePlanes: 1, symmetries: boardSymmetries(3, 0) },
  start: Array<"">(9).fill(""),
  turn: turnOf,
  legal: (board) => board.flatMap((field, i) => (field ? [] : [i])),
  play: (board, action) => board.with(action, "XO"[turnOf(board)] as "X" | "O"),
  outcome: (board) => {
    const line = lines.find(([a, b, c]) => board[a!] && board[a!] === board[b!] && board[a!] === board[c!]);
    return line ? (board[line[0]!] === "X" ? 0 : 1) : board.every(Boolean) ? "draw" : null;
  },
  observe: (board) =>
    board.flatMap((field) => [Number(field === "XO"[turnOf(board)]), Number(field !== "" && field !== "XO"[turnOf(board)])]),
  nameOf: (action) => `${"abc"[action % 3]}${3 - Math.floor(action / 3)}`,
};
const defined = defineGame(squares);

const sticksOf = (left: number): Game =>
  defineGame<{ left: number; turn: Side }>({
    ...{ name: "sticks", title: "Sticks", rows: 1, columns: left, planes: 1, actions: 3 },
    start: { left, turn: 0 },
    turn: ({ turn }) => turn,
    legal: (position) => [2, 1, 0].filter((a) => a < position.left),
    play: (position, a) => ({ left: position.left - 1 - a, turn: (1 - position.turn) as Side }),
    outcome: (position) => (position.left ? null : ((1 - position.turn) as Side)),
    observe: (position) => Array.from({ length: left }, (_, i) => Number(i < position.left)),
    show: (position) => "|".repeat(position.left),
    nameOf: (a) => String(a + 1),
  });

test("tic-tac-toe from its rules is tic-tac-toe: the same games move by move, with what a network sees", () => {
  expect(perft(defined.begin(), 6)).toBe(perft(ticTacToe.begin(), 6));
  const random = new Random(1);
  const [a, b] = [new Float32Array(18), new Float32Array(18).fill(Number.NaN)];
  for (let i = 0; i < 50; i++) {
    const [known, own] = [ticTacToe.begin(), defined.begin()];
    while (!known.outcome) {
      expect([own.legal(), own.turn, own.outcome, own.ply, own.last]).toEqual([known.legal(), known.turn, null, known.ply, known.last]);
      known.observe(a);
      own.observe(b);
      expect(b).toEqual(a);
      const move = known.legal()[random.integer(known.legal().length)]!;
      expect(own.nameOf(move)).toBe(known.nameOf(move));
      known.play(move);
      own.play(move);
    }
    expect(own.outcome!.winner).toBe(known.outcome.winner);
    expect(own.legal()).toEqual([]);
    expect(() => own.play(0)).toThrow("the game is over");
  }
});

test("moves are undone, copies go their own way, and text leads back to the position", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(6), { maxLength: 9 }), (choices) => {
      const state = defined.begin();
      const keys = [state.key];
      for (const choice of choices) {
        if (state.outcome) break;
        const legal = state.legal();
        state.play(legal[choice % legal.length]!);
        keys.push(state.key);
      }
      const [copy, again] = [state.clone(), defined.begin(state.position())];
      expect([copy.key, again.key, again.position()]).toEqual([state.key, state.key, state.position()]);
      for (const key of keys.reverse()) {
        expect(state.key).toBe(key);
        if (state.ply) state.undo();
      }
      expect(() => state.undo()).toThrow(StateError);
      expect(copy.key).toBe(again.key);
    }),
  );
});

test("text that is no position says which move cannot be played", () => {
  expect(defined.begin(" a1  c3 ").ply).toBe(2);
  for (const bad of ["a1 a1", "z9", "a1,c3", "a1 a2 b1 b2 c1 c2"]) expect(() => defined.begin(bad), bad).toThrow(FormatError);
  expect(() => defined.begin("a1 a1")).toThrow('"a1 a1" is no position: ');
});

test("a search finds the moves that win at sticks: those that leave a multiple of four", async () => {
  const nothing = async (_: Float32Array, n: number) => ({ logits: new Float32Array(3 * n), values: new Float32Array(n) });
  for (const left of [5, 6, 7, 9, 10, 11]) {
    const tree = new Tree(sticksOf(left).begin(), puct(), new Random(1));
    tree.begin(1500);
    await search([tree], nothing);
    expect(tree.root!.actions[tree.result.choose(0)]! + 1, String(left)).toBe(left % 4);
  }
});

test("a game of one's own is learned: the network with a search plays sticks without a fault", async () => {
  const game = sticksOf(10);
  const recipe: Recipe = {
    ...recipeOf("tictactoe"),
    ...{ network: { filters: 8, blocks: 1, heads: "dense" }, games: 300, gamesPerRound: 60, batchSize: 64 },
    evaluation: { rounds: 5, games: 4, simulations: 8 },
  };
  const run = train(game, recipe, { seed: 1 });
  let next = await run.next();
  while (!next.done) next = await run.next();
  const player = new NetworkPlayer(evaluatorOf(game, next.value.learner.model), { simulations: 100 });
  for (const left of [10, 9, 7, 6, 5, 3]) {
    const state = game.begin();
    for (let gone = 10 - left; gone > 0; gone -= Math.min(3, gone)) state.play(Math.min(3, gone) - 1);
    expect((await player.choose(state)).move + 1, String(left)).toBe(left % 4);
  }
});

describe("rules that break their word are told at once", () => {
  const broken = (change: Partial<Rules<Board>>, use: (game: Game) => void = (game) => game.begin().play(4)): (() => void) => {
    return () => use(defineGame({ ...squares, ...change }));
  };

  test("when the game is made", () => {
    expect(broken({ name: "two words" })).toThrow("Give a word");
    expect(broken({ rows: 0 })).toThrow("rows is 0");
    expect(broken({ actions: 9.5 })).toThrow("actions is 9.5");
    expect(broken({ movePlanes: 2 })).toThrow("2 moves for each of 9 squares");
    expect(broken({ symmetries: connectFour.symmetries })).toThrow("a symmetry is of another board");
    expect(broken({ legal: undefined as never })).toThrow("legal is no function");
    expect(broken({ start: new Map() as never })).toThrow("a position holds Map");
    expect(broken({ start: [Number.NaN] as never })).toThrow("a position holds NaN");
  });

  const observed = (game: Game): void => game.begin().observe(new Float32Array(18));
  test.each<[string, Partial<Rules<Board>>, ((game: Game) => void)?]>([
    ["turn gave 2", { turn: () => 2 as Side }],
    ["outcome gave undefined", { outcome: () => undefined as never }],
    ["outcome gave {", { outcome: () => ({ winner: 3, reason: "" }) as never }],
    ["legal gave 4, 9. Give different numbers from 0 to 8", { legal: () => [4, 9] }],
    ["legal gave 4, 4", { legal: () => [4, 4] }],
    ["legal gave no move", { legal: () => [] }],
    ["play of 4 left the position as it was", { play: (board) => board }],
    ["a position holds undefined", { play: () => undefined as never }],
    ["play changed the position", { start: [...squares.start], play: (board) => Object.assign(board, ["X"]) }],
    ['nameOf gave ""', { nameOf: () => "" }, (game) => void game.begin().nameOf(0)],
    ["observe gave 1 numbers. Give 3 * 3 * 2", { observe: () => [1] }, observed],
    ["observe gave what is no number", { observe: () => new Array<number>(18).fill(Number.NaN) }, observed],
  ])("when it is played: %s", (message, change, use) => {
    expect(broken(change, use)).toThrow(message);
    expect(broken(change, use)).toThrow(ArgumentError);
  });

  test("a game without end is ended", () => {
    const forever = defineGame<number>({
      ...{ name: "forever", rows: 1, columns: 1, planes: 1, actions: 1, start: 0 },
      ...{ turn: (n) => (n % 2) as Side, legal: () => [0], play: (n) => n + 1, outcome: () => null, observe: () => [0] },
    });
    const state = forever.begin();
    for (let i = 0; i < 1000; i++) state.play(0);
    expect(() => state.play(0)).toThrow("the game goes on after 1000 moves");
    expect(() => state.play(0)).toThrow(ArgumentError);
    expect([state.ply, state.toString()]).toEqual([1000, "1000"]);
  });
});
