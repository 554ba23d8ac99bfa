import { isFloat } from "../dtype.ts";
import { composeAttention, composeAttentionGradient, dilate } from "../graph/gradients.ts";
import { type Graph, linearise } from "../graph/graph.ts";
import { is, make, type Node } from "../graph/node.ts";
import { type Shape, sizeOf } from "../shape.ts";
import type { Target } from "./target.ts";

/** Along rows: few results of many terms are done in two rounds, so that threads can share them. */
const longReduction = 2 ** 15;
const fewResults = 64;
/** Down columns: blocks of rows are summed first, so that memory is read in its order. */
const largeInput = 2 ** 17;
const manyRows = 256;

/** A simpler graph of the same meaning: aliases gone, equal nodes shared, movement merged, `fold` and long reductions spelled out. */
export function rewrite(graph: Graph, target: Target): Graph {
  const replaced = new Map<Node, Node>();
  const shared = new Map<string, Node>();
  const inputs = new Set(graph.inputs);
  const share = (node: Node): Node => {
    if (inputs.has(node) || node.op === "buffer") return node;
    const key = `${node.op}|${attributeKey(node)}|${node.inputs.map((n) => n.id).join()}|${node.shape.join()}|${node.dtype}`;
    const known = shared.get(key);
    if (known) return known;
    shared.set(key, node);
    return node;
  };
  // New nodes made along the way are themselves shared, bottom up.
  const settle = (node: Node): Node => {
    for (const n of linearise([node], replaced)) {
      const ins = n.inputs.map((x) => replaced.get(x)!);
      const same = ins.every((x, i) => x === n.inputs[i]);
      replaced.set(n, share(same ? n : make.copy(n, ins)));
    }
    return replaced.get(node)!;
  };
  // What an attention's gradient needs of its result is kept where both are computed.
  const withGradient = graph.nodes.some((n) => n.op === "attentionGradient");
  for (const node of graph.nodes) {
    if (inputs.has(node)) {
      replaced.set(node, node);
      continue;
    }
    const ins = node.inputs.map((x) => replaced.get(x)!);
    const simple = simplify(node, ins, target, withGradient);
    replaced.set(node, settle(simple));
  }
  const outputs = graph.outputs.map((n) => replaced.get(n)!);
  const nodes = linearise(outputs);
  return { nodes, inputs: graph.inputs, outputs, inPlace: graph.inPlace };
}

const attributeKey = (node: Node): string =>
  JSON.stringify(node.attrs, (_, v) =>
    typeof v === "number" && (!Number.isFinite(v) || Object.is(v, -0)) ? `#${Object.is(v, -0) ? "-0" : v}` : v,
  );

function isConstant(node: Node, value: number): boolean {
  return is(node, "constant") && Object.is(node.attrs.value, value);
}

function simplify(node: Node, ins: readonly Node[], target: Target, withGradient: boolean): Node {
  const [x, y] = ins as [Node, Node];
  if (node.op === "alias") return x;
  if (is(node, "mul")) {
    if (isConstant(y, 1)) return x;
    if (isConstant(x, 1)) return y;
  }
  if ((node.op === "div" || node.op === "pow") && isConstant(y, 1)) return x;
  if (node.op === "sub" && isConstant(y, 0)) return x;
  if (is(node, "where") && ins[1] === ins[2]) return ins[1]!;
  const folded = fold(node, ins);
  if (folded !== null) return make.constant(folded, node.shape, node.dtype);
  if (["reshape", "permute", "expand", "slice"].includes(node.op) && is(x, "constant"))
    return make.constant(x.attrs.value, node.shape, node.dtype);
  if (is(node, "reshape")) return make.reshape(is(x, "reshape") ? x.inputs[0]! : x, node.shape);
  if (is(node, "permute") && is(x, "permute"))
    return make.permute(
      x.inputs[0]!,
      node.attrs.axes.map((a) => x.attrs.axes[a]!),
    );
  if (is(node, "expand") && is(x, "expand")) return make.expand(x.inputs[0]!, node.shape);
  if (is(node, "fold")) return addWindows(x, node);
  if (is(node, "attention")) return attention(make.copy(node, ins) as Node<"attention">, target, withGradient);
  if (is(node, "attentionGradient")) return attentionGradient(make.copy(node, ins) as Node<"attentionGradient">, target);
  if (is(node, "reduceSum") || is(node, "reduceProd") || is(node, "reduceMax") || is(node, "reduceMin")) {
    if (!node.attrs.axes.length) return x;
    if (node.attrs.axes.every((a) => x.shape[a] === 1)) {
      const one = make.reshape(x, node.shape);
      // A sum starts from zero, so that -0 becomes 0.
      return is(node, "reduceSum") && isFloat(x.dtype) ? make.binary("add", one, make.constant(0, one.shape, one.dtype)) : one;
    }
    return splitReduction(node, x) ?? make.copy(node, ins);
  }
  return ins.every((n, i) => n === node.inputs[i]) ? node : make.copy(node, ins);
}

/** The value of float arithmetic on constants, in the type's own precision; null where it is not that. */
function fold(node: Node, ins: readonly Node[]): number | null {
  const round = { float32: Math.fround, float64: (v: number) => v }[node.dtype as string];
  const values = ins.flatMap((n) => (is(n, "constant") && n.dtype === node.dtype ? [n.attrs.value] : []));
  if (!round || !ins.length || values.length !== ins.length) return null;
  // Rounding a double's result once more gives the float32 result exactly, for these operations.
  const [a, b] = values.map(round) as [number, number];
  if (is(node, "add")) return round(a + b);
  if (is(node, "sub")) return round(a - b);
  if (is(node, "mul")) return round(a * b);
  if (is(node, "div")) return round(a / b);
  if (is(node, "neg")) return -a;
  if (is(node, "sqrt")) return round(Math.sqrt(a));
  const terms = is(node, "reduceSum") ? node.attrs.axes.reduce((n, axis) => n * ins[0]!.shape[axis]!, 1) : 0;
  return terms && Number.isFinite(a) ? round(a * terms) : null;
}

function hasOwnKernel(
  { inputs: [q, k, v], dtype, attrs }: Node<"attention" | "attentionGradient">,
  target: Target,
  withGradient: boolean,
): boolean {
  const [B, H, T, d] = q!.shape as [number, number, number, number];
  const [S, e] = [k!.shape[2]!, v!.shape[3]!];
  if (!(B * H * T * S * d * e)) return false;
  return target.ownAttention({ heads: B * H, T, S, d, e, dtype, causal: attrs.causal, withGradient });
}

/** The mask of an attention before it was broadcast: its kernels read it so. */
const narrow = (mask: readonly Node[]): Node[] => mask.map((m) => (is(m, "expand") ? m.inputs[0]! : m));

/** Numbers from `start` of a flat result, in a shape. */
const unpack = (x: Node, start: number, shape: Shape): Node => make.reshape(make.slice(x, [start], [1], [sizeOf(shape)]), shape);

function attention(node: Node<"attention">, target: Target, withGradient: boolean): Node {
  if (!hasOwnKernel(node, target, withGradient)) return composeAttention(node);
  const [q, k, v, ...mask] = node.inputs as [Node, Node, Node, ...Node[]];
  if (withGradient) return unpack(make.attentionPacked(q, k, v, narrow(mask), node.attrs), 0, node.shape);
  return make.copy(node, [q, k, v, ...narrow(mask)]);
}

function attentionGradient(node: Node<"attentionGradient">, target: Target): Node {
  if (!hasOwnKernel(node, target, true)) return composeAttentionGradient(node);
  const [q, k, v, g, ...mask] = node.inputs as [Node, Node, Node, Node, ...Node[]];
  const [B, H, T] = q.shape as [number, number, number];
  const packed = make.attentionPacked(q, k, v, narrow(mask), node.attrs);
  const sums = make.reduce("reduceSum", make.binary("mul", g, unpack(packed, 0, g.shape)), [3]);
  const parts = Math.min(Math.ceil(target.fewHeads / (B * H)), Math.ceil(T / target.fewHeads));
  const all = make.attentionGradientPacked(g, sums, packed, parts);
  if (node.attrs.of === 0) return unpack(all, 0, q.shape);
  const start = node.attrs.of === 1 ? q.size : q.size + parts * k.size;
  return make.reduce("reduceSum", unpack(all, start, [parts, ...node.shape]), [0]);
}

/** Long reductions to few results: into partial results first, then those. Also keeps float32 sums exact to a few ulp. */
function splitReduction(node: Node<"reduceSum" | "reduceProd" | "reduceMax" | "reduceMin">, x: Node): Node | null {
  const axis = node.attrs.axes.reduce((best, a) => (x.shape[a]! > x.shape[best]! ? a : best), node.attrs.axes[0]!);
  const terms = node.attrs.axes.reduce((n, a) => n * x.shape[a]!, 1);
  const n = x.shape[axis]!;
  const alongRows = node.attrs.axes.includes(x.shape.length - 1);
  const worthIt = alongRows
    ? terms >= longReduction && node.size <= fewResults
    : x.size >= largeInput && terms >= manyRows && node.size <= terms * 16;
  if (!worthIt || n < 16) return null;
  // Take the count of partial results that divides the axis, near the square root but no more than a few hundred.
  let parts = 0;
  for (let p = Math.min(512, Math.floor(Math.sqrt(n))); p >= 4 && !parts; p--) if (n % p === 0) parts = p;
  if (!parts) {
    const cut = n - (n % 64);
    if (cut === n || cut < 64) return null;
    const piece = (start: number, count: number) =>
      make.reduce(
        node.op,
        make.slice(
          x,
          x.shape.map((_, i) => (i === axis ? start : 0)),
          x.shape.map(() => 1),
          x.shape.map((m, i) => (i === axis ? count : m)),
        ),
        node.attrs.axes,
      );
    const combine = ({ reduceSum: "add", reduceProd: "mul", reduceMax: "max", reduceMin: "min" } as const)[node.op];
    const main = piece(0, cut) as typeof node;
    return make.binary(combine, splitReduction(main, main.inputs[0]!) ?? main, piece(cut, n - cut));
  }
  const shape = [...x.shape.slice(0, axis), parts, n / parts, ...x.shape.slice(axis + 1)];
  const shifted = node.attrs.axes.map((a) => (a >= axis ? a + 1 : a)); // the inner part of the split axis included
  const partial = make.reduce(node.op, make.reshape(x, shape), shifted);
  const keptBefore = x.shape.slice(0, axis).filter((_, i) => !node.attrs.axes.includes(i)).length;
  return make.reduce(node.op, partial, [keptBefore]);
}

/** Overlapping windows added back, as a sum over window places of shifted copies: one axis after the other. */
function addWindows(y: Node, node: Node<"fold">): Node {
  const { axes, size, stride, dilation } = node.attrs;
  for (let i = axes.length - 1; i >= 0; i--) y = foldAxis(y, axes[i]!, size[i]!, stride[i]!, dilation[i]!, node.shape[axes[i]!]!);
  return y;
}

/** `y` [.., O at axis, .., K last] to [.., n at axis, ..]. */
function foldAxis(y: Node, axis: number, K: number, stride: number, dilation: number, n: number): Node {
  const rank = y.shape.length - 1;
  const O = y.shape[axis]!;
  const zeros = (count: number) => new Array<number>(count).fill(0);
  const fit = (x: Node, at: number): Node => {
    const have = x.shape[at]!;
    if (have > n)
      return make.slice(
        x,
        zeros(x.shape.length),
        x.shape.map(() => 1),
        x.shape.map((m, i) => (i === at ? n : m)),
      );
    return make.pad(
      x,
      zeros(x.shape.length),
      x.shape.map((_, i) => (i === at ? n - have : 0)),
    );
  };
  if (O === 0)
    return make.constant(
      0,
      y.shape.slice(0, rank).map((m, i) => (i === axis ? n : m)),
      y.dtype,
    );
  if (dilation === 1 && K <= stride) {
    // Windows do not overlap: lay them side by side.
    const order = [...Array(axis + 1).keys(), rank, ...Array.from({ length: rank - axis - 1 }, (_, i) => axis + 1 + i)];
    const beside = make.permute(y, order);
    const padded = make.pad(
      beside,
      zeros(rank + 1),
      beside.shape.map((_, i) => (i === axis + 1 ? stride - K : 0)),
    );
    return fit(
      make.reshape(
        padded,
        y.shape.slice(0, rank).map((m, i) => (i === axis ? m * stride : m)),
      ),
      axis,
    );
  }
  // out[x] = Σ_k spread[x - k·dilation, k]; windows over the padded spread give [x, k, k'], of which k' = K-1-k is wanted.
  const spread = dilate(
    y,
    y.shape.map((_, i) => (i === axis ? stride : 1)),
  );
  const reach = (K - 1) * dilation;
  const after = Math.max(0, n - spread.shape[axis]!);
  const padded = make.pad(
    spread,
    y.shape.map((_, i) => (i === axis ? reach : 0)),
    y.shape.map((_, i) => (i === axis ? after + reach : 0)),
  );
  const seen = make.windows(padded, { axes: [axis], size: [K], stride: [1], dilation: [dilation] });
  const cut = make.slice(
    seen,
    zeros(rank + 2),
    seen.shape.map(() => 1),
    seen.shape.map((m, i) => (i === axis ? n : m)),
  );
  const flipped = make.slice(
    cut,
    cut.shape.map((m, i) => (i === rank + 1 ? m - 1 : 0)),
    cut.shape.map((_, i) => (i === rank + 1 ? -1 : 1)),
    cut.shape,
  );
  const flat = make.reshape(flipped, [...cut.shape.slice(0, rank), K * K]);
  const diagonal = make.slice(
    flat,
    zeros(rank + 1),
    flat.shape.map((_, i) => (i === rank ? K + 1 : 1)),
    [...cut.shape.slice(0, rank), K],
  );
  return make.reduce("reduceSum", diagonal, [rank]);
}
