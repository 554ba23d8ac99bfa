import { Random } from "@gradus/data";
import { ArgumentError, FormatError, StateError } from "@gradus/tensor";
import fc from "fast-check";
import {
  handPieceTypes,
  JishogiDeclarationResult,
  JishogiDeclarationRule,
  judgeJishogiDeclaration,
  type PieceType,
  Position,
  parseUSIMove,
  Record,
  Square,
} from "tsshogi";
import { describe, expect, test } from "vitest";
import { shogi } from "../games/index.ts";
import { mayDeclare } from "../games/shogi/declaration.ts";
import { decode } from "../games/shogi/moves.ts";
import type { ShogiState } from "../games/shogi/shogi.ts";
import { perft } from "./perft.ts";

const size = shogi.rows * shogi.columns * shogi.planes;

/** Legal moves by another library, which has a test for a single move. */
function reference(sfen: string): string[] {
  const position = Position.newBySFEN(sfen)!;
  const own = position.board.listSquaresByColor(position.color);
  const hand = handPieceTypes.filter((kind) => position.hand(position.color).count(kind));
  const names: string[] = [];
  for (const to of Square.all)
    for (const from of [...own, ...hand] as (Square | PieceType)[]) {
      const move = position.createMove(from, to)!;
      for (const each of [move, move.withPromote()]) if (position.isValidMove(each)) names.push(each.usi);
    }
  return names.sort();
}

const names = (state: ShogiState): string[] => state.legal().map((move) => state.nameOf(move));

/** Plays moves by name. */
function played(moves: string, position?: string): ShogiState {
  const state = shogi.begin(position);
  for (const name of moves.split(" ")) state.play(state.actionOf(name));
  return state;
}

/** A game of moves of chance. */
function randomGame(seed: number, length: number): ShogiState {
  const random = new Random(seed);
  const state = shogi.begin();
  while (state.ply < length && !state.outcome) {
    const legal = state.legal();
    state.play(legal[random.integer(legal.length)]!);
  }
  return state;
}

const planesOf = (state: ShogiState): Float32Array => {
  const planes = new Float32Array(size).fill(Number.NaN);
  state.observe(planes);
  return planes;
};

describe("legal moves", () => {
  test("there are as many lines of play as others count", () => {
    expect([1, 2, 3, 4].map((depth) => perft(shogi.begin(), depth))).toEqual([30, 900, 25_470, 719_731]);
  });

  test("also with pieces in hand and kings in the open; and 593 moves where there are the most", () => {
    const crowded = shogi.begin("l6nl/5+P1gk/2np1S3/p1p4Pp/3P2Sp1/1PPb2P1P/P5GS1/R8/LN4bKL w RGgsn5p 1");
    expect([1, 2].map((depth) => perft(crowded, depth))).toEqual([207, 28_684]);
    expect(shogi.begin("R8/2K1S1SSk/4B4/9/9/9/9/9/1L1L1L3 b RBGSNLP3g3n17p 1").legal()).toHaveLength(593);
  });

  test("they are those of another implementation all along games of chance", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 10, max: 250 }), (seed, length) => {
        const state = randomGame(seed, length);
        for (let i = 0; i < 4 && state.ply; i++, state.undo())
          expect(state.outcome ? [] : names(state).sort(), state.position()).toEqual(state.outcome ? [] : reference(state.position()));
      }),
      { numRuns: 60, seed: 7 },
    );
  });

  test("a pawn is not dropped on a file with another, nor any piece where it could not move on", () => {
    const state = shogi.begin("4k4/9/9/9/4P4/9/9/9/4K4 b PLN 1");
    const drops = names(state).filter((name) => name.includes("*"));
    expect(drops.filter((name) => name.startsWith("P*5"))).toEqual([]);
    expect(drops.filter((name) => /^[PL]\*.a|^N\*.[ab]/.test(name))).toEqual([]);
    expect(drops).toEqual(expect.arrayContaining(["P*4b", "L*5b", "N*4c"]));
  });

  test("a dropped pawn does not mate, where a pushed pawn, a lance, or a pawn that can be taken may check", () => {
    // A gold that guards the pawn, and nowhere to go.
    const corner = "7lk/7l1/7G1/9/9/9/9/9/K8 b";
    expect(names(shogi.begin(`${corner} P 1`))).not.toContain("P*1b");
    expect(names(shogi.begin(`${corner} L 1`))).toContain("L*1b");
    // The same pawn pushed mates.
    expect(played("1c1b", "7lk/7l1/7GP/9/9/9/9/9/K8 b - 1").outcome).toEqual({ winner: 0, reason: "checkmate" });
    // A gold of white's can take the pawn, unless it is pinned.
    expect(names(shogi.begin("7lk/7g1/7G1/9/9/9/9/9/K8 b P 1"))).toContain("P*1b");
    expect(names(shogi.begin("7lk/8g/9/9/9/9/9/9/K8 b P 1"))).not.toContain("P*1b");
  });

  test("pieces promote in, into and out of the last three rows, and must where they could not move on", () => {
    expect(names(shogi.begin("8k/P8/9/9/9/9/9/9/K8 b - 1")).filter((name) => name.startsWith("9b"))).toEqual(["9b9a+"]);
    expect(names(shogi.begin("8k/9/1N7/9/9/9/9/9/K8 b - 1")).filter((name) => name.startsWith("8c"))).toEqual(["8c9a+", "8c7a+"]);
    expect(names(shogi.begin("8k/9/9/1N7/9/9/9/9/K8 b - 1")).filter((name) => name.startsWith("8d"))).toEqual(["8d9b+", "8d7b+"]);
    expect(names(shogi.begin("8k/9/S8/9/9/9/9/9/K8 b - 1"))).toEqual(expect.arrayContaining(["9c8d", "9c8d+", "9c9b+"]));
    expect(names(shogi.begin("8k/9/9/9/9/9/s8/9/8K w - 1"))).toEqual(expect.arrayContaining(["9g8f+", "9g9h"]));
    expect(names(shogi.begin("8k/9/G8/9/9/9/9/9/K8 b - 1")).filter((name) => name.endsWith("+"))).toEqual([]);
  });
});

describe("the end of a game", () => {
  test("who is mated has lost, and who has no move", () => {
    const mated = played("G*5b", "4k4/9/4P4/9/9/9/9/9/4K4 b G 1");
    expect(mated.outcome).toEqual({ winner: 0, reason: "checkmate" });
    expect(mated.legal()).toEqual([]);
    expect(() => mated.play(0)).toThrow("the game is over: checkmate");
    expect(shogi.begin("k8/2R6/1+R7/9/9/9/9/9/4K4 w - 1").outcome).toEqual({ winner: 0, reason: "no legal move" });
  });

  test("a position that stands for the fourth time draws", () => {
    const round = "2h3h 8b7b 3h2h 7b8b";
    const state = played(`${round} ${round} 2h3h 8b7b 3h2h`);
    expect(state.outcome).toBeNull();
    state.play(state.actionOf("7b8b"));
    expect(state.outcome).toEqual({ winner: null, reason: "repetition" });
    expect(state.legal()).toEqual([]);
    state.undo();
    expect(state.outcome).toBeNull();
    expect(state.legal().length).toBeGreaterThan(20);
  });

  test("who repeats by nothing but checks has lost, as another implementation says too", () => {
    for (const [begin, moves, winner] of [
      ["8k/9/9/9/9/9/9/4R4/K8 b - 1", ["5h1h", "1a2a", "1h2h", "2a1a", "2h1h"], 1],
      ["4k4/9/9/9/9/9/9/4r4/K8 w - 1", ["5h9h", "9i8i", "9h8h", "8i9i", "8h9h"], 0],
      // Not every move checks.
      ["8k/9/9/9/9/9/9/4R4/K8 b - 1", ["5h1h", "1a2a", "1h3h", "2a1a", "3h1h"], null],
    ] as const) {
      const record = new Record(Position.newBySFEN(begin)!);
      const state = shogi.begin(begin);
      for (let i = 0; !state.outcome; i = i === 4 ? 1 : i + 1) {
        expect(record.repetition).toBe(false);
        expect(record.append(record.position.createMoveByUSI(moves[i]!)!)).toBe(true);
        state.play(state.actionOf(moves[i]!));
      }
      expect(record.repetition).toBe(true);
      expect(record.perpetualCheck).toBe(winner === null ? null : ["white", "black"][winner]);
      expect(state.outcome).toEqual({ winner, reason: winner === null ? "repetition" : "perpetual check" });
    }
  });

  test("a game of 512 plies is drawn", () => {
    const random = new Random(5);
    // Kings and a gold walk about; whatever repeats is avoided.
    const state = shogi.begin("4k4/9/9/9/9/9/9/9/4K3G b - 1");
    while (!state.outcome && state.ply < 511) {
      const legal = state.legal().filter((move) => {
        state.play(move);
        const { outcome } = state;
        state.undo();
        return outcome === null || outcome.reason === "512 moves";
      });
      state.play(legal[random.integer(legal.length)]!);
    }
    expect(state.ply).toBe(511);
    expect(state.outcome).toBeNull();
    state.play(state.legal()[0]!);
    expect(state.outcome).toMatchObject({ winner: null });
    expect(state.legal()).toEqual([]);
  });

  test("an entered king may be declared when another implementation says so", () => {
    const cases: [string, boolean, boolean][] = [
      ["1K7/+R+R+B+B5/1+P+P+P+P+P+P2/9/9/9/9/9/8k b 4G 1", true, false],
      ["1K7/+R+R+B+B5/1+P+P+P+P+P+P2/9/9/9/9/9/8k b 4G2S 1", true, true],
      ["1K7/+R+R+B6/1+P+P+P+P+P+P2/9/9/9/9/9/8k b B4G4S 1", false, false],
      ["9/+R+R+B+B5/1+P+P+P+P+P+P2/1K7/9/9/9/9/8k b 4G4S 1", false, false],
      ["1Kr6/+R+B+B6/1+P+P+P+P+P+P+P1/9/9/9/9/9/8k b 4G4S 1", false, false],
      ["8K/9/9/9/9/9/1+p+p+p+p+p+p2/+r+r+b+b5/1k7 w 3g 1", true, false],
    ];
    for (const [sfen, by27, by24] of cases) {
      const { now } = shogi.begin(sfen);
      const other = Position.newBySFEN(sfen)!;
      const judged = (rule: JishogiDeclarationRule) => judgeJishogiDeclaration(rule, other, other.color) === JishogiDeclarationResult.WIN;
      // White is given the pieces that are missing from these boards by the other one.
      if (now.turn === 0)
        expect([judged(JishogiDeclarationRule.GENERAL27), judged(JishogiDeclarationRule.GENERAL24)], sfen).toEqual([by27, by24]);
      expect([mayDeclare(now, 27), mayDeclare(now, 24)], sfen).toEqual([by27, by24]);
    }
  });
});

describe("text", () => {
  test("SFEN is read, written as others write it, and read again", () => {
    for (let seed = 0; seed < 25; seed++) {
      const state = randomGame(seed, 20 + 12 * seed);
      const sfen = state.position();
      expect(Position.newBySFEN(sfen)!.getSFEN(state.ply + 1)).toBe(sfen);
      const again = shogi.begin(sfen);
      expect([again.position(), names(again)]).toEqual([sfen, state.outcome?.reason === "repetition" ? names(again) : names(state)]);
      expect(again.now.hash).toBe(state.now.hash);
    }
    expect(shogi.begin("4k4/9/9/9/9/9/9/9/4K4 b 2PG3p").position()).toBe("4k4/9/9/9/9/9/9/9/4K4 b G2P3p 1");
    expect(shogi.begin("4k4/9/9/9/9/9/9/9/9 b RGr 1").legal().length).toBeGreaterThan(0);
  });

  test.each([
    ["", /it has 1 rows/],
    ["9/9/9/9 b - 1", /it has 4 rows/],
    ["4k4/9/9/9/9/9/9/9/4K4", /does not say who is to move/],
    ["4k4/9/9/9/9/9/9/9/4K4 x - 1", /who is to move is x/],
    ["4k4/9/9/9/9/9/9/9/4K4 b", /what is in hand/],
    ["4k4/9/9/9/9/9/9/9/4K4 b K 1", /K cannot be in hand/],
    ["4k4/9/9/9/9/9/9/9/4K4 b 19P 1", /19P cannot be in hand/],
    ["4k4/9/9/9/9/9/9/9/4K4 b 0P 1", /0P cannot be in hand/],
    ["4k4/9/9/9/9/9/9/9/4K4 b P2 1", /there is no piece 2/],
    ["4k4/9/9/9/9/9/9/9/4K4 b \u017f 1", /there is no piece/],
    ["4k4/9/9/9/9/9/9/9/4K4 b 3R 1", /more than 2 R/],
    ["4k4/9/9/9/9/9/9/9/4K4 b - 0", /number of the move is 0/],
    ["4k4/9/9/9/9/9/9/9/4K4 b - 1 7g7f", /more after the number: 7g7f/],
    ["5k4/9/9/9/9/9/9/9/4K4 b - 1", /row a has not nine squares/],
    ["4k3/9/9/9/9/9/9/9/4K4 b - 1", /row a has not nine squares/],
    ["4k4/9/9/9/9/9/9/9/PPPPPPPPPP b - 1", /row i has not nine squares/],
    ["4x4/9/9/9/9/9/9/9/4K4 b - 1", /there is no piece x/],
    ["4k4/9/9/9/+G8/9/9/9/4K4 b - 1", /G does not promote/],
    ["4k4/9/9/9/+9/9/9/9/4K4 b - 1", /there is no piece \+/],
    ["9/9/9/9/9/9/9/9/9 b - 1", /there is no king/],
    ["4k4/9/9/9/9/9/9/9/3KK4 b - 1", /more than 2 K|black has two kings/],
    ["3kk4/9/9/9/9/9/9/9/9 b - 1", /white has two kings/],
    ["4k4/9/9/P8/9/P8/9/9/4K4 b - 1", /black has two pawns on file 9/],
    ["P3k4/9/9/9/9/9/9/9/4K4 b - 1", /P stands where it could not move on/],
    ["4k4/9/9/9/9/9/9/n8/4K4 b - 1", /n stands where it could not move on/],
    ["4k4/9/9/9/4R4/9/9/9/4K4 b - 1", /could take the king/],
  ])("what is no position is refused: %s", (text, reason) => {
    expect(() => shogi.begin(text)).toThrow(FormatError);
    expect(() => shogi.begin(text)).toThrow(reason);
  });

  test("any text is read or refused", () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 200 }),
        fc.integer({ min: 0, max: 60 }),
        fc.constantFrom(..."9KkPp+/ b-1RGx"),
        (text, at, sign) => {
          const start = shogi.begin().position();
          for (const wrong of [text, start.slice(0, at) + sign + start.slice(at + 1), start.slice(0, at)])
            try {
              expect(shogi.begin(wrong).legal().length).toBeGreaterThan(0);
            } catch (error) {
              expect(error).toBeInstanceOf(FormatError);
            }
        },
      ),
      { numRuns: 300, seed: 1 },
    );
  });

  test("the board is drawn with what is in hand", () => {
    const text = String(played("7g7f 3c3d 8h2b+ 3a2b"));
    expect(text.split("\n")).toEqual([
      "white has b in hand",
      "  9  8  7  6  5  4  3  2  1",
      "  l  n  s  g  k  g  .  n  l  a",
      "  .  r  .  .  .  .  .  s  .  b",
      "  p  p  p  p  p  p  .  p  p  c",
      "  .  .  .  .  .  .  p  .  .  d",
      "  .  .  .  .  .  .  .  .  .  e",
      "  .  .  P  .  .  .  .  .  .  f",
      "  P  P  .  P  P  P  P  P  P  g",
      "  .  .  .  .  .  .  .  R  .  h",
      "  L  N  S  G  K  G  S  N  L  i",
      "black has B in hand",
    ]);
  });
});

describe("what a network sees", () => {
  const at = (planes: Float32Array, row: number, column: number, plane: number): number => planes[(9 * row + column) * 362 + plane]!;

  test("362 planes and 11,259 moves, 139 a square", () => {
    expect([shogi.planes, shogi.actions, shogi.movePlanes]).toEqual([362, 11_259, 139]);
    const planes = planesOf(shogi.begin());
    // Own pawns before one, the other side's far away; first time; nothing in hand; black, no move yet.
    for (let column = 0; column < 9; column++) expect([at(planes, 6, column, 0), at(planes, 2, column, 14)]).toEqual([1, 1]);
    expect([at(planes, 7, 7, 5), at(planes, 7, 1, 4), at(planes, 1, 1, 19), at(planes, 8, 4, 7), at(planes, 0, 4, 21)]).toEqual([
      1, 1, 1, 1, 1,
    ]);
    expect([at(planes, 4, 4, 28), at(planes, 4, 4, 29), at(planes, 4, 4, 360), at(planes, 4, 4, 361)]).toEqual([1, 0, 0, 0]);
    expect(planes.reduce((sum, x) => sum + x, 0)).toBe(40 + 81);
  });

  test("all that is seen stays between 0 and 1, however long the game is said to be", () => {
    const planes = planesOf(shogi.begin("lnsgkgsnl/1r5b1/ppppppppp/9/9/9/PPPPPPPPP/1B5R1/LNSGKGSNL w - 999999"));
    expect(at(planes, 4, 4, 361)).toBe(1);
    expect(planes.every((x) => x >= 0 && x <= 1)).toBe(true);
  });

  test("white sees the board turned, pieces in hand, the colour, and the steps before", () => {
    const state = played("7g7f 3c3d 8h2b+");
    const planes = planesOf(state);
    // Black's horse on 2b, which white sees at the bottom left, second row from below.
    expect(at(planes, 7, 1, 14 + 12)).toBe(1);
    // The step before: white's pieces are still own ones, with the bishop there.
    expect(at(planes, 7, 1, 45 + 4)).toBe(1);
    // Black has a bishop of two in hand, in its planes of the other side.
    expect([at(planes, 0, 0, 38 + 4), at(planes, 8, 8, 38 + 4), at(planes, 0, 0, 31 + 4)]).toEqual([0.5, 0.5, 0]);
    expect([at(planes, 3, 3, 360), at(planes, 3, 3, 361)]).toEqual([1, Math.fround(3 / 512)]);
    // Three moves: four positions, and nothing before.
    expect([45, 90, 135, 180].map((from) => at(planes, 0, 0, from + 28))).toEqual([1, 1, 1, 0]);
  });

  test("how often a position has stood", () => {
    const state = played("2h3h 8b7b 3h2h 7b8b 2h3h");
    expect([28, 29, 30].map((plane) => at(planesOf(state), 0, 0, plane))).toEqual([0, 1, 0]);
    const third = played("2h3h 8b7b 3h2h 7b8b 2h3h 8b7b 3h2h 7b8b 2h3h");
    expect([28, 29, 30].map((plane) => at(planesOf(third), 0, 0, plane))).toEqual([0, 0, 1]);
  });

  test("a number means the same to both sides, each seeing the board its own way", () => {
    const state = shogi.begin();
    const push = state.actionOf("7g7f");
    expect(push).toBe((9 * 6 + 2) * 139);
    expect(state.actionOf("2g2f")).toBe((9 * 6 + 7) * 139);
    state.play(push);
    expect(state.nameOf(push)).toBe("3c3d");
    expect(state.actionOf("3c3d")).toBe(push);
    state.play(push);
    // Straight to the upper right over six squares, promoting.
    expect(state.actionOf("8h2b+")).toBe((9 * 7 + 1) * 139 + 66 + 8 + 5);
  });

  test("numbers and moves lead to one another", () => {
    for (const side of [0, 1] as const) {
      const meanings = new Map<string, number>();
      for (let action = 0; action < shogi.actions; action++) {
        const { from, to, promote, drop } = decode(action, side);
        if (to < 0) continue;
        expect(from === to).toBe(false);
        const meaning = [from, to, promote, drop].join();
        expect(meanings.has(meaning), meaning).toBe(false);
        meanings.set(meaning, action);
      }
      // Lines and jumps on the board, each also promoting, and drops.
      let lines = 0;
      for (let a = 0; a < 81; a++)
        for (let b = 0; b < 81; b++) {
          const [down, right] = [Math.floor(b / 9) - Math.floor(a / 9), (b % 9) - (a % 9)];
          if (a !== b && (down === 0 || right === 0 || Math.abs(down) === Math.abs(right))) lines++;
        }
      expect(meanings.size).toBe(2 * (lines + 2 * 7 * 8) + 7 * 81);
    }
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 0, max: 200 }), (seed, length) => {
        const state = randomGame(seed, length);
        for (const move of state.legal()) {
          const name = state.nameOf(move);
          expect(state.actionOf(name)).toBe(move);
          const meant = parseUSIMove(name)!;
          const { from, to, promote, drop } = decode(move, state.turn);
          const square = (at: number) => new Square(9 - (at % 9), 1 + Math.floor(at / 9));
          expect([square(to), promote]).toEqual([meant.to, meant.promote]);
          expect(drop ? handPieceTypes[["P", "L", "N", "S", "G", "B", "R"].indexOf(name[0]!)] : square(from)).toEqual(meant.from);
        }
      }),
      { numRuns: 30, seed: 2 },
    );
  });
});

test("moves are undone to the same position, copies go their own way, keys tell positions apart", () => {
  const boards = new Map<string, string>();
  for (let seed = 0; seed < 3; seed++) {
    const random = new Random(seed);
    const state = shogi.begin();
    const before: { text: string; key: string; planes: Buffer; legal: number[] }[] = [];
    while (!state.outcome && state.ply < 180) {
      const legal = state.legal();
      expect(legal).toEqual([...legal].sort((a, b) => a - b));
      expect(new Set(legal).size).toBe(legal.length);
      before.push({ text: String(state), key: state.key, planes: Buffer.from(planesOf(state).buffer), legal });
      if (state.ply % 20 === 0) expect(planesOf(state).every(Number.isFinite)).toBe(true);
      const text = `${state.turn}\n${state}`;
      expect(boards.get(state.key) ?? text).toBe(text);
      boards.set(state.key, text);
      state.play(legal[random.integer(legal.length)]!);
    }
    const copy = state.clone();
    const [text, ply] = [String(state), state.ply];
    for (const { text, key, planes, legal } of before.reverse()) {
      state.undo();
      expect([String(state), state.key, state.legal(), state.outcome]).toEqual([text, key, legal, null]);
      expect(planes.equals(Buffer.from(planesOf(state).buffer))).toBe(true);
    }
    expect(() => state.undo()).toThrow(StateError);
    expect([String(copy), copy.ply]).toEqual([text, ply]);
    copy.undo();
    expect(copy.last).toBe(ply > 1 ? copy.last : null);
    state.play(state.legal()[0]!);
    expect(copy.ply).toBe(ply - 1);
  }
});

test("moves that are none are refused, and change nothing", () => {
  const state = shogi.begin();
  const text = String(state);
  for (const bad of [-1, shogi.actions, 0.5, Number.NaN, Infinity, 0, 138])
    expect(() => state.play(bad), String(bad)).toThrow(ArgumentError);
  for (const bad of ["", "zz", "7g7e", "7g7f+", "P*5e", "7g 7f"])
    expect(() => state.actionOf(bad), bad).toThrow(/no legal move here. Legal are/);
  expect([String(state), state.ply, state.last]).toEqual([text, 0, null]);
});
