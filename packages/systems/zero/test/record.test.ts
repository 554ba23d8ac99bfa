import { expect, test } from "vitest";
import { type Game, gameOf, type State } from "../games/index.ts";
import { movesOf } from "../games/moves.ts";
import { readKif } from "../records/kif.ts";
import { readPgn } from "../records/pgn.ts";
import { moveNames, record } from "../records/record.ts";
import { readSgf } from "../records/sgf.ts";

const finished = (game: Game, names: string) => {
  const state = game.begin();
  for (const name of names.split(" ")) state.play(state.actionOf(name));
  return { number: 0, moves: movesOf(state), opening: 0, side: 1, winner: 0, termination: "resignation", reason: "resignation" } as const;
};
const moves = (state: State): string[] => moveNames(state.game, movesOf(state));

test.each([
  ["go5", "c3 d4 b2", "sgf", (text: string) => readSgf(text)],
  ["chess", "e2e4 c7c5 g1f3", "pgn", (text: string) => readPgn(text)[0]!.state],
  ["shogi", "7g7f 3c3d 8h2b+", "kif", (text: string) => readKif(text).state],
] as const)("a game of %s is a file that is read again", async (name, played, ending, read) => {
  const game = await gameOf(name);
  const file = await record(game, finished(game, played), ["new", "old"]);
  expect(file.ending).toBe(ending);
  // The first player of the match had the second side.
  expect(file.text.indexOf("old")).toBeGreaterThan(0);
  expect(moves(read(file.text)).join(" ")).toBe(played);
});

test("a game of another kind is its players, its moves and how it ended", async () => {
  const game = await gameOf("connect4");
  expect(await record(game, finished(game, "d d c"), ["new", "old"])).toEqual({ text: "old - new\nd d c\nresignation\n", ending: "txt" });
});
