import { promote } from "../dtype.ts";
import { ArgumentError, ShapeError } from "../errors.ts";
import { dilate } from "../graph/gradients.ts";
import { make, type Node } from "../graph/node.ts";
import type { Tensor } from "../graph/tensor.ts";
import { type Shape, showShape } from "../shape.ts";
import { floatNode } from "./activations.ts";
import { type TensorLike, wrap } from "./core.ts";

/**
 * Convolutions as in deep learning: cross-correlations, the kernel not flipped; channels last, as in Keras. Of a
 * spatial axis of n elements remain ⌊(n + padding - span) / stride⌋ + 1, span = (K - 1) · dilation + 1. ShapeError for
 * ranks, channels or sizes that do not fit, ArgumentError for options that make no sense (stride 0, groups that do not
 * divide the channels).
 */

/** "valid": none. "same": so that the output has ⌈size / stride⌉ places (as TensorFlow). Or zeros before and after each spatial axis. */
export type Padding = "valid" | "same" | number | readonly (readonly [number, number])[];

export interface WindowOptions {
  /** One number for all spatial axes, or one each. */
  readonly stride?: number | readonly number[];
  readonly padding?: Padding;
  readonly dilation?: number | readonly number[];
}

export interface ConvOptions extends WindowOptions {
  /** Splits input channels and filters into groups that do not mix; as many as channels: a depthwise convolution. */
  readonly groups?: number;
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** @internal One positive integer per spatial axis. */
export function perAxis(operation: string, name: string, value: number | readonly number[], rank: number): number[] {
  const list = typeof value === "number" ? new Array<number>(rank).fill(value) : [...value];
  if (list.length !== rank || list.some((n) => !Number.isInteger(n) || n < 1))
    throw new ArgumentError(operation, `${name} is ${JSON.stringify(value)}`, `Give a positive integer, or ${rank} of them`);
  return list;
}

/** @internal Zeros [before, after] each spatial axis of given sizes, for windows that span `spans` elements. */
export function paddingOf(
  operation: string,
  padding: Padding,
  sizes: readonly number[],
  spans: readonly number[],
  stride: readonly number[],
): [number, number][] {
  if (padding === "valid") return sizes.map(() => [0, 0]);
  if (padding === "same")
    return sizes.map((n, i) => {
      const total = Math.max((Math.ceil(n / stride[i]!) - 1) * stride[i]! + spans[i]! - n, 0);
      return [Math.floor(total / 2), Math.ceil(total / 2)];
    });
  const pairs = typeof padding === "number" ? sizes.map(() => [padding, padding] as const) : padding;
  if (
    !Array.isArray(pairs) ||
    pairs.length !== sizes.length ||
    pairs.some((p) => !Array.isArray(p) || p.length !== 2 || p.some((n: unknown) => !Number.isInteger(n) || (n as number) < 0))
  )
    throw new ArgumentError(
      operation,
      `padding is ${JSON.stringify(padding)}`,
      `Use "valid", "same", a number, or ${sizes.length} pairs [before, after]`,
    );
  return pairs.map(([before, after]) => [before, after]);
}

/** A convolution's geometry, one entry per spatial axis. */
interface Geometry {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
  readonly groups: number;
}

const spansOf = (kernel: readonly number[], dilation: readonly number[]) => kernel.map((k, i) => (k - 1) * dilation[i]! + 1);

const zeros = (n: number): number[] => new Array<number>(n).fill(0);

function flip(x: Node, axes: readonly number[]): Node {
  const turned = (i: number) => axes.includes(i);
  return make.slice(
    x,
    x.shape.map((n, i) => (turned(i) ? n - 1 : 0)),
    x.shape.map((_, i) => (turned(i) ? -1 : 1)),
    x.shape,
  );
}

/** Zeros added to, or (where negative) elements cut from, the spatial axes. */
function padOrCrop(x: Node, widths: readonly (readonly [number, number])[]): Node {
  const side = (i: number, which: 0 | 1) => (i === 0 || i === x.shape.length - 1 ? 0 : widths[i - 1]![which]);
  const axes = range(x.shape.length);
  const padded = make.pad(
    x,
    axes.map((i) => Math.max(side(i, 0), 0)),
    axes.map((i) => Math.max(side(i, 1), 0)),
  );
  const starts = axes.map((i) => Math.max(-side(i, 0), 0));
  const sizes = padded.shape.map((n, i) => Math.max(n - starts[i]! - Math.max(-side(i, 1), 0), 0));
  return make.slice(
    padded,
    starts,
    axes.map(() => 1),
    sizes,
  );
}

/** [N, ...S, C] as windows [N, ...O, (g,) C/g, ...K]; the group axis only where there are groups. */
function windowsOf(x: Node, kernel: readonly number[], { stride, dilation, padding, groups }: Geometry): Node {
  const rank = kernel.length;
  const padded = padOrCrop(x, padding);
  const C = x.shape[rank + 1]!;
  const split = groups === 1 ? padded : make.reshape(padded, [...padded.shape.slice(0, -1), groups, C / groups]);
  return make.windows(split, { axes: range(rank).map((i) => i + 1), size: kernel, stride, dilation });
}

/** Kernels with more elements are contracted: each tap is a read and a product in one generated loop. */
const mostTaps = 25;

/**
 * Depthwise, one filter a channel: Σ over the kernel's elements of the image, moved to the element's place, times its
 * weights. One pass: a third of the time of a contraction at 3 × 3 (with two filters a channel it would be slower).
 */
function sumOfTaps(x: Node, w: Node, { stride, dilation, padding }: Geometry): Node {
  const rank = stride.length;
  const kernel = w.shape.slice(0, rank);
  const channels = x.shape[rank + 1]!;
  const padded = padOrCrop(x, padding);
  const spans = spansOf(kernel, dilation);
  const places = range(rank).map((i) => Math.floor((padded.shape[i + 1]! - spans[i]!) / stride[i]!) + 1);
  const shape = [x.shape[0]!, ...places, channels];
  const ones = range(rank).map(() => 1);
  const strideOf = (axis: number): number => kernel.slice(axis + 1).reduce((a, b) => a * b, 1);
  const taps = range(strideOf(-1)).map((n) => {
    const at = kernel.map((k, i) => Math.floor(n / strideOf(i)) % k);
    const starts = [0, ...at.map((k, i) => k * dilation[i]!), 0];
    const moved = make.slice(padded, starts, [1, ...stride, 1], shape);
    const weights = make.slice(w, [...at, 0, 0], [...ones, 1, 1], [...ones, 1, channels]);
    return make.binary("mul", moved, make.expand(make.reshape(weights, [1, ...ones, channels]), shape));
  });
  return taps.reduce((a, b) => make.binary("add", a, b));
}

/** Windows, then one contraction over channels and window places: a matrix product that never needs the windows in memory. */
function correlate(x: Node, w: Node, geometry: Geometry): Node {
  const rank = x.shape.length - 2;
  const { groups } = geometry;
  const kernel = w.shape.slice(0, rank);
  const [Cg, F] = w.shape.slice(rank) as [number, number];
  if (groups > 1 && Cg === 1 && F === groups && kernel.reduce((a, b) => a * b, 1) <= mostTaps) return sumOfTaps(x, w, geometry);
  const windows = windowsOf(x, kernel, geometry);
  if (groups === 1) {
    const places = range(rank).map((i) => rank + 2 + i);
    return make.contract(windows, w, { batch: [[], []], contract: [[...places, rank + 1], range(rank + 1)] });
  }
  const split = make.reshape(w, [...kernel, Cg, groups, F / groups]);
  const places = range(rank).map((i) => rank + 3 + i);
  const out = make.contract(windows, split, { batch: [[rank + 1], [rank + 1]], contract: [[...places, rank + 2], range(rank + 1)] });
  const last = make.permute(out, [...range(rank + 1).map((i) => i + 1), 0, rank + 2]); // [g, N, ...O, F/g] → [N, ...O, g, F/g]
  return make.reshape(last, [...last.shape.slice(0, rank + 1), F]);
}

let rules = 0;
const bilinear = (value: Node, a: Node, b: Node, vjp: (g: Node) => readonly [Node, Node]): Node =>
  make.alias({ kind: "custom", rule: { id: ++rules, vjp: (g) => vjp(g as Node) } }, [value, a, b]);

/*
 * Convolution and its two transposes. Each is linear in both arguments and its gradients are the other two, so
 * derivatives of any order stay among the three and none needs to store or fold windows.
 */

/** y = x ∗ w: [N, ...S, C], [...K, C/g, F] → [N, ...O, F]. */
function convolve(x: Node, w: Node, geometry: Geometry): Node {
  const spatial = x.shape.slice(1, -1);
  const kernel = w.shape.slice(0, spatial.length);
  return bilinear(correlate(x, w, geometry), x, w, (g) => [convolveInput(g, w, geometry, spatial), convolveKernel(x, g, geometry, kernel)]);
}

/** Transpose in x: the cotangent convolved with the flipped kernel. → [N, ...S, C]. */
function convolveInput(g: Node, w: Node, geometry: Geometry, spatial: Shape): Node {
  const kernel = w.shape.slice(0, spatial.length);
  const strided = geometry.stride.some((s) => s > 1) && geometry.dilation.every((d) => d === 1);
  const value = strided ? inputOfStrided(g, w, geometry, spatial) : inputOfSpread(g, w, geometry, spatial);
  return bilinear(value, g, w, (u) => [convolve(u, w, geometry), convolveKernel(u, g, geometry, kernel)]);
}

/** The places of g spread by the stride, with zeros between. */
function inputOfSpread(g: Node, w: Node, geometry: Geometry, spatial: Shape): Node {
  const { stride, dilation, padding, groups } = geometry;
  const rank = spatial.length;
  const kernel = w.shape.slice(0, rank);
  const [Cg, F] = w.shape.slice(rank) as [number, number];
  const spread = dilate(g, [1, ...stride, 1]);
  const spans = spansOf(kernel, dilation);
  const widths = spatial.map((n, i) => {
    const before = spans[i]! - 1 - padding[i]![0];
    return [before, n + spans[i]! - 1 - before - spread.shape[i + 1]!] as const;
  });
  const flipped = flip(w, range(rank));
  const split = make.reshape(flipped, [...kernel, Cg, groups, F / groups]);
  const swapped = make.permute(split, [...range(rank), rank + 2, rank + 1, rank]); // [...K, F/g, g, C/g]
  const transposed = make.reshape(swapped, [...kernel, F / groups, groups * Cg]);
  return correlate(spread, transposed, { stride: stride.map(() => 1), dilation, padding: widths, groups });
}

/**
 * Place s·q + r of the input took part in place q + d of the output with tap r + p - s·d of the kernel, p being the padding:
 * for each r that is a convolution of g itself with a small kernel. All of them are one convolution, over every d for which
 * some r has a tap, with s times the channels (as sub-pixel convolution, Shi et al. 2016).
 */
function inputOfStrided(g: Node, w: Node, { stride, padding, groups }: Geometry, spatial: Shape): Node {
  const rank = spatial.length;
  const axes = range(rank);
  const kernel = w.shape.slice(0, rank);
  const [Cg, F] = w.shape.slice(rank) as [number, number];
  const before = padding.map(([p]) => p);
  const first = axes.map((i) => Math.ceil((before[i]! - kernel[i]! + 1) / stride[i]!)); // least d
  const last = axes.map((i) => Math.ceil(before[i]! / stride[i]!));
  const taps = axes.map((i) => last[i]! - first[i]! + 1); // J
  const places = axes.map((i) => Math.ceil(spatial[i]! / stride[i]!)); // Q
  const zerosBefore = axes.map((i) => stride[i]! * last[i]! - before[i]!);
  const zerosAfter = axes.map((i) => taps[i]! * stride[i]! - kernel[i]! - zerosBefore[i]!);
  const whole = make.pad(w, [...zerosBefore, 0, 0], [...zerosAfter, 0, 0]);
  const split = make.reshape(whole, [...axes.flatMap((i) => [taps[i]!, stride[i]!]), Cg, groups, F / groups]);
  const order = [...axes.map((i) => 2 * i), 2 * rank + 2, 2 * rank + 1, ...axes.map((i) => 2 * i + 1), 2 * rank];
  const swapped = make.permute(
    flip(
      split,
      axes.map((i) => 2 * i),
    ),
    order,
  ); // [...J, F/g, g, ...s, C/g]
  const transposed = make.reshape(swapped, [...taps, F / groups, groups * stride.reduce((a, b) => a * b, Cg)]);
  const widths = axes.map((i) => [-first[i]!, places[i]! + last[i]! - g.shape[i + 1]!] as const);
  const ones = axes.map(() => 1);
  const y = correlate(g, transposed, { stride: ones, dilation: ones, padding: widths, groups });
  const apart = make.reshape(y, [g.shape[0]!, ...places, groups, ...stride, Cg]);
  const beside = make.permute(apart, [0, ...axes.flatMap((i) => [1 + i, rank + 2 + i]), rank + 1, 2 * rank + 2]);
  const padded = make.reshape(beside, [g.shape[0]!, ...axes.map((i) => places[i]! * stride[i]!), groups * Cg]);
  return make.slice(
    padded,
    zeros(rank + 2),
    padded.shape.map(() => 1),
    [g.shape[0]!, ...spatial, groups * Cg],
  );
}

/** Transpose in w: windows of x contracted with the cotangent over all places and examples. → [...K, C/g, F]. */
function convolveKernel(x: Node, g: Node, geometry: Geometry, kernel: readonly number[]): Node {
  const rank = kernel.length;
  const { groups, padding, stride, dilation } = geometry;
  const spatial = x.shape.slice(1, -1);
  const [C, F] = [x.shape[rank + 1]!, g.shape[rank + 1]!];
  // Elements past the last window would make one more place: cut them off.
  const spans = spansOf(kernel, dilation);
  const exact = spatial.map((n, i) => {
    const needed = (g.shape[i + 1]! - 1) * stride[i]! + spans[i]!;
    return [padding[i]![0], needed - n - padding[i]![0]] as const;
  });
  const windows = windowsOf(x, kernel, { ...geometry, padding: exact });
  const examples = range(rank + 1);
  let value: Node;
  if (groups === 1) {
    const out = make.contract(windows, g, { batch: [[], []], contract: [examples, examples] }); // [C, ...K, F]
    value = make.permute(out, [...range(rank).map((i) => i + 1), 0, rank + 1]);
  } else {
    const split = make.reshape(g, [...g.shape.slice(0, -1), groups, F / groups]);
    const out = make.contract(windows, split, { batch: [[rank + 1], [rank + 1]], contract: [examples, examples] }); // [g, C/g, ...K, F/g]
    const last = make.permute(out, [...range(rank).map((i) => i + 2), 1, 0, rank + 2]);
    value = make.reshape(last, [...kernel, C / groups, F]);
  }
  return bilinear(value, x, g, (u) => [convolveInput(g, u, geometry, spatial), convolve(x, u, geometry)]);
}

function operands(operation: string, x: TensorLike, kernel: TensorLike, rank: number): [Node, Node] {
  const [a, b] = [floatNode(operation, x), floatNode(operation, kernel)];
  if (a.shape.length !== rank + 2)
    throw new ShapeError(
      operation,
      `the input has shape ${showShape(a.shape)}`,
      `It must be [batch, ${range(rank)
        .map((i) => `size${i}`)
        .join(", ")}, channels]`,
    );
  if (b.shape.length !== rank + 2)
    throw new ShapeError(operation, `the kernel has shape ${showShape(b.shape)}, ${rank + 2} axes are needed`);
  const type = promote(a.dtype, b.dtype);
  return [make.cast(a, type), make.cast(b, type)];
}

function checkGroups(operation: string, groups: number, x: Node, w: Node, channels: number, filters: number): void {
  if (!Number.isInteger(groups) || groups < 1 || channels % groups || filters % groups)
    throw new ArgumentError(operation, `groups is ${groups} for ${channels} input channels and ${filters} filters`, "It must divide both");
  if (w.shape.some((n) => n === 0) || x.shape.slice(1).some((n) => n === 0))
    throw new ShapeError(operation, `input ${showShape(x.shape)} or kernel ${showShape(w.shape)} is empty`);
}

function conv(
  operation: string,
  rank: number,
  x: TensorLike,
  kernel: TensorLike,
  options: ConvOptions & { readonly padding?: Padding | "causal" },
): Tensor {
  const { groups = 1, padding = "valid" } = options;
  const [a, w] = operands(operation, x, kernel, rank);
  const [channels, perGroup, filters] = [a.shape[rank + 1]!, w.shape[rank]!, w.shape[rank + 1]!];
  checkGroups(operation, groups, a, w, channels, filters);
  if (perGroup * groups !== channels)
    throw new ShapeError(
      operation,
      `the input ${showShape(a.shape)} has ${channels} channels, the kernel ${showShape(w.shape)} with ${groups} group${groups === 1 ? "" : "s"} takes ${perGroup * groups}`,
      "Inputs are [batch, ..., channels], kernels [..., channels / groups, filters]",
    );
  const stride = perAxis(operation, "stride", options.stride ?? 1, rank);
  const dilation = perAxis(operation, "dilation", options.dilation ?? 1, rank);
  const spatial = a.shape.slice(1, -1);
  const spans = spansOf(w.shape.slice(0, rank), dilation);
  const pairs: readonly (readonly [number, number])[] =
    padding === "causal" ? spans.map((s) => [s - 1, 0] as const) : paddingOf(operation, padding, spatial, spans, stride);
  spatial.forEach((n, i) => {
    if (n + pairs[i]![0] + pairs[i]![1] < spans[i]!)
      throw new ShapeError(
        operation,
        `a kernel that spans ${spans[i]} does not fit spatial axis ${i} of ${n} with padding ${pairs[i]![0]} + ${pairs[i]![1]}`,
        `Use padding "same" or a smaller kernel`,
      );
  });
  return wrap(convolve(a, w, { stride, dilation, padding: pairs, groups }));
}

/**
 * Convolution over time: [N, L, C] with kernel [K, C/groups, F] → [N, O, F]. Padding "causal" sees no later places (van
 * den Oord et al. 2016).
 * @example
 * // [batch, length, channels], [width, channels in, channels out]
 * conv1d(arange(5, { dtype: "float32" }).reshape([1, 5, 1]), array([1, 0, -1]).reshape([3, 1, 1])).squeeze()
 */
export const conv1d = (
  x: TensorLike,
  kernel: TensorLike,
  options: Omit<ConvOptions, "padding"> & { readonly padding?: Padding | "causal" } = {},
): Tensor => conv("conv1d", 1, x, kernel, options as ConvOptions);
/**
 * Convolution over an image: [N, H, W, C] with kernel [Kh, Kw, C/groups, F] → [N, Ho, Wo, F].
 * @example
 * // differences of neighbours to the right: an edge
 * const image = array([[0, 0, 9, 9], [0, 0, 9, 9], [0, 0, 9, 9]]).reshape([1, 3, 4, 1]);
 * conv2d(image, array([[-1, 1]]).reshape([1, 2, 1, 1])).squeeze()
 */
export const conv2d = (x: TensorLike, kernel: TensorLike, options: ConvOptions = {}): Tensor => conv("conv2d", 2, x, kernel, options);
/**
 * Convolution over a volume: [N, D, H, W, C] with kernel [Kd, Kh, Kw, C/groups, F] → [N, Do, Ho, Wo, F].
 * @example
 * conv3d(ones([1, 4, 4, 4, 1]), ones([2, 2, 2, 1, 3])).shape
 */
export const conv3d = (x: TensorLike, kernel: TensorLike, options: ConvOptions = {}): Tensor => conv("conv3d", 3, x, kernel, options);

/**
 * Each channel convolved with M kernels of its own: [N, H, W, C] with kernel [Kh, Kw, C, M] → [N, Ho, Wo, C·M]. Keras's
 * DepthwiseConv2D.
 * @example
 * depthwiseConv2d(ones([1, 4, 4, 3]), ones([3, 3, 3, 2])).shape
 */
export function depthwiseConv2d(x: TensorLike, kernel: TensorLike, options: WindowOptions = {}): Tensor {
  const [a, w] = operands("depthwiseConv2d", x, kernel, 2);
  const [Kh, Kw, C, M] = w.shape as [number, number, number, number];
  if (a.shape[3] !== C)
    throw new ShapeError(
      "depthwiseConv2d",
      `the input ${showShape(a.shape)} has ${a.shape[3]} channels, the kernel ${showShape(w.shape)} ${C}`,
      "Kernels are [height, width, channels, multiplier]",
    );
  return conv("depthwiseConv2d", 2, wrap(a), wrap(make.reshape(w, [Kh, Kw, 1, C * M])), { ...options, groups: C });
}

export interface ConvTransposeOptions extends ConvOptions {
  /** Places added at the end of each spatial axis, to choose among the sizes whose convolution has the input's. */
  readonly outputPadding?: number | readonly number[];
}

function convTranspose(operation: string, rank: number, x: TensorLike, kernel: TensorLike, options: ConvTransposeOptions): Tensor {
  const { groups = 1, padding = "valid", outputPadding = 0 } = options;
  const [a, w] = operands(operation, x, kernel, rank);
  const [channels, perGroup, taken] = [a.shape[rank + 1]!, w.shape[rank]!, w.shape[rank + 1]!];
  checkGroups(operation, groups, a, w, channels, perGroup * groups);
  if (taken !== channels)
    throw new ShapeError(
      operation,
      `the input ${showShape(a.shape)} has ${channels} channels, the kernel ${showShape(w.shape)} takes ${taken}`,
      "Kernels are [..., filters / groups, channels], as in Keras",
    );
  const stride = perAxis(operation, "stride", options.stride ?? 1, rank);
  const dilation = perAxis(operation, "dilation", options.dilation ?? 1, rank);
  const extra = typeof outputPadding === "number" ? new Array<number>(rank).fill(outputPadding) : outputPadding;
  if (extra.length !== rank || extra.some((n, i) => !Number.isInteger(n) || n < 0 || (n > 0 && n >= Math.max(stride[i]!, dilation[i]!))))
    throw new ArgumentError(
      operation,
      `outputPadding is ${JSON.stringify(outputPadding)}`,
      "It must be smaller than the stride or the dilation",
    );
  const spans = spansOf(w.shape.slice(0, rank), dilation);
  const sizes = a.shape.slice(1, -1);
  const full = sizes.map((n, i) => (n - 1) * stride[i]! + spans[i]!);
  let pairs: [number, number][];
  let out: number[];
  if (padding === "same") {
    out = sizes.map((n, i) => n * stride[i]!);
    pairs = paddingOf(operation, "same", out, spans, stride);
  } else {
    pairs = paddingOf(operation, padding, sizes, spans, stride);
    out =
      padding === "valid"
        ? sizes.map((n, i) => (n - 1) * stride[i]! + Math.max(spans[i]!, stride[i]!))
        : full.map((n, i) => n - pairs[i]![0] - pairs[i]![1]);
  }
  out = out.map((n, i) => n + extra[i]!);
  if (out.some((n) => n < 1)) throw new ShapeError(operation, `the output would have spatial shape ${showShape(out)}`, "Use less padding");
  return wrap(convolveInput(a, w, { stride, dilation, padding: pairs, groups }, out));
}

/**
 * Transpose of `conv1d` (its gradient in the input; Dumoulin & Visin 2016, §4): [N, L, C] with kernel [K, F/groups, C]
 * → [N, O, F]. Sizes as in Keras: "same" gives L · stride, "valid" (L - 1) · stride + max(span, stride); explicit pairs
 * cut that much off. ArgumentError for an outputPadding that reaches stride and dilation.
 * @example
 * convTranspose1d(array([1, 2]).reshape([1, 2, 1]), ones([2, 1, 1]), { stride: 2 }).squeeze()
 */
export const convTranspose1d = (x: TensorLike, kernel: TensorLike, options: ConvTransposeOptions = {}): Tensor =>
  convTranspose("convTranspose1d", 1, x, kernel, options);
/**
 * Transpose of `conv2d`: [N, H, W, C] with kernel [Kh, Kw, F/groups, C] → [N, Ho, Wo, F]. Sizes and errors as in
 * `convTranspose1d`.
 * @example
 * convTranspose2d(ones([1, 2, 2, 1]), ones([2, 2, 1, 1]), { stride: 2 }).squeeze()
 */
export const convTranspose2d = (x: TensorLike, kernel: TensorLike, options: ConvTransposeOptions = {}): Tensor =>
  convTranspose("convTranspose2d", 2, x, kernel, options);
/**
 * Transpose of `conv3d`: [N, D, H, W, C] with kernel [Kd, Kh, Kw, F/groups, C] → [N, Do, Ho, Wo, F]. Sizes and errors
 * as in `convTranspose1d`.
 */
export const convTranspose3d = (x: TensorLike, kernel: TensorLike, options: ConvTransposeOptions = {}): Tensor =>
  convTranspose("convTranspose3d", 3, x, kernel, options);
