import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { ArgumentError, StateError } from "@gradus/tensor";

/** A program's words, as a shell would take them apart: spaces separate, quotes hold together. ArgumentError for an open quote. */
export function words(command: string): string[] {
  const found = [...command.matchAll(/"([^"]*)"|'([^']*)'|([^\s"']+)/g)].map(([, a, b, c]) => a ?? b ?? c!);
  if (/["']/.test(command.replace(/"[^"]*"|'[^']*'/g, ""))) throw new ArgumentError("program", `${command} has a quote that does not end`);
  if (!found.length) throw new ArgumentError("program", "no program is named", "Give one with its options: gnugo --mode gtp");
  return found;
}

/** What a program may say unasked before it is ended: characters of a line, and lines that wait to be read. */
const longestLine = 1e6;
const mostLines = 1e4;

const running = new Set<ChildProcessWithoutNullStreams>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Another program that is spoken to in lines. It is killed when this one ends. */
export class Program {
  private readonly name: string;
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly lines: string[] = [];
  private waiting: ((line: string | null) => void) | null = null;
  private ended: string | null = null;

  /** Errors call it by its name. */
  constructor(command: string, name = command) {
    this.name = name;
    const [file, ...args] = words(command);
    this.child = spawn(file!, args, { stdio: ["pipe", "pipe", "pipe"] });
    running.add(this.child);
    const end = (why: string): void => {
      this.ended ??= why;
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
      this.kill();
    });
  }

  send(line: string): void {
    if (this.ended !== null) this.fail(this.ended);
    this.child.stdin.write(`${line}\n`);
  }

  /** The next line it says. StateError when none comes in time, with what is wrong then, or it has ended. */
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
    return this.fail(this.ended ?? late);
  }

  private fail(why: string): never {
    throw new StateError(this.name, why);
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }

  /** Asks nothing more of it: the end of its input tells it to end, and if it does not within half a second, it is killed. */
  close(): void {
    this.child.stdin.end();
    setTimeout(() => this.kill(), 500).unref();
  }
}
