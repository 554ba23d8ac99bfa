import { DiT, type DiTConfig } from "./dit.ts";
import { UNet, type UNetConfig } from "./unet.ts";

/** A network that says what of a noisy picture is noise: a U-Net or a diffusion transformer. */
export type Denoiser = UNet | DiT;
export type DenoiserConfig = ({ readonly kind: "unet" } & UNetConfig) | ({ readonly kind: "dit" } & DiTConfig);

/** The network of a configuration, with new weights. */
export const denoiserOf = (config: DenoiserConfig): Denoiser => (config.kind === "unet" ? new UNet(config) : new DiT(config));
