import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
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

describe("gradus train zero", () => {
  test("tells of rounds and ratings as JSON, and leaves weights, a record, a report and the games, also after kill -9", async () => {
    const out = join(folder, "run");
    const args = ["train", "zero", "--game", "tictactoe", "--games", "420", "--simulations", "8", "--out", out];
    await kill(args, join(out, "state.json"));
    const before = readdirSync(join(out, "games")).reduce(
      (n, file) => n + readFileSync(join(out, "games", file), "utf8").split("\n").length - 1,
      0,
    );
    const { status, stdout, stderr } = gradus(...args, "--json");
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const events = lines(stdout);
    expect(events.at(-1)).toMatchObject({ event: "end", games: 420, folder: out });
    expect(events.filter(({ event }) => event === "rated").length).toBeGreaterThan(0);
    // Rounds that had ended before are not played again.
    expect(events.find(({ event }) => event === "round")!["round"]).toBeGreaterThan(1);
    expect(readdirSync(out).sort()).toEqual(["games", "networks", "report.html", "run.json", "weights.json", "weights.safetensors"]);
    const games = readdirSync(join(out, "games")).flatMap((file) => lines(readFileSync(join(out, "games", file), "utf8")));
    expect(games).toHaveLength(420);
    expect(before).toBeGreaterThan(100);
    expect(JSON.parse(readFileSync(join(out, "weights.json"), "utf8"))).toMatchObject({ system: "zero", game: "tictactoe", resumed: true });
    const report = readFileSync(join(out, "report.html"), "utf8");
    expect(report.match(/<svg/g)!.length).toBeGreaterThan(3);
    expect(report).toContain("Elo");

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

  test.each([
    [["--game", "draughts"], 1, /there is no game "draughts".*connect4/],
    [["--game", "tictactoe", "--games", "0"], 2, /whole number from 1 on/],
    [["--game", "tictactoe", "--search", "minimax"], 2, /gumbel, puct/],
    [["--game", "tictactoe", "--from", "nowhere"], 1, /there is no file nowhere/],
    [[], 2, /--game/],
  ])("%j fails with a sentence", (args, code, message) => {
    const out = join(folder, "bad");
    const { status, stderr } = gradus("train", "zero", ...args, "--out", out);
    expect(stderr).toMatch(message);
    expect(status).toBe(code);
    expect(stderr).not.toContain("    at ");
    expect(existsSync(join(out, "weights.safetensors"))).toBe(false);
  });
});
