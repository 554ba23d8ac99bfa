import type { Layer } from "./layer.ts";
import type { Model } from "./model.ts";
import { LayerCall, showDims } from "./symbolic.ts";

export interface SummaryOptions {
  /** Also show the layers inside of layers. */
  readonly expandNested?: boolean;
}

/** A table of a model's layers, as Keras prints it. */
export function summary(model: Model, options: SummaryOptions = {}): string {
  const rows: string[][] = [];
  const visit = (layer: Layer, depth: number): void => {
    const { className } = layer.constructor as typeof Layer;
    const call = layer.calls[0];
    const shape = call instanceof LayerCall ? call.outputs.map((x) => showDims(x.shape)).join(", ") : "?";
    rows.push([
      `${"  ".repeat(depth)}${layer.name} (${className})`,
      shape,
      layer.built ? layer.countParams().toLocaleString("en-US") : "not built",
    ]);
    if (options.expandNested) for (const inner of layer.layers) visit(inner, depth + 1);
  };
  for (const layer of model.layers) visit(layer, 0);
  const head = ["Layer (type)", "Output shape", "Param #"];
  const widths = head.map((h, i) => Math.max(h.length, ...rows.map((r) => r[i]!.length)));
  // In signs that every font has, as wide as its letters.
  const rule = `+${widths.map((w) => "-".repeat(w + 2)).join("+")}+`;
  const cells = (r: readonly string[]) => `| ${r.map((c, i) => (i === 2 ? c.padStart(widths[i]!) : c.padEnd(widths[i]!))).join(" | ")} |`;
  const count = (list: readonly { size: number }[]) => list.reduce((n, w) => n + w.size, 0);
  const total = (name: string, n: number) => ` ${name}: ${n.toLocaleString("en-US")} (${bytes(4 * n)})`;
  return [
    `Model: "${model.name}"`,
    rule,
    cells(head),
    rule,
    ...rows.map(cells),
    rule,
    total("Total params", count(model.weights)),
    total("Trainable params", count(model.trainableWeights)),
    total("Non-trainable params", count(model.nonTrainableWeights)),
  ].join("\n");
}

function bytes(n: number): string {
  if (n < 1024) return `${n.toFixed(2)} B`;
  return n < 1024 ** 2 ? `${(n / 1024).toFixed(2)} KB` : `${(n / 1024 ** 2).toFixed(2)} MB`;
}
