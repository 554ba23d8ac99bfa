import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { ArgumentError, OutOfMemoryError } from "@gradus/tensor";
import { makeFolder, saveFile } from "@gradus/tensor/io";

/** A training run in a folder. */
export interface Run {
  /** Where training keeps its state, to go on from. */
  readonly checkpoint: string;
  /** Whether it goes on from where it was stopped. */
  readonly resumed: boolean;
  /** Once all results are written: what was kept to go on is taken away, and the run counts as finished. */
  end(): Promise<void>;
}

/**
 * Begins a run or takes it up where it was stopped. `settings` say all that its numbers depend on, as plain JSON: a run with others does
 * not take its place by mistake, nor does one take the place of one that is finished, but with `fresh`. ArgumentError then.
 */
export async function beginRun(command: string, folder: string, settings: object, fresh = false, state = "run.safetensors"): Promise<Run> {
  const [checkpoint, settingsFile] = [join(folder, state), join(folder, "run.json")];
  const remove = async () => void (await Promise.all([checkpoint, settingsFile].map((path) => rm(path, { force: true }))));
  await makeFolder(folder);
  if (fresh) await remove();
  const known = (await readFile(settingsFile, "utf8")
    .then(JSON.parse, () => null)
    .catch(() => null)) as (Settings & { finished?: true }) | null;
  const resumed = existsSync(checkpoint);
  const { finished = false, ...before } = known ?? {};
  const other = known && differing(before, settings);
  const refuse = (problem: string, fix: string) => {
    throw new ArgumentError(command, `${folder} holds a run that ${problem}`, `${fix}, or another folder with --out`);
  };
  if (finished) refuse(`is finished${other ? `, with ${other}` : ""}`, "Give --fresh to train anew in its place");
  if (resumed && other) refuse(`was stopped, with ${other}`, "Give the same ones to go on, --fresh to start anew");
  await writeText(settingsFile, JSON.stringify(settings));
  const end = async () => {
    await writeText(settingsFile, JSON.stringify({ ...settings, finished: true }));
    await rm(checkpoint, { force: true });
  };
  return { checkpoint, resumed, end };
}

type Settings = Readonly<Record<string, unknown>>;

/** In which settings two runs differ, in words; null if in none. */
function differing(a: Settings, b: object): string | null {
  const [one, two] = [a, b].map((s) => JSON.parse(JSON.stringify(s)) as Settings) as [Settings, Settings];
  const keys = Object.keys({ ...one, ...two }).filter((key) => !isDeepStrictEqual(one[key], two[key]));
  return keys.length ? `other settings or other data (${keys.join(", ")})` : null;
}

/** Does a part of a command's training; where memory does not suffice, the error says what helps on the command line. */
export async function withinMemory<T>(command: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) throw error;
    throw new OutOfMemoryError(command, `there is not enough memory: ${error.problem}`, "Give a smaller --batch-size");
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
