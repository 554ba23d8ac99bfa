import { FormatError } from "@gradus/tensor";
import { saveFile, toArrayData, zipBytes } from "@gradus/tensor/io";
import { InputLayer } from "../../input.ts";
import type { Layer } from "../../layer.ts";
import { Wrapper } from "../../layers/wrapping.ts";
import { Model, Sequential } from "../../model.ts";
import { SeedGenerator } from "../../seed.ts";
import { type Config, type Serialized, serialize, snakeCase } from "../../serialize.ts";
import { type Hdf5Content, hdf5Bytes } from "../hdf5.ts";
import { isObject } from "./config.ts";
import { kerasOrder } from "./order.ts";
import { places } from "./weights.ts";

const operation = "save";

/** Writes a model as Keras 3 does (`.keras`): layers, weights and how it was compiled. All of the file or nothing. */
export async function saveKeras(model: Model, path: string): Promise<void> {
  await saveFile(path, [await kerasBytes(model)]);
}

/** The bytes of a `.keras` file. FormatError lists all layers that Keras does not have. */
export async function kerasBytes(model: Model): Promise<Uint8Array> {
  checkLayers(model);
  const description = describe(model);
  const training = model.trainingConfig();
  if (training) description.compile_config = compiled(training as Config);
  const text = (json: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(json));
  return zipBytes(operation, [
    ["metadata.json", text({ keras_version: "3.0.0", date_saved: "1980-01-01@00:00:00" })],
    ["config.json", text(description)],
    ["model.weights.h5", await weightsFile(model)],
  ]);
}

async function weightsFile(model: Model): Promise<Uint8Array> {
  const arrays: [string, Hdf5Content][] = [];
  const groups: string[] = ["vars"];
  for (const { path, layer, variables } of places(model)) {
    if (path) groups.push(`${path}/vars`);
    for (const [i, variable] of variables.entries()) {
      const value = await toArrayData(variable.dtype === "float64" ? variable : variable.astype("float32"));
      arrays.push([`${path ? `${path}/` : ""}vars/${i}`, value as Hdf5Content]);
    }
    // Keras keeps a seed and a count, of the type uint32; where a seed was not given, any will do.
    if (Object.values(layer).some((value) => value instanceof SeedGenerator))
      arrays.push([`${path}/seed_generator/vars/0`, { shape: [2], data: Uint32Array.of(Number(layer.getConfig().seed ?? 1337), 0) }]);
  }
  return hdf5Bytes(arrays, groups);
}

/** Layers that Keras 3 does not have, or has in KerasHub alone. */
const foreign = new Set(["Lambda", "PositionEmbedding", "RotaryEmbedding", "SinePositionEncoding", "TextVectorization"]);

function checkLayers(model: Model): void {
  if (model instanceof Sequential && !model.isGraph)
    throw new FormatError(operation, `${model} is not built yet`, "Call it on an input, or fit it, first");
  if (!model.isGraph)
    throw new FormatError(
      operation,
      `${model} is not a graph of layers, which is what Keras's files describe`,
      "Use the format .safetensors, or make it a Sequential model or a Model with inputs and outputs",
    );
  const found = new Set<string>();
  const visit = (layer: Layer): void => {
    const { className } = serializedName(layer);
    if (foreign.has(className)) found.add(`${className} "${layer.name}"`);
    for (const inner of layer.layers) visit(inner);
  };
  visit(model);
  if (found.size)
    throw new FormatError(
      operation,
      `Keras has no layers such as ${[...found].join(", ")}`,
      "Use the format .safetensors, or ONNX for predicting",
    );
}

const serializedName = (layer: Layer): { className: string } => layer.constructor as unknown as { className: string };

type Description = Record<string, unknown>;

/** A model in Keras's words. */
function describe(model: Model): Description {
  return model instanceof Sequential ? chain(model) : graph(model);
}

function chain(model: Sequential): Description {
  const { name, trainable } = model.getConfig();
  const input = model.inputs[0]!.source!.call.layer;
  return {
    module: "keras",
    class_name: "Sequential",
    config: { name, trainable, layers: [input, ...model.layers].map(describeLayer), build_input_shape: model.inputs[0]!.shape },
    registered_name: null,
    build_config: { input_shape: model.inputs[0]!.shape },
  };
}

function graph(model: Model): Description {
  const { name, trainable, layers, inputs, outputs } = model.getConfig();
  const descriptions = new Map((layers as (Serialized & { name: string; calls: unknown[][] })[]).map((d) => [d.name, d]));
  // A model counts its own graph as its first call.
  const history = ({ layer, call, output }: Reference) => [layer, call + (isGraphOfLayers(descriptions.get(layer)) ? 1 : 0), output];
  const spell = (tree: unknown): unknown => {
    if (Array.isArray(tree)) return tree.map(spell);
    if (!isObject(tree)) return tree;
    if (!isObject(tree.reference)) return Object.fromEntries(Object.entries(tree).map(([key, x]) => [snakeCase(key), spell(x)]));
    const tensor = { shape: null, dtype: "float32", keras_history: history(tree.reference as unknown as Reference) };
    return { class_name: "__keras_tensor__", config: tensor };
  };
  const callOf = (layer: Layer, args: readonly unknown[]) => {
    const isOption = (x: unknown): boolean => isObject(x) && !("reference" in x);
    const given = args.filter((x) => !isOption(x)).map(spell);
    // `add(x, y)` is `add([x, y])` to Keras.
    const list = merging.has(serializedName(layer).className) && given.length > 1 ? [given] : given;
    return { args: list, kwargs: Object.assign({}, ...args.filter(isOption).map(spell)) };
  };
  return {
    module: "keras.src.models.functional",
    class_name: "Functional",
    config: {
      name,
      trainable,
      layers: kerasOrder(model).map((layer) => ({
        ...describeLayer(layer),
        name: layer.name,
        inbound_nodes: layer instanceof InputLayer ? [] : descriptions.get(layer.name)!.calls.map((args) => callOf(layer, args)),
      })),
      input_layers: (inputs as Reference[]).map(history),
      output_layers: (outputs as Reference[]).map(history),
    },
    registered_name: "Functional",
  };
}

interface Reference {
  readonly layer: string;
  readonly call: number;
  readonly output: number;
}

const isGraphOfLayers = (described: Serialized | undefined): boolean => described?.className === "Model";

const merging = new Set(["Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"]);

function describeLayer(layer: Layer): Description {
  if (layer instanceof Model) return describe(layer);
  const description = inKeras(serialize(layer), "keras.layers");
  // A model may be within.
  if (layer instanceof Wrapper) (description.config as Description).layer = describeLayer(layer.layer);
  return description;
}

const classes: Readonly<Record<string, string>> = { GroupedQueryAttention: "GroupQueryAttention" };

/** Where objects of one kind live, by the names of the options that hold them. */
const modules: readonly (readonly [RegExp, string])[] = [
  [/initializer$/i, "keras.initializers"],
  [/regularizer$/i, "keras.regularizers"],
  [/constraint$/i, "keras.constraints"],
  [/layer$/i, "keras.layers"],
  [/^learningRate$/, "keras.optimizers.schedules"],
  [/^optimizer$/, "keras.optimizers"],
  [/^loss$/, "keras.losses"],
  [/metrics$/i, "keras.metrics"],
];

/** Options whose default Keras leaves out, or had not in some version. */
const defaults: Config = { dataFormat: "channelsLast", outputPadding: null, rmsScaling: false, valueDim: null, outputShape: null };

/** Options whose values are free text, not words of ours. */
const texts = new Set(["name", "equation", "biasAxes", "dtype"]);

function inKeras({ className, config }: Serialized, module: string): Description {
  const options: Description = {};
  for (const [key, value] of Object.entries(config)) {
    if (key in defaults && value === defaults[key]) continue;
    if (className === "AdditiveAttention" && key === "scoreMode") continue;
    if (className === "InputLayer" && (key === "shape" || key === "batchSize")) continue;
    options[optionName(key)] = texts.has(key) ? value : valueInKeras(key, value);
  }
  if (className === "InputLayer") options.batch_shape = [config.batchSize ?? null, ...(config.shape as readonly unknown[])];
  return { module, class_name: classes[className] ?? className, config: options, registered_name: null };
}

/** "beta1" is "beta_1". */
const optionName = (key: string): string => snakeCase(key).replace(/^beta(\d)$/, "beta_$1");

function valueInKeras(key: string, value: unknown): unknown {
  if (typeof value === "string") return snakeCase(value);
  if (Array.isArray(value)) return value.map((x) => valueInKeras(key, x));
  if (!isObject(value)) return value;
  if (typeof value.className === "string" && isObject(value.config)) {
    const module = modules.find(([pattern]) => pattern.test(key))?.[1] ?? "keras.layers";
    return inKeras(value as unknown as Serialized, module);
  }
  return Object.fromEntries(Object.entries(value).map(([inner, x]) => [inner, valueInKeras(key, x)]));
}

function compiled(training: Config): Description {
  const { optimizer, loss, metrics, lossWeights, weightedMetrics } = training;
  const settings = { optimizer, loss, metrics, lossWeights, weightedMetrics };
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [optionName(key), valueInKeras(key, value ?? null)]));
}
