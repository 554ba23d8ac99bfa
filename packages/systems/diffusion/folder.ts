import { FormatError } from "@gradus/tensor";
import { type ModelFolder, placeOf, readObject, readText } from "../model-folder.ts";

export type Json = Readonly<Record<string, unknown>>;

/** As `readText`, `readObject`; FormatError where there is no such file. */
export async function needText(operation: string, folder: ModelFolder, name: string): Promise<string> {
  return (await readText(operation, folder, name)) ?? lacks(operation, folder, name);
}
export async function needJson(operation: string, folder: ModelFolder, name: string): Promise<Json> {
  return (await readObject(operation, folder, name)) ?? lacks(operation, folder, name);
}

function lacks(operation: string, folder: ModelFolder, name: string): never {
  throw new FormatError(
    operation,
    `there is no ${name} in ${placeOf(folder)}`,
    "Give a model's folder as diffusers lays it out, with all of its files",
  );
}
