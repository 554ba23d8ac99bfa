import { FormatError, type Variable } from "@gradus/tensor";
import type { Layer } from "../../layer.ts";
import { Bidirectional, Recurrent } from "../../layers/recurrent.ts";
import { Model, Sequential } from "../../model.ts";
import type { SerializableClass } from "../../serialize.ts";
import type { Hdf5Array, Hdf5Reader } from "../hdf5.ts";
import { groupName, isObject, nameOfClass } from "./config.ts";
import { kerasOrder } from "./order.ts";

/**
 * Where Keras keeps a model's weights. Keras 3 (`.keras`, `.weights.h5`): every layer has a group, named after the property
 * of the layer that holds it, with its own weights as "vars/0", "vars/1", …; the layers of a model lie in the group "layers"
 * under their classes' names, numbered. Before (`.h5`): a group for each layer by its name, with a list of all weights.
 */

const operation = "loadModel";

/** The arrays for some weights. */
export type Found = Map<Variable, Hdf5Array>;

/** A layer with its group. Recurrent layers keep their weights in their cell. */
export interface Place {
  readonly path: string;
  readonly layer: Layer;
  readonly variables: readonly Variable[];
}

/** Properties whose name is another one in Keras. */
const renamed: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  MultiHeadAttention: { query: "query_dense", key: "key_dense", value: "value_dense", attentionOutput: "output_dense" },
  GroupedQueryAttention: { query: "query_dense", key: "key_dense", value: "value_dense", attentionOutput: "output_dense" },
};

const classOf = (layer: Layer): string => (layer.constructor as unknown as SerializableClass).className;

/** Layers that a model's description lists, in the order of the file; only those that the model uses have a `layer`. */
interface Listed {
  readonly className: string;
  readonly description: unknown;
  readonly layer: Layer | undefined;
}

/** All layers that may have weights, with their groups in Keras 3's files. `description`: Keras's, where there is one. */
export function places(layer: Layer, description: unknown = null, path = ""): Place[] {
  const own = { path: layer instanceof Recurrent ? join(path, "cell") : path, layer, variables: layer.ownVariables };
  return [own, ...children(layer, description).flatMap(([name, child, inner]) => places(child, inner, join(path, name)))];
}

const join = (path: string, name: string): string => (path ? `${path}/${name}` : name);

type Child = readonly [name: string, layer: Layer, description: unknown];

function children(layer: Layer, description: unknown): Child[] {
  const config = isObject(description) && isObject(description.config) ? description.config : {};
  if (layer instanceof Model && layer.isGraph) {
    const listed = Array.isArray(config.layers) ? listedIn(layer, config.layers) : ownOrder(layer).map(ownListed);
    return numbered(listed).map(([name, child, inner]) => [`layers/${name}`, child, inner]);
  }
  if (layer instanceof Bidirectional)
    return [
      ["forward_layer", layer.forwardLayer, config.layer],
      ["backward_layer", layer.backwardLayer, config.backward_layer],
    ];
  const names = renamed[classOf(layer)] ?? {};
  return layer.namedProperties.flatMap(([property, held]): Child[] => {
    const name = names[property] ?? groupName(property);
    if (!Array.isArray(held)) return [[name, held as Layer, config[name]]];
    return numbered(held.map(ownListed)).map(([inner, child]) => [`${name}/${inner}`, child, null]);
  });
}

const ownOrder = (model: Model): readonly Layer[] => (model instanceof Sequential ? model.layers : kerasOrder(model));

/** Keras calls a graph of layers "Functional". */
const kerasClass = (layer: Layer): string => (classOf(layer) === "Model" ? "Functional" : classOf(layer));

const ownListed = (layer: Layer): Listed => ({ className: kerasClass(layer), description: null, layer });

function listedIn(model: Model, layers: readonly unknown[]): Listed[] {
  const byName = new Map(model.layers.map((layer) => [layer.name, layer]));
  return layers.filter(isObject).map((description) => {
    const { name, config } = description;
    const found = byName.get(String(name ?? (isObject(config) ? config.name : "")));
    return { className: nameOfClass(description), description, layer: found };
  });
}

/** "dense", "dense_1", …: names count up for each class. */
function numbered(layers: readonly Listed[]): Child[] {
  const counts = new Map<string, number>();
  return layers.flatMap(({ className, description, layer }): Child[] => {
    const name = groupName(className);
    const n = counts.get(name) ?? 0;
    counts.set(name, n + 1);
    return layer ? [[n ? `${name}_${n}` : name, layer, description]] : [];
  });
}

/** The weights in a file of Keras 3. FormatError lists all that is missing or does not fit. */
export function findWeights(file: Hdf5Reader, model: Layer, description: unknown): Found {
  const problems: string[] = [];
  const found: Found = new Map();
  for (const { path, layer, variables } of places(model, description)) {
    if (!variables.length) continue;
    const group = groupOf(file, path);
    const stored = group === null ? 0 : file.members(group).length;
    // A Normalization also counts the examples it has seen.
    const expected = variables.length + (classOf(layer) === "Normalization" && stored === 3 ? 1 : 0);
    if (stored !== expected) problems.push(`${path || "the model"} holds ${stored} weights, ${layer} has ${variables.length}`);
    else variables.forEach((variable, i) => take(file.array(`${group}/${i}`), variable, `${path}/vars/${i}`, found, problems));
  }
  report(problems);
  return found;
}

/** The group with a layer's weights, under one of the names that versions of Keras gave it. */
function groupOf(file: Hdf5Reader, path: string): string | null {
  const spellings = [
    path,
    path.replaceAll(/(^|\/)layers\//g, "$1_layer_checkpoint_dependencies/"),
    path.replace(/(query|key|value|output)_dense$/, "_$1_dense"),
  ];
  return spellings.map((name) => join(name, "vars")).find((name) => file.isGroup(name)) ?? null;
}

function take(array: Hdf5Array | null, variable: Variable, name: string, found: Found, problems: string[]): void {
  if (!array) problems.push(`${name} is missing`);
  else if (array.shape.join() !== variable.shape.join())
    problems.push(`${name} has shape [${array.shape.join(", ")}], ${variable.name} needs [${variable.shape.join(", ")}]`);
  else found.set(variable, array);
}

function report(problems: readonly string[]): void {
  if (!problems.length) return;
  const shown = problems.slice(0, 5).join("; ");
  throw new FormatError(
    operation,
    `the weights do not fit the layers: ${shown}${problems.length > 5 ? `; and ${problems.length - 5} more` : ""}`,
    "Nothing was loaded",
  );
}

/** The weights in a file of Keras before version 3, whose layers lie in `group`. */
export function findEarlierWeights(file: Hdf5Reader, group: string, model: Model): Found {
  const problems: string[] = [];
  const found: Found = new Map();
  for (const layer of model.layers) {
    const { weights } = layer;
    if (!weights.length) continue;
    const path = join(group, layer.name);
    const names = texts(file, path, "weight_names");
    if (names.length !== weights.length) problems.push(`${layer.name} holds ${names.length} weights, ${layer} has ${weights.length}`);
    else weights.forEach((variable, i) => take(file.array(join(path, names[i]!)), variable, names[i]!, found, problems));
  }
  report(problems);
  return found;
}

/** A list of texts; long ones are cut into attributes "name0", "name1", …. */
function texts(file: Hdf5Reader, path: string, name: string): readonly string[] {
  const whole = file.attribute(path, name);
  if (whole !== null) return Array.isArray(whole) ? whole : [whole as string];
  const parts: string[] = [];
  for (let i = 0; ; i++) {
    const part = file.attribute(path, `${name}${i}`);
    if (part === null) return parts;
    parts.push(...(Array.isArray(part) ? part : [part as string]));
  }
}

/** Sets the weights: all are read before the first is changed. */
export function assignFound(found: Found): void {
  const values = [...found].map(([variable, array]) => [variable, array.read().astype(variable.dtype)] as const);
  for (const [variable, value] of values) variable.assign(value);
}
