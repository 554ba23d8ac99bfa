import type { Graph } from "../graph/graph.ts";
import { is, type Node } from "../graph/node.ts";
import { binaryOps, compareOps, unaryOps } from "../graph/primitives.ts";
import { sizeOf, stridesOf } from "../shape.ts";
import type { Access, Affine, ContractionKernel, Guard, Kernel, LoopKernel, OperandStrides, ReduceKind, Slot, Value } from "./kernel.ts";
import type { Target } from "./target.ts";

/** Kernels in the order of execution, and the buffers they work on. */
export interface Lowered {
  readonly kernels: Kernel[];
  readonly slots: Slot[];
}

const elementwise = new Set<string>([...unaryOps, ...binaryOps, ...compareOps, "where", "cast", "bitcast", "threefry"]);
const movement = new Set<string>(["reshape", "permute", "expand", "slice", "pad", "windows"]);
const leaves = new Set<string>(["constant", "iota"]);
const reductions: Record<string, ReduceKind> = { reduceSum: "sum", reduceProd: "prod", reduceMax: "max", reduceMin: "min" };
const cheap = new Set<string>([
  "neg",
  "abs",
  "not",
  "add",
  "sub",
  "mul",
  "and",
  "or",
  "xor",
  "shl",
  "shr",
  "where",
  "cast",
  "bitcast",
  "eq",
  "ne",
  "lt",
  "le",
]);

/** Buffers that kernels use at most, whatever the device allows. */
export const mostSlots = 24;

/** Work beyond which a value read twice is computed once and stored, and beyond which a kernel is cut. */
const worthStoring = 8;
const kernelLimit = 150;

/** Thrown when an index map is not affine: the node must be stored first. */
class NeedsStore extends Error {
  readonly node: Node;
  constructor(node: Node) {
    super("needs store");
    this.node = node;
  }
}

/** What an operand and its guards have in common. */
type StridesOfGroups = Pick<OperandStrides, "batch" | "free" | "inner">;

/** Turns a rewritten graph into kernels. */
export function lower(graph: Graph, target: Target): Lowered {
  const forced = new Set<Node>();
  for (;;) {
    const lowered = new Lowering(graph, target, forced).run();
    if ("kernels" in lowered) return lowered;
    for (const node of lowered) forced.add(node);
  }
}

class Lowering {
  private readonly graph: Graph;
  private readonly target: Target;
  private readonly stored: Set<Node>;
  private readonly slots: Slot[] = [];
  private readonly slotOf = new Map<Node, Slot>();
  private readonly kernels: Kernel[] = [];
  private readonly forced: ReadonlySet<Node>;
  /** Nodes that must be stored for lowering to succeed. */
  private readonly missing = new Set<Node>();

  constructor(graph: Graph, target: Target, forced: ReadonlySet<Node>) {
    this.graph = graph;
    this.target = target;
    this.forced = forced;
    this.stored = chooseStored(graph, target, forced);
  }

  /** The kernels, or the nodes that must be stored first: all that were found, so that deep graphs are not lowered once for each. */
  run(): Lowered | ReadonlySet<Node> {
    const { graph } = this;
    const inputs = new Set(graph.inputs);
    graph.inputs.forEach((node, index) => {
      this.addSlot(node, { kind: "input", index });
    });
    graph.outputs.forEach((node, index) => {
      if (!this.slotOf.has(node)) this.addSlot(node, { kind: "output", index });
    });
    for (const node of graph.nodes) {
      if (inputs.has(node) || !this.stored.has(node)) continue;
      if (!this.slotOf.has(node)) this.addSlot(node, { kind: "arena", offset: -1 });
      if (node.size > 0) this.attempt(() => this.emit(node));
    }
    // An output that is an input, or the same value returned twice, is copied.
    graph.outputs.forEach((node, index) => {
      const slot = this.slotOf.get(node)!;
      if (slot.place.kind === "output" && slot.place.index === index) return;
      const copy = this.newSlot(node, { kind: "output", index });
      if (node.size > 0) this.kernels.push(this.copyKernel(slot, copy, node));
    });
    return this.missing.size ? this.missing : { kernels: this.kernels, slots: this.slots };
  }

  private attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!(error instanceof NeedsStore) || this.forced.has(error.node)) throw error;
      this.missing.add(error.node);
    }
  }

  private newSlot(node: Node, place: Slot["place"]): Slot {
    const slot: Slot = {
      index: this.slots.length,
      dtype: node.dtype,
      size: node.size,
      bytes: node.size * this.target.bytesOf(node.dtype),
      place,
    };
    this.slots.push(slot);
    return slot;
  }

  private addSlot(node: Node, place: Slot["place"]): void {
    this.slotOf.set(node, this.newSlot(node, place));
  }

  private copyKernel(from: Slot, to: Slot, node: Node): LoopKernel {
    const access = (slot: Slot): Access => ({ slot, offset: 0, strides: [1], guards: [] });
    return {
      kind: "loop",
      dims: [node.size],
      split: 1,
      body: [{ op: "load", access: access(from), args: [], dtype: node.dtype }],
      stores: [{ value: 0, access: access(to) }],
    };
  }

  private emit(node: Node): void {
    const slot = this.slotOf.get(node)!;
    const kind = reductions[node.op];
    if (kind) return this.reduction(node as Node<"reduceSum">, kind, slot);
    if (is(node, "contract")) return this.contraction(node, slot);
    if (is(node, "concat")) return this.concat(node, slot);
    if (is(node, "pad") && node.inputs[0]!.size > 0) return this.padding(node, slot);
    if (elementwise.has(node.op) || movement.has(node.op) || leaves.has(node.op)) {
      const dims = node.shape;
      const body = new Body(this, dims, node);
      const value = body.compute(node, identity(dims));
      this.kernels.push({
        kind: "loop",
        dims,
        split: dims.length,
        body: body.values,
        stores: [{ value, access: rowMajor(slot, dims, dims.length) }],
      });
      return;
    }
    this.kernels.push({ kind: "opaque", node, inputs: node.inputs.map((x) => this.slot(x)), out: slot });
  }

  private reduction(node: Node<"reduceSum">, kind: ReduceKind, slot: Slot): void {
    const x = node.inputs[0]!;
    const kept = x.shape.map((_, i) => i).filter((i) => !node.attrs.axes.includes(i));
    const order = [...kept, ...[...node.attrs.axes].sort((a, b) => a - b)];
    const dims = order.map((a) => x.shape[a]!);
    const index = new Array<Affine>(dims.length);
    order.forEach((axis, position) => {
      index[axis] = unit(dims.length, position);
    });
    const body = new Body(this, dims);
    const argument = body.compute(x, index);
    const value = body.add({ op: "reduce", kind, args: [argument], dtype: node.dtype });
    this.kernels.push({
      kind: "loop",
      dims,
      split: kept.length,
      body: body.values,
      stores: [{ value, access: rowMajor(slot, dims, kept.length) }],
    });
  }

  private concat(node: Node<"concat">, slot: Slot): void {
    const strides = stridesOf(node.shape);
    let at = 0;
    for (const x of node.inputs) {
      const offset = at * strides[node.attrs.axis]!;
      at += x.shape[node.attrs.axis]!;
      if (!x.size) continue;
      const body = new Body(this, x.shape);
      const value = body.compute(x, identity(x.shape));
      this.kernels.push({
        kind: "loop",
        dims: x.shape,
        split: x.shape.length,
        body: body.values,
        stores: [{ value, access: { slot, offset, strides, guards: [] } }],
      });
    }
  }

  /** The inside, in a kernel that can merge with the one that computes it, and a border of zeros on each side of each axis. */
  private padding(node: Node<"pad">, slot: Slot): void {
    const x = node.inputs[0]!;
    const { before } = node.attrs;
    const strides = stridesOf(node.shape);
    const region = (start: readonly number[], dims: readonly number[], fill: (body: Body) => number): void => {
      const offset = start.reduce((n, s, i) => n + s * strides[i]!, 0);
      const body = new Body(this, dims);
      const value = fill(body);
      this.kernels.push({
        kind: "loop",
        dims,
        split: dims.length,
        body: body.values,
        stores: [{ value, access: { slot, offset, strides, guards: [] } }],
      });
    };
    region(before, x.shape, (body) => body.compute(x, identity(x.shape)));
    node.shape.forEach((n, axis) => {
      // Of the axes before this one the inside only, of those after it everything.
      const start = node.shape.map((_, i) => (i < axis ? before[i]! : 0));
      const border = (from: number, count: number): void => {
        if (count === 0) return;
        const dims = node.shape.map((m, i) => (i < axis ? x.shape[i]! : i === axis ? count : m));
        region(
          start.map((s, i) => (i === axis ? from : s)),
          dims,
          (body) => body.add({ op: "constant", value: 0, args: [], dtype: node.dtype }),
        );
      };
      border(0, before[axis]!);
      border(before[axis]! + x.shape[axis]!, n - before[axis]! - x.shape[axis]!);
    });
  }

  private contraction(node: Node<"contract">, slot: Slot): void {
    const { batch, contract } = node.attrs;
    const sides = node.inputs.map((x, side) => {
      const view = this.view(x);
      const pick = (axes: readonly number[]) => axes.map((a) => view.strides[a]!);
      const free = x.shape.map((_, i) => i).filter((i) => !batch[side]!.includes(i) && !contract[side]!.includes(i));
      return {
        strides: {
          slot: view.slot,
          offset: view.offset,
          batch: pick(batch[side]!),
          free: pick(free),
          inner: pick(contract[side]!),
          ...(view.guards.length
            ? {
                guards: view.guards.map(({ offset, size, strides }) => ({
                  ...{ offset, size, batch: batch[side]!.map((a) => strides[a]!) },
                  ...{ free: free.map((a) => strides[a]!), inner: contract[side]!.map((a) => strides[a]!) },
                })),
              }
            : {}),
        } as OperandStrides,
        free,
      };
    });
    const [a, b] = node.inputs as [Node, Node];
    const sizes = {
      batch: batch[0].map((i) => a.shape[i]!),
      rows: sides[0]!.free.map((i) => a.shape[i]!),
      columns: sides[1]!.free.map((i) => b.shape[i]!),
      inner: contract[0].map((i) => a.shape[i]!),
    };
    const rowsCount = sizeOf(sizes.rows);
    const columnsCount = sizeOf(sizes.columns);
    const innerCount = sizeOf(sizes.inner);
    const large = columnsCount >= 8 || rowsCount * columnsCount * innerCount * sizeOf(sizes.batch) > 4096;
    if (this.target.contractions.includes(node.dtype) && large && innerCount > 0) {
      const dtype = node.dtype as ContractionKernel["dtype"];
      this.kernels.push({ kind: "contraction", dtype, ...sizes, a: sides[0]!.strides, b: sides[1]!.strides, out: slot });
      return;
    }
    // Other types and small products: a sum over an elementwise product.
    const dims = [...sizes.batch, ...sizes.rows, ...sizes.columns, ...sizes.inner];
    const zeros = (group: readonly number[]) => group.map(() => 0);
    const [sa, sb] = [sides[0]!.strides, sides[1]!.strides];
    const overRows = (s: StridesOfGroups) => [...s.batch, ...s.free, ...zeros(sizes.columns), ...s.inner];
    const overColumns = (s: StridesOfGroups) => [...s.batch, ...zeros(sizes.rows), ...s.free, ...s.inner];
    const load = (s: OperandStrides, over: (s: StridesOfGroups) => number[]): Value => ({
      op: "load",
      access: {
        ...{ slot: s.slot, offset: s.offset, strides: over(s) },
        guards: (s.guards ?? []).map((g) => ({ offset: g.offset, size: g.size, strides: over(g) })),
      },
      args: [],
      dtype: node.dtype,
    });
    const body: Value[] = [load(sa, overRows), load(sb, overColumns), { op: "mul", args: [0, 1], dtype: node.dtype }];
    // Without a contracted axis this is an outer product: nothing to sum.
    if (sizes.inner.length) body.push({ op: "reduce", kind: "sum", args: [2], dtype: node.dtype });
    const split = dims.length - sizes.inner.length;
    this.kernels.push({ kind: "loop", dims, split, body, stores: [{ value: body.length - 1, access: rowMajor(slot, dims, split) }] });
  }

  /** A node as strides over a stored one: movement only. */
  private view(node: Node): { slot: Slot; offset: number; strides: readonly number[]; guards: readonly Guard[] } {
    const found = resolve(node, identity(node.shape), [], this.stored, node.shape);
    if (!this.stored.has(found.node)) throw new NeedsStore(found.node);
    if (found.guards.length && !this.target.guardedOperands) throw new NeedsStore(found.guarded!);
    const { offset, strides } = found.linear ?? linear(found.index!, found.node.shape, node.shape.length);
    return { slot: this.slot(found.node), offset, strides, guards: found.guards };
  }

  slot(node: Node): Slot {
    const slot = this.slotOf.get(node);
    if (!slot) throw new NeedsStore(node);
    return slot;
  }

  isStored(node: Node): boolean {
    return this.stored.has(node);
  }
}

/** The values of one kernel, shared within it. */
class Body {
  readonly values: Value[] = [];
  private readonly lowering: Lowering;
  private readonly dims: readonly number[];
  private readonly target: Node | null;
  private readonly known = new Map<string, number>();

  /** `target` is the node the kernel is made for: stored, but computed here. */
  constructor(lowering: Lowering, dims: readonly number[], target: Node | null = null) {
    this.lowering = lowering;
    this.dims = dims;
    this.target = target;
  }

  add(value: Value): number {
    return this.values.push(value) - 1;
  }

  /** The value of a node at `index`, one affine form a dimension of the node. */
  compute(node: Node, index: readonly Affine[], guards: readonly Guard[] = []): number {
    const key = `${node.id}|${index.map(affineKey).join("/")}|${guards.map((g) => `${affineKey(g)}<${g.size}`).join("/")}`;
    let value = this.known.get(key);
    if (value === undefined) {
      value = this.make(node, index, guards);
      this.known.set(key, value);
    }
    return value;
  }

  private make(node: Node, index: readonly Affine[], guards: readonly Guard[]): number {
    const { dtype } = node;
    if (is(node, "constant")) return this.add({ op: "constant", value: node.attrs.value, args: [], dtype });
    if (is(node, "iota")) return this.add({ op: "index", index: index[node.attrs.axis]!, args: [], dtype });
    if (node !== this.target && this.lowering.isStored(node)) return this.load(node, linear(index, node.shape, this.dims.length), guards);
    if (node.op === "threefry") {
      // The two key words are the same everywhere.
      const key = node.inputs[0]!;
      const word = (i: number) => this.compute(key, [{ offset: i, strides: this.dims.map(() => 0) }], guards);
      return this.add({ op: "threefry", args: [word(0), word(1), this.compute(node.inputs[1]!, index, guards)], dtype });
    }
    if (elementwise.has(node.op)) {
      const args = node.inputs.map((x) => this.compute(x, index, guards));
      return this.add({ op: node.op as "add", args, dtype });
    }
    if (movement.has(node.op)) return this.moved(node, index, guards);
    throw new NeedsStore(node);
  }

  private load(node: Node, at: Affine, guards: readonly Guard[]): number {
    const access: Access = { slot: this.lowering.slot(node), offset: at.offset, strides: at.strides, guards };
    const key = `load ${access.slot.index} ${affineKey(at)} ${guards.map((g) => `${affineKey(g)}<${g.size}`).join("/")}`;
    let value = this.known.get(key);
    if (value === undefined) {
      value = this.add({ op: "load", access, args: [], dtype: node.dtype });
      this.known.set(key, value);
    }
    return value;
  }

  private moved(node: Node, index: readonly Affine[], guards: readonly Guard[]): number {
    const x = node.inputs[0]!;
    if (is(node, "pad")) {
      const { inner, added } = unpad(node, index, this.dims);
      const all = [...guards, ...added];
      const value = this.compute(x, inner, all);
      const made = this.values[value]!;
      if (!added.length || (made.op === "load" && made.access.guards.length === all.length)) return value;
      const zero = this.add({ op: "constant", value: 0, args: [], dtype: node.dtype });
      const guard = this.add({ op: "guard", guards: added, args: [], dtype: "bool" });
      return this.add({ op: "where", args: [guard, value, zero], dtype: node.dtype });
    }
    if (is(node, "reshape")) {
      const at = linear(index, node.shape, this.dims.length);
      if (this.lowering.isStored(x)) return this.load(x, at, guards);
      const split = unravel(at, x.shape, this.dims);
      if (!split) throw new NeedsStore(x);
      return this.compute(x, split, guards);
    }
    return this.compute(x, moveIndex(node, index)!, guards);
  }
}

const affineKey = (a: Affine): string => `${a.offset}:${a.strides.join()}`;
const unit = (rank: number, position: number): Affine => ({
  offset: 0,
  strides: Array.from({ length: rank }, (_, i) => (i === position ? 1 : 0)),
});
const identity = (dims: readonly number[]): Affine[] => dims.map((_, i) => unit(dims.length, i));

/** Row-major writing of a result over the first `count` dimensions. */
function rowMajor(slot: Slot, dims: readonly number[], count: number): Access {
  return { slot, offset: 0, strides: [...stridesOf(dims.slice(0, count)), ...dims.slice(count).map(() => 0)], guards: [] };
}

function scale(a: Affine, factor: number, shift = 0): Affine {
  return { offset: a.offset * factor + shift, strides: a.strides.map((s) => s * factor) };
}

function plus(a: Affine, b: Affine): Affine {
  return { offset: a.offset + b.offset, strides: a.strides.map((s, i) => s + b.strides[i]!) };
}

/** The row-major position of an index. */
function linear(index: readonly Affine[], shape: readonly number[], rank: number): Affine {
  const strides = stridesOf(shape);
  return index.reduce((sum, a, i) => plus(sum, scale(a, strides[i]!)), { offset: 0, strides: new Array<number>(rank).fill(0) });
}

/** Smallest and largest value of an affine form over an iteration space. */
function range(a: Affine, dims: readonly number[]): [number, number] {
  let [low, high] = [a.offset, a.offset];
  a.strides.forEach((s, i) => {
    const reach = s * Math.max(0, dims[i]! - 1);
    if (reach < 0) low += reach;
    else high += reach;
  });
  return [low, high];
}

/** The index whose row-major position is `at`, where each part is affine; else null. */
function unravel(at: Affine, shape: readonly number[], dims: readonly number[]): Affine[] | null {
  const index = new Array<Affine>(shape.length);
  let rest = at;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const n = shape[axis]!;
    if (axis === 0) {
      index[0] = rest;
      break;
    }
    const floor = (v: number) => Math.floor(v / n);
    // Dimensions of one element contribute nothing whatever their stride.
    const strides = rest.strides.map((s, i) => (dims[i]! <= 1 ? 0 : s));
    const low: Affine = { offset: rest.offset - floor(rest.offset) * n, strides: strides.map((s) => s - floor(s) * n) };
    const [least, most] = range(low, dims);
    if (least < 0 || most >= n) {
      // A negative stride may fit the other way round.
      const other: Affine = { offset: low.offset, strides: strides.map((s) => s - Math.ceil(s / n) * n) };
      const mixed: Affine = { offset: low.offset, strides: strides.map((s, i) => (s < 0 ? other.strides[i]! : low.strides[i]!)) };
      const [a, b] = range(mixed, dims);
      if (a < 0 || b >= n) return null;
      index[axis] = mixed;
      rest = { offset: floor(rest.offset), strides: strides.map((s, i) => (s - mixed.strides[i]!) / n) };
      continue;
    }
    index[axis] = low;
    rest = { offset: floor(rest.offset), strides: strides.map(floor) };
  }
  return index;
}

/** The index into the input of a movement node, for those that need no guard. */
function moveIndex(node: Node, index: readonly Affine[]): Affine[] | null {
  const x = node.inputs[0]!;
  if (is(node, "permute")) {
    const inner = new Array<Affine>(index.length);
    node.attrs.axes.forEach((axis, i) => {
      inner[axis] = index[i]!;
    });
    return inner;
  }
  if (is(node, "expand")) return index.map((a, i) => (x.shape[i] === 1 ? scale(a, 0) : a));
  if (is(node, "slice")) return index.map((a, i) => scale(a, node.attrs.steps[i]!, node.attrs.starts[i]!));
  if (is(node, "windows")) {
    const { axes, stride, dilation } = node.attrs;
    const inner = index.slice(0, x.shape.length);
    axes.forEach((axis, i) => {
      inner[axis] = plus(scale(index[axis]!, stride[i]!), scale(index[x.shape.length + i]!, dilation[i]!));
    });
    return inner;
  }
  return null;
}

function unpad(node: Node<"pad">, index: readonly Affine[], dims: readonly number[]): { inner: Affine[]; added: Guard[] } {
  const x = node.inputs[0]!;
  const added: Guard[] = [];
  const inner = index.map((a, i) => {
    const moved = scale(a, 1, -node.attrs.before[i]!);
    const [low, high] = range(moved, dims);
    if (low < 0 || high >= x.shape[i]!) added.push({ ...moved, size: x.shape[i]! });
    return moved;
  });
  return { inner, added };
}

/** Follows movement down to a stored node (or as far as it goes). */
function resolve(
  node: Node,
  index: readonly Affine[],
  guards: readonly Guard[],
  stored: ReadonlySet<Node>,
  dims: readonly number[],
  guarded?: Node,
): {
  node: Node;
  index?: readonly Affine[];
  linear?: Affine;
  guards: readonly Guard[];
  guarded?: Node;
} {
  if (stored.has(node) || !movement.has(node.op)) return { node, index, guards, guarded: guarded! };
  const x = node.inputs[0]!;
  if (is(node, "pad")) {
    const { inner, added } = unpad(node, index, dims);
    return resolve(x, inner, [...guards, ...added], stored, dims, guarded ?? (added.length ? node : undefined));
  }
  if (is(node, "reshape")) {
    const at = linear(index, node.shape, dims.length);
    if (stored.has(x)) return { node: x, linear: at, guards, guarded: guarded! };
    const split = unravel(at, x.shape, dims);
    if (!split) throw new NeedsStore(x);
    return resolve(x, split, guards, stored, dims, guarded);
  }
  return resolve(x, moveIndex(node, index)!, guards, stored, dims, guarded);
}

/** Which values get memory: everything that is no view and no cheap part of its readers. */
function chooseStored(graph: Graph, target: Target, forced: ReadonlySet<Node>): Set<Node> {
  const readers = new Map<Node, number>();
  for (const node of graph.nodes) for (const x of new Set(node.inputs)) readers.set(x, (readers.get(x) ?? 0) + 1);
  const stored = new Set<Node>([...graph.inputs, ...graph.outputs, ...forced]);
  const cost = new Map<Node, number>();
  const below = (node: Node): Node => {
    let x = node;
    while (movement.has(x.op) && !stored.has(x) && x.op !== "pad") x = x.inputs[0]!;
    return x;
  };
  const belowPadding = (node: Node): Node => {
    const x = below(node);
    return x.op === "pad" && !stored.has(x) ? belowPadding(x.inputs[0]!) : x;
  };
  const keep = (node: Node): void => {
    if (leaves.has(node.op)) return;
    stored.add(node);
    cost.set(node, 1);
  };
  // Where a kernel may use few buffers: the stored values that each other value is computed from.
  const sources = new Map<Node, ReadonlySet<Node>>();
  const sourcesOf = (node: Node): ReadonlySet<Node> => (stored.has(node) ? new Set([node]) : (sources.get(node) ?? new Set()));
  const limitSources = (node: Node): void => {
    if (target.slots >= mostSlots || node.op === "concat") return;
    const all = () => new Set(node.inputs.flatMap((x) => [...sourcesOf(x)]));
    while (all().size >= target.slots) {
      const heavy = node.inputs.map(below).reduce((a, b) => (sourcesOf(a).size >= sourcesOf(b).size ? a : b));
      keep(heavy);
    }
    sources.set(node, all());
  };
  for (const node of graph.nodes) {
    limitSources(node);
    const plain = elementwise.has(node.op) || movement.has(node.op) || leaves.has(node.op);
    if (!plain) {
      stored.add(node);
      // Operands: contractions read views of stored values; the rest reads row-major arrays.
      if (is(node, "contract")) for (const x of node.inputs) stored.add(target.guardedOperands ? belowPadding(x) : below(x));
      else if (!reductions[node.op] && node.op !== "concat") for (const x of node.inputs) stored.add(x);
    }
    if (stored.has(node)) {
      cost.set(node, 1);
      continue;
    }
    const own = leaves.has(node.op) || movement.has(node.op) ? 0 : node.op === "threefry" ? 60 : cheap.has(node.op) ? 1 : 10;
    const total = own + node.inputs.reduce((s, x) => s + (cost.get(x) ?? 1), 0);
    cost.set(node, total);
    if (is(node, "expand") && node.size > node.inputs[0]!.size) {
      const source = below(node.inputs[0]!);
      if ((cost.get(source) ?? 0) >= 4 && source.size < node.size && !stored.has(source)) keep(source);
      cost.set(node, 1);
    } else if (movement.has(node.op)) {
      const source = below(node.inputs[0]!);
      if ((readers.get(node) ?? 0) > 1 && total >= worthStoring && !stored.has(source) && elementwise.has(source.op)) {
        keep(source);
        cost.set(node, 1);
      }
    } else if (((readers.get(node) ?? 0) > 1 && total >= worthStoring) || total >= kernelLimit) keep(node);
  }
  return stored;
}
