import { FormatError, loadSafetensors, ShapeError, type Source, safetensorsBytes, type Tensor } from "@gradus/tensor";
import { parseJson } from "@gradus/tensor/json";
import { configs, type FoldConfig } from "./config.ts";
import { type ModelWeights, modelParameters } from "./network/model.ts";
import { type Path, visitParameters } from "./network/parameters.ts";

/** Models that we trained: a description as JSON, which has `config`, and weights. */

/** A network with its weights, and what training wrote about them. */
export interface TrainedFold {
  readonly config: FoldConfig;
  readonly weights: ModelWeights;
  /** All that the description says: how it was trained, on what, what came out. */
  readonly record: Readonly<Record<string, unknown>>;
}

/** Such as "evoformer/evoformer_iteration/0/msa_transition/transition1/weights": the official names, blocks by number. */
export const nameOf = (path: Path): string => path.join("/");

/** A network's arrays by name. */
export function namedWeights(config: FoldConfig, weights: ModelWeights): Record<string, Tensor> {
  const named: Record<string, Tensor> = {};
  visitParameters(modelParameters(config), (_, path) => {
    named[nameOf(path)] = path.reduce<unknown>((tree, part) => (tree as Record<string | number, unknown>)[part], weights) as Tensor;
  });
  return named;
}

/** The weights as the bytes of a .safetensors file, two bytes a weight. */
export async function trainedBytes(config: FoldConfig, weights: ModelWeights): Promise<Uint8Array> {
  const halves = Object.entries(namedWeights(config, weights)).map(([name, array]) => [name, array.astype("float16")] as const);
  const bytes = await safetensorsBytes(Object.fromEntries(halves));
  for (const [, array] of halves) array.dispose();
  return bytes;
}

/**
 * A model from what training wrote: its description as JSON and its weights. FormatError for other files, ShapeError for weights of
 * another network.
 */
export async function loadFold(description: string, weights: Source, where = "the description"): Promise<TrainedFold> {
  const record = parseRecord(description, where);
  const { config } = record;
  const arrays = await loadSafetensors(weights);
  try {
    const left = new Set(Object.keys(arrays));
    const tree = visitParameters(modelParameters(config), ({ shape }, path) => {
      const name = nameOf(path);
      const array = arrays[name];
      if (!array) throw new FormatError("loadFold", `the weights lack ${name}`, `Are they those of ${where}?`);
      if (array.shape.join() !== shape.join())
        throw new ShapeError("loadFold", `${name} is [${array.shape.join(", ")}], [${shape.join(", ")}] by ${where}`);
      left.delete(name);
      return array.astype("float32").realize();
    });
    if (left.size) throw new FormatError("loadFold", `the network has no place for ${[...left][0]} of the weights`);
    return { config, weights: tree as ModelWeights, record };
  } finally {
    for (const array of Object.values(arrays)) array.dispose();
  }
}

/** Numbers beyond this make no network that anyone trained here: they would take all memory before the weights are even looked at. */
const largest = 100_000;

function parseRecord(description: string, where: string): { readonly config: FoldConfig } & Record<string, unknown> {
  const record = parseJson(description);
  const config = (record as { config?: unknown } | null | undefined)?.config;
  const problem = unlike(config, configs["small"]!, "config");
  if (problem)
    throw new FormatError(
      "loadFold",
      `${where} does not describe a folding network: ${problem}`,
      "It needs config, as gradus train fold writes it",
    );
  return record as { readonly config: FoldConfig } & Record<string, unknown>;
}

/** Where a value is not of the form of another, in words; null where it is. Models that we train have no templates. */
function unlike(value: unknown, pattern: unknown, path: string): string | null {
  if (typeof pattern === "number")
    return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= largest ? null : `${path} is ${JSON.stringify(value)}`;
  if (typeof pattern !== "object" || pattern === null)
    return typeof value === typeof pattern ? null : `${path} is ${JSON.stringify(value)}`;
  if (typeof value !== "object" || value === null) return `there is no ${path}`;
  const parts = Object.entries(pattern).map(([key, inner]) => unlike((value as Record<string, unknown>)[key], inner, `${path}.${key}`));
  return parts.find((part) => part !== null) ?? null;
}
