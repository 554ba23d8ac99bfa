import { Conv2D, Dense, Embedding, GroupNormalization, type Layer, LayerNormalization } from "@gradus/nn";
import { scope, type Variable } from "@gradus/tensor";
import { type ArrayData, toArrayData, toTensor } from "@gradus/tensor/io";

/** A weight as published checkpoints keep it: under the name of its module, linear maps as [out, in], channels before places. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly variable: Variable;
  readonly layout: Layout;
}

/** Which axes of ours are those of the checkpoint. */
type Layout = "same" | "matrix" | "kernel";

/** The axes of ours in the checkpoint's order, and back. */
const orders = {
  same: null,
  matrix: { out: [1, 0], in: [1, 0] },
  kernel: { out: [3, 2, 0, 1], in: [2, 3, 1, 0] },
} as const satisfies Record<Layout, unknown>;

/** All weights of a network, by the names of its layers: "down_blocks.0.resnets.1.conv1.weight". Nothing is computed. */
export function parametersOf(network: Layer): Parameter[] {
  return network.layers.flatMap((layer) => visit(layer, layer.name));
}

function visit(layer: Layer, path: string): Parameter[] {
  const parameter = (name: string, variable: Variable | null, layout: Layout = "same"): Parameter[] => {
    if (!variable) return [];
    const order = orders[layout]?.out;
    return [{ name: `${path}.${name}`, variable, layout, shape: order ? order.map((axis) => variable.shape[axis]!) : variable.shape }];
  };
  if (layer instanceof Dense) return [...parameter("weight", layer.kernel, "matrix"), ...parameter("bias", layer.bias)];
  if (layer instanceof Conv2D) return [...parameter("weight", layer.kernel, "kernel"), ...parameter("bias", layer.bias)];
  if (layer instanceof GroupNormalization || layer instanceof LayerNormalization)
    return [...parameter("weight", layer.gamma), ...parameter("bias", layer.beta)];
  if (layer instanceof Embedding) return parameter("weight", layer.embeddings);
  return layer.layers.flatMap((inner) => visit(inner, `${path}.${inner.name}`));
}

/** Sets a weight from an array in the checkpoint's layout; nothing but the weight is kept. */
export function setParameter({ variable, layout, shape }: Parameter, array: ArrayData): void {
  const order = orders[layout]?.in;
  const value = scope(() => {
    const given = toTensor({ ...array, shape });
    return (order ? given.permuteDims(order) : given).astype(variable.dtype);
  });
  variable.assign(value);
  value.dispose();
}

/** A weight as an array in the checkpoint's layout. */
export function arrayOf({ variable, layout }: Parameter): Promise<ArrayData> {
  const order = orders[layout]?.out;
  return toArrayData(order ? variable.permuteDims(order) : variable);
}
