import { type Conv2D, type Dense, Embedding, type GroupNormalization, Layer, Model } from "@gradus/nn";
import { ArgumentError, concat, ShapeError, silu, type Tensor } from "@gradus/tensor";
import { conv, dense, groupNorm, type Kind } from "./layers.ts";
import { placeCodes } from "./place-codes.ts";
import { Downsample, ResnetBlock, Upsample } from "./resnet-block.ts";
import { Sketch, type SketchSizes } from "./sketch.ts";
import { TimeEmbedding } from "./time-embedding.ts";
import { SpatialTransformer, type Surroundings } from "./transformer.ts";

/** What distinguishes one U-Net from another. */
export interface UNetConfig {
  readonly inChannels: number;
  readonly outChannels: number;
  /** Channels of each level, the first at full size; every level after the first has half the height and width. */
  readonly channels: readonly number[];
  /** Residual blocks of a level on the way down; on the way up there is one more. */
  readonly layersPerBlock: number;
  /** Which levels have transformers. */
  readonly attention: readonly boolean[];
  /** Whether the middle has one. Default true. */
  readonly midAttention?: boolean;
  /** Heads of attention: one number for all levels, or one each. */
  readonly heads: number | readonly number[];
  /** Width of the words' vectors; null: there are no words. */
  readonly contextWidth: number | null;
  /** Groups of the group normalisations. */
  readonly groups: number;
  /** Classes that pictures may be of, with one more for "any" if guidance is wanted; default none. */
  readonly classes?: number;
  /**
   * Each place of the picture is told where it is, by a learned mixture of fixed codes. Published U-Nets are not told:
   * what they know of it comes from the picture's edges, which takes them long to learn. Default false.
   */
  readonly places?: boolean;
  /**
   * The time's vector also holds what the words say together: their mean goes into it, by a learned map, much as the pooled
   * text of SDXL (Podell et al. 2023, §2.2). Default false.
   */
  readonly gist?: boolean;
  /** A first guess of the picture from the words alone is shown to the network (`sketch.ts`). Default: none. */
  readonly sketch?: SketchSizes;
}

/** What the network is told beside picture and time. */
export interface Conditions extends Surroundings {
  /** int32 [B], where the network knows classes. */
  readonly classes?: Tensor | undefined;
  /** Is shown the words' first guess, where the network makes one. */
  readonly guessed?: ((guess: Tensor) => void) | undefined;
}

/** ArgumentError for what makes no network. */
function checkUNet(config: UNetConfig): void {
  const { channels, layersPerBlock, attention, heads, groups } = config;
  const refuse = (problem: string, fix?: string): never => {
    throw new ArgumentError("UNet", problem, fix);
  };
  if (channels.length === 0 || channels.some((c) => !Number.isInteger(c) || c < 1))
    refuse(`channels are ${JSON.stringify(channels)}`, "Give those of each level");
  if (!Number.isInteger(layersPerBlock) || layersPerBlock < 1) refuse(`layersPerBlock is ${layersPerBlock}`, "Give a positive integer");
  if (attention.length !== channels.length) refuse(`attention is said for ${attention.length} levels of ${channels.length}`);
  if (typeof heads !== "number" && heads.length !== channels.length)
    refuse(`heads are said for ${heads.length} levels of ${channels.length}`);
  const factor = config.places ? 4 : 2;
  if (channels[0]! % factor) refuse(`the first level has ${channels[0]} channels`, `Their number must be a multiple of ${factor}`);
  const odd = channels.find((c) => c % groups);
  if (odd !== undefined) refuse(`${odd} channels do not divide into ${groups} groups`);
  if (config.sketch && config.contextWidth === null) refuse("it has a sketch and knows no words", "Give contextWidth, or no sketch");
}

/**
 * The network that sees the noise (Ronneberger et al. 2015 for its form, Ho et al. 2020, appendix B, and Rombach et al. 2022, §3.3, for
 * its parts): a noisy picture [B, H, W, inChannels] at times [B] to what the schedule asks for, [B, H, W, outChannels]. Its layers
 * have the names of `UNet2DConditionModel` in the published checkpoints.
 */
export class UNet extends Model {
  static override readonly className = "UNet";
  readonly config: UNetConfig;
  readonly convIn: Conv2D;
  readonly placeEmbedding: Dense | null = null;
  readonly timeEmbedding: TimeEmbedding;
  readonly classEmbedding: Embedding | null = null;
  readonly gistEmbedding: Dense | null = null;
  readonly sketch: Sketch | null = null;
  readonly down: readonly DownBlock[];
  readonly mid: MidBlock;
  readonly up: readonly UpBlock[];
  readonly normOut: GroupNormalization;
  readonly convOut: Conv2D;

  constructor(config: UNetConfig, { name = "unet", ...kind }: Kind & { readonly name?: string } = {}) {
    super({ name });
    checkUNet(config);
    this.config = config;
    const { channels, layersPerBlock: layers, attention, midAttention = true, heads, contextWidth, groups, classes } = config;
    const [first, levels] = [channels[0]!, channels.length];
    const time = 4 * first;
    this.convIn = conv("conv_in", config.inChannels, first, 3, kind);
    // Not zeros at first: words such as "left" mean something only together with places, and of two factors that are zero neither is taught.
    if (config.places) this.placeEmbedding = dense("place_embedding", first, first, { ...kind, bias: false });
    this.timeEmbedding = new TimeEmbedding("time_embedding", first, time, kind);
    if (classes) {
      this.classEmbedding = new Embedding(classes, time, { name: "class_embedding", ...kind });
      this.classEmbedding.ensureBuilt([null]);
    }
    const optionsOf = (level: number, attends: boolean): BlockOptions => ({
      ...{ time, groups, contextWidth, ...kind },
      heads: !attends ? null : typeof heads === "number" ? heads : heads[level]!,
    });
    if (config.gist && contextWidth) this.gistEmbedding = dense("gist_embedding", contextWidth, time, kind);
    if (config.sketch && contextWidth)
      this.sketch = new Sketch("sketch", { ...config.sketch, contextWidth, channels: config.outChannels, shown: first, ...kind });
    this.down = channels.map((to, i) => {
      const from = Array.from({ length: layers }, (_, k) => (k ? to : (channels[i - 1] ?? first)));
      return new DownBlock(`down_blocks.${i}`, from, to, i < levels - 1, optionsOf(i, attention[i]!));
    });
    this.mid = new MidBlock("mid_block", channels[levels - 1]!, optionsOf(levels - 1, midAttention));
    // What each level finds on its way up: its own channels (or those from below), and those of the residual blocks on the way down.
    this.up = channels.toReversed().map((to, k) => {
      const i = levels - 1 - k;
      const from = Array.from({ length: layers + 1 }, (_, n) => {
        const below = n ? to : (channels[i + 1] ?? to);
        return below + (n < layers ? to : (channels[i - 1] ?? first));
      });
      return new UpBlock(`up_blocks.${k}`, from, to, i > 0, optionsOf(i, attention[i]!));
    });
    this.normOut = groupNorm("conv_norm_out", first, groups, 1e-5, kind);
    this.convOut = conv("conv_out", first, config.outChannels, 3, { ...kind, zero: true });
    this.built = true;
  }

  /** Called on [sample, time], or [sample, time, context]. */
  override call(inputs: Tensor | readonly Tensor[]): Tensor {
    const [sample, time, context] = inputs as readonly Tensor[];
    if (!Array.isArray(inputs) || !sample || !time)
      throw new ArgumentError("UNet", "it was called on one array", "Call it on a sample and its times");
    return this.forward(sample, time, { context });
  }

  forward(sample: Tensor, time: Tensor, conditions: Conditions = {}): Tensor {
    this.check(sample, conditions);
    let vector = this.timeEmbedding(time);
    if (this.classEmbedding) vector = vector.add(this.classEmbedding(conditions.classes!));
    if (this.gistEmbedding && conditions.context) vector = vector.add(this.gistEmbedding(conditions.context.mean({ axis: 1 })));
    let h = this.convIn(sample) as Tensor;
    if (this.placeEmbedding) h = h.add(this.placeEmbedding(placeCodes(h.shape[1]!, h.shape[2]!, h.shape[3]!)));
    if (this.sketch && conditions.context) {
      const { guess, shown } = this.sketch.forward(conditions.context, h.shape[1]!, h.shape[2]!);
      conditions.guessed?.(guess);
      h = h.add(shown);
    }
    const skips = [h];
    for (const block of this.down) h = block.forward(h, vector, conditions, skips);
    h = this.mid.forward(h, vector, conditions);
    for (const block of this.up) h = block.forward(h, vector, conditions, skips);
    return this.convOut(silu(this.normOut(h)));
  }

  private check({ shape }: Tensor, { context, classes }: Conditions): void {
    const { inChannels, contextWidth } = this.config;
    const show = `[${shape.join(", ")}]`;
    if (shape.length !== 4 || shape[3] !== inChannels)
      throw new ShapeError("UNet", `expects samples [batch, height, width, ${inChannels}], received ${show}`);
    if (context && context.shape[2] !== contextWidth)
      throw new ShapeError(
        "UNet",
        `the words' vectors are [${context.shape.join(", ")}]`,
        contextWidth === null ? "This network knows no words" : `Their width must be ${contextWidth}`,
      );
    if (this.classEmbedding && !classes) throw new ArgumentError("UNet", "it was given no classes", "Pass them, int32 [batch], as classes");
  }
}

interface BlockOptions extends Kind {
  readonly time: number;
  readonly groups: number;
  readonly contextWidth: number | null;
  /** Null: without transformers. */
  readonly heads: number | null;
}

const resnetOf = (name: string, from: number, to: number, { heads: _, contextWidth: __, ...options }: BlockOptions): ResnetBlock =>
  new ResnetBlock(name, from, to, { ...options, epsilon: 1e-5 });

function transformerOf(name: string, channels: number, { time: _, heads, ...options }: BlockOptions): SpatialTransformer | null {
  return heads === null ? null : new SpatialTransformer(name, channels, { ...options, heads });
}

/** Residual blocks of one level, each followed by a transformer where the level has them. */
abstract class Level extends Layer {
  readonly resnets: readonly ResnetBlock[];
  readonly attentions: readonly SpatialTransformer[];

  constructor(name: string, from: readonly number[], to: number, options: BlockOptions) {
    super({ name });
    this.resnets = from.map((channels, k) => resnetOf(`resnets.${k}`, channels, to, options));
    this.attentions = from.flatMap((_, k) => transformerOf(`attentions.${k}`, to, options) ?? []);
  }

  override call(x: Tensor): Tensor {
    return x;
  }

  protected layer(k: number, x: Tensor, time: Tensor, around: Surroundings): Tensor {
    const h = this.resnets[k]!.forward(x, time);
    return this.attentions[k]?.forward(h, around, `${this.name}.attentions.${k}`) ?? h;
  }
}

class DownBlock extends Level {
  static override readonly className = "DownBlock";
  readonly downsampler: Downsample | null;

  constructor(name: string, from: readonly number[], to: number, smaller: boolean, options: BlockOptions) {
    super(name, from, to, options);
    this.downsampler = smaller ? new Downsample("downsamplers.0", to, to, "around", options) : null;
    this.built = true;
  }

  /** Leaves what each of its parts gives on the pile of skips. */
  forward(x: Tensor, time: Tensor, around: Surroundings, skips: Tensor[]): Tensor {
    let h = x;
    for (const k of this.resnets.keys()) skips.push((h = this.layer(k, h, time, around)));
    if (this.downsampler) skips.push((h = this.downsampler(h)));
    return h;
  }
}

class UpBlock extends Level {
  static override readonly className = "UpBlock";
  readonly upsampler: Upsample | null;

  constructor(name: string, from: readonly number[], to: number, larger: boolean, options: BlockOptions) {
    super(name, from, to, options);
    this.upsampler = larger ? new Upsample("upsamplers.0", to, to, options) : null;
    this.built = true;
  }

  /** Takes a skip from the pile for each of its residual blocks. */
  forward(x: Tensor, time: Tensor, around: Surroundings, skips: Tensor[]): Tensor {
    let h = x;
    for (const k of this.resnets.keys()) h = this.layer(k, concat([h, skips.pop()!], { axis: -1 }), time, around);
    return this.upsampler ? this.upsampler.forward(h, skips.at(-1)!.shape) : h;
  }
}

class MidBlock extends Layer {
  static override readonly className = "MidBlock";
  readonly first: ResnetBlock;
  readonly attention: SpatialTransformer | null;
  readonly second: ResnetBlock;

  constructor(name: string, channels: number, options: BlockOptions) {
    super({ name });
    this.first = resnetOf("resnets.0", channels, channels, options);
    this.attention = transformerOf("attentions.0", channels, options);
    this.second = resnetOf("resnets.1", channels, channels, options);
    this.built = true;
  }

  override call(x: Tensor): Tensor {
    return x;
  }

  forward(x: Tensor, time: Tensor, around: Surroundings): Tensor {
    const h = this.first.forward(x, time);
    return this.second.forward(this.attention?.forward(h, around, `${this.name}.attentions.0`) ?? h, time);
  }
}
