import { type Attributes, arange, type DType, type GraphNode, isPrimitive, type Primitive, tensor } from "@gradus/tensor";
import { type Exporter, toFirst, toLast, Unsupported } from "./exporter.ts";
import { onnxTypes } from "./types.ts";

type Rule<K extends Primitive> = (out: Exporter, node: GraphNode<K>) => void;
type Rules = { readonly [K in Primitive]?: Rule<K> };

const isFloat = (dtype: DType): boolean => dtype.includes("float");
const attrs = <K extends Primitive>(node: GraphNode<K>): Attributes[K] => node.attrs;

/** The operand of an elementwise node without the repetition that ONNX does by itself. */
function unexpanded(node: GraphNode): GraphNode {
  return node.op === "expand" ? node.inputs[0]! : node;
}

/** Operands by name, in a layout that spares transposes, and that layout. */
function operands(out: Exporter, node: GraphNode): { names: string[]; layout: "first" | "last" } {
  const peeled = node.inputs.map(unexpanded);
  const arrays = peeled.filter((x) => x.op !== "constant");
  // Some operand must keep the result's size on every axis.
  const complete = node.shape.every((_, axis) => arrays.some((x) => out.sameSize(x, axis, node, axis)));
  const used = complete && arrays.length ? peeled : node.inputs;
  const layout = node.shape.length > 2 && used.some((x) => out.isFirst(x)) ? "first" : "last";
  const name = (x: GraphNode): string => {
    if (used !== peeled) return out.named(x, layout);
    if (isPrimitive(x, "constant")) return out.number(x);
    return layout === "last" && arrays.some((other) => !out.isConstant(other))
      ? out.name(withoutLeadingOnes(out, x))
      : out.named(x, layout);
  };
  return { names: used.map(name), layout };
}

/** A weight before axes of one were put in front of its own, which ONNX does by itself too: what reads files finds biases by their one axis. */
function withoutLeadingOnes(out: Exporter, x: GraphNode): GraphNode {
  if (x.op !== "reshape" || !out.isConstant(x)) return x;
  const [inner] = x.inputs as [GraphNode];
  const added = x.shape.length - inner.shape.length;
  return added > 0 && x.shape.every((n, axis) => n === (axis < added ? 1 : inner.shape[axis - added])) ? inner : x;
}

type Spelling = (out: Exporter, inputs: string[], node: GraphNode) => string;
const elementwise =
  (spell: string | Spelling) =>
  (out: Exporter, node: GraphNode): void => {
    const { names, layout } = operands(out, node);
    out.set(node, typeof spell === "string" ? out.node(spell, names) : spell(out, names, node), layout);
  };
/** Another operator for bool, or for integers. */
const byType =
  (spellings: { float?: string | Spelling; int?: string | Spelling; bool?: string | Spelling }) =>
  (out: Exporter, node: GraphNode): void => {
    const { dtype } = node.inputs[0]!;
    const spelling = spellings[dtype === "bool" ? "bool" : isFloat(dtype) ? "float" : "int"];
    if (!spelling) throw new Unsupported(`ONNX has no ${node.op} of ${dtype}`);
    elementwise(spelling)(out, node);
  };

const constantOf = (out: Exporter, value: number, node: GraphNode): string => out.scalar(value, node.inputs[0]!.dtype);
const binary =
  (op: string, value: number): Spelling =>
  (out, [x], node) =>
    out.node(op, [x!, constantOf(out, value, node)]);

function reduce(op: string) {
  return (out: Exporter, node: GraphNode): void => {
    const [x] = node.inputs as [GraphNode];
    const { axes } = node.attrs as { axes: readonly number[] };
    const rank = x.shape.length;
    const spatial = Array.from({ length: rank - 2 }, (_, i) => i + 1);
    const first = rank > 2 && out.isFirst(x) && axes.length === spatial.length && spatial.every((axis) => axes.includes(axis));
    const input = first ? out.first(x) : out.name(x);
    const used = first ? spatial.map((axis) => axis + 1) : axes;
    if (!used.length) return out.same(node, x);
    const asNumbers = x.dtype === "bool" ? out.node("Cast", [input], { to: onnxTypes.int32 }) : input;
    const reduced = out.node(op, [asNumbers, out.ints(used)], { keepdims: 0 });
    out.set(node, x.dtype === "bool" ? out.node("Cast", [reduced], { to: onnxTypes.bool }) : reduced);
  };
}

const arg =
  (op: string) =>
  (out: Exporter, node: GraphNode): void => {
    const { axes } = node.attrs as { axes: readonly number[] };
    const found = out.node(op, [out.name(node.inputs[0]!)], { axis: axes[0]!, keepdims: 0 });
    out.set(node, out.node("Cast", [found], { to: onnxTypes.int32 }));
  };

const letters = "abcdefghijklmnopqrstuvwxyz";

/** MatMul where the axes are in its order, else Einsum. */
function contract(out: Exporter, node: GraphNode<"contract">): void {
  const [a, b] = node.inputs as [GraphNode, GraphNode];
  const { batch, contract: summed } = node.attrs;
  const [ra, rb] = [a.shape.length, b.shape.length];
  const inOrder = (axes: readonly number[]): boolean => axes.every((axis, i) => axis === i);
  const plain =
    summed[0].length === 1 &&
    summed[0][0] === ra - 1 &&
    summed[1][0] === batch[1].length &&
    inOrder(batch[0]) &&
    inOrder(batch[1]) &&
    rb === batch[1].length + 2 &&
    (batch[0].length === 0 || ra === batch[0].length + 2);
  const names = [out.name(a), out.name(b)];
  if (plain) return out.set(node, out.node("MatMul", names));
  const inA = Array.from({ length: ra }, (_, i) => letters[i]!);
  const inB: string[] = [];
  for (const [as, bs] of [batch, summed]) bs.forEach((axis, i) => (inB[axis] = inA[as[i]!]!));
  for (let i = 0, next = ra; i < rb; i++) inB[i] ??= letters[next++]!;
  const free = (text: string[], side: 0 | 1): string[] => text.filter((_, i) => !batch[side].includes(i) && !summed[side].includes(i));
  const result = [...batch[0].map((i) => inA[i]!), ...free(inA, 0), ...free(inB, 1)];
  out.set(node, out.node("Einsum", names, { equation: `${inA.join("")},${inB.join("")}->${result.join("")}` }));
}

/** A reshape whose open sizes are kept, left to ONNX to find, or looked up. */
function reshape(out: Exporter, node: GraphNode): void {
  const [x] = node.inputs as [GraphNode];
  if (out.isFirst(x) && node.shape.length === 2 && x.shape.slice(1, -1).every((n) => n === 1) && out.sameSize(x, 0, node, 0))
    return out.set(node, out.node("Flatten", [out.first(x)], { axis: 1 }));
  const sizes = node.shape.map((_, i) => out.fixedSize(node, i) ?? (i < x.shape.length && out.sameSize(node, i, x, i) ? 0 : -1));
  // A size of no elements is no request to copy.
  const exact = node.shape.some((n, i) => n === 0 && out.fixedSize(node, i) === 0) || sizes.filter((n) => n === -1).length > 1;
  out.set(node, out.node("Reshape", [out.name(x), exact ? out.shape(node) : out.ints(sizes)]));
}

function slice(out: Exporter, node: GraphNode<"slice">): void {
  const [x] = node.inputs as [GraphNode];
  const twin = out.twin(node);
  const first = x.shape.length > 2 && out.isFirst(x);
  const chosen: { axis: number; start: number; end: number; step: number }[] = [];
  const pairs = out.pairs(node);
  const whole = out.pairs(x);
  node.shape.forEach((_, axis) => {
    const step = node.attrs.steps[axis]!;
    const starts = [node.attrs.starts[axis]!, twin.attrs.starts[axis]!] as const;
    const ends = [0, 1].map((k) => starts[k]! + (pairs[axis]![k]! - 1) * step + Math.sign(step)) as [number, number];
    const [n0, n1] = whole[axis]!;
    if (step === 1 && starts[0] === 0 && starts[1] === 0 && pairs[axis]!.join() === whole[axis]!.join()) return;
    // The same place in both traces, or the same distance from the end.
    const place = (a: number, b: number, beyond: number): number => {
      if (a === b && a >= 0) return a;
      if (a < 0 && b < 0) return beyond; // before the first element, walking backwards
      if (a - n0 === b - n1 && a < n0) return a - n0;
      if (a === n0 && b === n1) return 2 ** 31 - 1;
      throw new Unsupported("a slice's place depends on the input's size");
    };
    chosen.push({ axis, start: place(starts[0], starts[1], 0), end: place(ends[0], ends[1], -(2 ** 31)), step });
  });
  const last = x.shape.length - 1;
  const axisOf = (axis: number): number => (!first || axis === 0 ? axis : axis === last ? 1 : axis + 1);
  const ints = (f: (c: (typeof chosen)[number]) => number): string => out.ints(chosen.map(f));
  const layout = first ? "first" : "last";
  const inputs = [out.named(x, layout), ints((c) => c.start), ints((c) => c.end), ints((c) => axisOf(c.axis)), ints((c) => c.step)];
  out.set(node, out.node("Slice", inputs), layout);
}

function pad(out: Exporter, node: GraphNode<"pad">): void {
  const [x] = node.inputs as [GraphNode];
  const layout = x.shape.length > 2 && out.isFirst(x) ? "first" : "last";
  const order = layout === "first" ? toFirst(x.shape.length) : x.shape.map((_, i) => i);
  const widths = [...order.map((i) => node.attrs.before[i]!), ...order.map((i) => node.attrs.after[i]!)];
  out.set(node, out.node("Pad", [out.named(x, layout), out.ints(widths), out.scalar(0, node.dtype)], { mode: "constant" }), layout);
}

/** Windows by their places: one Gather an axis, whose result has places and window side by side. */
function windows(out: Exporter, node: GraphNode<"windows">): void {
  const [x] = node.inputs as [GraphNode];
  const { axes, size, stride, dilation } = node.attrs;
  let name = out.name(x);
  // Gathering from the last axis on leaves the places of the axes before as they are.
  const order = axes.map((_, i) => i).sort((i, j) => axes[j]! - axes[i]!);
  for (const i of order) {
    const n = out.fixedSize(node, axes[i]!);
    if (n === null) throw new Unsupported("windows over an axis of open size");
    const places = arange(n).mul(stride[i]!).reshape([n, 1]).add(arange(size[i]!).mul(dilation[i]!)).astype("int32");
    name = out.node("Gather", [name, out.writer.constant(places)], { axis: axes[i]! });
  }
  // Now a window's axis comes right after that of its places.
  const kept = x.shape.map((_, axis) => axis + axes.filter((other) => other < axis).length);
  out.set(node, out.node("Transpose", [name], { perm: [...kept, ...axes.map((axis) => kept[axis]! + 1)] }));
}

function concat(out: Exporter, node: GraphNode<"concat">): void {
  const layout = node.shape.length > 2 && node.inputs.some((x) => out.isFirst(x)) ? "first" : "last";
  const { axis } = node.attrs;
  const at = layout === "last" || axis === 0 ? axis : axis === node.shape.length - 1 ? 1 : axis + 1;
  out.set(
    node,
    out.node(
      "Concat",
      node.inputs.map((x) => out.named(x, layout)),
      { axis: at },
    ),
    layout,
  );
}

function permute(out: Exporter, node: GraphNode<"permute">): void {
  const [x] = node.inputs as [GraphNode];
  const rank = x.shape.length;
  const { axes } = node.attrs;
  // Layers for channels first move them last and back: in the file they stay where they are.
  if (rank > 2 && axes.join() === toFirst(rank).join() && out.isFirst(x)) return out.set(node, out.first(x));
  if (rank > 2 && axes.join() === toLast(rank).join()) return out.set(node, out.name(x), "first");
  out.set(node, out.node("Transpose", [out.name(x)], { perm: axes }));
}

/** softmax(q·kᵀ·scale + mask)·v. A query that may see nothing gets zeros, where softmax gives NaN. */
function attention(out: Exporter, node: GraphNode<"attention">): void {
  const [q, k, v, mask] = node.inputs as [GraphNode, GraphNode, GraphNode, GraphNode?];
  const { causal, scale } = node.attrs;
  const keys = out.node("Transpose", [out.name(k)], { perm: [0, 1, 3, 2] });
  const product = out.node("MatMul", [out.name(q), keys]);
  let scores = scale === 1 ? product : out.node("Mul", [product, out.scalar(scale, node.dtype)]);
  if (mask) scores = out.node("Add", [scores, out.name(unexpanded(mask))]);
  const [T, S] = [out.fixedSize(q, 2), out.fixedSize(k, 2)];
  if (causal) {
    if (T !== null && S !== null) {
      const visible = Array.from({ length: T }, (_, t) =>
        Array.from({ length: S }, (_, s) => (s <= t + S - T ? 0 : Number.NEGATIVE_INFINITY)),
      );
      scores = out.node("Add", [scores, out.writer.constant(tensor(visible, { dtype: node.dtype }))]);
    } else {
      if (!out.sameSize(q, 2, k, 2)) throw new Unsupported("causal attention between sequences of different open lengths");
      const count = out.node("Squeeze", [out.node("Shape", [out.name(q)], { start: 2, end: 3 })]);
      const [zero, one] = [out.node("Squeeze", [out.ints([0])]), out.node("Squeeze", [out.ints([1])])];
      const places = out.node("Range", [zero, count, one]);
      const visible = out.node("LessOrEqual", [places, out.node("Unsqueeze", [places, out.ints([1])])]);
      scores = out.node("Where", [visible, scores, out.scalar(Number.NEGATIVE_INFINITY, node.dtype)]);
    }
  }
  let weights = out.node("Softmax", [scores], { axis: -1 });
  if (mask || (causal && (T === null || S === null || T > S)))
    weights = out.node("Where", [out.node("IsNaN", [weights]), out.scalar(0, node.dtype), weights]);
  out.set(node, out.node("MatMul", [weights, out.name(v)]));
}

function iota(out: Exporter, node: GraphNode<"iota">): void {
  const { axis } = node.attrs;
  const whole = out.shape(node);
  const one = (name: string): string => out.node("Squeeze", [name]);
  const size = out.node("Slice", [whole, out.ints([axis]), out.ints([axis + 1])]);
  const line = out.node("Cast", [out.node("Range", [one(out.ints([0])), one(size), one(out.ints([1]))])], { to: onnxTypes[node.dtype] });
  const others = node.shape.flatMap((_, i) => (i === axis ? [] : [i]));
  out.set(node, out.node("Expand", [others.length ? out.node("Unsqueeze", [line, out.ints(others)]) : line, whole]));
}

/** ONNX shifts unsigned numbers only: a shift by a number is a product, or a quotient rounded down. */
const shift = (op: (out: Exporter, x: string, factor: string) => string): Spelling => {
  return (out, [x], node) => {
    const by = unexpanded(node.inputs[1]!);
    if (!isPrimitive(by, "constant")) throw new Unsupported(`ONNX has no ${node.op} by amounts that vary`);
    return op(out, x!, constantOf(out, 2 ** attrs(by).value, node));
  };
};

/** What each primitive is in ONNX. Those that are missing have no counterpart. */
export const primitiveRules: Rules = {
  constant(out, node) {
    const number = out.number(node);
    out.set(node, node.shape.length ? out.node("Expand", [number, out.shape(node)]) : number);
  },
  iota,
  neg: elementwise("Neg"),
  abs: elementwise("Abs"),
  sign: elementwise("Sign"),
  floor: byType({ float: "Floor" }),
  ceil: byType({ float: "Ceil" }),
  trunc: byType({ float: (out, [x]) => out.node("Mul", [out.node("Sign", [x!]), out.node("Floor", [out.node("Abs", [x!])])]) }),
  rint: byType({ float: "Round" }),
  sqrt: elementwise("Sqrt"),
  exp: elementwise("Exp"),
  expm1: elementwise((out, [x], node) => out.node("Sub", [out.node("Exp", [x!]), constantOf(out, 1, node)])),
  log: elementwise("Log"),
  log1p: elementwise((out, [x], node) => out.node("Log", [out.node("Add", [x!, constantOf(out, 1, node)])])),
  log2: elementwise((out, [x], node) => binary("Div", Math.LN2)(out, [out.node("Log", [x!])], node)),
  log10: elementwise((out, [x], node) => binary("Div", Math.LN10)(out, [out.node("Log", [x!])], node)),
  sin: elementwise("Sin"),
  cos: elementwise("Cos"),
  tan: elementwise("Tan"),
  asin: elementwise("Asin"),
  acos: elementwise("Acos"),
  atan: elementwise("Atan"),
  sinh: elementwise("Sinh"),
  cosh: elementwise("Cosh"),
  tanh: elementwise("Tanh"),
  asinh: elementwise("Asinh"),
  acosh: elementwise("Acosh"),
  atanh: elementwise("Atanh"),
  erf: elementwise("Erf"),
  not: byType({ bool: "Not", int: "BitwiseNot" }),
  add: elementwise("Add"),
  sub: elementwise("Sub"),
  mul: elementwise("Mul"),
  div: elementwise("Div"),
  floorDiv: byType({
    float: (out, xs) => out.node("Floor", [out.node("Div", xs)]),
    int: (out, xs) => out.node("Div", [out.node("Sub", [xs[0]!, out.node("Mod", xs)]), xs[1]!]),
  }),
  mod: byType({
    float: (out, xs) => out.node("Sub", [xs[0]!, out.node("Mul", [out.node("Floor", [out.node("Div", xs)]), xs[1]!])]),
    int: "Mod",
  }),
  pow: elementwise("Pow"),
  max: byType({ float: "Max", int: "Max", bool: "Or" }),
  min: byType({ float: "Min", int: "Min", bool: "And" }),
  and: byType({ bool: "And", int: "BitwiseAnd" }),
  or: byType({ bool: "Or", int: "BitwiseOr" }),
  xor: byType({ bool: "Xor", int: "BitwiseXor" }),
  shl: elementwise(shift((out, x, factor) => out.node("Mul", [x, factor]))),
  shr: elementwise(shift((out, x, factor) => out.node("Div", [out.node("Sub", [x, out.node("Mod", [x, factor])]), factor]))),
  eq: elementwise("Equal"),
  ne: elementwise((out, xs) => out.node("Not", [out.node("Equal", xs)])),
  lt: elementwise("Less"),
  le: elementwise("LessOrEqual"),
  where: elementwise("Where"),
  cast: elementwise((out, [x], node) => out.node("Cast", [x!], { to: onnxTypes[node.dtype] })),
  reduceSum: reduce("ReduceSum"),
  reduceProd: reduce("ReduceProd"),
  reduceMax: reduce("ReduceMax"),
  reduceMin: reduce("ReduceMin"),
  argmax: arg("ArgMax"),
  argmin: arg("ArgMin"),
  reshape,
  permute,
  expand(out, node) {
    out.set(node, out.node("Expand", [out.name(node.inputs[0]!), out.shape(node)]));
  },
  slice,
  pad,
  windows,
  concat,
  contract,
  gather(out, node) {
    out.set(
      node,
      out.node(
        "Gather",
        node.inputs.map((x) => out.name(x)),
        { axis: node.attrs.axis },
      ),
    );
  },
  scan(out, node) {
    const { axis, kind, reverse } = node.attrs;
    if (kind !== "sum") throw new Unsupported(`ONNX has no running ${kind}`);
    out.set(node, out.node("CumSum", [out.name(node.inputs[0]!), out.node("Squeeze", [out.ints([axis])])], { reverse: reverse ? 1 : 0 }));
  },
  argsort(out, node) {
    const [x] = node.inputs as [GraphNode];
    const { axis, descending } = node.attrs;
    const n = out.fixedSize(x, axis);
    if (n === null) throw new Unsupported("sorting an axis of open size");
    const [, order] = out.writer.nodeOf("TopK", [out.name(x), out.ints([n])], 2, { axis, largest: descending ? 1 : 0 });
    out.set(node, out.node("Cast", [order!], { to: onnxTypes.int32 }));
  },
  attention,
  alias(out, node) {
    out.same(node, node.inputs[0]!);
  },
};
