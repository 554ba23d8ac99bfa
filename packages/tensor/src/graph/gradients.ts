import { isFloat } from "../dtype.ts";
import { type Shape, sameShape } from "../shape.ts";
import { linalgGradients } from "./gradients-linalg.ts";
import { linearise } from "./graph.ts";
import { make, type Node } from "./node.ts";
import type { Attributes, Op } from "./primitives.ts";

/**
 * The rule of one primitive: from the cotangent of its output to those of its inputs, as graph. `null` where nothing
 * flows: integer inputs, indices, and functions that are flat almost everywhere. `flows` says of an input whether its cotangent
 * is wanted; what is not wanted is not computed anyway, so few rules ask.
 */
export type GradientRule<K extends Op = Op> = (cotangent: Node, node: Node<K>, flows: (input: Node) => boolean) => readonly (Node | null)[];

// A few words of arithmetic on nodes of equal shape; numbers stand for constants.
type Operand = Node | number;
const like = (x: Operand, y: Node): Node => (typeof x === "number" ? make.constant(x, y.shape, y.dtype) : x);
const pair = (a: Operand, b: Operand): [Node, Node] => (typeof a === "number" ? [like(a, b as Node), b as Node] : [a, like(b, a)]);
export const add = (a: Operand, b: Operand): Node => make.binary("add", ...pair(a, b));
export const sub = (a: Operand, b: Operand): Node => make.binary("sub", ...pair(a, b));
export const mul = (a: Operand, b: Operand): Node => make.binary("mul", ...pair(a, b));
export const div = (a: Operand, b: Operand): Node => make.binary("div", ...pair(a, b));
export const neg = (x: Node): Node => make.unary("neg", x);
const eq = (a: Operand, b: Operand): Node => make.compare("eq", ...pair(a, b));
const lt = (a: Operand, b: Operand): Node => make.compare("lt", ...pair(a, b));
const le = (a: Operand, b: Operand): Node => make.compare("le", ...pair(a, b));
const where = (condition: Node, x: Operand, y: Operand): Node => make.where(condition, ...pair(x, y));
const pow = (a: Operand, b: Operand): Node => make.binary("pow", ...pair(a, b));
export const sum = (x: Node, axes: readonly number[]): Node => (axes.length ? make.reduce("reduceSum", x, axes) : x);
const square = (x: Node): Node => mul(x, x);
const sqrt = (x: Node): Node => make.unary("sqrt", x);
const none = () => [null] as const;
const noneTwice = () => [null, null] as const;

/** A reduced result brought back to the shape before the reduction. */
export function restore(x: Node, axes: readonly number[], shape: Shape): Node {
  return make.expand(
    make.reshape(
      x,
      shape.map((n, i) => (axes.includes(i) ? 1 : n)),
    ),
    shape,
  );
}

/** Shares a cotangent equally among the places that attain the maximum or minimum. */
function shareAmongEqual(g: Node, node: Node<"reduceMax" | "reduceMin">): Node {
  const x = node.inputs[0]!;
  const { axes } = node.attrs;
  const hit = make.cast(eq(x, restore(node, axes, x.shape)), x.dtype);
  return mul(hit, restore(div(g, sum(hit, axes)), axes, x.shape));
}

/** Where two operands are equal, each takes half. */
function chooseRule(wins: (a: Node, b: Node) => Node): GradientRule<"max" | "min"> {
  return (g, node) => {
    const [a, b] = node.inputs as [Node, Node];
    const tie = mul(g, 0.5);
    const same = eq(a, b);
    return [where(same, tie, where(wins(a, b), g, 0)), where(same, tie, where(wins(b, a), g, 0))];
  };
}

const rangeTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Products of all elements but the one in place, along `axis`, without dividing: zeros are no special case. */
function productOfOthers(x: Node, axis: number): Node {
  const n = x.shape[axis]!;
  const shifted = (reverse: boolean): Node => {
    const partial = make.scan(x, axis, "prod", reverse);
    const keep = x.shape.map((m, i) => (i === axis ? Math.max(n - 1, 0) : m));
    const starts = x.shape.map((_, i) => (i === axis && reverse ? Math.min(1, n) : 0));
    const body = make.slice(
      partial,
      starts,
      x.shape.map(() => 1),
      keep,
    );
    const one = make.constant(
      1,
      x.shape.map((m, i) => (i === axis ? Math.min(n, 1) : m)),
      x.dtype,
    );
    return make.concat(reverse ? [body, one] : [one, body], axis);
  };
  return mul(shifted(false), shifted(true));
}

/** ∂(cumulative product): y_i depends on x_j for j ≤ i through the product of all others up to i. */
function cumulativeProductGradient(g: Node, node: Node<"scan">): Node {
  // An explicit [.., i, j] table keeps zeros right and needs no division: P[i, j] = Π_{k ≤ i, k ≠ j} x_k.
  const { axis, reverse } = node.attrs;
  const x = node.inputs[0]!;
  const last = x.shape.length - 1;
  const toLast = [...rangeTo(x.shape.length).filter((a) => a !== axis), axis];
  const moved = make.permute(x, toLast);
  const n = x.shape[axis]!;
  const table = [...moved.shape, n]; // [.., k, j]
  const k = make.iota(table, last, "int32");
  const j = make.iota(table, last + 1, "int32");
  const values = make.expand(make.reshape(moved, [...moved.shape, 1]), table);
  const others = make.scan(where(eq(k, j), 1, values), last, "prod", reverse); // [.., i, j]
  const reaches = reverse ? le(k, j) : le(j, k);
  const flowing = make.expand(make.reshape(make.permute(g, toLast), [...moved.shape, 1]), table);
  const result = sum(where(reaches, mul(flowing, others), 0), [last]);
  const back = new Array<number>(x.shape.length);
  toLast.forEach((a, i) => {
    back[a] = i;
  });
  return make.permute(result, back);
}

/** A cumulative maximum or minimum passes its cotangent to the element that set it: the latest that attains it. */
function cumulativeExtremumGradient(g: Node, node: Node<"scan">): Node {
  const { axis, reverse } = node.attrs;
  const x = node.inputs[0]!;
  const place = make.iota(x.shape, axis, "int32");
  const setsIt = eq(x, node);
  const owner = reverse
    ? make.scan(where(setsIt, place, 2147483647), axis, "min", true)
    : make.scan(where(setsIt, place, -1), axis, "max", false);
  const last = x.shape.length;
  const n = x.shape[axis]!;
  const table = [...x.shape, n]; // [.., i, ..] × j: does element j own place i?
  const wide = (t: Node) => make.expand(make.reshape(t, [...x.shape, 1]), table);
  const owns = eq(wide(owner), make.iota(table, last, "int32"));
  const summed = sum(where(owns, wide(g), 0), [axis]); // [.. without axis .., j]
  const order = rangeTo(x.shape.length - 1);
  order.splice(axis, 0, x.shape.length - 1);
  return make.permute(summed, order);
}

const contractRule: GradientRule<"contract"> = (g, node) => {
  const [a, b] = node.inputs as [Node, Node];
  const { batch, contract } = node.attrs;
  const count = batch[0].length;
  const free = [a, b].map((x, side) =>
    rangeTo(x.shape.length).filter((i) => !batch[side]!.includes(i) && !contract[side]!.includes(i)),
  ) as [number[], number[]];
  const batchAxes = rangeTo(count);
  const freeA = free[0].map((_, i) => count + i);
  const freeB = free[1].map((_, i) => count + free[0].length + i);
  // The result of a contraction comes as batch, free of the first, free of the second; put axes back in their places.
  const arrange = (x: Node, from: readonly number[]): Node => {
    const order = new Array<number>(from.length);
    from.forEach((axis, i) => {
      order[axis] = i;
    });
    return make.permute(x, order);
  };
  // A contraction orders its contracted axes as listed; the free axes of the other operand come sorted.
  const sorted = (side: 0 | 1) => [...contract[side]].sort((p, q) => p - q);
  const partner = (side: 0 | 1) => sorted(side).map((axis) => contract[(1 - side) as 0 | 1][contract[side].indexOf(axis)]!);
  const da = make.contract(g, b, { batch: [batchAxes, batch[1]], contract: [freeB, free[1]] });
  const db = make.contract(g, a, { batch: [batchAxes, batch[0]], contract: [freeA, free[0]] });
  return [arrange(da, [...batch[0], ...free[0], ...partner(1)]), arrange(db, [...batch[1], ...free[1], ...partner(0)])];
};

/** Rows start..start+count of the next to last axis of a [B, H, rows, columns] node. */
const attentionRows = (x: Node, start: number, count: number): Node =>
  make.slice(x, [0, 0, start, 0], [1, 1, 1, 1], [x.shape[0]!, x.shape[1]!, count, x.shape[3]!]);
const batched = (a: Node, b: Node, axisA: number, axisB: number): Node =>
  make.contract(a, b, {
    batch: [
      [0, 1],
      [0, 1],
    ],
    contract: [[axisA], [axisB]],
  });

/** What an attention and its gradient have in common. */
interface AttentionParts {
  readonly q: Node;
  readonly k: Node;
  readonly v: Node;
  readonly mask: Node | undefined;
  readonly attrs: { readonly causal: boolean; readonly scale: number };
}

/** Softmax(q·kᵀ·scale + mask) of some queries, by the plain formula: [B, H, count, S]. A fully masked row gives zeros. */
function attentionWeights({ q, k, mask, attrs }: AttentionParts, start: number, count: number): Node {
  const [T, S] = [q.shape[2]!, k.shape[2]!];
  let scores = mul(batched(attentionRows(q, start, count), k, 3, 3), attrs.scale);
  if (mask) scores = add(scores, attentionRows(mask, start, count));
  if (attrs.causal) {
    const row = add(make.iota(scores.shape, 2, "int32"), start + S - T);
    scores = where(le(make.iota(scores.shape, 3, "int32"), row), scores, Number.NEGATIVE_INFINITY);
  }
  const top = make.reduce("reduceMax", scores, [3]);
  const safe = where(eq(top, Number.NEGATIVE_INFINITY), 0, top);
  const e = make.unary("exp", sub(scores, restore(safe, [3], scores.shape)));
  const total = sum(e, [3]);
  return div(e, restore(where(eq(total, 0), 1, total), [3], scores.shape));
}

/** Calls `visit` for blocks of queries, so that scores of long sequences are never held at once. */
function queryBlocks<R>({ q, k }: AttentionParts, visit: (start: number, count: number) => R): R[] {
  const [B, H, T] = q.shape as [number, number, number];
  const S = k.shape[2]!;
  const block = Math.max(1, Math.min(T, Math.floor(mostScores / Math.max(1, B * H * S))));
  const results: R[] = [];
  for (let start = 0; start < T; start += block) results.push(visit(start, Math.min(block, T - start)));
  return results;
}
const mostScores = 2 ** 22;

/** Attention in primitives, for backends without a kernel of their own. */
export function composeAttention(node: Node<"attention">): Node {
  const [q, k, v, mask] = node.inputs as [Node, Node, Node, Node | undefined];
  if (!node.size || !k.shape[2]) return make.constant(0, node.shape, node.dtype);
  const parts = { q, k, v, mask, attrs: node.attrs };
  return make.concat(
    queryBlocks(parts, (start, count) => batched(attentionWeights(parts, start, count), v, 3, 2)),
    2,
  );
}

/** The cotangents of q, k, v and the mask's scores, in primitives; null without queries. */
function attentionCotangents(parts: AttentionParts, g: Node): [q: Node, k: Node, v: Node, mask: Node] | null {
  const { q, k, v, attrs } = parts;
  const blocks = queryBlocks(parts, (start, count) => {
    const gBlock = attentionRows(g, start, count);
    const p = attentionWeights(parts, start, count);
    const dp = batched(gBlock, v, 3, 3);
    const ds = mul(p, sub(dp, restore(sum(mul(dp, p), [3]), [3], p.shape)));
    const scaled = mul(ds, attrs.scale);
    return { q: batched(scaled, k, 3, 2), k: batched(scaled, attentionRows(q, start, count), 2, 2), v: batched(p, gBlock, 2, 2), mask: ds };
  });
  if (!blocks.length) return null;
  const beside = (xs: Node[]) => make.concat(xs, 2);
  const total = (xs: Node[]) => xs.reduce((a, b) => add(a, b));
  return [beside(blocks.map((p) => p.q)), total(blocks.map((p) => p.k)), total(blocks.map((p) => p.v)), beside(blocks.map((p) => p.mask))];
}

/** A cotangent of attention in primitives: its meaning, which can be differentiated again. */
export function composeAttentionGradient(node: Node<"attentionGradient">): Node {
  const [q, k, v, g, mask] = node.inputs as [Node, Node, Node, Node, Node | undefined];
  const found = attentionCotangents({ q, k, v, mask, attrs: node.attrs }, g);
  return found?.[node.attrs.of as 0 | 1 | 2] ?? make.constant(0, node.shape, node.dtype);
}

const attentionRule: GradientRule<"attention"> = (g, node, flows) => {
  const [q, k, v, mask] = node.inputs as [Node, Node, Node, Node | undefined];
  // The cotangent of a mask has the size of the scores: what the others need of them is there along with it.
  if (mask && flows(mask)) {
    const zeros = () => node.inputs.map((x) => make.constant(0, x.shape, x.dtype));
    return attentionCotangents({ q, k, v, mask, attrs: node.attrs }, g) ?? zeros();
  }
  return ([0, 1, 2] as const).map((of) => make.attentionGradient(node, g, of));
};

const attentionGradientRule: GradientRule<"attentionGradient"> = (g, node) => {
  const inputs = node.inputs.map((x) => make.alias({ kind: "argument" }, [x]));
  const composed = composeAttentionGradient(make.copy(node, inputs) as Node<"attentionGradient">);
  const found = backpropagate(linearise([composed]), new Map([[composed, g]]), new Set(inputs));
  return inputs.map((x) => found.get(x) ?? null);
};

const scatterRule: GradientRule<"scatter"> = (g, node) => {
  const [x, indices, updates] = node.inputs as [Node, Node, Node];
  const { axis, mode } = node.attrs;
  if (mode === "add") return [g, null, make.gather(g, indices, axis)];
  const zero = make.constant(0, x.shape, x.dtype);
  if (mode === "set") {
    // Only the last of several updates to one place counts; find who won by scattering their numbers.
    const number = make.reshape(make.iota([updates.size], 0, "int32"), updates.shape);
    const winner = make.scatter(make.constant(-1, x.shape, "int32"), indices, number, axis, "max");
    const won = eq(make.gather(winner, indices, axis), number);
    return [where(eq(winner, -1), g, 0), null, where(won, make.gather(g, indices, axis), 0)];
  }
  const attained = make.cast(eq(make.gather(node, indices, axis), updates), x.dtype);
  const own = make.cast(eq(x, node), x.dtype);
  const shared = div(g, add(own, make.scatter(zero, indices, attained, axis, "add")));
  const safe = where(eq(own, 0), where(eq(make.scatter(zero, indices, attained, axis, "add"), 0), 0, shared), shared);
  return [mul(own, safe), null, mul(attained, make.gather(safe, indices, axis))];
};

const invSqrt = (x: Node): Node => div(1, sqrt(x));

const rules: { readonly [K in Op]: GradientRule<K> } = {
  buffer: () => [],
  constant: () => [],
  iota: () => [],
  neg: (g) => [neg(g)],
  abs: (g, n) => [mul(g, make.unary("sign", n.inputs[0]!))],
  sign: none,
  floor: none,
  ceil: none,
  trunc: none,
  rint: none,
  not: none,
  sqrt: (g, n) => [div(mul(g, 0.5), n)],
  exp: (g, n) => [mul(g, n)],
  expm1: (g, n) => [mul(g, add(n, 1))],
  log: (g, n) => [div(g, n.inputs[0]!)],
  log1p: (g, n) => [div(g, add(n.inputs[0]!, 1))],
  log2: (g, n) => [div(g, mul(n.inputs[0]!, Math.LN2))],
  log10: (g, n) => [div(g, mul(n.inputs[0]!, Math.LN10))],
  sin: (g, n) => [mul(g, make.unary("cos", n.inputs[0]!))],
  cos: (g, n) => [neg(mul(g, make.unary("sin", n.inputs[0]!)))],
  tan: (g, n) => [mul(g, add(square(n), 1))],
  asin: (g, n) => [mul(g, invSqrt(sub(1, square(n.inputs[0]!))))],
  acos: (g, n) => [neg(mul(g, invSqrt(sub(1, square(n.inputs[0]!)))))],
  atan: (g, n) => [div(g, add(square(n.inputs[0]!), 1))],
  sinh: (g, n) => [mul(g, make.unary("cosh", n.inputs[0]!))],
  cosh: (g, n) => [mul(g, make.unary("sinh", n.inputs[0]!))],
  tanh: (g, n) => [mul(g, sub(1, square(n)))],
  asinh: (g, n) => [mul(g, invSqrt(add(square(n.inputs[0]!), 1)))],
  acosh: (g, n) => [mul(g, invSqrt(sub(square(n.inputs[0]!), 1)))],
  atanh: (g, n) => [div(g, sub(1, square(n.inputs[0]!)))],
  erf: (g, n) => [mul(g, mul(make.unary("exp", neg(square(n.inputs[0]!))), 2 / Math.sqrt(Math.PI)))],
  cast: (g, n) => [isFloat(n.inputs[0]!.dtype) ? make.cast(g, n.inputs[0]!.dtype) : null],
  bitcast: none,
  add: (g) => [g, g],
  sub: (g) => [g, neg(g)],
  mul: (g, n) => [mul(g, n.inputs[1]!), mul(g, n.inputs[0]!)],
  div: (g, n) => {
    const da = div(g, n.inputs[1]!);
    return [da, neg(mul(da, n))];
  },
  floorDiv: noneTwice,
  mod: (g, n) => [g, neg(mul(g, make.binary("floorDiv", n.inputs[0]!, n.inputs[1]!)))],
  pow: (g, n) => {
    const [a, b] = n.inputs as [Node, Node];
    // 0^b is flat in b for b > 0; log of a non-positive base would poison the sum with NaN.
    const logA = make.unary("log", where(lt(0, a), a, 1));
    return [where(eq(b, 0), 0, mul(g, mul(b, pow(a, sub(b, 1))))), mul(g, where(eq(a, 0), 0, mul(n, logA)))];
  },
  max: chooseRule((a, b) => lt(b, a)),
  min: chooseRule((a, b) => lt(a, b)),
  atan2: (g, n) => {
    const [y, x] = n.inputs as [Node, Node];
    const scaled = div(g, add(square(x), square(y)));
    return [mul(scaled, x), neg(mul(scaled, y))];
  },
  nextafter: (g) => [g, null],
  and: noneTwice,
  or: noneTwice,
  xor: noneTwice,
  shl: noneTwice,
  shr: noneTwice,
  eq: noneTwice,
  ne: noneTwice,
  lt: noneTwice,
  le: noneTwice,
  where: (g, n) => [null, where(n.inputs[0]!, g, 0), where(n.inputs[0]!, 0, g)],
  threefry: noneTwice,
  reduceSum: (g, n) => [restore(g, n.attrs.axes, n.inputs[0]!.shape)],
  reduceProd: (g, n) => {
    const x = n.inputs[0]!;
    const { axes } = n.attrs;
    // Bring the reduced axes together at the end, as one.
    const kept = rangeTo(x.shape.length).filter((i) => !axes.includes(i));
    const order = [...kept, ...axes];
    const moved = make.permute(x, order);
    const flat = make.reshape(moved, [...kept.map((i) => x.shape[i]!), axes.reduce((m, i) => m * x.shape[i]!, 1)]);
    const others = make.reshape(productOfOthers(flat, kept.length), moved.shape);
    const back = new Array<number>(order.length);
    order.forEach((axis, i) => {
      back[axis] = i;
    });
    return [mul(restore(g, axes, x.shape), make.permute(others, back))];
  },
  reduceMax: (g, n) => [shareAmongEqual(g, n)],
  reduceMin: (g, n) => [shareAmongEqual(g, n)],
  argmax: none,
  argmin: none,
  argsort: none,
  reshape: (g, n) => [make.reshape(g, n.inputs[0]!.shape)],
  permute: (g, n) => {
    const back = new Array<number>(n.attrs.axes.length);
    n.attrs.axes.forEach((axis, i) => {
      back[axis] = i;
    });
    return [make.permute(g, back)];
  },
  expand: (g, n) => {
    const { shape } = n.inputs[0]!;
    const axes = rangeTo(shape.length).filter((i) => shape[i] !== n.shape[i]);
    return [make.reshape(sum(g, axes), shape)];
  },
  slice: (g, n) => {
    const { shape } = n.inputs[0]!;
    const { starts, steps } = n.attrs;
    // Undo the direction, spread by the step, pad to the place: all movement.
    const flipped = make.slice(
      g,
      n.shape.map((m, i) => (steps[i]! < 0 ? Math.max(m - 1, 0) : 0)),
      steps.map((s) => (s < 0 ? -1 : 1)),
      n.shape,
    );
    const spread = dilate(flipped, steps.map(Math.abs));
    const before = n.shape.map((m, i) => (m === 0 ? 0 : Math.min(starts[i]!, starts[i]! + (m - 1) * steps[i]!)));
    return [
      make.pad(
        spread,
        before,
        shape.map((m, i) => m - before[i]! - spread.shape[i]!),
      ),
    ];
  },
  pad: (g, n) => [
    make.slice(
      g,
      n.attrs.before,
      n.attrs.before.map(() => 1),
      n.inputs[0]!.shape,
    ),
  ],
  windows: (g, n) => [make.fold(g, n.attrs, n.inputs[0]!.shape)],
  fold: (g, n) => [make.windows(g, n.attrs)],
  concat: (g, n) => {
    let at = 0;
    return n.inputs.map((x) => {
      const starts = x.shape.map((_, i) => (i === n.attrs.axis ? at : 0));
      at += x.shape[n.attrs.axis]!;
      return make.slice(
        g,
        starts,
        x.shape.map(() => 1),
        x.shape,
      );
    });
  },
  contract: contractRule,
  gather: (g, n) => {
    const [x, indices] = n.inputs as [Node, Node];
    return [make.scatter(make.constant(0, x.shape, x.dtype), indices, g, n.attrs.axis, "add"), null];
  },
  scatter: scatterRule,
  scan: (g, n) => {
    const { axis, kind, reverse } = n.attrs;
    if (kind === "sum") return [make.scan(g, axis, "sum", !reverse)];
    return [kind === "prod" ? cumulativeProductGradient(g, n) : cumulativeExtremumGradient(g, n)];
  },
  attention: attentionRule,
  attentionGradient: attentionGradientRule,
  linalg: (g, n, flows) => linalgGradients[n.attrs.name](g, n, flows),
  alias: (g, n) => {
    const { kind, rule } = n.attrs as Attributes["alias"];
    if (kind === "stop") return n.inputs.map(() => null);
    if (kind !== "custom") return [g, ...n.inputs.slice(1).map(() => null)];
    return [null, ...(rule!.vjp(g) as readonly (Node | null)[])];
  },
};

/** Puts `factor - 1` zeros between neighbours along each axis. */
export function dilate(x: Node, factors: readonly number[]): Node {
  factors.forEach((factor, axis) => {
    const n = x.shape[axis]!;
    if (factor === 1 || n < 2) return;
    const split = [...x.shape.slice(0, axis + 1), 1, ...x.shape.slice(axis + 1)];
    const after = split.map((_, i) => (i === axis + 1 ? factor - 1 : 0));
    const padded = make.pad(
      make.reshape(x, split),
      split.map(() => 0),
      after,
    );
    const merged = make.reshape(
      padded,
      x.shape.map((m, i) => (i === axis ? n * factor : m)),
    );
    x = make.slice(
      merged,
      x.shape.map(() => 0),
      x.shape.map(() => 1),
      x.shape.map((m, i) => (i === axis ? (n - 1) * factor + 1 : m)),
    );
  });
  return x;
}

/** Cotangents of `wanted` given that of `output`: one sweep from the output back. `null` where nothing flows. */
export function backpropagate(order: readonly Node[], seeds: ReadonlyMap<Node, Node>, wanted: ReadonlySet<Node>): Map<Node, Node> {
  const reaches = new Set<Node>(); // nodes that depend on a wanted one
  for (const node of order) if (wanted.has(node) || node.inputs.some((x) => reaches.has(x))) reaches.add(node);
  const cotangents = new Map<Node, Node>(seeds);
  for (let i = order.length - 1; i >= 0; i--) {
    const node = order[i]!;
    const g = cotangents.get(node);
    if (!g || !reaches.has(node) || !isFloat(node.dtype) || (wanted.has(node) && !node.inputs.some((x) => reaches.has(x)))) continue;
    const flowing = ruleOf(node)(g, node, (input) => reaches.has(input));
    node.inputs.forEach((input, at) => {
      const part = flowing[at];
      if (!part || !reaches.has(input) || !isFloat(input.dtype)) return;
      if (!sameShape(part.shape, input.shape)) throw new Error(`gradient of ${node.op}: [${part.shape}] for an input [${input.shape}]`);
      const before = cotangents.get(input);
      cotangents.set(input, before ? add(before, part) : part);
    });
  }
  return cotangents;
}

function ruleOf(node: Node): GradientRule {
  return rules[node.op] as GradientRule;
}
