import { Random } from "@gradus/data";
import { ArgumentError, FormatError } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { continueFrom } from "../games/go/go.ts";
import { gameOf, go } from "../games/index.ts";

/** The rules in their plainest form: whole boards as text, looked through from the start each time. */
class Plain {
  board: string;
  readonly past: string[];
  passes = 0;
  turn = 0;
  readonly n: number;
  constructor(n: number) {
    this.n = n;
    this.board = ".".repeat(n * n);
    this.past = [this.board];
  }
  around(p: number): number[] {
    const [r, c] = [Math.floor(p / this.n), p % this.n];
    return [
      [r - 1, c],
      [r + 1, c],
      [r, c - 1],
      [r, c + 1],
    ].flatMap(([a, b]) => (a! >= 0 && a! < this.n && b! >= 0 && b! < this.n ? [a! * this.n + b!] : []));
  }
  /** All points reached from one over points of the same content, and what lies around them. */
  region(board: string, p: number): { points: Set<number>; border: Set<string> } {
    const points = new Set([p]);
    const border = new Set<string>();
    for (const q of points)
      for (const o of this.around(q)) {
        if (board[o] === board[q]) points.add(o);
        else border.add(board[o]!);
      }
    return { points, border };
  }
  with(board: string, points: Iterable<number>, content: string): string {
    const list = [...board];
    for (const p of points) list[p] = content;
    return list.join("");
  }
  /** The board after a stone on p; null where that is not allowed. */
  after(p: number): string | null {
    if (this.board[p] !== ".") return null;
    const [own, other] = this.turn ? ["O", "X"] : ["X", "O"];
    let board = this.with(this.board, [p], own!);
    for (const o of this.around(p))
      if (board[o] === other) {
        const { points, border } = this.region(board, o);
        if (!border.has(".")) board = this.with(board, points, ".");
      }
    if (!this.region(board, p).border.has(".")) return null;
    return this.past.includes(board) ? null : board;
  }
  legal(): number[] {
    const points = [...Array(this.n ** 2).keys()].filter((p) => this.after(p) !== null);
    return this.passes >= 2 || this.past.length > 2 * this.n ** 2 ? [] : [...points, this.n ** 2];
  }
  play(p: number): void {
    if (p === this.n ** 2) this.passes++;
    else {
      this.board = this.after(p)!;
      this.passes = 0;
    }
    this.past.push(this.board);
    this.turn = 1 - this.turn;
  }
  area(): number {
    let lead = 0;
    for (let p = 0; p < this.n ** 2; p++) {
      if (this.board[p] !== ".") lead += this.board[p] === "X" ? 1 : -1;
      else {
        const { border } = this.region(this.board, p);
        if (border.size === 1) lead += border.has("X") ? 1 : -1;
      }
    }
    return lead;
  }
}

const textOf = (stones: Uint8Array): string => Array.from(stones, (s) => ".XO"[s]).join("");

test.each([
  [5, 25],
  [6, 8],
  [7, 8],
  [9, 4],
])("on %i × %i random games have the moves, boards and scores of the plainest rules, also when taken back", (size, games) => {
  const game = go({ size, komi: 0.5 });
  const random = new Random(size);
  for (let i = 0; i < games; i++) {
    const [state, plain] = [game.begin(), new Plain(size)];
    const seen: { text: string; legal: number[]; key: string }[] = [];
    while (!state.outcome) {
      const legal = state.legal();
      expect(legal).toEqual(plain.legal());
      seen.push({ text: textOf(state.stones), legal, key: state.key });
      // A move alone is judged as all are together.
      for (const point of random.chance(0.2) ? [...Array(size ** 2).keys()] : []) {
        if (legal.includes(point)) {
          state.play(point);
          state.undo();
        } else expect(() => state.play(point)).toThrow(ArgumentError);
      }
      expect([textOf(state.stones), state.key]).toEqual([seen.at(-1)!.text, seen.at(-1)!.key]);
      // Passing is rare, so that boards fill up, stones are captured and fought for.
      const stones = legal.length > 1 && !random.chance(0.02) ? legal.slice(0, -1) : legal;
      const move = stones[random.integer(stones.length)]!;
      state.play(move);
      plain.play(move);
      expect(textOf(state.stones)).toBe(plain.board);
      if (random.chance(0.1)) expect(game.begin(state.position()).key).toBe(state.key);
    }
    expect(plain.legal()).toEqual([]);
    expect(state.score()).toBe(plain.area() - 0.5);
    expect(state.outcome.winner).toBe(plain.area() > 0.5 ? 0 : 1);
    const copy = state.clone();
    for (const { text, legal, key } of seen.reverse()) {
      state.undo();
      expect([textOf(state.stones), state.legal(), state.key]).toEqual([text, legal, key]);
    }
    expect(copy.outcome).not.toBeNull();
  }
});

/** A position by its stones, and who is to move: black's and white's in turn, with passes where one has more. */
function placed(size: number, picture: string, next: "X" | "O", komi = 0) {
  const signs = picture.replace(/\s/g, "");
  const queues = ["X", "O"].map((sign) => [...signs].flatMap((s, i) => (s === sign ? [i] : []))) as [number[], number[]];
  const state = go({ size, komi }).begin();
  // A pass at the start, where it saves one at the end.
  if ((queues[0].length - queues[1].length === 0) !== (next === "X")) state.play(size * size);
  while (queues[0].length || queues[1].length || state.turn !== Number(next === "O")) state.play(queues[state.turn].shift() ?? size * size);
  expect(textOf(state.stones)).toBe(signs);
  return state;
}

describe("positions", () => {
  test("a ko cannot be taken back at once, but after another move", () => {
    const state = placed(5, ". X O . .   X . X O .   . X O . .   . . . . .   . . . . .", "O");
    expect(state.toString()).toContain("4 X . X O .");
    // White takes: b4. Black cannot take back at c4 before playing elsewhere.
    state.play(state.actionOf("b4"));
    expect(state.toString()).toContain("4 X O . O .");
    expect(() => state.actionOf("c4")).toThrow('"c4" is no legal move here');
    state.play(state.actionOf("a1"));
    state.play(state.actionOf("e1"));
    expect(state.legal()).toContain(state.actionOf("c4"));
  });

  /** Sending two, returning one: black plays c5, white takes both at a5, and black would take that one at b5. */
  const sendingTwo = ". X . O .   X O O O .   X X X X .   . . . . .   . . . . .";

  test("who sends two stones and takes one back would make an old board, which superko forbids", () => {
    const state = placed(5, sendingTwo, "X");
    for (const name of ["c5", "a5"]) state.play(state.actionOf(name));
    expect(textOf(state.stones).slice(0, 5)).toBe("O..O.");
    expect(() => state.actionOf("b5")).toThrow(/no legal move/);
    expect(() => state.play(1)).toThrow("b5 is not legal here");
    // A pass and a move elsewhere make it a new board.
    for (const name of ["d1", "e1", "b5"]) state.play(state.actionOf(name));
    expect(textOf(state.stones).slice(0, 5)).toBe(".X.O.");
  });

  test("keys tell positions apart whose stones are the same and whose moves are not", () => {
    const long = placed(5, sendingTwo, "X");
    long.play(long.actionOf("c5"));
    const short = continueFrom(long, 1);
    for (const state of [long, short]) state.play(state.actionOf("a5"));
    expect(textOf(long.stones)).toBe(textOf(short.stones));
    expect(short.legal()).toEqual([1, ...long.legal()].sort((a, b) => a - b));
    expect(short.key).not.toBe(long.key);
  });

  test("superko counts a captured chain once that touches the stone twice", () => {
    // White fills the corner with three stones, the last of which takes b4; a stone there would take all three: the first board again.
    const setup = { black: [2, 6, 10], white: [7, 11], next: 1 } as const;
    const state = go({ size: 5, setup }).begin("a5 pass b5 pass a4");
    expect(textOf(state.stones)).toBe("OOX..O.O..XO.............");
    expect(state.legal()).not.toContain(6);
    // Asked for alone, a point is judged by other code.
    expect(() => state.play(6)).toThrow("b4 is not legal here");
    for (const name of ["e1", "pass", "b4"]) state.play(state.actionOf(name));
    expect(textOf(state.stones)).toBe("..X...XO..XO............X");
  });

  test("three kos do not go round: the sixth capture would make the first board", () => {
    const picture = `
      . X O . . . . . .
      X O . O . . . . .
      . X O . . . . . .
      . X O . . . . . .
      X . X O . . . . .
      . X O . . . . . .
      . X O . . . . . .
      X O . O . . . . .
      . X O . . . . . .`;
    const signs = picture.replace(/\s/g, "");
    const of = (sign: string) => [...signs].flatMap((s, i) => (s === sign ? [i] : []));
    const state = go({ size: 9, setup: { black: of("X"), white: of("O"), next: 0 } }).begin();
    const captures = ["c8", "b5", "c2", "b8", "c5"];
    for (const name of captures) state.play(state.actionOf(name));
    expect(state.stones.filter(Boolean)).toHaveLength(signs.replaceAll(".", "").length);
    expect(() => state.actionOf("b2")).toThrow(/no legal move/);
    state.play(state.actionOf("j9"));
    state.play(state.actionOf("j1"));
    expect(state.legal()).toContain(go({ size: 9 }).begin().actionOf("b2"));
  });

  test("one stone captures all chains around it, and all come back", () => {
    const picture = ". X . X .   X O . O X   . X O X .   . . X . .   . . . . .";
    const state = placed(5, picture, "X");
    const { key } = state;
    state.play(state.actionOf("c4"));
    expect(textOf(state.stones)).toBe(".X.X.X.X.X.X.X...X.......");
    state.undo();
    expect([textOf(state.stones), state.key]).toEqual([picture.replaceAll(" ", ""), key]);
  });

  test("a whole board never comes again, however long a game goes on without a pass", () => {
    const random = new Random(2);
    let longest = 0;
    for (let i = 0; i < 20; i++) {
      const state = go({ size: 5 }).begin();
      const seen = new Set([textOf(state.stones)]);
      for (;;) {
        const moves = state.legal().filter((m) => m !== 25);
        if (!moves.length) break;
        state.play(moves[random.integer(moves.length)]!);
        expect(seen.has(textOf(state.stones))).toBe(false);
        seen.add(textOf(state.stones));
      }
      longest = Math.max(longest, seen.size);
    }
    expect(longest).toBe(51);
  });

  test("suicide is refused, of one stone and of many; a capture that frees is none", () => {
    const one = placed(5, ". X . . .   X . . . .   . . . . .   . . . . .   . . . . .", "O");
    expect(() => one.actionOf("a5")).toThrow(/no legal move/);
    const many = placed(5, ". O X . .   O O X . .   X X . . .   . . . . .   . . . . .", "O");
    expect(() => many.actionOf("a5")).toThrow(/no legal move/);
    const capture = placed(5, ". O X . .   O O X . .   X X . . .   . . . . .   . . . . .", "X");
    capture.play(capture.actionOf("a5"));
    expect(textOf(capture.stones).slice(0, 10)).toBe("X.X....X..");
  });

  test("in a seki both live, and what lies between them is nobody's", () => {
    const state = placed(5, "X . O X .   X . O X .   X X O X .   O O O X .   . . O X .", "X");
    if (!state.outcome) state.play(25);
    if (!state.outcome) state.play(25);
    const owners = [...state.owners()];
    expect([owners[1], owners[6]]).toEqual([0, 0]);
    expect([owners[4], owners[20]]).toEqual([1, 2]);
    expect(state.outcome!.reason).toBe("black by 5");
  });

  test("area is counted with komi; an empty board is nobody's", () => {
    const state = go({ size: 9, komi: 7.5 }).begin("pass pass");
    expect(state.outcome).toEqual({ winner: 1, reason: "white by 7.5" });
    const all = go({ size: 5 }).begin("c3 pass pass");
    expect(all.outcome).toEqual({ winner: 0, reason: "black by 0.5" });
    expect(go({ size: 5, komi: 25 }).begin("c3 pass pass").outcome).toEqual({ winner: null, reason: "both have the same area" });
  });

  test("stones of handicap stand where GTP puts them, and white begins", () => {
    const game = go({ size: 9, komi: 0.5, handicap: 5 });
    expect(
      game
        .begin()
        .toString()
        .split("\n")
        .slice(0, 9)
        .map((row) => row.slice(2).replaceAll(" ", "")),
    ).toEqual([
      ...[".........", ".........", "..X...X..", "........."],
      ...["....X....", ".........", "..X...X..", ".........", "........."],
    ]);
    expect(game.begin().turn).toBe(1);
    expect(go({ size: 19, handicap: 2 }).setup.black.map((p) => go({ size: 19 }).begin().nameOf(p))).toEqual(["d4", "q16"]);
    expect(go({ size: 19, handicap: 3 }).setup.black.map((p) => go({ size: 19 }).begin().nameOf(p))).toEqual(["d4", "q16", "d16"]);
    expect(go({ size: 19, handicap: 9 }).setup.black).toHaveLength(9);
    for (const [size, handicap] of [
      [6, 2],
      [8, 5],
      [7, 5],
      [9, 10],
      [9, 1],
    ] as const)
      expect(() => go({ size, handicap })).toThrow(ArgumentError);
  });
});

test("planes are own and other stones of eight moves, and the colour", () => {
  const state = go({ size: 5 }).begin("c3 d4 pass a1");
  const planes = new Float32Array(25 * 17).fill(Number.NaN);
  state.observe(planes);
  const at = (name: string, plane: number) => planes[state.game.begin().actionOf(name) * 17 + plane];
  // Black to move: own stones in even planes, the newest first.
  expect([at("c3", 0), at("d4", 1), at("a1", 1), at("e5", 0), at("e5", 1)]).toEqual([1, 1, 1, 0, 0]);
  expect([at("a1", 3), at("d4", 3), at("d4", 5), at("d4", 7), at("c3", 6), at("c3", 8)]).toEqual([0, 1, 1, 0, 1, 0]);
  expect([...Array(25).keys()].every((p) => planes[p * 17 + 16] === 1)).toBe(true);
  state.play(state.actionOf("e5"));
  state.observe(planes);
  expect([at("d4", 0), at("c3", 1), at("e5", 1), at("e5", 16)]).toEqual([1, 1, 1, 0]);
});

test("names say size, komi and handicap; what is no game of Go is refused", async () => {
  expect(await gameOf("go9")).toMatchObject({ name: "go9", size: 9, komi: 7.5, actions: 82, planes: 17 });
  expect(await gameOf("go5:7.5")).toMatchObject({ name: "go5:7.5", komi: 7.5 });
  expect(await gameOf("go13:0.5:4")).toMatchObject({ komi: 0.5, setup: { black: { length: 4 }, next: 1 } });
  for (const name of ["go4", "go20", "go", "go9:x", "go9:"])
    await expect(gameOf(name), name).rejects.toThrow(/there is no game.*go5 to go19/);
  await expect(gameOf("go9:0.5:1")).rejects.toThrow(/1 stones of handicap/);
  for (const bad of [{ size: 9.5 }, { size: 9, komi: 0.3 }, { size: 9, komi: 1e9 }])
    expect(() => go(bad), JSON.stringify(bad)).toThrow(ArgumentError);
  for (const [black, white, message] of [
    [[25], [], /no point 25/],
    [[-1], [], /no point -1/],
    [[3], [3], /two stones lie on d5/],
    [[1, 5], [0], /a5 has no liberty/],
  ] as const)
    expect(() => go({ size: 5, setup: { black, white, next: 0 } })).toThrow(message);
  for (const bad of ["c3 c3", "z9", "i5", "c3 pass pass d4"]) expect(() => go({ size: 9 }).begin(bad), bad).toThrow(FormatError);
});
