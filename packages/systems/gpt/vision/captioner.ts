import { Model } from "@gradus/nn";
import { ArgumentError, type Compiled, compile, FormatError, ShapeError, type Source, type Tensor, tensor, zeros } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { parseJson } from "@gradus/tensor/json";
import { checkConfig, configOf, type GptConfig } from "../config.ts";
import { Decoder } from "../decoder.ts";
import { Gpt } from "../model.ts";
import { decodeCaption, endOfText, judge, mostWords, parseCaption, vocabularySize } from "./captions.ts";
import { checkVision, patchesOf, type VisionConfig, VisionEncoder } from "./encoder.ts";
import { type Part, scene, sceneSize } from "./scenes.ts";

/** The two halves of a captioner. */
export interface CaptionerConfig {
  readonly vision: VisionConfig;
  readonly language: GptConfig;
}

/** Patches of 8 × 8 pixels, three blocks that look and three that speak, 64 features: 341,000 weights. */
export const smallCaptioner: CaptionerConfig = {
  vision: { imageSize: sceneSize, patch: 8, stem: "convolutions", width: 64, layers: 3, heads: 4, hidden: 256 },
  language: configOf("small", {
    ...{ vocabulary: vocabularySize, context: 64, width: 64, layers: 3, heads: 4, keyValueHeads: 4, headWidth: 16, hidden: 256 },
  }),
};

/**
 * Pictures uint8 [B, size, size, 3] and tokens so far [B, T] to logits of the next token, [B, T, vocabulary]: the patches, encoded, stand
 * before the tokens (Liu et al. 2023, §4.1).
 */
export class CaptionNetwork extends Model {
  static override readonly className = "CaptionNetwork";
  readonly config: CaptionerConfig;
  readonly encoder: VisionEncoder;
  readonly language: Gpt;

  constructor(config: CaptionerConfig) {
    super({ name: "captioner" });
    this.config = { vision: checkVision(config.vision), language: checkConfig(config.language) };
    const { vision, language } = config;
    const [wanted, known] = [patchesOf(vision) + mostWords + 1, language.vocabulary];
    if (language.context < wanted)
      throw new ArgumentError("CaptionerConfig", `the context of ${language.context} does not hold ${wanted} patches and words`);
    if (known !== vocabularySize)
      throw new ArgumentError("CaptionerConfig", `vocabulary is ${known}, captions have ${vocabularySize} words`);
    this.encoder = new VisionEncoder(vision, language.width);
    this.language = new Gpt(language, { name: "language" });
    // Layers make their weights when they are first called.
    this.call([zeros([1, vision.imageSize, vision.imageSize, 3], { dtype: "uint8" }), zeros([1, 1], { dtype: "int32" })]);
    this.built = true;
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const [pictures, ids] = inputs as readonly [Tensor, Tensor];
    return this.language.forward(ids, { prefix: this.encoder(pictures) });
  }
}

/** Pictures that are captioned side by side. */
const atOnce = 32;

/** A network that says what is on pictures of scenes. */
export class Captioner {
  readonly network: CaptionNetwork;
  private readonly decoders = new Map<number, Decoder>();
  private readonly encode: Compiled<(pictures: Tensor) => Tensor>;

  constructor(network: CaptionNetwork) {
    this.network = network;
    this.encode = compile((pictures) => network.encoder(pictures));
  }

  /**
   * The likeliest word after word, until the caption ends. Each picture is read once: keys and values of its patches are kept. ShapeError
   * for pictures that are not uint8 [size, size, 3], ArgumentError for grey ones.
   */
  async caption(pictures: readonly ArrayData[]): Promise<string[]> {
    const captions: string[] = [];
    for (const picture of pictures) this.check(picture);
    const batch = pictures.length === 1 ? 1 : atOnce;
    for (let i = 0; i < pictures.length; i += batch) captions.push(...(await this.captionBatch(pictures.slice(i, i + batch), batch)));
    return captions;
  }

  private check({ dtype, shape, data }: ArrayData): void {
    const size = this.network.config.vision.imageSize;
    if (dtype !== "uint8" || shape.join() !== `${size},${size},3`)
      throw new ShapeError(
        "caption",
        `the picture is ${dtype} [${shape.join(", ")}], where uint8 [${size}, ${size}, 3] was expected`,
        shape.length === 3 && shape[2] === 3 ? `Bring it to ${size} × ${size} pixels` : "It needs the colours red, green and blue",
      );
    // Files of grey pictures are read as three equal channels.
    const pixels = data as Uint8Array;
    if (pixels.every((v, i) => v === pixels[i - (i % 3)]))
      throw new ArgumentError("caption", "the picture is grey", "Captions tell colours: give a picture in colour");
  }

  private async captionBatch(pictures: readonly ArrayData[], batch: number): Promise<string[]> {
    const size = this.network.config.vision.imageSize;
    const pixels = new Uint8Array(batch * size * size * 3);
    for (const [i, { data }] of pictures.entries()) pixels.set(data as Uint8Array, i * size * size * 3);
    const prefix = this.encode(tensor(pixels, { dtype: "uint8" }).reshape([batch, size, size, 3]));
    const decoder = this.decoders.get(batch) ?? new Decoder(this.network.language, { batch });
    this.decoders.set(batch, decoder);
    decoder.rewind(new Array<number>(batch).fill(0));
    const said: number[][] = Array.from({ length: batch }, () => []);
    const open = new Set(pictures.keys());
    let logits = await decoder.readPrefix(prefix, new Array(batch).fill([endOfText]));
    prefix.dispose();
    for (let words = 0; ; words++) {
      const next = logits.map((row, i) => {
        if (!open.has(i)) return [];
        if (!row.every(Number.isFinite))
          throw new FormatError(
            "caption",
            "the network gives numbers that are not finite",
            "Its weights are damaged, or its training diverged",
          );
        const best = row.indexOf(Math.max(...row));
        if (best === endOfText || words === mostWords) open.delete(i);
        else said[i]!.push(best);
        return open.has(i) ? [best] : [];
      });
      if (!open.size) return pictures.map((_, i) => decodeCaption(said[i]!));
      logits = await decoder.read(next);
    }
  }
}

/** The network of a configuration with weights from a file that training wrote. FormatError or ShapeError where they do not fit. */
export async function loadCaptioner(config: CaptionerConfig, weights: Source): Promise<Captioner> {
  const network = new CaptionNetwork(config);
  await network.loadWeights(weights);
  return new Captioner(network);
}

/** The configuration from the JSON beside trained weights. FormatError for anything else. */
export function parseCaptioner(text: string, where: string): CaptionerConfig {
  const config = (parseJson(text) as { config?: CaptionerConfig } | null | undefined)?.config;
  if (config?.vision && config.language?.rotary) return { vision: checkVision(config.vision), language: checkConfig(config.language) };
  throw new FormatError("parseCaptioner", `${where} does not describe a captioner`, "It needs config, as gradus train captioner writes it");
}

/** Shares of what captions told rightly: of groups their colour, shape and count; of scenes the position, and all of it. */
export interface Accuracy {
  readonly scenes: number;
  readonly colour: number;
  readonly shape: number;
  readonly count: number;
  readonly position: number;
  readonly exact: number;
}

export interface EvaluateOptions {
  /** Default 1000. */
  readonly scenes?: number;
  /** Default 1. */
  readonly seed?: number;
  readonly report?: (done: number, total: number) => void;
}

/** Captions scenes, and judges the captions by what they say. */
export async function evaluate(captioner: Captioner, part: Part, options: EvaluateOptions = {}): Promise<Accuracy> {
  const { scenes = 1000, seed = 1, report } = options;
  if (!(Number.isSafeInteger(scenes) && scenes >= 1)) throw new ArgumentError("evaluate", `${scenes} scenes`, "Give a positive integer");
  const sum = { groups: 0, colour: 0, shape: 0, count: 0, position: 0, exact: 0 };
  for (let i = 0; i < scenes; i += atOnce) {
    const some = Array.from({ length: Math.min(atOnce, scenes - i) }, (_, k) => scene(seed, part, i + k));
    const captions = await captioner.caption(some.map((s) => s.picture));
    for (const [k, { statement }] of some.entries()) {
      const verdict = judge(parseCaption(captions[k]!), statement);
      for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += Number(verdict[key]);
    }
    report?.(Math.min(i + atOnce, scenes), scenes);
  }
  const { groups } = sum;
  return {
    ...{ scenes, colour: sum.colour / groups, shape: sum.shape / groups, count: sum.count / groups },
    ...{ position: sum.position / scenes, exact: sum.exact / scenes },
  };
}
