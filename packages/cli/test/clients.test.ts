/// <reference path="./sabaki-gtp.d.ts" />
// `gradus play` spoken to by programs of others: what Sabaki speaks GTP with, and UCI2WB, through which XBoard plays with UCI and USI.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gameOf, zeroNetwork } from "@gradus/systems/zero";
import { Controller, ControllerStateTracker } from "@sabaki/gtp";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { main } from "./gradus.ts";

const folder = mkdtempSync(join(tmpdir(), "gradus-clients-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("Sabaki's client plays Go, is refused what is wrong, takes back, and hears an analysis", async () => {
  const controller = new Controller(process.execPath, [main, "play", "go5", "--gtp", "--simulations", "8"]);
  const sabaki = new ControllerStateTracker(controller);
  controller.start();
  const ask = async (name: string, ...args: string[]) => controller.sendCommand({ name, args });
  try {
    expect(await ask("name")).toMatchObject({ content: "Gradus", error: false });
    for (const command of ["genmove", "undo", "loadsgf", "lz-analyze", "kata-genmove_analyze", "final_score"])
      expect((await ask("known_command", command)).content, command).toBe("true");
    // As Sabaki brings an engine to the game that is on its board, and back after moves were taken back.
    const play = (color: string, vertex: string) => ({ name: "play", args: [color, vertex] });
    await sabaki.sync({ boardsize: [5, 5], komi: 0.5, history: [play("B", "C3"), play("W", "B2"), play("B", "D2")] });
    expect((await ask("showboard")).content).toMatch(/3 \. \. X \. \.\n2 \. O \. X \.\n.*white to move, komi 0\.5/s);
    await sabaki.sync({ boardsize: [5, 5], komi: 0.5, history: [play("B", "C3"), play("W", "B2")] });
    expect((await ask("showboard")).content).toMatch(/2 \. O \. \. \.\n.*black to move/s);
    const bad = [
      ["boardsize", "25"],
      ["komi", "6.75"],
      ["play", "B", "C3"],
      ["play", "B", "Z9"],
      ["genmove", "green"],
      ["fly"],
      ["loadsgf", "no.sgf"],
    ];
    for (const [name, ...args] of bad) expect(await ask(name!, ...args), name).toMatchObject({ error: true });
    const move = await sabaki.queueCommand({ name: "genmove", args: ["B"] });
    expect(move).toMatchObject({ content: expect.stringMatching(/^([A-E][1-5]|pass)$/), error: false });
    // An analysis has no end of its own: it is the next command that ends it.
    const heard: string[] = [];
    const analysis = controller.sendCommand({ name: "lz-analyze", args: ["W", "5"] }, ({ line }) => void heard.push(line));
    await expect.poll(() => heard.filter((line) => line.startsWith("info move ")).length, { timeout: 30_000 }).toBeGreaterThan(1);
    const next = ask("protocol_version");
    expect(await analysis).toMatchObject({ error: false });
    expect(await next).toMatchObject({ content: "2", error: false });
    const told: string[] = [];
    await controller.sendCommand({ name: "kata-genmove_analyze", args: ["W", "5"] }, ({ line }) => void told.push(line));
    expect(told.join("\n")).toMatch(/info move [A-E][1-5] visits \d+ .*\nplay ([A-E][1-5]|pass)/);
    await controller.stop();
    expect(controller.process).toBe(null);
  } finally {
    await controller.kill();
  }
}, 90_000);

const uci2wb = ["/usr/games/uci2wb", "/usr/bin/uci2wb"].find(existsSync);

describe.skipIf(!uci2wb)("UCI2WB (Debian's uci2wb; skipped where it is not installed)", () => {
  let child: ChildProcessWithoutNullStreams | null = null;
  afterEach(() => void child?.kill("SIGKILL"));

  /** UCI2WB with `gradus play` behind it: a small network without training thinks. */
  async function adapter(name: "chess" | "shogi", flag: "-c" | "-s") {
    const weights = join(folder, `${name}.safetensors`);
    const network = { filters: 4, blocks: 1, heads: "dense" } as const;
    await zeroNetwork(await gameOf(name), network).saveWeights(weights);
    writeFileSync(join(folder, `${name}.json`), JSON.stringify({ system: "zero", game: name, network }));
    const engine = join(folder, `${name}.sh`);
    const protocol = flag === "-c" ? "--uci" : "--usi";
    writeFileSync(engine, `#!/bin/sh\nexec '${process.execPath}' '${main}' play ${name} ${protocol} --weights '${weights}'\n`);
    chmodSync(engine, 0o755);
    const started = spawn(uci2wb!, ["debug", flag, engine]);
    child = started;
    let text = "";
    started.stdout.setEncoding("latin1").on("data", (data: string) => void (text += data));
    const ended = new Promise<number | null>((resolve) => started.once("exit", resolve));
    return {
      ended,
      say: (...lines: readonly string[]) => void started.stdin.write(`${lines.join("\n")}\n`, "latin1"),
      /** Waits until it has said so after what was seen last, and gives what matched. */
      async hears(pattern: RegExp): Promise<RegExpExecArray> {
        await expect.poll(() => pattern.test(text), { timeout: 30_000, message: `${pattern} in ${text}` }).toBe(true);
        const found = pattern.exec(text)!;
        text = text.slice(found.index + found[0].length);
        return found;
      },
    };
  }

  test("plays chess through UCI: moves, a position, and what is no move", async () => {
    const { ended, say, hears } = await adapter("chess", "-c");
    say("xboard", "protover 2");
    await hears(/feature myname="Gradus \d\S* \(UCI2WB\)"[\s\S]*option="Simulations -spin[\s\S]*done=1/);
    say("new", "option Simulations=20", "st 1", "usermove e2e4");
    await hears(/# setoption name Simulations value 20/);
    const [, reply] = await hears(/# position startpos moves e2e4\n[\s\S]*\nmove ([a-h][1-8][a-h][1-8])\n/);
    expect(
      (await gameOf("chess")).begin("rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1").actionOf(reply!),
    ).toBeGreaterThanOrEqual(0);
    say("usermove e4e6");
    await hears(/info string play: "e4e6" is no legal move here[\s\S]*bestmove 0000/);
    say("new", "setboard 7k/8/5KQ1/8/8/8/8/8 w - - 0 1", "go");
    await hears(/# position fen 7k\/8\/5KQ1\/8\/8\/8\/8\/8 w - - 0 1[\s\S]*\nmove g6g7\n/);
    say("quit");
    expect(await ended).toBe(0);
  }, 120_000);

  test("plays shogi through USI: moves, byo-yomi, and what is no move", async () => {
    const { ended, say, hears } = await adapter("shogi", "-s");
    say("xboard", "protover 2");
    await hears(/feature myname="Gradus \d\S* \(USI2WB\)"[\s\S]*EnteringKingRule -combo[\s\S]*done=1/);
    say("new", "variant shogi", "st 1", "ping 1");
    await hears(/pong 1\n/);
    // XBoard's squares: files from a on for 9, ranks from the bottom.
    say("usermove c3c4");
    const [, reply] = await hears(
      /# position startpos moves 7g7f\n# go btime \d+ wtime \d+ movetime \d+\n[\s\S]*\nmove ([a-i][1-9][a-i][1-9])[+=]?\n/,
    );
    const move = reply!.replace(
      /([a-i])([1-9])/g,
      (_, file: string, rank: string) => `${106 - file.charCodeAt(0)}${String.fromCharCode(106 - Number(rank))}`,
    );
    const state = (await gameOf("shogi")).begin("lnsgkgsnl/1r5b1/ppppppppp/9/9/2P6/PP1PPPPPP/1B5R1/LNSGKGSNL w - 2");
    expect(state.legal().map((action) => state.nameOf(action).replace("+", ""))).toContain(move);
    say("usermove e1i9");
    await hears(/info string play: "5i1a" is no legal move here[\s\S]*bestmove resign[\s\S]*\nresign\n/);
    say("quit");
    expect(await ended).toBe(0);
  }, 120_000);
});
