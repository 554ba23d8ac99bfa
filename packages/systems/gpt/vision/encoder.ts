import { Conv2D, Layer, LayerNormalization } from "@gradus/nn";
import { ArgumentError, gelu, ShapeError, scaledDotProductAttention, split, type Tensor, type Variable } from "@gradus/tensor";
import { Linear } from "../linear.ts";

/** Sizes of a vision transformer. */
export interface VisionConfig {
  /** Height and width of a picture in pixels. */
  readonly imageSize: number;
  /** Side of a patch in pixels. */
  readonly patch: number;
  /**
   * What makes a vector of a patch: one product of its pixels, as in the paper, or convolutions that halve the picture until a patch is a
   * pixel (Xiao et al. 2021), with which small networks learn shapes from far fewer pictures.
   */
  readonly stem: "linear" | "convolutions";
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Features inside the feed-forward part. */
  readonly hidden: number;
}

/** Gives the configuration back if its numbers fit each other; ArgumentError says which do not. */
export function checkVision(config: VisionConfig): VisionConfig {
  const { imageSize, patch, width, heads } = config;
  const { stem, ...counts } = config;
  for (const [name, value] of Object.entries(counts))
    if (!(Number.isSafeInteger(value) && value >= 1))
      throw new ArgumentError("VisionConfig", `${name} is ${value}`, "Give a positive integer");
  if (stem !== "linear" && stem !== "convolutions")
    throw new ArgumentError("VisionConfig", `there is no stem ${JSON.stringify(stem)}`, "Use linear or convolutions");
  if (imageSize % patch) throw new ArgumentError("VisionConfig", `patches of ${patch} pixels do not fill ${imageSize}`);
  if (stem === "convolutions" && (!Number.isInteger(Math.log2(patch)) || (2 * width) % patch))
    throw new ArgumentError(
      "VisionConfig",
      `convolutions cannot halve patches of ${patch} pixels to ${width} features`,
      "Give powers of 2",
    );
  if (width % heads) throw new ArgumentError("VisionConfig", `${width} features do not divide among ${heads} heads`);
  return config;
}

/** Pixels are taken relative to a light ground, in units of what things differ from it: an empty patch is near 0. */
const [ground, contrast] = [230, 60];

/** Patches of a picture: vectors that the language network sees before its tokens. */
export const patchesOf = ({ imageSize, patch }: VisionConfig): number => (imageSize / patch) ** 2;

/**
 * A vision transformer (Dosovitskiy et al. 2021, equations 1 to 4, without the class token): pictures uint8 [B, size, size, 3] to one
 * vector a patch, [B, patches, outputs]. The last product brings them into the language network's width, so that they stand where tokens
 * would: in the manner of LLaVA (Liu et al. 2023, equation 1), whose encoder was trained before; this one is trained along.
 */
export class VisionEncoder extends Layer {
  static override readonly className = "VisionEncoder";
  readonly config: VisionConfig;
  /** Each halves height and width, and doubles the channels; none with a linear stem. */
  readonly convolutions: readonly Conv2D[];
  /** E of equation 1: a patch's pixels, or what convolutions made of them, to features. */
  readonly patches: Linear;
  /** E_pos: [patches, width] */
  readonly places: Variable;
  readonly blocks: readonly VisionBlock[];
  readonly norm: LayerNormalization;
  readonly projection: Linear;

  constructor(config: VisionConfig, outputs: number) {
    super({ name: "encoder" });
    this.config = checkVision(config);
    const { patch, width, layers, stem } = config;
    const halvings = stem === "convolutions" ? Math.log2(patch) : 0;
    this.convolutions = Array.from({ length: halvings }, (_, i) => {
      const options = { strides: 2, padding: "same", activation: "relu", kernelInitializer: "heNormal", name: `convolution${i}` } as const;
      return new Conv2D((width * 2 ** (i + 1)) / patch, 3, options);
    });
    this.patches = linear("patches", width, halvings ? width : 3 * patch ** 2);
    // As large as what patches say: otherwise it takes long until places count.
    const initializer = { className: "RandomNormal", config: { mean: 0, stddev: 0.5 } };
    this.places = this.addWeight("places", [patchesOf(config), width], { initializer });
    this.blocks = Array.from({ length: layers }, (_, i) => new VisionBlock(`block${i}`, config));
    this.norm = new LayerNormalization({ epsilon: 1e-6, name: "norm" });
    this.projection = linear("projection", outputs, width);
    this.built = true;
  }

  override call(pictures: Tensor): Tensor {
    const { imageSize: size, patch } = this.config;
    if (pictures.ndim !== 4 || pictures.shape.slice(1).join() !== `${size},${size},3`)
      throw new ShapeError("VisionEncoder", `expects pictures [batch, ${size}, ${size}, 3], received [${pictures.shape.join(", ")}]`);
    let x: Tensor = pictures.astype("float32").sub(ground).div(contrast);
    for (const convolution of this.convolutions) x = convolution(x);
    // Pixels of each patch side by side: [B, patches, features]
    const side = size / patch;
    const step = x.shape[1]! / side;
    x = x
      .reshape([-1, side, step, side, step, x.shape[3]!])
      .permuteDims([0, 1, 3, 2, 4, 5])
      .reshape([pictures.shape[0]!, side ** 2, this.patches.inputs]);
    x = this.patches(x).add(this.places);
    for (const block of this.blocks) x = block(x);
    return this.projection(this.norm(x));
  }
}

/** Equations 2 and 3: every patch looks at all others, then each is worked on alone. */
class VisionBlock extends Layer {
  static override readonly className = "VisionBlock";
  readonly norm1: LayerNormalization;
  /** Rows: all heads' queries, then keys, then values. */
  readonly qkv: Linear;
  readonly out: Linear;
  readonly norm2: LayerNormalization;
  readonly up: Linear;
  readonly down: Linear;
  private readonly heads: number;

  constructor(name: string, { width, heads, hidden, layers }: VisionConfig) {
    super({ name });
    this.heads = heads;
    this.norm1 = new LayerNormalization({ epsilon: 1e-6, name: "norm1" });
    this.qkv = linear("qkv", 3 * width, width);
    this.out = linear("out", width, width, layers);
    this.norm2 = new LayerNormalization({ epsilon: 1e-6, name: "norm2" });
    this.up = linear("up", hidden, width);
    this.down = linear("down", width, hidden, layers);
    this.built = true;
  }

  override call(x: Tensor): Tensor {
    const [batch, time, width] = x.shape as [number, number, number];
    const parts = this.qkv(this.norm1(x))
      .reshape([batch, time, 3 * this.heads, width / this.heads])
      .permuteDims([0, 2, 1, 3]);
    const [query, key, value] = split(parts, 3, { axis: 1 }) as [Tensor, Tensor, Tensor];
    const mixed = scaledDotProductAttention(query, key, value).permuteDims([0, 2, 1, 3]).reshape([batch, time, width]);
    const attended = x.add(this.out(mixed));
    return attended.add(this.down(gelu(this.up(this.norm2(attended)))));
  }
}

/** Small networks learn sooner from weights that keep the size of what goes through; what is added to the stream starts smaller. */
function linear(name: string, outputs: number, inputs: number, layers = 0.5): Linear {
  return new Linear(outputs, inputs, { name, bias: true, deviation: 1 / Math.sqrt(inputs * 2 * layers) });
}
