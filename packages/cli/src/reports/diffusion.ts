import type { StableDiffusionConfig } from "@gradus/systems/diffusion";
import type { Drawn, Evaluation, Judged } from "@gradus/systems/diffusion/scenes";
import { shares } from "../scene-judging.ts";
import { timeLeft } from "../terminal.ts";
import { percent } from "./captioner.ts";
import { embedded } from "./pictures.ts";
import { report } from "./report.ts";

/** What is written beside trained weights. */
export interface DiffusionRecord extends Evaluation {
  readonly system: "diffusion";
  readonly config: StableDiffusionConfig;
  readonly weights: number;
  readonly steps: number;
  readonly autoencoderSteps: number;
  readonly sketchSteps: number;
  readonly snrLeast: number;
  readonly scenes: number;
  readonly batchSize: number;
  readonly rate: number;
  readonly seed: number;
  /** All parts of the training together; drawing and judging in the end is not in it. */
  readonly seconds: number;
  readonly resumed: boolean;
  readonly command: string;
  /** Mean losses of each pass. */
  readonly losses: { readonly autoencoder: readonly number[]; readonly denoiser: readonly number[] };
  /** After each of the denoiser's passes: the share of what some unseen captions say that is right. */
  readonly history: readonly Look[];
}

export interface Look {
  readonly step: number;
  readonly loss: number;
  readonly captions: number;
  readonly right: number;
}

const shown = 24;

/** How a run of `gradus train diffusion` went, as a page. */
export async function diffusionReport(r: DiffusionRecord, unseen: readonly Drawn[], heldOut: readonly Drawn[]): Promise<string> {
  const row = (name: string, { right, exact, attributes, heldOutKinds, fidelity }: Judged) =>
    [
      name,
      `${percent(right)} (${shares(attributes)}); ` +
        (heldOutKinds ? `of these kinds alone ${percent(heldOutKinds.right)} (${shares(heldOutKinds.attributes)}); ` : "") +
        `everything right on ${percent(exact)}; Fréchet distance ${fidelity.frechet.toFixed(2)}, precision ${percent(fidelity.precision)}, recall ${percent(fidelity.recall)}`,
    ] as const;
  const pictures = (drawn: readonly Drawn[]) =>
    Promise.all(
      drawn.slice(0, shown).map(async ({ picture, caption, right }) => ({
        source: await embedded(picture),
        ...{ text: caption, right },
      })),
    );
  const x = r.history.map((h) => h.step);
  return report(`Pictures of unseen captions: ${percent(r.unseen.right)} of what they say is right`, [
    {
      kind: "text",
      text: "A detector that was trained on its own finds the things on each picture; a caption's colours, shapes, sizes, numbers, place and ground are compared with them.",
    },
    {
      kind: "table",
      rows: [
        row(`${r.unseen.captions} unseen captions`, r.unseen),
        row(`${r.heldOut.captions} with kinds never seen`, r.heldOut),
        ["Diversity", `seeds differ ${r.diversity.toFixed(2)} times as much as real scenes of the same captions`],
        ["Command", r.command],
        [
          "Training",
          `autoencoder ${r.autoencoderSteps} steps; denoiser ${r.steps} steps of ${r.batchSize} of ${r.scenes} scenes; seed ${r.seed}`,
        ],
        ["Networks", `${r.weights.toLocaleString("en")} weights`],
        ["Time", `${timeLeft(r.seconds)}${r.resumed ? ", with breaks" : ""}`],
      ],
    },
    {
      kind: "plot",
      caption: `Right of what ${r.history[0]!.captions} unseen captions say, in percent, while the denoiser was trained.`,
      plot: {
        kind: "plot",
        marks: [{ mark: "line", x, y: r.history.map((h) => 100 * h.right), label: "right" }],
        options: { x: { label: "step" }, y: { label: "right, %" } },
      },
    },
    {
      kind: "plot",
      caption: "Loss of the denoiser.",
      plot: {
        kind: "plot",
        marks: [{ mark: "line", x, y: r.history.map((h) => h.loss), label: "loss" }],
        options: { x: { label: "step" }, y: { label: "loss", log: true } },
      },
    },
    { kind: "pictures", caption: "Captions that no training scene has.", pictures: await pictures(unseen) },
    { kind: "pictures", caption: "Kinds of things that no training scene has.", pictures: await pictures(heldOut) },
  ]);
}
