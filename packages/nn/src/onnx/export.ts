import { ArgumentError, type DType, flattenTree, GradusError, type GraphNode, type Tensor, traceGraph } from "@gradus/tensor";
import { saveFile } from "@gradus/tensor/io";
import { withContext } from "../context.ts";
import type { Layer } from "../layer.ts";
import type { Model } from "../model.ts";
import type { SymbolicTensor } from "../symbolic.ts";
import { Exporter, type LayerUse, type OnnxOperator, type TracedModel } from "./exporter.ts";
import { encodeModel, type NodeProto, type ValueInfoProto } from "./protobuf.ts";
import { Sizes } from "./sizes.ts";
import { int64, onnxTypes } from "./types.ts";

/** Operator set of exported files, and the file format's version that belongs to it (ONNX 1.13, December 2022). */
const opset = 18n;
const irVersion = 8n;

export interface OnnxExportOptions {
  /** What the model is called on, as made by `Input`: for subclasses of Model, which do not say it themselves. */
  readonly inputs?: readonly SymbolicTensor[];
  /** Names of the results, in order. Default: keys where the model gives an object of them, else the names of their layers. */
  readonly outputNames?: readonly string[];
  /** What int32 inputs are in the file: other libraries feed tokens and places as int64. Default "int32". */
  readonly integers?: "int32" | "int64";
  /** Layers of one input that are one operator of the program that will read the file; null for all others. */
  readonly operators?: (layer: Layer) => OnnxOperator | null;
}

/**
 * A model, as it computes outside of training, as the bytes of an ONNX file: inputs and outputs by name, axes of open size
 * (the batch) by symbols, weights as initializers. ArgumentError for a model that is not built and for work that ONNX has
 * no operators for, naming all layers concerned.
 */
export async function onnxBytes(model: Model, options: OnnxExportOptions = {}): Promise<Uint8Array> {
  const inputs = options.inputs ?? inputsOf(model);
  const weights = new Map<GraphNode, string>();
  const prefix = `${model.name}/`;
  const sizes = new Sizes(inputs.map((x) => x.shape));
  if (!model.built) trace(model, inputs, sizes, 0);
  // Until their values are computed, weights look like the constants they start from.
  for (const [path, { variable }] of model.namedWeights()) {
    variable.realize();
    weights.set(variable.node, path.startsWith(prefix) ? path.slice(prefix.length) : path);
  }
  const first = trace(model, inputs, sizes, 0);
  const { operators = () => null } = options;
  const exporter = new Exporter(first.traced, trace(model, inputs, sizes, 1).traced, sizes, weights, operators);
  const { writer } = exporter;
  const inputNames = inputs.map((x) => writer.unique(x.name));
  const isWide = (dtype: DType): boolean => options.integers === "int64" && dtype === "int32";
  await exporter.run(
    inputs.map(({ dtype }, i) => (isWide(dtype) ? writer.node("Cast", [inputNames[i]!], { to: onnxTypes.int32 }) : inputNames[i]!)),
  );
  const info = (name: string, node: GraphNode, elemType = onnxTypes[node.dtype]): ValueInfoProto => {
    const dim = exporter.pairs(node).map((pair) => {
      const size = sizes.meaning(pair);
      if (typeof size === "number") return { dimValue: BigInt(size) };
      return { dimParam: size ? [...(size.factor === 1 ? [] : [size.factor]), ...size.names].join(" * ") : `${name}_size` };
    });
    return { name, type: { tensorType: { elemType, shape: { dim } } } };
  };
  const { outputNames: given = first.names } = options;
  if (given.length !== first.traced.outputs.length)
    throw new ArgumentError("exportOnnx", `${given.length} names for ${first.traced.outputs.length} results`, "Give a name for each");
  const outputs = first.traced.outputs.map((node, i) => {
    const name = writer.unique(given[i]!);
    writer.nodes.push({ input: [exporter.name(node)], output: [name], name, opType: "Identity", domain: "", attribute: [] });
    return info(name, node);
  });
  const nodes = withoutIdentities(needed(writer.nodes, new Set(outputs.map((o) => o.name))), new Set(outputs.map((o) => o.name)));
  return encodeModel({
    irVersion,
    producerName: "Gradus",
    producerVersion: "0.1.0",
    opsetImport: [...new Set(["", ...nodes.map((n) => n.domain)])].map((domain) => ({ domain, version: domain ? 1n : opset })),
    graph: {
      name: model.name,
      node: nodes,
      initializer: await writer.finish(new Set(nodes.flatMap((n) => n.input))),
      input: first.traced.inputs.map((node, i) => info(inputNames[i]!, node, isWide(node.dtype) ? int64 : undefined)),
      output: outputs,
    },
    metadataProps: [{ key: "model", value: model.name }],
  });
}

/** Writes a model to an ONNX file, all or nothing. See `onnxBytes`. */
export async function exportOnnx(model: Model, path: string, options: OnnxExportOptions = {}): Promise<void> {
  await saveFile(path, [await onnxBytes(model, options)]);
}

function inputsOf(model: Model): readonly SymbolicTensor[] {
  try {
    return model.inputs;
  } catch {
    throw new ArgumentError(
      "exportOnnx",
      `${model} does not say what its inputs are`,
      "Call it on data first, or give them: { inputs: [Input([28, 28])] }",
    );
  }
}

/** Runs the model on arrays that are never computed and notes every call of a layer. */
function trace(model: Model, inputs: readonly SymbolicTensor[], sizes: Sizes, which: 0 | 1): { traced: TracedModel; names: string[] } {
  const uses: LayerUse[] = [];
  const nodesIn = (tree: unknown): GraphNode[] => flattenTree("exportOnnx", tree, "the result").leaves.map((t) => t.node);
  const observe = (layer: LayerUse["layer"], output: unknown, given: readonly Tensor[], options: LayerUse["options"]): void => {
    uses.push({ layer, inputs: given.map((t) => t.node), outputs: nodesIn(output), options });
  };
  try {
    const { parameters, result } = traceGraph(
      (...tensors) =>
        withContext({ training: false, losses: [], observe }, () => model.invoke([tensors.length === 1 ? tensors[0] : tensors])),
      ...inputs.map((x) => ({ shape: sizes.shape(x.shape, which), dtype: x.dtype })),
    );
    const { leaves, form } = flattenTree("exportOnnx", result, "");
    return {
      traced: { inputs: parameters, outputs: leaves.map((t) => t.node), uses },
      names: outputNames(model, leaves.length, form.paths),
    };
  } catch (error) {
    if (!(error instanceof GradusError)) throw error;
    throw new ArgumentError("exportOnnx", `the model does not run without values: ${error.message}`);
  }
}

/** Names of outputs: as the model gives them in an object, else those of the layers they come from. */
function outputNames(model: Model, count: number, paths: readonly string[]): string[] {
  const keys = paths.map((path) => path.replace(/^\./, ""));
  if (keys.every((key) => /^\w+$/.test(key))) return keys;
  try {
    return model.outputs.map((x) => x.name);
  } catch {
    return Array.from({ length: count }, (_, i) => (count === 1 ? "output" : `output_${i}`));
  }
}

/** The nodes that some output depends on. */
function needed(nodes: readonly NodeProto[], outputs: ReadonlySet<string>): NodeProto[] {
  const wanted = new Set(outputs);
  const kept = nodes.toReversed().filter((node) => {
    if (!node.output.some((name) => wanted.has(name))) return false;
    for (const name of node.input) wanted.add(name);
    return true;
  });
  return kept.toReversed();
}

/** Gives a node the name of the output it makes, where the output is not an input, a weight, or another output too. */
function withoutIdentities(nodes: readonly NodeProto[], outputs: ReadonlySet<string>): NodeProto[] {
  const makers = new Set(nodes.flatMap((n) => (n.opType === "Identity" ? [] : n.output)));
  const renamed = new Map<string, string>();
  const rest = nodes.filter(({ opType, input, output }) => {
    const [from, to] = [input[0]!, output[0]!];
    if (opType !== "Identity" || !outputs.has(to) || !makers.has(from) || renamed.has(from)) return true;
    renamed.set(from, to);
    return false;
  });
  const name = (given: string): string => renamed.get(given) ?? given;
  return rest.map((node) => ({ ...node, input: node.input.map(name), output: node.output.map(name) }));
}
