import { type Conv2D, type Dense, Embedding, Layer, Model } from "@gradus/nn";
import { ArgumentError, gelu, layerNorm, ShapeError, scaledDotProductAttention, silu, split, type Tensor } from "@gradus/tensor";
import { Attention } from "./attention.ts";
import { conv, dense, type Kind } from "./layers.ts";
import { placeCodes } from "./place-codes.ts";
import { sinusoid } from "./time-embedding.ts";
import type { Surroundings } from "./transformer.ts";

/** What distinguishes one diffusion transformer from another. */
export interface DiTConfig {
  readonly inChannels: number;
  /** Twice as many where variances are learned as well. */
  readonly outChannels: number;
  /** Places along each side of the square that one token stands for. */
  readonly patch: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Width inside of the feed-forward parts as a multiple; default 4. */
  readonly ratio?: number;
  /** Classes that pictures may be of, with one more for "any" if guidance is wanted; default none. */
  readonly classes?: number;
  /** Width of the words' vectors, to which each block attends (as in PixArt-α, Chen et al. 2024); default none. */
  readonly contextWidth?: number | null;
}

export interface DiTConditions extends Surroundings {
  /** int32 [B], where the network knows classes. */
  readonly classes?: Tensor | undefined;
}

/**
 * A transformer in the place of the U-Net (Peebles & Xie 2023): a noisy picture [B, H, W, inChannels] at times [B] to [B, H, W,
 * outChannels]. Time and class set the scale, shift and weight of each block's parts (adaLN-Zero: at first every block is the identity).
 * Its layers have the names of the authors' code. ShapeError for sizes that no whole number of patches covers.
 */
export class DiT extends Model {
  static override readonly className = "DiT";
  readonly config: DiTConfig;
  readonly embed: Conv2D;
  readonly time: TimeNetwork;
  readonly classTable: Embedding | null = null;
  readonly blocks: readonly Block[];
  readonly final: Final;

  constructor(config: DiTConfig, { name = "dit", ...kind }: Kind & { readonly name?: string } = {}) {
    super({ name });
    const { inChannels, outChannels, patch, width, layers, heads, ratio = 4, classes, contextWidth = null } = config;
    if (width % 4) throw new ArgumentError("DiT", `the width is ${width}`, "It must be a multiple of 4, for sines and cosines of two axes");
    this.config = config;
    this.embed = conv("x_embedder.proj", inChannels, width, patch, { ...kind, stride: patch });
    this.time = new TimeNetwork("t_embedder", width, kind);
    if (classes) {
      this.classTable = new Embedding(classes, width, { name: "y_embedder.embedding_table", ...kind });
      this.classTable.ensureBuilt([null]);
    }
    this.blocks = Array.from({ length: layers }, (_, i) => new Block(`blocks.${i}`, width, heads, ratio * width, contextWidth, kind));
    this.final = new Final("final_layer", width, patch * patch * outChannels, kind);
    this.built = true;
  }

  /** Called on [sample, time], or [sample, time, context]. */
  override call(inputs: Tensor | readonly Tensor[]): Tensor {
    const [sample, time, context] = inputs as readonly Tensor[];
    if (!Array.isArray(inputs) || !sample || !time)
      throw new ArgumentError("DiT", "it was called on one array", "Call it on a sample and its times");
    return this.forward(sample, time, { context });
  }

  forward(sample: Tensor, time: Tensor, conditions: DiTConditions = {}): Tensor {
    const { inChannels, outChannels, patch: p, width } = this.config;
    const { shape } = sample;
    if (shape.length !== 4 || shape[3] !== inChannels || shape[1]! % p || shape[2]! % p)
      throw new ShapeError(
        "DiT",
        `received a sample of shape [${shape.join(", ")}]`,
        `Samples are [batch, height, width, ${inChannels}], height and width multiples of ${p}`,
      );
    if (this.classTable && !conditions.classes)
      throw new ArgumentError("DiT", "it was given no classes", "Pass them, int32 [batch], as classes");
    const [B, h, w] = [shape[0]!, shape[1]! / p, shape[2]! / p];
    let vector = this.time(time);
    if (this.classTable) vector = vector.add(this.classTable(conditions.classes!));
    const signal = silu(vector);
    let x = (this.embed(sample) as Tensor).reshape([B, h * w, width]).add(placeCodes(h, w, width).reshape([1, h * w, width]));
    for (const block of this.blocks) x = block.forward(x, signal, conditions);
    // Each token to its patch, [B, h, w, p, p, C] → [B, h, p, w, p, C].
    const patches = this.final.forward(x, signal).reshape([B, h, w, p, p, outChannels]);
    return patches.permuteDims([0, 1, 3, 2, 4, 5]).reshape([B, h * p, w * p, outChannels]);
  }
}

class TimeNetwork extends Layer {
  static override readonly className = "TimeNetwork";
  readonly first: Dense;
  readonly second: Dense;

  constructor(name: string, width: number, kind: Kind) {
    super({ name });
    this.first = dense("mlp.0", frequencies, width, kind);
    this.second = dense("mlp.2", width, width, kind);
    this.built = true;
  }

  override call(time: Tensor): Tensor {
    return this.second(silu(this.first(sinusoid(time, frequencies))));
  }
}

const frequencies = 256;

/** Normalised, scaled and shifted by what time and class say: [B, T, width], shift and scale [B, width]. */
function modulated(x: Tensor, shift: Tensor, scale: Tensor): Tensor {
  const across = (t: Tensor): Tensor => t.reshape([t.shape[0]!, 1, t.shape[1]!]);
  return layerNorm(x, { epsilon: 1e-6 }).mul(across(scale).add(1)).add(across(shift));
}

/** Attention of all tokens to all, to the words where there are any, and a feed-forward part (figure 3). */
class Block extends Layer {
  static override readonly className = "Block";
  readonly qkv: Dense;
  readonly out: Dense;
  readonly cross: Attention | null;
  readonly up: Dense;
  readonly down: Dense;
  readonly modulation: Dense;
  private readonly heads: number;

  constructor(name: string, width: number, heads: number, hidden: number, contextWidth: number | null, kind: Kind) {
    super({ name });
    if (!Number.isInteger(heads) || heads < 1 || width % heads)
      throw new ArgumentError("DiT", `a width of ${width} does not divide into ${heads} heads`, "Choose another number of heads");
    this.heads = heads;
    this.qkv = dense("attn.qkv", width, 3 * width, kind);
    this.out = dense("attn.proj", width, width, kind);
    this.cross =
      contextWidth === null ? null : new Attention("cross_attn", width, { heads, contextWidth, bias: true, zero: true, ...kind });
    this.up = dense("mlp.fc1", width, hidden, kind);
    this.down = dense("mlp.fc2", hidden, width, kind);
    this.modulation = dense("adaLN_modulation.1", width, 6 * width, { ...kind, zero: true });
    this.built = true;
  }

  override call(x: Tensor): Tensor {
    return x;
  }

  /** `signal` is silu(time + class), [B or 1, width]. */
  forward(x: Tensor, signal: Tensor, { context, mask, observe }: Surroundings): Tensor {
    const parts = split(this.modulation(signal), 6, { axis: 1 }) as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
    const [shift1, scale1, gate1, shift2, scale2, gate2] = parts;
    const gated = (gate: Tensor, y: Tensor): Tensor => y.mul(gate.reshape([gate.shape[0]!, 1, gate.shape[1]!]));
    let h = x.add(gated(gate1, this.attention(modulated(x, shift1, scale1))));
    if (this.cross) {
      if (!context) throw new ArgumentError("DiT", "it was given no words to attend to", "Pass the text encoder's vectors as context");
      const look = observe && ((weights: Tensor) => observe(this.name, weights));
      h = h.add(this.cross.forward(h, context, { mask, observe: look }));
    }
    return h.add(gated(gate2, this.down(gelu(this.up(modulated(h, shift2, scale2)), { approximate: true }))));
  }

  private attention(x: Tensor): Tensor {
    const [B, T, width] = x.shape as [number, number, number];
    const parts = this.qkv(x)
      .reshape([B, T, 3, this.heads, width / this.heads])
      .permuteDims([2, 0, 3, 1, 4]);
    const [q, k, v] = [parts.get(0), parts.get(1), parts.get(2)];
    return this.out(scaledDotProductAttention(q, k, v).permuteDims([0, 2, 1, 3]).reshape([B, T, width]));
  }
}

class Final extends Layer {
  static override readonly className = "Final";
  readonly linear: Dense;
  readonly modulation: Dense;

  constructor(name: string, width: number, outputs: number, kind: Kind) {
    super({ name });
    this.linear = dense("linear", width, outputs, { ...kind, zero: true });
    this.modulation = dense("adaLN_modulation.1", width, 2 * width, { ...kind, zero: true });
    this.built = true;
  }

  override call(x: Tensor): Tensor {
    return x;
  }

  forward(x: Tensor, signal: Tensor): Tensor {
    const [shift, scale] = split(this.modulation(signal), 2, { axis: 1 }) as [Tensor, Tensor];
    return this.linear(modulated(x, shift, scale));
  }
}
