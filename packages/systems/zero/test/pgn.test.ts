import { Random } from "@gradus/data";
import { ArgumentError, FormatError } from "@gradus/tensor";
import { parsePgn } from "chessops/pgn";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ChessState, chess } from "../games/chess/chess.ts";
import { movesOf } from "../games/moves.ts";
import { type PgnResult, readPgn, writePgn } from "../records/pgn.ts";

function played(moves: string, position?: string): ChessState {
  const state = chess.begin(position);
  for (const name of moves.split(" ").filter(Boolean)) state.play(state.actionOf(name));
  return state;
}

function randomGame(seed: number, length: number): ChessState {
  const random = new Random(seed);
  const state = chess.begin();
  while (state.ply < length && !state.outcome) {
    const legal = state.legal();
    state.play(legal[random.integer(legal.length)]!);
  }
  return state;
}

test("a game is written with seven tags, numbers and a result", () => {
  const state = played("e4 e5 Bc4 Nc6 Qh5 Nf6 Qxf7#");
  expect(writePgn(state, { event: 'The "Cup"', white: "A \\ B\n", black: "C", date: "2026.11.29", round: "1" })).toBe(
    `[Event "The \\"Cup\\""]
[Site "?"]
[Date "2026.11.29"]
[Round "1"]
[White "A \\\\ B"]
[Black "C"]
[Result "1-0"]

1. e4 e5 2. Bc4 Nc6 3. Qh5 Nf6 4. Qxf7# 1-0
`,
  );
  // From another position, black to move; the game goes on, or was given up.
  const later = played("Kd7 e4 Kd6", "4k3/8/8/8/8/8/4P3/4K3 b - - 3 17");
  expect(writePgn(later)).toMatch(
    /\[Result "\*"\]\n\[SetUp "1"\]\n\[FEN "4k3\/8\/8\/8\/8\/8\/4P3\/4K3 b - - 3 17"\]\n\n17\.\.\. Kd7 18\. e4 Kd6 \*\n$/,
  );
  expect(writePgn(later, { result: "0-1" })).toMatch(/\[Result "0-1"\][\s\S]* 0-1\n$/);
  // What the rules say stands.
  expect(writePgn(state, { result: "0-1" })).toMatch(/# 1-0\n$/);
  expect(() => writePgn(later, { result: "2-0" as PgnResult })).toThrow(ArgumentError);
  expect(writePgn(chess.begin())).toMatch(/\n\n\*\n$/);
});

test("what ended a game is told in a tag and after the last move", () => {
  const comment = `Fish failed: it ended {code 1}: ${"too long ".repeat(10)}`;
  const text = writePgn(played("e4 e5"), { result: "1-0", termination: "rules infraction", comment });
  expect(text).toMatch(
    /\[Result "1-0"\]\n\[Termination "rules infraction"\]\n\n1\. e4 e5 \{Fish failed: it ended \{code 1\): (too long\s){10}\} 1-0\n$/,
  );
  const [again] = readPgn(text);
  expect([again!.state.ply, again!.result, again!.tags.get("Termination")]).toEqual([2, "1-0", "rules infraction"]);
});

test("games of chance are read as they were written, by another reader too", () => {
  const states = Array.from({ length: 12 }, (_, seed) => randomGame(seed, 30 * seed));
  const text = states.map((state, i) => writePgn(state, { round: String(i + 1) })).join("\n");
  for (const line of text.split("\n")) expect(line.length).toBeLessThan(80);
  const games = readPgn(text);
  const others = parsePgn(text);
  expect([games.length, others.length]).toEqual([12, 12]);
  for (const [i, state] of states.entries()) {
    const game = games[i]!;
    expect([movesOf(game.state), game.state.position(), game.tags.get("Round")]).toEqual([movesOf(state), state.position(), String(i + 1)]);
    expect(game.result).toBe(state.outcome ? (["1-0", "0-1"][state.outcome.winner ?? 2] ?? "1/2-1/2") : "*");
    const start = chess.begin();
    const names = movesOf(state).map((move) => {
      const name = start.sanOf(move);
      start.play(move);
      return name;
    });
    expect([...others[i]!.moves.mainline()].map(({ san }) => san)).toEqual(names);
  }
});

describe("reading", () => {
  const moves = (text: string): string[] => {
    const { state } = readPgn(text)[0]!;
    const copy = state.clone();
    const names: string[] = [];
    for (; copy.ply; copy.undo()) {
      const { last } = copy;
      copy.undo();
      names.push(copy.sanOf(last!));
      copy.play(last!);
    }
    return names.reverse();
  };

  test("comments, variations, glyphs, numbers in any form, castling with zeros and a mark at the start are understood", () => {
    const text = `\ufeff% made by hand
[Event "x"] [White "a \\"b\\" c\\\\"]
[Result "0-1"]

{A comment ( with ] signs} 1. e4! $14 e5 (1... c5 2. Nf3 (2. Nc3 {inside ) here} Nc6) 2... d6 0-1) 2.Nf3
; to the end 3. Ke2

2 ... Nc6 3 Bc4 3... Bc5?! 4.0-0 Nf6+-
`;
    expect(() => readPgn(text)).toThrow(/game 1: after 7 moves, .*"Nf6\+-" is no legal move here/);
    const good = text.replace("+-", " {%clk 0:01}").replace("0-1)", "1-0)");
    expect(moves(good)).toEqual(["e4", "e5", "Nf3", "Nc6", "Bc4", "Bc5", "O-O", "Nf6"]);
    const [game] = readPgn(good);
    expect([game!.result, game!.tags.get("White")]).toEqual(["0-1", 'a "b" c\\']);
    expect(moves("1.e4 e5 2.Nf3 1/2-1/2")).toEqual(["e4", "e5", "Nf3"]);
    expect(moves("e4 e5 12")).toEqual(["e4", "e5"]);
  });

  test("games follow one another, with and without tags or results", () => {
    const games = readPgn(`[Event "1"]\n\n1. e4 *\n\n1. d4 d5 1-0 1. c4\n[Event "3"]\n[Result "1/2-1/2"]\n\n[Event "4"]\n1. Nf3 0-1`);
    expect(games.map(({ state, result, tags }) => [state.ply, result, tags.get("Event")])).toEqual([
      [1, "*", "1"],
      [2, "1-0", undefined],
      [1, "*", undefined],
      [1, "0-1", "4"],
    ]);
  });

  test("a draw that nobody claimed is played on", () => {
    const round = "Nf3 Nf6 Ng1 Ng8";
    const [{ state } = { state: null }] = readPgn(`${round} ${round} e4 e5 *`);
    expect([state!.ply, state!.position()]).toEqual([2, "rnbqkbnr/pppp1ppp/8/4p3/4P3/8/PPPP1PPP/RNBQKBNR w KQkq - 0 6"]);
    const [late] = readPgn(`[FEN "7k/8/8/8/8/8/R7/K7 w - - 99 100"]\n\nRa3 Kg8 Ra4 Kf8 *`);
    expect(late!.state.position()).toBe("5k2/8/8/8/R7/8/8/K7 w - - 3 102");
  });

  test.each([
    ["", "the text holds none"],
    ["  \n% only this\n", "the text holds none"],
    ["1. e4 e5 2. Ke9 Nf6", 'after 2 moves, play: "Ke9" is no legal move here'],
    ["1. e4 hello", 'after 1 moves, play: "hello" is no legal move here'],
    ["1. e4 e5 2. e5", 'game 1: after 2 moves, .*"e5" is no legal move here'],
    ["1. e4 * 1. d4 d4 *", "game 2: after 1 moves"],
    ["f3 e5 g4 Qh4 a3 *", "the game is over: checkmate"],
    ["1. e4 {no end", 'there is "{no"'],
    ["1. e4 (1. d4", "a variation does not end"],
    ["1. e4 ) e5", "ends that did not begin"],
    ['[Event "x', "there is"],
    ['[FEN "8/8"]\n\n1. e4', "game 1: chess: .* is no position"],
    ['[Variant "Crazyhouse"]\n\n1. e4', "its rules are those of Crazyhouse"],
    ["1. -- e5", "there is"],
    ["Nf3 2-0", "there is"],
    ["{\u0000", "there is"],
  ])("%j is refused in a sentence", (text, problem) => {
    expect(() => readPgn(text)).toThrow(FormatError);
    expect(() => readPgn(text)).toThrow(new RegExp(problem));
  });

  test("any text is read or refused, and none hangs", () => {
    const parts = fc.constantFrom(
      ...'1. 1... e4 e5 Nf3 Nc6 O-O 0-0 e8=Q { } ( ) ; ! ?? $3 * 1-0 0-1 1/2-1/2 % [ ] " \\ \n'.split(" "),
      '[FEN "4k3/P7/8/8/8/8/8/4K3 w - - 0 1"]\n',
      '[Result "1-0"]\n',
    );
    const text = fc.array(fc.oneof({ weight: 9, arbitrary: parts }, fc.string({ maxLength: 5 })), { maxLength: 30 });
    fc.assert(
      fc.property(text, fc.constantFrom(" ", "", "\n"), (words, between) => {
        try {
          for (const { state } of readPgn(words.join(between))) expect(state.game).toBe(chess);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
          expect((error as Error).message.length).toBeLessThan(500);
        }
      }),
      { numRuns: 600, seed: 2 },
    );
    // What takes time with the square of the length would not end here.
    for (const bad of [`1${" ".repeat(1e6)}x`, `[Event "${"\\\\".repeat(5e5)}`, "(".repeat(1e6), `${"1".repeat(1e6)}`, "a".repeat(1e6)])
      expect(() => readPgn(bad)).toThrow(FormatError);
  });
});
