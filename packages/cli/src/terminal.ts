import { styleText } from "node:util";
import cliProgress from "cli-progress";

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

export interface Progress {
  update(value: number, loss: number): void;
  stop(): void;
}

/** A bar with the time left; nothing at all when the output is not a terminal. */
export function progress(total: number): Progress {
  if (!process.stdout.isTTY) return { update() {}, stop() {} };
  const bar = new cliProgress.SingleBar(
    { format: "    {bar} {percentage}%  loss {loss}  {eta_formatted} left", barsize: 32, hideCursor: true, etaBuffer: 50 },
    cliProgress.Presets.shades_classic,
  );
  bar.start(total, 0, { loss: "-" });
  return {
    update: (value, loss) => bar.update(value, { loss: loss.toFixed(3) }),
    stop: () => bar.stop(),
  };
}
