import { Random } from "@gradus/data";
import { ArgumentError, FormatError, StateError } from "@gradus/tensor";
import { INITIAL_FEN, makeFen, parseFen } from "chessops/fen";
import { defaultSetup } from "chessops/setup";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ChessState, chess } from "../games/chess/chess.ts";
import { decode, encode, movePlanes } from "../games/chess/moves.ts";
import { gameOf } from "../index.ts";
import { perft } from "./perft.ts";

const size = 64 * chess.planes;
const long = process.env["GRADUS_TEST_LONG"] === "1";

/** Plays moves, as UCI or people write them. */
function played(moves: string, position?: string): ChessState {
  const state = chess.begin(position);
  for (const name of moves.split(" ").filter(Boolean)) state.play(state.actionOf(name));
  return state;
}

/** A game of moves of chance. */
function randomGame(seed: number, length: number): ChessState {
  const random = new Random(seed);
  const state = chess.begin();
  while (state.ply < length && !state.outcome) {
    const legal = state.legal();
    state.play(legal[random.integer(legal.length)]!);
  }
  return state;
}

const names = (state: ChessState): string[] => state.legal().map((move) => state.nameOf(move));

const planesOf = (state: ChessState): Float32Array => {
  const planes = new Float32Array(size).fill(Number.NaN);
  state.observe(planes);
  return planes;
};

/** Where two lists of numbers differ first; -1 for nowhere. */
const difference = (a: Float32Array, b: Float32Array): number => a.findIndex((x, i) => x !== b[i]);

/** Of one plane, row by row from the top. */
const plane = (planes: Float32Array, k: number): number[] => Array.from({ length: 64 }, (_, square) => planes[square * chess.planes + k]!);

/** The same position with colours changed and the board turned about. */
function mirrored(fen: string): string {
  const [board, turn, rights, passing, ...counts] = fen.split(" ");
  const swap = (text: string): string => text.replace(/[a-z]/gi, (c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()));
  const order = "KQkq";
  return [
    swap(board!).split("/").reverse().join("/"),
    turn === "w" ? "b" : "w",
    rights === "-" ? "-" : [...swap(rights!)].sort((a, b) => order.indexOf(a) - order.indexOf(b)).join(""),
    passing === "-" ? "-" : `${passing![0]}${9 - Number(passing![1])}`,
    ...counts,
  ].join(" ");
}

const kiwipete = "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1";
const promotions = "r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1";

// Counts: chessprogramming.org, "Perft Results".
test.each([
  ["the start", INITIAL_FEN, 5, [20, 400, 8902, 197_281, 4_865_609]],
  ["Kiwipete", kiwipete, long ? 4 : 3, [48, 2039, 97_862, 4_085_603]],
  ["position 3", "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1", long ? 6 : 4, [14, 191, 2812, 43_238, 674_624, 11_030_083]],
  ["position 4", promotions, long ? 5 : 4, [6, 264, 9467, 422_333, 15_833_292]],
  ["position 4, mirrored", mirrored(promotions), 3, [6, 264, 9467]],
  ["position 5", "rnbq1k1r/pp1Pbppp/2p5/8/2B5/8/PPP1NnPP/RNBQK2R w KQ - 1 8", long ? 4 : 3, [44, 1486, 62_379, 2_103_487]],
  [
    "position 6",
    "r4rk1/1pp1qppp/p1np1n2/2b1p1B1/2B1P1b1/P1NP1N2/1PP1QPPP/R4RK1 w - - 0 10",
    ...([long ? 4 : 3, [46, 2079, 89_890, 3_894_594]] as const),
  ],
])("there are as many lines of play from %s as others count", (_, fen, depth, counts) => {
  const state = chess.begin(fen);
  expect(counts.slice(0, depth).map((_, i) => perft(state, i + 1))).toEqual(counts.slice(0, depth));
  expect(state.ply).toBe(0);
});

describe("moves and their numbers", () => {
  test("of the 4,672 those lead anywhere that a queen, a knight or a pawn at the end can make", () => {
    expect([chess.actions, movePlanes, chess.planes]).toEqual([4672, 73, 119]);
    for (const side of [0, 1] as const) {
      const all = Array.from({ length: 4672 }, (_, action) => ({ action, ...decode(action, side) })).filter(({ to }) => to >= 0);
      // 1,456 of queens, 336 of knights, 22 of pawns for each of three pieces.
      expect(all).toHaveLength(1456 + 336 + 66);
      for (const { action, from, to, under } of all) expect(encode(from, to, under, side)).toBe(action);
      // From a square, in one direction after another, one to seven squares far.
      const e4 = 4 * 8 + 4;
      const [north, east] = [decode(e4 * 73, side), decode(e4 * 73 + 14, side)];
      expect([north.to - north.from, east.to - east.from]).toEqual([side ? -8 : 8, 1]);
    }
    // Squares that no move connects.
    expect([encode(0, 12, null, 0), encode(0, 8, "rook", 0), encode(52, 60, "rook", 1)]).toEqual([-1, -1, -1]);
  });

  test("every legal move has a number of its own, and every name, UCI's and people's, leads back to it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 0, max: 300 }), (seed, length) => {
        const state = randomGame(seed, length);
        for (let i = 0; i < 6; i++) {
          const legal = state.legal();
          expect(legal).toEqual([...new Set(legal)].sort((a, b) => a - b));
          expect(new Set(names(state)).size).toBe(legal.length);
          expect(new Set(legal.map((move) => state.sanOf(move))).size).toBe(legal.length);
          for (const move of legal) {
            expect(state.actionOf(state.nameOf(move))).toBe(move);
            expect(state.actionOf(state.sanOf(move))).toBe(move);
            const { from, to, under } = decode(move, state.turn);
            expect(encode(from, to, under, state.turn)).toBe(move);
          }
          if (!state.ply) break;
          state.undo();
        }
      }),
      { numRuns: 40, seed: 5 },
    );
  });

  test("a state that has not made its list judges each of the 4,672 by itself, and finds the same", () => {
    for (const position of [...[4, 60].map((length) => randomGame(1, length).position()), promotions, mirrored(promotions)]) {
      const allowed = Array.from(chess.symmetries[0]!.actions).filter((action) => plays(chess.begin(position), action));
      expect(allowed, position).toEqual(chess.begin(position).legal());
    }
  });

  test("black's moves are numbered as white's are in the mirrored position", () => {
    const random = new Random(2);
    for (let i = 0; i < 30; i++) {
      const state = randomGame(i, random.integer(120));
      if (state.outcome) continue;
      expect(chess.begin(mirrored(state.position())).legal(), state.position()).toEqual(state.legal());
    }
  });

  test("moves are read as UCI and as people write them; what is neither, or ambiguous, is refused", () => {
    const open = chess.begin("r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1");
    for (const name of ["e1g1", "O-O", "0-0", "E1G1", " O-O! "]) expect(open.nameOf(open.actionOf(name)), name).toBe("e1g1");
    expect(open.sanOf(open.actionOf("e1c1"))).toBe("O-O-O");
    expect(open.sanOf(open.actionOf("a1a8"))).toBe("Rxa8+");
    for (const bad of ["", "e1g8", "a1b4", "e1e1", "Ke9", "R1", "e1g1q", "a1a8q", "--", "0000", "N@e4"])
      expect(() => open.actionOf(bad), bad).toThrow(/no legal move here. Legal are a1a2/);
    const pawn = chess.begin("3r3k/4P3/8/8/8/8/8/4K3 w - - 0 1");
    expect(names(pawn).filter((name) => name.startsWith("e7"))).toHaveLength(8);
    expect(["e7e8q", "exd8=N", "e8=R+"].map((name) => pawn.nameOf(pawn.actionOf(name)))).toEqual(["e7e8q", "e7d8n", "e7e8r"]);
    for (const bad of ["e7e8", "e7e8k", "e7e8p", "e8", "e7f8q"]) expect(() => pawn.actionOf(bad), bad).toThrow(ArgumentError);
    const rooks = chess.begin("4k3/8/8/8/8/8/4K3/R6R w - - 0 1");
    expect(() => rooks.actionOf("Rd1")).toThrow(ArgumentError);
    expect([rooks.nameOf(rooks.actionOf("Rad1")), rooks.sanOf(rooks.actionOf("h1d1"))]).toEqual(["a1d1", "Rhd1"]);
    expect(() => rooks.sanOf(0)).toThrow(/no legal move/);
  });

  test("moves that are none are refused, and change nothing", () => {
    const state = chess.begin();
    for (const bad of [-1, 4672, 0.5, Number.NaN, Infinity, 0, 4671]) expect(() => state.play(bad), String(bad)).toThrow(ArgumentError);
    expect([state.position(), state.ply, state.last]).toEqual([INITIAL_FEN, 0, null]);
    expect(() => state.undo()).toThrow(StateError);
  });
});

const plays = (state: ChessState, action: number): boolean => {
  try {
    state.play(action);
    return true;
  } catch {
    return false;
  }
};

describe("what a network sees", () => {
  /** Table S1 by the letters of FEN, without bitboards. */
  function expected(state: ChessState): Float32Array {
    const planes = new Float32Array(size);
    const side = state.turn;
    const copy = state.clone();
    const positions = [copy.position()];
    while (copy.ply) {
      copy.undo();
      positions.push(copy.position());
    }
    const same = (fen: string): string => fen.split(" ").slice(0, 4).join(" ");
    const [, , rights = "", , still, full] = positions[0]!.split(" ");
    const steps = positions.slice(0, 8).map((fen, back) => ({
      rows: fen
        .split(" ")[0]!
        .split("/")
        .map((text) => text.replace(/\d/g, (n) => ".".repeat(Number(n)))),
      before: positions.slice(back + 1).filter((other) => same(other) === same(fen)).length,
    }));
    for (let square = 0; square < 64; square++) {
      const [row, column] = [square >> 3, square & 7];
      const at = square * chess.planes;
      for (const [back, { rows, before }] of steps.entries()) {
        const piece = rows[side ? 7 - row : row]![column]!;
        const own = (piece === piece.toUpperCase()) === (side === 0);
        if (piece !== ".") planes[at + 14 * back + (own ? 0 : 6) + "pnbrqk".indexOf(piece.toLowerCase())] = 1;
        for (let k = 0; k < Math.min(2, before); k++) planes[at + 14 * back + 12 + k] = 1;
      }
      const castling = [..."KQkq"].map((right) => Number(rights.includes(right)));
      const mine = side ? [2, 3, 0, 1] : [0, 1, 2, 3];
      const ply = 2 * (Number(full) - 1) + side;
      planes.set([side, Math.min(1, ply / 512), ...mine.map((k) => castling[k]!), Number(still) / 100], at + 112);
    }
    return planes;
  }

  test("it is what table S1 says, of games of chance", () => {
    for (let seed = 0; seed < 12; seed++) {
      const state = randomGame(seed, 40 + 20 * seed);
      for (let i = 0; i < 10 && state.ply; i++, state.undo())
        expect(difference(planesOf(state), expected(state)), state.position()).toBe(-1);
    }
    for (const moves of ["Nf3 Nf6 Ng1 Ng8", "Nf3 Nf6 Ng1 Ng8 Nf3 Nf6 Ng1", "e4 d5 Ke2 Kd7", "e4 e5 Nf3 Nf6 Be2 Be7 O-O"])
      expect(difference(planesOf(played(moves)), expected(played(moves))), moves).toBe(-1);
  });

  test("white's pawns stand below at the start, and repetitions are told", () => {
    const start = planesOf(chess.begin());
    expect(plane(start, 0)).toEqual(Array.from({ length: 64 }, (_, i) => Number(i >> 3 === 6)));
    expect(plane(start, 5).indexOf(1)).toBe(60);
    expect([112, 113, 114, 115, 116, 117, 118].map((k) => plane(start, k)[0])).toEqual([0, 0, 1, 1, 1, 1, 0]);
    const again = planesOf(played("Nf3 Nf6 Ng1 Ng8"));
    expect([12, 13, 26, 27].map((k) => plane(again, k)[5])).toEqual([1, 0, 0, 0]);
    // The step back shows black's knight still out.
    expect(plane(again, 14 + 6 + 1).indexOf(1)).toBe(1);
    expect(plane(again, 14 + 7)).not.toEqual(plane(again, 7));
  });

  test("both sides see alike: a mirrored position looks the same, but for whose it is", () => {
    for (let seed = 0; seed < 20; seed++) {
      const fen = randomGame(seed, 3 * seed).position();
      const [a, b] = [planesOf(chess.begin(fen)), planesOf(chess.begin(mirrored(fen)))];
      for (let k = 0; k < 119; k++) if (k !== 112 && k !== 113) expect(plane(b, k), `${k} of ${fen}`).toEqual(plane(a, k));
      expect(plane(a, 112)[0]! + plane(b, 112)[0]!).toBe(1);
    }
  });

  test("counts stay within 1, however late a position is", () => {
    for (const fen of ["8/8/8/8/8/4k3/4p3/4K3 b - - 99 5000", "8/8/8/8/8/4k3/4p3/4K3 w - - 150 5000"])
      expect(planesOf(chess.begin(fen)).every((x) => x >= 0 && x <= 1)).toBe(true);
  });
});

describe("the end of a game", () => {
  test("mate and stalemate", () => {
    expect(played("f3 e5 g4 Qh4#").outcome).toEqual({ winner: 1, reason: "checkmate" });
    expect(played("e4 e5 Bc4 Nc6 Qh5 Nf6 Qxf7#").outcome).toEqual({ winner: 0, reason: "checkmate" });
    const stale = chess.begin("7k/5Q2/6K1/8/8/8/8/8 b - - 0 1");
    expect([stale.outcome, stale.legal(), stale.checked]).toEqual([{ winner: null, reason: "stalemate" }, [], false]);
    expect(() => stale.play(0)).toThrow("the game is over: stalemate");
    expect(() => stale.actionOf("Kg8")).toThrow(ArgumentError);
  });

  test("a position that stands for the third time, whoever moved there how", () => {
    const round = "Nf3 Nf6 Ng1 Ng8";
    expect(played(`${round} Nf3 Nf6 Ng1`).outcome).toBeNull();
    expect(played(`${round} ${round}`).outcome).toEqual({ winner: null, reason: "threefold repetition" });
    expect(played(`${round} Nc3 Nc6 Nb1 Nb8`).outcome).toEqual({ winner: null, reason: "threefold repetition" });
    // A pawn's move on, nothing before counts.
    expect(played(`${round} e4 e5 ${round} Nc3 Nc6 Nb1`).outcome).toBeNull();
  });

  test("what may be castled or taken in passing makes it another position", () => {
    const rooks = "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1";
    const away = "Ra2 Ra7 Ra1 Ra8";
    // At first white could castle on both sides.
    expect(played(`${away} ${away} Ra2`, rooks).outcome).toBeNull();
    expect(played(`${away} ${away} Ra2 Ra7`, rooks).outcome).toEqual({ winner: null, reason: "threefold repetition" });
    const kings = "Kd8 Kd1 Ke8 Ke1";
    const beside = "4k3/7p/8/8/3p4/8/4P2P/4K3 w - - 0 1";
    expect(played(`e4 ${kings} ${kings}`, beside).outcome).toBeNull();
    expect(played(`e4 ${kings} ${kings} Kd8`, beside).outcome?.reason).toBe("threefold repetition");
    // Nobody could take in passing: the same position from the first.
    expect(played(`e4 ${kings} ${kings}`, beside.replace("3p4", "8")).outcome?.reason).toBe("threefold repetition");
    // A pawn that could, but is pinned.
    const pinned = "3k4/7p/8/8/3p4/8/4P2P/3RK3 w - - 0 1";
    expect(chess.begin(played("e4", pinned).position()).position()).toContain(" b - - ");
  });

  test("fifty moves of each side without progress, unless the last one mates", () => {
    const state = chess.begin("7k/8/8/8/8/8/R7/K7 w - - 98 100");
    state.play(state.actionOf("Ra3"));
    expect(state.outcome).toBeNull();
    state.play(state.actionOf("Kg8"));
    expect(state.outcome).toEqual({ winner: null, reason: "fifty moves" });
    expect(state.legal()).toEqual([]);
    state.undo();
    expect(state.legal()).toHaveLength(3);
    expect(played("Ra8", "7k/8/6K1/8/8/8/R7/8 w - - 99 100").outcome).toEqual({ winner: 0, reason: "checkmate" });
    expect(played("Ra7", "7k/8/6K1/8/8/8/R7/8 w - - 99 100").outcome?.reason).toBe("fifty moves");
    expect(played("a4", "7k/8/6K1/8/8/8/P7/8 w - - 99 100").outcome).toBeNull();
  });

  test.each([
    ["8/8/4k3/8/8/3K4/8/8", true],
    ["8/8/4k3/8/8/3KB3/8/8", true],
    ["8/8/4k3/8/8/3Kn3/8/8", true],
    ["8/8/4kb2/8/8/3KB3/8/8", true],
    ["8/8/4kb2/8/8/3K1B2/8/8", false],
    ["8/8/4k3/8/8/3KNN2/8/8", false],
    ["8/8/4k3/8/8/3KBN2/8/8", false],
    ["8/8/4kn2/8/8/3KN3/8/8", false],
    ["8/8/4k3/8/8/3KP3/8/8", false],
    ["8/8/k7/8/8/3KR3/8/8", false],
  ])("no material to mate with: %s", (board, dead) => {
    expect(chess.begin(`${board} w - - 0 1`).outcome).toEqual(dead ? { winner: null, reason: "insufficient material" } : null);
  });

  test("castling not out of, through or into check, nor after king or rook have moved", () => {
    const castling = (fen: string): string[] => names(chess.begin(fen)).filter((name) => /^e1[gc]1$/.test(name));
    const fen = (black: string): string => `4k3/8/8/8/8/${black}/8/R3K2R w KQ - 0 1`;
    expect(castling(fen("8"))).toEqual(["e1g1", "e1c1"]);
    expect(castling(fen("4r3"))).toEqual([]);
    expect(castling(fen("5r2"))).toEqual(["e1c1"]);
    expect(castling(fen("6r1"))).toEqual(["e1c1"]);
    // The rook may pass an attacked square.
    expect(castling(fen("1r6"))).toEqual(["e1g1", "e1c1"]);
    expect(castling("4k3/8/8/8/8/8/8/RN2K2R w KQ - 0 1")).toEqual(["e1g1"]);
    expect(names(played("Ra2 Kd8 Ra1 Ke8", fen("8"))).filter((name) => /^e1[gc]1$/.test(name))).toEqual(["e1g1"]);
    // A rook that was taken is none to castle with.
    expect(names(played("Bxh1", "4k3/8/8/8/8/8/6b1/R3K2R b KQ - 0 1")).filter((name) => /^e1[gc]1$/.test(name))).toEqual(["e1c1"]);
  });

  test("taking in passing: at once, and not where it uncovers the king", () => {
    expect(names(played("e4 a6 e5 d5"))).toContain("e5d6");
    expect(names(played("e4 a6 e5 d5 a3 a5"))).not.toContain("e5d6");
    expect(played("e4 a6 e5 d5 exd6").position()).toBe("rnbqkbnr/1pp1pppp/p2P4/8/8/8/PPPP1PPP/RNBQKBNR b KQkq - 0 3");
    // Both pawns leave the row between king and rook.
    expect(names(played("e4", "8/8/8/8/k2p3R/8/4P3/4K3 w - - 0 1"))).not.toContain("d4e3");
    expect(names(played("e4", "8/8/8/k7/3p3R/8/4P3/4K3 w - - 0 1"))).toContain("d4e3");
  });
});

test("moves are undone to the same position, copies go their own way, keys tell positions apart", () => {
  const boards = new Map<string, string>();
  for (let seed = 0; seed < 6; seed++) {
    const random = new Random(seed);
    const state = chess.begin();
    const before: { position: string; key: string; planes: Float32Array; legal: number[] }[] = [];
    while (!state.outcome && state.ply < 250) {
      const legal = state.legal();
      before.push({ position: state.position(), key: state.key, planes: planesOf(state), legal });
      const position = state.position().replace(/ \d+$/, "");
      expect(boards.get(state.key) ?? position).toBe(position);
      boards.set(state.key, position);
      state.play(legal[random.integer(legal.length)]!);
    }
    const copy = state.clone();
    for (const { position, key, planes, legal } of before.reverse()) {
      state.undo();
      expect([state.position(), state.key, state.legal(), state.outcome]).toEqual([position, key, legal, null]);
      expect(difference(planesOf(state), planes)).toBe(-1);
    }
    expect(() => state.undo()).toThrow(StateError);
    expect(copy.ply).toBe(before.length);
  }
  const [once, twice] = [chess.begin(), played("Nf3 Nf6 Ng1 Ng8")];
  expect([once.key === twice.key, once.key === chess.begin().key]).toEqual([false, true]);
});

describe("FEN", () => {
  test("positions are read and written", () => {
    for (const fen of [INITIAL_FEN, kiwipete, promotions, mirrored(promotions), "8/8/8/8/3Pp3/8/8/K6k b - d3 0 77"])
      expect(chess.begin(fen).position()).toBe(fen);
    // A square where nothing can be taken is left out; counts need not be there.
    expect(played("e4").position()).toBe("rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1");
    expect(chess.begin(`  ${INITIAL_FEN.split(" ").slice(0, 4).join("   ")} `).position()).toBe(INITIAL_FEN);
    expect(chess.begin("rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq e3 0 1").key).toBe(played("e4").key);
    expect(makeFen(defaultSetup())).toBe(INITIAL_FEN);
    for (let seed = 0; seed < 30; seed++) {
      const state = randomGame(seed, 10 * seed);
      expect(chess.begin(state.position()).position()).toBe(state.position());
      expect(parseFen(state.position()).isOk).toBe(true);
    }
  });

  test.each([
    ["", "FEN has six parts, this has none"],
    ["startpos", "six parts, this has 1"],
    ["8/8/8/8/8/8/8/8 w - - 0 1", "the board is empty"],
    ["4k3/8/8/8/8/8/8/8 w - - 0 1", "each side needs one king"],
    ["4k3/8/8/8/8/8/8/2K1K3 w - - 0 1", "each side needs one king"],
    ["4k3/8/8/8/8/8/8/K8 w - - 0 1", "eight rows of eight squares"],
    ["4k3/8/8/8/8/8/K7 w - - 0 1", "eight rows of eight squares"],
    ["4k3/8/8/9/8/8/8/K7 w - - 0 1", "eight rows of eight squares"],
    ["4k3/8/8/8/8/8/8/K7[Q] w - - 0 1", "eight rows of eight squares"],
    ["4k3/8/8/8/8/8/8/K6Q~ w - - 0 1", "eight rows of eight squares"],
    ["4k3/8/8/8/8/8/8/K7 x - - 0 1", "neither w nor b"],
    ["4k3/8/8/8/8/8/8/K7 w KX - 0 1", "castling rights are not"],
    ["4k3/8/8/8/8/8/8/K7 w K - 0 1", "do not stand where castling K needs them"],
    ["4k3/8/8/8/8/8/8/1K5R w K - 0 1", "do not stand where castling K needs them"],
    ["r3k3/8/8/8/8/8/8/4K3 w k - 0 1", "do not stand where castling k needs them"],
    ["4k3/8/8/8/8/8/8/K7 w - e9 0 1", "square for taking in passing"],
    ["4k3/8/8/8/8/8/8/K7 w - e6 0 1", "no pawn can have passed e6"],
    ["4k3/8/8/8/8/8/8/K7 w - - x 1", "moves without progress"],
    ["4k3/8/8/8/8/8/8/K7 w - - 0 -1", "number of the move"],
    ["4k3/8/8/8/8/8/8/K7 w - - 3+3 1", "number"],
    ["4k3/8/8/8/8/8/8/K3R3 w - - 0 1", "the side that is not to move is in check"],
    ["P3k3/8/8/8/8/8/8/K7 w - - 0 1", "pawns stand on the first or last row"],
    [`${"x".repeat(1e6)} w - - 0 1`, "eight rows"],
  ])("%.40s is no position", (fen, problem) => {
    expect(() => chess.begin(fen)).toThrow(FormatError);
    expect(() => chess.begin(fen)).toThrow(problem);
  });

  test("damaged positions are refused or can be played on", () => {
    fc.assert(
      fc.property(fc.constantFrom(INITIAL_FEN, kiwipete, promotions), fc.nat(80), fc.constantFrom(..."kKpPrQ18/ wb-3e"), (fen, at, c) => {
        let state: ChessState;
        try {
          state = chess.begin(fen.slice(0, at) + c + fen.slice(at + 1));
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
          return;
        }
        for (const move of state.legal()) {
          state.play(move);
          state.legal();
          state.undo();
        }
        planesOf(state);
      }),
      { numRuns: 400, seed: 3 },
    );
  });
});

test("it is found by its name, and drawn for people", async () => {
  expect(await gameOf("chess")).toBe(chess);
  expect(played("e4").toString()).toBe(
    [
      ...["8 r n b q k b n r", "7 p p p p p p p p", "6 . . . . . . . .", "5 . . . . . . . ."],
      ...["4 . . . . P . . .", "3 . . . . . . . .", "2 P P P P . P P P", "1 R N B Q K B N R"],
      ...["  a b c d e f g h", "black to move"],
    ].join("\n"),
  );
});
