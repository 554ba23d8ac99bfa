import type { Layer } from "@gradus/nn";
import { type DType, FormatError, ShapeError } from "@gradus/tensor";
import { type ArrayData, makeFolder, openSafetensors, safetensorsChunks, saveFile } from "@gradus/tensor/io";
import { type ModelFolder, openIn, placeOf } from "../model-folder.ts";
import { arrayOf, type Parameter, parametersOf, setParameter } from "./parameters.ts";

/** The parts of a model that have weights, by their folders in it. */
export type PartName = "text_encoder" | "unet" | "vae";

const operation = "loadStableDiffusion";

/** Files that may hold a part's weights, the first one there counts. */
const files: Readonly<Record<PartName, readonly string[]>> = {
  text_encoder: ["model.safetensors", "model.fp16.safetensors"],
  unet: ["diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"],
  vae: ["diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"],
};

/** Names that attention in the autoencoder had in 2022. */
const older: Readonly<Record<string, string>> = { to_q: "query", to_k: "key", to_v: "value", "to_out.0": "proj_attn" };

/** What else a file may hold: places from 0 on, which are not weights. */
const spare = new Set(["text_model.embeddings.position_ids"]);

/** The names that a weight may have in a file, today's first. */
function namesOf(part: PartName, name: string): string[] {
  const found = part === "vae" ? /^((?:en|de)coder\.mid_block\.attentions\.0\.)(to_q|to_k|to_v|to_out\.0)(\.\w+)$/.exec(name) : null;
  return found ? [name, `${found[1]}${older[found[2]!]}${found[3]}`] : [name];
}

/** Opens a part's file, uses it, and closes it. FormatError for one that is not there or damaged. */
async function withPart<T>(folder: ModelFolder, part: PartName, body: (arrays: Arrays, name: string) => T | Promise<T>): Promise<T> {
  const candidates = files[part].map((file) => `${part}/${file}`);
  for (const name of candidates) {
    const file = await openIn(folder, name);
    if (!file) continue;
    try {
      const arrays = await openSafetensors(file).catch((error: unknown) => {
        if (error instanceof FormatError)
          throw new FormatError(operation, `${name} cannot be read: ${error.problem}`, "Is the download complete?");
        throw error;
      });
      return await body(arrays, name);
    } finally {
      await file.close();
    }
  }
  throw new FormatError(
    operation,
    `there is no ${candidates[0]} in ${placeOf(folder)}`,
    "Give a model's folder as diffusers lays it out; weights in other files, such as .bin or .ckpt, have to be converted to safetensors",
  );
}

type Arrays = Awaited<ReturnType<typeof openSafetensors>>;

/**
 * Sets a part's weights from a model's folder, one after the other, so that no more than one is held beside the network. Every array of
 * the file is used exactly once. FormatError for a file or for names that are missing or left over, ShapeError for arrays of another
 * shape: nothing is changed then.
 */
export const loadPart = (network: Layer, folder: ModelFolder, part: PartName): Promise<void> =>
  withPart(folder, part, async ({ entries, read }, name) => {
    for (const [parameter, key] of match(part, name, parametersOf(network), entries)) setParameter(parameter, await read(key));
  });

/** The type of a part's weights in a folder: that of most of its arrays. */
export const typeOfPart = (folder: ModelFolder, part: PartName): Promise<DType> =>
  withPart(folder, part, ({ entries }) => {
    const half = [...entries.values()].filter(({ type }) => type === "F16" || type === "BF16").length;
    return 2 * half > entries.size ? "float16" : "float32";
  });

type Entries = ReadonlyMap<string, { readonly type: string; readonly shape: readonly number[] }>;

/** Which array of the file each weight is. */
function match(part: PartName, file: string, parameters: readonly Parameter[], entries: Entries): [Parameter, string][] {
  const missing: string[] = [];
  const left = new Set([...entries.keys()].filter((key) => !spare.has(key)));
  const pairs = parameters.flatMap((parameter): [Parameter, string][] => {
    const key = namesOf(part, parameter.name).find((n) => left.has(n));
    if (key === undefined) {
      missing.push(parameter.name);
      return [];
    }
    left.delete(key);
    return [[parameter, key]];
  });
  if (missing.length) throw new FormatError(operation, `${file} lacks ${some(missing)}`, hint(part, [...entries.keys()]));
  if (left.size)
    throw new FormatError(operation, `the ${part} has no place for ${some([...left])} of ${file}`, hint(part, [...entries.keys()]));
  for (const [{ name, shape }, key] of pairs) {
    const found = entries.get(key)!;
    // Products of the autoencoder's attention were 1 x 1 convolutions once.
    const plain = part === "vae" && found.shape.length === 4 && shape.length === 2 && found.shape[2] === 1 && found.shape[3] === 1;
    if ((plain ? found.shape.slice(0, 2) : found.shape).join() !== shape.join())
      throw new ShapeError(
        operation,
        `${key} of ${file} has shape [${found.shape.join(", ")}], ${name} is [${shape.join(", ")}] by its config.json`,
        "The files may be of different models",
      );
    if (!/^B?F\d+$/.test(found.type))
      throw new FormatError(operation, `${key} of ${file} has elements of type ${found.type}`, "Weights are floats");
  }
  return pairs;
}

/** What the file may be instead. */
function hint(part: PartName, names: readonly string[]): string {
  const has = (start: string): boolean => names.some((name) => name.startsWith(start));
  if (has("model.diffusion_model.") || has("first_stage_model."))
    return "It is a whole model in one file, under its authors' names: convert it to diffusers' layout";
  if (has("base_model.") || names.some((name) => name.includes("lora"))) return "It holds changes to a model (LoRA), not a model";
  if (part !== "unet" && has("down_blocks.")) return "It looks like a U-Net";
  if (part !== "vae" && has("decoder.")) return "It looks like an autoencoder";
  if (part !== "text_encoder" && has("text_model.")) return "It looks like a text encoder";
  return "It may be of another network, or of another size of this one";
}

const some = (names: readonly string[]): string =>
  names.length > 6 ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more` : names.join(", ");

/** Writes a part's weights into a model's folder, under the names of the published checkpoints. */
export async function savePart(network: Layer, folder: string, part: PartName): Promise<void> {
  await makeFolder(`${folder}/${part}`);
  const arrays: [string, ArrayData][] = [];
  for (const parameter of parametersOf(network)) arrays.push([parameter.name, await arrayOf(parameter)]);
  await saveFile(`${folder}/${part}/${files[part][0]}`, safetensorsChunks(arrays, { format: "pt" }));
}
