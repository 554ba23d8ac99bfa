import { ArgumentError, array, type DType, type GraphNode, Tensor } from "@gradus/tensor";
import type { CallOptions, Layer } from "../layer.ts";
import { layerRules } from "./layers.ts";
import { primitiveRules } from "./primitives.ts";
import { isFixed, type Sizes } from "./sizes.ts";
import { onnxTypes } from "./types.ts";
import { type AttributeValues, GraphWriter } from "./writer.ts";

/** One call of a layer while the model was traced. */
export interface LayerUse {
  readonly layer: Layer;
  readonly inputs: readonly GraphNode[];
  readonly outputs: readonly GraphNode[];
  readonly options: CallOptions;
}

/** One operator that does a layer's work: it takes the layer's input and then these arrays, and gives the layer's result. */
export interface OnnxOperator {
  readonly opType: string;
  /** Whose operator it is, such as "com.microsoft"; default: ONNX's. */
  readonly domain?: string;
  /** Null where the operator may do without one. */
  readonly arrays: readonly (Tensor | null)[];
  /** Whole numbers are ints, but for those that ONNX has as floats, such as alpha and epsilon. */
  readonly attributes?: AttributeValues;
}

/** What a layer becomes: names of the results in the order of `use.outputs`. */
export type LayerRule = (out: Exporter, use: LayerUse) => void;

/** A traced model: its nodes and the calls of layers that made them. */
export interface TracedModel {
  readonly inputs: readonly GraphNode[];
  readonly outputs: readonly GraphNode[];
  readonly uses: readonly LayerUse[];
}

/** Where the channels of a value are in the file. In the traced graph they are always last. */
type Layout = "last" | "first";

/**
 * Turns a traced model into ONNX nodes: calls of layers that ONNX has an operator for become that operator, everything else
 * goes primitive by primitive. Convolutions have channels first in ONNX: their results stay so through elementwise work,
 * pooling and normalization, and are transposed back where somebody wants them otherwise.
 */
export class Exporter {
  readonly writer = new GraphWriter();
  private readonly trace: TracedModel;
  private readonly sizes: Sizes;
  private readonly twins: Map<GraphNode, GraphNode>;
  private readonly uses: Map<GraphNode, { readonly use: LayerUse; readonly rule: LayerRule }>;
  private readonly weightNames: ReadonlyMap<GraphNode, string>;
  private readonly values = new Map<GraphNode, { last?: string; first?: string }>();
  private readonly dependent = new Set<GraphNode>();
  private readonly order: GraphNode[];
  private readonly weights = new Map<Tensor, string>();

  constructor(
    first: TracedModel,
    second: TracedModel,
    sizes: Sizes,
    weightNames: ReadonlyMap<GraphNode, string>,
    operators: (layer: Layer) => OnnxOperator | null,
  ) {
    this.trace = first;
    this.sizes = sizes;
    this.weightNames = weightNames;
    this.uses = ruled(first, operators);
    const { order, twins } = pair(first, second, this.uses, ruled(second, operators));
    this.order = order;
    this.twins = twins;
  }

  /** Adds nodes for everything the outputs need. ArgumentError names all layers that cannot be exported. */
  async run(inputNames: readonly string[]): Promise<void> {
    this.trace.inputs.forEach((node, i) => {
      this.values.set(node, { last: inputNames[i]! });
    });
    for (const node of this.order)
      if (this.trace.inputs.includes(node) || (await this.varies(node)) || this.dependenciesOf(node).some((x) => this.dependent.has(x)))
        this.dependent.add(node);
    const problems = new Map<string, Set<string>>();
    for (const node of this.order) {
      if (!this.dependent.has(node) || this.values.has(node) || onDemand.has(node.op)) continue;
      try {
        const found = this.uses.get(node);
        if (found) found.rule(this, found.use);
        else this.primitive(node);
        if (!this.values.has(node)) throw new Error(`no value for ${node.op}`);
      } catch (error) {
        if (!(error instanceof ArgumentError)) throw error;
        const place = this.placeOf(node);
        problems.set(place, (problems.get(place) ?? new Set()).add(error.message));
        this.values.set(node, { last: "?" }); // so that what comes after is looked at too
      }
    }
    if (problems.size)
      throw new ArgumentError(
        "exportOnnx",
        [...problems].map(([place, reasons]) => `${place} cannot be exported: ${[...reasons].join("; ")}`).join(". "),
      );
  }

  /** Whether a node by itself says something else for inputs of another size. */
  private async varies(node: GraphNode): Promise<boolean> {
    const { twin } = this.pairOf(node);
    if (node === twin || this.uses.has(node)) return false;
    if (!isFixed({ node, twin }) || !this.sameAttributes(node)) return true;
    if (node.op !== "buffer") return false;
    const [a, b] = [await new Tensor(node).data(), await new Tensor(twin).data()];
    return a.some((x, i) => !Object.is(x, b[i]));
  }
  private sameAttributes(node: GraphNode): boolean {
    return node.op === "alias" || JSON.stringify(node.attrs) === JSON.stringify(this.twin(node).attrs);
  }

  private primitive(node: GraphNode): void {
    const rule = primitiveRules[node.op];
    if (node.op === "buffer") throw new Unsupported("a table of numbers depends on the input's size");
    if (!rule) throw new Unsupported(`ONNX has nothing for ${node.op}`);
    // Slices and numbers may be told apart by the sizes they come from.
    if (node.op !== "slice" && node.op !== "constant" && !this.sameAttributes(node))
      throw new Unsupported(`what ${node.op} does depends on the input's size`);
    rule(this, node as never);
  }

  private dependenciesOf(node: GraphNode): readonly GraphNode[] {
    return this.uses.get(node)?.use.inputs ?? node.inputs;
  }

  /** The layer whose call made a node: the first to end after it. */
  private placeOf(node: GraphNode): string {
    const use = this.trace.uses.find(({ outputs }) => outputs.some((x) => x.id >= node.id));
    return use ? String(use.layer) : "the model";
  }

  private pairOf(node: GraphNode) {
    return { node, twin: this.twins.get(node) ?? node };
  }

  /** Whether the value is the same whatever the inputs are. */
  isConstant(node: GraphNode): boolean {
    return !this.dependent.has(node);
  }

  /** Sizes in both traces. */
  pairs(node: GraphNode): (readonly [number, number])[] {
    const { twin } = this.pairOf(node);
    return node.shape.map((n, i) => [n, twin.shape[i]!] as const);
  }
  sameSize(a: GraphNode, i: number, b: GraphNode, j: number): boolean {
    return this.pairs(a)[i]?.join() === this.pairs(b)[j]?.join();
  }
  twin<K extends GraphNode>(node: K): K {
    return this.pairOf(node).twin as K;
  }
  /** A size, or null where it is not the same for all inputs. */
  fixedSize(node: GraphNode, axis: number): number | null {
    const [a, b] = this.pairs(node)[axis]!;
    return a === b ? a : null;
  }

  /** The value with its axes as in the traced graph. */
  name(node: GraphNode): string {
    const value = this.valueOf(node);
    value.last ??= this.node("Transpose", [value.first!], { perm: toLast(node.shape.length) });
    return value.last;
  }

  /** The value with its last axis moved to place 1. */
  first(node: GraphNode): string {
    const value = this.valueOf(node);
    if (value.first) return value.first;
    if (this.isConstant(node)) return this.constant(new Tensor(node).moveaxis(-1, 1), node);
    value.first = this.node("Transpose", [value.last!], { perm: toFirst(node.shape.length) });
    return value.first;
  }

  private valueOf(node: GraphNode): { last?: string; first?: string } {
    let value = this.values.get(node);
    if (!value && this.dependent.has(node)) {
      this.primitive(node);
      value = this.values.get(node)!;
    }
    if (!value) {
      value = { last: this.constant(new Tensor(node), node) };
      this.values.set(node, value);
    }
    return value;
  }

  /** Whether the value has been computed with channels first only. */
  isFirst(node: GraphNode): boolean {
    const value = this.values.get(node);
    return value !== undefined && value.first !== undefined && value.last === undefined;
  }

  named(node: GraphNode, layout: Layout): string {
    return layout === "first" ? this.first(node) : this.name(node);
  }
  set(node: GraphNode, name: string, layout: Layout = "last"): void {
    this.values.set(node, { ...this.values.get(node), [layout]: name });
  }
  /** Makes a node stand for the same value as another. */
  same(node: GraphNode, as: GraphNode): void {
    this.values.set(node, this.valueOf(as));
  }

  node(opType: string, inputs: readonly string[], attributes?: AttributeValues): string {
    return this.writer.node(opType, inputs, attributes);
  }
  ints(values: readonly number[]): string {
    return this.writer.ints(values);
  }
  scalar(value: number, dtype: DType): string {
    return this.writer.scalar(value, dtype, (v, type) => array(v, { dtype: type }));
  }

  /** The number of a constant node, of no axes; looked up in the input's shape where it is a size. */
  number(node: GraphNode<"constant">): string {
    const [a, b] = [node.attrs.value, this.twin(node).attrs.value];
    if (Object.is(a, b)) return this.scalar(a, node.dtype);
    const size = this.sizes.meaning([a, b]);
    if (size === null || typeof size === "number")
      throw new Unsupported("a number depends on the input's size in a way that has no formula");
    const cast = this.node("Cast", [this.openSize(size.factor, size.names)], { to: onnxTypes[node.dtype] });
    return this.node("Squeeze", [cast]);
  }

  /** An array known now. Weights, also when only their axes were moved, become initializers under their paths. */
  constant(tensor: Tensor, node: GraphNode): string {
    if (node.op === "constant" && node.shape.length === 0) return this.scalar((node.attrs as { value: number }).value, node.dtype);
    const weight = this.weightBelow(node);
    if (!weight) return this.writer.constant(tensor);
    return this.writer.weight(weight, tensor);
  }
  private weightBelow(node: GraphNode): string | undefined {
    let at = node;
    while (!this.weightNames.has(at) && ["reshape", "permute", "alias"].includes(at.op)) at = at.inputs[0]!;
    return this.weightNames.get(at);
  }

  /** A weight in another form; two uses of a layer share it. */
  weight(original: Tensor, form: (weight: Tensor) => Tensor = (w) => w): string {
    const known = this.weights.get(original);
    if (known) return known;
    const name = this.writer.weight(this.weightNames.get(original.node) ?? "weight", form(original));
    this.weights.set(original, name);
    return name;
  }

  /** The shape of a node as int64 [n], sizes that are not known looked up when the file runs. */
  shape(node: GraphNode): string {
    const pairs = this.pairs(node);
    const meanings = pairs.map((pair) => this.sizes.meaning(pair));
    if (meanings.every((m) => typeof m === "number")) return this.ints(meanings);
    const parts = meanings.map((m, i) => {
      if (m === null) throw new Unsupported(`size ${pairs[i]![0]} of a result depends on the input's in a way that has no formula`);
      return typeof m === "number" ? this.ints([m]) : this.openSize(m.factor, m.names);
    });
    return parts.length === 1 ? parts[0]! : this.node("Concat", parts, { axis: 0 });
  }

  private readonly lookedUp = new Map<string, string>();
  private openSize(factor: number, names: readonly string[]): string {
    const factors = names.map((name) => {
      let value = this.lookedUp.get(name);
      if (!value) {
        const { input, axis } = this.sizes.open.get(name)!;
        value = this.node("Shape", [this.name(this.trace.inputs[input]!)], { start: axis, end: axis + 1 });
        this.lookedUp.set(name, value);
      }
      return value;
    });
    if (factor !== 1) factors.push(this.ints([factor]));
    return factors.reduce((a, b) => this.node("Mul", [a, b]));
  }
}

/** Repetitions and numbers, which most readers do without. */
const onDemand = new Set<string>(["constant", "expand"]);

/** What this model does has no counterpart in ONNX. */
export class Unsupported extends ArgumentError {
  constructor(reason: string) {
    super("exportOnnx", reason);
    this.message = reason;
  }
}

/** Orders of axes that move the last axis to place 1, and back. */
export const toFirst = (rank: number): number[] => [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, i) => i + 1)];
export const toLast = (rank: number): number[] => [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1];

/** Writes a layer of one input and one result as one operator. */
const asOperator =
  ({ opType, domain, arrays, attributes }: OnnxOperator): LayerRule =>
  (out, { inputs: [x], outputs: [y] }) => {
    const names = arrays.map((array) => (array ? out.weight(array) : ""));
    out.set(y!, out.writer.nodeOf(opType, [out.name(x!), ...names], 1, attributes, domain)[0]!);
  };

/** The calls of layers that have a rule, by the nodes they give; where several give one node, the innermost. */
function ruled(trace: TracedModel, operators: (layer: Layer) => OnnxOperator | null): Map<GraphNode, { use: LayerUse; rule: LayerRule }> {
  const found = new Map<GraphNode, { use: LayerUse; rule: LayerRule }>();
  for (const use of trace.uses) {
    const { className } = use.layer.constructor as typeof Layer;
    const own = use.inputs.length === 1 && use.outputs.length === 1 ? operators(use.layer) : null;
    const rule = own ? asOperator(own) : Object.hasOwn(layerRules, className) ? layerRules[className]!(use) : null;
    if (!rule) continue;
    for (const node of use.outputs) if (!found.has(node) && !use.inputs.includes(node)) found.set(node, { use, rule });
  }
  return found;
}

/** Nodes below the outputs, inputs first, each with its twin in the second trace; ArgumentError where the two differ. */
function pair(first: TracedModel, second: TracedModel, usesA: ReturnType<typeof ruled>, usesB: ReturnType<typeof ruled>) {
  const twins = new Map<GraphNode, GraphNode>();
  const order: GraphNode[] = [];
  const below = (node: GraphNode, uses: typeof usesA): readonly GraphNode[] => uses.get(node)?.use.inputs ?? node.inputs;
  const known = new Set(first.inputs);
  first.inputs.forEach((node, i) => {
    twins.set(node, second.inputs[i]!);
    order.push(node);
  });
  first.outputs.forEach((output, i) => {
    const stack: { a: GraphNode; b: GraphNode; done: boolean }[] = [{ a: output, b: second.outputs[i]!, done: false }];
    while (stack.length) {
      const { a, b, done } = stack.pop()!;
      if (done) {
        order.push(a);
        continue;
      }
      if (known.has(a)) continue;
      known.add(a);
      const [inputsA, inputsB] = [below(a, usesA), below(b, usesB)];
      const [useA, useB] = [usesA.get(a), usesB.get(b)];
      if (
        (useA ? useA.use.layer !== useB?.use.layer : a.op !== b.op) ||
        inputsA.length !== inputsB.length ||
        a.shape.length !== b.shape.length
      )
        throw new ArgumentError(
          "exportOnnx",
          `the model does other work (${b.op} instead of ${a.op}) for inputs of another size`,
          "Give its Input a fixed size wherever Python-like loops over an axis depend on it",
        );
      twins.set(a, b);
      stack.push({ a, b, done: true });
      for (let k = inputsA.length - 1; k >= 0; k--) stack.push({ a: inputsA[k]!, b: inputsB[k]!, done: false });
    }
  });
  return { order, twins };
}
