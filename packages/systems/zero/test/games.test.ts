import { Random } from "@gradus/data";
import { ArgumentError, FormatError, StateError } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { connectFour, defineGame, type Game, gameOf, go, othello, shogi, ticTacToe } from "../games/index.ts";
import { perft } from "./perft.ts";

const games: Game[] = [ticTacToe, connectFour, othello, go({ size: 5 })];
/** Who takes the last of ten sticks wins. */
const sticks = defineGame({
  ...{ name: "sticks", rows: 1, columns: 1, planes: 1, actions: 3, start: { left: 10, turn: 0 as 0 | 1 } },
  turn: ({ turn }) => turn,
  legal: ({ left }) => [0, 1, 2].filter((a) => a < left),
  play: ({ left, turn }, a) => ({ left: left - 1 - a, turn: (1 - turn) as 0 | 1 }),
  outcome: ({ left, turn }) => (left ? null : ((1 - turn) as 0 | 1)),
  observe: () => [0],
});

test("tic-tac-toe has 255,168 games", () => {
  const state = ticTacToe.begin();
  let [games, wins] = [0, [0, 0, 0]];
  const walk = (): void => {
    if (state.outcome) {
      games++;
      wins[state.outcome.winner ?? 2]!++;
      return;
    }
    for (const move of state.legal()) {
      state.play(move);
      walk();
      state.undo();
    }
  };
  walk();
  expect([games, wins]).toEqual([255_168, [131_184, 77_904, 46_080]]);
});

test("Connect Four has as many lines of play as others count", () => {
  expect([1, 2, 3, 4, 5, 6, 7].map((depth) => perft(connectFour.begin(), depth))).toEqual([7, 49, 343, 2401, 16_807, 117_649, 823_536]);
});

test("Othello has as many lines of play as others count, passes being moves", () => {
  expect([1, 2, 3, 4, 5, 6, 7].map((depth) => perft(othello.begin(), depth))).toEqual([4, 12, 56, 244, 1396, 8200, 55_092]);
});

test("in Othello who cannot move passes, and discs are counted when nobody can", () => {
  // White cannot turn anything; black can.
  const state = othello.begin(`XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXOO.. O`);
  expect(state.legal()).toEqual([64]);
  expect(state.nameOf(64)).toBe("pass");
  state.play(64);
  state.play(state.actionOf("g8"));
  expect(state.outcome).toEqual({ winner: 0, reason: "63 to 0" });
  for (const bad of ["", "X", `${".".repeat(64)} Z`, `${".".repeat(63)} X`]) expect(() => othello.begin(bad), bad).toThrow(FormatError);
});

test.each(["1121314", "4444455", "1234443322", "12122"])("positions of Connect Four are read and written: %s", (position) => {
  expect(connectFour.begin(position).position()).toBe(position);
});

test("lines of four are seen in every direction, and only those", () => {
  const wins = ["1122334", "1212121", "12233434474", "76655454414"];
  for (const position of wins) {
    const { outcome } = connectFour.begin(position.slice(0, -1));
    expect(outcome, position).toBeNull();
    expect(connectFour.begin(position).outcome, position).toEqual({ winner: (position.length - 1) & 1, reason: "four in a row" });
  }
  // Three on the right edge and one on the left of the next row make no line.
  expect(connectFour.begin("5164741").outcome).toBeNull();
});

test("what is no position is refused with the reason", () => {
  expect(["4", " d", "D", "7"].map((name) => connectFour.begin().actionOf(name))).toEqual([3, 3, 3, 6]);
  for (const bad of ["8", "44", "0"]) expect(() => connectFour.begin().actionOf(bad), bad).toThrow(ArgumentError);
  for (const bad of ["8", "1111111", "11223344", "x", "12 3"]) expect(() => connectFour.begin(bad), bad).toThrow(FormatError);
  expect(() => connectFour.begin("11111118")).toThrow('"1" cannot be played');
  for (const bad of ["", "XXX......", "X.O", ".........X", "O........"]) expect(() => ticTacToe.begin(bad), bad).toThrow(FormatError);
});

test("a long text is not said again in full", async () => {
  const long = "z".repeat(1e6);
  for (const game of [...games, shogi, await gameOf("chess"), sticks]) {
    for (const fail of [() => game.begin(long), () => game.begin().actionOf(long)]) {
      expect(fail, game.name).toThrow(/"z{100}\.\.\."/);
      expect(fail, game.name).not.toThrow(/.{600}/s);
    }
  }
});

test("games are found by name, and an unknown name lists them", async () => {
  expect(await gameOf("connect4")).toBe(connectFour);
  await expect(gameOf("draughts")).rejects.toThrow(/there is no game "draughts".*connect4/);
  await expect(gameOf("toString")).rejects.toThrow(ArgumentError);
});

describe.each(games.map((game) => [game.title, game] as const))("%s", (_, game) => {
  const size = game.rows * game.columns * game.planes;

  test("moves are undone to the same position, names lead back to moves, keys tell positions apart", () => {
    const random = new Random(3);
    const boards = new Map<string, string>();
    for (let i = 0; i < 60; i++) {
      const state = game.begin();
      const before: { text: string; key: string; planes: Float32Array; legal: number[] }[] = [];
      const planes = () => {
        const all = new Float32Array(size).fill(Number.NaN);
        state.observe(all);
        return all;
      };
      while (!state.outcome) {
        const legal = state.legal();
        expect(legal).toEqual([...legal].sort((a, b) => a - b));
        before.push({ text: state.toString(), key: state.key, planes: planes(), legal });
        expect(planes().every(Number.isFinite)).toBe(true);
        for (const move of legal) expect(state.actionOf(state.nameOf(move))).toBe(move);
        const text = `${state.turn}\n${state}`;
        expect(boards.get(state.key) ?? text).toBe(text);
        boards.set(state.key, text);
        state.play(legal[random.integer(legal.length)]!);
      }
      expect(state.legal()).toEqual([]);
      expect(() => state.play(0)).toThrow("the game is over");
      const copy = state.clone();
      for (const { text, key, planes: seen, legal } of before.reverse()) {
        state.undo();
        expect([state.toString(), state.key, state.legal(), state.outcome]).toEqual([text, key, legal, null]);
        expect(planes()).toEqual(seen);
      }
      expect(() => state.undo()).toThrow(StateError);
      expect(copy.outcome).not.toBeNull();
    }
  });

  test("moves that are none are refused, and change nothing", () => {
    const state = game.begin();
    const text = state.toString();
    for (const bad of [-1, game.actions, 0.5, Number.NaN, Infinity]) expect(() => state.play(bad), String(bad)).toThrow(ArgumentError);
    for (const bad of ["", "zz", "-", "a99"]) expect(() => state.actionOf(bad), bad).toThrow(/no legal move here. Legal are/);
    expect([state.toString(), state.ply, state.last]).toEqual([text, 0, null]);
  });

  test("turned and mirrored games are games, seen turned and mirrored", () => {
    const random = new Random(8);
    for (const { squares, actions } of game.symmetries) {
      expect([...squares].sort((a, b) => a - b)).toEqual([...squares.keys()]);
      expect([...actions].sort((a, b) => a - b)).toEqual([...actions.keys()]);
      const [state, turned] = [game.begin(), game.begin()];
      const [a, b] = [new Float32Array(size), new Float32Array(size)];
      while (!state.outcome) {
        const legal = state.legal();
        const move = legal[random.integer(legal.length)]!;
        state.play(move);
        turned.play(actions.indexOf(move));
        state.observe(a);
        turned.observe(b);
        for (let i = 0; i < squares.length; i++)
          for (let plane = 0; plane < game.planes; plane++) expect(b[i * game.planes + plane]).toBe(a[squares[i]! * game.planes + plane]);
      }
      expect(turned.outcome?.winner).toBe(state.outcome.winner);
    }
  });
});
