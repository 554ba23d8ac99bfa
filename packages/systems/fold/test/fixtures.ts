import { existsSync, readFileSync } from "node:fs";
import { type ArrayData, readNpz } from "@gradus/tensor/io";

const folder = new URL("../../../../../shared/fixtures/alphafold/", import.meta.url);

/** Why tests that need them are skipped, or null: the numbers of a reference implementation lie beside the repository. */
export const noFixtures = existsSync(folder) ? null : "shared/fixtures/alphafold is not beside the repository";

/** One of the reference's files by name, without `.npz`. */
export const fixture = (name: string): Promise<Map<string, ArrayData>> => readNpz(readFileSync(new URL(`${name}.npz`, folder)));
