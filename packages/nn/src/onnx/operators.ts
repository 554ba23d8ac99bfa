import * as t from "@gradus/tensor";
import { ArgumentError, type Tensor } from "@gradus/tensor";
import { type Attributes, asTensor, dtypeOf, isKnown, type Known, known, type Value } from "./values.ts";

/**
 * ONNX's operators (opset 9 to 21), each a small function of its inputs: arrays, or whole numbers that are known at once and
 * stay so where the operator can be done on them (`onKnown`), since shapes and axes are computed in the graph.
 */
export type Operator = (inputs: readonly (Value | null)[], attributes: Attributes, outputs: number) => readonly Value[];

/** An operator on arrays alone, with one result. */
const op =
  (f: (xs: readonly Tensor[], attributes: Attributes) => Tensor): Operator =>
  (inputs, attributes) => [
    f(
      inputs.map((x) => (x === null ? (undefined as unknown as Tensor) : asTensor(x))),
      attributes,
    ),
  ];

const unary = (f: (x: Tensor) => Tensor): Operator => op(([x]) => f(x!));

/** Whole numbers an operator must know, such as axes. */
function ints(value: Value | null | undefined, what: string): readonly number[] | null {
  if (value === null || value === undefined) return null;
  if (isKnown(value)) return value.ints;
  throw new ArgumentError(
    "importOnnx",
    `${what} depends on the input's values`,
    "Only shapes that follow from the inputs' shapes can be used",
  );
}

/** From an input of newer opsets, or an attribute of older ones. */
const axesOf = (inputs: readonly (Value | null)[], at: number, attributes: Attributes, name = "axes"): readonly number[] | null =>
  ints(inputs[at], name) ?? attributes.ints(name);

const place = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Does an elementwise operator on known numbers where all inputs are such, with broadcasting of scalars and equal shapes. */
function onKnown(f: (a: number, b: number) => number, otherwise: Operator): Operator {
  return (inputs, attributes, outputs) => {
    const [a, b] = inputs;
    if (
      inputs.length === 2 &&
      a &&
      b &&
      isKnown(a) &&
      isKnown(b) &&
      (a.ints.length === b.ints.length || a.ints.length === 1 || b.ints.length === 1)
    ) {
      const longer = a.ints.length >= b.ints.length && a.shape.length >= b.shape.length ? a : b;
      const at = (x: Known, i: number): number => x.ints[x.ints.length === 1 ? 0 : i]!;
      return [
        known(
          longer.ints.map((_, i) => Math.trunc(f(at(a, i), at(b, i)))),
          longer.shape,
        ),
      ];
    }
    return otherwise(inputs, attributes, outputs);
  };
}

const binary = (f: (a: Tensor, b: Tensor) => Tensor): Operator => op(([a, b]) => f(a!, b!));
const variadic = (f: (a: Tensor, b: Tensor) => Tensor): Operator => op((xs) => xs.reduce(f));
const isInteger = (x: Tensor): boolean => !x.dtype.startsWith("float");

/** Spatial axes and padding of a convolution or pooling, as [before, after] each. */
function padsOf(
  attributes: Attributes,
  sizes: readonly number[],
  spans: readonly number[],
  strides: readonly number[],
): [number, number][] {
  const auto = attributes.text("auto_pad", "NOTSET");
  if (auto === "SAME_UPPER" || auto === "SAME_LOWER")
    return sizes.map((n, i) => {
      const all = Math.max(0, (Math.ceil(n / strides[i]!) - 1) * strides[i]! + spans[i]! - n);
      const less = Math.floor(all / 2);
      return auto === "SAME_UPPER" ? [less, all - less] : [all - less, less];
    });
  const pads = (auto === "NOTSET" && attributes.ints("pads")) || sizes.flatMap(() => [0, 0]);
  return sizes.map((_, i) => [pads[i]!, pads[i + sizes.length]!]);
}

const channelsLast = (x: Tensor): Tensor => x.moveaxis(1, -1);
const channelsFirst = (x: Tensor): Tensor => x.moveaxis(-1, 1);
const ones = (n: number): number[] => new Array<number>(n).fill(1);

const perRank = <T>(rank: number, functions: readonly T[], what: string): T => {
  const f = functions[rank - 1];
  if (!f) throw new ArgumentError("importOnnx", `${what} over ${rank} axes is not known here`, "1, 2 and 3 are");
  return f;
};

const conv = op(([x, w, b], attributes) => {
  const rank = x!.ndim - 2;
  const stride = attributes.ints("strides") ?? ones(rank);
  const dilation = attributes.ints("dilations") ?? ones(rank);
  const spans = w!.shape.slice(2).map((k, i) => (k - 1) * dilation[i]! + 1);
  const padding = padsOf(attributes, x!.shape.slice(2), spans, stride);
  const kernel = w!.permuteDims([...range(rank).map((i) => i + 2), 1, 0]);
  const f = perRank<typeof t.conv2d>(rank, [t.conv1d as typeof t.conv2d, t.conv2d, t.conv3d], "Conv");
  const y = f(channelsLast(x!), kernel, { stride, dilation, padding, groups: attributes.int("group", 1) });
  return channelsFirst(b ? y.add(b) : y);
});

const convTranspose = op(([x, w, b], attributes) => {
  const rank = x!.ndim - 2;
  if (attributes.has("output_shape"))
    throw new ArgumentError("ConvTranspose", "an output shape is given", "Only pads and output_padding are known here");
  const stride = attributes.ints("strides") ?? ones(rank);
  const dilation = attributes.ints("dilations") ?? ones(rank);
  const auto = attributes.text("auto_pad", "NOTSET");
  const spans = w!.shape.slice(2).map((k, i) => (k - 1) * dilation[i]! + 1);
  // The sum of all windows, then cut: what is added at the end may make up for it.
  const extra = attributes.ints("output_padding") ?? spans.map(() => 0);
  const pads = auto.startsWith("SAME")
    ? spans.map((span, i): [number, number] => {
        const all = Math.max(0, span - stride[i]!);
        return auto === "SAME_UPPER" ? [Math.floor(all / 2), Math.ceil(all / 2)] : [Math.ceil(all / 2), Math.floor(all / 2)];
      })
    : padsOf(attributes, x!.shape.slice(2), spans, stride);
  const groups = attributes.int("group", 1);
  // [channels, filters/groups, ...K] → [...K, filters/groups, channels]
  const kernel = w!.permuteDims([...range(rank).map((i) => i + 2), 1, 0]);
  const f = perRank<typeof t.convTranspose2d>(rank, [t.convTranspose1d, t.convTranspose2d, t.convTranspose3d], "ConvTranspose");
  // Keras, and so our function, leaves room for a whole stride after a smaller kernel.
  const sums = f(channelsLast(x!), kernel, { stride, dilation, groups });
  const whole = sums.get(":", ...spans.map((span, i) => `:${(x!.shape[i + 2]! - 1) * stride[i]! + span}`), ":");
  const padded = t.pad(whole, [[0, 0], ...extra.map((n): [number, number] => [0, n]), [0, 0]]);
  const cut = padded.get(":", ...pads.map(([before, after], i) => `${before}:${padded.shape[i + 1]! - after}`), ":");
  return channelsFirst(b ? cut.add(b) : cut);
});

function pooling(kind: "max" | "average"): Operator {
  return op(([x], attributes) => {
    const rank = x!.ndim - 2;
    const size = attributes.ints("kernel_shape") ?? ones(rank);
    const stride = attributes.ints("strides") ?? ones(rank);
    const dilation = attributes.ints("dilations") ?? ones(rank);
    const spans = size.map((k, i) => (k - 1) * dilation[i]! + 1);
    const pads = padsOf(attributes, x!.shape.slice(2), spans, stride);
    if (attributes.int("ceil_mode", 0))
      pads.forEach((pad, i) => {
        const over = (x!.shape[i + 2]! + pad[0] + pad[1] - spans[i]!) % stride[i]!;
        if (over) pad[1] += stride[i]! - over;
      });
    const options = { stride, dilation, padding: pads };
    if (kind === "max") {
      const f = perRank<typeof t.maxPool2d>(rank, [t.maxPool1d, t.maxPool2d, t.maxPool3d], "MaxPool");
      return channelsFirst(f(channelsLast(x!), size, options));
    }
    const f = perRank<typeof t.averagePool2d>(rank, [t.averagePool1d, t.averagePool2d, t.averagePool3d], "AveragePool");
    return channelsFirst(f(channelsLast(x!), size, { ...options, countPadding: attributes.int("count_include_pad", 0) === 1 }));
  });
}

const spatial = (x: Tensor): number[] => range(x.ndim - 2).map((i) => i + 2);

function reduce(f: (x: Tensor, options: { axis: number[]; keepdims: boolean }) => Tensor): Operator {
  return (inputs, attributes) => {
    const x = asTensor(inputs[0]!);
    const given = axesOf(inputs, 1, attributes);
    if (!given?.length && attributes.int("noop_with_empty_axes", 0)) return [x];
    const axis = given?.length ? given.map((a) => place(a, x.ndim)) : range(x.ndim);
    return [f(x, { axis, keepdims: attributes.int("keepdims", 1) === 1 })];
  };
}

const arg = (f: (x: Tensor, options: { axis: number; keepdims: boolean }) => Tensor): Operator =>
  op(([x], attributes) => f(x!, { axis: attributes.int("axis", 0), keepdims: attributes.int("keepdims", 1) === 1 }));

/** Softmax before opset 13 flattened all axes from `axis` on; files of that age give the last one nearly always. */
const alongAxis = (f: (x: Tensor, options: { axis: number }) => Tensor): Operator =>
  op(([x], attributes) => f(x!, { axis: attributes.int("axis", -1) }));

const reshape: Operator = ([x, shape], attributes) => {
  const wanted = [...(ints(shape, "the shape") ?? attributes.ints("shape")!)];
  const from = x!.shape;
  if (!attributes.int("allowzero", 0)) wanted.forEach((n, i) => void (n === 0 && (wanted[i] = from[i]!)));
  if (isKnown(x!)) {
    const rest = wanted.reduce((a, b) => a * (b === -1 ? 1 : b), 1);
    return [
      known(
        x.ints,
        wanted.map((n) => (n === -1 ? x.ints.length / rest : n)),
      ),
    ];
  }
  return [x!.reshape(wanted)];
};

const shaped = (x: Value, shape: readonly number[]): Value => (isKnown(x) ? known(x.ints, shape) : x.reshape(shape));

const squeeze: Operator = (inputs, attributes) => {
  const [x] = inputs as [Value];
  const axes = axesOf(inputs, 1, attributes)?.map((a) => place(a, x.shape.length));
  return [
    shaped(
      x,
      x.shape.filter((n, i) => (axes ? !axes.includes(i) : n !== 1)),
    ),
  ];
};

const unsqueeze: Operator = (inputs, attributes) => {
  const [x] = inputs as [Value];
  const given = axesOf(inputs, 1, attributes)!;
  const rank = x.shape.length + given.length;
  const axes = given.map((a) => place(a, rank));
  const rest = [...x.shape];
  return [
    shaped(
      x,
      range(rank).map((i) => (axes.includes(i) ? 1 : rest.shift()!)),
    ),
  ];
};

const slice: Operator = (inputs, attributes) => {
  const [x] = inputs as [Value];
  const starts = axesOf(inputs, 1, attributes, "starts")!;
  const ends = axesOf(inputs, 2, attributes, "ends")!;
  const axes = axesOf(inputs, 3, attributes) ?? range(starts.length);
  const steps = ints(inputs[4], "the steps") ?? starts.map(() => 1);
  const index = x.shape.map(() => ":");
  axes.forEach((axis, i) => {
    const at = place(axis, x.shape.length);
    const [n, step] = [x.shape[at]!, steps[i]!];
    const clamp = (k: number, low: number, high: number): number => Math.max(low, Math.min(high, k < 0 ? k + n : k));
    if (step > 0) index[at] = `${clamp(starts[i]!, 0, n)}:${clamp(ends[i]!, 0, n)}:${step}`;
    else {
      const [from, to] = [clamp(starts[i]!, -1, n - 1), ends[i]! < -n ? -1 : clamp(ends[i]!, -1, n - 1)];
      index[at] = from < 0 ? "0:0" : `${from}:${to < 0 ? "" : to}:${step}`;
    }
  });
  if (!isKnown(x)) return [x.get(...index)];
  const [from, to, step] = [starts[0]!, ends[0]!, steps[0]!];
  if (step !== 1) throw new ArgumentError("Slice", "known numbers are sliced with a step");
  return [known(x.ints.slice(from, to))];
};

const gather: Operator = (inputs, attributes) => {
  const [x, index] = inputs as [Value, Value];
  const axis = attributes.int("axis", 0);
  if (isKnown(x) && isKnown(index))
    return [
      known(
        index.ints.map((i) => x.ints.at(i) ?? 0),
        index.shape,
      ),
    ];
  const data = asTensor(x);
  const at = place(axis, data.ndim);
  if (isKnown(index) && index.shape.length === 0) return [data.get(...range(at).map(() => ":"), index.ints[0]!)];
  return [t.take(data, asTensor(index).astype("int32"), { axis: at })];
};

const concat: Operator = (inputs, attributes) => {
  const list = inputs as readonly Value[];
  if (list.every(isKnown)) return [known(list.flatMap((x) => x.ints))];
  return [t.concat(list.map(asTensor), { axis: attributes.int("axis", 0) })];
};

const split: Operator = (inputs, attributes, outputs) => {
  const x = asTensor(inputs[0]!);
  const axis = attributes.int("axis", 0);
  const n = x.shape.at(axis)!;
  const each = Math.ceil(n / attributes.int("num_outputs", outputs));
  const sizes = ints(inputs[1], "the sizes") ?? attributes.ints("split") ?? range(outputs).map((i) => Math.min(each, n - i * each));
  const ends = sizes.map((_, i) => sizes.slice(0, i + 1).reduce((a, b) => a + b, 0));
  return t.split(x, ends.slice(0, -1), { axis });
};

const pad: Operator = (inputs, attributes) => {
  const x = asTensor(inputs[0]!);
  const pads = axesOf(inputs, 1, attributes, "pads")!;
  const axes = ints(inputs[3], "the axes")?.map((a) => place(a, x.ndim)) ?? range(x.ndim);
  const width = range(x.ndim).map((): [number, number] => [0, 0]);
  axes.forEach((axis, i) => {
    width[axis] = [pads[i]!, pads[i + axes.length]!];
  });
  const modes: Record<string, "constant" | "reflect" | "edge"> = { constant: "constant", reflect: "reflect", edge: "edge" };
  const mode = modes[attributes.text("mode", "constant")];
  if (!mode) throw new ArgumentError("Pad", `mode ${attributes.text("mode", "")} is not known here`);
  if (width.some(([a, b]) => a < 0 || b < 0)) throw new ArgumentError("Pad", "negative padding is not known here");
  const value = inputs[2];
  if (mode !== "constant" || !value) return [t.pad(x, width, mode === "constant" ? { value: attributes.float("value", 0) } : { mode })];
  const fill = asTensor(value).astype(x.dtype);
  const inside = t.pad(t.onesLike(x), width).astype("bool");
  return [t.where(inside, t.pad(x, width), fill)];
};

const expand: Operator = ([x, shape]) => {
  const a = asTensor(x!);
  const wanted = ints(shape, "the shape")!;
  const rank = Math.max(a.ndim, wanted.length);
  const at = (dims: readonly number[], i: number): number => dims[i - rank + dims.length] ?? 1;
  return [
    t.broadcastTo(
      a,
      range(rank).map((i) => (at(wanted, i) === 1 ? at(a.shape, i) : at(wanted, i))),
    ),
  ];
};

const resize: Operator = (inputs, attributes) => {
  const x = asTensor(inputs[0]!);
  const scales = inputs[2] && !isKnown(inputs[2]) && inputs[2].size ? inputs[2] : null;
  const sizes = ints(inputs[3], "the sizes");
  const mode = attributes.text("mode", "nearest");
  if (x.ndim !== 4 || !["nearest", "linear"].includes(mode))
    throw new ArgumentError("Resize", `mode ${mode} of ${x.ndim} axes is not known here`, "nearest and linear of images are");
  const target = sizes ? sizes.slice(2) : scales ? scales.dataSync().slice(2) : null;
  if (!target) throw new ArgumentError("Resize", "neither sizes nor scales are given");
  const size = sizes ? [...(target as number[])] : Array.from(target as Float32Array, (s, i) => Math.floor(x.shape[i + 2]! * s));
  return [channelsFirst(t.resize(channelsLast(x), size, { method: mode === "nearest" ? "nearest" : "bilinear" }))];
};

const gemm = op(([a, b, c], attributes) => {
  const left = attributes.int("transA", 0) ? a!.T : a!;
  const right = attributes.int("transB", 0) ? b!.T : b!;
  const [alpha, beta] = [attributes.float("alpha", 1), attributes.float("beta", 1)];
  const product = t.matmul(left, right);
  const scaled = alpha === 1 ? product : product.mul(alpha);
  return c ? scaled.add(beta === 1 ? c : c.mul(beta)) : scaled;
});

const along1 = (v: Tensor, rank: number): Tensor => v.reshape([-1, ...ones(rank - 2)]);

const batchNormalization = op(([x, scale, bias, mean, variance], attributes) => {
  const rank = x!.ndim;
  const factor = scale!.div(variance!.add(attributes.float("epsilon", 1e-5)).sqrt());
  return x!.sub(along1(mean!, rank)).mul(along1(factor, rank)).add(along1(bias!, rank));
});

function normalized(x: Tensor, axis: number[], epsilon: number): Tensor {
  const mean = x.mean({ axis, keepdims: true });
  const centred = x.sub(mean);
  return centred.div(centred.square().mean({ axis, keepdims: true }).add(epsilon).sqrt());
}

const layerNormalization = op(([x, scale, bias], attributes) => {
  const first = place(attributes.int("axis", -1), x!.ndim);
  const y = normalized(
    x!,
    range(x!.ndim - first).map((i) => i + first),
    attributes.float("epsilon", 1e-5),
  ).mul(scale!);
  return bias ? y.add(bias) : y;
});

const instanceNormalization = op(([x, scale, bias], attributes) =>
  normalized(x!, spatial(x!), attributes.float("epsilon", 1e-5)).mul(along1(scale!, x!.ndim)).add(along1(bias!, x!.ndim)),
);

const groupNormalization = op(([x, scale, bias], attributes) => {
  const groups = attributes.int("num_groups", 1);
  const [batch, channels, ...rest] = x!.shape as [number, number, ...number[]];
  const y = normalized(x!.reshape([batch, groups, -1]), [2], attributes.float("epsilon", 1e-5)).reshape(x!.shape);
  const each = (v: Tensor): Tensor => along1(v.size === channels ? v : t.repeat(v, channels / groups), 2 + rest.length);
  return y.mul(each(scale!)).add(each(bias!));
});

const gates: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  Sigmoid: t.sigmoid,
  Tanh: t.tanh,
  Relu: t.relu,
  HardSigmoid: (x) => t.clip(x.mul(0.2).add(0.5), 0, 1),
  Softsign: (x) => x.div(x.abs().add(1)),
  Softplus: t.softplus,
};

/** RNN, LSTM and GRU: X [T, N, I], W [D, G·H, I], R [D, G·H, H], B [D, 2·G·H] → Y [T, D, N, H], and the last states [D, N, H]. */
function recurrent(
  count: number,
  defaults: readonly string[],
  step: (x: Tensor, h: Tensor, c: Tensor, r: Tensor, b: Tensor, f: ((v: Tensor) => Tensor)[], linear: boolean) => [Tensor, Tensor],
): Operator {
  return (inputs, attributes) => {
    const [x, w, r, b, lengths, h0, c0] = inputs.map((v) => (v ? asTensor(v) : null));
    if (lengths || attributes.int("layout", 0) || attributes.has("clip"))
      throw new ArgumentError("importOnnx", "a recurrent operator with sequence lengths, another layout or clipping is not known here");
    const [time, batch] = x!.shape as [number, number];
    const size = attributes.int("hidden_size", r!.shape[2]!);
    const direction = attributes.text("direction", "forward");
    const walks = direction === "bidirectional" ? [false, true] : [direction === "reverse"];
    const names = attributes.texts("activations") ?? walks.flatMap(() => defaults);
    const linear = attributes.int("linear_before_reset", 0) === 1;
    const runs = walks.map((reverse, d) => {
      const f = names.slice(d * defaults.length, (d + 1) * defaults.length).map((name) => {
        const gate = gates[name];
        if (!gate) throw new ArgumentError("importOnnx", `activation ${name} of a recurrent operator is not known here`);
        return gate;
      });
      const zeros = t.zeros([batch, size], { dtype: x!.dtype });
      let [h, c] = [h0 ? h0.get(d) : zeros, c0 ? c0.get(d) : zeros];
      const biases = b ? b.get(d) : t.zeros([2 * count * size], { dtype: x!.dtype });
      const projected = t.matmul(x!, w!.get(d).T).add(biases.get(`:${count * size}`));
      const outputs: Tensor[] = [];
      for (let i = 0; i < time; i++) {
        const at = reverse ? time - 1 - i : i;
        [h, c] = step(projected.get(at), h, c, r!.get(d).T, biases.get(`${count * size}:`), f, linear);
        outputs[at] = h;
      }
      return { outputs: t.stack(outputs), h, c };
    });
    return [
      t.stack(
        runs.map((run) => run.outputs),
        { axis: 1 },
      ),
      t.stack(runs.map((run) => run.h)),
      t.stack(runs.map((run) => run.c)),
    ];
  };
}

const parts = (x: Tensor, n: number): Tensor[] => t.split(x, n, { axis: -1 });

const rnn = recurrent(1, ["Tanh"], (x, h, c, r, b, [f]) => [f!(x.add(t.matmul(h, r)).add(b)), c]);
const lstm = recurrent(4, ["Sigmoid", "Tanh", "Tanh"], (x, h, c, r, b, [f, g, k]) => {
  const [i, o, forget, cell] = parts(x.add(t.matmul(h, r)).add(b), 4) as [Tensor, Tensor, Tensor, Tensor];
  const next = f!(forget)
    .mul(c)
    .add(f!(i).mul(g!(cell)));
  return [f!(o).mul(k!(next)), next];
});
const gru = recurrent(3, ["Sigmoid", "Tanh"], (x, h, c, r, b, [f, g], linear) => {
  const [xz, xr, xh] = parts(x, 3) as [Tensor, Tensor, Tensor];
  const [wz, wr, wh] = parts(r, 3) as [Tensor, Tensor, Tensor];
  const [bz, br, bh] = parts(b, 3) as [Tensor, Tensor, Tensor];
  const z = f!(xz.add(t.matmul(h, wz)).add(bz));
  const reset = f!(xr.add(t.matmul(h, wr)).add(br));
  const state = linear ? reset.mul(t.matmul(h, wh).add(bh)) : t.matmul(reset.mul(h), wh).add(bh);
  const candidate = g!(xh.add(state));
  return [candidate.add(z.mul(h.sub(candidate))), c];
});

const cast: Operator = ([x], attributes) => {
  const to = attributes.int("to", 1);
  if (isKnown(x!) && [6, 7].includes(to)) return [x];
  return [asTensor(x!).astype(dtypeOf(to))];
};

const constant: Operator = (_inputs, attributes) => {
  const given = attributes.tensor("value");
  if (given) return [given];
  if (attributes.has("value_int")) return [known([attributes.int("value_int", 0)], [])];
  if (attributes.has("value_ints")) return [known(attributes.ints("value_ints")!)];
  if (attributes.has("value_float")) return [t.array(attributes.float("value_float", 0))];
  if (attributes.has("value_floats")) return [t.tensor(attributes.floats("value_floats")!)];
  throw new ArgumentError("Constant", "it has no value of a known kind");
};

const constantOfShape: Operator = ([shape], attributes) => {
  const dims = ints(shape, "the shape")!;
  const value = attributes.tensor("value") ?? t.array(0);
  const size = dims.reduce((a, b) => a * b, 1);
  if (!(size <= 2 ** 28)) throw new ArgumentError("ConstantOfShape", `it asks for shape [${dims.join(", ")}]`);
  if (isKnown(value))
    return size <= 4096 ? [known(new Array<number>(size).fill(value.ints[0]!), dims)] : [t.full(dims, value.ints[0]!, { dtype: "int32" })];
  return [t.broadcastTo(value.reshape([]), dims)];
};

const rangeOp: Operator = ([start, limit, delta]) => {
  const numbers = [start, limit, delta].map((v) => (isKnown(v!) ? v.ints[0]! : null));
  if (numbers.some((n) => n === null)) throw new ArgumentError("Range", "its ends depend on the input's values");
  const [from, to, step] = numbers as [number, number, number];
  const count = Math.max(0, Math.ceil((to - from) / step));
  if (!(count <= 2 ** 24)) throw new ArgumentError("Range", `it counts ${count} numbers`);
  const all = range(count).map((i) => from + i * step);
  return [count <= 4096 ? known(all) : t.tensor(Int32Array.from(all), { dtype: "int32" })];
};

const topK: Operator = (inputs, attributes) => {
  const x = asTensor(inputs[0]!);
  const k = ints(inputs[1], "k")?.[0] ?? attributes.int("k", 1);
  const largest = attributes.int("largest", 1) === 1;
  const axis = place(attributes.int("axis", -1), x.ndim);
  const order = t.argsort(x, { axis, descending: largest }).get(...range(axis).map(() => ":"), `:${k}`);
  return [t.takeAlongAxis(x, order, { axis }), order];
};

const identity: Operator = ([x]) => [x!];

export const operators: Readonly<Record<string, Operator>> = {
  Identity: identity,
  Dropout: ([x]) => [x!, t.onesLike(asTensor(x!)).astype("bool")],
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Shape: ([x], attributes) => {
    const end = attributes.has("end") ? attributes.int("end", 0) : x!.shape.length;
    return [known(x!.shape.slice(attributes.int("start", 0), end))];
  },
  Size: ([x]) => [known([x!.shape.reduce((a, b) => a * b, 1)], [])],
  Range: rangeOp,
  Cast: cast,

  Add: onKnown(
    (a, b) => a + b,
    binary((a, b) => a.add(b)),
  ),
  Sub: onKnown(
    (a, b) => a - b,
    binary((a, b) => a.sub(b)),
  ),
  Mul: onKnown(
    (a, b) => a * b,
    binary((a, b) => a.mul(b)),
  ),
  Div: onKnown(
    (a, b) => a / b,
    binary((a, b) => (isInteger(a) ? a.floorDivide(b) : a.div(b))),
  ),
  Mod: onKnown(
    (a, b) => ((a % b) + b) % b,
    binary((a, b) => t.mod(a, b)),
  ),
  Pow: binary((a, b) => a.pow(b.astype(a.dtype))),
  Max: variadic((a, b) => a.maximum(b)),
  Min: variadic((a, b) => a.minimum(b)),
  Sum: variadic((a, b) => a.add(b)),
  Mean: op((xs) => xs.reduce((a, b) => a.add(b)).div(xs.length)),
  And: binary((a, b) => a.logicalAnd(b)),
  Or: binary((a, b) => a.logicalOr(b)),
  Xor: binary((a, b) => a.logicalXor(b)),
  Not: unary((x) => x.logicalNot()),
  BitwiseAnd: binary((a, b) => t.bitwiseAnd(a, b)),
  BitwiseOr: binary((a, b) => t.bitwiseOr(a, b)),
  BitwiseXor: binary((a, b) => t.bitwiseXor(a, b)),
  Equal: onKnown(
    (a, b) => (a === b ? 1 : 0),
    binary((a, b) => a.equal(b)),
  ),
  Less: binary((a, b) => a.less(b)),
  LessOrEqual: binary((a, b) => a.lessEqual(b)),
  Greater: binary((a, b) => b.less(a)),
  GreaterOrEqual: binary((a, b) => b.lessEqual(a)),
  Where: (inputs) => {
    const [c, a, b] = inputs as [Value, Value, Value];
    if (isKnown(c) && isKnown(a) && isKnown(b))
      return [known(c.ints.map((x, i) => (x ? a.ints.at(a.ints.length === 1 ? 0 : i)! : b.ints.at(b.ints.length === 1 ? 0 : i)!)))];
    return [t.where(asTensor(c).astype("bool"), asTensor(a), asTensor(b))];
  },

  Abs: unary((x) => x.abs()),
  Neg: unary((x) => x.negative()),
  Sign: unary((x) => x.sign()),
  Ceil: unary((x) => x.ceil()),
  Floor: unary((x) => x.floor()),
  Round: unary((x) => t.round(x)),
  Reciprocal: unary((x) => t.reciprocal(x)),
  Sqrt: unary((x) => x.sqrt()),
  Exp: unary((x) => x.exp()),
  Log: unary((x) => x.log()),
  Sin: unary((x) => x.sin()),
  Cos: unary((x) => x.cos()),
  Tan: unary((x) => x.tan()),
  Asin: unary((x) => t.asin(x)),
  Acos: unary((x) => t.acos(x)),
  Atan: unary((x) => t.atan(x)),
  Sinh: unary((x) => t.sinh(x)),
  Cosh: unary((x) => t.cosh(x)),
  Tanh: unary((x) => x.tanh()),
  Asinh: unary((x) => t.asinh(x)),
  Acosh: unary((x) => t.acosh(x)),
  Atanh: unary((x) => t.atanh(x)),
  Erf: unary((x) => t.erf(x)),
  IsNaN: unary((x) => t.isnan(x)),
  IsInf: unary((x) => t.isinf(x)),

  Relu: unary(t.relu),
  LeakyRelu: op(([x], a) => t.leakyRelu(x!, { negativeSlope: a.float("alpha", 0.01) })),
  PRelu: op(([x, slope]) => t.where(x!.less(0), x!.mul(slope!), x!)),
  Elu: op(([x], a) => t.elu(x!, { alpha: a.float("alpha", 1) })),
  Selu: unary(t.selu),
  Celu: op(([x], a) => t.elu(x!.div(a.float("alpha", 1))).mul(a.float("alpha", 1))),
  Gelu: op(([x], a) => t.gelu(x!, { approximate: a.text("approximate", "none") === "tanh" })),
  Mish: unary(t.mish),
  Sigmoid: unary(t.sigmoid),
  HardSigmoid: op(([x], a) => t.clip(x!.mul(a.float("alpha", 0.2)).add(a.float("beta", 0.5)), 0, 1)),
  HardSwish: unary(t.hardSilu),
  Softplus: unary(t.softplus),
  Softsign: unary((x) => x.div(x.abs().add(1))),
  ThresholdedRelu: op(([x], a) => t.where(x!.greater(a.float("alpha", 1)), x!, 0)),
  Shrink: op(([x], a) => {
    const [lambd, bias] = [a.float("lambd", 0.5), a.float("bias", 0)];
    return t.where(x!.less(-lambd), x!.add(bias), t.where(x!.greater(lambd), x!.sub(bias), 0));
  }),
  Clip: op(([x, low, high], a) => {
    const [min, max] = [low ?? (a.has("min") ? a.float("min", 0) : null), high ?? (a.has("max") ? a.float("max", 0) : null)];
    return t.clip(x!, min, max);
  }),
  Softmax: alongAxis(t.softmax),
  LogSoftmax: alongAxis(t.logSoftmax),
  Hardmax: op(([x], a) =>
    t.oneHot(x!.argmax({ axis: a.int("axis", -1) }), x!.shape.at(a.int("axis", -1))!, { axis: a.int("axis", -1) }).astype(x!.dtype),
  ),

  MatMul: binary((a, b) => t.matmul(a, b)),
  Gemm: gemm,
  Einsum: op((xs, a) => t.einsum(a.text("equation", ""), ...xs)),
  Conv: conv,
  ConvTranspose: convTranspose,
  MaxPool: pooling("max"),
  AveragePool: pooling("average"),
  GlobalAveragePool: unary((x) => x.mean({ axis: spatial(x), keepdims: true })),
  GlobalMaxPool: unary((x) => x.max({ axis: spatial(x), keepdims: true })),
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
  LpNormalization: op(([x], a) =>
    x!.div(
      x!
        .square()
        .sum({ axis: a.int("axis", -1), keepdims: true })
        .sqrt(),
    ),
  ),
  RNN: rnn,
  LSTM: lstm,
  GRU: gru,

  ReduceSum: reduce((x, o) => x.sum(o)),
  ReduceMean: reduce((x, o) => x.mean(o)),
  ReduceMax: reduce((x, o) => x.max(o)),
  ReduceMin: reduce((x, o) => x.min(o)),
  ReduceProd: reduce((x, o) => x.prod(o)),
  ReduceL1: reduce((x, o) => x.abs().sum(o)),
  ReduceL2: reduce((x, o) => x.square().sum(o).sqrt()),
  ReduceSumSquare: reduce((x, o) => x.square().sum(o)),
  ReduceLogSumExp: reduce((x, o) => t.logsumexp(x, o)),
  ArgMax: arg((x, o) => x.argmax(o)),
  ArgMin: arg((x, o) => x.argmin(o)),
  CumSum: (inputs, a) => {
    const x = asTensor(inputs[0]!);
    const axis = place(ints(inputs[1], "the axis")![0]!, x.ndim);
    if (a.int("exclusive", 0)) throw new ArgumentError("CumSum", "exclusive sums are not known here");
    if (!a.int("reverse", 0)) return [x.cumsum({ axis })];
    return [t.flip(t.flip(x, { axis }).cumsum({ axis }), { axis })];
  },
  TopK: topK,

  Reshape: reshape,
  Flatten: op(([x], a) => {
    const axis = place(a.int("axis", 1), x!.ndim);
    return x!.reshape([x!.shape.slice(0, axis).reduce((n, m) => n * m, 1), -1]);
  }),
  Transpose: op(([x], a) => x!.permuteDims(a.ints("perm") ?? range(x!.ndim).reverse())),
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Concat: concat,
  Split: split,
  Slice: slice,
  Gather: gather,
  GatherElements: op(([x, index], a) => t.takeAlongAxis(x!, index!.astype("int32"), { axis: place(a.int("axis", 0), x!.ndim) })),
  OneHot: (inputs, a) => {
    const [index, depth, values] = inputs as [Value, Value, Value];
    const [off, on] = t.unstack(asTensor(values));
    return [
      t.where(
        t.oneHot(asTensor(index).astype("int32"), ints(depth, "the depth")![0]!, { axis: a.int("axis", -1) }).astype("bool"),
        on!,
        off!,
      ),
    ];
  },
  Expand: expand,
  Tile: (inputs) => [t.tile(asTensor(inputs[0]!), [...ints(inputs[1], "the repeats")!])],
  Pad: pad,
  Resize: resize,
  Trilu: (inputs, a) => {
    const x = asTensor(inputs[0]!);
    const k = ints(inputs[1], "k")?.[0] ?? 0;
    return [a.int("upper", 1) ? t.triu(x, { k }) : t.tril(x, { k })];
  },
  DepthToSpace: op(([x], a) => {
    const b = a.int("blocksize", 1);
    const [n, c, h, w] = x!.shape as [number, number, number, number];
    const each = c / (b * b);
    const y =
      a.text("mode", "DCR") === "CRD"
        ? x!.reshape([n, each, b, b, h, w]).permuteDims([0, 1, 4, 2, 5, 3])
        : x!.reshape([n, b, b, each, h, w]).permuteDims([0, 3, 4, 1, 5, 2]);
    return y.reshape([n, each, h * b, w * b]);
  }),
};
