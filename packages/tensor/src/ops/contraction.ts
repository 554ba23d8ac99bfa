import { ArgumentError, DTypeError, ShapeError } from "../errors.ts";
import { make, type Node } from "../graph/node.ts";
import type { Tensor } from "../graph/tensor.ts";
import { broadcastShapes, normalizeAxis, type Shape, showShape, sizeOf } from "../shape.ts";
import { asTensor, broadcastNode, commonType, type TensorLike, wrap } from "./core.ts";
import { multiply } from "./elementwise.ts";

/*
 * Products that sum over shared axes. All become the primitive `contract`, whose result has the batch axes first, then the
 * free axes of the left and of the right operand. Operands promote to one type: DTypeError for bool.
 */

/** Operands of one type that can be multiplied and added. */
function factors(operation: string, xs: readonly TensorLike[]): Node[] {
  const tensors = xs.map((x) => asTensor(x, undefined, operation));
  const type = commonType(tensors);
  if (type === "bool") throw new DTypeError(operation, "needs numbers, received bool", 'Cast with astype("int32")');
  return tensors.map((t) => make.cast(t.node, type));
}

const pair = (operation: string, a: TensorLike, b: TensorLike): [Node, Node] => factors(operation, [a, b]) as [Node, Node];
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/**
 * The matrix product over the last two axes, [..., m, k] · [..., k, n] → [..., m, n]; axes before them broadcast. A
 * one-dimensional left operand counts as a row, a right one as a column, and that axis is missing from the result.
 * ShapeError for inner sizes that differ and for plain numbers.
 * @example
 * matmul([[1, 2], [3, 4]], [[1], [10]])
 */
export function matmul(a: TensorLike, b: TensorLike): Tensor {
  const [x, y] = pair("matmul", a, b);
  const [rankX, rankY] = [x.shape.length, y.shape.length];
  if (!rankX || !rankY)
    throw new ShapeError("matmul", `${showShape(x.shape)} · ${showShape(y.shape)}: a number has no rows or columns`, "Use multiply()");
  const contractY = Math.max(0, rankY - 2);
  if (x.shape[rankX - 1] !== y.shape[contractY])
    throw new ShapeError(
      "matmul",
      `${showShape(x.shape)} · ${showShape(y.shape)}: inner sizes ${x.shape[rankX - 1]} and ${y.shape[contractY]} differ`,
      innerFix(x.shape, y.shape),
    );
  if (rankY <= 2) return wrap(make.contract(x, y, { batch: [[], []], contract: [[rankX - 1], [contractY]] }));

  const [rows, columns] = [x.shape.slice(-2), y.shape.slice(-2)];
  if (rankX === 1) {
    const moved = make.contract(y, x, { batch: [[], []], contract: [[contractY], [0]] });
    return wrap(moved);
  }
  const batch = broadcastShapes("matmul", x.shape.slice(0, -2), y.shape.slice(0, -2));
  const n = batch.length;
  const product = make.contract(broadcastNode(x, [...batch, ...rows]), broadcastNode(y, [...batch, ...columns]), {
    batch: [upTo(n), upTo(n)],
    contract: [[n + 1], [n]],
  });
  return wrap(product);
}

/** A likely fix for matrices whose inner sizes differ. */
function innerFix(a: Shape, b: Shape): string | undefined {
  if (b.length >= 2 && a.at(-1) === b.at(-1)) return "Transpose the right operand?";
  if (a.length >= 2 && a.at(-2) === b.at(b.length >= 2 ? -2 : -1)) return "Transpose the left operand?";
  return undefined;
}

/**
 * NumPy's dot: [...a, k] · [...b, k, n] → [...a, ...b, n], or [...a, k] · [k] → [...a]; with a zero-dimensional
 * operand, `multiply`. ShapeError for inner sizes that differ.
 * @example
 * dot([1, 2, 3], [4, 5, 6])
 */
export function dot(a: TensorLike, b: TensorLike): Tensor {
  const [x, y] = pair("dot", a, b);
  const [rankX, rankY] = [x.shape.length, y.shape.length];
  if (!rankX || !rankY) return multiply(wrap(x), wrap(y));
  const axis = Math.max(0, rankY - 2);
  if (x.shape[rankX - 1] !== y.shape[axis])
    throw new ShapeError(
      "dot",
      `${showShape(x.shape)} · ${showShape(y.shape)}: inner sizes ${x.shape[rankX - 1]} and ${y.shape[axis]} differ`,
      innerFix(x.shape, y.shape),
    );
  return wrap(make.contract(x, y, { batch: [[], []], contract: [[rankX - 1], [axis]] }));
}

/**
 * Sums over the last axis of both: [...a, k], [...b, k] → [...a, ...b] (NumPy); with a zero-dimensional operand,
 * `multiply`. ShapeError for last axes that differ.
 * @example
 * inner([1, 2, 3], [4, 5, 6])
 */
export function inner(a: TensorLike, b: TensorLike): Tensor {
  const [x, y] = pair("inner", a, b);
  const [lastX, lastY] = [x.shape.length - 1, y.shape.length - 1];
  if (lastX < 0 || lastY < 0) return multiply(wrap(x), wrap(y));
  if (x.shape[lastX] !== y.shape[lastY])
    throw new ShapeError("inner", `last axes of ${showShape(x.shape)} and ${showShape(y.shape)} differ`);
  return wrap(make.contract(x, y, { batch: [[], []], contract: [[lastX], [lastY]] }));
}

/**
 * The dot product of vectors along an axis, counted from the last (default -1): [..., n], [..., n] → [...], the other
 * axes broadcast. ArgumentError for an axis of 0 or more, ShapeError for vectors of different lengths.
 * @example
 * vecdot([[1, 2], [3, 4]], [[1, 1], [1, 1]])
 */
export function vecdot(a: TensorLike, b: TensorLike, options: { readonly axis?: number } = {}): Tensor {
  const [x, y] = pair("vecdot", a, b);
  const { axis = -1 } = options;
  if (axis >= 0)
    throw new ArgumentError("vecdot", `axis is ${axis}`, "Count it from the last axis, where broadcasting aligns shapes: -1 is the last");
  const vectors = [x, y].map((n) => {
    const at = normalizeAxis("vecdot", axis, n.shape.length);
    return make.permute(n, [...upTo(n.shape.length).filter((i) => i !== at), at]);
  }) as [Node, Node];
  const [p, q] = vectors.map((n) => n.shape.at(-1)!) as [number, number];
  if (p !== q) throw new ShapeError("vecdot", `vectors of ${p} and ${q} elements: shapes ${showShape(x.shape)} and ${showShape(y.shape)}`);
  const batch = broadcastShapes("vecdot", ...vectors.map((n) => n.shape.slice(0, -1)));
  const [u, v] = vectors.map((n) => broadcastNode(n, [...batch, p])) as [Node, Node];
  const axes = upTo(batch.length);
  return wrap(make.contract(u, v, { batch: [axes, axes], contract: [[batch.length], [batch.length]] }));
}

export interface TensordotOptions {
  /** The last so many axes of a against the first of b, or the axes of each, paired in order. Default 2. */
  readonly axes?: number | readonly [readonly number[], readonly number[]];
}

/**
 * Sums over pairs of axes; the result has the other axes of a, then those of b. ArgumentError for axes that do not pair
 * up, ShapeError for pairs of different size.
 * @example
 * tensordot(ones([2, 3]), ones([3, 4]), { axes: 1 })
 */
export function tensordot(a: TensorLike, b: TensorLike, options: TensordotOptions = {}): Tensor {
  const [x, y] = pair("tensordot", a, b);
  const { axes = 2 } = options;
  const [rankX, rankY] = [x.shape.length, y.shape.length];
  if (typeof axes === "number" && !(Number.isInteger(axes) && axes >= 0 && axes <= Math.min(rankX, rankY)))
    throw new ArgumentError("tensordot", `axes is ${axes} for arrays of ${rankX} and ${rankY} dimensions`);
  const [left, right] = typeof axes === "number" ? [upTo(axes).map((i) => rankX - axes + i), upTo(axes)] : axes;
  const [p, q] = [left.map((i) => normalizeAxis("tensordot", i, rankX)), right.map((i) => normalizeAxis("tensordot", i, rankY))];
  if (p.length !== q.length || new Set(p).size !== p.length || new Set(q).size !== q.length)
    throw new ArgumentError(
      "tensordot",
      `axes [${left.join(", ")}] and [${right.join(", ")}] do not pair up`,
      "Name as many of each, every one once",
    );
  p.forEach((axis, i) => {
    if (x.shape[axis] !== y.shape[q[i]!])
      throw new ShapeError("tensordot", `axis ${axis} of ${showShape(x.shape)} and axis ${q[i]} of ${showShape(y.shape)} differ in size`);
  });
  return wrap(make.contract(x, y, { batch: [[], []], contract: [p, q] }));
}

// ---------------------------------------------------------------------------------------------------------------------
// Einstein summation

/** An array whose axes carry labels: letters, or "...1", "...2" for the axes of an ellipsis counted from its end. */
interface Term {
  readonly node: Node;
  readonly labels: readonly string[];
}

/**
 * Einstein's sum convention (NumPy): `einsum("ij,jk->ik", a, b)`. Labels missing from the result are summed over; a
 * label twice in one operand takes its diagonal; "..." stands for axes that broadcast. Without "->" the result has the
 * labels that occur once, in alphabetical order. Several operands are contracted two at a time, the pair that shrinks
 * most first. ArgumentError for an equation that does not describe the operands, ShapeError for a label of two sizes.
 * @example
 * einsum("ij,jk->ik", [[1, 2], [3, 4]], [[0, 1], [1, 0]])
 */
export function einsum(equation: string, ...arrays: TensorLike[]): Tensor {
  const { terms, output } = parseEquation(equation, factors("einsum", arrays.length ? arrays : [0]), arrays.length);
  const sizes = labelSizes(equation, terms);
  const pending = terms.map((term) => withoutRepeats(withoutStretched(term, sizes)));
  while (pending.length > 1) {
    const [i, j] = cheapestPair(pending, output, sizes);
    const [a, b] = [pending[i]!, pending[j]!];
    pending.splice(j, 1);
    pending.splice(i, 1);
    const needed = new Set([...output, ...pending.flatMap((t) => t.labels)]);
    pending.push(contractPair(a, b, needed));
  }
  const result = sumTo(pending[0]!, new Set(output));
  const ordered = make.permute(
    result.node,
    output.filter((l) => result.labels.includes(l)).map((l) => result.labels.indexOf(l)),
  );
  return wrap(ordered);
}

function parseEquation(equation: string, nodes: readonly Node[], count: number): { terms: Term[]; output: string[] } {
  const bad = (problem: string, fix?: string) => new ArgumentError("einsum", `${JSON.stringify(equation)}: ${problem}`, fix);
  const sides = equation.replaceAll(" ", "").split("->");
  if (sides.length > 2) throw bad('"->" occurs more than once');
  const inputs = sides[0]!.split(",");
  if (inputs.length !== count) throw bad(`describes ${inputs.length} operand${inputs.length === 1 ? "" : "s"}, received ${count}`);
  for (const part of [...inputs, ...sides.slice(1)])
    if (!/^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(part)) throw bad(`${JSON.stringify(part)} is not made of letters and at most one "..."`);

  let longest = 0; // axes of the longest ellipsis
  const terms = inputs.map((part, i): Term => {
    const node = nodes[i]!;
    const named = part.replace("...", "").length;
    const hidden = part.includes("...") ? node.shape.length - named : 0;
    if (hidden < 0 || (!part.includes("...") && named !== node.shape.length))
      throw bad(
        `${JSON.stringify(part)} names ${named} axes, operand ${i} has shape ${showShape(node.shape)}`,
        'Add letters, or "..." for the rest',
      );
    longest = Math.max(longest, hidden);
    return { node, labels: spell(part, hidden) };
  });
  if (sides.length === 2) {
    const output = spell(sides[1]!, longest);
    const known = new Set(terms.flatMap((t) => t.labels));
    for (const label of output)
      if (!known.has(label))
        throw bad(label.startsWith(".") ? 'the result has "...", no operand does' : `the result's label ${label} occurs in no operand`);
    if (new Set(output).size !== output.length) throw bad("a label occurs twice in the result");
    if (!sides[1]!.includes("...") && longest > 0) throw bad('operands have "...", the result does not', 'Add "..." to the result');
    return { terms, output };
  }
  const letters = terms.flatMap((t) => t.labels).filter((l) => !l.startsWith("."));
  const once = letters.filter((l) => letters.indexOf(l) === letters.lastIndexOf(l)).sort();
  return { terms, output: [...spell("...", longest), ...once] };
}

/** Labels of one part of the equation; axes of an ellipsis are numbered from its end, as broadcasting counts. */
function spell(part: string, hidden: number): string[] {
  const [before = "", after] = part.split("...");
  if (after === undefined) return [...before];
  return [...before, ...upTo(hidden).map((i) => `...${hidden - i}`), ...after];
}

/** The size of every label; size 1 beside another broadcasts. */
function labelSizes(equation: string, terms: readonly Term[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { node, labels } of terms)
    labels.forEach((label, i) => {
      const n = node.shape[i]!;
      const known = sizes.get(label) ?? 1;
      if (n !== 1 && known !== 1 && n !== known)
        throw new ShapeError("einsum", `${JSON.stringify(equation)}: label ${label.replace(/\d+$/, "")} has sizes ${known} and ${n}`);
      sizes.set(label, n === 1 ? known : n);
    });
  return sizes;
}

/** Axes of size 1 that stand for a longer label are dropped: another operand carries it. */
function withoutStretched({ node, labels }: Term, sizes: ReadonlyMap<string, number>): Term {
  const kept = upTo(labels.length).filter((i) => node.shape[i] === sizes.get(labels[i]!));
  return {
    node: make.reshape(
      node,
      kept.map((i) => node.shape[i]!),
    ),
    labels: kept.map((i) => labels[i]!),
  };
}

/** Labels that occur twice take the diagonal: neighbours on it are n + 1 apart, so it is a strided slice. */
function withoutRepeats(term: Term): Term {
  const { node, labels } = term;
  const first = labels.findIndex((l, i) => labels.lastIndexOf(l) !== i);
  if (first < 0) return term;
  const second = labels.indexOf(labels[first]!, first + 1);
  const others = upTo(labels.length).filter((i) => i !== first && i !== second);
  const n = node.shape[first]!;
  const rest = others.map((i) => node.shape[i]!);
  const flat = make.reshape(make.permute(node, [...others, first, second]), [...rest, n * n]);
  const diagonal = make.slice(flat, [...rest.map(() => 0), 0], [...rest.map(() => 1), n + 1], [...rest, n]);
  return withoutRepeats({ node: diagonal, labels: [...others.map((i) => labels[i]!), labels[first]!] });
}

/** Sums away the axes whose labels nobody needs. */
function sumTo({ node, labels }: Term, needed: ReadonlySet<string>): Term {
  const axes = upTo(labels.length).filter((i) => !needed.has(labels[i]!));
  return { node: axes.length ? make.reduce("reduceSum", node, axes) : node, labels: labels.filter((l) => needed.has(l)) };
}

/** The pair whose product is smallest compared with its two operands. */
function cheapestPair(terms: readonly Term[], output: readonly string[], sizes: ReadonlyMap<string, number>): [number, number] {
  let best: [number, number] = [0, 1];
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < terms.length; i++)
    for (let j = i + 1; j < terms.length; j++) {
      const others = new Set([...output, ...terms.flatMap((t, k) => (k === i || k === j ? [] : t.labels))]);
      const product = new Set([...terms[i]!.labels, ...terms[j]!.labels].filter((l) => others.has(l)));
      const cost = sizeOf([...product].map((l) => sizes.get(l)!)) - terms[i]!.node.size - terms[j]!.node.size;
      if (cost < least) [least, best] = [cost, [i, j]];
    }
  return best;
}

function contractPair(first: Term, second: Term, needed: ReadonlySet<string>): Term {
  const a = sumTo(first, new Set([...needed, ...second.labels]));
  const b = sumTo(second, new Set([...needed, ...first.labels]));
  const shared = a.labels.filter((l) => b.labels.includes(l));
  const [batch, summed] = [shared.filter((l) => needed.has(l)), shared.filter((l) => !needed.has(l))];
  const [freeA, freeB] = [a.labels.filter((l) => !shared.includes(l)), b.labels.filter((l) => !shared.includes(l))];
  const labels = [...batch, ...freeA, ...freeB];
  if (!summed.length) return { node: make.binary("mul", spreadOver(a, labels, b), spreadOver(b, labels, a)), labels };
  const places = (ls: readonly string[]) => [ls.map((l) => a.labels.indexOf(l)), ls.map((l) => b.labels.indexOf(l))] as const;
  return { node: make.contract(a.node, b.node, { batch: places(batch), contract: places(summed) }), labels };
}

/** A factor of an elementwise product, repeated along the labels that only the other one has. */
function spreadOver(term: Term, labels: readonly string[], other: Term): Node {
  const own = labels.filter((l) => term.labels.includes(l));
  const sizeIn = (t: Term, l: string) => t.node.shape[t.labels.indexOf(l)]!;
  const ordered = make.permute(
    term.node,
    own.map((l) => term.labels.indexOf(l)),
  );
  const aligned = make.reshape(
    ordered,
    labels.map((l) => (own.includes(l) ? sizeIn(term, l) : 1)),
  );
  return make.expand(
    aligned,
    labels.map((l) => sizeIn(own.includes(l) ? term : other, l)),
  );
}
