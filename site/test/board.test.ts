import { expect, test } from "vitest";
import { boardOf, movesOf } from "../src/lib/outputs/board.ts";

const small = { rows: 1, columns: 3, fields: ["x", "", "o"] };

test("a board has what its cell says, and what every board has", () => {
  const board = boardOf({ ...small, checkered: true, shades: [0, 2, -1], names: ["a1", "b1", "c1"], words: { x: "a cross" } })!;
  expect([...board.open]).toEqual([1]);
  expect(board).toMatchObject({
    rows: 1,
    columns: 3,
    crossings: false,
    checkered: true,
    steps: [],
    marked: null,
    shades: [0, 1, 0],
    tiles: false,
    words: { x: "a cross" },
  });
  const chess = boardOf({
    ...small,
    steps: [
      { from: 0, to: 1, move: 7, label: "queen" },
      { from: 0, to: 3, move: 8 },
    ],
    hands: [[], ["p"]],
    turned: [2, 9],
    marked: [],
    tiles: true,
    names: ["a", "b", "c", "white has in hand: a pawn", "nowhere"],
  })!;
  // Fields whose moves are steps are not moves themselves; the place in hand follows the fields.
  expect([...chess.open]).toEqual([]);
  expect(chess.steps).toEqual([
    { from: 0, to: 1, move: 7, label: "queen" },
    { from: 0, to: 3, move: 8, label: "" },
  ]);
  expect([...chess.turned]).toEqual([2]);
  expect(chess.marked).toEqual(new Set());
  expect([chess.tiles, chess.names.length]).toEqual([true, 4]);
});

test("data of a stranger make no board, or one without what is wrong with them", () => {
  for (const bad of [
    null,
    3,
    "board",
    [],
    {},
    { ...small, rows: 0 },
    { ...small, rows: 27 },
    { ...small, fields: ["x"] },
    { ...small, fields: [1, 2, 3] },
    { ...small, fields: ["xxxx", "", ""] },
  ])
    expect(boardOf(bad), JSON.stringify(bad)).toBeNull();
  const wild = {
    ...{
      ...small,
      open: [0, 5, -1, "1", null],
      steps: [null, 3, { from: 0, to: 99, move: 1 }, { from: 0, to: 1, move: -1 }, { from: 0, to: 1, move: 2, label: {} }],
    },
    ...{
      others: [
        { label: "x".repeat(100), move: 1 },
        { label: "pass", move: 9 },
      ],
      hands: [["long piece"], "p"],
      shades: "dark",
      names: [{}, "b1"],
      words: { a: 5, b: "bee" },
    },
  };
  const board = boardOf(wild)!;
  expect([...board.open]).toEqual([0]);
  expect(board.steps).toEqual([{ from: 0, to: 1, move: 2, label: "" }]);
  expect(board.others).toEqual([{ label: "pass", move: 9 }]);
  expect([board.hands, board.shades, board.names, board.words]).toEqual([[[], []], [], ["", "b1"], { b: "bee" }]);
  expect(boardOf({ ...small, steps: Array.from({ length: 5000 }, () => ({ from: 0, to: 1, move: 1 })) })!.steps).toHaveLength(1000);
});

test("moves are whole numbers, and not without end", () => {
  expect(movesOf([1, "2", 3.5, null, 4])).toEqual([1, 4]);
  expect(movesOf("moves")).toEqual([]);
  expect(movesOf(Array.from({ length: 9999 }, () => 1))).toHaveLength(2000);
});
