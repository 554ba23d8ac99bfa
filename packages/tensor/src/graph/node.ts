import type { DeviceBuffer } from "../backends/backend.ts";
import { type DType, dtypeInfo, isFloat } from "../dtype.ts";
import { ArgumentError, DTypeError, IndexError, ShapeError } from "../errors.ts";
import { type Shape, sameShape, showShape, sizeOf } from "../shape.ts";
import type {
  Attributes,
  BinaryOp,
  CompareOp,
  LinalgName,
  Op,
  ReduceOp,
  ScanKind,
  ScatterMode,
  UnaryOp,
  WindowsAttributes,
} from "./primitives.ts";

let nextId = 1;

/** One primitive applied to nodes: a value of known shape and type, computed when somebody reads it. */
export class Node<K extends Op = Op> {
  readonly id = nextId++;
  op: K;
  inputs: readonly Node[];
  attrs: Attributes[K];
  readonly shape: Shape;
  readonly dtype: DType;
  /** Where the value lies, once realised. */
  buffer: DeviceBuffer | null = null;
  /** A run computed this value without keeping it; the next one that wants it keeps it. */
  computed = false;
  /** Unrealised nodes that read this one, and tensors that stand for it: never too small, so zero means "nobody". */
  users = 0;
  handles = 0;

  constructor(op: K, inputs: readonly Node[], attrs: Attributes[K], shape: Shape, dtype: DType) {
    this.op = op;
    this.inputs = inputs;
    this.attrs = attrs;
    this.shape = shape;
    this.dtype = dtype;
    for (const input of inputs) input.users++;
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  /** Turns a computed node into a leaf that owns its buffer. */
  realise(buffer: DeviceBuffer): void {
    const leaf = this as unknown as Node<"buffer">;
    for (const input of this.inputs) input.users--;
    leaf.op = "buffer";
    leaf.inputs = [];
    leaf.attrs = none;
    leaf.buffer = buffer;
  }
}

/** Narrows a node to one primitive, so that its attributes are typed. */
export const is = <K extends Op>(node: Node, op: K): node is Node<K> => node.op === op;

const none = {};

function sameOperands(op: string, a: Node, b: Node): void {
  if (!sameShape(a.shape, b.shape))
    throw new ShapeError(op, `operands have shapes ${showShape(a.shape)} and ${showShape(b.shape)}`, "Broadcast them first");
  if (a.dtype !== b.dtype) throw new DTypeError(op, `operands are ${a.dtype} and ${b.dtype}`, "Cast one of them");
}

const floatOnly = new Set<string>([
  "sqrt",
  "exp",
  "expm1",
  "log",
  "log1p",
  "log2",
  "log10",
  "sin",
  "cos",
  "tan",
  "asin",
  "acos",
  "atan",
  "sinh",
  "cosh",
  "tanh",
  "asinh",
  "acosh",
  "atanh",
  "erf",
  "div",
  "atan2",
  "nextafter",
]);
const bitsOnly = new Set<string>(["not", "and", "or", "xor", "shl", "shr"]);
const numbersOnly = new Set<string>(["neg", "abs", "sign", "add", "sub", "mul", "floorDiv", "mod", "pow", "reduceSum", "reduceProd"]);

function checkType(op: string, dtype: DType): void {
  if (floatOnly.has(op) && !isFloat(dtype))
    throw new DTypeError(op, `needs a floating type, received ${dtype}`, `Cast with astype("float32")`);
  if (bitsOnly.has(op) && isFloat(dtype)) throw new DTypeError(op, `needs bool or an integer type, received ${dtype}`);
  if ((op === "shl" || op === "shr") && dtype === "bool") throw new DTypeError(op, "needs an integer type, received bool");
  if (numbersOnly.has(op) && dtype === "bool") throw new DTypeError(op, "needs numbers, received bool", `Cast with astype("int32")`);
}

/** The makers of nodes: each checks its arguments and infers shape and type. Nothing else makes nodes. */
export const make = {
  /** A placeholder leaf: a value that a compiled function receives later. */
  parameter: (shape: Shape, dtype: DType): Node => new Node("buffer", [], none, shape, dtype),

  constant(value: number, shape: Shape, dtype: DType): Node {
    const { min, max, kind } = dtypeInfo(dtype);
    if (kind === "bool") value = value ? 1 : 0;
    else if (kind !== "float" && !(Number.isInteger(value) && value >= min && value <= max))
      throw new DTypeError("constant", `${value} is not a value of ${dtype}`, `${dtype} holds integers ${min} to ${max}`);
    return new Node("constant", [], { value }, shape, dtype);
  },

  iota: (shape: Shape, axis: number, dtype: DType): Node => new Node("iota", [], { axis }, shape, dtype),

  unary(op: UnaryOp, x: Node): Node {
    checkType(op, x.dtype);
    return new Node(op, [x], none, x.shape, x.dtype);
  },

  binary(op: BinaryOp, a: Node, b: Node): Node {
    sameOperands(op, a, b);
    checkType(op, a.dtype);
    return new Node(op, [a, b], none, a.shape, a.dtype);
  },

  compare(op: CompareOp, a: Node, b: Node): Node {
    sameOperands(op, a, b);
    return new Node(op, [a, b], none, a.shape, "bool");
  },

  where(condition: Node, x: Node, y: Node): Node {
    sameOperands("where", x, y);
    if (condition.dtype !== "bool") throw new DTypeError("where", `the condition is ${condition.dtype}, not bool`);
    if (!sameShape(condition.shape, x.shape))
      throw new ShapeError("where", `condition ${showShape(condition.shape)} and values ${showShape(x.shape)} differ`);
    return new Node("where", [condition, x, y], none, x.shape, x.dtype);
  },

  cast: (x: Node, dtype: DType): Node => (x.dtype === dtype ? x : new Node("cast", [x], none, x.shape, dtype)),

  bitcast(x: Node, dtype: DType): Node {
    if (dtypeInfo(x.dtype).bytes !== dtypeInfo(dtype).bytes) throw new DTypeError("bitcast", `${x.dtype} and ${dtype} differ in size`);
    return new Node("bitcast", [x], none, x.shape, dtype);
  },

  threefry(key: Node, counter: Node): Node {
    if (key.dtype !== "uint32" || counter.dtype !== "uint32" || !sameShape(key.shape, [2]))
      throw new DTypeError(
        "threefry",
        `needs a uint32[2] key and uint32 counters, received ${key.dtype}${showShape(key.shape)} and ${counter.dtype}`,
      );
    return new Node("threefry", [key, counter], none, counter.shape, "uint32");
  },

  reduce(op: ReduceOp, x: Node, axes: readonly number[]): Node {
    const arg = op === "argmax" || op === "argmin";
    checkType(op, x.dtype);
    if (arg && axes.length !== 1) throw new IndexError(op, `takes one axis, received [${axes.join(", ")}]`);
    if (op !== "reduceSum" && op !== "reduceProd" && axes.some((a) => x.shape[a] === 0))
      throw new ShapeError(op, `no largest or smallest of zero elements: shape ${showShape(x.shape)}, axes [${axes.join(", ")}]`);
    const shape = x.shape.filter((_, i) => !axes.includes(i));
    return new Node(op, [x], { axes }, shape, arg ? "int32" : x.dtype);
  },

  reshape(x: Node, shape: Shape): Node {
    if (sameShape(x.shape, shape)) return x;
    if (sizeOf(shape) !== x.size)
      throw new ShapeError("reshape", `${showShape(x.shape)} holds ${x.size} elements, ${showShape(shape)} ${sizeOf(shape)}`);
    return new Node("reshape", [x], none, shape, x.dtype);
  },

  permute(x: Node, axes: readonly number[]): Node {
    if (axes.length !== x.shape.length || new Set(axes).size !== axes.length || axes.some((a) => !(a in x.shape)))
      throw new IndexError("permute", `axes [${axes.join(", ")}] are no order of the axes of ${showShape(x.shape)}`);
    if (axes.every((a, i) => a === i)) return x;
    return new Node(
      "permute",
      [x],
      { axes },
      axes.map((a) => x.shape[a]!),
      x.dtype,
    );
  },

  /** Repeats axes of size 1; same rank. */
  expand(x: Node, shape: Shape): Node {
    if (sameShape(x.shape, shape)) return x;
    if (shape.length !== x.shape.length || shape.some((n, i) => x.shape[i] !== n && x.shape[i] !== 1))
      throw new ShapeError("expand", `${showShape(x.shape)} does not broadcast to ${showShape(shape)}`);
    return new Node("expand", [x], none, shape, x.dtype);
  },

  /** `shape[i]` elements along axis i, from `starts[i]` in steps of `steps[i]` (negative: backwards). */
  slice(x: Node, starts: readonly number[], steps: readonly number[], shape: Shape): Node {
    for (let i = 0; i < shape.length; i++) {
      const [n, start, last] = [shape[i]!, starts[i]!, starts[i]! + (shape[i]! - 1) * steps[i]!];
      if (n > 0 && (start < 0 || start >= x.shape[i]! || last < 0 || last >= x.shape[i]!))
        throw new IndexError("slice", `elements ${start} to ${last} are outside axis ${i} of ${showShape(x.shape)}`);
    }
    if (sameShape(x.shape, shape) && steps.every((s, i) => s === 1 || shape[i]! < 2)) return x;
    return new Node("slice", [x], { starts, steps }, shape, x.dtype);
  },

  pad(x: Node, before: readonly number[], after: readonly number[]): Node {
    if ([...before, ...after].some((n) => !Number.isInteger(n) || n < 0))
      throw new ArgumentError("pad", `widths [${before.join(", ")}], [${after.join(", ")}] must be non-negative integers`);
    if (before.every((n) => n === 0) && after.every((n) => n === 0)) return x;
    return new Node(
      "pad",
      [x],
      { before, after },
      x.shape.map((n, i) => n + before[i]! + after[i]!),
      x.dtype,
    );
  },

  /** Sliding windows: the windowed axes shrink to the number of positions, the window axes are appended in order. */
  windows(x: Node, { axes, size, stride, dilation }: WindowsAttributes): Node {
    const shape = [...x.shape];
    axes.forEach((axis, i) => {
      const span = (size[i]! - 1) * dilation[i]! + 1;
      if (span > x.shape[axis]!)
        throw new ShapeError("windows", `a window of ${span} elements does not fit axis ${axis} of ${showShape(x.shape)}`);
      shape[axis] = Math.floor((x.shape[axis]! - span) / stride[i]!) + 1;
    });
    return new Node("windows", [x], { axes, size, stride, dilation }, [...shape, ...size], x.dtype);
  },

  /** Transpose of `windows`: adds every window back to where it came from; `shape` is that of the windowed array. */
  fold: (x: Node, attrs: WindowsAttributes, shape: Shape): Node => new Node("fold", [x], attrs, shape, x.dtype),

  concat(xs: readonly Node[], axis: number): Node {
    const first = xs[0];
    if (!first) throw new ArgumentError("concat", "needs at least one array");
    for (const x of xs) {
      if (x.dtype !== first.dtype) throw new DTypeError("concat", `${first.dtype} and ${x.dtype} differ`);
      if (x.shape.length !== first.shape.length || x.shape.some((n, i) => i !== axis && n !== first.shape[i]))
        throw new ShapeError("concat", `shapes ${showShape(first.shape)} and ${showShape(x.shape)} differ off axis ${axis}`);
    }
    if (xs.length === 1) return first;
    const shape = first.shape.map((n, i) => (i === axis ? xs.reduce((s, x) => s + x.shape[i]!, 0) : n));
    return new Node("concat", xs, { axis }, shape, first.dtype);
  },

  contract(a: Node, b: Node, attrs: Attributes["contract"]): Node {
    if (a.dtype !== b.dtype) throw new DTypeError("contract", `operands are ${a.dtype} and ${b.dtype}`);
    if (a.dtype === "bool") throw new DTypeError("contract", "needs numbers, received bool");
    for (const [as, bs] of [attrs.batch, attrs.contract])
      as.forEach((axis, i) => {
        if (a.shape[axis] !== b.shape[bs[i]!])
          throw new ShapeError(
            "contract",
            `${showShape(a.shape)} · ${showShape(b.shape)}: sizes ${a.shape[axis]} and ${b.shape[bs[i]!]} differ`,
          );
      });
    const free = (x: Node, side: 0 | 1) => x.shape.filter((_, i) => !attrs.batch[side].includes(i) && !attrs.contract[side].includes(i));
    const shape = [...attrs.batch[0].map((i) => a.shape[i]!), ...free(a, 0), ...free(b, 1)];
    return new Node("contract", [a, b], attrs, shape, a.dtype);
  },

  /** Elements of x at `indices` along `axis` (NumPy's take): that axis is replaced by the axes of `indices`. */
  gather(x: Node, indices: Node, axis: number): Node {
    if (indices.dtype !== "int32") throw new DTypeError("gather", `indices are ${indices.dtype}, not int32`);
    const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
    if (x.shape[axis] === 0 && sizeOf(shape) > 0)
      throw new IndexError("gather", `cannot take from axis ${axis} of ${showShape(x.shape)}: it is empty`);
    return new Node("gather", [x, indices], { axis }, shape, x.dtype);
  },

  scatter(x: Node, indices: Node, updates: Node, axis: number, mode: ScatterMode): Node {
    if (indices.dtype !== "int32") throw new DTypeError("scatter", `indices are ${indices.dtype}, not int32`);
    if (updates.dtype !== x.dtype) throw new DTypeError("scatter", `updates are ${updates.dtype}, the array ${x.dtype}`);
    const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
    if (!sameShape(shape, updates.shape))
      throw new ShapeError("scatter", `updates have shape ${showShape(updates.shape)}, the indices select ${showShape(shape)}`);
    return new Node("scatter", [x, indices, updates], { axis, mode }, x.shape, x.dtype);
  },

  scan: (x: Node, axis: number, kind: ScanKind, reverse = false): Node => new Node("scan", [x], { axis, kind, reverse }, x.shape, x.dtype),

  argsort: (x: Node, axis: number, descending = false): Node => new Node("argsort", [x], { axis, descending }, x.shape, "int32"),

  /** Softmax(q·kᵀ·scale + mask)·v; shapes [B, H, T, d], [B, H, S, d], [B, H, S, e], mask [B, H, T, S]. */
  attention(q: Node, k: Node, v: Node, mask: Node | null, causal: boolean, scale: number): Node {
    const [B, H, T, d] = q.shape as [number, number, number, number];
    const S = k.shape[2]!;
    if (q.shape.length !== 4 || !sameShape(k.shape, [B, H, S, d]) || v.shape.length !== 4 || !sameShape(v.shape.slice(0, 3), [B, H, S]))
      throw new ShapeError("attention", `q ${showShape(q.shape)}, k ${showShape(k.shape)}, v ${showShape(v.shape)} do not fit`);
    if (mask && !sameShape(mask.shape, [B, H, T, S]))
      throw new ShapeError("attention", `mask ${showShape(mask.shape)} should be ${showShape([B, H, T, S])}`);
    for (const x of [k, v, ...(mask ? [mask] : [])])
      if (x.dtype !== q.dtype) throw new DTypeError("attention", `operands are ${q.dtype} and ${x.dtype}`);
    checkType("div", q.dtype);
    const inputs = mask ? [q, k, v, mask] : [q, k, v];
    return new Node("attention", inputs, { causal, scale }, [B, H, T, v.shape[3]!], q.dtype);
  },

  /** The cotangent of q, k or v (`of` 0, 1, 2) of an attention, given that of its result. */
  attentionGradient(attention: Node<"attention">, g: Node, of: 0 | 1 | 2): Node<"attentionGradient"> {
    const [q, k, v, ...mask] = attention.inputs as [Node, Node, Node, ...Node[]];
    const { causal, scale } = attention.attrs;
    return new Node("attentionGradient", [q, k, v, g, ...mask], { causal, scale, of, parts: 1 }, attention.inputs[of]!.shape, g.dtype);
  },

  /** The packed form of an attention, flat; its mask may have size 1 where it is broadcast. */
  attentionPacked(q: Node, k: Node, v: Node, mask: readonly Node[], attrs: Attributes["attention"]): Node {
    const [B, H, T] = q.shape as [number, number, number];
    const size = B * H * T * (v.shape[3]! + 2);
    return new Node("attention", [q, k, v, ...mask], { causal: attrs.causal, scale: attrs.scale, packed: true }, [size], q.dtype);
  },

  /** All cotangents of an attention, flat, given that of its result, Σ over features of result · cotangent, and the packed form. */
  attentionGradientPacked(g: Node, sums: Node, packed: Node, parts: number): Node {
    const [q, k, v, ...mask] = packed.inputs as [Node, Node, Node, ...Node[]];
    const { causal, scale } = packed.attrs as Attributes["attention"];
    const size = q.size + parts * (k.size + v.size);
    return new Node("attentionGradient", [q, k, v, g, sums, packed, ...mask], { causal, scale, of: "all", parts }, [size], q.dtype);
  },

  /** Results of one matrix are packed flat along the last axis; `shape` is the batch shape and the packed size. */
  linalg(name: LinalgName, inputs: readonly Node[], shape: Shape, options: Record<string, string | number | boolean> = {}): Node {
    for (const x of inputs) checkType("div", x.dtype);
    return new Node("linalg", inputs, { ...options, name }, shape, inputs[0]!.dtype);
  },

  /** The same primitive on other inputs of the same shapes and types. */
  copy: (node: Node, inputs: readonly Node[]): Node => new Node(node.op, inputs, node.attrs, node.shape, node.dtype),

  alias(attrs: Attributes["alias"], inputs: readonly Node[]): Node {
    return new Node("alias", inputs, attrs, inputs[0]!.shape, inputs[0]!.dtype);
  },
};
