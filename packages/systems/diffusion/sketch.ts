import { type Dense, Layer, type LayerNormalization, Model } from "@gradus/nn";
import { ShapeError, stopGradient, type Tensor } from "@gradus/tensor";
import { dense, doubled, type Kind, layerNorm } from "./layers.ts";
import { placeCodes } from "./place-codes.ts";
import { TransformerBlock } from "./transformer.ts";

/** What distinguishes one sketch from another. */
export interface SketchSizes {
  /** Width of the places' vectors: a multiple of 4 and of the heads. */
  readonly width: number;
  readonly heads: number;
  readonly layers: number;
}

export interface SketchOptions extends SketchSizes, Kind {
  readonly contextWidth: number;
  /** Channels of the pictures. */
  readonly channels: number;
  /** Channels of the network that is shown the sketch. */
  readonly shown: number;
}

/** What words say about each place of a picture. */
export interface Sketched {
  /** For the network that takes the noise away, [B, H, W, shown]. */
  readonly shown: Tensor;
  /** The mean of all pictures that the words describe, at half the size, [B, H / 2, W / 2, channels]. */
  readonly guess: Tensor;
}

/**
 * A first guess of a picture from the words alone: the places of a coarse picture attend to each other and to the words, and say what will be
 * there. What a network of diffusion must learn about "left of" through noise is learned here without any, from the mean square that
 * the guess is off (the encoder's prior loss of Popov et al. 2021, "Grad-TTS", §3.3, for pictures in place of speech).
 */
export class Sketch extends Layer {
  static override readonly className = "Sketch";
  readonly places: Dense;
  readonly blocks: readonly TransformerBlock[];
  readonly norm: LayerNormalization;
  readonly guess: Dense;
  readonly shown: Dense;
  private readonly width: number;

  constructor(name: string, { width, layers, channels, shown, ...options }: SketchOptions) {
    super({ name });
    this.width = width;
    this.places = dense("places", width, width, options);
    this.blocks = Array.from({ length: layers }, (_, i) => new TransformerBlock(`blocks.${i}`, width, options));
    this.norm = layerNorm("norm", width, options);
    this.guess = dense("guess", width, channels, options);
    this.shown = dense("shown", width, shown, options);
    this.built = true;
  }

  override call(context: Tensor): Tensor {
    return this.forward(context, 2, 2).guess;
  }

  /** Of the words' vectors [B, S, contextWidth], for pictures of an even height and width; ShapeError for others. */
  forward(context: Tensor, height: number, width: number): Sketched {
    if (height % 2 || width % 2)
      throw new ShapeError("Sketch", `the picture is ${height} x ${width}`, "It guesses at half the size: height and width must be even");
    const [B, h, w] = [context.shape[0]!, height / 2, width / 2];
    const places = this.places(placeCodes(h, w, this.width).reshape([1, h * w, this.width]));
    let x = places.broadcastTo([B, h * w, this.width]);
    for (const block of this.blocks) x = block.forward(x, { context });
    const known = this.norm(x);
    const picture = (t: Tensor): Tensor => t.reshape([B, h, w, t.shape[2]!]);
    return { guess: picture(this.guess(known)), shown: doubled(picture(this.shown(known))) };
  }
}

/** What a guess should be: the mean of each four places of a picture, [B, H, W, C] → [B, H / 2, W / 2, C]. */
export function coarse(picture: Tensor): Tensor {
  const [B, H, W, C] = picture.shape as [number, number, number, number];
  return picture.reshape([B, H / 2, 2, W / 2, 2, C]).mean({ axis: [2, 4] });
}

/** The loss of a sketch and the text encoder whose words it reads, as a model to be fitted on [pictures, words]: how far the guess is off. */
export class Sketching extends Model {
  static override readonly className = "Sketching";
  readonly sketch: Sketch;
  readonly text: Layer;
  private readonly encode: (pictures: Tensor) => Tensor;

  /** `encode` gives pictures as the sketch guesses them, [B, H, W, channels]. */
  constructor(sketch: Sketch, text: Layer, encode: (pictures: Tensor) => Tensor) {
    super({ name: "sketching" });
    this.sketch = sketch;
    this.text = text;
    this.encode = encode;
    this.built = true;
  }

  override call(inputs: Tensor | readonly Tensor[] | Record<string, Tensor>): Tensor {
    const [pictures, words] = inputs as unknown as readonly [Tensor, Tensor];
    const picture = stopGradient(this.encode(pictures));
    const { guess } = this.sketch.forward(this.text(words), picture.shape[1]!, picture.shape[2]!);
    const loss = guess.sub(coarse(picture)).square().mean();
    this.addLoss(loss);
    return loss.reshape([1]);
  }
}
