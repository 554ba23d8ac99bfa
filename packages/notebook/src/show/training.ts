import { type Model, setTrainingDisplay, type TrainingEvent } from "@gradus/nn";
import { Tensor } from "@gradus/tensor";
import type { Color } from "../output.ts";
import { line, type Mark, Plot } from "./plot.ts";
import { progress } from "./progress.ts";
import { type Grid, grid } from "./show.ts";
import type { Values } from "./values.ts";

/** More epochs than this are drawn every second, fourth, ... */
const mostPoints = 1000;

/** Shows `fit` as a bar with the time left and the curves of what it measures. */
export function showTraining(): void {
  setTrainingDisplay((epochs) => {
    const bar = progress(epochs, "training");
    const curves = new Map<string, { x: number[]; y: number[] }>();
    let chart: Plot | null = null;
    return (event: TrainingEvent) => {
      const note = Object.entries(event.logs)
        .map(([name, value]) => `${name} ${value.toPrecision(4)}`)
        .join(", ");
      if (event.kind === "progress") {
        bar.set(event.epoch + (event.steps ? Math.min(1, event.batch / event.steps) : 0), note);
        return;
      }
      bar.set(event.epoch + 1, note);
      for (const [name, value] of Object.entries(event.logs)) {
        const curve = curves.get(name) ?? { x: [], y: [] };
        curves.set(name, curve);
        curve.x.push(event.epoch + 1);
        curve.y.push(value);
      }
      if (epochs < 2) return;
      const parts = chartOf(curves);
      if (chart) chart.update(...parts);
      else chart = new Plot(parts);
    };
  });
}

/** Losses in one chart, training in the model's colour, validation in the truth's. */
function chartOf(curves: ReadonlyMap<string, { x: number[]; y: number[] }>): (Mark | { x: string; y: string; alt: string })[] {
  const losses = [...curves].filter(([name]) => name === "loss" || name === "val_loss");
  const shown = losses.length ? losses : [...curves];
  const last = shown.map(([name, { y }]) => `${name} ends at ${y.at(-1)!.toPrecision(4)}`).join(", ");
  return [
    ...shown.map(([name, { x, y }]): Mark => {
      const stride = Math.ceil(x.length / mostPoints);
      const keep = (_: number, i: number) => i % stride === 0 || i === x.length - 1;
      const color: Color = name.startsWith("val_") ? "truth" : "model";
      return line(x.filter(keep), y.filter(keep), { label: name, color });
    }),
    { x: "epoch", y: losses.length ? "loss" : "value", alt: `Measurements by epoch: ${last}` },
  ];
}

/**
 * The kernels of a model's layers as heat maps; call `update(model)` on what it gives while training, and they move.
 * @example
 * weights(new Sequential([Input([4]), new Dense(8), new Dense(2)]));
 */
export function weights(model: Model): { update(): void } {
  const view: Grid = grid(kernelsOf(model));
  return { update: () => view.update(kernelsOf(model)) };
}

function kernelsOf(model: Model): Record<string, Values> {
  const parts: Record<string, Values> = {};
  for (const layer of model.layers)
    for (const weight of layer.weights) {
      if (weight.shape.length < 2) continue;
      // Filters [..., in, out] stand under each other.
      parts[`${layer.name} · ${weight.shape.join(" × ")}`] =
        weight.shape.length === 2 ? weight : weight.reshape([-1, weight.shape.at(-1)!]);
    }
  return parts;
}

/** What each layer makes of one input, as heat maps. The input is given without the batch's dimension. */
export function activations(model: Model, input: Tensor): Grid {
  let x: Tensor = input.expandDims({ axis: 0 });
  const parts: Record<string, Values> = {};
  for (const layer of model.layers) {
    const y: unknown = layer.call(x, {});
    if (!(y instanceof Tensor)) break;
    x = y;
    const map = y.get(0);
    parts[layer.name] = map.shape.length === 1 ? map.expandDims({ axis: 0 }) : map.shape.length === 2 ? map : map.mean({ axis: -1 });
  }
  return grid(parts);
}
