import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { gradus, kill } from "./gradus.ts";

const folder = mkdtempSync(join(tmpdir(), "gradus-cli-zero-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const lines = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** The whole lines of each file of games. */
const gamesIn = (out: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(join(out, "games")).map((file) => [file, readFileSync(join(out, "games", file), "utf8").replace(/[^\n]*$/, "")]),
  );

describe("gradus train zero", () => {
  test("tells of rounds and ratings as JSON, and leaves weights, a record, a report and the games, also after kill -9", async () => {
    const out = join(folder, "run");
    const args = ["train", "zero", "--game", "tictactoe", "--games", "620", "--simulations", "8", "--out", out];
    await kill(args, join(out, "state.json"));
    const before = gamesIn(out);
    // The page of a run that goes on is there, and loads itself again.
    expect(readFileSync(join(out, "report.html"), "utf8")).toContain('<meta http-equiv="refresh"');
    const { status, stdout, stderr } = gradus(...args, "--json");
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const events = lines(stdout);
    expect(events.at(-1)).toMatchObject({ event: "end", games: 620, folder: out });
    expect(events.filter(({ event }) => event === "rated").length).toBeGreaterThan(0);
    // Rounds that had ended before are not played again.
    expect(events.find(({ event }) => event === "round")!["round"]).toBeGreaterThan(1);
    expect(readdirSync(out).sort()).toEqual([
      "games",
      "networks",
      "report.html",
      "run.json",
      "samples",
      "weights.json",
      "weights.safetensors",
    ]);
    const after = gamesIn(out);
    expect(Object.values(after).flatMap(lines)).toHaveLength(620);
    expect(Object.values(before).flatMap(lines).length).toBeGreaterThan(100);
    // Games that had ended are the same to the byte; what was left of a line is gone.
    for (const [file, text] of Object.entries(before)) expect(after[file]!.slice(0, text.length)).toBe(text);
    expect(JSON.parse(readFileSync(join(out, "weights.json"), "utf8"))).toMatchObject({ system: "zero", game: "tictactoe", resumed: true });
    const report = readFileSync(join(out, "report.html"), "utf8");
    expect(report.match(/<svg/g)!.length).toBeGreaterThan(3);
    expect(report).toContain("Elo");
    expect(report).not.toContain("http-equiv");
    const links = [...report.matchAll(/<a href="([^"]+)" download>/g)].map(([, path]) => path!);
    expect(links.length).toBeGreaterThan(0);
    for (const path of links) expect(readFileSync(join(out, path), "utf8")).toMatch(/^after \d+ games - after \d+ games\n[a-c1-3 ]+\n/);

    const further = gradus(
      "train",
      "zero",
      "--game",
      "tictactoe",
      "--games",
      "20",
      "--from",
      out,
      "--out",
      join(folder, "further"),
      "--json",
    );
    expect(further.status).toBe(0);
    expect(lines(further.stdout).at(-1)).toMatchObject({ event: "end", games: 20 });
  });

  test("a run that was killed in its first round goes on, and its games become no other run's", async () => {
    const out = join(folder, "first");
    const args = ["train", "zero", "--game", "tictactoe", "--games", "60", "--simulations", "4", "--threads", "2", "--out", out];
    await kill(args, join(out, "games", "00001.jsonl"));
    const before = gamesIn(out)["00001.jsonl"]!;
    expect(existsSync(join(out, "state.json"))).toBe(false);
    for (const other of [
      ["--game", "connect4"],
      ["--simulations", "5"],
    ])
      expect(gradus(...args, ...other).stderr).toMatch(/holds a run that was stopped, with other settings/);
    expect(gamesIn(out)["00001.jsonl"]).toBe(before);
    // What is no game of the run is named.
    const file = join(out, "games", "00001.jsonl");
    writeFileSync(file, `{}\n${before}`);
    const damaged = gradus(...args);
    expect(damaged.status).toBe(1);
    expect(damaged.stderr).toMatch(/^gradus: .*line 1 of .*00001\.jsonl is damaged/m);
    expect(damaged.stderr).not.toContain("    at ");
    writeFileSync(file, before);
    expect(gradus(...args).status).toBe(0);
    const after = gamesIn(out)["00001.jsonl"]!;
    expect(after.slice(0, before.length)).toBe(before);
    expect(lines(after)).toHaveLength(60);
  }, 120_000);

  test.each([
    [["--game", "draughts"], 1, /there is no game "draughts".*connect4/],
    [["--game", "tictactoe", "--games", "0"], 2, /whole number from 1 on/],
    [["--game", "tictactoe", "--search", "minimax"], 2, /gumbel, puct/],
    [["--game", "tictactoe", "--from", "nowhere"], 1, /there is no file nowhere/],
    [["--game", "tictactoe", "--filters", "1100"], 1, /^gradus train zero: the settings: .*1 to 1024 filters, not 1100/],
    [["--game", "tictactoe", "--blocks", "101"], 1, /at most 100 blocks/],
    [["--game", "tictactoe", "--threads", "100000"], 1, /--threads is 100000\. Give at most 64/],
    [["--game", "tictactoe", "--simulations", "1000000000000"], 1, /simulations are 1000000000000/],
    [[], 2, /--game/],
  ])("%j fails with a sentence", (args, code, message) => {
    const out = join(folder, "bad");
    const { status, stderr } = gradus("train", "zero", ...args, "--out", out);
    expect(stderr).toMatch(message);
    expect(status).toBe(code);
    expect(stderr).not.toContain("    at ");
    expect(existsSync(out)).toBe(false);
  });
});
