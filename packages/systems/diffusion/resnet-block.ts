import { type Conv2D, type Dense, type GroupNormalization, Layer } from "@gradus/nn";
import { pad, silu, type Tensor } from "@gradus/tensor";
import { conv, dense, doubled, groupNorm, type Kind } from "./layers.ts";

export interface ResnetBlockOptions extends Kind {
  /** Width of the time's vector; null where the block is told no time. */
  readonly time: number | null;
  readonly groups: number;
  readonly epsilon: number;
}

/**
 * x + conv(silu(norm(conv(silu(norm(x))) + time))), [B, H, W, from] → [B, H, W, to] (Ho et al. 2020, appendix B); x goes through a
 * 1 x 1 convolution where the channels change.
 */
export class ResnetBlock extends Layer {
  static override readonly className = "ResnetBlock";
  readonly norm1: GroupNormalization;
  readonly conv1: Conv2D;
  readonly timeProjection: Dense | null;
  readonly norm2: GroupNormalization;
  readonly conv2: Conv2D;
  readonly shortcut: Conv2D | null;

  constructor(name: string, from: number, to: number, { time, groups, epsilon, ...kind }: ResnetBlockOptions) {
    super({ name });
    this.norm1 = groupNorm("norm1", from, groups, epsilon, kind);
    this.conv1 = conv("conv1", from, to, 3, kind);
    this.timeProjection = time === null ? null : dense("time_emb_proj", time, to, kind);
    this.norm2 = groupNorm("norm2", to, groups, epsilon, kind);
    this.conv2 = conv("conv2", to, to, 3, { ...kind, zero: true });
    this.shortcut = from === to ? null : conv("conv_shortcut", from, to, 1, kind);
    this.built = true;
  }

  override call(x: Tensor): Tensor {
    return this.forward(x, null);
  }

  /** `time`, [B, time], is the vector of each example's time. */
  forward(x: Tensor, time: Tensor | null): Tensor {
    let h = this.conv1(silu(this.norm1(x)));
    if (this.timeProjection && time) h = h.add(this.timeProjection(silu(time)).reshape([-1, 1, 1, h.shape[3]!]));
    h = this.conv2(silu(this.norm2(h)));
    return (this.shortcut ? this.shortcut(x) : x).add(h);
  }
}

/** A convolution at stride 2: half as high and wide. Zeros lie around the picture, or only after it (as in the autoencoder's encoder). */
export class Downsample extends Layer {
  static override readonly className = "Downsample";
  readonly conv: Conv2D;
  private readonly before: 0 | 1;

  constructor(name: string, from: number, to: number, zeros: "around" | "after", kind: Kind = {}) {
    super({ name });
    this.conv = conv("conv", from, to, 3, { ...kind, stride: 2 });
    this.before = zeros === "around" ? 1 : 0;
    this.built = true;
  }

  override call(x: Tensor): Tensor {
    const side = [this.before, 1] as const;
    return this.conv(pad(x, [[0, 0], side, side, [0, 0]]));
  }
}

/** Twice as high and wide, then a convolution (Odena et al. 2016, "Deconvolution and checkerboard artifacts"). */
export class Upsample extends Layer {
  static override readonly className = "Upsample";
  readonly conv: Conv2D;

  constructor(name: string, from: number, to: number, kind: Kind = {}) {
    super({ name });
    this.conv = conv("conv", from, to, 3, kind);
    this.built = true;
  }

  override call(x: Tensor): Tensor {
    return this.conv(doubled(x));
  }

  /** To a given height and width, where the smaller picture came from odd ones. */
  forward(x: Tensor, [, height, width]: readonly number[]): Tensor {
    return this.conv(doubled(x).get(":", `:${height}`, `:${width}`));
  }
}
