import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSgf } from "@gradus/systems/zero";
import { afterAll, describe, expect, test } from "vitest";
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

  test("plays against a program that speaks GTP, here itself, and writes SGF", () => {
    const out = join(folder, "sgf");
    const other = `gtp:${process.execPath} ${main} play go5 --gtp`;
    const { stdout, status } = gradus("match", "go5", "--first", "random", "--second", other, "--games", "2", "--out", out, "--json");
    expect(status).toBe(0);
    const [game] = lines(stdout);
    // Without weights it cannot move: it has lost, and the match went on.
    expect([game!["reason"], ...readdirSync(out)].join(" ")).toMatch(/.* 0001\.sgf 0002\.sgf$/);
    expect(readSgf(readFileSync(join(out, "0001.sgf"), "utf8")).game.size).toBe(5);
  });

  test.each([
    [["tictactoe", "--first", "deepmind"], 1, /there is no player "deepmind".*network:FOLDER/],
    [["tictactoe", "--second", "gtp:"], 1, /there is no player "gtp:"/],
    [["tictactoe", "--games", "none"], 2, /Give a whole number/],
  ])("%j fails with a sentence", (args, code, message) => {
    const { status, stderr } = gradus("match", ...args);
    expect(stderr).toMatch(message);
    expect(status).toBe(code);
    expect(stderr).not.toContain("    at ");
  });
});
