import {
  ArgumentError,
  FormatError,
  loadSafetensorsFile,
  ShapeError,
  type Source,
  safetensorsBytes,
  saveSafetensors,
  type Tensor,
  type Variable,
} from "@gradus/tensor";
import { parseJson } from "@gradus/tensor/json";
import { type Layer, layerRegistry } from "../layer.ts";
import { Model } from "../model.ts";
import { type Serialized, serialize } from "../serialize.ts";
import { checkClasses } from "./classes.ts";

/**
 * Gradus's own model files: `.safetensors` with the weights by their paths ("dense/kernel"), and a description of the
 * layers, and of optimizer, loss and metrics, as JSON in the header. PyTorch and Keras read the weights with the package
 * `safetensors`.
 */
interface Description {
  readonly format: "gradus-model-1";
  readonly model: Serialized;
  readonly training: unknown;
}

const key = "gradus";

/** Weights by path within a layer, without the layer's own name. Paths are the same for equal models. */
export function weightsByPath(layer: Layer): Map<string, Variable> {
  const prefix = `${layer.name}/`;
  return new Map(layer.namedWeights().map(([path, w]) => [path.slice(prefix.length), w.variable]));
}

/** Values for the weights of a layer; nothing is changed unless all of them fit. Names missing on either side are listed. */
export function assignWeights(layer: Layer, values: Readonly<Record<string, Tensor>>, operation: string): void {
  const weights = weightsByPath(layer);
  const missing = [...weights.keys()].filter((path) => !(path in values));
  const unknown = Object.keys(values).filter((path) => !weights.has(path));
  if (missing.length || unknown.length)
    throw new FormatError(
      operation,
      [
        missing.length ? `the file lacks ${listed(missing)}` : "",
        unknown.length ? `it holds ${listed(unknown)}, which ${layer} does not have` : "",
      ]
        .filter(Boolean)
        .join("; "),
      "Load it into a model of the same layers",
    );
  for (const [path, variable] of weights) {
    const value = values[path]!;
    if (value.shape.join() !== variable.shape.join())
      throw new ShapeError(
        operation,
        `${path} has shape [${value.shape.join(", ")}] in the file, [${variable.shape.join(", ")}] in ${layer}`,
      );
  }
  for (const [path, variable] of weights) variable.assign(values[path]!.astype(variable.dtype));
}

const listed = (names: readonly string[]): string =>
  names.length > 6 ? `${names.slice(0, 6).join(", ")} and ${names.length - 6} more` : names.join(", ");

/** Weights alone. */
export async function saveWeights(layer: Layer, path: string): Promise<void> {
  if (!layer.built) throw new ArgumentError("saveWeights", `${layer} has no weights yet`, "Call it on an input first");
  await saveSafetensors(path, Object.fromEntries(weightsByPath(layer)));
}

export async function loadNativeWeights(layer: Layer, source: Source): Promise<void> {
  const { tensors } = await loadSafetensorsFile(source);
  assignWeights(layer, withoutState(tensors), "loadWeights");
}

const statePrefix = "training:";
const withoutState = (tensors: Record<string, Tensor>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(tensors).filter(([name]) => !name.startsWith(statePrefix)));

/** All of a model that makes it go on elsewhere: layers, weights, and the state of its training. */
async function contents(model: Model): Promise<{ tensors: Record<string, Tensor>; metadata: Record<string, string> }> {
  if (!model.built) throw new ArgumentError("save", `${model} is not built yet`, "Call it on an input, or fit it, first");
  const description: Description = { format: "gradus-model-1", model: serialize(model), training: model.trainingConfig() };
  const state = model.trainingState().map((v, i): [string, Tensor] => [`${statePrefix}${i}:${v.name ?? ""}`, v]);
  return {
    tensors: Object.fromEntries([...weightsByPath(model), ...state]),
    metadata: { [key]: JSON.stringify(description) },
  };
}

/** Writes a model to a `.safetensors` file: all of it or nothing. */
export async function saveModel(model: Model, path: string): Promise<void> {
  const { tensors, metadata } = await contents(model);
  await saveSafetensors(path, tensors, metadata);
}

/** The same as bytes, for pages. */
export async function modelBytes(model: Model): Promise<Uint8Array> {
  const { tensors, metadata } = await contents(model);
  return safetensorsBytes(tensors, metadata);
}

/**
 * A model from a file of `model.save`: compiled as it was, its optimizer where it stopped. Unknown layers are listed all at
 * once (FormatError); own classes are made known with `layerRegistry.register`.
 */
export async function loadNative(source: Source): Promise<Model> {
  const { tensors, metadata } = await loadSafetensorsFile(source);
  const description = parse(metadata[key]);
  checkClasses(description.model);
  const model = layerRegistry.deserialize(description.model);
  if (!(model instanceof Model)) throw new FormatError("loadModel", `the file describes ${model}, which is no model`);
  if (!model.built)
    throw new FormatError("loadModel", `the description of ${model} does not say its input`, "Make the model in code and use loadWeights");
  assignWeights(model, withoutState(tensors), "loadModel");
  if (description.training) model.restoreTraining(description.training, stateOf(tensors));
  return model;
}

const stateOf = (tensors: Record<string, Tensor>): Tensor[] =>
  Object.entries(tensors)
    .filter(([name]) => name.startsWith(statePrefix))
    .map(([name, value]) => [Number(name.slice(statePrefix.length).split(":")[0]), value] as const)
    .sort(([a], [b]) => a - b)
    .map(([, value]) => value);

function parse(text: string | undefined): Description {
  if (text === undefined)
    throw new FormatError("loadModel", "the file holds arrays but no description of a model", "Make the model in code and use loadWeights");
  const parsed = parseJson(text, (problem) => {
    throw new FormatError("loadModel", `the description of the model ${problem}`);
  });
  const { format, model } = (parsed ?? {}) as Partial<Description>;
  if (format !== "gradus-model-1" || typeof model?.className !== "string" || typeof model.config !== "object" || model.config === null)
    throw new FormatError("loadModel", `the description of the model is not of the format gradus-model-1, but ${JSON.stringify(format)}`);
  return parsed as Description;
}
