import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ArgumentError, StateError } from "@gradus/tensor";
import { expect, test } from "vitest";
import {
  connectFour,
  distinct,
  type FinishedGame,
  forfeits,
  go,
  LateError,
  match,
  type Player,
  randomPlayer,
  shogi,
  tally,
  ticTacToe,
} from "../index.ts";
import { GtpEngine, UniversalEngine } from "../node.ts";
import { uci } from "../protocols/uci.ts";
import { alive } from "./process.ts";

const settings = { games: 8, concurrency: 1, opening: 0, limits: [{}, {}], seed: 1 } as const;

/** Fails, but not in the games of these numbers. */
function failing(error: Error, wellIn: readonly number[] = []): Player {
  const random = randomPlayer(7);
  let game = -1;
  return {
    name: "failing",
    choose: async (state, limits) => {
      if (state.ply < 2) game++;
      if (!wellIn.includes(game)) throw error;
      return random.choose(state, limits);
    },
  };
}

async function all(games: AsyncIterable<FinishedGame>, into: FinishedGame[] = []): Promise<FinishedGame[]> {
  for await (const game of games) into.push(game);
  return into;
}

test("openings that no game has are refused at once, and those that few games have are found", async () => {
  const pair = async () => [randomPlayer(1), randomPlayer(2)] as const;
  expect(() => match(connectFour, pair, { ...settings, opening: 42 })).toThrow(ArgumentError);
  expect(() => match(connectFour, pair, { ...settings, opening: 42 })).toThrow(/ended within 42 moves.*Give fewer.*has 36/);
  const games = await all(match(connectFour, pair, { ...settings, games: 2, opening: 30 }));
  expect(games.map(({ opening }) => opening)).toEqual([30, 30]);
});

test("a player that fails three times in a row ends the match; what failed in between does not", async () => {
  const played: FinishedGame[] = [];
  const broken = failing(new StateError("failing", "it ended (code 1)"), [0, 3]);
  const stream = match(ticTacToe, async () => [randomPlayer(1), broken], settings);
  await expect(all(stream, played)).rejects.toThrow(
    /match: failing failed in 3 games in a row, the last time so: failing failed: it ended \(code 1\)/,
  );
  expect(played.map(({ termination }) => termination)).toEqual(["rules", "forfeit", "forfeit", "rules", "forfeit", "forfeit", "forfeit"]);
  expect([forfeits(played, 0), forfeits(played, 1)]).toEqual([0, 5]);
});

test("nobody is asked for a move after a match has ended", async () => {
  let asked = 0;
  let release = (): void => {};
  const slow: Player = {
    name: "slow",
    choose: async (state, limits) => {
      asked++;
      await new Promise<void>((resolve) => void (release = resolve));
      return randomPlayer(1).choose(state, limits);
    },
  };
  const broken = failing(new StateError("failing", "no"));
  const pairs = async (table: number) => (table ? ([slow, slow] as const) : ([randomPlayer(1), broken] as const));
  await expect(all(match(ticTacToe, pairs, { ...settings, concurrency: 2 }))).rejects.toThrow("3 games in a row");
  release();
  await new Promise((resolve) => setTimeout(resolve));
  expect(asked).toBe(1);
});

test("who is late has lost by the clock", async () => {
  const [game] = await all(
    match(ticTacToe, async () => [failing(new LateError("failing", "it said nothing for 6 s")), randomPlayer(1)], {
      ...settings,
      games: 1,
    }),
  );
  expect(game).toMatchObject({ termination: "time", winner: 1, side: 0, reason: "failing was late: it said nothing for 6 s" });
});

test("games that are played again, move for move with the same sides, are told from those that differ", async () => {
  const steady: Player = {
    name: "steady",
    choose: async (state) => ({ move: state.legal()[0]!, value: 0, simulations: 1, line: [] }),
  };
  const games = await all(match(ticTacToe, async () => [steady, steady], settings));
  expect([tally(games), distinct(games)]).toEqual([{ wins: 4, draws: 0, losses: 4 }, 2]);
  const others = await all(match(ticTacToe, async () => [randomPlayer(1), randomPlayer(2)], settings));
  expect(distinct(others)).toBe(8);
});

test("a program is greeted: it says its name, and what it does not play is refused before it is started", async () => {
  const script = (text: string) => `${process.execPath} -e '${text}'`;
  const speaking = script(
    'require("readline").createInterface({ input: process.stdin }).on("line", (l) => { if (l === "uci") console.log("id name Some Fish 3\\nuciok"); if (l === "isready") console.log("readyok"); })',
  );
  const { chess } = await import("../games/chess/index.ts");
  const fish = new UniversalEngine(speaking, uci);
  await fish.greet(chess);
  const named = new UniversalEngine(speaking, uci, { name: "mine" });
  await named.greet(chess);
  const stones = new GtpEngine(
    script(
      'process.stdin.on("data", (d) => console.log(/name/.test(d) ? "= Some Go\\n" : /boardsize 19/.test(d) ? "? too large\\n" : "=\\n"))',
    ),
  );
  await stones.greet(go({ size: 9 }));
  expect([fish.name, named.name, stones.name]).toEqual(["Some Fish 3", "mine", "Some Go"]);
  await expect(stones.greet(go({ size: 19 }))).rejects.toThrow("Some Go: it refuses boardsize 19: too large");
  for (const engine of [fish, named, stones]) engine.close();
  await expect(new UniversalEngine("nowhere", uci).greet(connectFour)).rejects.toThrow(/it speaks UCI, which has no Connect Four/);
  await expect(new GtpEngine("nowhere").greet(shogi)).rejects.toThrow(/it speaks GTP, which has no Shogi/);
  await expect(new GtpEngine("nowhere").greet(go({ size: 9 }))).rejects.toThrow("nowhere: there is no such program");
});

test.skipIf(process.platform === "win32")("a program behind a shell ends with it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gradus-match-"));
  try {
    const engine = new GtpEngine(`sh -c 'sleep 1000 & echo $! > ${folder}/pid; cat > /dev/null'`, { patience: 0.3 });
    await expect(engine.greet(go({ size: 5 }))).rejects.toThrow(LateError);
    const pid = Number(readFileSync(join(folder, "pid"), "utf8"));
    expect(pid).toBeGreaterThan(0);
    await expect.poll(() => alive(pid)).toBe(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a program loses on time by the margin where it was told how long to think, else when patience ends", async () => {
  const silent = `${process.execPath} -e 'process.stdin.on("data", (d) => /genmove/.test(d) || console.log("=\\n"))'`;
  const engine = new GtpEngine(silent, { patience: 30, margin: 0.2 });
  await expect(engine.choose(go({ size: 5 }).begin(), { seconds: 1 })).rejects.toThrow("it said nothing for 1.2 s");
  engine.close();
});
