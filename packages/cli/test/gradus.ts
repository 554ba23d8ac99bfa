import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

export const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));

/** Runs the command in a process of its own, and waits for it. */
export const gradus = (...args: readonly string[]) => spawnSync(process.execPath, [main, ...args], { encoding: "utf8" });

/** What a command told with --json, an object a line. */
export const jsonLines = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

/** Starts a script, and kills it as soon as a file is there. */
export async function killAt(file: string, script: string, ...args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [script, ...args], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  while (!existsSync(file) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill("SIGKILL");
  await ended;
  expect(existsSync(file)).toBe(true);
}

/** Starts the command, and kills it as soon as there is a checkpoint to go on from. Another seed is refused then. */
export async function kill(args: readonly string[], checkpoint: string): Promise<void> {
  await killAt(checkpoint, main, ...args);
  const other = gradus(...args, "--seed", "2");
  expect(other.status).toBe(1);
  expect(other.stderr).toMatch(/holds a run that was stopped, with other settings.*--fresh/s);
}
