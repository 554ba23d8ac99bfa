import { extname } from "node:path";
import { gzipSync } from "node:zlib";
import { fileChunks } from "@gradus/data/node";
import { ArgumentError } from "@gradus/tensor";
import { saveFile } from "@gradus/tensor/io";
import { paeJson } from "./io/pae.ts";
import { readStructure } from "./io/read-structure.ts";
import type { Structure } from "./io/structure.ts";
import { type WriteOptions, writeMmcif } from "./io/write-mmcif.ts";
import { writePdb } from "./io/write-pdb.ts";

/** The structure of an mmCIF or PDB file, packed by gzip or not. Node's own error for a file that cannot be read. */
export const loadStructure = (path: string): Promise<Structure> => readStructure(fileChunks(path));

/** Writes predicted aligned errors as JSON (see `paeJson`): all of the file or nothing. */
export async function savePae(path: string, pae: ArrayLike<number>, max: number): Promise<void> {
  await saveFile(path, [new TextEncoder().encode(paeJson(pae, max))]);
}

export type SaveStructureOptions = WriteOptions;

/** Writes a structure as its name says, `.cif` or `.pdb`, packed with `.gz` after it: all of the file or nothing. */
export async function saveStructure(path: string, structure: Structure, options: SaveStructureOptions = {}): Promise<void> {
  const packed = path.endsWith(".gz");
  const extension = extname(packed ? path.slice(0, -3) : path).toLowerCase();
  const write = { ".cif": writeMmcif, ".mmcif": writeMmcif, ".pdb": writePdb, ".ent": writePdb }[extension];
  if (!write)
    throw new ArgumentError("saveStructure", `${JSON.stringify(path)} is no name of a structure file`, "End it with .cif or .pdb");
  const bytes = new TextEncoder().encode(write(structure, options));
  await saveFile(path, [packed ? gzipSync(bytes) : bytes]);
}
