import { FormatError } from "@gradus/tensor";
import type { Config, Serialized } from "../../serialize.ts";
import { camelCase, snakeCase } from "../../serialize.ts";

/**
 * Keras's descriptions of models (`config.json` of a `.keras` file, the attribute `model_config` of an `.h5` file, Keras 1
 * to 3) as descriptions that `layerRegistry` reads. Nothing but names and nesting changes: JSON in, JSON out.
 */

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

const operation = "loadModel";

export const isObject = (x: unknown): x is JsonObject => typeof x === "object" && x !== null && !Array.isArray(x);

const damaged = (problem: string): FormatError =>
  new FormatError(operation, `the description of the model is damaged: ${problem}`, "The file may come from something else than Keras");

/** Depth of nesting that descriptions may have; real ones stay far below. */
const deepest = 200;

/** A description of Keras, of any object, in our form. */
export function fromKeras(json: Json, depth = 0): unknown {
  if (depth > deepest) throw damaged(`it is nested deeper than ${deepest} levels`);
  if (Array.isArray(json)) return json.map((item) => fromKeras(item as Json, depth + 1));
  if (!isObject(json)) return json;
  const { class_name: className, config } = json;
  if (typeof className !== "string") {
    return Object.fromEntries(Object.entries(json).map(([key, value]) => [camelCase(key), fromKeras(value, depth + 1)]));
  }
  switch (className) {
    case "function":
      return config;
    case "__numpy__":
    case "__tensor__":
      return (config as JsonObject).value;
    case "DTypePolicy":
      return dtypeOf((config as JsonObject).name ?? null);
    default:
  }
  if (isModel(json)) return modelFromKeras(json, depth);
  return { className: nameOfClass(json), config: optionsFromKeras(isObject(config) ? config : {}, depth) };
}

const isModel = ({ class_name, config }: JsonObject): boolean =>
  class_name === "Sequential" || (isObject(config) && Array.isArray(config.layers) && config.input_layers !== undefined);

/** The class of an object in a description; one of somebody's own is registered as "package>Name". */
export function nameOfClass({ class_name, registered_name }: JsonObject): string {
  const own = typeof registered_name === "string" && registered_name.includes(">");
  const name = String(own ? registered_name : class_name)
    .split(">")
    .at(-1)!;
  return aliases[name] ?? name;
}

/** Other names of classes in some versions of Keras. */
const aliases: Readonly<Record<string, string>> = {
  OrthogonalInitializer: "Orthogonal",
  IdentityInitializer: "Identity",
  GroupQueryAttention: "GroupedQueryAttention",
};

/** "mixed_float16" computes in float16 but keeps float32 weights. */
const dtypeOf = (dtype: Json): Json => (typeof dtype === "string" && dtype.startsWith("mixed_") ? "float32" : dtype);

/** Options that say what does not change the numbers, or what is said elsewhere. */
const ignored = new Set(["implementation", "synchronized", "use_cudnn", "unroll", "input_length", "autocast", "lora_rank", "optional"]);

/** Options whose value `true` asks for what there is not here. */
const refused = ["stateful", "time_major", "ragged", "sparse"];

/** Options whose values are words of Keras. */
const words = new Set(["standardize", "output_mode"]);

function optionsFromKeras(config: JsonObject, depth: number): Config {
  const asked = refused.filter((option) => config[option] === true);
  if (asked.length)
    throw new FormatError(
      operation,
      `layer ${JSON.stringify(config.name ?? "?")} of the file is ${asked.map((o) => `\`${o}\``).join(" and ")}, which no layer here can be`,
      "Save the model without it",
    );
  const options: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(config)) {
    if (ignored.has(key) || refused.includes(key)) continue;
    if (key === "batch_input_shape" || key === "batch_shape") {
      const [batchSize, ...shape] = value as (number | null)[];
      options.batchSize = batchSize ?? null;
      options.shape = shape;
    } else if (key === "dtype") options.dtype = isObject(value) ? fromKeras(value) : dtypeOf(value);
    else if (words.has(key) && typeof value === "string") options[camelCase(key)] = camelCase(value);
    else options[camelCase(key)] = fromKeras(value, depth + 1);
  }
  return options;
}

function modelFromKeras(model: JsonObject, depth: number): Serialized {
  // Keras 1 wrote a list of layers where later versions write an object.
  const config = (isObject(model.config) ? model.config : { layers: model.config ?? null }) as JsonObject;
  if (!Array.isArray(config.layers) || !config.layers.every(isObject)) throw damaged("a model has no list of layers");
  const layers = config.layers as readonly JsonObject[];
  return model.class_name === "Sequential" ? chain(model, config, layers, depth) : graph(config, layers, depth);
}

const named = ({ name, trainable }: JsonObject): Config => ({
  ...(typeof name === "string" ? { name } : {}),
  ...(typeof trainable === "boolean" ? { trainable } : {}),
});

function chain(model: JsonObject, config: JsonObject, layers: readonly JsonObject[], depth: number): Serialized {
  const described = layers.map((layer) => fromKeras(layer, depth + 1) as Serialized);
  const [first] = described;
  const built = isObject(model.build_config) ? model.build_config.input_shape : undefined;
  const shape = (config.build_input_shape ?? built) as (number | null)[] | undefined;
  let input: Config | null = null;
  if (first?.className === "InputLayer") input = described.shift()!.config;
  else if (Array.isArray(first?.config.shape)) input = { shape: first.config.shape };
  else if (Array.isArray(shape)) input = { shape: shape.slice(1) };
  return { className: "Sequential", config: { ...named(config), input, layers: described } };
}

/** Which result of which call of a layer, as Keras writes it: [layer, call, result]. */
type History = readonly [layer: string, call: number, result: number, options?: Json];

const isHistory = (x: unknown): x is History =>
  Array.isArray(x) && x.length >= 3 && typeof x[0] === "string" && Number.isInteger(x[1]) && Number.isInteger(x[2]);

function graph(config: JsonObject, layers: readonly JsonObject[], depth: number): Serialized {
  const byName = new Map(layers.map((layer) => [nameOf(layer), layer]));
  if (byName.size !== layers.length) throw damaged("two layers have the same name");
  const nodes = new Map(layers.map((layer) => [nameOf(layer), Array.isArray(layer.inbound_nodes) ? layer.inbound_nodes : []]));
  const outputs = histories(config.output_layers!);
  const inputs = histories(config.input_layers!);
  // Keras counts a model's own graph as its first call, when the model is a layer of another one.
  const highest = new Map<string, number>();
  const note = ([name, call]: History): void => void highest.set(name, Math.max(call, highest.get(name) ?? 0));
  for (const layer of layers) tensorsIn(layer.inbound_nodes!).forEach(note);
  outputs.forEach(note);
  const reference = ([layer, call, output]: History) => {
    const count = nodes.get(layer)?.length;
    if (count === undefined) throw damaged(`it uses ${JSON.stringify(layer)}, which is not among its layers`);
    const shift = count > 0 && highest.get(layer)! >= count ? 1 : 0;
    return { layer, call: call - shift, output };
  };
  const spell = (tree: Json): unknown => {
    const history = historyOf(tree);
    if (history) return { reference: reference(history) };
    if (Array.isArray(tree)) return tree.map((x) => spell(x as Json));
    if (!isObject(tree)) return tree;
    if (typeof tree.class_name === "string") return fromKeras(tree, depth + 1);
    return Object.fromEntries(Object.entries(tree).map(([key, x]) => [camelCase(key), spell(x)]));
  };
  const used = reachable(outputs, nodes);
  for (const [name] of inputs) used.add(name);
  const described = layers
    .filter((layer) => used.has(nameOf(layer)))
    .map((layer) => {
      const name = nameOf(layer);
      const serialized = fromKeras(layer, depth + 1) as Serialized;
      const isInput = serialized.className === "InputLayer";
      return { ...serialized, name, calls: isInput ? [[]] : nodes.get(name)!.map((node) => callOf(node as Json, spell)) };
    });
  const list = (all: readonly History[]) => all.map(reference);
  return { className: "Model", config: { ...named(config), layers: described, inputs: list(inputs), outputs: list(outputs) } };
}

const nameOf = ({ name, config }: JsonObject): string => String(name ?? (isObject(config) ? config.name : ""));

/** Every [layer, call, result] in inputs, outputs or arguments. */
function histories(tree: Json): History[] {
  if (isHistory(tree)) return [tree];
  if (typeof tree !== "object" || tree === null) return [];
  return Object.values(tree).flatMap((x) => histories(x as Json));
}

/** The tensor that an argument is, if it is one. */
function historyOf(x: Json): History | null {
  if (!isObject(x) || x.class_name !== "__keras_tensor__" || !isObject(x.config)) return null;
  const { keras_history: history } = x.config;
  if (!isHistory(history)) throw damaged("a tensor does not say where it comes from");
  return history;
}

/** Tensors among the arguments of calls, in Keras 3's form or the earlier one. Masks are left out: layers hand them on. */
function tensorsIn(tree: Json): History[] {
  if (isHistory(tree)) return [tree, ...(isObject(tree[3]) ? tensorsIn(tree[3] as Json) : [])];
  if (Array.isArray(tree)) return tree.flatMap((x) => tensorsIn(x as Json));
  if (!isObject(tree)) return [];
  const history = historyOf(tree);
  if (history) return [history];
  return Object.entries(tree).flatMap(([key, x]) => (key === "mask" ? [] : tensorsIn(x)));
}

/** Names of the layers that the outputs depend on. */
function reachable(outputs: readonly History[], nodes: ReadonlyMap<string, readonly Json[]>): Set<string> {
  const found = new Set<string>();
  const waiting = outputs.map(([name]) => name);
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (found.has(name)) continue;
    found.add(name);
    for (const [from] of tensorsIn(nodes.get(name) ?? [])) waiting.push(from);
  }
  return found;
}

/** Arguments that may be given by name or by place, in the order of their places. */
const placed = ["inputs", "query", "value", "key"];

/** A call's arguments: ours come by place, with options last. */
function callOf(node: Json, spell: (tree: Json) => unknown): unknown[] {
  const { args, kwargs } = isObject(node) ? node : earlierNode(node);
  if (!Array.isArray(args) || !isObject(kwargs)) throw damaged("a call of a layer has no arguments");
  const options: Record<string, unknown> = {};
  const all = [...args];
  for (const [key, value] of Object.entries(kwargs)) {
    if (key === "mask" || key === "training" || value === null) continue;
    if (!placed.includes(key)) options[camelCase(key)] = spell(value);
  }
  for (const key of placed) if (kwargs[key] !== undefined && kwargs[key] !== null) all.push(kwargs[key]);
  const spelled = all.filter((x) => x !== null).map((x) => spell(x as Json));
  return Object.keys(options).length ? [...spelled, options] : spelled;
}

/** [["dense", 0, 0, { training: true }], …], as Keras wrote calls before version 3. */
function earlierNode(node: Json): JsonObject {
  const histories = (isHistory(node) ? [node] : Array.isArray(node) ? node : []) as readonly Json[];
  const tensor = (history: Json): Json => {
    if (!isHistory(history)) return history;
    return { class_name: "__keras_tensor__", config: { keras_history: history.slice(0, 3) as Json[] } };
  };
  const all = histories.map(tensor);
  const given = (histories.find(isHistory) as History | undefined)?.[3];
  const kwargs = Object.fromEntries(
    Object.entries(given !== undefined && isObject(given) ? given : {}).map(([key, value]) => [key, tensorsNamed(value, tensor)]),
  );
  return { args: all.length === 1 ? all : [all], kwargs };
}

const tensorsNamed = (value: Json, tensor: (x: Json) => Json): Json =>
  Array.isArray(value) && !isHistory(value) ? value.map((x) => tensorsNamed(x as Json, tensor)) : tensor(value);

/** How the model was compiled, in our form; null if it was not. */
export function trainingFromKeras(compiled: unknown): Config | null {
  if (!isObject(compiled)) return null;
  const { optimizer_config: earlier, optimizer = earlier ?? null, loss, metrics, loss_weights, weighted_metrics } = compiled;
  const settings = fromKeras({
    ...(optimizer ? { optimizer } : {}),
    ...(loss ? { loss } : {}),
    ...(metrics ? { metrics: flat(metrics) } : {}),
    ...(loss_weights ? { loss_weights } : {}),
    ...(weighted_metrics ? { weighted_metrics: flat(weighted_metrics) } : {}),
  } as Json);
  return Object.keys(settings as object).length ? (settings as Config) : null;
}

/** [["accuracy"]] → ["accuracy"]: a list for each output, where there is only one. */
const flat = (metrics: Json): Json => (Array.isArray(metrics) && metrics.length === 1 && Array.isArray(metrics[0]) ? metrics[0] : metrics);

/** "MultiHeadAttention" → "multi_head_attention", with all that are no letters, digits or underscores left out. */
export const groupName = (className: string): string => snakeCase(className.replace(/\W+/g, ""));
