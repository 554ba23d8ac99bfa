import { Model, SeedGenerator } from "@gradus/nn";
import { random, split, type Tensor } from "@gradus/tensor";
import type { Autoencoder } from "./autoencoder.ts";

/**
 * The loss of an autoencoder, as a model to be fitted on pictures: what a latent drawn for a picture decodes to off the picture (mean of
 * absolute values and of squares, and the same of its steps from pixel to pixel, so that edges are sharp), and a little of the latents' divergence from the standard normal distribution, which keeps them
 * near each other (Rombach et al. 2022, appendix G, without its critic).
 */
export class Reconstruction extends Model {
  static override readonly className = "Reconstruction";
  readonly autoencoder: Autoencoder;
  private readonly seeds = new SeedGenerator();
  private readonly divergenceWeight: number;

  constructor(autoencoder: Autoencoder, { divergenceWeight = 1e-4 }: { readonly divergenceWeight?: number } = {}) {
    super({ name: "reconstruction" });
    this.autoencoder = autoencoder;
    this.divergenceWeight = divergenceWeight;
    this.built = true;
  }

  /** Pictures uint8 [B, H, W, channels] to the mean square of what is off, [1]. */
  override call(inputs: Tensor | readonly Tensor[] | Record<string, Tensor>): Tensor {
    const pictures = normalized(inputs as Tensor);
    const latents = this.autoencoder.encode(pictures);
    const decoded = this.autoencoder.decode(latents.sample(random.normal(this.seeds.next(), latents.mean.shape)));
    const off = decoded.sub(pictures);
    const square = off.square().mean();
    const divergence = latents
      .divergence()
      .mean()
      .div(latents.mean.size / latents.mean.shape[0]!);
    this.addLoss(off.abs().mean().add(square).add(edges(off)).add(divergence.mul(this.divergenceWeight)));
    return square.reshape([1]);
  }
}

/** Bytes as numbers from -1 to 1. */
export const normalized = (pictures: Tensor): Tensor => pictures.astype("float32").div(127.5).sub(1);

/** Mean absolute steps from pixel to pixel, across and down (the gradient difference loss of Mathieu et al. 2016, equation 6). */
function edges(off: Tensor): Tensor {
  const steps = (axis: 1 | 2): Tensor => {
    const [first, rest] = [split(off, [1], { axis })[1]!, split(off, [off.shape[axis]! - 1], { axis })[0]!];
    return first.sub(rest).abs().mean();
  };
  return steps(1).add(steps(2));
}
