import type { Backend, DeviceBuffer, Executable } from "../backends/backend.ts";
import { type DType, dtypeInfo, encode } from "../dtype.ts";
import { type Graph, linearise, snapshot } from "./graph.ts";
import { is, make, type Node } from "./node.ts";

/** Uncompiled code keeps this many programs; the least recently used goes first. */
const cachedPrograms = 512;
/** Programs built for fixed numbers before the numbers that differ become inputs. */
const fixedPrograms = 4;

/**
 * Programs of uncompiled code, by the structure of the graph they compute.
 *
 * A graph holds numbers that a plain loop changes from step to step: a learning rate (the value of a constant), the place
 * of a batch (the starts of a slice). The first few get programs of their own; then the numbers that differ are _lifted_: a
 * program takes them as inputs and serves all later ones.
 */
export class Programs {
  private readonly backend: Backend;
  private readonly programs = new Map<string, Program>();
  private readonly families = new Map<string, Family>();

  constructor(backend: Backend) {
    this.backend = backend;
  }

  get size(): number {
    return this.programs.size;
  }

  /** The program for a graph, built at its first use. */
  get(graph: Graph): Program {
    const structure = signature(graph);
    const numbers = numbersOf(graph.nodes);
    const family = touch(this.families, structure, () => ({ seen: [], lifted: new Set<number>() }));
    const key = () => `${structure}|${numbers.map((x, i) => (family.lifted.has(i) ? "?" : Object.is(x, -0) ? "-0" : x)).join()}`;
    if (!this.programs.has(key())) {
      if (family.seen.length < fixedPrograms) family.seen.push(numbers);
      else for (const before of family.seen) for (const [i, x] of numbers.entries()) if (!Object.is(x, before[i])) family.lifted.add(i);
    }
    const program = touch(this.programs, key(), () => new Program(this.backend, graph, family.lifted));
    if (this.programs.size > cachedPrograms) {
      const [oldest, executable] = this.programs.entries().next().value!;
      this.programs.delete(oldest);
      executable.dispose();
    }
    if (this.families.size > cachedPrograms) this.families.delete(this.families.keys().next().value!);
    program.write(numbers);
    return program;
  }

  dispose(): void {
    for (const program of this.programs.values()) program.dispose();
    this.programs.clear();
    this.families.clear();
  }
}

/** What is known of graphs that differ in nothing but numbers. */
interface Family {
  readonly seen: (readonly number[])[];
  readonly lifted: Set<number>;
}

/** The entry of a key, made if missing, moved to the end: most recently used. */
function touch<T>(map: Map<string, T>, key: string, create: () => T): T {
  const value = map.get(key) ?? create();
  map.delete(key);
  map.set(key, value);
  return value;
}

/** An executable with the buffers of its lifted numbers. */
export class Program {
  private readonly backend: Backend;
  private readonly executable: Executable;
  private readonly scalars: readonly { readonly position: number; readonly dtype: DType; readonly buffer: DeviceBuffer }[];

  constructor(backend: Backend, graph: Graph, lifted: ReadonlySet<number>) {
    this.backend = backend;
    const { graph: lifting, positions } = liftNumbers(graph, lifted);
    this.executable = backend.build(snapshot(lifting));
    this.scalars = positions.map((position, i) => {
      const { dtype } = lifting.inputs[graph.inputs.length + i]!;
      return { position, dtype, buffer: backend.allocate(dtype, 1) };
    });
  }

  /** Sets the lifted numbers for the next run. */
  write(numbers: readonly number[]): void {
    for (const { position, dtype, buffer } of this.scalars) this.backend.write(buffer, encode(dtype, [numbers[position]!]));
  }

  run(inputs: readonly DeviceBuffer[], outputs: readonly DeviceBuffer[]): void {
    this.executable.run(this.scalars.length ? [...inputs, ...this.scalars.map((s) => s.buffer)] : inputs, outputs);
  }

  dispose(): void {
    this.executable.dispose();
    for (const { buffer } of this.scalars) this.backend.free(buffer);
  }
}

/** The changeable numbers of nodes, in order: a constant has one, a slice one for each axis. */
function numbersOf(nodes: readonly Node[]): number[] {
  return nodes.flatMap((node) => ownNumbers(node));
}

const ownNumbers = (node: Node): readonly number[] =>
  is(node, "constant") ? [node.attrs.value] : is(node, "slice") ? node.attrs.starts : [];

/** The same graph with the numbers at `lifted` positions as further inputs, in the order of `positions`. */
function liftNumbers(graph: Graph, lifted: ReadonlySet<number>): { graph: Graph; positions: readonly number[] } {
  if (!lifted.size) return { graph, positions: [] };
  const scalars = new Map<number, Node>();
  const copies = new Map<Node, Node>(graph.inputs.map((n) => [n, n]));
  let position = 0;
  for (const node of graph.nodes) {
    const first = position;
    position += ownNumbers(node).length;
    if (copies.has(node)) continue;
    const inputs = node.inputs.map((n) => copies.get(n)!);
    const own = ownNumbers(node).map((_, i) => {
      if (!lifted.has(first + i)) return null;
      const scalar = make.parameter([], is(node, "slice") ? "int32" : node.dtype);
      scalars.set(first + i, scalar);
      return scalar;
    });
    copies.set(node, withScalars(node, inputs, own));
  }
  const outputs = graph.outputs.map((n) => copies.get(n)!);
  const inputs = [...graph.inputs, ...scalars.values()];
  const reached = linearise(outputs);
  const nodes = [...inputs.filter((n) => !reached.includes(n)), ...reached];
  return { graph: { nodes, inputs, outputs, inPlace: graph.inPlace }, positions: [...scalars.keys()] };
}

/** A constant or slice that reads those of its numbers that are not null. */
function withScalars(node: Node, inputs: readonly Node[], scalars: readonly (Node | null)[]): Node {
  const everywhere = (x: Node, shape: readonly number[]): Node => make.expand(make.reshape(x, Array(shape.length).fill(1)), shape);
  if (scalars.every((s) => s === null)) return make.copy(node, inputs);
  if (!is(node, "slice")) return everywhere(scalars[0]!, node.shape);
  let x = inputs[0]!;
  const [starts, steps] = [[...node.attrs.starts], [...node.attrs.steps]];
  scalars.forEach((start, axis) => {
    if (!start) return;
    const size = [node.shape[axis]!];
    const offsets = make.binary("mul", make.iota(size, 0, "int32"), make.constant(steps[axis]!, size, "int32"));
    x = make.gather(x, make.binary("add", everywhere(start, size), offsets), axis);
    starts[axis] = 0;
    steps[axis] = 1;
  });
  return make.slice(x, starts, steps, node.shape);
}

/** A string equal for graphs of equal structure: all but the changeable numbers. */
function signature(graph: Graph): string {
  const index = new Map<Node, number>();
  const parts: string[] = [];
  for (const node of graph.nodes) {
    index.set(node, index.size);
    parts.push(`${describe(node)}(${node.inputs.map((n) => index.get(n)).join()})`);
  }
  return `${parts.join(";")}>${graph.outputs.map((n) => index.get(n)).join()}>${graph.inPlace.join()}`;
}

const exactNumbers = (_: string, value: unknown) =>
  typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0)) ? `#${Object.is(value, -0) ? "-0" : value}` : value;

function describe(node: Node): string {
  const attrs =
    node.op === "alias" || is(node, "constant") ? "" : JSON.stringify(is(node, "slice") ? node.attrs.steps : node.attrs, exactNumbers);
  return `${node.op}${attrs === "{}" ? "" : attrs}:${dtypeInfo(node.dtype).kind}${dtypeInfo(node.dtype).bytes}${node.dtype[0]}[${node.shape.join()}]`;
}
