import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ArgumentError, FormatError, StateError } from "@gradus/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { secondsForMove } from "../clock.ts";
import { handicapPoints } from "../games/go/board.ts";
import {
  type Choice,
  evaluatorOf,
  type FinishedGame,
  go,
  type Limits,
  loadZero,
  match,
  NetworkPlayer,
  type Player,
  parseDescription,
  randomPlayer,
} from "../index.ts";
import { Gtp } from "../protocols/gtp.ts";
import { GtpEngine } from "../protocols/gtp-engine.ts";
import { words } from "../protocols/process.ts";
import { readSgf, writeSgf } from "../records/sgf.ts";

/** Chooses the first point it may; tells what it was asked. */
function firstPlayer(seen: unknown[] = []): Player {
  return {
    name: "first",
    async choose(state, limits) {
      seen.push(limits);
      const [move] = state.legal();
      return { move: move!, value: 0, simulations: 1, line: [move!] };
    },
  };
}

function engine(options: Partial<ConstructorParameters<typeof Gtp>[0]> = {}): Gtp {
  return new Gtp({ name: "Gradus", version: "1", size: 9, limits: { simulations: 10 }, player: async () => firstPlayer(), ...options });
}

/** Commands and what is answered, a line each. */
async function transcript(gtp: Gtp, lines: readonly (readonly [command: string, answer: string | RegExp])[]): Promise<void> {
  for (const [command, answer] of lines) {
    const given = await gtp.answer(command);
    if (typeof answer === "string") expect(given, command).toBe(answer ? `${answer}\n\n` : "");
    else expect(given, command).toMatch(answer);
  }
}

test("it answers as the protocol says: ids, comments, unknown commands, errors in its words", async () => {
  await transcript(engine(), [
    ["protocol_version", "= 2"],
    ["12 name", "=12 Gradus"],
    ["version # what else", "= 1"],
    ["# nothing", ""],
    ["   ", ""],
    ["known_command genmove", "= true"],
    ["known_command toString", "= false"],
    ["7 constructor", "?7 unknown command"],
    ["3", "?3 unknown command"],
    ["boardsize 25", "? unacceptable size"],
    ["boardsize", "? syntax error"],
    ["boardsize 5", "="],
    ["komi x", "? syntax error"],
    ["komi 6.5", "="],
    ["play black c3", "="],
    ["play B c3", "? illegal move"],
    ["play b i5", "? invalid vertex"],
    ["play red c3", "? invalid color"],
    ["1 genmove w", "=1 A5"],
    ["play w b5", "="],
    ["reg_genmove b", "= C5"],
    ["2 lz-genmove_analyze b 100", "=2 \ninfo move C5 visits 1 winrate 5000 prior 0 order 0 pv C5\nplay C5"],
    [
      "kata-genmove_analyze w 100 ownership true",
      /^= \ninfo move D5 visits 1 utility 0\.0+ winrate 0\.50* prior 0\.0+ order 0 pv D5\nplay D5/,
    ],
    ["undo", "="],
    ["undo", "="],
    ["undo", "="],
    ["undo", "="],
    ["undo", "="],
    ["undo", "? cannot undo"],
    ["play b pass", "="],
    ["play w PASS", "="],
    ["final_score", "= W+6.5"],
    // After the end it goes on.
    ["play b c3", "="],
    ["final_score", "= B+18.5"],
    ["final_status_list alive", "= C3"],
    ["final_status_list dead", "="],
    ["final_status_list who", "? invalid status"],
    ["list_commands", /= protocol_version\n[a-z_\n]*genmove\nlz-genmove_analyze\nkata-genmove_analyze\nlz-analyze\nkata-analyze\n/],
    ["showboard", /3 \. \. X \. \.\n.*white to move, komi 6\.5/s],
  ]);
});

test("a move that is not made leaves the game as it was; komi holds for what is taken back", async () => {
  const answers = ["resign", "fail"];
  const player: Player = {
    name: "gives up",
    async choose(state) {
      if (answers.shift() === "fail") throw new StateError("search", "no network");
      return { move: state.legal()[0]!, value: -1, simulations: 1, line: [], resign: true };
    },
  };
  await transcript(engine({ size: 5, komi: 6.5, player: async () => player }), [
    ["play b c3", "="],
    ["genmove b", "= resign"],
    ["genmove b", "? search: no network"],
    ["play b d3", "="],
    ["komi 0.5", "="],
    ["undo", "="],
    ["showboard", /3 \. \. X \. \.\n.*white to move, komi 0\.5/s],
    ["undo", "="],
    ["undo", "? cannot undo"],
  ]);
});

test("komi is what a board has by itself until it is set, and only half points are taken", async () => {
  await transcript(engine({ size: 5 }), [
    ["showboard", /komi 24\.5/],
    ["boardsize 19", "="],
    ["showboard", /komi 7\.5/],
    ["komi 6.75", "? komi is no multiple of 0.5"],
    ["komi 400", "? komi is beyond the 361 points of the board"],
    ["showboard", /komi 7\.5/],
    ["komi 0.5", "="],
    ["boardsize 5", "="],
    ["showboard", /komi 0\.5/],
  ]);
  await transcript(engine({ size: 9, komi: 5.5 }), [
    ["boardsize 13", "="],
    ["showboard", /komi 5\.5/],
  ]);
});

test("a game is loaded from a path with spaces, up to a move where one is named", async () => {
  const read: string[] = [];
  const readFile = async (path: string) => {
    read.push(path);
    return "(;SZ[5];B[aa];W[bb];B[cc])";
  };
  await transcript(engine({ size: 9, readFile }), [
    ["loadsgf my games/a  b.sgf", "= white"],
    ["loadsgf my games/c.sgf 2", "= white"],
    ["showboard", /5 X \. \. \. \.\n4 \. \. \. \. \.\n/],
    ["loadsgf", "? cannot load file"],
  ]);
  expect(read).toEqual(["my games/a  b.sgf", "my games/c.sgf"]);
});

/** Thinks until it is told to end, and tells of two moves each time it is asked to. */
const thinker = (limits: Limits[] = []): Player => ({
  name: "thinker",
  async choose(state, given) {
    limits.push(given);
    const [a, b] = state.legal();
    const told = (n: number): Choice => ({
      ...{ move: b!, value: 0.5, simulations: n, line: [b!, a!] },
      candidates: [
        { move: b!, value: 0.5, visits: n - 1, prior: 0.25, line: [b!, a!] },
        { move: a!, value: -1, visits: 1, prior: 0.75, line: [a!] },
      ],
    });
    let n = 2;
    while (!given.signal?.aborted) {
      given.progress?.(told(++n));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return told(n);
  },
});

test("an analysis tells of all moves, again and again, until the next line comes, and plays none", async () => {
  const limits: Limits[] = [];
  let written = "";
  const gtp = engine({ size: 5, player: async () => thinker(limits), write: (text) => void (written += text) });
  const said = async (command: string) => {
    written = "";
    const first = await gtp.answer(command);
    await expect.poll(() => written.split("\n").length).toBeGreaterThan(3);
    return { first, lines: written.split("\n") };
  };
  const lz = await said("7 lz-analyze w 50");
  expect(lz.first).toBe("=7\n");
  expect(lz.lines[0]).toBe(
    "info move B5 visits 2 winrate 7500 prior 2500 order 0 pv B5 A5 info move A5 visits 1 winrate 0 prior 7500 order 1 pv A5",
  );
  expect(await gtp.answer("8 showboard")).toMatch(/^=8 \n5 \. \. \. \. \.\n.*black to move/s);
  expect(written).toMatch(/pv A5\n\n$/);
  // It is silent now.
  const { length } = written;
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(written).toHaveLength(length);
  const kata = await said("kata-analyze interval 20 maxmoves 1 ownership true");
  expect(kata.lines[1]).toBe("info move B5 visits 3 utility 0.500000 winrate 0.750000 prior 0.250000 order 0 pv B5 A5");
  // An empty line ends it too, and another analysis does.
  expect(await gtp.answer("")).toBe("");
  expect(written).toMatch(/\n\n$/);
  await said("lz-analyze");
  await said("lz-analyze b interval 1 minmoves 3");
  await gtp.stop();
  expect(written).toMatch(/\n\n$/);
  expect(limits.map(({ every }) => every)).toEqual([0.5, 0.2, 1, 0.05]);
  // It was white's turn in the first of them, and yet nothing was played.
  await transcript(gtp, [["undo", "? cannot undo"]]);
});

test("an analysis with bad arguments, or without a player, is refused", async () => {
  await transcript(engine({ size: 5 }), [
    ["lz-analyze red", "? invalid color"],
    ["lz-analyze b x", "? syntax error"],
    ["lz-analyze b 1.5", "? syntax error"],
    ["lz-analyze -3", "? invalid color"],
    ["lz-analyze b interval", "? syntax error"],
    ["3 lz-analyze b 10 avoid w c3 1", "?3 avoid is not understood: all moves are analysed"],
    ["lz-analyze b 10 ownership true", "? syntax error"],
    ["kata-analyze b 10 ownership maybe", "? syntax error"],
    ["kata-analyze b maxmoves 0", "? syntax error"],
    ["lz-genmove_analyze blue 10", "? invalid color"],
  ]);
  const player = () => Promise.reject(new StateError("player", "there are no weights"));
  await transcript(engine({ size: 5, player }), [["4 lz-analyze b 10", "?4 player: there are no weights"]]);
  // What goes wrong while it thinks is told with the next command.
  const broken: Player = { name: "broken", choose: () => Promise.reject(new StateError("search", "the device is gone")) };
  const gtp = engine({ size: 5, player: async () => broken });
  expect(await gtp.answer("lz-analyze b 10")).toBe("=\n");
  await expect(gtp.answer("name")).rejects.toThrow("the device is gone");
});

test("handicap is placed where it belongs, only on an empty board, and white moves then", async () => {
  const gtp = engine();
  await transcript(gtp, [
    ["fixed_handicap 1", "? invalid number of stones"],
    ["fixed_handicap 4", "= C3 G7 C7 G3"],
    ["fixed_handicap 2", "? board not empty"],
    ["genmove w", "= A9"],
    ["clear_board", "="],
    ["place_free_handicap 20", /^= (\w\d ?){9}\n/],
    ["clear_board", "="],
    ["set_free_handicap a1 a1", "? bad vertex list"],
    ["set_free_handicap a1 j9 e5", "="],
    ["komi 0.5", "="],
    ["final_score", "= B+80.5"],
    ["play w e4", "="],
    ["showboard", /5 \. \. \. \. X \. \. \. \.\n4 \. \. \. \. O/],
  ]);
});

test("clocks become seconds for a move; without one the limits hold", async () => {
  const seen: { seconds?: number; simulations?: number }[] = [];
  const gtp = engine({ player: async () => firstPlayer(seen) });
  await transcript(gtp, [
    ["genmove b", "= A9"],
    ["time_settings 0 10 5", "="],
    ["genmove w", /^= /],
    ["time_left b 100 0", "="],
    ["genmove b", /^= /],
    ["time_settings 0 1 0", "="],
    ["genmove w", /^= /],
    ["time_settings -1 1 1", "? syntax error"],
  ]);
  expect(seen[0]).toEqual({ simulations: 10 });
  expect(seen[1]!.seconds).toBeCloseTo(1.95, 2);
  expect(seen[2]!.seconds).toBeGreaterThan(2);
  expect(seen[2]!.seconds).toBeLessThan(15);
  expect(seen[3]).toEqual({ simulations: 10 });
  // Where nobody tells what the clock shows, it runs by itself: it goes down, and does not start anew.
  const slow: Player = {
    name: "slow",
    async choose(state, limits) {
      seen.push(limits);
      await new Promise((resolve) => setTimeout(resolve, 150));
      return { move: state.legal()[0]!, value: 0, simulations: 1, line: [] };
    },
  };
  seen.length = 0;
  await transcript(engine({ size: 5, player: async () => slow }), [
    ["time_settings 1 0 0", "="],
    ...Array.from({ length: 3 }, () => ["genmove b", /^= /] as const),
    ["time_settings 0 3 2", "="],
    ...Array.from({ length: 3 }, () => ["genmove b", /^= /] as const),
  ]);
  const [a, b, c, first, second, third] = seen.map((limits) => limits.seconds!);
  expect([a! - b! > 0.01, b! - c! > 0.01]).toEqual([true, true]);
  // Two stones in three seconds, then three seconds again.
  expect([first, second! < 1.4, third]).toEqual([1.45, true, 1.45]);
  expect(secondsForMove({ remaining: 0 }, 10, 60)).toBe(0.01);
  expect(secondsForMove({ remaining: 60, increment: 2 }, 0, 60)).toBeCloseTo(60 / 30 + 1.6 - 0.05, 9);
});

test("no line makes it fall over", async () => {
  const names = [
    "boardsize",
    "komi",
    "play",
    "genmove",
    "undo",
    "fixed_handicap",
    "set_free_handicap",
    "time_left",
    "loadsgf",
    "clear_board",
    "final_score",
    "final_status_list",
    "showboard",
    "reg_genmove",
    "place_free_handicap",
    "time_settings",
    "known_command",
    "lz-genmove_analyze",
    "kata-genmove_analyze",
    "lz-analyze",
    "kata-analyze",
  ];
  const argument = fc.oneof(
    fc.constantFrom("b", "w", "pass", "resign", "a1", "c3", "t19", "5", "9", "-1", "1e9", "NaN", "", "tt", "interval", "maxmoves"),
    fc.string({ maxLength: 6 }),
  );
  const line = fc.oneof(
    fc.tuple(fc.constantFrom(...names), fc.array(argument, { maxLength: 4 })).map(([name, args]) => [name, ...args].join(" ")),
    fc.string(),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 40 }), async (lines) => {
      const gtp = engine({ size: 5 });
      for (const text of lines) expect(await gtp.answer(text)).toMatch(/^$|^[=?]\d*( [^\n]+(\n[^\n]+)*)?\n\n$|^= \n|^=\d*\n$/);
      await gtp.stop();
    }),
    { numRuns: 60, seed: 7 },
  );
});

describe("SGF", () => {
  test("games are written and read again: moves, komi, handicap, names with brackets", () => {
    const state = go({ size: 9, komi: 0.5, handicap: 3 }).begin("e5 c4 pass d4");
    const text = writeSgf(state, { black: "A [9k] \\", white: "Gradus", result: "W+R", date: "2026-11-29" });
    expect(text).toMatch(/^\(;GM\[1\]FF\[4\].*SZ\[9\]KM\[0\.5\]HA\[3\]PB\[A \[9k\\\] \\\\\]/);
    const again = readSgf(text);
    expect([again.position(), again.game.komi, again.turn, again.toString()]).toEqual([
      state.position(),
      0.5,
      state.turn,
      state.toString(),
    ]);
  });

  test("what ended a game is said with its last move", () => {
    const comment = "GNU Go failed: it ended [code 1]";
    const text = writeSgf(go({ size: 5 }).begin("c3 b2"), { result: "B+F", comment });
    expect(text).toMatch(/RE\[B\+F\]\n;B\[cc\];W\[bd\]C\[GNU Go failed: it ended \[code 1\\\]\]\)\n$/);
    expect(readSgf(text).position()).toBe("c3 b2");
    expect(readSgf(writeSgf(go({ size: 5 }).begin(), { comment })).ply).toBe(0);
  });

  test("variations are read over, setups and colours that play twice are followed", () => {
    const text = "(;FF[4]SZ[5]KM[6.5]C[a (comment\\] with ; signs)];B[cc](;W[bb];B[dd](;B[ee])(;W[aa]))(;W[ee];B[aa]))";
    const state = readSgf(text);
    expect(state.toString()).toBe("5 . . . . .\n4 . O . . .\n3 . . X . .\n2 . . . X .\n1 . . . . X\n  a b c d e");
    expect(state.turn).toBe(1);
    expect(readSgf("(;SZ[5]AB[aa:bb]AW[ee]PL[B];B[cc];W[])").toString()).toMatch(/^5 X X \. \. \.\n4 X X/);
    expect(readSgf("(;SZ[19];B[tt])").position()).toBe("pass");
    // Stones that are set up after the first node, and taken off.
    const later = readSgf("(;SZ[5]HA[2];AB[bb][dd];W[cc];AE[bb]AW[aa:ba]PL[B];B[ee])");
    expect(later.toString()).toBe("5 O O . . .\n4 . . . . .\n3 . . O . .\n2 . . . X .\n1 . . . . X\n  a b c d e");
    expect([later.turn, later.position(), readSgf("(;SZ[5];PL[W])").turn]).toEqual([1, "e1", 1]);
  });

  test("what is damaged or no game of Go is refused in a sentence, and nothing hangs", () => {
    for (const bad of [
      "",
      "hello",
      "(",
      "(;",
      "(;SZ[9]",
      "(;SZ[9];B[ee)",
      "(;SZ[3])",
      "(;GM[2])",
      "(;SZ[9:7])",
      "(;SZ[9];B[zz])",
      "(;SZ[9];B[ee];W[ee])",
      "(SZ[9])",
      "(;[9])",
      "(;SZ[5]AB[aa]AW[aa])",
      "()",
      "(;KM[1e9])",
      "(;SZ[9]KM[3.75])",
      "(;SZ[5]AB[bb:aa])",
      "(;SZ[5]AB[aa:bb:cc])",
      "(;SZ[5]AB[])",
      "(;SZ[5]AB[ba][ab]AW[aa])",
      "(;SZ[5];AB[cc];AW[cc]AE[cc])",
      `(;SZ[5]${";B[]".repeat(6000)})`,
    ])
      expect(() => readSgf(bad), bad).toThrow(FormatError);
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("(", ")", ";", "B[cc]", "W[dd]", "[", "]", "\\", "SZ[5]", "x", "AB[aa:cc]"), { maxLength: 30 }),
        (parts) => {
          try {
            readSgf(parts.join(""));
          } catch (error) {
            expect(error).toBeInstanceOf(FormatError);
          }
        },
      ),
      { numRuns: 500, seed: 1 },
    );
  });
});

test("commands are taken apart as a shell would", () => {
  expect(words(`gnugo --mode gtp "a b" 'c "d'`)).toEqual(["gnugo", "--mode", "gtp", "a b", `c "d`]);
  for (const bad of ["", "  ", `gnugo "x`]) expect(() => words(bad)).toThrow(ArgumentError);
});

const program = (script: string): string => `${process.execPath} -e '${script.replaceAll("\n", " ")}'`;

test("a program that is not there, dies, is silent or talks nonsense is told of in a sentence", async () => {
  const state = go({ size: 9 }).begin();
  const cases: [command: string, message: RegExp][] = [
    ["no-such-program --mode gtp", /no-such-program --mode gtp: there is no such program/],
    [program('console.error("out of stones"); process.exit(3)'), /it ended \(code 3\): out of stones/],
    [program("setInterval(() => 0, 1000)"), /it said nothing for 1 s/],
    [program('process.stdin.on("data", () => console.log("hello\\n"))'), /is no GTP: hello/],
    [
      program('process.stdin.on("data", (d) => console.log((/genmove/.test(d) ? "= z99" : "=") + "\\n"))'),
      /it plays z99, which is not legal here/,
    ],
    [program('process.stdin.on("data", () => console.log("? no\\n"))'), /it refuses boardsize 9: no/],
    [program('for (;;) require("fs").writeSync(1, "more\\n".repeat(1000))'), /does not stop talking|does not end/],
    [program('for (;;) require("fs").writeSync(1, "more".repeat(1000))'), /does not stop talking/],
    [program('setInterval(() => console.log("= more"), 50)'), /its answer to boardsize 9 does not end/],
  ];
  for (const [command, message] of cases) {
    const other = new GtpEngine(command, { patience: 1 });
    await expect(other.choose(state, {}), command).rejects.toThrow(message);
    other.close();
  }
});

test("a program that failed is started anew, and told the game again", async () => {
  // Dies at its first genmove, and plays E5, then passes, when it is started again.
  const folder = mkdtempSync(join(tmpdir(), "gradus-gtp-"));
  const script = `
    const fs = require("fs");
    let moves = 0;
    process.stdin.on("data", (d) => {
      fs.appendFileSync("${folder}/log", d);
      if (/genmove/.test(d)) {
        if (!fs.existsSync("${folder}/died")) { fs.writeFileSync("${folder}/died", ""); process.exit(9); }
        return console.log((moves++ ? "= pass" : "= E5") + "\\n");
      }
      console.log("=\\n");
    });`;
  const other = new GtpEngine(program(script), { name: "mortal", patience: 20 });
  try {
    const game = go({ size: 9, komi: 0.5 });
    const state = game.begin("c3");
    await expect(other.choose(state, {})).rejects.toThrow("mortal: it ended (code 9)");
    expect(state.nameOf((await other.choose(state, { seconds: 3 })).move)).toBe("e5");
    // The game goes on, and then goes back.
    await other.choose(game.begin("c3 e5 d4"), {});
    await other.choose(game.begin("c3"), {});
    const start = "boardsize 9, clear_board, komi 0.5, play b c3";
    expect(readFileSync(`${folder}/log`, "utf8").trim().replaceAll("\n", ", ")).toBe(
      `${start}, genmove w, ${start}, time_settings 0 3 1, genmove w, play b d4, genmove w, ${start}, genmove w`,
    );
  } finally {
    other.close();
    rmSync(folder, { recursive: true });
  }
});

const gnugo = ["/usr/games/gnugo", "/usr/bin/gnugo"].find(existsSync);

describe.skipIf(!gnugo)("GNU Go (Debian's gnugo; skipped where it is not installed)", () => {
  const start = (level = 1): GtpEngine =>
    new GtpEngine(`${gnugo} --mode gtp --level ${level} --seed 1 --chinese-rules --positional-superko --capture-all-dead`);

  test("in a match it loses no game to chance, and none by a move that is not legal", async () => {
    const engines: GtpEngine[] = [];
    const pair = async (table: number) => {
      const other = start();
      engines.push(other);
      return [other, randomPlayer(table)] as const;
    };
    const games: FinishedGame[] = [];
    const settings = { games: 2, concurrency: 2, opening: 2, limits: [{}, {}], seed: 1, longest: 300 } as const;
    for await (const game of match(go({ size: 7, komi: 5.5 }), pair, settings)) games.push(game);
    for (const { winner, side, reason } of games) expect([winner, reason]).toEqual([side, expect.stringMatching(/^(black|white) by /)]);
    for (const e of engines) e.close();
  });

  test("loses most games on 7 lines to the network that comes with Gradus, which is on either side", async () => {
    const weights = (ending: string) => readFileSync(new URL(`../weights/go7.${ending}`, import.meta.url));
    const { game, model } = await loadZero(parseDescription(weights("json").toString(), "go7"), weights("safetensors"));
    const evaluate = evaluatorOf(game, model);
    const engines: GtpEngine[] = [];
    const pair = async () => {
      engines.push(start(10));
      return [new NetworkPlayer(evaluate, { simulations: 200 }), engines.at(-1)!] as const;
    };
    let won = 0;
    const settings = { games: 4, concurrency: 1, opening: 2, limits: [{}, {}], seed: 3, longest: 300 } as const;
    for await (const { winner, side } of match(game, pair, settings)) won += Number(winner === side);
    for (const e of engines) e.close();
    expect(won).toBeGreaterThan(2);
  });

  test.each([5, 7])("on %i lines its board and its score are ours, where a game is played out", async (size) => {
    const [other, chance] = [start(), randomPlayer(size)];
    const state = go({ size, komi: 5.5 }).begin();
    while (!state.outcome) state.play((await (state.turn === 0 ? other : chance).choose(state, {})).move);
    for (const command of [`boardsize ${size}`, "clear_board", "komi 5.5"]) await other.ask(command);
    for (const [i, move] of state.history.entries()) await other.ask(`play ${"bw"[i & 1]} ${state.nameOf(move)}`);
    for (const [colour, name] of ["black", "white"].entries()) {
      const ours = [...state.stones.keys()].filter((p) => state.stones[p] === colour + 1).map((p) => state.nameOf(p));
      expect((await other.ask(`list_stones ${name}`)).toLowerCase().split(/\s+/).filter(Boolean).sort()).toEqual(ours.sort());
    }
    expect(await other.ask("final_status_list dead")).toBe("");
    const lead = state.score();
    expect(await other.ask("final_score")).toBe(`${lead > 0 ? "B" : "W"}+${Math.abs(lead).toFixed(1)}`);
    other.close();
  });

  test("fixed stones of handicap lie where it puts them", async () => {
    const other = start();
    const sorted = (text: string) => text.trim().toLowerCase().split(" ").sort();
    // On 12 lines it takes the fourth line; the protocol says the third below 13.
    for (const size of [7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19]) {
      await other.ask(`boardsize ${size}`);
      for (let stones = 2; stones <= 9; stones++) {
        const points = handicapPoints(size, stones);
        if (!points) {
          await expect(other.ask(`fixed_handicap ${stones}`)).rejects.toThrow(/it refuses/);
          continue;
        }
        await other.ask("clear_board");
        const theirs = await other.ask(`fixed_handicap ${stones}`);
        const start = go({ size }).begin();
        expect(sorted(theirs), `${stones} on ${size}`).toEqual(points.map((p) => start.nameOf(p)).sort());
      }
    }
    other.close();
  });
});
