import { FormatError } from "@gradus/tensor";
import { type ArrayData, makeFolder, safetensorsChunks, saveFile } from "@gradus/tensor/io";
import { type ModelFolder, placeOf, readObject } from "../../model-folder.ts";

/** The `config.json` of a folder. FormatError where there is none. */
export async function configIn(operation: string, folder: ModelFolder): Promise<Record<string, unknown>> {
  const json = await readObject(operation, folder, "config.json");
  if (!json)
    throw new FormatError(operation, `there is no config.json in ${placeOf(folder)}`, "Give a model's folder as Hugging Face lays it out");
  return json;
}

/** Writes `model.safetensors`, then `config.json`, without which a folder is none. */
export async function saveFolder(
  folder: string,
  config: object,
  arrays: Iterable<readonly [name: string, array: ArrayData]>,
): Promise<void> {
  await makeFolder(folder);
  await saveFile(`${folder}/model.safetensors`, safetensorsChunks(arrays, { format: "pt" }));
  await saveFile(`${folder}/config.json`, [new TextEncoder().encode(`${JSON.stringify(config, null, 2)}\n`)]);
}
