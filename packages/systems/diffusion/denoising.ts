import { type Layer, Model, SeedGenerator } from "@gradus/nn";
import { ArgumentError, random, stopGradient, type Tensor, tensor, where, zerosLike } from "@gradus/tensor";
import type { Denoiser } from "./denoiser.ts";
import type { Schedule } from "./schedule.ts";
import { coarse } from "./sketch.ts";

/** What a denoiser is trained on, and how. */
export interface DenoisingOptions {
  readonly network: Denoiser;
  /** Words int32 [B, T] to their vectors [B, T, width], trained along. Null: examples are of classes, or of nothing. */
  readonly text: Layer | null;
  readonly schedule: Schedule;
  /** Pictures uint8 [B, H, W, C] to what is diffused: latents of an autoencoder, or the pictures themselves. It is not trained. */
  readonly encode: (pictures: Tensor) => Tensor;
  /** Share of the examples whose caption or class is left out (Ho & Salimans 2022, algorithm 1). */
  readonly drop: number;
  /**
   * Where less noise is left than this ratio of signal to noise allows, examples count less: what is easy to see takes no strength from
   * what is hard (Hang et al. 2023, "Min-SNR-γ"). Default 5; Infinity: all count alike.
   */
  readonly snrLimit?: number;
  /**
   * Where more noise is left than this ratio allows, examples count as if it were this (Salimans & Ho 2022, "truncated SNR"): what strong noise
   * leaves to be decided, such as how many things there are and where, is learned too. Default 0: such examples count little.
   */
  readonly snrLeast?: number;
  /** The class that stands for any. */
  readonly anyClass?: number;
}

/**
 * The loss of denoising, as a model to be fitted on [pictures, words or classes]: noise of a random time on each picture, and the mean
 * square of what the network says about it off what it should say (Ho et al. 2020, algorithm 1; Salimans & Ho 2022 for v). A network that
 * guesses from the words alone first goes on learning that too.
 */
export class Denoising extends Model {
  static override readonly className = "Denoising";
  readonly network: Denoiser;
  readonly text: Layer | null;
  private readonly seeds = new SeedGenerator();
  private readonly settings: Omit<DenoisingOptions, "network" | "text">;
  /** How much each of the schedule's times counts. */
  private readonly importance: Tensor;

  constructor({ network, text, ...settings }: DenoisingOptions) {
    super({ name: "denoising" });
    this.network = network;
    this.text = text;
    this.settings = settings;
    const { schedule, snrLimit = 5, snrLeast = 0 } = settings;
    if (!(snrLeast >= 0 && snrLeast <= snrLimit))
      throw new ArgumentError(
        "Denoising",
        `snrLeast is ${snrLeast}, snrLimit ${snrLimit}`,
        "Give ratios from 0 up, the least not above the limit",
      );
    this.importance = tensor(importanceOf(schedule, snrLimit, snrLeast));
    this.built = true;
  }

  /** [pictures uint8 [B, H, W, C], words or classes], or the pictures alone, to the loss, [1]. */
  override call(inputs: Tensor | readonly Tensor[] | Record<string, Tensor>): Tensor {
    const [pictures, told] = [inputs].flat() as unknown as readonly [Tensor, Tensor?];
    const { schedule, encode, drop, anyClass = 0 } = this.settings;
    const clean = stopGradient(encode(pictures));
    const B = clean.shape[0]!;
    const t = random.uniform(this.seeds.next(), [B]).mul(schedule.steps).astype("int32");
    const noise = random.normal(this.seeds.next(), clean.shape);
    const noisy = schedule.addNoise(clean, noise, t);
    let said: Tensor;
    let guess: Tensor | null = null;
    const guessed = (words: Tensor): void => void (guess = words);
    if (told) {
      const left = random.uniform(this.seeds.next(), [B, ...told.shape.slice(1).map(() => 1)]).less(drop);
      const kept = where(left, zerosLike(told).add(anyClass).astype("int32"), told);
      said = this.text
        ? this.network.forward(noisy, t, { context: this.text(kept), guessed })
        : this.network.forward(noisy, t, { classes: kept });
    } else said = this.network.forward(noisy, t);
    const each = said
      .sub(schedule.target(clean, noise, t))
      .square()
      .reshape([B, -1])
      .mean({ axis: 1 });
    const loss = each.mul(this.importance.take(t)).mean();
    this.addLoss(guess ? loss.add(coarse(clean).sub(guess).square().mean()) : loss);
    return loss.reshape([1]);
  }
}

/** max(min(SNR, γ), least) in units of what the prediction's plain square is worth (Hang et al. 2023, §3.4; Salimans & Ho 2022, appendix for v). */
function importanceOf({ prediction, sigmas }: Schedule, limit: number, least: number): Float32Array {
  return Float32Array.from(sigmas, (sigma) => {
    const snr = 1 / sigma ** 2;
    const capped = Math.max(Math.min(snr, limit), least);
    switch (prediction) {
      case "epsilon":
        return capped / snr;
      case "v":
        return capped / (limit === Infinity ? snr : snr + 1);
      case "sample":
        return limit === Infinity ? 1 : capped;
      case "flow":
        return 1;
    }
  });
}
