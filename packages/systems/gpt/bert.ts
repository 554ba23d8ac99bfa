import { Dropout, isTraining, Layer, LayerNormalization, Model } from "@gradus/nn";
import {
  ArgumentError,
  arange,
  matmul,
  ShapeError,
  StateError,
  scaledDotProductAttention,
  softmax,
  Tensor,
  tanh,
  type Variable,
  where,
} from "@gradus/tensor";
import type { GptConfig } from "./config.ts";
import { Linear } from "./linear.ts";
import { activations } from "./model.ts";

/** What distinguishes one encoder of BERT's kind from another. */
export interface BertConfig {
  /** Number of tokens that the network knows. */
  readonly vocabulary: number;
  /** The most tokens it sees at once. */
  readonly context: number;
  /** Features of a token on its way through the network. */
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Features inside the feed-forward part. */
  readonly hidden: number;
  /** Kinds of segments, such as question and answer, each with a learned vector; 0 in DistilBERT. */
  readonly segments: number;
  readonly epsilon: number;
  readonly activation: GptConfig["activation"];
}

/** Encoders by name: BERT's two sizes (Devlin et al. 2018, §3) and DistilBERT (Sanh et al. 2019), with the vocabulary of small letters. */
export const bertConfigs: Readonly<Record<"bert-base" | "bert-large" | "distilbert", BertConfig>> = {
  "bert-base": sized(12, 12, 768, 2),
  "bert-large": sized(24, 16, 1024, 2),
  distilbert: sized(6, 12, 768, 0),
};

function sized(layers: number, heads: number, width: number, segments: number): BertConfig {
  return {
    ...{ vocabulary: 30_522, context: 512, width, layers, heads, hidden: 4 * width, segments },
    ...{ epsilon: 1e-12, activation: "gelu" },
  };
}

/** Gives the configuration back if its numbers fit each other; ArgumentError says which do not. */
export function checkBertConfig(config: BertConfig): BertConfig {
  for (const name of ["vocabulary", "context", "width", "layers", "heads", "hidden"] as const)
    if (!(Number.isSafeInteger(config[name]) && config[name] >= 1))
      throw new ArgumentError("BertConfig", `${name} is ${config[name]}`, "Give a positive integer");
  const { width, heads, segments, epsilon } = config;
  if (width % heads) throw new ArgumentError("BertConfig", `width ${width} does not divide among ${heads} heads`);
  if (!(Number.isSafeInteger(segments) && segments >= 0))
    throw new ArgumentError("BertConfig", `segments is ${segments}`, "Give 0 or more");
  if (!(epsilon >= 0)) throw new ArgumentError("BertConfig", `epsilon is ${epsilon}`, "It must not be negative");
  return config;
}

export interface BertOptions {
  /** Share dropped in training: of the sum of token and place, of attention weights, of what each part adds. Default 0. */
  readonly dropout?: number;
  /** With the layer that makes one vector of a text, as BERT has it for its second task. Default: where there are segments. */
  readonly pooler?: boolean;
  /** With the layers that guess hidden tokens. Default true. */
  readonly head?: boolean;
  readonly name?: string;
}

/** What a pass through the encoder may be told. */
export interface BertPass {
  /** [B, T], not 0 (or true) where there is a token, 0 for padding, which nobody looks at. Default: all are tokens. */
  readonly mask?: Tensor;
  /** Segment of each token, int32 [B, T]. Default 0. */
  readonly segments?: Tensor;
  /** Is shown the vectors [B, T, width] before the first block (0) and after each, and attention weights [B, heads, T, T] of block 0 on. */
  readonly observe?: (what: "hidden" | "attention", layer: number, value: Tensor) => void;
}

/** How the vectors of a text's tokens become one: their mean, the first token's, or the first's through BERT's own layer. */
export type Pooling = "mean" | "first" | "pooler";

/**
 * BERT (Devlin et al. 2018) and DistilBERT (Sanh et al. 2019): an encoder, and layers that guess hidden tokens from both sides. Called on
 * tokens int32 [B, T], or on [tokens, mask], it gives logits [B, T, vocabulary], so that `fit` trains it.
 */
export class Bert extends Model {
  static override readonly className: string = "Bert";
  readonly config: BertConfig;
  readonly encoder: BertEncoder;
  readonly pooler: Linear | null;
  readonly head: MaskedHead | null;

  constructor(config: BertConfig, { dropout = 0, pooler = config.segments > 0, head = true, name = "bert" }: BertOptions = {}) {
    super({ name });
    this.config = checkBertConfig(config);
    this.encoder = new BertEncoder(config, dropout);
    this.pooler = pooler ? new Linear(config.width, config.width, { name: "pooler", bias: true }) : null;
    this.head = head ? new MaskedHead(config) : null;
    this.built = true;
  }

  override call(inputs: Tensor | readonly Tensor[]): Tensor {
    const [ids, mask] = inputs instanceof Tensor ? [inputs] : (inputs as readonly Tensor[]);
    return this.logits(this.encoder.forward(ids!, mask ? { mask } : {}));
  }

  /** Which tokens could stand at each place: vectors of the encoder [..., width] → [..., vocabulary]. StateError without a head. */
  logits(hidden: Tensor): Tensor {
    if (!this.head)
      throw new StateError("Bert", "the network has no layers that guess tokens", "Load a model for masked language modelling");
    return this.head.forward(hidden, this.encoder.tokens);
  }

  /** One vector for each text, [B, width]. StateError for "pooler" where there is none. */
  pooled(hidden: Tensor, { mask, pooling = "mean" }: { readonly mask?: Tensor; readonly pooling?: Pooling } = {}): Tensor {
    return pool(hidden, mask, pooling, this.pooler);
  }
}

function pool(hidden: Tensor, mask: Tensor | undefined, pooling: Pooling, pooler: Linear | null): Tensor {
  if (pooling === "mean") {
    if (!mask) return hidden.mean({ axis: 1 });
    const there = mask.astype("bool").astype("float32").expandDims({ axis: -1 });
    return hidden
      .mul(there)
      .sum({ axis: 1 })
      .div(there.sum({ axis: 1 }).maximum(1));
  }
  const first = hidden.get(":", 0);
  if (pooling === "first") return first;
  if (!pooler) throw new StateError("Bert", "the network has no pooler", `Use pooling: "mean" or "first"`);
  return tanh(pooler(first));
}

/** Tokens to vectors that know of all others: [B, T] → [B, T, width]. */
export class BertEncoder extends Model {
  static override readonly className: string = "BertEncoder";
  readonly config: BertConfig;
  readonly tokens: Linear;
  readonly places: Linear;
  readonly segments: Linear | null;
  readonly norm: LayerNormalization;
  readonly blocks: readonly EncoderBlock[];
  private readonly dropped: Dropout;

  constructor(config: BertConfig, dropout = 0) {
    super({ name: "encoder" });
    const { vocabulary, context, width, segments, layers } = config;
    this.config = config;
    this.tokens = new Linear(vocabulary, width, { name: "tokens" });
    this.places = new Linear(context, width, { name: "places" });
    this.segments = segments ? new Linear(segments, width, { name: "segments" }) : null;
    this.norm = normalisation("norm", config);
    this.blocks = Array.from({ length: layers }, (_, i) => new EncoderBlock(`block${i}`, config, dropout));
    this.dropped = new Dropout(dropout, { name: "dropped" });
    this.built = true;
  }

  override call(inputs: Tensor | readonly Tensor[]): Tensor {
    const [ids, mask] = inputs instanceof Tensor ? [inputs] : (inputs as readonly Tensor[]);
    return this.forward(ids!, mask ? { mask } : {});
  }

  /** As `call`, with segments, or an observer. ShapeError for more tokens than the context holds. */
  forward(ids: Tensor, { mask, segments, observe }: BertPass = {}): Tensor {
    if (ids.ndim !== 2) throw new ShapeError("Bert", `expects tokens [batch, time], received [${ids.shape.join(", ")}]`);
    const [batch, time] = ids.shape as [number, number];
    const { context } = this.config;
    if (time > context)
      throw new ShapeError("Bert", `${time} tokens are more than the ${context} that the network sees at once`, "Give it fewer");
    for (const [name, t] of Object.entries({ mask, segments }))
      if (t && t.shape.join() !== ids.shape.join())
        throw new ShapeError("Bert", `tokens are [${ids.shape.join(", ")}], the ${name} [${t.shape.join(", ")}]`);
    if (segments && !this.segments) throw new StateError("Bert", "the network knows no segments", "DistilBERT has none: leave them out");
    let x = this.tokens.rows(ids.astype("int32")).add(this.places.rows(arange(time).reshape([1, time])));
    // Without a word about them, all tokens are of the first segment.
    if (this.segments) x = x.add(this.segments.rows(segments ? segments.astype("int32") : arange(1).reshape([1, 1])));
    x = this.dropped(this.norm(x));
    const seen = mask?.astype("bool").reshape([batch, 1, 1, time]);
    for (const [layer, block] of this.blocks.entries()) {
      observe?.("hidden", layer, x);
      x = block.forward(x, seen, observe && ((weights) => observe("attention", layer, weights)));
    }
    observe?.("hidden", this.blocks.length, x);
    return x;
  }
}

function normalisation(name: string, { epsilon, width }: BertConfig): LayerNormalization {
  const layer = new LayerNormalization({ epsilon, name });
  layer.ensureBuilt([null, null, width]);
  return layer;
}

/** One block of Vaswani et al. (2017, §3.1): attention, then the feed-forward part, each added and then normalised. */
class EncoderBlock extends Layer {
  static override readonly className = "EncoderBlock";
  /** Rows: all heads' queries, then keys, then values. */
  readonly qkv: Linear;
  readonly out: Linear;
  readonly norm1: LayerNormalization;
  readonly up: Linear;
  readonly down: Linear;
  readonly norm2: LayerNormalization;
  private readonly config: BertConfig;
  private readonly dropped: Dropout;

  constructor(name: string, config: BertConfig, dropout: number) {
    super({ name });
    const { width, hidden } = config;
    this.config = config;
    this.qkv = new Linear(3 * width, width, { name: "qkv", bias: true });
    this.out = new Linear(width, width, { name: "out", bias: true });
    this.norm1 = normalisation("norm1", config);
    this.up = new Linear(hidden, width, { name: "up", bias: true });
    this.down = new Linear(width, hidden, { name: "down", bias: true });
    this.norm2 = normalisation("norm2", config);
    this.dropped = new Dropout(dropout, { name: "dropped" });
    this.built = true;
  }

  override call(x: Tensor): Tensor {
    return this.forward(x, undefined, undefined);
  }

  forward(x: Tensor, seen: Tensor | undefined, observe: ((weights: Tensor) => void) | undefined): Tensor {
    const attended = this.norm1(x.add(this.dropped(this.out(this.mixed(x, seen, observe)))));
    const act = activations[this.config.activation];
    return this.norm2(attended.add(this.dropped(this.down(act(this.up(attended))))));
  }

  private mixed(x: Tensor, seen: Tensor | undefined, observe: ((weights: Tensor) => void) | undefined): Tensor {
    const { heads, width } = this.config;
    const [batch, time] = x.shape as [number, number];
    const parts = this.qkv(x)
      .reshape([batch, time, 3, heads, width / heads])
      .permuteDims([2, 0, 3, 1, 4]);
    const [query, key, value] = [parts.get(0), parts.get(1), parts.get(2)];
    let found: Tensor;
    if (observe || (this.dropped.rate > 0 && isTraining())) {
      const scores = matmul(query, key.swapaxes(2, 3)).mul((width / heads) ** -0.5);
      const weights = softmax(seen ? where(seen, scores, Number.NEGATIVE_INFINITY) : scores);
      observe?.(weights);
      found = matmul(this.dropped(weights), value);
    } else found = scaledDotProductAttention(query, key, value, seen ? { mask: seen } : {});
    return found.permuteDims([0, 2, 1, 3]).reshape([batch, time, width]);
  }
}

/** Vectors to logits: a product, GELU and normalisation, then the table of tokens and a bias (BERT's `cls.predictions`). */
class MaskedHead extends Layer {
  static override readonly className = "MaskedHead";
  readonly product: Linear;
  readonly norm: LayerNormalization;
  readonly bias: Variable;
  private readonly activation: GptConfig["activation"];

  constructor(config: BertConfig) {
    super({ name: "head" });
    this.product = new Linear(config.width, config.width, { name: "product", bias: true });
    this.norm = normalisation("norm", config);
    this.bias = this.addWeight("bias", [config.vocabulary], { initializer: "zeros" });
    this.activation = config.activation;
    this.built = true;
  }

  override call(x: Tensor): Tensor {
    return this.norm(activations[this.activation](this.product(x)));
  }

  forward(hidden: Tensor, tokens: Linear): Tensor {
    return tokens(this(hidden)).add(this.bias);
  }
}

export interface BertClassifierOptions {
  /** Default "mean". */
  readonly pooling?: Pooling;
  /** Share of the text's vector dropped in training. Default 0.1. */
  readonly dropout?: number;
  /** Train the new layer alone. Default false: the whole network is fine-tuned. */
  readonly frozen?: boolean;
  readonly name?: string;
}

/**
 * A classifier of texts on top of an encoder, whose weights it shares: called on [tokens, mask] it gives logits [B, classes]. Compile it
 * with a loss that takes logits, and `fit` it. ArgumentError for fewer than two classes, StateError for a pooler that is not there.
 */
export class BertClassifier extends Model {
  static override readonly className: string = "BertClassifier";
  readonly encoder: BertEncoder;
  readonly pooler: Linear | null;
  readonly decision: Linear;
  readonly pooling: Pooling;
  private readonly dropped: Dropout;

  constructor(network: Bert, classes: number, options: BertClassifierOptions = {}) {
    const { pooling = "mean", dropout = 0.1, frozen = false, name = "classifier" } = options;
    super({ name });
    if (!(Number.isInteger(classes) && classes >= 2))
      throw new ArgumentError("BertClassifier", `there are ${classes} classes`, "Give a whole number from 2 on");
    if (pooling === "pooler" && !network.pooler)
      throw new StateError("BertClassifier", "the network has no pooler", `Use pooling: "mean" or "first"`);
    this.encoder = network.encoder;
    // Only what takes part is a weight of the classifier.
    this.pooler = pooling === "pooler" ? network.pooler : null;
    this.pooling = pooling;
    this.decision = new Linear(classes, network.config.width, { name: "decision", bias: true });
    this.dropped = new Dropout(dropout, { name: "dropped" });
    this.encoder.trainable = !frozen;
    if (this.pooler) this.pooler.trainable = !frozen;
    this.built = true;
  }

  override call(inputs: Tensor | readonly Tensor[]): Tensor {
    const [ids, mask] = inputs instanceof Tensor ? [inputs] : (inputs as readonly Tensor[]);
    const hidden = this.encoder.forward(ids!, mask ? { mask } : {});
    return this.decision(this.dropped(pool(hidden, mask, this.pooling, this.pooler)));
  }
}
