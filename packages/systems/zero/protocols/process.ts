import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { ArgumentError, StateError } from "@gradus/tensor";
import { LateError } from "../player.ts";

/** A program's words, as a shell would take them apart: spaces separate, quotes hold together. ArgumentError for an open quote. */
export function words(command: string): string[] {
  const found = [...command.matchAll(/"([^"]*)"|'([^']*)'|([^\s"']+)/g)].map(([, a, b, c]) => a ?? b ?? c!);
  if (/["']/.test(command.replace(/"[^"]*"|'[^']*'/g, ""))) throw new ArgumentError("program", `${command} has a quote that does not end`);
  if (!found.length) throw new ArgumentError("program", "no program is named", "Give one with its options: gnugo --mode gtp");
  return found;
}

export interface EngineOptions {
  /** Default: what it calls itself, once it was greeted; until then its command. */
  readonly name?: string;
  /** Seconds that it may take to answer anything, besides those that it is given to think. Default 120. */
  readonly patience?: number;
  /** Seconds that it may think longer than it is given, where limits say how long. Default: as `patience`. */
  readonly margin?: number;
}

/** What a program may say unasked before it is ended: characters of a line, and lines that wait to be read. */
const longestLine = 1e6;
const mostLines = 1e4;

const running = new Set<ChildProcessWithoutNullStreams>();

/** Ends a program with all that it has started: shells and npx are not the program that plays. */
function killGroup(child: ChildProcessWithoutNullStreams): void {
  if (child.pid === undefined || !running.has(child)) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nobody of the group is left, or the system knows no groups.
    child.kill("SIGKILL");
  }
}

function killAll(): void {
  for (const child of running) killGroup(child);
}

/** Signals end this process without `exit`, and programs in groups of their own do not hear Ctrl+C. */
function ended(signal: NodeJS.Signals): void {
  killAll();
  if (process.listenerCount(signal) > 1) return;
  process.removeListener(signal, ended);
  process.kill(process.pid, signal);
}
let watched = false;
function watch(): void {
  if (watched) return;
  watched = true;
  process.on("exit", killAll);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, ended);
}

/** Another program that is spoken to in lines. It is killed when this one ends, with all that it has started. */
export class Program {
  private readonly player: { readonly name: string };
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly lines: string[] = [];
  private waiting: ((line: string | null) => void) | null = null;
  private ended: string | null = null;

  /** Errors call it by the name that its player has then. */
  constructor(command: string, player: { readonly name: string }) {
    this.player = player;
    const [file, ...args] = words(command);
    watch();
    this.child = spawn(file!, args, { stdio: ["pipe", "pipe", "pipe"], detached: process.platform !== "win32" });
    running.add(this.child);
    const end = (why: string): void => {
      this.ended ??= why;
      killGroup(this.child);
      running.delete(this.child);
      this.waiting?.(null);
    };
    let complaint = "";
    this.child.stderr.on("data", (data: Buffer) => {
      complaint = (complaint + data.toString()).slice(-300);
    });
    this.child.on("error", (error: NodeJS.ErrnoException) => end(error.code === "ENOENT" ? "there is no such program" : error.message));
    this.child.on("exit", (code, signal) => {
      const tell = () => end(`it ended (${signal ?? `code ${code}`})${complaint.trim() ? `: ${complaint.trim()}` : ""}`);
      // What it said last is read first, unless programs of its own keep its output open.
      this.child.on("close", tell);
      setTimeout(tell, 500).unref();
    });
    // A program that has ended cannot be written to; that it has ended is what is told.
    this.child.stdin.on("error", () => {});
    let rest = "";
    this.child.stdout.setEncoding("utf8").on("data", (data: string) => {
      if (this.ended !== null) return;
      const lines = (rest + data).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const text = line.replace(/\r$/, "");
        if (this.waiting) this.waiting(text);
        else this.lines.push(text);
      }
      if (rest.length <= longestLine && this.lines.length <= mostLines) return;
      end("it does not stop talking");
    });
  }

  send(line: string): void {
    if (this.ended !== null) this.fail(this.ended);
    this.child.stdin.write(`${line}\n`);
  }

  /** The next line it says. LateError when none comes in time, with what is wrong then; StateError when it has ended. */
  async line(seconds: number, late = `it said nothing for ${seconds} s`): Promise<string> {
    const first = this.lines.shift();
    if (first !== undefined) return first;
    if (this.ended !== null) this.fail(this.ended);
    const line = await new Promise<string | null>((resolve) => {
      this.waiting = (text) => {
        clearTimeout(timer);
        this.waiting = null;
        resolve(text);
      };
      const timer = setTimeout(() => this.waiting?.(null), 1000 * seconds);
    });
    if (line !== null) return line;
    if (this.ended !== null) this.fail(this.ended);
    throw new LateError(this.player.name, late);
  }

  private fail(why: string): never {
    throw new StateError(this.player.name, why);
  }

  kill(): void {
    killGroup(this.child);
  }

  /** Asks nothing more of it: the end of its input tells it to end, and if it does not within half a second, it is killed. */
  close(): void {
    this.child.stdin.end();
    setTimeout(() => this.kill(), 500).unref();
  }
}
