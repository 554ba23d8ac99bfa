import type { PlotContent, PlottedMark } from "@gradus/notebook/output";
import type { Accuracy, CaptionerConfig, Measured } from "@gradus/systems/gpt/vision";
import { timeLeft } from "../terminal.ts";
import { report } from "./report.ts";

/** What is written beside trained weights. */
export interface CaptionerRecord {
  readonly system: "captioner";
  readonly config: CaptionerConfig;
  readonly weights: number;
  readonly steps: number;
  readonly batchSize: number;
  readonly rate: number;
  readonly seed: number;
  readonly unseen: Accuracy;
  readonly heldOut: Accuracy;
  readonly seconds: number;
  readonly resumed: boolean;
  readonly command: string;
  readonly history: readonly Measured[];
}

/** A picture of the report. */
export interface CaptionedScene {
  readonly png: Uint8Array;
  /** What is so, and what the network said. */
  readonly caption: string;
  readonly said: string;
  readonly right: boolean;
  readonly heldOut: boolean;
}

const attributes = ["colour", "shape", "count", "position", "exact"] as const;
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function curves(
  history: readonly Measured[],
  series: readonly (readonly [keyof Measured, PlottedMark["color"]])[],
  label: string,
  log = false,
): PlotContent {
  const marks = series.map(([key, color]): PlottedMark => {
    const y = history.map((m) => (key === "loss" ? m.loss : 100 * m[key]));
    return { mark: "line", x: history.map((m) => m.step), y, ...(color === undefined ? {} : { color }), label: key };
  });
  return { kind: "plot", marks, options: { x: { label: "step" }, y: { label, log } } };
}

/** How a run of `gradus train captioner` went, as a page. */
export function captionerReport(r: CaptionerRecord, scenes: readonly CaptionedScene[]): string {
  const row = (name: string, accuracy: Accuracy) => [name, attributes.map((a) => `${a} ${percent(accuracy[a])}`).join(", ")] as const;
  const pictures = (heldOut: boolean) =>
    scenes
      .filter((s) => s.heldOut === heldOut)
      .map(({ png, said, caption, right }) => ({
        source: `data:image/png;base64,${Buffer.from(png).toString("base64")}`,
        text: right ? said : `${said || "(nothing)"} (in truth: ${caption})`,
        right,
      }));
  return report(`Captions of unseen scenes: ${percent(r.unseen.exact)} right in all they say`, [
    {
      kind: "text",
      text: "A captioner is judged by what its captions say: colour, shape and count of each group of things, and their position. Scenes with kinds never seen show a colour and a shape together that training scenes never do.",
    },
    {
      kind: "table",
      rows: [
        row(`${r.unseen.scenes} unseen scenes`, r.unseen),
        row(`${r.heldOut.scenes} with kinds never seen`, r.heldOut),
        ["Command", r.command],
        ["Training", `${r.steps} steps of ${r.batchSize} scenes, each seen once; seed ${r.seed}`],
        ["Network", `${r.weights.toLocaleString("en")} weights`],
        ["Time", `${timeLeft(r.seconds)}${r.resumed ? ", with breaks" : ""}`],
      ],
    },
    {
      kind: "plot",
      caption: "Right on 256 unseen scenes, in percent, while training went on.",
      plot: curves(
        r.history,
        [
          ["colour", "data"],
          ["shape", "model"],
          ["count", "truth"],
          ["position", "error"],
          ["exact", "muted"],
        ],
        "right, %",
      ),
    },
    { kind: "plot", caption: "Loss: nats a word of the caption.", plot: curves(r.history, [["loss", "data"]], "loss", true) },
    { kind: "pictures", caption: "Unseen scenes, and what the network says.", pictures: pictures(false) },
    { kind: "pictures", caption: "Scenes with kinds of things that no training scene has.", pictures: pictures(true) },
  ]);
}
