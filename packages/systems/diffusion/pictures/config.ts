import { ArgumentError } from "@gradus/tensor";
import type { DenoiserConfig } from "../denoiser.ts";
import type { SamplerName } from "../samplers/index.ts";
import type { ScheduleOptions } from "../schedule.ts";

/** What distinguishes one model of pictures from another: it works on the pixels, without an autoencoder and without words. */
export interface PictureConfig {
  /** Height and width of the pictures, and their channels: 1 for grey, 3 for colours. */
  readonly size: number;
  readonly channels: number;
  /** Names of the classes; none: pictures are of nothing in particular. */
  readonly classes: readonly string[];
  readonly network: DenoiserConfig;
  readonly schedule: ScheduleOptions;
  /** The sampler that is used unless another is asked for. */
  readonly sampler: SamplerName;
}

/** What pictures make of a network: channels of pictures, and classes with one more for "any". */
interface Shape {
  readonly channels: number;
  readonly classes: number | undefined;
}

const unet = (channels: readonly number[], layersPerBlock: number, attention: readonly boolean[], heads: number, groups: number) => {
  return ({ channels: of, classes }: Shape): DenoiserConfig => ({
    ...{ kind: "unet", inChannels: of, outChannels: of, channels, layersPerBlock, attention, heads, groups, contextWidth: null },
    ...(classes ? { classes } : {}),
  });
};
const dit = (patch: number, width: number, layers: number, heads: number) => {
  return ({ channels: of, classes }: Shape): DenoiserConfig => ({
    ...{ kind: "dit", inChannels: of, outChannels: of, patch, width, layers, heads },
    ...(classes ? { classes } : {}),
  });
};

/**
 * Networks by name. `unet` and `dit` are small enough for two cores; `unet-ddpm` has the levels of that for CIFAR-10 in Ho et al. 2020,
 * appendix B, and `dit-s`, `dit-b` those of Peebles & Xie 2023, table 1, with patches of 2 × 2.
 */
const networks: Readonly<Record<string, (shape: Shape) => DenoiserConfig>> = {
  unet: unet([32, 64, 96], 1, [false, false, true], 4, 8),
  "unet-ddpm": unet([128, 256, 256, 256], 2, [false, true, false, false], 1, 32),
  dit: dit(4, 192, 6, 6),
  "dit-s": dit(2, 384, 12, 6),
  "dit-b": dit(2, 768, 12, 12),
};

/** Names of the networks that there are. */
export const networkNames: readonly string[] = Object.keys(networks);

/**
 * A model by the name of its network, for pictures of a size. What it is asked for is v (Salimans & Ho 2022) on the cosine schedule
 * (Nichol & Dhariwal 2021). ArgumentError for a network there is not, and for sizes that it cannot take.
 */
export function pictureConfig(
  network: string,
  { size, channels, classes }: Pick<PictureConfig, "size" | "channels" | "classes">,
): PictureConfig {
  if (!Object.hasOwn(networks, network))
    throw new ArgumentError("pictureConfig", `there is no network ${JSON.stringify(network)}`, `Use one of ${networkNames.join(", ")}`);
  const made = networks[network]!({ channels, classes: classes.length ? classes.length + 1 : undefined });
  if (made.kind === "dit" && size % made.patch)
    throw new ArgumentError(
      "pictureConfig",
      `${network} sees patches of ${made.patch} × ${made.patch} pixels, pictures have ${size} × ${size}`,
      `Choose a size that is a multiple of ${made.patch}`,
    );
  return { size, channels, classes, network: made, schedule: { kind: "cosine", steps: 1000, prediction: "v" }, sampler: "dpm++2m" };
}
