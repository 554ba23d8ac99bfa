/** Formats and files, for those who work below tensors. */
export type { ArrayData } from "../array-data.ts";
export { loadFile, makeFolder, openFile, removeUnfinished, saveFile } from "./files.ts";
export { npyChunks, readNpy, readNpyStream, writeNpy } from "./npy.ts";
export { readNpz, writeNpz } from "./npz.ts";
export { formatArray, type PrintOptions } from "./print.ts";
export { openSafetensors, type RandomAccess, readSafetensors, type SafetensorsEntry, safetensorsChunks } from "./safetensors.ts";
export { toArrayData, toTensor } from "./tensors.ts";
export { unpackZipEntry, type ZipEntry, zipBytes, zipEntries } from "./zip.ts";
