import { ArgumentError, type Source } from "@gradus/tensor";
import { parseJson } from "@gradus/tensor/json";
import { coarseBytes, type NamedParameters, setCoarse } from "../coarse-weights.ts";
import { type Denoiser, denoiserOf } from "../denoiser.ts";
import { configIn, pictureConfigOf } from "../description.ts";
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
  const operation = "loadPictureModel";
  const model = pictureModel(pictureConfigOf(configIn(operation, description, where, "pictures", "gradus train diffusion --data")));
  await setCoarse(operation, weightsOf(model), weights, where);
  return model;
}

/** Whether a description is of such a model; what it says is not checked. */
export const describesPictures = (description: string): boolean =>
  (parseJson(description) as { readonly task?: unknown } | null | undefined)?.task === "pictures";

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
  const said = JSON.stringify(name.slice(0, 80));
  const begin = classes.flatMap((c, k) => (wanted && plain(c).startsWith(wanted) ? [k] : []));
  if (begin.length === 1) return begin[0]!;
  throw new ArgumentError(
    "draw",
    classes.length ? `there is no class ${said}` : `the model knows no classes, ${said} was asked for`,
    classes.length ? `There are ${classes.join(", ")}, and any` : "Leave the class out",
  );
}
