import { FormatError } from "@gradus/tensor";
import { unpackZipEntry, type ZipEntry, zipEntries } from "@gradus/tensor/io";
import { parseJson } from "@gradus/tensor/json";
import { type Layer, layerRegistry } from "../../layer.ts";
import { TextVectorization } from "../../layers/text.ts";
import { Model } from "../../model.ts";
import type { Config, Serialized } from "../../serialize.ts";
import { checkClasses } from "../classes.ts";
import { type Hdf5Reader, readHdf5 } from "../hdf5.ts";
import { fromKeras, isObject, trainingFromKeras } from "./config.ts";
import { assignFound, findEarlierWeights, findWeights } from "./weights.ts";

const operation = "loadModel";

/** A model from a `.keras` file (Keras 3): layers, weights and how it was compiled; the optimizer starts anew. */
export async function loadKeras(bytes: Uint8Array): Promise<Model> {
  const entries = new Map(zipEntries(operation, bytes).map((entry) => [entry.name, entry]));
  const [config, weights] = [entries.get("config.json"), entries.get("model.weights.h5")];
  if (!config) throw new FormatError(operation, "the archive holds no config.json", "Only `.keras` archives of Keras 3 hold models");
  if (!weights) throw new FormatError(operation, "the archive holds no model.weights.h5", "Save the model again with Keras 3");
  const description = json(new TextDecoder().decode(await unpackZipEntry(operation, config)), "config.json");
  const model = modelOf(description);
  const vocabularies = await vocabulariesOf(entries, model);
  const file = await unpackZipEntry(operation, weights);
  await readHdf5(operation, file, (h5) => assignFound(findWeights(h5, model, description)));
  for (const [layer, words] of vocabularies) layer.setVocabulary(words);
  compileAs(model, trainingFromKeras(isObject(description) ? description.compile_config : null));
  return model;
}

/** A model from an `.h5` file as Keras 1 to 3 write it for names that end so. */
export async function loadEarlierKeras(bytes: Uint8Array): Promise<Model> {
  return readHdf5(operation, bytes, (h5) => {
    const text = h5.attribute("", "model_config");
    if (typeof text !== "string")
      throw new FormatError(
        operation,
        "the HDF5 file holds no description of a model",
        "For weights alone, make the model and use loadWeights",
      );
    const model = modelOf(json(text, "model_config"));
    assignFound(findEarlierWeights(h5, "model_weights", model));
    const training = h5.attribute("", "training_config");
    if (typeof training === "string") compileAs(model, trainingFromKeras(json(training, "training_config")));
    return model;
  });
}

/** Weights from a file of Keras's `save_weights` or `save` into a model of the same layers. */
export async function loadKerasWeights(model: Layer, bytes: Uint8Array): Promise<void> {
  await readHdf5("loadWeights", bytes, (h5) => {
    const group = earlierGroup(h5);
    if (group === null) assignFound(findWeights(h5, model, null));
    else if (model instanceof Model) assignFound(findEarlierWeights(h5, group, model));
    else throw new FormatError("loadWeights", `the file holds the weights of a model, ${model} is a layer`);
  });
}

const earlierGroup = (h5: Hdf5Reader): string | null =>
  ["model_weights", ""].find((group) => h5.attribute(group, "layer_names") !== null || h5.attribute(group, "layer_names0") !== null) ??
  null;

const json = (text: string, name: string): unknown =>
  parseJson(text, (problem) => {
    throw new FormatError(operation, `${name} in the file ${problem}`);
  });

function modelOf(description: unknown): Model {
  const serialized = fromKeras(description as Parameters<typeof fromKeras>[0]) as Partial<Serialized>;
  if (!isObject(serialized) || typeof serialized.className !== "string" || !isObject(serialized.config))
    throw new FormatError(operation, "the file describes no model");
  checkClasses(serialized as unknown as Serialized);
  const model = layerRegistry.deserialize(serialized as unknown as Serialized);
  if (!(model instanceof Model)) throw new FormatError(operation, `the file describes ${model}, which is no model`);
  if (!model.built)
    throw new FormatError(operation, `the description of ${model} does not say its input`, "Make the model in code and use loadWeights");
  return model;
}

/** Words of the model's TextVectorization layers, which Keras keeps in files of their own. */
async function vocabulariesOf(entries: ReadonlyMap<string, ZipEntry>, model: Model): Promise<[TextVectorization, string[]][]> {
  const found: [TextVectorization, string[]][] = [];
  const layers = model.layers.filter((layer) => layer instanceof TextVectorization);
  for (const [i, layer] of layers.entries()) {
    const entry = entries.get(`assets/layers/text_vectorization${i ? `_${i}` : ""}/_lookup_layer/vocabulary.txt`);
    if (entry)
      found.push([
        layer,
        new TextDecoder()
          .decode(await unpackZipEntry(operation, entry))
          .split("\n")
          .filter(Boolean),
      ]);
  }
  return found;
}

/** Losses and metrics that are not known here leave the model uncompiled: it predicts all the same. */
function compileAs(model: Model, training: Config | null): void {
  if (!training) return;
  try {
    model.compile(training);
  } catch (error) {
    console.warn(`loadModel: ${model} is not compiled, since its training is described in words unknown here: ${(error as Error).message}`);
  }
}
