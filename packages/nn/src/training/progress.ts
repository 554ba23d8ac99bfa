import type { Logs } from "./history.ts";
import type { TrainingEvent } from "./trainer.ts";

/** Shows one run of `fit`: called with the number of epochs, it takes the run's events. What it throws ends the run. */
export type TrainingDisplay = (epochs: number) => (event: TrainingEvent) => void;

let display: TrainingDisplay | null = null;

/** Shows every `fit` that is not silent this way instead of by lines of text; null goes back to those. */
export function setTrainingDisplay(chosen: TrainingDisplay | null): void {
  display = chosen;
}

/** A progress bar in a terminal, one line an epoch elsewhere. */
export const defaultVerbosity = (): 1 | 2 => (terminal()?.isTTY ? 1 : 2);

interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

function terminal(): Terminal | null {
  return (globalThis as { process?: { stdout?: Terminal } }).process?.stdout ?? null;
}

const number = (x: number): string =>
  Number.isFinite(x) && x !== 0 && (Math.abs(x) < 1e-3 || Math.abs(x) >= 1e5) ? x.toExponential(3) : x.toFixed(4);
const show = (logs: Logs): string =>
  Object.entries(logs)
    .map(([name, value]) => `${name}: ${number(value)}`)
    .join(" - ");

/** Shows training events as Keras does: verbose 1 a bar that moves, 2 a line an epoch, 0 nothing. */
export function progressBar(verbose: 0 | 1 | 2, epochs: number): (event: TrainingEvent) => void {
  const out = terminal();
  const write = (text: string): void => {
    if (out) out.write(text);
    else console.log(text.replace(/\r|\n$/g, ""));
  };
  if (verbose === 0) return () => {};
  if (display) return display(epochs);
  return (event) => {
    const { epoch, logs, seconds } = event;
    const head = `Epoch ${epoch + 1}/${epochs}`;
    if (event.kind === "epoch") {
      const perStep = (1000 * seconds) / Math.max(1, event.steps);
      const line = `${head}  ${event.steps} steps  ${duration(seconds)}  ${perStep < 1 ? perStep.toFixed(3) : perStep.toFixed(1)} ms/step - ${show(logs)}`;
      write(verbose === 1 && out?.isTTY ? `\r\x1b[K${line}\n` : `${line}\n`);
    } else if (verbose === 1 && out?.isTTY) {
      const { batch, steps } = event;
      const done = steps ? Math.min(1, batch / steps) : null;
      const bar =
        done === null ? `${batch}` : `${"━".repeat(Math.round(20 * done))}${"─".repeat(20 - Math.round(20 * done))} ${batch}/${steps}`;
      const left = done ? `  ${duration(seconds / done - seconds)} left` : "";
      write(`\r\x1b[K${`${head} ${bar}${left} - ${show(logs)}`.slice(0, (out.columns ?? 120) - 1)}`);
    }
  };
}

function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")} min`;
}
