import { ArgumentError, FormatError, GradusError, type Source, type Tensor, type Variable, variable } from "@gradus/tensor";
import { loadFile } from "@gradus/tensor/io";
import { Model } from "../model.ts";
import type { Config } from "../serialize.ts";
import { SymbolicTensor } from "../symbolic.ts";
import { operators } from "./operators.ts";
import { decodeModel, type GraphProto, type NodeProto, type ValueInfoProto } from "./protobuf.ts";
import { Attributes, arrayIn, asTensor, dtypeOf, isKnown, type Value } from "./values.ts";

/**
 * A network from an ONNX file: called on its inputs in the file's order (or an object by their names), it gives its output,
 * or an array of them. Its floating initializers are trainable weights. Axes are as in the file: channels usually come first.
 */
export class OnnxModel extends Model {
  readonly inputNames: readonly string[];
  private readonly symbols: readonly SymbolicTensor[];
  readonly outputNames: readonly string[];
  private readonly nodes: readonly Prepared[];
  private readonly constants: ReadonlyMap<string, Value>;
  private readonly parameters: ReadonlyMap<string, Variable>;

  /** @internal */
  constructor(
    name: string,
    inputs: readonly SymbolicTensor[],
    outputs: readonly string[],
    nodes: readonly Prepared[],
    values: ReadonlyMap<string, Value>,
  ) {
    super({ name: name || "onnx" });
    this.symbols = inputs;
    this.inputNames = inputs.map((x) => x.name);
    this.outputNames = outputs;
    this.nodes = nodes;
    const fixed = statistics(nodes);
    const parameters = new Map<string, Variable>();
    const constants = new Map<string, Value>();
    for (const [key, value] of values) {
      if (isKnown(value) || !value.dtype.startsWith("float")) constants.set(key, value);
      else parameters.set(key, this.track(key, variable(value, { name: key }), { trainable: !fixed.has(key) }));
    }
    this.constants = constants;
    this.parameters = parameters;
    this.built = true;
  }

  override get inputs(): readonly SymbolicTensor[] {
    return this.symbols;
  }

  /** Throws ArgumentError: Gradus's files describe layers, and this is a graph of operators. */
  override getConfig(): Config {
    throw new ArgumentError("save", `${this} is a graph of ONNX operators`, "Write it with exportOnnx, or its weights with saveWeights");
  }

  override call(inputs: Tensor | readonly Tensor[] | Record<string, Tensor>): Tensor | readonly Tensor[] {
    const given = this.inOrder(inputs);
    const values = new Map<string, Value>([...this.constants, ...this.parameters]);
    this.inputNames.forEach((name, i) => void values.set(name, given[i]!));
    for (const { node, attributes, run } of this.nodes) {
      const args = node.input.map((name) => (name ? values.get(name)! : null));
      const results = named(node, () => run(args, attributes, node.output.length));
      results.forEach((value, i) => {
        if (node.output[i]) values.set(node.output[i]!, value);
      });
    }
    const outputs = this.outputNames.map((name) => asTensor(values.get(name)!));
    return outputs.length === 1 ? outputs[0]! : outputs;
  }

  private inOrder(inputs: Tensor | readonly Tensor[] | Record<string, Tensor>): readonly Tensor[] {
    const list =
      "shape" in inputs
        ? [inputs as Tensor]
        : Array.isArray(inputs)
          ? inputs
          : this.inputNames.map((name) => (inputs as Record<string, Tensor>)[name]);
    if (list.length !== this.inputNames.length || list.some((x) => x === undefined))
      throw new ArgumentError(
        String(this),
        `expects ${this.inputNames.length} inputs: ${this.inputNames.join(", ")}`,
        `Received ${list.length}`,
      );
    return list as Tensor[];
  }
}

/** A node with what it does. */
export interface Prepared {
  readonly node: NodeProto;
  readonly attributes: Attributes;
  readonly run: (inputs: readonly (Value | null)[], attributes: Attributes, outputs: number) => readonly Value[];
}

/** Names of means and variances, which no gradient moves. */
const statistics = (nodes: readonly Prepared[]): Set<string> =>
  new Set(nodes.flatMap(({ node }) => (node.opType === "BatchNormalization" ? node.input.slice(3, 5) : [])));

/** Makes errors name the node they come from. */
function named<T>(node: NodeProto, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof GradusError && !error.message.startsWith("node "))
      error.message = `node ${node.name || node.output[0]} (${node.opType}): ${error.message}`;
    throw error;
  }
}

const operation = "importOnnx";

/**
 * Reads an ONNX file. FormatError for what is no ONNX model, is damaged, or uses operators that are not known here (all of
 * them are listed); then nothing is loaded.
 */
export async function importOnnx(source: Source): Promise<OnnxModel> {
  const bytes = typeof source === "string" ? await loadFile(source) : source instanceof Uint8Array ? source : new Uint8Array(source);
  const { graph, opsetImport } = await decodeModel(bytes);
  if (!graph?.node.length || !graph.output.length)
    throw new FormatError(operation, "the file holds no graph of operators", "Is it an ONNX model?");
  const version = Number(opsetImport.find(({ domain }) => !domain || domain === "ai.onnx")?.version ?? 0n);
  if (version < 9)
    throw new FormatError(operation, `the file uses operator set ${version}; 9 and later are known here`, "Export it with a newer opset");
  try {
    return assemble(graph);
  } catch (error) {
    if (error instanceof FormatError || !(error instanceof GradusError)) throw error;
    throw new FormatError(operation, error.message);
  }
}

function assemble(graph: GraphProto): OnnxModel {
  const unknown = new Set(
    graph.node.filter((n) => (n.domain && n.domain !== "ai.onnx") || !Object.hasOwn(operators, n.opType)).map(nameOf),
  );
  if (unknown.size) throw new FormatError(operation, `the file uses operators that are not known here: ${[...unknown].join(", ")}`);
  const values = new Map(graph.initializer.map((proto) => [proto.name ?? "", arrayIn(proto)] as const));
  const inputs = graph.input.filter(({ name }) => !values.has(name)).map(symbolOf);
  const there = new Set(["", ...values.keys(), ...inputs.map((x) => x.name)]);
  const nodes = graph.node.map((node): Prepared => {
    const missing = node.input.filter((name) => !there.has(name));
    if (missing.length)
      throw new FormatError(
        operation,
        `${nameOf(node)} reads ${missing.join(", ")}, which nothing before it makes`,
        "The file may be damaged",
      );
    for (const name of node.output) there.add(name);
    return { node, attributes: new Attributes(node.attribute), run: operators[node.opType]! };
  });
  const outputs = graph.output.map((x) => x.name);
  const absent = outputs.filter((name) => !there.has(name));
  if (absent.length) throw new FormatError(operation, `nothing in the file makes its outputs ${absent.join(", ")}`);
  return new OnnxModel(graph.name, inputs, outputs, nodes, values);
}

/** An input as the file describes it; sizes it leaves open, or gives names, are open. */
function symbolOf({ name, type }: ValueInfoProto): SymbolicTensor {
  const { elemType = 1, shape } = type?.tensorType ?? {};
  const dims = (shape?.dim ?? []).map(({ dimValue }) => (dimValue && dimValue > 0n ? Number(dimValue) : null));
  return new SymbolicTensor(dims, dtypeOf(elemType), name);
}

const nameOf = ({ domain, opType }: NodeProto): string => (domain ? `${domain}.${opType}` : opType);
