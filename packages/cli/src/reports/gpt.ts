import type { PlotContent, PlottedMark } from "@gradus/notebook/output";
import type { Evaluated, GptConfig, Recipe } from "@gradus/systems/gpt";
import { counted, timeLeft } from "../terminal.ts";
import { report } from "./report.ts";

export interface GptRecord extends Recipe {
  readonly command: string;
  readonly name: string;
  readonly seed: number;
  /** Rank of the adapters that were trained alone. */
  readonly lora?: number;
  /** Tokens in a window, where these are fewer than the network sees. */
  readonly context?: number;
  readonly trainingTokens: number;
  readonly validationTokens: number;
  readonly seconds: number;
  readonly resumed: boolean;
  /** The step whose weights are kept, and its losses. */
  readonly step: number;
  readonly loss: number;
  readonly validationLoss: number;
  readonly history: readonly Evaluated[];
}

function curves(
  history: readonly Evaluated[],
  label: string,
  lines: readonly (readonly ["data" | "error", string, keyof Evaluated])[],
): PlotContent {
  const marks = lines.map(
    ([color, name, key]): PlottedMark => ({
      ...{ mark: "line", color, label: name },
      ...{ x: history.map(({ step }) => step), y: history.map((e) => e[key] as number) },
    }),
  );
  return { kind: "plot", marks, options: { x: { label: "step" }, y: { label } } };
}

/** How a run of `gradus train gpt` went, as a page. */
export function gptReport(r: GptRecord, config: GptConfig): string {
  const perToken = `${(r.validationLoss / Math.LN2).toFixed(3)} bits`;
  const { context = config.context } = r;
  const windows = Math.floor((r.validationTokens - 1) / context);
  const samples = r.history.filter(({ sample }) => sample !== undefined);
  const shown = [...new Set([samples[0], samples[Math.floor(samples.length / 2)], samples.at(-1)])].filter((e) => e !== undefined);
  return report(`${r.name}: validation loss ${r.validationLoss.toFixed(3)}`, [
    {
      kind: "text",
      text: `${perToken} a token, measured at step ${r.step}, whose weights are kept. Training loss at that time: ${r.loss.toFixed(3)}.`,
    },
    {
      kind: "table",
      rows: [
        ["Command", r.command],
        [
          "Network",
          `${counted(config.layers, "layer")}, ${counted(config.heads, "head")}, width ${config.width}, context ${config.context}, ${config.vocabulary} tokens known`,
        ],
        ["Text", `${r.trainingTokens} tokens to train with, ${r.validationTokens} to validate`],
        [
          "Validation",
          r.validationWindows < windows
            ? `${r.validationWindows} of the ${windows} windows of ${context} tokens, evenly chosen`
            : `all ${windows} windows of ${context} tokens`,
        ],
        ["Steps", `${r.steps}, each of ${r.batchSize} windows${r.accumulate > 1 ? ` × ${r.accumulate}` : ""}, seed ${r.seed}`],
        ["Learning rate", `up to ${r.rate}, dropout ${r.dropout}, weight decay ${r.weightDecay}`],
        ...(r.lora === undefined ? [] : [["Adapters", `rank ${r.lora}, merged into the weights at the end`] as const]),
        ["Time", `${timeLeft(r.seconds)}${r.resumed ? ", with breaks" : ""}`],
      ],
    },
    {
      kind: "plot",
      caption: `Loss (cross-entropy, nats a token): mean of the steps between two evaluations${r.dropout ? ", with dropout" : ""}, and on the validation text.`,
      plot: curves(r.history, "loss", [
        ["data", "training", "loss"],
        ["error", "validation", "validationLoss"],
      ]),
    },
    { kind: "plot", caption: "Learning rate.", plot: curves(r.history, "learning rate", [["data", "learning rate", "rate"]]) },
    ...shown.map(({ step, sample }) => ({
      kind: "verbatim" as const,
      caption: `Written at step ${step}, temperature 0.8.`,
      text: sample!,
    })),
  ]);
}
