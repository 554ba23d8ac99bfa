import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSgf, share } from "@gradus/systems/zero";
import { afterAll, describe, expect, test } from "vitest";
import { alive } from "../../systems/zero/test/process.ts";
import { gradus, main } from "./gradus.ts";

const folder = mkdtempSync(join(tmpdir(), "gradus-cli-play-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const lines = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
/** Runs the command with lines on its standard input. */
const typed = (input: string, ...args: readonly string[]) => spawnSync(process.execPath, [main, ...args], { encoding: "utf8", input });

/** A program that speaks GTP, does something at the first move, and says none. */
const mute = (atMove: string): string =>
  `${process.execPath} -e '
  process.stdin.on("data", (line) => {
    if (/genmove/.test(line)) { ${atMove} } else console.log(/name/.test(line) ? "= Mute\\n" : "=\\n");
  })'`.replaceAll("\n", " ");

describe("gradus play", () => {
  test("takes moves as they are typed, says what is none, gives hints, takes back, and ends with the input", () => {
    const { stdout, stderr, status } = typed("b2\nz9\nhint\nmoves\nundo\nposition\nquit\n", "play", "tictactoe", "--simulations", "40");
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(stdout).toContain("2 . X .");
    expect(stdout).toMatch(/expects \d+ % of the point, 40 simulations, [a-c][1-3]/);
    expect(stdout).toContain('"z9" is no legal move here');
    expect(stdout.trimEnd()).toMatch(/\.{9}\n\nyour move \(first\):$/);
    expect(typed("", "play", "tictactoe").status).toBe(0);
  });

  test("plays both sides to a draw as JSON", () => {
    const { stdout, status } = gradus("play", "tictactoe", "--side", "none", "--simulations", "60", "--json");
    expect(status).toBe(0);
    const events = lines(stdout);
    expect(events.at(-1)).toEqual({ event: "end", winner: null, reason: "the board is full" });
    expect(events).toHaveLength(10);
    expect(events[0]).toMatchObject({ ply: 0, simulations: 60 });
  });

  test("answers all that is typed as JSON too", () => {
    const { stdout, status } = typed("b2\nz9\nhint\nmoves\nundo\nposition\nquit\n", "play", "tictactoe", "--simulations", "40", "--json");
    expect(status).toBe(0);
    const [own, reply, bad, hint, moves, undo, position, ...rest] = lines(stdout);
    expect([own, undo, rest]).toEqual([{ ply: 0, move: "b2" }, { event: "undo", ply: 0, position: "........." }, []]);
    expect(reply).toMatchObject({ ply: 1, simulations: 40 });
    expect(bad).toEqual({ event: "error", message: expect.stringContaining('"z9" is no legal move here') });
    expect(hint).toMatchObject({ event: "hint", ply: 2, move: expect.stringMatching(/^[a-c][1-3]$/) });
    expect((moves!["moves"] as string[]).length).toBe(7);
    expect(position).toEqual({ event: "position", ply: 0, position: "........." });
  });

  test("names the file of weights that it cannot read", () => {
    writeFileSync(join(folder, "broken.safetensors"), "no weights");
    writeFileSync(join(folder, "broken.json"), '{"system":"zero","game":"tictactoe","network":{"filters":8,"blocks":1,"heads":"dense"}}');
    const { stderr, status } = gradus("play", "tictactoe", "--weights", join(folder, "broken.safetensors"));
    expect(stderr).toMatch(/^gradus play: .*broken\.safetensors: /);
    expect(status).toBe(1);
  });

  test("speaks GTP until it is told to quit", () => {
    const { stdout, status } = typed("1 name\nboardsize 9\nplay b e5\ngenmove\nfinal_score\nquit\nname\n", "play", "go9", "--gtp");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^=1 Gradus\n\n=\n\n=\n\n\? invalid color\n\n= B\+73\.5\n\n=\n\n$/);
  });

  test("thinks about a position as long as nothing else is asked for, as Sabaki and Lizzie have it", async () => {
    const child = spawn(process.execPath, [main, "play", "go5", "--gtp"], { stdio: ["pipe", "pipe", "inherit"] });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (data: string) => void (text += data));
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const visits = () => [...text.matchAll(/^info move \w\d visits (\d+)/gm)].map(([, n]) => Number(n));
    try {
      child.stdin.write("komi 24.5\n1 lz-analyze b 10\n");
      await expect.poll(() => visits().length, { timeout: 30_000 }).toBeGreaterThan(2);
      expect(text).toMatch(/^=\n\n=1\ninfo move C3 visits \d+ winrate \d+ prior \d+ order 0 pv C3 /);
      expect(visits().at(-1)!).toBeGreaterThan(visits()[0]!);
      child.stdin.write("2 play b c3\n3 kata-analyze 10 maxmoves 2\n");
      await expect.poll(() => /=2\n\n=3\ninfo .* order 1 pv \w\d/.test(text), { timeout: 30_000 }).toBe(true);
      expect(text).toMatch(/pv C3 .*\n\n=2\n\n=3\ninfo move \w\d visits \d+ utility -?[01]\.\d+ winrate 0\.\d+ prior 0\.\d+ order 0 /);
      // The end of the input ends it.
      child.stdin.end();
      expect(await ended).toBe(0);
      expect(text).toMatch(/info .*\n\n$/);
    } finally {
      child.kill("SIGKILL");
    }
  }, 90_000);

  test("speaks UCI and USI, also without weights, until it has something to think about", () => {
    const uci = typed("uci\nposition startpos moves e2e4\nquit\n", "play", "chess", "--uci");
    expect(uci.stdout).toMatch(/^id name Gradus/m);
    expect(uci.stdout).toMatch(/^uciok$/m);
    const usi = typed("usi\nposition startpos moves 7g7f\nquit\n", "play", "shogi", "--usi");
    expect(usi.stdout).toMatch(/^usiok$/m);
    expect([uci.status, usi.status]).toEqual([0, 0]);
    expect(typed("", "play", "shogi", "--uci").stderr).toMatch(/UCI is for Chess, not for Shogi/);
  });

  test.each([
    [["draughts"], 1, /there is no game "draughts"/],
    [["tictactoe", "--gtp"], 1, /GTP is for Go, not for Tic-tac-toe/],
    [["tictactoe", "--weights", "nowhere"], 1, /there is no file nowhere.weights\.safetensors/],
    [["chess9"], 1, /there is no game/],
    [["tictactoe", "--position", "XXX"], 1, /"XXX" is no position/],
    [["tictactoe", "--side", "third"], 2, /first, second, both, none/],
  ])("%j fails with a sentence", (args, code, message) => {
    const { status, stderr } = typed("", "play", ...args);
    expect(stderr).toMatch(message);
    expect(status).toBe(code);
    expect(stderr).not.toContain("    at ");
  });
});

describe("gradus match", () => {
  test("counts games, gives an interval, and keeps the games", () => {
    const out = join(folder, "games");
    const { stdout, status } = gradus(
      ...["match", "tictactoe", "--games", "6", "--opening", "1", "--simulations", "40", "--out", out, "--json"],
    );
    expect(status).toBe(0);
    const events = lines(stdout);
    expect(events).toHaveLength(7);
    const { wins, draws, losses, share, low, high } = events.at(-1) as Record<string, number>;
    expect(wins! + draws! + losses!).toBe(6);
    expect(losses).toBe(0);
    expect(low).toBeLessThan(share!);
    expect(high).toBeGreaterThanOrEqual(share!);
    expect(readdirSync(out)).toHaveLength(6);
    expect(readFileSync(join(out, "0001.txt"), "utf8")).toMatch(/^Gradus - random\n[a-c][1-3] /);
  });

  test("plays against a program that speaks GTP, here itself, which the SGF calls by its own name or by one that is given", () => {
    const out = join(folder, "sgf");
    const other = `gtp:${process.execPath} ${main} play go5 --gtp --simulations 8`;
    const { stdout, status } = gradus("match", "go5", "--first", "random", "--second", other, "--games", "2", "--out", out, "--json");
    expect(status).toBe(0);
    const [first, second, end] = lines(stdout);
    for (const game of [first, second])
      expect(game).toMatchObject({ termination: "rules", reason: expect.stringMatching(/^(black|white) by /) });
    expect(end).toMatchObject({ first: "random", second: "Gradus", forfeits: { first: 0, second: 0 }, distinct: 2 });
    expect(readdirSync(out)).toEqual(["0001.sgf", "0002.sgf"]);
    const sgf = readFileSync(join(out, "0001.sgf"), "utf8");
    expect(sgf).toMatch(/PB\[random\]PW\[Gradus\].*RE\[[BW]\+\d+\.5\]/);
    expect(readSgf(sgf).outcome!.reason).toBe(first!["reason"]);
    const named = gradus("match", "go5", "--first", "chance=random", "--second", `Old one=${other}`, "--games", "1", "--json");
    expect(lines(named.stdout).at(-1)).toMatchObject({ first: "chance", second: "Old one" });
  }, 120_000);

  test("what a program fails in is told, kept with the game, and ends the match where it goes on failing", () => {
    const out = join(folder, "forfeits");
    const args = ["match", "go5", "--first", "random", "--second", `Broken=gtp:${mute("process.exit(3)")}`, "--out", out];
    const { stdout, stderr, status } = gradus(...args, "--games", "9", "--concurrency", "1");
    expect(status).toBe(1);
    expect(stdout).toMatch(/Game 1: Broken failed: it ended \(code 3\)\n(.*\n)*Game 3: /);
    expect(stdout).not.toMatch(/won/);
    expect(stderr).toMatch(/Broken failed in 3 games in a row.*it ended \(code 3\)/);
    expect(readFileSync(join(out, "0001.sgf"), "utf8")).toMatch(/RE\[B\+F\][\s\S]*C\[Broken failed: it ended \(code 3\)\]/);
    const few = gradus(...args, "--games", "2");
    expect(few.status).toBe(0);
    expect(few.stdout).toMatch(/Broken lost 2 games without being beaten/);
    expect(lines(gradus(...args, "--games", "2", "--json").stdout).at(-1)).toMatchObject({ forfeits: { first: 0, second: 2 } });
  }, 60_000);

  test("a program that does not move in time has lost on time", () => {
    const args = [
      "match",
      "go5",
      "--first",
      "random",
      "--second",
      `gtp:${mute("")}`,
      "--games",
      "1",
      "--seconds",
      "0.1",
      "--patience",
      "0.5",
    ];
    const [game] = lines(gradus(...args, "--json").stdout);
    expect(game).toMatchObject({ winner: 0, termination: "time", reason: "Mute was late: it said nothing for 1.5 s" });
  });

  test("networks begin with moves of chance, and games that repeat are told of and make nothing more certain", () => {
    const args = ["match", "tictactoe", "--first", "network", "--second", "network", "--simulations", "20", "--games", "6"];
    const [game, ...rest] = lines(gradus(...args, "--json").stdout);
    expect([game!["opening"], rest.length]).toEqual([2, 6]);
    const { stdout } = gradus(...args, "--opening", "0");
    expect(stdout).toMatch(/Gradus: \d won, \d drawn, \d lost.*\nOnly [2-5] of the 6 games differ/);
    const { wins, draws, losses, low, high, distinct } = lines(gradus(...args, "--opening", "0", "--json").stdout).at(-1) as Record<
      string,
      number
    >;
    expect(wins! + draws! + losses!).toBe(6);
    expect(distinct).toBeLessThan(6);
    // That of as many games as differ: six would have less.
    const weight = distinct! / 6;
    const expected = share(weight * wins!, weight * draws!, weight * losses!);
    expect({ low, high }).toMatchObject({ low: expected.low, high: expected.high });
  }, 60_000);

  test.skipIf(process.platform === "win32").each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("%s ends the programs too", async (signal) => {
    const file = join(folder, `${signal}.pid`);
    // It hears neither the end of its input nor polite signals.
    const deaf = join(folder, `${signal}.mjs`);
    writeFileSync(
      deaf,
      `import { writeFileSync } from "node:fs";
      for (const polite of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(polite, () => {});
      setInterval(() => {}, 1000);
      process.stdin.on("data", (line) => {
        if (/genmove/.test(line)) writeFileSync(${JSON.stringify(file)}, process.pid + "\\n");
        else console.log("= \\n");
      });`,
    );
    const behindShell = `gtp:sh -c "'${process.execPath}' '${deaf}'; true"`;
    const args = ["match", "go5", "--first", "random", "--second", behindShell, "--concurrency", "1"];
    const child = spawn(process.execPath, [main, ...args], { stdio: "ignore" });
    const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) => child.once("exit", (...how) => resolve(how)));
    let pid = 0;
    try {
      await expect.poll(() => existsSync(file) && readFileSync(file, "utf8"), { timeout: 30_000 }).toMatch(/^\d+\n$/);
      pid = Number(readFileSync(file, "utf8"));
      expect(alive(pid)).toBe(true);
      child.kill(signal);
      expect(await ended).toEqual([null, signal]);
      await expect.poll(() => alive(pid)).toBe(false);
    } finally {
      child.kill("SIGKILL");
      if (pid && alive(pid)) process.kill(pid, "SIGKILL");
    }
  });

  test.each([
    [["tictactoe", "--first", "deepmind"], 1, /there is no player "deepmind".*network:FOLDER/],
    [["tictactoe", "--second", "gtp:"], 1, /there is no player "gtp:"/],
    [["go5", "--second", "gtp:gnugoo --mode gtp"], 1, /gradus match: --second: gnugoo --mode gtp: there is no such program/],
    [["connect4", "--first", "uci:foo"], 1, /--first: foo: it speaks UCI, which has no Connect Four/],
    [
      ["go5", "--second", `gtp:${process.execPath} -e "console.log('hello\\n'); process.stdin.resume()"`, "--patience", "1"],
      1,
      /is no GTP: hello/,
    ],
    [["connect4", "--opening", "42"], 1, /--opening is 42: 200 games of chance of Connect Four ended within 42 moves/],
    [["tictactoe", "--games", "none"], 2, /Give a whole number/],
  ])("%j fails with a sentence", (args, code, message) => {
    const { status, stderr } = gradus("match", ...args);
    expect(stderr).toMatch(message);
    expect(status).toBe(code);
    expect(stderr).not.toContain("    at ");
  });
});
