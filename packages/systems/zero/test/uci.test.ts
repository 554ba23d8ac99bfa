import { existsSync } from "node:fs";
import { ArgumentError } from "@gradus/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chess } from "../games/chess/chess.ts";
import {
  evaluatorOf,
  type FinishedGame,
  type Limits,
  match,
  NetworkPlayer,
  type Player,
  randomPlayer,
  UniversalProtocol,
  zeroNetwork,
} from "../index.ts";
import { uci } from "../protocols/uci.ts";
import { UniversalEngine } from "../protocols/universal-engine.ts";
import { readPgn, writePgn } from "../records/pgn.ts";

/** Plays its first legal move at once. */
const quick: Player = {
  name: "quick",
  async choose(state) {
    const [move] = state.legal();
    const copy = state.clone();
    copy.play(move!);
    return { move: move!, value: 0.5, simulations: 10, line: [move!, ...copy.legal().slice(0, 1)] };
  },
};

/** Expects a longer and longer line, until it is told to stop. */
function endless(seen: Limits[] = []): Player {
  return {
    name: "endless",
    async choose(state, limits) {
      seen.push(limits);
      const copy = state.clone();
      const line: number[] = [];
      const choice = () => ({ move: line[0]!, value: -0.2, simulations: line.length, line: [...line] });
      const begun = performance.now();
      while (!limits.signal?.aborted && performance.now() - begun < 1000 * (limits.seconds ?? 1)) {
        if (!copy.outcome) {
          line.push(copy.legal()[0]!);
          copy.play(line.at(-1)!);
        }
        limits.progress?.(choice());
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      return choice();
    },
  };
}

function engine(player: Player) {
  const said: string[] = [];
  const protocol = new UniversalProtocol(uci, {
    ...{ name: "Gradus", version: "1.0", limits: { simulations: 50 } },
    player: async () => player,
    write: (line) => void said.push(line.replace(/time \d+/, "time T").replace(/nps \d+/, "nps N")),
  });
  return { said, protocol, moves: () => said.filter((line) => line.startsWith("bestmove")) };
}

/** What is said to lines, each dealt with and thought about to its end. */
async function transcript(player: Player, lines: readonly string[]): Promise<string[]> {
  const { said, protocol } = engine(player);
  for (const line of lines) {
    await protocol.receive(line);
    await protocol.idle();
  }
  return said;
}

const middle = "r3k2r/pppq1ppp/2npbn2/2b1p3/2B1P3/2NPBN2/PPPQ1PPP/R3K2R w KQkq - 6 8";

test("who it is, its options, and a game", async () => {
  expect(
    await transcript(quick, [
      "uci",
      "debug on",
      "register later",
      "setoption name Ponder value true",
      "isready",
      "ucinewgame",
      "position startpos moves e2e4 e7e5",
      "go wtime 60000 btime 60000 winc 1000 binc 1000 movestogo 40",
      `position fen ${middle} moves e1g1 e8c8`,
      "go nodes 20",
      "quit",
      "uci",
    ]),
  ).toEqual([
    "id name Gradus 1.0",
    "id author the Gradus project",
    "option name Simulations type spin default 0 min 0 max 1000000",
    "option name Ponder type check default false",
    "uciok",
    "readyok",
    "info depth 2 time T nodes 10 nps N score cp 191 pv a2a3 a7a6",
    "bestmove a2a3 ponder a7a6",
    expect.stringMatching(/^info depth 2 time T nodes 10 nps N score cp 191 pv /),
    expect.stringMatching(/^bestmove [a-h][1-8][a-h][1-8] ponder [a-h][1-8][a-h][1-8]$/),
  ]);
});

test("what cannot be understood is remarked on, and nothing is lost by it", async () => {
  const said = await transcript(quick, [
    "",
    "xyzzy",
    "setoption name Hash value 16",
    "position fen 8/8 w - - 0 1",
    "go",
    "d",
    "position startpos moves e2e4 e7e5 e1e3",
    "position startpos moves e2e5",
    "position sfen x",
    "position startpos",
    "go depth soon searchmoves e2e4",
    "go mate 3",
    "stop",
    "ponderhit",
    "joho isready",
  ]);
  expect(said).toEqual([
    "info string there is no command xyzzy",
    "info string there is no option Hash",
    expect.stringMatching(/^info string chess: "8\/8 w - - 0 1" is no position: its board is not of eight rows/),
    "info string there is no position: the last one could not be read",
    "bestmove 0000",
    "info string there is no position: the last one could not be read",
    expect.stringMatching(/^info string play: "e1e3" is no legal move here\. Legal are /),
    expect.stringMatching(/^info string play: "e2e5" is no legal move here\. Legal are /),
    "info string position: it says sfen. Give startpos or fen with its text, then moves",
    "info string go: nothing is done about depth soon",
    expect.stringMatching(/^info depth 2/),
    "bestmove e2e4 ponder a7a6",
    expect.stringMatching(/^info depth 2/),
    "bestmove a2a3 ponder a7a6",
    "readyok",
  ]);
});

test("the position is shown to people", async () => {
  const said = await transcript(quick, ["position startpos moves g1f3", "d"]);
  expect(said).toHaveLength(11);
  expect([said[0], said[9], said[10]]).toEqual([
    "info string 8 r n b q k b n r",
    "info string black to move",
    "info string fen rnbqkbnr/pppppppp/8/8/8/5N2/PPPPPPPP/RNBQKB1R b KQkq - 1 1",
  ]);
});

test("the mated and the stalemated have no move; draws that nobody claimed are played on", async () => {
  for (const fen of ["7k/5Q2/6K1/8/8/8/8/8 b - - 0 1", "R5k1/5ppp/8/8/8/8/8/4K3 b - - 0 1", "8/8/4k3/8/8/3K4/8/8 w - - 0 1"])
    expect(await transcript(quick, [`position fen ${fen}`, "go"]), fen).toEqual(["bestmove 0000"]);
  const round = "g1f3 g8f6 f3g1 f6g8";
  for (const position of [
    `startpos moves ${round} ${round}`,
    `startpos moves ${round} ${round} ${round} ${round}`,
    "fen 7k/8/8/8/8/8/R7/K7 w - - 100 100",
    "fen 7k/8/8/8/8/8/R7/K7 w - - 99 100 moves a2a3 h8g8 a3a4 g8f8",
    `fen 7k/8/8/8/8/8/R7/K7 w - - 148 100`,
  ])
    expect((await transcript(quick, [`position ${position}`, "go"])).at(-1), position).toMatch(/^bestmove [a-h][1-8]/);
});

test("a pawn that promotes says to what, and no line goes on after the end", async () => {
  const [best]: string[] = (await transcript(quick, ["position fen 8/P6k/8/8/8/8/8/K7 w - - 0 1 moves a7a8r h7h6", "d"])).slice(-1);
  expect(best).toContain("R7/8/7k/8/8/8/8/K7 w");
  const player: Player = {
    ...quick,
    choose: async (state) => {
      const move = state.actionOf("a8=Q");
      return { move, value: 1, simulations: 3, line: [move, 0, 5] };
    },
  };
  expect(await transcript(player, ["position fen 8/P6k/8/8/8/8/8/K7 w - - 0 1", "go"])).toEqual([
    "info depth 3 time T nodes 3 nps N score cp 1720 pv a7a8q",
    "bestmove a7a8q",
  ]);
});

test("who fails says why; there is no resigning", async () => {
  const failing: Player = {
    name: "failing",
    choose: async () => {
      throw new ArgumentError("choose", "it is ill");
    },
  };
  expect(await transcript(failing, ["go"])).toEqual(["info string choose: it is ill", "bestmove 0000"]);
  const weary: Player = { name: "weary", choose: async (state) => ({ ...(await quick.choose(state, {})), resign: true }) };
  expect((await transcript(weary, ["go"])).at(-1)).toBe("bestmove a2a3 ponder a7a6");
});

test("clocks, times, nodes and depths bound the thinking", async () => {
  const seen: Limits[] = [];
  const limits = async (go: string, position = "position startpos") => {
    const { protocol } = engine(endless(seen));
    for (const line of [position, go, "stop"]) await protocol.receive(line);
    const { signal, progress, ...rest } = seen.at(-1)!;
    expect([signal, progress]).toEqual([expect.any(AbortSignal), expect.any(Function)]);
    return rest;
  };
  expect(await limits("go")).toEqual({ simulations: 50 });
  expect(await limits("go depth 4")).toEqual({ simulations: 50 });
  expect(await limits("go nodes 200 movetime 3000")).toEqual({ simulations: 200, seconds: 2.95 });
  expect(await limits("go infinite")).toEqual({ seconds: Infinity });
  expect(await limits("go wtime 60000 btime 1000 movestogo 30")).toEqual({ seconds: 2 - 0.05 });
  const black = await limits("go wtime 60000 btime 1000 movestogo 10", "position startpos moves e2e4");
  expect(black.seconds).toBeCloseTo(0.05, 9);
  expect((await limits("go wtime 60000 winc 2000")).seconds).toBeCloseTo(60 / 50 + 1.6 - 0.05, 9);
  expect(await limits("go wtime -20 btime 1000")).toEqual({ seconds: 0.01 });
  const { said, protocol } = engine(endless());
  await protocol.receive("go depth 5");
  await protocol.idle();
  expect(said.at(-2)).toMatch(/^info depth [56] /);
});

test("an endless search says its move when it is stopped, and pondering turns into thinking", async () => {
  const { protocol, said, moves } = engine(endless());
  await protocol.receive("go infinite");
  const told = () => said.filter((line) => /^info depth \d+ time T nodes \d+ nps N score cp -\d+ pv a2a3/.test(line)).length;
  await expect.poll(told).toBeGreaterThan(3);
  await protocol.receive("isready");
  expect([moves(), said.filter((line) => line === "readyok")]).toEqual([[], ["readyok"]]);
  await protocol.receive("stop");
  expect(moves()).toEqual([expect.stringMatching(/^bestmove a2a3/)]);
  await protocol.receive("stop");
  await protocol.receive("position startpos moves e2e4 e7e5");
  await protocol.receive("go ponder wtime 1000 btime 1000 movestogo 10");
  await new Promise((resolve) => setTimeout(resolve, 120));
  expect(moves()).toHaveLength(1);
  await protocol.receive("ponderhit");
  await protocol.idle();
  expect(moves()).toHaveLength(2);
  await protocol.receive("go infinite");
  await protocol.receive("quit");
  expect([moves().length, protocol.ended]).toEqual([2, true]);
});

test("where no more lines come, the move is said: after the search, or at once where that has no end", async () => {
  const slow: Player = {
    name: "slow",
    choose: async (state, limits) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return quick.choose(state, limits);
    },
  };
  const bounded = engine(slow);
  await bounded.protocol.receive("go nodes 30");
  expect(bounded.moves()).toEqual([]);
  await bounded.protocol.finish();
  expect(bounded.moves()).toEqual(["bestmove a2a3 ponder a7a6"]);
  for (const order of ["go infinite", "go ponder wtime 1000"]) {
    const { protocol, moves } = engine(endless());
    await protocol.receive(order);
    await protocol.finish();
    expect(moves(), order).toEqual([expect.stringMatching(/^bestmove a2a3/)]);
  }
  // Nothing is thought about, and nothing is said.
  const idle = engine(quick);
  await idle.protocol.finish();
  expect(idle.said).toEqual([]);
});

test("a game goes on after any number of moves without progress, and long lines are not said again", async () => {
  const said = await transcript(quick, [
    "position fen 4k3/8/8/8/8/8/R7/4K3 w - - 1234 900",
    "go nodes 1",
    `position startpos moves ${"e2".repeat(1e6)}`,
    `position ${"x".repeat(1e6)}`,
    `position fen ${"x".repeat(1e6)}`,
    "x".repeat(1e6),
  ]);
  expect(said.filter((line) => line.startsWith("bestmove"))).toEqual([expect.stringMatching(/^bestmove a2a3 /)]);
  for (const line of said) expect(line.length).toBeLessThan(500);
});

test("any lines are taken, and after them it answers as before", async () => {
  const word = fc.constantFrom(
    ..."uci debug on off isready setoption name Ponder value true false Simulations register d ucinewgame position startpos fen moves e2e4 e7e5 e1g1 a7a8q O-O go searchmoves ponder wtime btime winc binc movestogo depth nodes mate movetime infinite stop ponderhit 1 -5 1e9 w b - KQkq".split(
      " ",
    ),
    "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR",
    "\u0000",
  );
  const line = fc.oneof(
    fc.array(word, { maxLength: 12 }).map((words) => words.join(" ")),
    fc.string({ maxLength: 60 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 12 }), async (lines) => {
      fc.pre(!lines.some((text) => /\bquit\b/.test(text)));
      const { said, protocol } = engine(quick);
      for (const text of [...lines, "stop", "position startpos", "go nodes 5", "isready"]) await protocol.receive(text);
      await protocol.idle();
      expect(said.slice(-3).filter((text) => text === "readyok")).toHaveLength(1);
      expect(said.at(-1) === "readyok" ? said.at(-2) : said.at(-1)).toBe("bestmove a2a3 ponder a7a6");
      for (const text of said) expect(text).toMatch(/^(info|bestmove|id|option|uciok|readyok)[^\n]*$/);
    }),
    { numRuns: 150, seed: 4 },
  );
});

test("only moves that are asked for are chosen from", async () => {
  const network = zeroNetwork(chess, { filters: 4, blocks: 1, heads: "dense" });
  const { protocol, said, moves } = engine(new NetworkPlayer(evaluatorOf(chess, network), { parallel: 4 }));
  const best = async (go: string) => {
    await protocol.receive(go);
    await protocol.idle();
    return moves().at(-1)!.split(" ")[1];
  };
  const free = await best("go nodes 100");
  const [one, other] = chess
    .begin()
    .legal()
    .map((move) => chess.begin().nameOf(move))
    .filter((name) => name !== free);
  expect([one, other]).toContain(await best(`go searchmoves ${one} ${other} e2e5 nodes 60`));
  expect(await best(`go nodes 30 searchmoves ${other}`)).toBe(other);
  expect(said.at(-2)).toMatch(new RegExp(` pv ${other}`));
  // What was learned of some moves is not taken for all that may be done.
  expect(await best("go nodes 100")).toBe(free);
  expect(await best("go searchmoves e2e5")).toBe("0000");
  expect(said.at(-2)).toBe("info string go: none of e2e5 is legal here");
});

test("a network with a search plays through it", async () => {
  const network = zeroNetwork(chess, { filters: 4, blocks: 1, heads: "dense" });
  const { protocol, said, moves } = engine(new NetworkPlayer(evaluatorOf(chess, network), { parallel: 4 }));
  await protocol.receive(`position fen ${middle}`);
  await protocol.receive("go infinite");
  await new Promise((resolve) => setTimeout(resolve, 300));
  await protocol.receive("stop");
  const [, move] = moves()[0]!.split(" ");
  chess.begin(middle).actionOf(move!);
  expect(said.at(-2)).toMatch(/^info depth \d+ time T nodes \d+ nps N score cp -?\d+ pv /);
});

const program = (script: string): string => `${process.execPath} -e '${script.replaceAll("\n", " ")}'`;

test("a program that is not there, dies, is silent or talks nonsense is told of in a sentence", async () => {
  const answers = (best: string): string =>
    program(`process.stdin.on("data", (d) => {
      for (const line of String(d).split("\\n")) {
        if (line === "uci") console.log("uciok");
        if (line === "isready") console.log("readyok");
        if (/^go/.test(line)) { ${best} }
      }
    })`);
  const cases: [command: string, message: RegExp, patience?: number][] = [
    ["no-such-program", /no-such-program: there is no such program/],
    [program('console.error("no licence"); process.exit(3)'), /it ended \(code 3\): no licence/],
    [program("setInterval(() => 0, 1000)"), /it did not say uciok in 0\.5 s/, 0.5],
    [program('setInterval(() => console.log("hello"), 20)'), /does not say uciok|did not say uciok/, 0.5],
    [answers('console.log("bestmove e2e5")'), /it plays e2e5, which is not legal here/],
    [answers('console.log("bestmove")'), /it plays nothing, which is not legal here/],
    [answers("process.exit(1)"), /it ended \(code 1\)/],
  ];
  for (const [command, message, patience = 30] of cases) {
    const other = new UniversalEngine(command, uci, { patience });
    await expect(other.choose(chess.begin(), { seconds: 0.1 }), command).rejects.toThrow(message);
    other.close();
  }
  const told = new UniversalEngine(
    answers('console.log("info depth 3 nodes 9 score cp 100 pv e2e4 e7e5 zz"); console.log("bestmove e2e4")'),
    uci,
  );
  const choice = await told.choose(chess.begin(), { simulations: 5 });
  expect([choice.simulations, choice.line.length, choice.value]).toEqual([9, 2, expect.closeTo(0.2801, 3)]);
  told.close();
});

const stockfish = ["/usr/games/stockfish", "/usr/bin/stockfish"].find(existsSync);

describe.skipIf(!stockfish)("Stockfish (Debian's stockfish; skipped where it is not installed)", () => {
  test("games against it are played to their ends, legal by both rules, and kept as PGN", async () => {
    const engines: UniversalEngine[] = [];
    const pair = async (table: number) => {
      const other = new UniversalEngine(stockfish!, uci, { name: "Stockfish", patience: 30, settings: { Threads: "1", Hash: "1" } });
      engines.push(other);
      return [other, randomPlayer(table)] as const;
    };
    const games: FinishedGame[] = [];
    const settings = { games: 2, concurrency: 1, opening: 2, limits: [{ simulations: 60 }, {}], seed: 1, longest: 400 } as const;
    try {
      for await (const game of match(chess, pair, settings)) games.push(game);
    } finally {
      for (const one of engines) one.close();
    }
    for (const { moves, winner, side, reason } of games) {
      expect([winner, reason]).toEqual([side, "checkmate"]);
      const state = chess.begin();
      for (const move of moves) state.play(move);
      const [again] = readPgn(writePgn(state, { white: "Stockfish", black: "random" }));
      expect(again!.state.outcome).toEqual({ winner, reason });
    }
  });

  test("it sees what we see: legal moves, mates, and who is better", async () => {
    const other = new UniversalEngine(stockfish!, uci, { patience: 30 });
    const up = await other.choose(chess.begin("4k3/8/8/8/8/8/8/Q3K3 b - - 0 1"), { seconds: 0.05 });
    expect(up.value).toBeLessThan(-0.8);
    const mate = await other.choose(chess.begin("6k1/5ppp/8/8/8/8/8/R3K3 w Q - 0 1"), { simulations: 500 });
    expect([mate.value, chess.begin("6k1/5ppp/8/8/8/8/8/R3K3 w Q - 0 1").nameOf(mate.move)]).toEqual([1, "a1a8"]);
    const castle = chess.begin("r3k2r/8/8/8/8/8/8/4K2R b kq - 0 1");
    const { line } = await other.choose(castle, { seconds: 0.05 });
    expect(line.length).toBeGreaterThan(1);
    const stopped = new AbortController();
    setTimeout(() => stopped.abort(), 100);
    const open = await other.choose(chess.begin(), { seconds: Infinity, signal: stopped.signal });
    expect(chess.begin().legal()).toContain(open.move);
    other.close();
  });
});
