import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ArgumentError, FormatError } from "@gradus/tensor";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Choice,
  evaluatorOf,
  type FinishedGame,
  type Limits,
  match,
  NetworkPlayer,
  type Player,
  randomPlayer,
  type State,
  shogi,
  UniversalProtocol,
  usi,
  zeroNetwork,
} from "../index.ts";
import { readKif, writeKif } from "../node.ts";
import { UniversalEngine } from "../protocols/universal-engine.ts";

/** Plays its first legal move at once. */
const quick: Player = {
  name: "quick",
  async choose(state) {
    const [move] = state.legal();
    const copy = state.clone();
    copy.play(move!);
    return { move: move!, value: 0.5, simulations: 10, line: [move!, copy.legal()[0]!] };
  },
};

/** Thinks as long as it may, and notes the limits it had. */
function patient(): Player & { readonly seen: { limits: Limits; position: string; seconds: number }[] } {
  const seen: { limits: Limits; position: string; seconds: number }[] = [];
  return {
    name: "patient",
    seen,
    choose(state, limits) {
      const begun = performance.now();
      const [move] = state.legal();
      const choice: Choice = { move: move!, value: -0.25, simulations: 7, line: [move!] };
      return new Promise((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          seen.push({ limits, position: state.position(), seconds: (performance.now() - begun) / 1000 });
          resolve(choice);
        };
        const timer = setTimeout(end, Math.min(1e8, 1000 * (limits.seconds ?? 0)));
        limits.signal?.addEventListener("abort", end, { once: true });
        limits.progress?.(choice);
      });
    },
  };
}

/** What is said to lines, each dealt with and thought about to its end unless it is to be left running. */
async function transcript(player: Player, lines: readonly string[], wait = true): Promise<string[]> {
  const said: string[] = [];
  const protocol = new UniversalProtocol(usi, {
    ...{ name: "Gradus", version: "1.0", limits: { simulations: 50 } },
    player: async () => player,
    write: (line) => void said.push(line.replace(/time \d+/, "time T").replace(/nps \d+/, "nps N")),
  });
  for (const line of lines) {
    await protocol.receive(line);
    if (wait) await protocol.idle();
  }
  return said;
}

test("who it is, its options, and a game", async () => {
  expect(
    await transcript(quick, [
      "usi",
      "isready",
      "setoption name USI_Hash value 256",
      "usinewgame",
      "position startpos moves 7g7f 3c3d",
      "go btime 60000 wtime 60000 byoyomi 1000",
      "gameover win",
      "quit",
      "usi",
    ]),
  ).toEqual([
    "id name Gradus 1.0",
    "id author the Gradus project",
    "option name Simulations type spin default 0 min 0 max 1000000",
    "option name USI_Ponder type check default false",
    "option name EnteringKingRule type combo default CSARule27 var NoEnteringKing var CSARule24 var CSARule27",
    "usiok",
    "readyok",
    "info depth 2 time T nodes 10 nps N score cp 659 pv 7f7e 3d3e",
    "bestmove 7f7e ponder 3d3e",
  ]);
});

test("what cannot be understood is remarked on, and nothing is lost by it", async () => {
  const said = await transcript(quick, [
    "",
    "   ",
    "hello",
    "setoption",
    "setoption name Colour value red",
    "setoption name Simulations value many",
    "setoption name EnteringKingRule value None",
    "setoption name USI_Ponder value",
    "position",
    "position fen 8/8",
    "position sfen 9/9 b - 1",
    "position startpos moves 7g7e",
    "go",
    "position startpos",
    "go depth 3 searchmoves 7g7f btime soon",
    "go mate infinite",
    "stop",
    "ponderhit",
    "joho isready",
  ]);
  expect(said).toEqual([
    "info string there is no command hello",
    "info string setoption: give name, the option, value and its value",
    "info string there is no option Colour",
    "info string Simulations is a whole number from 0 to 1000000, not many",
    "info string EnteringKingRule is one of NoEnteringKing, CSARule24, CSARule27, not None",
    "info string USI_Ponder is true or false, not nothing",
    "info string position: it says nothing. Give startpos or sfen with its text, then moves",
    "info string position: it says fen. Give startpos or sfen with its text, then moves",
    'info string shogi: "9/9 b - 1" is no position: it has 2 rows. Give SFEN: nine rows, b or w, pieces in hand or -, a number',
    expect.stringMatching(/^info string play: "7g7e" is no legal move here\. Legal are /),
    "info string there is no position: the last one could not be read",
    "bestmove resign",
    "info string go: nothing is done about btime soon",
    expect.stringMatching(/^info depth 2/),
    "bestmove 7g7f ponder 1c1d",
    "checkmate notimplemented",
    "readyok",
  ]);
});

test("who is mated resigns, an entered king is declared by the rule that was set, and play goes on where only our rules end it", async () => {
  const mated = "position sfen 4k4/4G4/4P4/9/9/9/9/9/4K4 w - 2";
  const entered = "position sfen 1K7/+R+R+B+B5/1+P+P+P+P+P+P2/9/9/9/9/9/8k b 4G 1";
  const round = "2h3h 8b7b 3h2h 7b8b";
  expect(
    await transcript(quick, [
      mated,
      "go",
      entered,
      "go",
      "setoption name EnteringKingRule value csarule24",
      "go",
      "setoption name EnteringKingRule value NoEnteringKing",
      "go",
    ]),
  ).toEqual([
    "bestmove resign",
    "bestmove win",
    expect.stringMatching(/^info/),
    expect.stringMatching(/^bestmove \w/),
    expect.stringMatching(/^info/),
    expect.stringMatching(/^bestmove \w/),
  ]);
  const repeated = await transcript(quick, [`position startpos moves ${round} ${round} ${round} ${round} 7g7f`, "go"]);
  expect(repeated.at(-1)).toBe("bestmove 1c1d ponder 7f7e");
  const over = await transcript(quick, [`position startpos moves ${round} ${round} ${round}`, "go"]);
  expect(over.at(-1)).toMatch(/^bestmove 9g9f/);
});

test("a player that gives up resigns, and one that fails is said to, with no move", async () => {
  const weary: Player = { name: "weary", choose: async (state) => ({ ...(await quick.choose(state, {})), resign: true }) };
  const failing: Player = {
    name: "failing",
    choose: async () => {
      throw new ArgumentError("choose", "it is ill");
    },
  };
  expect((await transcript(weary, ["go"])).at(-1)).toBe("bestmove resign");
  expect(await transcript(failing, ["go"])).toEqual(["info string choose: it is ill", "bestmove resign"]);
});

test("time is given as the clocks say, and to the side that moves", async () => {
  const player = patient();
  const limits = async (go: string, position = "position startpos", more: string[] = []) => {
    await transcript(player, [position, ...more, go, "stop"], false);
    const { signal, progress, ...rest } = player.seen.at(-1)!.limits;
    expect([signal, progress]).toEqual([expect.any(AbortSignal), expect.any(Function)]);
    return rest;
  };
  expect(await limits("go")).toEqual({ simulations: 50 });
  expect(await limits("go nodes 200")).toEqual({ simulations: 200 });
  expect(await limits("go movetime 3000")).toEqual({ seconds: 2.95 });
  expect(await limits("go infinite")).toEqual({ seconds: Infinity });
  expect(await limits("go btime 0 wtime 0 byoyomi 10000")).toEqual({ seconds: 9.95 });
  expect(await limits("go byoyomi 30")).toEqual({ seconds: 0.01 });
  expect(await limits("go btime 600000 wtime 1000 byoyomi 10000")).toEqual({ seconds: 10 + 10 - 0.05 });
  const white = "position startpos moves 7g7f";
  const { seconds } = (await limits("go btime 600000 wtime 1000 binc 0 winc 2000", white)) as { seconds: number };
  expect(seconds).toBeGreaterThan(0.1);
  expect(seconds).toBeLessThan(1);
  expect(await limits("go btime 600000 wtime 0 binc 0 winc 2000", white)).toEqual({ seconds: 0.01 });
  expect(await limits("go byoyomi 5000", undefined, ["setoption name Simulations value 80"])).toEqual({ simulations: 80, seconds: 4.95 });
  expect(await limits("go", undefined, ["setoption name Simulations value 80"])).toEqual({ simulations: 80 });
  expect(await limits("go nodes 7", undefined, ["setoption name Simulations value 80"])).toEqual({ simulations: 7 });
});

test("an endless search says its move when it is stopped, not before, and a search is ended by the next", async () => {
  const said: string[] = [];
  const player = patient();
  const protocol = new UniversalProtocol(usi, {
    name: "a",
    version: "b",
    player: async () => player,
    limits: {},
    write: (line) => void said.push(line),
  });
  const moves = () => said.filter((line) => line.startsWith("bestmove"));
  await protocol.receive("go infinite");
  await new Promise((resolve) => setTimeout(resolve, 30));
  await protocol.receive("isready");
  expect([moves(), said.at(-1)]).toEqual([[], "readyok"]);
  await protocol.receive("stop");
  expect(moves()).toEqual(["bestmove 9g9f"]);
  await protocol.receive("go infinite");
  await protocol.receive("position startpos moves 7g7f");
  await protocol.receive("go movetime 60");
  expect(moves()).toEqual(["bestmove 9g9f", "bestmove 9g9f"]);
  await protocol.idle();
  expect(moves()).toEqual(["bestmove 9g9f", "bestmove 9g9f", "bestmove 1c1d"]);
  // A player that is done early says nothing before it is asked either.
  const early = await transcript(quick, ["go infinite"], false);
  expect(early).toEqual([]);
  await protocol.receive("go infinite");
  await protocol.receive("gameover lose");
  await protocol.receive("go infinite");
  await protocol.receive("quit");
  expect(moves()).toHaveLength(3);
  expect(protocol.ended).toBe(true);
});

test("pondering takes no time until the move was guessed, and then as much as the clock gives", async () => {
  const said: string[] = [];
  const player = patient();
  const protocol = new UniversalProtocol(usi, {
    name: "a",
    version: "b",
    player: async () => player,
    limits: {},
    write: (line) => void said.push(line),
  });
  const moves = () => said.filter((line) => line.startsWith("bestmove"));
  await protocol.receive("position startpos moves 7g7f 3c3d");
  await protocol.receive("go ponder btime 0 wtime 0 byoyomi 150");
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(moves()).toEqual([]);
  const hit = performance.now();
  await protocol.receive("ponderhit");
  await protocol.idle();
  expect(performance.now() - hit).toBeGreaterThan(80);
  expect(moves()).toEqual(["bestmove 7f7e"]);
  // Guessed wrong: stopped, the other position is thought about.
  await protocol.receive("go ponder btime 0 wtime 0 byoyomi 150");
  await protocol.receive("stop");
  expect(moves()).toHaveLength(2);
  await protocol.receive("ponderhit");
  expect(moves()).toHaveLength(2);
});

test("any lines are taken, and after them it answers as before", async () => {
  const word = fc.constantFrom(
    ..."usi isready setoption usinewgame position go stop ponderhit gameover name value startpos sfen moves 7g7f 8h2b+ P*5e btime byoyomi 100 -5 nodes infinite ponder mate win b - 1 Simulations".split(
      " ",
    ),
    "lnsgkgsnl/1r5b1/ppppppppp/9/9/9/PPPPPPPPP/1B5R1/LNSGKGSNL",
    "\u0000",
    "1e99",
  );
  const line = fc.oneof(
    fc.array(word, { maxLength: 12 }).map((words) => words.join(" ")),
    fc.string({ maxLength: 80 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 12 }), async (lines) => {
      fc.pre(!lines.some((text) => /\bquit\b/.test(text)));
      const said: string[] = [];
      const protocol = new UniversalProtocol(usi, {
        ...{ name: "a", version: "b", limits: {} },
        player: async () => quick,
        write: (text) => void said.push(text),
      });
      for (const text of [...lines, "stop", "position startpos", "go nodes 5"]) await protocol.receive(text);
      await protocol.idle();
      expect(said.at(-1)).toBe("bestmove 9g9f ponder 1c1d");
      for (const text of said) expect(text).toMatch(/^(info|bestmove|checkmate|id|option|usiok|readyok)[^\n]*$/);
    }),
    { numRuns: 150, seed: 4 },
  );
});

test("a network with a search hears that it is to stop", async () => {
  const network = zeroNetwork(shogi, { filters: 4, blocks: 1, heads: "dense" });
  const player = new NetworkPlayer(evaluatorOf(shogi, network), { parallel: 4 });
  const said: string[] = [];
  const protocol = new UniversalProtocol(usi, {
    name: "a",
    version: "b",
    player: async () => player,
    limits: {},
    write: (line) => void said.push(line),
  });
  await protocol.receive("go infinite");
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(said.filter((text) => text.startsWith("bestmove"))).toEqual([]);
  await protocol.receive("stop");
  const [, move, , reply] = said.at(-1)!.split(" ");
  const state: State = shogi.begin();
  state.play(state.actionOf(move!));
  if (reply !== undefined) state.play(state.actionOf(reply));
  expect(said.at(-2)).toMatch(/^info depth \d+ time \d+ nodes \d+ nps \d+ score cp -?\d+ pv /);
});

test("programs play each other through the protocol, and the game is kept as KIF", async () => {
  const program = fileURLToPath(new URL("./usi-program.ts", import.meta.url));
  const engines: UniversalEngine[] = [];
  const engine = (seed: number) => {
    engines.push(new UniversalEngine(`"${process.execPath}" "${program}" ${seed}`, usi, { name: `random ${seed}`, patience: 20 }));
    return engines.at(-1)!;
  };
  const settings = { games: 1, concurrency: 1, opening: 0, limits: [{ seconds: 0.1 }, { simulations: 5 }], seed: 1 } as const;
  let games = 0;
  try {
    for await (const { moves, winner, reason } of match(shogi, async () => [engine(141), engine(142)], settings)) {
      games++;
      expect([moves.length, winner, reason]).toEqual([109, 0, "checkmate"]);
      const state = shogi.begin();
      for (const move of moves) state.play(move);
      expect(state.outcome).toEqual({ winner, reason });
      const kept = readKif(writeKif(state, { black: "random 141", white: "random 142" }));
      expect([kept.state.position(), kept.state.outcome, kept.black, kept.white]).toEqual([
        state.position(),
        state.outcome,
        "random 141",
        "random 142",
      ]);
    }
  } finally {
    for (const one of engines) one.close();
  }
  expect(games).toBe(1);
});

const fairy = ["/usr/games/fairy-stockfish", "/usr/bin/fairy-stockfish"].find(existsSync);

test.skipIf(!fairy)(
  "games against Fairy-Stockfish (Debian's fairy-stockfish; skipped where it is not installed) are legal by both rules",
  async () => {
    const settings = { Threads: "1", Hash: "1" };
    const other = new UniversalEngine(fairy!, usi, { patience: 30, settings });
    const games: FinishedGame[] = [];
    const limits = [{ simulations: 60 }, {}] as const;
    try {
      await other.greet(shogi);
      expect(other.name).toMatch(/^Fairy-Stockfish/);
      for await (const game of match(shogi, async (table) => [other, randomPlayer(table)], {
        games: 2,
        concurrency: 1,
        opening: 2,
        limits,
        seed: 1,
      }))
        games.push(game);
    } finally {
      other.close();
    }
    expect(games.map(({ winner, side, reason }) => [winner === side, reason])).toEqual([
      [true, "checkmate"],
      [true, "checkmate"],
    ]);
  },
);

test("a program that is none, or speaks something else, is told of in a sentence", async () => {
  const none = new UniversalEngine("no-such-engine-at-all", usi);
  await expect(none.choose(shogi.begin(), {})).rejects.toThrow(/there is no such program/);
  none.close();
  const silent = new UniversalEngine(`"${process.execPath}" -e "process.stdin.resume()"`, usi, { name: "silent", patience: 0.2 });
  await expect(silent.choose(shogi.begin(), {})).rejects.toThrow(/silent: it did not say usiok in 0.2 s/);
  silent.close();
});

test("programs that play what is not legal, give up, or are told to stop", async () => {
  const speaking = (answer: string) =>
    new UniversalEngine(
      `"${process.execPath}" -e "require('readline').createInterface({input:process.stdin}).on('line',(l)=>{const w=l.split(' ')[0];${answer};if(w==='usi')console.log('usiok');if(w==='isready')console.log('readyok')})"`,
      usi,
      { name: "other", patience: 10 },
    );
  const state = shogi.begin();
  const illegal = speaking("if(w==='go')console.log('bestmove 7g7e')");
  await expect(illegal.choose(state, {})).rejects.toThrow("other: it plays 7g7e, which is not legal here");
  const weary = speaking("if(w==='go')console.log('bestmove resign')");
  expect(await weary.choose(state, { simulations: 3 })).toMatchObject({ value: -1, resign: true });
  const endless = speaking(
    "if(w==='go')console.log('info string nodes 3 pv\\ninfo depth 2 nodes 12 score cp 600 pv 7g7f 3c3d 9z9z');if(w==='stop')console.log('bestmove 7g7f ponder 3c3d')",
  );
  const abort = new AbortController();
  const seen: Choice[] = [];
  const choice = await endless.choose(state, {
    seconds: Infinity,
    signal: abort.signal,
    progress: (soFar) => {
      seen.push(soFar);
      abort.abort();
    },
  });
  const line = [state.actionOf("7g7f"), state.actionOf("7g7f")];
  expect(choice).toEqual({ move: line[0], value: Math.tanh(0.5), simulations: 12, line });
  expect(seen).toEqual([choice]);
  for (const engine of [illegal, weary, endless]) engine.close();
});

test("what is no record in KIF is refused", () => {
  const state = shogi.begin();
  for (const name of ["7g7f", "3c3d", "8h2b+"]) state.play(state.actionOf(name));
  const text = writeKif(state, { termination: "resignation" });
  expect(text).toMatch(/７六歩\(77\)[\s\S]*投了/);
  for (const [termination, end] of [
    ["forfeit", "反則負け"],
    ["time", "切れ負け"],
    ["length", "持将棋"],
  ] as const) {
    const kept = writeKif(state, { termination, comment: "other failed:\nno move" });
    expect(kept).toMatch(new RegExp(`   4 ${end}.*\\n\\*other failed: no move\\n`));
    expect(readKif(kept).state.ply).toBe(3);
  }
  for (const bad of ["", "a game", text.replace("７六歩(77)", "７五歩(77)"), text.replace("３四歩(33)", "３四歩(35)"), "x".repeat(1e6 + 1)])
    expect(() => readKif(bad), bad.slice(0, 40)).toThrow(FormatError);
  fc.assert(
    fc.property(fc.nat(text.length), fc.constantFrom(..."歩打成同(7)：\n- 1十"), (at, sign) => {
      try {
        expect(readKif(text.slice(0, at) + sign + text.slice(at + 1)).state.game).toBe(shogi);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }),
    { numRuns: 300, seed: 1 },
  );
});
