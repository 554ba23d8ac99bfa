import type { PlotContent, PlottedMark } from "@gradus/notebook/output";
import { timeLeft } from "../terminal.ts";
import { report } from "./report.ts";

export interface ResNetRecord {
  readonly config: string;
  readonly classes: readonly string[];
  readonly recipe: string;
  readonly epochs: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly trainingPictures: number;
  readonly testPictures: number;
  readonly top1: number;
  readonly top5: number;
  readonly confusion: readonly (readonly number[])[];
  readonly seconds: number;
  readonly resumed: boolean;
  readonly command: string;
  readonly history: Readonly<Record<string, readonly number[]>>;
}

const percent = (share: number, digits = 2): string => `${(100 * share).toFixed(digits)} %`;

function curves(history: ResNetRecord["history"], name: string, label: string, map = (v: number) => v, log = false): PlotContent {
  const of = (key: string, color: "data" | "error", text: string): PlottedMark[] => {
    const y = history[key]?.map(map) ?? [];
    return y.length ? [{ mark: "line", x: y.map((_, i) => i + 1), y, color, label: text }] : [];
  };
  const marks = [...of(name, "data", "training"), ...of(`val_${name}`, "error", "test")];
  return { kind: "plot", marks, options: { x: { label: "epoch" }, y: { label, log } } };
}

/** How a run of `gradus train resnet` went, as a page. */
export function resnetReport(r: ResNetRecord): string {
  const cells = r.confusion.length <= 40 ? r.confusion : null;
  const worst = r.confusion
    .flatMap((row, i) => row.map((n, j) => ({ n, i, j })))
    .filter(({ n, i, j }) => i !== j && n > 0)
    .sort((a, b) => b.n - a.n)
    .slice(0, 5)
    .map(({ n, i, j }) => `${n} × ${r.classes[i]} taken for ${r.classes[j]}`);
  return report(`${r.config}: ${percent(r.top1)} of ${r.testPictures} test pictures right`, [
    {
      kind: "text",
      text: `${r.classes.length > 5 ? `Among the five likeliest classes: ${percent(r.top5)}. ` : ""}Mistakes made most often: ${worst.join("; ") || "none"}.`,
    },
    {
      kind: "table",
      rows: [
        ["Command", r.command],
        ["Pictures", `${r.trainingPictures} to train with, ${r.testPictures} to test`],
        ["Recipe", `${r.recipe}, ${r.epochs} ${r.epochs === 1 ? "epoch" : "epochs"}, batches of ${r.batchSize}, seed ${r.seed}`],
        ["Time", `${timeLeft(r.seconds)}${r.resumed ? ", with breaks" : ""}`],
      ],
    },
    {
      kind: "plot",
      caption: "Loss (cross-entropy and weight decay) after each epoch.",
      plot: curves(r.history, "loss", "loss", (v) => v, true),
    },
    { kind: "plot", caption: "Share of wrong answers, in percent.", plot: curves(r.history, "accuracy", "error, %", (v) => 100 * (1 - v)) },
    ...(cells
      ? [
          {
            kind: "plot" as const,
            caption: "Confusion matrix: how many test pictures of a class (row) were taken for each class (column).",
            plot: {
              kind: "plot" as const,
              marks: [
                {
                  ...{ mark: "heatmap" as const, values: cells.flat(), rows: cells.length, columns: cells.length },
                  ...{ x: [0, 1] as const, y: [0, 1] as const, rowNames: r.classes, columnNames: r.classes, numbers: cells.length <= 20 },
                },
              ],
              options: { x: { label: "taken for" }, y: { label: "is" } },
            },
          },
        ]
      : []),
  ]);
}
