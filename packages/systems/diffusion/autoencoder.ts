import { type Conv2D, type GroupNormalization, Layer, Model } from "@gradus/nn";
import { ArgumentError, exp, ShapeError, silu, split, type Tensor } from "@gradus/tensor";
import { Attention } from "./attention.ts";
import { conv, groupNorm, type Kind } from "./layers.ts";
import { Downsample, ResnetBlock, Upsample } from "./resnet-block.ts";

/** What distinguishes one autoencoder from another. */
export interface AutoencoderConfig {
  /** Channels of the pictures; 3 for red, green and blue. */
  readonly inChannels: number;
  readonly latentChannels: number;
  /** Channels of each level, the first at full size; every level after the first has half the height and width. */
  readonly channels: readonly number[];
  /** Residual blocks of a level of the encoder; the decoder has one more. */
  readonly layersPerBlock: number;
  readonly groups: number;
  /** What latents are multiplied with, so that their variance is about 1: the diffusion works on those. */
  readonly scalingFactor: number;
}

/** Pixels of a picture along each side of a place of its latent. */
export const latentScale = ({ channels }: AutoencoderConfig): number => 2 ** (channels.length - 1);

/** A normal distribution for each place and channel, independent of the others. */
export class Gaussian {
  readonly mean: Tensor;
  /** Logarithm of the variance, between -30 and 20. */
  readonly logVariance: Tensor;

  /** Means, then logarithms of variances, along the last axis. */
  constructor(moments: Tensor) {
    const [mean, logVariance] = split(moments, 2, { axis: -1 }) as [Tensor, Tensor];
    this.mean = mean;
    this.logVariance = logVariance.clip(-30, 20);
  }

  get deviation(): Tensor {
    return exp(this.logVariance.mul(0.5));
  }

  /** A draw, given noise from the standard normal distribution. */
  sample(noise: Tensor): Tensor {
    return this.mean.add(this.deviation.mul(noise));
  }

  /** How far it is from the standard normal distribution, [B] (Kingma & Welling 2014, appendix B). */
  divergence(): Tensor {
    const { mean, logVariance } = this;
    return mean
      .square()
      .add(exp(logVariance))
      .sub(1)
      .sub(logVariance)
      .sum({ axis: [1, 2, 3] })
      .mul(0.5);
  }
}

const epsilon = 1e-6;

/**
 * Pictures [B, H, W, 3] from -1 to 1 to latents of a `scale`th of the height and width, and back (Rombach et al. 2022, §3.1 and appendix
 * G; the variant with a Kullback-Leibler penalty). Its layers have the names of `AutoencoderKL` in the published checkpoints.
 */
export class Autoencoder extends Model {
  static override readonly className = "Autoencoder";
  readonly config: AutoencoderConfig;
  /** Pixels of a picture along each side of a place of its latent. */
  readonly scale: number;
  readonly encoder: Encoder;
  readonly decoder: Decoder;
  readonly quantize: Conv2D;
  readonly dequantize: Conv2D;

  constructor(config: AutoencoderConfig, { name = "vae", ...kind }: Kind & { readonly name?: string } = {}) {
    super({ name });
    const odd = config.channels.find((c) => c % config.groups);
    if (odd !== undefined || !config.channels.length)
      throw new ArgumentError("Autoencoder", `channels ${JSON.stringify(config.channels)} do not divide into ${config.groups} groups`);
    this.config = config;
    this.scale = latentScale(config);
    const z = config.latentChannels;
    this.encoder = new Encoder(config, kind);
    this.decoder = new Decoder(config, kind);
    this.quantize = conv("quant_conv", 2 * z, 2 * z, 1, kind);
    this.dequantize = conv("post_quant_conv", z, z, 1, kind);
    this.built = true;
  }

  /** The picture as it comes back from the likeliest latent. */
  override call(images: Tensor | readonly Tensor[]): Tensor {
    return this.decode(this.encode(images as Tensor).mean);
  }

  /** What latents a picture may have, unscaled. ShapeError for sizes that do not halve so often. */
  encode(images: Tensor): Gaussian {
    const { shape } = images;
    if (shape.length !== 4 || shape[3] !== this.config.inChannels || shape[1]! % this.scale || shape[2]! % this.scale)
      throw new ShapeError(
        "Autoencoder",
        `cannot encode pictures of shape [${shape.join(", ")}]`,
        `They are [batch, height, width, ${this.config.inChannels}], height and width multiples of ${this.scale}`,
      );
    return new Gaussian(this.quantize(this.encoder(images)));
  }

  /** Unscaled latents [B, h, w, latentChannels] to pictures. */
  decode(latents: Tensor): Tensor {
    const { latentChannels: z } = this.config;
    if (latents.ndim !== 4 || latents.shape[3] !== z)
      throw new ShapeError(
        "Autoencoder",
        `cannot decode latents of shape [${latents.shape.join(", ")}]`,
        `They are [batch, height, width, ${z}]`,
      );
    return this.decoder(this.dequantize(latents));
  }
}

const resnet = (name: string, from: number, to: number, groups: number, kind: Kind): ResnetBlock =>
  new ResnetBlock(name, from, to, { groups, epsilon, time: null, ...kind });

class Encoder extends Layer {
  static override readonly className = "Encoder";
  readonly convIn: Conv2D;
  readonly down: readonly Level[];
  readonly mid: Middle;
  readonly normOut: GroupNormalization;
  readonly convOut: Conv2D;

  constructor({ inChannels, latentChannels, channels, layersPerBlock, groups }: AutoencoderConfig, kind: Kind) {
    super({ name: "encoder" });
    const last = channels.at(-1)!;
    this.convIn = conv("conv_in", inChannels, channels[0]!, 3, kind);
    this.down = channels.map((to, i) => {
      const smaller = i < channels.length - 1 ? new Downsample("downsamplers.0", to, to, "after", kind) : null;
      return new Level(`down_blocks.${i}`, channels[i - 1] ?? to, to, layersPerBlock, groups, smaller, kind);
    });
    this.mid = new Middle(last, groups, kind);
    this.normOut = groupNorm("conv_norm_out", last, groups, epsilon, kind);
    this.convOut = conv("conv_out", last, 2 * latentChannels, 3, kind);
    this.built = true;
  }

  override call(x: Tensor): Tensor {
    const h = this.down.reduce<Tensor>((y, level) => level(y), this.convIn(x));
    return this.convOut(silu(this.normOut(this.mid(h))));
  }
}

class Decoder extends Layer {
  static override readonly className = "Decoder";
  readonly convIn: Conv2D;
  readonly mid: Middle;
  readonly up: readonly Level[];
  readonly normOut: GroupNormalization;
  readonly convOut: Conv2D;

  constructor({ inChannels, latentChannels, channels, layersPerBlock, groups }: AutoencoderConfig, kind: Kind) {
    super({ name: "decoder" });
    const reversed = channels.toReversed();
    const last = reversed.at(-1)!;
    this.convIn = conv("conv_in", latentChannels, reversed[0]!, 3, kind);
    this.mid = new Middle(reversed[0]!, groups, kind);
    this.up = reversed.map((to, i) => {
      const larger = i < reversed.length - 1 ? new Upsample("upsamplers.0", to, to, kind) : null;
      return new Level(`up_blocks.${i}`, reversed[i - 1] ?? to, to, layersPerBlock + 1, groups, larger, kind);
    });
    this.normOut = groupNorm("conv_norm_out", last, groups, epsilon, kind);
    this.convOut = conv("conv_out", last, inChannels, 3, kind);
    this.built = true;
  }

  override call(z: Tensor): Tensor {
    const h = this.up.reduce<Tensor>((y, level) => level(y), this.mid(this.convIn(z)));
    return this.convOut(silu(this.normOut(h)));
  }
}

/** Residual blocks, and the way to the next level's size. */
class Level extends Layer {
  static override readonly className = "Level";
  readonly resnets: readonly ResnetBlock[];
  readonly resize: Downsample | Upsample | null;

  constructor(name: string, from: number, to: number, layers: number, groups: number, resize: Downsample | Upsample | null, kind: Kind) {
    super({ name });
    this.resnets = Array.from({ length: layers }, (_, k) => resnet(`resnets.${k}`, k ? to : from, to, groups, kind));
    this.resize = resize;
    this.built = true;
  }

  override call(x: Tensor): Tensor {
    const h = this.resnets.reduce<Tensor>((y, block) => block(y), x);
    return this.resize ? this.resize(h) : h;
  }
}

/** A residual block, attention of all places to all, another block. */
class Middle extends Layer {
  static override readonly className = "Middle";
  readonly first: ResnetBlock;
  readonly attention: PlacesAttention;
  readonly second: ResnetBlock;

  constructor(channels: number, groups: number, kind: Kind) {
    super({ name: "mid_block" });
    this.first = resnet("resnets.0", channels, channels, groups, kind);
    this.attention = new PlacesAttention("attentions.0", channels, groups, kind);
    this.second = resnet("resnets.1", channels, channels, groups, kind);
    this.built = true;
  }

  override call(x: Tensor): Tensor {
    return this.second(this.attention(this.first(x)));
  }
}

/** x + attention(norm(x)) with one head over the places of [B, H, W, channels]. */
export class PlacesAttention extends Attention {
  static override readonly className: string = "PlacesAttention";
  readonly norm: GroupNormalization;

  constructor(name: string, channels: number, groups: number, kind: Kind = {}) {
    super(name, channels, { heads: 1, bias: true, ...kind });
    this.norm = groupNorm("group_norm", channels, groups, epsilon, kind);
  }

  override call(x: Tensor): Tensor {
    const [B, H, W, C] = x.shape as [number, number, number, number];
    const places = this.norm(x).reshape([B, H * W, C]);
    return x.add(this.forward(places, places).reshape([B, H, W, C]));
  }
}
