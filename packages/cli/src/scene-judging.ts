import { fileURLToPath } from "node:url";
import type { StableDiffusion } from "@gradus/systems/diffusion";
import {
  attributes,
  Detector,
  type EvaluateOptions,
  type Evaluation,
  evaluateAll,
  type Judged,
  type Verdict,
} from "@gradus/systems/diffusion/scenes";
import { percent } from "./reports/captioner.ts";
import { bar, styled } from "./terminal.ts";

/** The detector that comes with Gradus. */
export const loadDetector = (): Promise<Detector> =>
  Detector.load(fileURLToPath(import.meta.resolve("@gradus/systems/diffusion/scenes/weights/detector.safetensors")));

/** All that `gradus draw --evaluate` tells of a model, and that training writes into its record; a bar shows how far it is. */
export async function judgeScenes(model: StableDiffusion, detector: Detector, options: EvaluateOptions, json: boolean) {
  const progress = bar("{what} {bar} {value}/{total}", json);
  return evaluateAll(model, detector, { ...options, report: (what, n, total) => progress.update(n, total, { what }) }).finally(() =>
    progress.stop(),
  );
}

/** An evaluation in three lines. */
export const evaluationLines = ({ unseen, heldOut, diversity }: Evaluation): string[] => [
  judgement("unseen captions", unseen),
  judgement("captions with kinds never seen", heldOut),
  `${styled("bold", "diversity")}: seeds differ ${diversity.toFixed(2)} times as much as real scenes of the same captions`,
];

/** "unseen captions (200): 93.1 % right (colour 95.0 %, ...); all of a caption 70.0 %; ..." */
function judgement(what: string, { right, exact, attributes: verdict, heldOutKinds, fidelity, captions }: Judged): string {
  return (
    `${styled("bold", what)} (${captions}): ${percent(right)} right (${shares(verdict)}); ` +
    (heldOutKinds ? `of these kinds alone ${percent(heldOutKinds.right)} (${shares(heldOutKinds.attributes)}); ` : "") +
    `all of a caption ${percent(exact)}; Fréchet distance ${fidelity.frechet.toFixed(2)}, precision ${percent(fidelity.precision)}, recall ${percent(fidelity.recall)}`
  );
}

/** "colour 95.0 %, shape 93.2 %, ...", as far as anything was said. */
export const shares = (verdict: Verdict): string =>
  attributes
    .filter((a) => verdict[a].said)
    .map((a) => `${a} ${percent(verdict[a].right / verdict[a].said)}`)
    .join(", ");
