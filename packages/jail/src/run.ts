import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { isAbsolute } from "node:path";
import type { Readable } from "node:stream";
import { behindWalls, childProgram, nodeCommand, readableFor, type Walls } from "./command.ts";
import { probe, protection } from "./protection.ts";

export interface JailOptions {
  /** The file of a module of ours: default export `(input, seal) => result`; it calls `seal()` before it runs untrusted code. */
  readonly entry: string;
  /** Data that JSON can hold. */
  readonly input: unknown;
  /** More files and folders that the entry may read, besides the workspace's packages and node_modules. */
  readonly files?: readonly string[];
  /** Wall-clock time for all of it, the start of the process included. */
  readonly milliseconds: number;
  /**
   * Processor time, of all threads together (Linux); four times the wall-clock time and 4 s by default. A busy machine takes longer for
   * the same work, but not more of this.
   */
  readonly processorSeconds?: number;
  /** Memory beyond what Node.js takes for itself. */
  readonly megabytes: number;
  /** Length of the result as JSON; 1,000,000 by default. */
  readonly outputBytes?: number;
  readonly signal?: AbortSignal;
}

export interface JailFailure {
  readonly ok: false;
  /** What was exceeded; "crash" for errors and ended processes, "start" when the entry never ran. */
  readonly reason: "time" | "memory" | "crash" | "output" | "start";
  readonly message: string;
  readonly milliseconds: number;
}

export type JailResult =
  | { readonly ok: true; readonly value: unknown; readonly milliseconds: number; readonly peakMegabytes?: number }
  | JailFailure;

/** A message of the child. */
interface Message {
  readonly started?: true;
  readonly start?: string;
  readonly value?: unknown;
  readonly megabytes?: number;
  readonly error?: string;
  readonly memory?: boolean;
  readonly large?: true;
}

/**
 * Runs a module of ours on untrusted input in a process of its own. What happens in there is told in the result; wrong options throw,
 * and an abort rejects with the signal's reason.
 */
export async function runInJail(options: JailOptions): Promise<JailResult> {
  checkOptions(options);
  const begin = performance.now();
  try {
    const { layer, limits } = await protection();
    return await runBehind({ sandbox: layer === "permission" ? null : layer, permission: true, limits }, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    return { ok: false, reason: "start", message: (error as Error).message, milliseconds: performance.now() - begin };
  }
}

function checkOptions({ entry, input, milliseconds, megabytes, outputBytes = 1, processorSeconds = 1 }: JailOptions): void {
  if (typeof entry !== "string" || !isAbsolute(entry))
    throw new TypeError(`runInJail: entry should be the full path of a module. Received: ${String(entry)}`);
  for (const [name, value] of Object.entries({ milliseconds, processorSeconds, megabytes, outputBytes }))
    if (!(Number.isFinite(value) && value > 0)) throw new RangeError(`runInJail: ${name} should be a number above 0. Received: ${value}`);
  if (milliseconds > 2 ** 31 - 1) throw new RangeError(`runInJail: milliseconds should be below 2147483648. Received: ${milliseconds}`);
  if (JSON.stringify(input) === undefined && input !== undefined)
    throw new TypeError("runInJail: input should be data that JSON can hold.");
}

/** Runs behind just these walls; for runInJail, and for tests of single walls. */
export async function runBehind(walls: Walls, options: JailOptions): Promise<JailResult> {
  const { milliseconds, megabytes, files = [], outputBytes = 1_000_000, input, signal } = options;
  signal?.throwIfAborted();
  const entry = realpathSync(options.entry);
  const { tools } = await probe();
  const readable = readableFor(entry, files);
  // Several threads compile and collect.
  const { processorSeconds = 4 * Math.ceil(milliseconds / 1000) + 4 } = options;
  // The system's limit is for the case that this server cannot look: it does not say what it killed for.
  const limits = { seconds: processorSeconds + 3, megabytes };
  const [command, ...args] = behindWalls(walls, tools, limits, readable, nodeCommand(childProgram(), walls, limits, readable));
  const nonce = randomBytes(24).toString("hex");
  const begin = performance.now();
  const child = spawn(command!, args, { stdio: ["pipe", "ignore", "pipe", "pipe"], detached: true, env: {}, cwd: "/" });

  let stopped: { reason: JailFailure["reason"]; message: string } | null = null;
  const stop = (reason: JailFailure["reason"], message: string): void => {
    stopped ??= { reason, message };
    kill(child);
  };
  const tooLarge = `The code gave back more than ${outputBytes} bytes.`;
  const tooMuch = `The code used more than ${megabytes} MB of memory.`;
  const tooBusy = `The code used more than ${Number(processorSeconds.toFixed(2))} seconds of processor time.`;
  const timer = setTimeout(
    () => stop("time", `The code ran longer than ${Number((milliseconds / 1000).toFixed(2))} seconds and was stopped.`),
    milliseconds,
  );
  // The engine's own limit is on objects; arrays of numbers and WebAssembly's memory lie beside them.
  const watch = setInterval(() => {
    if (residentMegabytes(child.pid) > megabytes + programMegabytes) stop("memory", tooMuch);
    if (secondsOf(child.pid) > processorSeconds) stop("time", tooBusy);
  }, 40);
  const onAbort = () => kill(child);
  signal?.addEventListener("abort", onAbort);

  // Multibyte characters take up to six bytes in JSON's escapes; three in UTF-8.
  const results = collect(child.stdio[3] as Readable, outputBytes * 3 + 1000, () => stop("output", tooLarge));
  const complaints = collect(child.stderr!, 1_000_000, () => stop("output", "The code wrote without end to the error output."));
  child.stdin!.on("error", () => {}); // it may have ended before it read
  child.stdin!.end(JSON.stringify({ entry, input, nonce, outputBytes }));

  let ending: Ending;
  try {
    ending = await ended(child);
  } finally {
    clearTimeout(timer);
    clearInterval(watch);
    signal?.removeEventListener("abort", onAbort);
    kill(child); // nothing of its group stays behind
  }
  signal?.throwIfAborted();

  const took = performance.now() - begin;
  const fail = (reason: JailFailure["reason"], message: string): JailFailure => ({ ok: false, reason, message, milliseconds: took });
  const messages = parse(results(), nonce);
  const last = messages.at(-1);
  if (last && "value" in last)
    return { ok: true, value: last.value, milliseconds: took, ...(last.megabytes ? { peakMegabytes: last.megabytes } : {}) };
  if (stopped) return fail(stopped["reason"], stopped["message"]);
  if (last?.large) return fail("output", tooLarge);
  if (last?.memory) return fail("memory", tooMuch);
  if (last?.error !== undefined) return fail("crash", last.error);
  if (ending.signal === "SIGXCPU" || ending.code === 128 + 24) return fail("time", tooBusy);
  const complaint = complaints().toString("utf8");
  if (!messages.some((m) => m.started))
    return fail("start", `${entry} could not be started: ${last?.start ?? ending.error?.message ?? firstError(complaint) ?? told(ending)}`);
  if (/heap out of memory|out of memory|allocation failed/i.test(complaint)) return fail("memory", tooMuch);
  return fail("crash", `The code ended its process before it gave a result (${told(ending)}).`);
}

/** Memory of the program itself, which is not counted. */
const programMegabytes = 150;

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly error?: Error;
}

const told = ({ code, signal }: Ending): string => (signal ? `signal ${signal}` : `exit code ${code}`);

/** Waits until the process has ended and its pipes are read, which a process that slipped away cannot put off. */
function ended(child: ChildProcess): Promise<Ending> {
  return new Promise((resolve) => {
    child.on("error", (error) => resolve({ code: null, signal: null, error }));
    child.on("close", (code, signal) => resolve({ code, signal }));
    child.on("exit", (code, signal) => {
      kill(child);
      setTimeout(() => {
        for (const stream of child.stdio) stream?.destroy();
        resolve({ code, signal });
      }, 1000).unref();
    });
  });
}

/** Ends a process and all of its group. */
function kill({ pid, killed }: ChildProcess): void {
  if (pid === undefined || killed) return;
  try {
    process.kill(process.platform === "win32" ? pid : -pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}

/** Keeps what a stream gives up to a length. */
function collect(stream: Readable, most: number, tooMuch: () => void): () => Buffer {
  const chunks: Buffer[] = [];
  let length = 0;
  stream.on("error", () => {});
  stream.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > most) tooMuch();
    else chunks.push(chunk);
  });
  return () => Buffer.concat(chunks);
}

/** The messages that carry the nonce, in their order; none if anything else lies between them. */
function parse(bytes: Buffer, nonce: string): Message[] {
  const lines = bytes.toString("utf8").split("\n");
  const open = lines.pop(); // after the last line's end
  if (open !== "" || lines.some((line) => !line.startsWith(nonce))) return [];
  return lines.map((line) => JSON.parse(line.slice(nonce.length)) as Message);
}

const firstError = (text: string): string | undefined => text.split("\n").find((line) => /error|bwrap|unshare|setpriv/i.test(line));

/** Resident memory of a process and all below it; 0 where the system does not tell. */
function residentMegabytes(pid: number | undefined): number {
  if (pid === undefined) return 0;
  try {
    const kilobytes = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
    return kilobytes / 1024 + children.reduce((sum, child) => sum + residentMegabytes(Number(child)), 0);
  } catch {
    return 0;
  }
}

/** Processor time of a process and all below it, in seconds; 0 where the system does not tell. Linux counts in hundredths. */
function secondsOf(pid: number | undefined): number {
  if (pid === undefined) return 0;
  try {
    // After the name in brackets: state, parent, ...; user's and system's time are the 14th and 15th of all.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
    return (Number(fields[11]) + Number(fields[12])) / 100 + children.reduce((sum, child) => sum + secondsOf(Number(child)), 0);
  } catch {
    return 0;
  }
}
