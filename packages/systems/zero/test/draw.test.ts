import { Random } from "@gradus/data";
import { expect, test } from "vitest";
import { chess, chessBoard } from "../games/chess/index.ts";
import type { DrawnBoard } from "../games/drawing.ts";
import { shogi, shogiBoard } from "../games/index.ts";

/** Positions of a few games of chance. */
function* positions<S extends { outcome: unknown; ply: number; legal(): number[]; play(move: number): void }>(
  begin: () => S,
  games: number,
  length: number,
): Generator<S> {
  const random = new Random(3);
  for (let i = 0; i < games; i++)
    for (const state = begin(); !state.outcome && state.ply < length; ) {
      yield state;
      const legal = state.legal();
      state.play(legal[random.integer(legal.length)]!);
    }
}

const pieceAt = ({ fields, turned = [] }: DrawnBoard, place: number): string =>
  fields[place] ? `${turned.includes(place) ? "-" : ""}${fields[place]}` : "";

test("a board of chess has each piece where it stands and each move where it leads, from both sides", () => {
  const signs: Record<string, string> = Object.fromEntries([..."KQRBNPkqrbnp"].map((letter, i) => [[..."♔♕♖♗♘♙♚♛♜♝♞♟"][i]!, letter]));
  for (const state of positions(() => chess.begin(), 3, 90)) {
    const rows = state.toString().split("\n").slice(0, 8);
    const letters = rows.flatMap((row) => row.slice(2).split(" "));
    for (const side of [0, 1] as const) {
      const drawn = chessBoard(state, side);
      const seen = drawn.fields.map((sign) => signs[sign] ?? ".");
      expect(side ? seen.reverse() : seen).toEqual(letters);
      expect(drawn.steps.map(({ move }) => move)).toEqual(state.legal());
      for (const { from, to, move, label } of drawn.steps)
        expect(`${drawn.names[from]}${drawn.names[to]}${label && (label === "knight" ? "n" : label[0])}`).toBe(state.nameOf(move));
    }
  }
  const castled = chess.begin("r3k2r/8/8/8/8/8/8/4K2R w K - 0 1");
  castled.play(castled.actionOf("e1g1"));
  const { marked, names, words, fields } = chessBoard(castled, 1);
  expect([marked.map((place) => names[place]), names[0], words[fields[1]!]]).toEqual([["e1", "g1"], "h1", "white king"]);
  const promotions = chessBoard(chess.begin("8/P6k/8/8/8/8/8/K7 w - - 0 1")).steps.filter(({ to }) => to === 0);
  expect(promotions.map(({ label }) => label).sort()).toEqual(["bishop", "knight", "queen", "rook"]);
});

test("a board of shogi has each piece, hand and move where it belongs, from both sides", () => {
  let drops = 0;
  for (const state of positions(() => shogi.begin(), 3, 140)) {
    const tokens = state
      .toString()
      .split("\n")
      .slice(2, 11)
      .flatMap((row) => row.slice(0, 27).match(/.../g)!)
      .map((token) => token.trim());
    for (const side of [0, 1] as const) {
      const drawn = shogiBoard(state, side);
      const seen = drawn.fields.map((text, place) => {
        if (!text) return ".";
        const black = drawn.turned!.includes(place) === (side === 1);
        expect(drawn.words[pieceAt(drawn, place)]).toMatch(black ? /^black/ : /^white/);
        return black ? text : text.toLowerCase();
      });
      expect(side ? seen.reverse() : seen).toEqual(tokens);
      const inHand = [...drawn.hands![0], ...drawn.hands![1]];
      for (const { from, to, move, label } of drawn.steps) {
        const begin = from < 81 ? drawn.names[from]! : `${inHand[from - 81]![0]}*`;
        expect(`${begin}${drawn.names[to]}${label === "promote" ? "+" : ""}`).toBe(state.nameOf(move));
        if (from < 81) continue;
        drops++;
        // From the hand of who is to move: below for the one that looks.
        expect(from - 81 >= drawn.hands![0].length).toBe(state.turn === side);
        expect(drawn.names[from]).toMatch(state.turn ? /^white has in hand: \d+ / : /^black has in hand: \d+ /);
      }
    }
  }
  expect(drops).toBeGreaterThan(1000);
});

test("shogi's pieces are letters or kanji, with their number in hand", () => {
  const state = shogi.begin("4k4/9/9/9/9/9/9/1+B7/4K3R w 2P3p 1");
  expect(shogiBoard(state, 0).hands).toEqual([["P3"], ["P2"]]);
  const drawn = shogiBoard(state, 0, "kanji");
  expect([drawn.hands, drawn.fields[4], drawn.fields[64], drawn.fields[80]]).toEqual([[["歩3"], ["歩2"]], "玉", "馬", "飛"]);
  expect([drawn.names.at(-1), drawn.words["馬"], drawn.words["-玉"]]).toEqual(["black has in hand: 2 pawns", "black horse", "white king"]);
});
