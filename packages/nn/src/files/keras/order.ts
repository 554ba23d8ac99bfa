import type { Layer } from "../../layer.ts";
import type { Model } from "../../model.ts";
import type { LayerCall } from "../../symbolic.ts";

/**
 * The layers of a graph in the order in which Keras lists them, which decides their groups' names in files: by how far
 * they are from the outputs, the farthest first, and layers equally far as they are met on the way from the outputs back
 * (`map_graph` in keras/src/ops/function.py).
 */
export function kerasOrder(model: Model): Layer[] {
  const met: Layer[] = [];
  const done: LayerCall[] = [];
  const seen = new Set<LayerCall>();
  const visit = (call: LayerCall): void => {
    if (seen.has(call)) return;
    seen.add(call);
    if (!met.includes(call.layer)) met.push(call.layer);
    for (const x of call.inputs) visit(x.source!.call);
    done.push(call);
  };
  for (const output of model.outputs) visit(output.source!.call);

  const callDepth = new Map<LayerCall, number>();
  const layerDepth = new Map<Layer, number>();
  for (const call of done.reverse()) {
    const depth = Math.max(callDepth.get(call) ?? 0, layerDepth.get(call.layer) ?? 0);
    layerDepth.set(call.layer, depth);
    for (const x of call.inputs) {
      const before = x.source!.call;
      callDepth.set(before, Math.max(depth + 1, callDepth.get(before) ?? 0));
    }
  }
  return met.sort((a, b) => layerDepth.get(b)! - layerDepth.get(a)!);
}
