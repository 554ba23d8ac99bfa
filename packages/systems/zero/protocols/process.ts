import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { ArgumentError, StateError } from "@gradus/tensor";

/** A program's words, as a shell would take them apart: spaces separate, quotes hold together. ArgumentError for an open quote. */
export function words(command: string): string[] {
  const found = [...command.matchAll(/"([^"]*)"|'([^']*)'|([^\s"']+)/g)].map(([, a, b, c]) => a ?? b ?? c!);
  if (/["']/.test(command.replace(/"[^"]*"|'[^']*'/g, ""))) throw new ArgumentError("program", `${command} has a quote that does not end`);
  if (!found.length) throw new ArgumentError("program", "no program is named", "Give one with its options: gnugo --mode gtp");
  return found;
}

/** Another program that is spoken to in lines. It is killed when this one ends. */
export class Program {
  readonly command: string;
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly lines: string[] = [];
  private waiting: ((line: string | null) => void) | null = null;
  private ended: string | null = null;
  private readonly atExit = (): void => void this.child.kill("SIGKILL");

  constructor(command: string) {
    this.command = command;
    const [file, ...args] = words(command);
    this.child = spawn(file!, args, { stdio: ["pipe", "pipe", "pipe"] });
    process.once("exit", this.atExit);
    const end = (why: string): void => {
      this.ended ??= why;
      this.waiting?.(null);
    };
    let complaint = "";
    this.child.stderr.on("data", (data: Buffer) => {
      complaint = (complaint + data.toString()).slice(-300);
    });
    this.child.on("error", (error: NodeJS.ErrnoException) => end(error.code === "ENOENT" ? "there is no such program" : error.message));
    this.child.on("exit", (code, signal) =>
      end(`it ended (${signal ?? `code ${code}`})${complaint.trim() ? `: ${complaint.trim()}` : ""}`),
    );
    // A program that has ended cannot be written to; that it has ended is what is told.
    this.child.stdin.on("error", () => {});
    createInterface({ input: this.child.stdout, crlfDelay: Infinity }).on("line", (line) => {
      if (this.waiting) this.waiting(line);
      else this.lines.push(line);
    });
  }

  send(line: string): void {
    if (this.ended !== null) this.fail(this.ended);
    this.child.stdin.write(`${line}\n`);
  }

  /** The next line it says. StateError when none comes in time, or it has ended. */
  async line(seconds: number): Promise<string> {
    const first = this.lines.shift();
    if (first !== undefined) return first;
    if (this.ended !== null) this.fail(this.ended);
    const line = await new Promise<string | null>((resolve) => {
      const timer = setTimeout(() => this.waiting?.(""), 1000 * seconds);
      let late = true;
      this.waiting = (text) => {
        // An empty text after the time is no line.
        late = text === "" && performance.now() >= limit;
        clearTimeout(timer);
        this.waiting = null;
        resolve(late ? null : text);
      };
      const limit = performance.now() + 1000 * seconds - 1;
    });
    if (line !== null) return line;
    return this.fail(this.ended ?? `it said nothing for ${seconds} s`);
  }

  private fail(why: string): never {
    throw new StateError(this.command, why);
  }

  /** Asks nothing more of it. */
  close(): void {
    process.removeListener("exit", this.atExit);
    this.child.stdin.end();
    setTimeout(() => this.child.kill("SIGKILL"), 500).unref();
  }
}
