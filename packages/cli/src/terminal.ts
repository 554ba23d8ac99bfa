import { createInterface } from "node:readline";
import { styleText } from "node:util";
import cliProgress from "cli-progress";

/** Lines of standard input. Once nobody reads on, an input that does not end holds this process no longer. */
export async function* typedLines(): AsyncGenerator<string, void> {
  try {
    yield* createInterface({ input: process.stdin, crlfDelay: Infinity });
  } finally {
    process.stdin.destroy();
  }
}

type Style = Parameters<typeof styleText>[0];

/** Text in a style where the terminal shows styles: never with NO_COLOR, nor into files and pipes. */
export const styled = (style: Style, text: string): string =>
  process.env.NO_COLOR ? text : styleText(style, text, { stream: process.stdout });

export const line = (text = ""): void => {
  process.stdout.write(`${text}\n`);
};

/** A numbered heading over the width of the terminal's first 78 columns. */
export function heading(number: number, title: string): void {
  line(`\n${styled(["bold", "cyan"], `${number}  ${title}`)} ${styled("dim", "─".repeat(74 - title.length))}`);
}

/** An expression as a reader would type it, and below it what it gives. */
export function shown(code: string, value?: unknown): void {
  line(`\n  ${styled("green", ">")} ${styled("bold", code)}`);
  if (value !== undefined) line(indented(String(value)));
}

export const indented = (text: string): string => text.replace(/^(?=.)/gm, "    ");

export interface Bar {
  update(value: number, total: number, payload: Readonly<Record<string, string | number>>): void;
  /** Prints lines above the bar. */
  above(print: () => void): void;
  stop(): void;
}

/** A bar that fills up, in the words of `format` (cli-progress's); nothing at all if `quiet`, or when the output is no terminal. */
export function bar(format: string, quiet = false): Bar {
  if (quiet || !process.stdout.isTTY) return { update() {}, above: (print) => print(), stop() {} };
  // No longer than the terminal is wide: a bar that wraps is not drawn over.
  const columns = () => process.stdout.columns || 80;
  const fitted: cliProgress.GenericFormatter = (options, params, payload) =>
    cliProgress.Format.Formatter({ ...options, format }, params, payload).slice(0, columns() - 1);
  // Cursor and wrapping stay as they are: a program that is stopped by Ctrl+C could not give them back.
  const make = () =>
    new cliProgress.SingleBar(
      { format: fitted, barsize: Math.max(5, Math.min(32, columns() - 60)), hideCursor: false, linewrap: true, clearOnComplete: true },
      cliProgress.Presets.shades_classic,
    );
  let shown: { bar: cliProgress.SingleBar; total: number; last: Parameters<Bar["update"]> } | null = null;
  const stop = () => {
    if (!shown) return;
    shown.bar.stop();
    shown = null;
  };
  const update: Bar["update"] = (value, total, payload) => {
    if (!shown) {
      const created = make();
      created.start(total, value, payload);
      shown = { bar: created, total, last: [value, total, payload] };
    }
    shown.bar.setTotal(total);
    shown.bar.update(value, payload);
    shown.last = [value, total, payload];
    if (value >= total) stop();
  };
  return {
    update,
    above: (print) => {
      const last = shown?.last;
      if (shown) {
        // The bar's line is written over, then drawn anew below.
        shown.bar.stop();
        process.stdout.write("\u001b[1A\u001b[2K");
        shown = null;
      }
      print();
      if (last) update(...last);
    },
    stop,
  };
}

/** "1 residue", "12 residues". */
export const counted = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;

/** Seconds as people say them: "12 s", "3 min", "2 h 5 min". */
export function timeLeft(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
