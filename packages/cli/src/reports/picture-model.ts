import type { DrawnPicture, PictureConfig, PictureEvaluation, Pictures } from "@gradus/systems/diffusion/pictures";
import type { ArrayData } from "@gradus/tensor/io";
import { timeLeft } from "../terminal.ts";
import { percent } from "./captioner.ts";
import { embedded, embeddedPng, grid } from "./pictures.ts";
import { report } from "./report.ts";

/** What is written beside the weights of a model of pictures. */
export interface PictureRecord {
  readonly system: "diffusion";
  readonly task: "pictures";
  readonly config: PictureConfig;
  readonly weights: number;
  readonly trainingPictures: number;
  readonly testPictures: number;
  readonly steps: number;
  readonly batchSize: number;
  readonly rate: number;
  readonly seed: number;
  readonly seconds: number;
  readonly resumed: boolean;
  readonly command: string;
  /** Mean losses between any two pauses. */
  readonly losses: readonly number[];
  readonly evaluation: PictureEvaluation;
}

/** Pictures in a row, and rows at most. */
const columns = 10;
const mostRows = 40;

/** How a run of `gradus train diffusion --data` went, as a page. */
export async function pictureReport(
  r: PictureRecord,
  classes: readonly { readonly name: string; readonly drawn: readonly DrawnPicture[] }[],
  test: Pictures,
  samples: readonly { readonly name: string; readonly bytes: Uint8Array }[],
): Promise<string> {
  const { evaluation: e, config } = r;
  const x = r.losses.map((_, i) => ((i + 1) * r.steps) / r.losses.length);
  const shown = classes.filter(({ drawn }) => drawn.length).slice(0, mostRows);
  const rows = await Promise.all(
    shown.map(async ({ name, drawn }) => {
      const right = drawn.filter(({ asked, taken }) => asked === taken).length;
      const some = drawn.slice(0, name ? columns : 6 * columns).map((d) => d.picture);
      return { text: name ? `${name}: ${right} of ${drawn.length} are taken for it` : `${drawn.length} drawn`, ...(await rowOf(some)) };
    }),
  );
  return report(`${e.pictures} drawn pictures: Fréchet distance ${e.fidelity.frechet.toPrecision(3)} from real ones`, [
    {
      kind: "text",
      text:
        `A small classifier of its own judges: ${config.classes.length ? "it learned the classes" : "it learned which way up pictures are"}, and its 64 features of drawn and of real pictures are compared. ` +
        "The real ones were kept apart from all training; what as many training pictures reach against them is what a perfect copy would.",
    },
    {
      kind: "table",
      rows: [
        ["Fréchet distance", `${e.fidelity.frechet.toPrecision(3)} (training pictures: ${e.real.frechet.toPrecision(3)})`],
        [
          "Precision, recall",
          `${percent(e.fidelity.precision)}, ${percent(e.fidelity.recall)} (training pictures: ${percent(e.real.precision)}, ${percent(e.real.recall)})`,
        ],
        ...(e.right === null || e.realRight === null
          ? []
          : [["Taken for their class", `${percent(e.right)} (real pictures: ${percent(e.realRight)})`] as const]),
        ["Command", r.command],
        ["Pictures", `${r.trainingPictures} to train with, ${r.testPictures} to compare with, ${config.size} × ${config.size}`],
        ["Training", `${r.steps} steps of ${r.batchSize}, seed ${r.seed}`],
        ["Network", `${config.network.kind === "unet" ? "U-Net" : "diffusion transformer"}, ${r.weights.toLocaleString("en")} weights`],
        ["Time", `${timeLeft(r.seconds)}${r.resumed ? ", with breaks" : ""}`],
      ],
    },
    { kind: "rows", caption: "Drawn with 20 steps and guidance 2, one row a class.", rows },
    {
      kind: "rows",
      caption: "Real pictures that nothing was trained on.",
      rows: [{ text: "", ...(await rowOf(firstOf(test, 2 * columns))) }],
    },
    {
      kind: "rows",
      caption: "The same noise while the network was trained, drawn with its weights as they were; at the end their averages count.",
      rows: samples.map(({ name, bytes }) => ({
        columns,
        text: name.replace(/^step-0*(\d+)\.png$/, "step $1"),
        source: embeddedPng(bytes),
      })),
    },
    {
      kind: "plot",
      caption: "Loss: mean square of what the network says about the noise off what it should say.",
      plot: {
        kind: "plot",
        marks: [{ mark: "line", x, y: r.losses, label: "loss" }],
        options: { x: { label: "step" }, y: { label: "loss", log: true } },
      },
    },
  ]);
}

/** Pictures side by side, so many in a line. */
async function rowOf(pictures: readonly ArrayData[]): Promise<{ readonly source: string; readonly columns: number }> {
  const across = Math.min(columns, pictures.length);
  return { source: await embedded(grid(pictures, across)), columns: across };
}

/** Some pictures of a set, evenly chosen, one by one. */
function firstOf({ images: { shape, data, dtype } }: Pictures, count: number): ArrayData[] {
  const [n, ...one] = shape as [number, ...number[]];
  const each = data.length / n;
  const length = Math.min(count, n);
  return Array.from({ length }, (_, i) => {
    const at = Math.floor((i * n) / length) * each;
    return { dtype, shape: one, data: (data as Uint8Array).subarray(at, at + each) } as ArrayData;
  });
}
