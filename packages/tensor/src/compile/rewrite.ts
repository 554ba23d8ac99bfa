import { composeAttention, dilate } from "../graph/gradients.ts";
import { type Graph, linearise } from "../graph/graph.ts";
import { is, make, type Node } from "../graph/node.ts";

/** Along rows: few results of many terms are done in two rounds, so that threads can share them. */
const longReduction = 2 ** 15;
const fewResults = 64;
/** Down columns: blocks of rows are summed first, so that memory is read in its order. */
const largeInput = 2 ** 17;
const manyRows = 256;

/** A simpler graph of the same meaning: aliases gone, equal nodes shared, movement merged, `fold` and long reductions spelled out. */
export function rewrite(graph: Graph): Graph {
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
  for (const node of graph.nodes) {
    if (inputs.has(node)) {
      replaced.set(node, node);
      continue;
    }
    const ins = node.inputs.map((x) => replaced.get(x)!);
    const simple = simplify(node, ins);
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

function simplify(node: Node, ins: readonly Node[]): Node {
  const [x, y] = ins as [Node, Node];
  if (node.op === "alias") return x;
  if (is(node, "mul")) {
    if (isConstant(y, 1)) return x;
    if (isConstant(x, 1)) return y;
  }
  if ((node.op === "div" || node.op === "pow") && isConstant(y, 1)) return x;
  if (node.op === "sub" && isConstant(y, 0)) return x;
  if (["reshape", "permute", "expand", "slice"].includes(node.op) && is(x, "constant"))
    return make.constant(x.attrs.value, node.shape, node.dtype);
  if (is(node, "reshape")) return make.reshape(is(x, "reshape") ? x.inputs[0]! : x, node.shape);
  if (is(node, "permute") && is(x, "permute"))
    return make.permute(
      x.inputs[0]!,
      node.attrs.axes.map((a) => x.attrs.axes[a]!),
    );
  if (is(node, "expand") && is(x, "expand")) return make.expand(x.inputs[0]!, node.shape);
  if (is(node, "fold")) return fold(x, node);
  if (is(node, "attention")) return composeAttention(make.copy(node, ins) as Node<"attention">);
  if (is(node, "reduceSum") || is(node, "reduceProd") || is(node, "reduceMax") || is(node, "reduceMin")) {
    if (!node.attrs.axes.length) return x;
    return splitReduction(node, x) ?? make.copy(node, ins);
  }
  return ins.every((n, i) => n === node.inputs[i]) ? node : make.copy(node, ins);
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
function fold(y: Node, node: Node<"fold">): Node {
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
