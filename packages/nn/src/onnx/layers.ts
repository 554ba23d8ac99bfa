import { concat, type GraphNode, type Tensor } from "@gradus/tensor";
import type { Layer } from "../layer.ts";
import type { BatchNormalization, LayerNormalization } from "../layers/normalization.ts";
import type { Recurrent } from "../layers/recurrent.ts";
import type { Config } from "../serialize.ts";
import { type Exporter, type LayerRule, type LayerUse, toFirst } from "./exporter.ts";

/**
 * Layers that ONNX has an operator for. A rule looks at one use of its layer and gives a function that adds the nodes, or
 * null where the operator does something else: then the layer goes primitive by primitive, as all others do.
 */
type RuleFor = (use: LayerUse) => LayerRule | null;

type Activation = (out: Exporter, x: string, channels: number, like: GraphNode) => string;
const op =
  (name: string, attributes = {}): Activation =>
  (out, x) =>
    out.node(name, [x], attributes);

/** The activations of activations.ts; `channels` is the axis of features. */
const activations: Readonly<Record<string, Activation>> = {
  linear: (_out, x) => x,
  relu: op("Relu"),
  relu6: (out, x, _axis, like) => out.node("Clip", [x, out.scalar(0, like.dtype), out.scalar(6, like.dtype)]),
  leakyRelu: op("LeakyRelu", { alpha: 0.2 }),
  elu: op("Elu"),
  selu: op("Selu"),
  gelu: (out, x, _axis, like) => {
    const erf = out.node("Erf", [out.node("Div", [x, out.scalar(Math.SQRT2, like.dtype)])]);
    const both = out.node("Mul", [x, out.node("Add", [erf, out.scalar(1, like.dtype)])]);
    return out.node("Mul", [both, out.scalar(0.5, like.dtype)]);
  },
  sigmoid: op("Sigmoid"),
  hardSigmoid: op("HardSigmoid", { alpha: 1 / 6, beta: 0.5 }),
  logSigmoid: (out, x) => out.node("Neg", [out.node("Softplus", [out.node("Neg", [x])])]),
  tanh: op("Tanh"),
  softmax: (out, x, axis) => out.node("Softmax", [x], { axis }),
  logSoftmax: (out, x, axis) => out.node("LogSoftmax", [x], { axis }),
  softplus: op("Softplus"),
  softsign: op("Softsign"),
  silu: (out, x) => out.node("Mul", [x, out.node("Sigmoid", [x])]),
  hardSilu: op("HardSwish"),
  mish: (out, x) => out.node("Mul", [x, out.node("Tanh", [out.node("Softplus", [x])])]),
  exponential: op("Exp"),
  tanhShrink: (out, x) => out.node("Sub", [x, out.node("Tanh", [x])]),
  softShrink: op("Shrink", { lambd: 0.5, bias: 0.5 }),
};
const alias: Readonly<Record<string, string>> = { swish: "silu", hardSwish: "hardSilu" };

function activationOf(name: unknown): Activation | null {
  const key = alias[name as string] ?? (name as string);
  return Object.hasOwn(activations, key) ? activations[key]! : null;
}

/** A layer's description; null where it holds functions of one's own. */
function configOf(layer: Layer): Config | null {
  try {
    return layer.getConfig();
  } catch {
    return null;
  }
}

/** A rule that needs a layer's description and one input. */
const described =
  (rule: (use: LayerUse, config: Config, x: GraphNode) => LayerRule | null): RuleFor =>
  (use) => {
    const config = configOf(use.layer);
    const [x] = use.inputs;
    return config && x && use.inputs.length === 1 && x.dtype === "float32" ? rule(use, config, x) : null;
  };

/** An elementwise operator, in whatever layout the input has. */
function inLayout(out: Exporter, x: GraphNode, y: GraphNode, f: Activation): void {
  const layout = out.isFirst(x) ? "first" : "last";
  out.set(y, f(out, out.named(x, layout), layout === "first" ? 1 : -1, x), layout);
}

const dense = described(({ layer, outputs: [y] }, config, x) => {
  const activate = activationOf(config.activation);
  if (!activate) return null;
  const { kernel, bias } = layer as Layer & { kernel: Tensor; bias: Tensor | null };
  return (out) => {
    const [input, weight] = [out.name(x), out.weight(kernel)];
    let name: string;
    if (x.shape.length === 2) name = out.node("Gemm", [input, weight, ...(bias ? [out.weight(bias)] : [])]);
    else {
      name = out.node("MatMul", [input, weight]);
      if (bias) name = out.node("Add", [name, out.weight(bias)]);
    }
    out.set(y!, activate(out, name, -1, y!));
  };
});

/** Padding in ONNX's words: numbers where the sizes are known and no word fits. */
function padding(kind: unknown, sizes: readonly number[], size: readonly number[], dilation: readonly number[]) {
  if (kind === "same") return { auto_pad: "SAME_UPPER" };
  if (kind === "causal") return { pads: [...sizes.map((_, i) => (size[i]! - 1) * dilation[i]!), ...sizes.map(() => 0)] };
  return {};
}

/** The input with channels first, as ONNX takes it, and where to put the result. */
function channelsFirst(out: Exporter, x: GraphNode, config: Config): { input: string; set: (y: GraphNode, name: string) => void } {
  const already = config.dataFormat === "channelsFirst";
  return {
    input: already ? out.name(x) : out.first(x),
    set: (y, name) => out.set(y, name, already ? "last" : "first"),
  };
}

/** A kernel [...K, in, out] as ONNX's [out, in, ...K]. */
const outFirst = (kernel: Tensor): Tensor => {
  const rank = kernel.ndim;
  return kernel.permuteDims([rank - 1, rank - 2, ...Array.from({ length: rank - 2 }, (_, i) => i)]);
};

interface ConvolutionConfig {
  readonly kernelSize: readonly number[];
  readonly strides: readonly number[];
  readonly dilationRate: readonly number[];
}

type Convolutional = Layer & { kernel: Tensor; bias: Tensor | null; pointwiseKernel?: Tensor };

const convolution = described(({ layer, outputs: [y] }, config, x) => {
  const activate = activationOf(config.activation);
  if (!activate) return null;
  const { kernel, bias, pointwiseKernel } = layer as Convolutional;
  const { kernelSize, strides, dilationRate } = config as unknown as ConvolutionConfig;
  const [channels, each] = kernel.shape.slice(-2) as [number, number];
  const depthwise = "depthMultiplier" in config;
  return (out) => {
    const { input, set } = channelsFirst(out, x, config);
    const weight = out.weight(kernel, (w) => outFirst(depthwise ? w.reshape([...kernelSize, 1, channels * each]) : w));
    const biases = bias ? [out.weight(bias)] : [];
    let name = out.node("Conv", [input, weight, ...(pointwiseKernel ? [] : biases)], {
      kernel_shape: kernelSize,
      strides,
      dilations: dilationRate,
      group: depthwise ? channels : (config.groups as number),
      ...padding(config.padding, kernelSize, kernelSize, dilationRate),
    });
    if (pointwiseKernel)
      name = out.node("Conv", [name, out.weight(pointwiseKernel, outFirst), ...biases], { kernel_shape: kernelSize.map(() => 1) });
    set(y!, activate(out, name, activationAxis(config), y!));
  };
});
/** Activations run over the last axis of the layer's result: place 1 here if its channels are last. */
const activationAxis = (config: Config): number => (config.dataFormat === "channelsFirst" ? -1 : 1);

const transposed = described(({ layer, outputs: [y] }, config, x) => {
  const activate = activationOf(config.activation);
  if (!activate) return null;
  const { kernel, bias } = layer as Convolutional;
  const { kernelSize, strides, dilationRate } = config as unknown as ConvolutionConfig;
  const spans = kernelSize.map((k, i) => (k - 1) * dilationRate[i]! + 1);
  const given = config.outputPadding as readonly number[] | null;
  // What is cut off the sum of all windows: the same for every size (see ConvolutionTranspose.geometry).
  const surplus = spans.map((span, i) => {
    const stride = strides[i]!;
    if (given) return (config.padding === "same" ? 2 * Math.floor(span / 2) : 0) - given[i]!;
    return config.padding === "same" ? span - stride : span - stride - Math.max(span - stride, 0);
  });
  const pads = [...surplus.map((n) => Math.floor(Math.max(n, 0) / 2)), ...surplus.map((n) => Math.ceil(Math.max(n, 0) / 2))];
  const extra = surplus.map((n) => Math.max(-n, 0));
  // ONNX wants less output padding than stride; then the operator is another.
  if (extra.some((n, i) => n >= Math.max(strides[i]!, dilationRate[i]!))) return null;
  return (out) => {
    const { input, set } = channelsFirst(out, x, config);
    // [...K, filters, channels] → [channels, filters, ...K]
    const name = out.node("ConvTranspose", [input, out.weight(kernel, outFirst), ...(bias ? [out.weight(bias)] : [])], {
      kernel_shape: kernelSize,
      strides,
      dilations: dilationRate,
      pads,
      output_padding: extra,
    });
    set(y!, activate(out, name, activationAxis(config), y!));
  };
});

const pooling = (operator: string): RuleFor =>
  described(({ outputs: [y] }, config, x) => {
    const { poolSize, strides } = config as unknown as { poolSize: readonly number[]; strides: readonly number[] };
    return (out) => {
      const { input, set } = channelsFirst(out, x, config);
      set(y!, out.node(operator, [input], { kernel_shape: poolSize, strides, ...padding(config.padding, poolSize, poolSize, poolSize) }));
    };
  });

const globalPooling = (operator: string, reduction: string): RuleFor =>
  described(({ outputs: [y], options }, config, x) => {
    if (options.mask) return null;
    const spatial = Array.from({ length: x.shape.length - 2 }, (_, i) => i);
    return (out) => {
      const format = config.dataFormat === "channelsFirst";
      if (config.keepdims) {
        const { input, set } = channelsFirst(out, x, config);
        return set(y!, out.node(operator, [input]));
      }
      const first = format || out.isFirst(x);
      const input = format || !first ? out.name(x) : out.first(x);
      if (first) out.set(y!, out.node("Flatten", [out.node(operator, [input])], { axis: 1 }));
      else out.set(y!, out.node(reduction, [input, out.ints(spatial.map((i) => i + 1))], { keepdims: 0 }));
    };
  });

const batchNormalization = described(({ layer, outputs: [y] }, config, x) => {
  const { gamma, beta, movingMean, movingVariance, epsilon } = layer as BatchNormalization;
  const rank = x.shape.length;
  const axis = ((config.axis as number) + rank) % rank;
  if (axis !== rank - 1 && axis !== 1) return null;
  return (out) => {
    const last = rank > 2 && axis === rank - 1;
    const ones = gamma ? out.weight(gamma) : out.writer.constant(movingMean.mul(0).add(1));
    const zeros = beta ? out.weight(beta) : out.writer.constant(movingMean.mul(0));
    const inputs = [last ? out.first(x) : out.name(x), ones, zeros, out.weight(movingMean), out.weight(movingVariance)];
    out.set(y!, out.node("BatchNormalization", inputs, { epsilon }), last ? "first" : "last");
  };
});

const layerNormalization = described(({ layer, outputs: [y] }, config, x) => {
  const { gamma, beta, epsilon } = layer as LayerNormalization;
  const rank = x.shape.length;
  const axes = (typeof config.axis === "number" ? [config.axis] : (config.axis as number[]))
    .map((a) => (a + rank) % rank)
    .sort((a, b) => a - b);
  if (config.rmsScaling || !gamma || axes.some((axis, i) => axis !== rank - axes.length + i)) return null;
  return (out) => {
    const inputs = [out.name(x), out.weight(gamma), ...(beta ? [out.weight(beta)] : [])];
    out.set(y!, out.node("LayerNormalization", inputs, { axis: -axes.length, epsilon }));
  };
});

const leaky = described(
  ({ outputs: [y] }, config, x) =>
    (out) =>
      inLayout(out, x, y!, op("LeakyRelu", { alpha: config.negativeSlope as number })),
);
const elu = described(
  ({ outputs: [y] }, config, x) =>
    (out) =>
      inLayout(out, x, y!, op("Elu", { alpha: config.alpha as number })),
);
const relu = described(({ outputs: [y] }, config, x) => {
  const { maxValue, negativeSlope, threshold } = config as unknown as { maxValue: number | null; negativeSlope: number; threshold: number };
  if (threshold || (negativeSlope && maxValue !== null)) return null;
  if (negativeSlope) return (out) => inLayout(out, x, y!, op("LeakyRelu", { alpha: negativeSlope }));
  if (maxValue === null) return (out) => inLayout(out, x, y!, op("Relu"));
  return (out) => inLayout(out, x, y!, (o, name) => o.node("Clip", [name, o.scalar(0, x.dtype), o.scalar(maxValue, x.dtype)]));
});
const prelu = described(({ layer, outputs: [y] }, _config, x) => {
  const { alpha } = layer as Layer & { alpha: Tensor };
  return (out) => {
    const first = out.isFirst(x);
    const slope = out.weight(alpha, (a) => (first ? a.moveaxis(-1, 0) : a));
    out.set(y!, out.node("PRelu", [first ? out.first(x) : out.name(x), slope]), first ? "first" : "last");
  };
});
const activation = described(({ outputs: [y] }, config, x) => {
  const f = activationOf(config.activation);
  return f && ((out) => inLayout(out, x, y!, f));
});
const softmax = described(({ outputs: [y], options }, config, x) => {
  const rank = x.shape.length;
  if (typeof config.axis !== "number" || options.mask?.ndim === rank) return null;
  const axis = (config.axis + rank) % rank;
  return (out) => {
    const layout = out.isFirst(x) ? "first" : "last";
    const at = layout === "first" ? toFirst(rank).indexOf(axis) : axis;
    out.set(y!, out.node("Softmax", [out.named(x, layout)], { axis: at }), layout);
  };
});

/** Places of ONNX's gates among Keras's. */
const gateOrders: Readonly<Record<string, readonly number[]>> = {
  SimpleRNN: [0],
  LSTM: [0, 3, 1, 2], // input, output, forget, cell
  GRU: [0, 1, 2],
};
const operators: Readonly<Record<string, string>> = { SimpleRNN: "RNN", LSTM: "LSTM", GRU: "GRU" };
/** Activations that ONNX's recurrent operators know without further numbers. */
const recurrentNames: Readonly<Record<string, string>> = {
  tanh: "Tanh",
  sigmoid: "Sigmoid",
  relu: "Relu",
  softsign: "Softsign",
  softplus: "Softplus",
};

const recurrent = described(({ layer, outputs, options }, config, x) => {
  const { className } = layer.constructor as typeof Layer;
  const { units, kernel, recurrentKernel, bias, returnSequences, goBackwards } = layer as Recurrent;
  const [inner, gate] = [recurrentNames[config.activation as string], recurrentNames[(config.recurrentActivation ?? "tanh") as string]];
  if (options.mask || "initialState" in options || !inner || !gate) return null;
  const order = gateOrders[className]!;
  // [.., gates · units] → [1, gates · units, ..], the gates in ONNX's order.
  const arranged = (w: Tensor): Tensor =>
    concat(
      order.map((g) => w.get("...", `${g * units}:${(g + 1) * units}`)),
      { axis: -1 },
    )
      .moveaxis(-1, 0)
      .expandDims({ axis: 0 });
  const biases = (b: Tensor): Tensor => {
    const two = b.ndim === 2; // of the inputs and of the state
    const [w, r] = two ? [b.get(0), b.get(1)] : [b, b.mul(0)];
    return concat([arranged(w!), arranged(r!)], { axis: 1 });
  };
  const names = { SimpleRNN: [inner], LSTM: [gate, inner, inner], GRU: [gate, inner] }[className as "LSTM"];
  return (out) => {
    const sequence = out.node("Transpose", [out.name(x)], { perm: [1, 0, 2] });
    const inputs = [
      sequence,
      out.weight(kernel, arranged),
      out.weight(recurrentKernel, arranged),
      ...(bias ? [out.weight(bias, biases)] : []),
    ];
    const [all, ...last] = out.writer.nodeOf(operators[className]!, inputs, className === "LSTM" ? 3 : 2, {
      hidden_size: units,
      direction: goBackwards ? "reverse" : "forward",
      activations: names,
      ...(className === "GRU" ? { linear_before_reset: config.resetAfter ? 1 : 0 } : {}),
    });
    const states = last.map((name) => out.node("Squeeze", [name, out.ints([0])]));
    let result = states[0]!;
    if (returnSequences) {
      const steps = out.node("Transpose", [out.node("Squeeze", [all!, out.ints([1])])], { perm: [1, 0, 2] });
      // ONNX gives every output at its own time, Keras in the order of walking.
      const backwards = [out.ints([-1]), out.ints([-(2 ** 31)]), out.ints([1]), out.ints([-1])];
      result = goBackwards ? out.node("Slice", [steps, ...backwards]) : steps;
    }
    outputs.forEach((y, i) => {
      out.set(y, i === 0 ? result : states[i - 1]!);
    });
  };
});

const entries = (names: readonly string[], rule: RuleFor): [string, RuleFor][] => names.map((name) => [name, rule]);
const ranks = (name: string): string[] => ["1D", "2D", "3D"].map((rank) => name.replace("*", rank));

export const layerRules: Readonly<Record<string, RuleFor>> = Object.fromEntries([
  ...entries(["Dense"], dense),
  ...entries([...ranks("Conv*"), "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"], convolution),
  ...entries(ranks("Conv*Transpose"), transposed),
  ...entries(ranks("MaxPooling*"), pooling("MaxPool")),
  ...entries(ranks("AveragePooling*"), pooling("AveragePool")),
  ...entries(ranks("GlobalMaxPooling*"), globalPooling("GlobalMaxPool", "ReduceMax")),
  ...entries(ranks("GlobalAveragePooling*"), globalPooling("GlobalAveragePool", "ReduceMean")),
  ...entries(["BatchNormalization"], batchNormalization),
  ...entries(["LayerNormalization"], layerNormalization),
  ...entries(["Activation"], activation),
  ...entries(["ReLU"], relu),
  ...entries(["LeakyReLU"], leaky),
  ...entries(["PReLU"], prelu),
  ...entries(["ELU"], elu),
  ...entries(["Softmax"], softmax),
  ...entries(["SimpleRNN", "LSTM", "GRU"], recurrent),
]);
