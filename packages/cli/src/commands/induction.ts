import { join } from "node:path";
import { induction } from "@gradus/systems/gpt/in-context";
import { makeFolder } from "@gradus/tensor/io";
import { inductionReport } from "../reports/induction.ts";
import { Pace, writeText } from "../run.ts";
import { bar, line, styled, timeLeft } from "../terminal.ts";

export interface InductionCommandOptions {
  readonly layers: readonly number[];
  readonly steps?: number;
  readonly seed: number;
  readonly out: string;
  readonly json?: boolean;
}

/** `gradus experiment induction`: in-context learning arises in a small network, or does not; with a report. */
export async function inductionExperiment(options: InductionCommandOptions): Promise<void> {
  const { layers, seed, out, json = false } = options;
  await makeFolder(out);
  const begin = performance.now();
  const progress = bar("{what} {bar} {percentage}% | loss {loss} | {left} left", json);
  const pace = new Pace();
  if (!json) line(styled("bold", "layers   step   loss: first time   repeated   right   best induction head"));
  const run = induction({ layers, seed, ...(options.steps === undefined ? {} : { steps: options.steps }) });
  try {
    for (;;) {
      const { value, done } = await run.next();
      if (done) {
        progress.stop();
        const seconds = (performance.now() - begin) / 1000;
        const record = { command: `gradus ${process.argv.slice(2).join(" ")}`, seconds: Math.round(seconds), ...value };
        await writeText(join(out, "induction.json"), `${JSON.stringify(record, null, 1)}\n`);
        await writeText(join(out, "report.html"), inductionReport(record));
        if (json) line(JSON.stringify({ event: "end", seconds: record.seconds, folder: out }));
        else line(`\n${join(out, "report.html")} shows how it went; induction.json has the numbers.`);
        return;
      }
      const before = layers.indexOf(value.layers) * value.steps;
      if (value.kind === "progress") {
        const { left } = pace.at(before + value.step, layers.length * value.steps);
        const shown = { what: `${value.layers} layers`, loss: value.loss.toFixed(3), left: left === null ? "?" : timeLeft(left) };
        progress.update(before + value.step, layers.length * value.steps, shown);
        continue;
      }
      const { kind: _, steps: __, ...measurement } = value;
      if (json) line(JSON.stringify({ event: "measurement", ...measurement }));
      const best = measurement.heads.reduce((a, b) => (b.prefixMatching > a.prefixMatching ? b : a));
      const cells = [
        ...[String(measurement.layers).padStart(6), String(measurement.step).padStart(7), measurement.firstLoss.toFixed(3).padStart(19)],
        ...[measurement.repeatedLoss.toFixed(3).padStart(11), `${(100 * measurement.repeatedAccuracy).toFixed(0)} %`.padStart(8)],
        `   ${best.prefixMatching.toFixed(2)} (layer ${best.layer + 1}, head ${best.head + 1})`,
      ];
      if (!json) progress.above(() => line(cells.join("")));
    }
  } finally {
    progress.stop();
  }
}
