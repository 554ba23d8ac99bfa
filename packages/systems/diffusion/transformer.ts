import { type Conv2D, type Dense, type GroupNormalization, Layer, type LayerNormalization } from "@gradus/nn";
import { ArgumentError, gelu, split, type Tensor } from "@gradus/tensor";
import { Attention } from "./attention.ts";
import { conv, dense, groupNorm, type Kind, layerNorm } from "./layers.ts";

/** Is shown the weights of a cross-attention, [B, heads, places, words]; `name` is that of the block. */
export type Observer = (name: string, weights: Tensor) => void;

/** What pictures are told, and who looks on. */
export interface Surroundings {
  /** Vectors of the words, [B, S, contextWidth]. */
  readonly context?: Tensor | undefined;
  /** Which words count, bool [B, S]; default all. */
  readonly mask?: Tensor | undefined;
  readonly observe?: Observer | undefined;
}

/** W₂ (value ⊙ gelu(gate)), both from one product (Shazeer 2020, GEGLU), four times as wide inside. */
export class FeedForward extends Layer {
  static override readonly className = "FeedForward";
  readonly up: Dense;
  readonly down: Dense;

  constructor(name: string, width: number, kind: Kind = {}) {
    super({ name });
    this.up = dense("net.0.proj", width, 8 * width, kind);
    this.down = dense("net.2", 4 * width, width, kind);
    this.built = true;
  }

  override call(x: Tensor): Tensor {
    const [value, gate] = split(this.up(x), 2, { axis: -1 }) as [Tensor, Tensor];
    return this.down(value.mul(gelu(gate)));
  }
}

export interface TransformerOptions extends Kind {
  readonly heads: number;
  /** Width of the words' vectors; null: places attend to each other only. */
  readonly contextWidth: number | null;
}

/** Places attend to each other, then to the words, then each is thought over, always added to what was there. */
export class TransformerBlock extends Layer {
  static override readonly className = "TransformerBlock";
  readonly norm1: LayerNormalization;
  readonly attn1: Attention;
  readonly norm2: LayerNormalization | null = null;
  readonly attn2: Attention | null = null;
  readonly norm3: LayerNormalization;
  readonly feedForward: FeedForward;

  constructor(name: string, width: number, { heads, contextWidth, ...kind }: TransformerOptions) {
    super({ name });
    this.norm1 = layerNorm("norm1", width, kind);
    this.attn1 = new Attention("attn1", width, { heads, ...kind });
    if (contextWidth !== null) {
      this.norm2 = layerNorm("norm2", width, kind);
      this.attn2 = new Attention("attn2", width, { heads, contextWidth, ...kind });
    }
    this.norm3 = layerNorm("norm3", width, kind);
    this.feedForward = new FeedForward("ff", width, kind);
    this.built = true;
  }

  override call(x: Tensor): Tensor {
    return this.forward(x, {});
  }

  /** [B, T, width] → [B, T, width]; `observe` is shown the weights of the words. */
  forward(x: Tensor, { context, mask, observe }: Surroundings, name = this.name): Tensor {
    let h = x.add(this.attn1(this.norm1(x)));
    if (this.attn2 && this.norm2) {
      if (!context)
        throw new ArgumentError(String(this), "it was given no words to attend to", "Pass the text encoder's vectors as context");
      const look = observe && ((weights: Tensor) => observe(name, weights));
      h = h.add(this.attn2.forward(this.norm2(h), context, { mask, observe: look }));
    }
    return h.add(this.feedForward(this.norm3(h)));
  }
}

/** Transformer blocks over the places of a picture, [B, H, W, channels] → the same, added to it (Rombach et al. 2022, §3.3, appendix E.2.1). */
export class SpatialTransformer extends Layer {
  static override readonly className = "SpatialTransformer";
  readonly norm: GroupNormalization;
  readonly projectIn: Conv2D;
  readonly blocks: readonly TransformerBlock[];
  readonly projectOut: Conv2D;

  constructor(
    name: string,
    channels: number,
    { groups, layers = 1, ...options }: TransformerOptions & { readonly groups: number; readonly layers?: number },
  ) {
    super({ name });
    this.norm = groupNorm("norm", channels, groups, 1e-6, options);
    this.projectIn = conv("proj_in", channels, channels, 1, options);
    this.blocks = Array.from({ length: layers }, (_, i) => new TransformerBlock(`transformer_blocks.${i}`, channels, options));
    this.projectOut = conv("proj_out", channels, channels, 1, { ...options, zero: true });
    this.built = true;
  }

  override call(x: Tensor): Tensor {
    return this.forward(x, {});
  }

  forward(x: Tensor, around: Surroundings, name = this.name): Tensor {
    const [B, H, W, C] = x.shape as [number, number, number, number];
    let h = this.projectIn(this.norm(x)).reshape([B, H * W, C]);
    for (const block of this.blocks) h = block.forward(h, around, name);
    return x.add(this.projectOut(h.reshape([B, H, W, C])));
  }
}
