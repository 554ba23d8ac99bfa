import { type Layer, Model, SeedGenerator } from "@gradus/nn";
import { random, stopGradient, type Tensor, where, zerosLike } from "@gradus/tensor";
import type { Schedule } from "./schedule.ts";
import type { UNet } from "./unet.ts";

/** What a denoiser is trained on, and how. */
export interface DenoisingOptions {
  readonly unet: UNet;
  /** Words int32 [B, T] to their vectors [B, T, width], trained along. Null: examples are of classes, or of nothing. */
  readonly text: Layer | null;
  readonly schedule: Schedule;
  /** Pictures uint8 [B, H, W, C] to what is diffused: latents of an autoencoder, or the pictures themselves. It is not trained. */
  readonly encode: (pictures: Tensor) => Tensor;
  /** Share of the examples whose caption or class is left out (Ho & Salimans 2022, algorithm 1). */
  readonly drop: number;
  /** The class that stands for any. */
  readonly anyClass?: number;
}

/**
 * The loss of denoising, as a model to be fitted on [pictures, words or classes]: noise of a random time on each picture, and the mean
 * square of what the network says about it off what it should say (Ho et al. 2020, algorithm 1; Salimans & Ho 2022 for v).
 */
export class Denoising extends Model {
  static override readonly className = "Denoising";
  readonly unet: UNet;
  readonly text: Layer | null;
  private readonly seeds = new SeedGenerator();
  private readonly settings: Omit<DenoisingOptions, "unet" | "text">;

  constructor({ unet, text, ...settings }: DenoisingOptions) {
    super({ name: "denoising" });
    this.unet = unet;
    this.text = text;
    this.settings = settings;
    this.built = true;
  }

  /** [pictures uint8 [B, H, W, C], words or classes] to the loss, [1]. */
  override call(inputs: Tensor | readonly Tensor[] | Record<string, Tensor>): Tensor {
    const [pictures, told] = inputs as readonly [Tensor, Tensor?];
    const { schedule, encode, drop, anyClass = 0 } = this.settings;
    const clean = stopGradient(encode(pictures));
    const B = clean.shape[0]!;
    const t = random.integers(this.seeds.next(), [B], 0, schedule.steps);
    const noise = random.normal(this.seeds.next(), clean.shape);
    const noisy = schedule.addNoise(clean, noise, t);
    let said: Tensor;
    if (told) {
      const left = random.uniform(this.seeds.next(), [B, ...told.shape.slice(1).map(() => 1)]).less(drop);
      const kept = where(left, zerosLike(told).add(anyClass).astype("int32"), told);
      said = this.text ? this.unet.forward(noisy, t, { context: this.text(kept) }) : this.unet.forward(noisy, t, { classes: kept });
    } else said = this.unet.forward(noisy, t);
    const off = said
      .sub(schedule.target(clean, noise, t))
      .square()
      .mean();
    this.addLoss(off);
    return off.reshape([1]);
  }
}
