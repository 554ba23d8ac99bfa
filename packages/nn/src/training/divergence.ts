import { StateError, Tensor, type Variable } from "@gradus/tensor";
import { withContext } from "../context.ts";
import type { Layer } from "../layer.ts";
import type { Model } from "../model.ts";
import type { Optimizer } from "../optimizers/optimizer.ts";
import { type Arrays, listOf } from "./data.ts";

const finite = async (x: Tensor): Promise<boolean> => (await x.astype("float32").isfinite().all().item()) === 1;

/** Stops training after a loss that is not finite: says at which step, in which layer it first appears, and what to try. */
export async function reportDivergence(model: Model, optimizer: Optimizer, x: Arrays | null, step: number): Promise<never> {
  const at = `the loss is not a finite number at step ${step + 1}; weights were left as before that step`;
  const place = await firstPlace(model, x);
  const rate = await optimizer.readLearningRate();
  throw new StateError(
    "fit",
    `${at}. ${place}`,
    `Try a smaller learning rate than ${rate.toPrecision(3)}, clipnorm: 1 in the optimizer, or data scaled to about -1 to 1`,
  );
}

async function firstPlace(model: Model, x: Arrays | null): Promise<string> {
  for (const v of model.weights as Variable[])
    if (!(await finite(v))) return `The weight ${v.name} holds NaN or infinity: the update before went too far`;
  if (!x) return "Which batch it was is not known: the data is a stream";
  for (const t of listOf(x)) if (!(await finite(t))) return "The input itself holds NaN or infinity";
  const outputs: [Layer, Tensor][] = [];
  const observe = (layer: Layer, output: unknown): void => {
    if (output instanceof Tensor && layer !== model) outputs.push([layer, output]);
  };
  withContext({ training: false, losses: [], observe }, () => model.invoke([x]));
  for (const [layer, output] of outputs) if (!(await finite(output))) return `It first appears in the output of ${layer}`;
  return "All layers' outputs are finite: it comes from the loss itself, or from its targets";
}
