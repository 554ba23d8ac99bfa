import { type Dense, Embedding, Layer, type LayerNormalization, Model } from "@gradus/nn";
import { arange, argmax, gelu, ShapeError, sigmoid, type Tensor, takeAlongAxis } from "@gradus/tensor";
import { Attention } from "./attention.ts";
import { dense, type Kind, layerNorm } from "./layers.ts";

const embeddingsInitializer = { className: "RandomNormal", config: { stddev: 1 } };

/** What distinguishes one text encoder from another. */
export interface ClipTextConfig {
  readonly vocabulary: number;
  /** Tokens of a text, the first and the last among them: shorter ones are filled up. */
  readonly context: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Width inside of the feed-forward parts. */
  readonly hidden: number;
  /** `quickGelu` is x · sigmoid(1.702 x). */
  readonly activation: "quickGelu" | "gelu";
  /** The token that ends a text: there CLIP reads off its meaning as a whole. */
  readonly end: number;
  /** Whether tokens know only those before them. Default true, as CLIP has it. */
  readonly causal?: boolean;
}

/** What a text encoder makes of texts. */
export interface ClipText {
  /** A vector for each token, [B, T, width], after the last normalisation: what pictures are told. */
  readonly last: Tensor;
  /** That of the first end token, [B, width]. */
  readonly pooled: Tensor;
  /** The tokens' vectors before the first layer and after each, before the last normalisation. */
  readonly hidden: readonly Tensor[];
}

/**
 * The text encoder of CLIP (Radford et al. 2021, §2.4): tokens int32 [B, T] to vectors [B, T, width], each knowing the tokens before it
 * (or all of them).
 * Its layers have the names of `CLIPTextModel` in the published checkpoints.
 */
export class ClipTextEncoder extends Model {
  static override readonly className = "ClipTextEncoder";
  readonly config: ClipTextConfig;
  readonly tokens: Embedding;
  readonly places: Embedding;
  readonly blocks: readonly Block[];
  readonly norm: LayerNormalization;

  constructor(config: ClipTextConfig, { name = "text_encoder", ...kind }: Kind & { readonly name?: string } = {}) {
    super({ name });
    this.config = config;
    const { vocabulary, context, width, layers } = config;
    const table = (part: string, rows: number): Embedding => {
      // As large as what is added to it later: words that are told apart from the start are bound to each other sooner.
      const layer = new Embedding(rows, width, { embeddingsInitializer, name: `text_model.embeddings.${part}`, ...kind });
      layer.ensureBuilt([null, null]);
      return layer;
    };
    this.tokens = table("token_embedding", vocabulary);
    this.places = table("position_embedding", context);
    this.blocks = Array.from({ length: layers }, (_, i) => new Block(`text_model.encoder.layers.${i}`, config, kind));
    this.norm = layerNorm("text_model.final_layer_norm", width, kind);
    this.built = true;
  }

  override call(ids: Tensor | readonly Tensor[]): Tensor {
    return this.forward(ids as Tensor).last;
  }

  /** ShapeError for more tokens than the context holds. */
  forward(ids: Tensor): ClipText {
    const { context, end } = this.config;
    if (ids.ndim !== 2 || ids.shape[1]! > context)
      throw new ShapeError(
        "ClipTextEncoder",
        `cannot read tokens of shape [${ids.shape.join(", ")}]`,
        `They are [batch, up to ${context}]`,
      );
    const [B, T] = ids.shape as [number, number];
    let x = wide(this.tokens(ids)).add(this.places(arange(T).reshape([1, T])));
    const hidden = [x];
    for (const block of this.blocks) hidden.push((x = block(x)));
    const last = this.norm(x);
    const first = argmax(ids.equal(end).astype("int32"), { axis: 1 });
    const index = first.reshape([B, 1, 1]).broadcastTo([B, 1, last.shape[2]!]);
    return { last, pooled: takeAlongAxis(last, index, { axis: 1 }).reshape([B, -1]), hidden };
  }
}

/** Tables of 16 bits give rows of 32. */
const wide = (x: Tensor): Tensor => (x.dtype === "float16" ? x.astype("float32") : x);

/** What attention to earlier tokens finds, then what the feed-forward part makes of it, each added to the vectors. */
class Block extends Layer {
  static override readonly className = "Block";
  readonly norm1: LayerNormalization;
  readonly attention: Attention;
  readonly norm2: LayerNormalization;
  readonly up: Dense;
  readonly down: Dense;
  private readonly activation: ClipTextConfig["activation"];
  private readonly causal: boolean;

  constructor(name: string, { width, heads, hidden, activation, causal = true }: ClipTextConfig, kind: Kind) {
    super({ name });
    this.causal = causal;
    this.norm1 = layerNorm("layer_norm1", width, kind);
    this.attention = new Attention("self_attn", width, { heads, bias: true, names: ["q_proj", "k_proj", "v_proj", "out_proj"], ...kind });
    this.norm2 = layerNorm("layer_norm2", width, kind);
    this.up = dense("mlp.fc1", width, hidden, kind);
    this.down = dense("mlp.fc2", hidden, width, kind);
    this.activation = activation;
    this.built = true;
  }

  override call(x: Tensor): Tensor {
    const normed = this.norm1(x);
    const h = x.add(this.attention.forward(normed, normed, { causal: this.causal }));
    const inner = this.up(this.norm2(h));
    return h.add(this.down(this.activation === "gelu" ? gelu(inner) : inner.mul(sigmoid(inner.mul(1.702)))));
  }
}
