import type { DrawnBoard } from "../drawing.ts";
import type { Side } from "../game.ts";
import { decode, squareName, turned } from "./moves.ts";
import { handKinds, kindOf, sideOf, white } from "./pieces.ts";
import { pieceText } from "./sfen.ts";
import type { ShogiState } from "./shogi.ts";

/** By kind, 0 for none. */
const kanji = "・歩香桂銀角飛金玉と杏圭全馬龍";
const plainWords = ["", "pawn", "lance", "knight", "silver general", "bishop", "rook", "gold general", "king"];
const promotedWords = ["promoted pawn", "promoted lance", "promoted knight", "promoted silver", "horse", "dragon"];
const wordOf = (kind: number): string => plainWords[kind] ?? promotedWords[kind - plainWords.length]!;

/** A position of shogi with its legal moves, as a side sees it: for `custom("board", ...)`. Pieces are letters, promoted with a +, or kanji. */
export function shogiBoard(state: ShogiState, side: Side = 0, signs: "letters" | "kanji" = "letters"): DrawnBoard {
  const { board, hands, turn } = state.now;
  const sign = (kind: number): string => (signs === "kanji" ? kanji[kind]! : pieceText(kind));
  const place = (square: number): number => turned(square, side);
  const squares = Array.from(board, (_, i) => place(i));
  const words: Record<string, string> = {};
  const turnedPlaces: number[] = [];
  const fields = squares.map((square, at) => {
    const piece = board[square]!;
    if (!piece) return "";
    const [text, owner] = [sign(kindOf(piece)), sideOf(piece)];
    if (owner !== side) turnedPlaces.push(at);
    words[`${owner === side ? "" : "-"}${text}`] = `${owner ? "white" : "black"} ${wordOf(kindOf(piece))}`;
    return text;
  });
  /** Where the kinds in hand lie, that of the other side above the board: [kind + white * side]. */
  const inHand = new Map<number, number>();
  const names = squares.map(squareName);
  const handOf = (owner: Side): string[] => {
    const texts: string[] = [];
    for (let kind = handKinds; kind >= 1; kind--) {
      const count = hands[handKinds * owner + kind - 1]!;
      if (!count) continue;
      inHand.set(kind + white * owner, names.length);
      names.push(`${owner ? "white" : "black"} has in hand: ${count} ${wordOf(kind)}${count > 1 ? "s" : ""}`);
      texts.push(`${sign(kind)}${count > 1 ? count : ""}`);
    }
    return texts;
  };
  const [above, below] = [handOf((1 - side) as Side), handOf(side)];
  const last = state.last === null ? null : decode(state.last, (1 - turn) as Side);
  return {
    ...{ rows: 9, columns: 9, tiles: true, fields, names, words, hands: [above, below], turned: turnedPlaces },
    marked: last ? [last.from, last.to].filter((square) => square >= 0).map(place) : [],
    steps: state.legal().map((move) => {
      const { from, to, promote, drop } = decode(move, turn);
      const begin = drop ? inHand.get(drop + white * turn)! : place(from);
      return { from: begin, to: place(to), move, label: promote ? "promote" : "do not promote" };
    }),
  };
}
