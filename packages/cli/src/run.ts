import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { ArgumentError, FormatError, OutOfMemoryError } from "@gradus/tensor";
import { makeFolder, removeUnfinished, saveFile } from "@gradus/tensor/io";
import { parseJson } from "@gradus/tensor/json";

/** A training run in a folder. */
export interface Run {
  /** Where training keeps its state, to go on from. */
  readonly checkpoint: string;
  /** Whether it goes on from where it was stopped. */
  readonly resumed: boolean;
  /**
   * Once all results are written: the run counts as finished, then what was kept to go on is taken away, `also` what else there is, and
   * others may use the folder.
   */
  end(also?: () => Promise<void>): Promise<void>;
}

/** What a training keeps in its folder, by name, beside `run.json`. */
export interface Kept {
  /** Files that it goes on from, the checkpoint first. They go when it ends. */
  readonly state: readonly string[];
  /** Folders that belong to the run and stay. */
  readonly folders?: readonly string[];
}

/**
 * Begins a run or takes it up where it was stopped. `settings` say all that its numbers depend on, as plain JSON: a run with others does
 * not take its place by mistake, nor does one take the place of one that is finished, but with `fresh`, nor of one that goes on. Then:
 * ArgumentError. A process may die at any moment of this, and the next finds either run, never parts of both.
 */
export async function beginRun(
  command: string,
  folder: string,
  settings: object,
  fresh = false,
  { state, folders = [] }: Kept = { state: ["run.safetensors"] },
): Promise<Run> {
  const at = (name: string) => join(folder, name);
  const settingsFile = at("run.json");
  const remove = async (names: readonly string[]) => {
    for (const name of names) await rm(at(name), { recursive: true, force: true });
  };
  await makeFolder(folder);
  const release = takeLock(command, folder);
  await removeUnfinished(folder);
  // From here on the run that was there is to go, also if this process does not come to it.
  if (fresh) await writeText(settingsFile, JSON.stringify({ cleared: true }));
  const refuse = (problem: string, fix: string) => {
    release();
    throw new ArgumentError(command, `${folder} holds a run that ${problem}`, `${fix}, or another folder with --out`);
  };
  const text = await readFile(settingsFile, "utf8").catch(() => null);
  const known = text === null ? null : parseSettings(text);
  if (text !== null && !known) refuse(`cannot be told from others: ${settingsFile} is damaged`, "Give --fresh to start anew");
  if (known?.cleared) await remove([...state, ...folders]);
  const resumed = [...state, ...folders].some((name) => isFilled(at(name)));
  const { finished = false, ...before } = known ?? {};
  const other = known && !known.cleared && differing(before, settings);
  if (finished) refuse(`is finished${other ? `, with ${other}` : ""}`, "Give --fresh to train anew in its place");
  if (resumed && !known) refuse("has lost its settings: run.json is missing", "Give --fresh to start anew");
  if (resumed && other) refuse(`was stopped, with ${other}`, "Give the same ones to go on, --fresh to start anew");
  await writeText(settingsFile, JSON.stringify(settings));
  const end = async (also = async () => {}) => {
    await writeText(settingsFile, JSON.stringify({ ...settings, finished: true }));
    await remove(state);
    await also();
    release();
  };
  return { checkpoint: at(state[0]!), resumed, end };
}

/** Whether there is a file, or a folder with something in it. */
const isFilled = (path: string): boolean => existsSync(path) && (!statSync(path).isDirectory() || readdirSync(path).length > 0);

/**
 * Makes this process the only one that trains in a folder: `run.lock` has its number. That of a process that is gone is taken over, so
 * that a run that was killed goes on. Returns what gives the folder free; the end of the process does too. ArgumentError where another trains.
 */
function takeLock(command: string, folder: string): () => void {
  const file = join(folder, "run.lock");
  const release = () => rmSync(file, { force: true });
  for (;;)
    try {
      writeFileSync(file, String(process.pid), { flag: "wx" });
      process.once("exit", release);
      return () => {
        process.off("exit", release);
        release();
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const holder = Number(readFileSync(file, "utf8"));
      // Our own number is that of a process before us, as in a container that was started again.
      if (holder !== process.pid && isRunning(holder))
        throw new ArgumentError(
          command,
          `another training, process ${holder}, goes on in ${folder}`,
          `Wait for it, give another folder with --out, or delete ${file} if that process is none of Gradus`,
        );
      release();
    }
}

function isRunning(pid: number): boolean {
  if (!(Number.isInteger(pid) && pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, and is somebody else's.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

type Settings = Readonly<Record<string, unknown>>;

/** What `run.json` says; null where it is damaged. */
function parseSettings(text: string): (Settings & { readonly finished?: true; readonly cleared?: true }) | null {
  const settings = parseJson(text);
  return typeof settings === "object" && !Array.isArray(settings) ? (settings as Settings) : null;
}

/** In which settings two runs differ, in words; null if in none. */
function differing(a: Settings, b: object): string | null {
  const [one, two] = [a, b].map((s) => JSON.parse(JSON.stringify(s)) as Settings) as [Settings, Settings];
  const keys = Object.keys({ ...one, ...two }).filter((key) => !isDeepStrictEqual(one[key], two[key]));
  return keys.length ? `other settings or other data (${keys.join(", ")})` : null;
}

/** Does a part of a command's training; where memory or a kept state fails it, the error says what helps on the command line. */
export async function trainingErrors<T>(command: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof OutOfMemoryError)
      throw new OutOfMemoryError(command, `there is not enough memory: ${error.problem}`, "Give a smaller --batch-size");
    if (error instanceof FormatError && (error.operation === "BackupAndRestore" || error.operation === "trainFold"))
      throw new FormatError(command, error.problem, "Give --fresh to start anew");
    throw error;
  }
}

/** Writes a text file: all of it or nothing. */
export const writeText = (path: string, text: string): Promise<void> => saveFile(path, [new TextEncoder().encode(text)]);

/** How fast a run goes, and how long it still takes: it counts from when it is first asked. */
export class Pace {
  private first: { readonly step: number; readonly at: number } | null = null;

  /** Steps a second so far, 0 while not known, and seconds left, null while not known. */
  at(step: number, steps: number): { readonly rate: number; readonly left: number | null } {
    const now = performance.now();
    this.first ??= { step, at: now };
    const rate = step > this.first.step ? (1000 * (step - this.first.step)) / (now - this.first.at) : 0;
    return { rate, left: rate ? (steps - step) / rate : null };
  }
}
