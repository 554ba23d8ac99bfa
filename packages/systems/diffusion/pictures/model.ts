import { ArgumentError, FormatError, type Source } from "@gradus/tensor";
import { coarseBytes, type NamedParameters, setCoarse } from "../coarse-weights.ts";
import { type Denoiser, denoiserOf } from "../denoiser.ts";
import { parametersOf } from "../parameters.ts";
import { Schedule } from "../schedule.ts";
import type { PictureConfig } from "./config.ts";

/** A model that draws pictures like those of a data set. */
export interface PictureModel {
  readonly config: PictureConfig;
  readonly network: Denoiser;
  readonly schedule: Schedule;
}

/** A model with new weights. */
export const pictureModel = (config: PictureConfig): PictureModel => ({
  ...{ config, network: denoiserOf(config.network), schedule: new Schedule(config.schedule) },
});

const weightsOf = ({ network }: PictureModel): NamedParameters => parametersOf(network).map((p) => [p.name, p] as const);

/** The weights as the bytes of a .safetensors file, about one byte a weight. */
export const pictureModelBytes = (model: PictureModel): Promise<Uint8Array> => coarseBytes(weightsOf(model));

/**
 * A model from what training wrote: its description as JSON, which has `config`, and its weights. FormatError for other files, ShapeError
 * for weights of another model.
 */
export async function loadPictureModel(description: string, weights: Source, where = "the description"): Promise<PictureModel> {
  const model = pictureModel(parseConfig(description, where));
  await setCoarse("loadPictureModel", weightsOf(model), weights, where);
  return model;
}

/** Whether a description is of such a model; what it says is not checked. */
export function describesPictures(description: string): boolean {
  try {
    return (JSON.parse(description) as { readonly task?: unknown } | null)?.task === "pictures";
  } catch {
    return false;
  }
}

function parseConfig(description: string, where: string): PictureConfig {
  let config: PictureConfig | undefined;
  try {
    ({ config } = JSON.parse(description) as { config?: PictureConfig });
  } catch {}
  const { size, channels, classes, network } = config ?? {};
  const isCount = (n: unknown): boolean => Number.isSafeInteger(n) && (n as number) >= 1 && (n as number) <= 4096;
  const known = network?.kind === "unet" || network?.kind === "dit";
  if (!config || !isCount(size) || !isCount(channels) || !Array.isArray(classes) || !classes.every((c) => typeof c === "string") || !known)
    throw new FormatError(
      "loadPictureModel",
      `${where} does not describe a model of pictures`,
      "It needs config, as gradus train diffusion --data writes it",
    );
  if (
    network.inChannels !== channels ||
    network.outChannels !== channels ||
    network.classes !== (classes.length ? classes.length + 1 : undefined)
  )
    throw new FormatError("loadPictureModel", `the network of ${where} takes other channels or classes than its pictures have`);
  return config;
}

/**
 * Number of a class by its name, large or small letters alike, or by how its name begins where no other begins so; null for "any".
 * ArgumentError lists those there are.
 */
export function classOf({ classes }: PictureConfig, name: string): number | null {
  const plain = (text: string): string => text.trim().toLowerCase();
  const wanted = plain(name);
  const exact = classes.findIndex((c) => plain(c) === wanted);
  if (exact >= 0) return exact;
  if (wanted === "any") return null;
  const begin = classes.flatMap((c, k) => (wanted && plain(c).startsWith(wanted) ? [k] : []));
  if (begin.length === 1) return begin[0]!;
  throw new ArgumentError(
    "draw",
    classes.length ? `there is no class ${JSON.stringify(name)}` : `the model knows no classes, ${JSON.stringify(name)} was asked for`,
    classes.length ? `There are ${classes.join(", ")}, and any` : "Leave the class out",
  );
}
