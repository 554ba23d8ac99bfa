// Runs inside the jail. Everything that is needed once untrusted code runs is taken hold of before.
import { readSync, writeSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { type SealOptions, seal } from "./seal.ts";

/** The pipe to the parent; its number is of no use without node:fs, nor without the nonce. */
const results = 3;
const { stringify } = JSON;
const { min } = Math;
const encoder = new TextEncoder();
const encode = encoder.encode.bind(encoder);
const quit = (process as unknown as { reallyExit(code: number): never }).reallyExit.bind(process);
const resources = process.resourceUsage.bind(process);
const { wait } = Atomics;
const clock = new Int32Array(new SharedArrayBuffer(4));

const { entry, input, nonce, outputBytes } = job();

function job(): { entry: string; input: unknown; nonce: string; outputBytes: number } {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = new Uint8Array(1 << 16);
    const count = patiently(() => readSync(0, chunk));
    if (count === 0) break;
    chunks.push(chunk.subarray(0, count));
  }
  const all = new Uint8Array(chunks.reduce((sum, c) => sum + c.length, 0));
  let at = 0;
  for (const c of chunks) {
    all.set(c, at);
    at += c.length;
    c.fill(0);
  }
  const text = new TextDecoder().decode(all);
  all.fill(0); // the nonce is in it
  return JSON.parse(text);
}

/** A pipe that another process has made non-blocking answers EAGAIN where it has nothing yet, or no room. */
function patiently(transfer: () => number): number {
  for (;;) {
    try {
      return transfer();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      wait(clock, 0, 0, 2);
    }
  }
}

function send(message: string): void {
  const bytes = encode(`${nonce}${message}\n`);
  for (let at = 0; at < bytes.length; ) at += patiently(() => writeSync(results, bytes, at, min(bytes.length - at, 1 << 16)));
}

let over = false;
/** Sends the one last message and ends. */
function finish(message: () => string): never {
  if (!over) {
    over = true;
    try {
      send(message());
    } catch (error) {
      try {
        send(failure(error)); // what is no JSON, and getters that throw
      } catch {
        quit(1);
      }
    }
  }
  return quit(0);
}

/** What went wrong, in words; `error` may be anything, made by untrusted code. */
function failure(error: unknown, kind: "error" | "start" = "error"): string {
  let message = "The code failed, and its error cannot be read.";
  let memory = false;
  try {
    const { name, message: said } = (error ?? {}) as { name?: unknown; message?: unknown };
    message = typeof said === "string" && said ? said : `${error}`;
    memory = name === "RangeError" && /allocation failed|unable to grow|could not allocate|out of memory|allocate memory/i.test(message);
  } catch {
    // Its getters throw.
  }
  return stringify({ [kind]: message.slice(0, 2000), memory });
}

type Work = (input: unknown, seal: (options?: SealOptions) => void) => unknown;

async function load(): Promise<Work> {
  const { default: work } = (await import(pathToFileURL(entry).href)) as { default?: unknown };
  if (typeof work !== "function") throw new TypeError("its default export should be a function (input, seal) => result");
  return work as Work;
}

process.on("uncaughtException", (error) => finish(() => failure(error)));
process.on("beforeExit", () => finish(() => failure("The code waits for something that never happens.")));

const work = await load().catch((error: unknown) => finish(() => failure(error, "start")));
send('{"started":true}');
try {
  const value = await work(input, seal);
  finish(() => {
    const json = (stringify(value) as string | undefined) ?? "null";
    return json.length > outputBytes ? '{"large":true}' : `{"value":${json},"megabytes":${resources().maxRSS / 1024}}`;
  });
} catch (error) {
  finish(() => failure(error));
}
