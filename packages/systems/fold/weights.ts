import { ArgumentError, FormatError, ShapeError, type Source, stack, type Tensor } from "@gradus/tensor";
import {
  type ArrayData,
  loadFile,
  readNpy,
  saveFile,
  toArrayData,
  toTensor,
  unpackZipEntry,
  writeNpz,
  zipEntries,
} from "@gradus/tensor/io";
import { configs, type FoldConfig } from "./config.ts";
import { type ModelWeights, modelParameters } from "./network/model.ts";
import { type Path, visitParameters } from "./network/parameters.ts";

/** The official files, `params_model_*.npz`. */

/** What all names begin with. */
const SCOPE = "alphafold/alphafold_iteration/";

/** An array of a file. Blocks of a stack lie in one, along its first axis. */
interface Entry {
  readonly shape: readonly number[];
  /** Null outside of stacks. */
  readonly blocks: number | null;
}

/** The name in a file of the parameter at a path: `SCOPE//NAME`, without the numbers of blocks. */
const keyOf = (path: Path): string => {
  const names = path.filter((part) => typeof part === "string");
  return `${SCOPE}${names.slice(0, -1).join("/")}//${names.at(-1)}`;
};

const blockOf = (path: Path): number | null => (path.find((part) => typeof part === "number") as number | undefined) ?? null;

/** The arrays of a network's file by name, with their shapes. */
export function officialArrays(config: FoldConfig): Map<string, Entry> {
  const found = new Map<string, { shape: readonly number[]; blocks: number | null }>();
  visitParameters(modelParameters(config), ({ shape }, path) => {
    const block = blockOf(path);
    const blocks = block === null ? null : block + 1;
    found.set(keyOf(path), { shape: blocks === null ? shape : [blocks, ...shape], blocks });
  });
  return found;
}

/** Weights from a file, and the names of arrays in it that the network has nothing to do with. */
export interface LoadedWeights {
  readonly weights: ModelWeights;
  readonly ignored: readonly string[];
}

/**
 * The weights of a network from an official file: a path, or its bytes. Each array that the network has is used exactly once. FormatError
 * for arrays that are missing, that are there twice, or that belong to another of the networks (such as templates' to one without), and
 * for damaged files; ShapeError for arrays of another shape.
 */
export async function loadOfficialWeights(source: Source, config: FoldConfig): Promise<LoadedWeights> {
  const operation = "loadOfficialWeights";
  const bytes = typeof source === "string" ? await loadFile(source) : source instanceof Uint8Array ? source : new Uint8Array(source);
  const wanted = officialArrays(config);
  const entries = new Map<string, ReturnType<typeof zipEntries>[number]>();
  for (const entry of zipEntries(operation, bytes)) {
    const name = entry.name.replace(/\.npy$/, "");
    if (entries.has(name)) throw new FormatError(operation, `the file has ${name} twice`);
    entries.set(name, entry);
  }
  const missing = [...wanted.keys()].filter((name) => !entries.has(name));
  if (missing.length) throw new FormatError(operation, `the file lacks ${some(missing)}`, nameHint);
  const others = [...entries.keys()].filter((name) => !wanted.has(name));
  const known = new Set(Object.values(configs).flatMap((other) => [...officialArrays(other).keys()]));
  const foreign = others.filter((name) => known.has(name));
  if (foreign.length) throw new FormatError(operation, `the network has no place for ${some(foreign)}`, nameHint);

  const arrays = new Map<string, Tensor>();
  for (const [name, { shape }] of wanted) {
    const array = readNpy(await unpackZipEntry(operation, entries.get(name)!));
    if (array.shape.join() !== shape.join())
      throw new ShapeError(operation, `${name} has shape [${array.shape.join(", ")}], the network [${shape.join(", ")}]`, nameHint);
    if (array.dtype !== "float32") throw new FormatError(operation, `${name} holds ${array.dtype}`, "Weights are float32");
    arrays.set(name, toTensor(array));
  }
  const weights = visitParameters(modelParameters(config), (_, path) => {
    const whole = arrays.get(keyOf(path))!;
    const block = blockOf(path);
    // Blocks become arrays of their own: a stack would be copied by every program that takes one of them.
    return (block === null ? whole : whole.get(block)).realize();
  });
  for (const [name, { blocks }] of wanted) if (blocks !== null) arrays.get(name)!.dispose();
  return { weights: weights as ModelWeights, ignored: others };
}

const nameHint = "The file may be of another network: give the name it has, such as model_1 for params_model_1.npz";

/** The first few names, and how many more there are. */
const some = (names: readonly string[]): string =>
  names.length > 6 ? `${names.slice(0, 6).join(", ")} and ${names.length - 6} more` : names.join(", ");

/** Writes weights as an official file, which `loadOfficialWeights` reads. ArgumentError for weights of another network. */
export async function saveOfficialWeights(path: string, weights: ModelWeights, config: FoldConfig): Promise<void> {
  const parts = new Map<string, Tensor[]>();
  visitParameters(modelParameters(config), ({ shape }, way) => {
    const leaf = way.reduce<unknown>((tree, part) => (tree as Record<string | number, unknown> | undefined)?.[part], weights);
    const array = leaf as Tensor | undefined;
    if (array?.shape.join() !== shape.join())
      throw new ArgumentError("saveOfficialWeights", `${way.join("/")} is not what the configuration says`, "Give that of the weights");
    const list = parts.get(keyOf(way)) ?? [];
    parts.set(keyOf(way), [...list, array]);
  });
  const arrays: [string, ArrayData][] = [];
  for (const [name, { blocks }] of officialArrays(config)) {
    const list = parts.get(name)!;
    arrays.push([name, await toArrayData(blocks === null ? list[0]! : stack(list))]);
  }
  await saveFile(path, [writeNpz(arrays)]);
}
