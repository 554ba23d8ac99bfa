import {
  concat,
  FormatError,
  loadSafetensors,
  ShapeError,
  type Source,
  saveSafetensors,
  split,
  stack,
  type Tensor,
  type Variable,
} from "@gradus/tensor";
import type { Layer } from "../layer.ts";

import { type Bidirectional, GRU } from "../layers/recurrent.ts";
import type { SerializableClass } from "../serialize.ts";

/**
 * PyTorch's state dicts in `.safetensors` files. Layers meet modules by name; the arrays are laid out anew, since PyTorch
 * keeps channels first and kernels as [out, in].
 */

/** Arrays of one module by their names in it: "weight", "bias", "weight_ih_l0". */
type Module = Readonly<Record<string, Tensor>>;

/** How one kind of layer keeps the weights of its module. */
interface Layout {
  /** The module's arrays from the values of the layer's weights, in the order of `layer.weights`. */
  toTorch(values: readonly Tensor[], layer: Layer): Module;
  /** The other way; `get` throws for what the module lacks. */
  fromTorch(get: (name: string) => Tensor, layer: Layer): readonly Tensor[];
}

/** Weights that differ in names and in the order of their axes alone. */
function plain(
  ...rules: readonly (readonly [torch: string, toTorch?: (w: Tensor) => Tensor, fromTorch?: (w: Tensor) => Tensor])[]
): Layout {
  const same = (w: Tensor): Tensor => w;
  return {
    toTorch: (values) => Object.fromEntries(values.map((w, i) => [rules[i]![0], (rules[i]![1] ?? same)(w)])),
    fromTorch: (get, layer) => layer.weights.map((_, i) => (rules[i]![2] ?? same)(get(rules[i]![0]))),
  };
}

const transposed = (w: Tensor): Tensor => w.T;
const bias = ["bias"] as const;

/** [...spatial, a, b] ↔ [b, a, ...spatial]. */
const spatialLast = (w: Tensor): Tensor => w.permuteDims([w.ndim - 1, w.ndim - 2, ...Array.from({ length: w.ndim - 2 }, (_, i) => i)]);
const spatialFirst = (w: Tensor): Tensor => w.permuteDims([...Array.from({ length: w.ndim - 2 }, (_, i) => i + 2), 1, 0]);
const convolution = plain(["weight", spatialLast, spatialFirst], bias);

/** [...spatial, in, multiplier] ↔ [in · multiplier, 1, ...spatial], as a convolution with a group for each channel. */
const depthwise: Layout = {
  toTorch: ([kernel, b]) => {
    const w = spatialLast(kernel!).swapaxes(0, 1);
    return { weight: w.reshape([w.shape[0]! * w.shape[1]!, 1, ...w.shape.slice(2)]), ...(b ? { bias: b } : {}) };
  },
  fromTorch: (get, layer) => {
    const [channels, multiplier] = layer.weights[0]!.shape.slice(-2) as [number, number];
    const w = get("weight");
    const kernel = spatialFirst(w.reshape([channels, multiplier, ...w.shape.slice(2)]).swapaxes(0, 1));
    return layer.weights.length > 1 ? [kernel, get("bias")] : [kernel];
  },
};

const scaled = plain(["weight"], bias);

/** Gates in the other framework's order; PyTorch has reset, update, candidate in its GRU, Keras update, reset, candidate. */
const gatesOf = (layer: Layer, w: Tensor): Tensor => {
  if (!(layer instanceof GRU)) return w;
  const [a, b, c] = split(w, 3, { axis: -1 }) as [Tensor, Tensor, Tensor];
  return concat([b, a, c], { axis: -1 });
};

/** One direction of a recurrent layer; PyTorch has a bias for the inputs and one for the state. */
function recurrent(suffix: string): Layout {
  const name = (part: string): string => `${part}_l0${suffix}`;
  return {
    toTorch: ([kernel, state, b], layer) => {
      const arrays: Record<string, Tensor> = {
        [name("weight_ih")]: gatesOf(layer, kernel!).T,
        [name("weight_hh")]: gatesOf(layer, state!).T,
      };
      if (b) {
        const two = b.ndim === 2;
        arrays[name("bias_ih")] = gatesOf(layer, two ? b.get(0) : b);
        arrays[name("bias_hh")] = two ? gatesOf(layer, b.get(1)) : b.mul(0);
      }
      return arrays;
    },
    fromTorch: (get, layer) => {
      const kernels = [gatesOf(layer, get(name("weight_ih")).T), gatesOf(layer, get(name("weight_hh")).T)];
      const b = layer.weights[2];
      if (!b) return kernels;
      const [inputs, state] = [gatesOf(layer, get(name("bias_ih"))), gatesOf(layer, get(name("bias_hh")))];
      return [...kernels, b.ndim === 2 ? stack([inputs, state]) : inputs.add(state)];
    },
  };
}

const bothWays: Layout = {
  toTorch: (values, layer) => {
    const { forwardLayer, backwardLayer } = layer as Bidirectional;
    const half = values.length / 2;
    return {
      ...recurrent("").toTorch(values.slice(0, half), forwardLayer),
      ...recurrent("_reverse").toTorch(values.slice(half), backwardLayer),
    };
  },
  fromTorch: (get, layer) => {
    const { forwardLayer, backwardLayer } = layer as Bidirectional;
    return [...recurrent("").fromTorch(get, forwardLayer), ...recurrent("_reverse").fromTorch(get, backwardLayer)];
  },
};

/** Query, key and value are one array in PyTorch; heads are not an axis of their own there. */
const attention: Layout = {
  toTorch: (values) => {
    const biased = values.length === 8;
    const [q, k, v, out] = (biased ? [0, 2, 4, 6] : [0, 1, 2, 3]).map((i) => values[i]!) as [Tensor, Tensor, Tensor, Tensor];
    const matrix = (w: Tensor): Tensor => w.reshape([w.shape[0]!, -1]).T;
    return {
      in_proj_weight: concat([matrix(q), matrix(k), matrix(v)]),
      "out_proj.weight": out.reshape([-1, out.shape.at(-1)!]).T,
      ...(biased
        ? { in_proj_bias: concat([values[1]!, values[3]!, values[5]!].map((b) => b.reshape([-1]))), "out_proj.bias": values[7]! }
        : {}),
    };
  },
  fromTorch: (get, layer) => {
    const { weights } = layer;
    const biased = weights.length === 8;
    const parts = split(get("in_proj_weight"), 3).map((w, i) => w.T.reshape(weights[biased ? 2 * i : i]!.shape));
    const out = get("out_proj.weight").T.reshape(weights.at(biased ? -2 : -1)!.shape);
    if (!biased) return [...parts, out];
    const biases = split(get("in_proj_bias"), 3).map((b, i) => b.reshape(weights[2 * i + 1]!.shape));
    return [...parts.flatMap((w, i) => [w, biases[i]!]), out, get("out_proj.bias")];
  },
};

/** One slope a channel; PyTorch keeps them flat. */
const slopes: Layout = {
  toTorch: ([alpha]) => ({ weight: alpha!.reshape([-1]) }),
  fromTorch: (get, layer) => [get("weight").reshape(layer.weights[0]!.shape)],
};

const layouts: Readonly<Record<string, Layout>> = {
  Dense: plain(["weight", transposed, transposed], bias),
  Conv1D: convolution,
  Conv2D: convolution,
  Conv3D: convolution,
  Conv1DTranspose: convolution,
  Conv2DTranspose: convolution,
  Conv3DTranspose: convolution,
  DepthwiseConv1D: depthwise,
  DepthwiseConv2D: depthwise,
  BatchNormalization: plain(["weight"], bias, ["running_mean"], ["running_var"]),
  LayerNormalization: scaled,
  GroupNormalization: scaled,
  RMSNormalization: plain(["weight"]),
  PReLU: slopes,
  Embedding: plain(["weight"]),
  SimpleRNN: recurrent(""),
  LSTM: recurrent(""),
  GRU: recurrent(""),
  Bidirectional: bothWays,
  MultiHeadAttention: attention,
};

/** Which module of PyTorch a layer is: `{ dense: "fc1", "block/conv": "layer1.0.conv1" }`. Other layers keep their own names. */
export type TorchNames = Readonly<Record<string, string>>;

interface Match {
  readonly layer: Layer;
  readonly module: string;
  readonly layout: Layout;
}

/** The layers with weights and their modules. FormatError lists all kinds that there is no rule for, and names without a layer. */
function matches(operation: string, model: Layer, names: TorchNames): Match[] {
  const unknown = new Set<string>();
  const unused = new Set(Object.keys(names));
  const visit = (layer: Layer, path: string): Match[] => {
    const { className } = layer.constructor as unknown as SerializableClass;
    const layout = layouts[className];
    if (!layout && layer.ownVariables.length) unknown.add(`${layer}`);
    if (!layout) return layer.layers.flatMap((inner) => visit(inner, path ? `${path}/${inner.name}` : inner.name));
    unused.delete(path);
    return layer.weights.length ? [{ layer, module: names[path] ?? path.replaceAll("/", "."), layout }] : [];
  };
  const found = visit(model, "");
  if (unknown.size)
    throw new FormatError(
      operation,
      `it is not known how PyTorch keeps the weights of ${[...unknown].join(", ")}`,
      "Set them with setWeights",
    );
  if (unused.size)
    throw new FormatError(
      operation,
      `no layer with weights is called ${[...unused].join(", ")}`,
      `There are ${found.map(({ module }) => module).join(", ")}`,
    );
  return found;
}

export interface TorchOptions {
  /** Refuse arrays that no layer asks for, but for the counters of batches that PyTorch's normalisation keeps. Default false. */
  readonly strict?: boolean;
}

/**
 * Sets a model's weights from a state dict of PyTorch in a `.safetensors` file (`safetensors.torch.save_file`). `names` says
 * which module each layer is, where the names differ. FormatError names what is missing (or, if `strict`, what is left over),
 * ShapeError what does not fit; then nothing is changed.
 */
export async function loadTorchWeights(model: Layer, source: Source, names: TorchNames = {}, options: TorchOptions = {}): Promise<void> {
  const operation = "loadTorchWeights";
  const found = matches(operation, model, names);
  const arrays = await loadSafetensors(source);
  const missing = new Set<string>();
  const left = new Set(Object.keys(arrays).filter((name) => !name.endsWith(".num_batches_tracked")));
  const values = found.flatMap(({ layer, module, layout }): [Variable, Tensor][] => {
    const get = (name: string): Tensor => {
      const value = arrays[`${module}.${name}`];
      if (!value) throw new Missing(`${module}.${name}`);
      left.delete(`${module}.${name}`);
      return value;
    };
    try {
      const given = layout.fromTorch(get, layer);
      return layer.weights.map((weight, i) => [weight, given[i]!]);
    } catch (error) {
      if (error instanceof Missing) missing.add(error.message);
      else throw new ShapeError(operation, `${module} does not fit ${layer}: ${(error as Error).message}`);
      return [];
    }
  });
  if (missing.size)
    throw new FormatError(
      operation,
      `the file lacks ${some([...missing])}`,
      `It holds ${some(Object.keys(arrays))}; say which module is which layer: loadTorchWeights(model, file, { dense: "fc1" })`,
    );
  if (options.strict && left.size)
    throw new FormatError(
      operation,
      `no layer asks for ${some([...left])} of the file`,
      "It may be of another network, or of another size of this one",
    );
  for (const [weight, value] of values)
    if (weight.shape.join() !== value.shape.join())
      throw new ShapeError(
        operation,
        `${weight.name} has shape [${weight.shape.join(", ")}], the file's is [${value.shape.join(", ")}] in our layout`,
      );
  for (const [weight, value] of values) weight.assign(value.astype(weight.dtype));
}

class Missing extends Error {}

/** The first names, and how many more there are. */
const some = (names: readonly string[]): string =>
  names.length > 4 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");

/**
 * Writes a model's weights as a state dict of PyTorch: `net.load_state_dict(safetensors.torch.load_file(path))`. `names` as
 * for `loadTorchWeights`. FormatError lists all layers that PyTorch has no module for.
 */
export async function saveTorchWeights(model: Layer, path: string, names: TorchNames = {}): Promise<void> {
  const found = matches("saveTorchWeights", model, names);
  const arrays = found.flatMap(({ layer, module, layout }) =>
    Object.entries(layout.toTorch(layer.weights, layer)).map(([name, value]): [string, Tensor] => [`${module}.${name}`, value]),
  );
  await saveSafetensors(path, Object.fromEntries(arrays));
}
