import { Dropout, isTraining, Layer, LayerNormalization, Model, RMSNormalization } from "@gradus/nn";
import {
  arange,
  concat,
  cos,
  gelu,
  matmul,
  relu,
  ShapeError,
  scaledDotProductAttention,
  silu,
  sin,
  softmax,
  split,
  Tensor,
  take,
  takeAlongAxis,
  tensor,
  tri,
  type Variable,
  where,
} from "@gradus/tensor";
import { checkConfig, type GptConfig, type RotaryConfig } from "./config.ts";
import { type Bits, Linear } from "./linear.ts";

export interface GptOptions {
  /** Share dropped in training: of the sum of token and place, of attention weights, of what each part adds. Default 0. */
  readonly dropout?: number;
  /** Bits of the matrices; 8 and 4 for inference. Default 32. */
  readonly bits?: Bits;
  readonly name?: string;
}

/** Keys and values of the tokens so far, of each layer: float32 [rows, keyValueHeads, capacity, headWidth]. */
export interface Cache {
  readonly keys: Tensor[];
  readonly values: Tensor[];
}

/** What a pass through the network may be told. */
export interface Pass {
  /** Keys and values are looked up in it, and its arrays replaced by those with the new ones. */
  readonly cache?: Cache;
  /** Place of each row's first token, int32 [B]. Default 0. */
  readonly starts?: Tensor;
  /** Only the logits of one token of each row are wanted, counted from its first, int32 [B]: [B, 1, vocabulary]. */
  readonly only?: Tensor;
  /** Vectors that come before the tokens, such as those of a picture: [B, P, width]. Logits are those of the tokens. */
  readonly prefix?: Tensor;
  /** Is shown what goes on inside, for those who look. */
  readonly observe?: (what: "stream" | "attention", layer: number, value: Tensor) => void;
}

/** What blocks share during a pass. */
interface Surroundings {
  /** int32 [B or 1, T] */
  readonly places: Tensor;
  /** Cosine and sine of each pair's angle, [B or 1, 1, T, headWidth / 2]; null without rotary positions. */
  readonly turn: readonly [cosine: Tensor, sine: Tensor] | null;
  readonly pass: Pass;
  readonly layer: number;
}

/**
 * A decoder-only transformer: tokens int32 [B, T] to logits [B, T, vocabulary]. The blocks are those of GPT-2 (normalisation first;
 * Radford et al. 2019, §2.3), or of Llama and its like, as the configuration says. The sum that runs through all blocks is the
 * residual stream; `forward` shows it to an observer.
 */
export class Gpt extends Model {
  static override readonly className = "Gpt";
  readonly config: GptConfig;
  readonly tokens: Linear;
  readonly table: PlaceTable | null;
  readonly blocks: readonly Block[];
  readonly norm: Layer;
  /** Null where the output layer is the table of tokens. */
  readonly head: Linear | null;
  private readonly dropped: Dropout;

  constructor(config: GptConfig, { dropout = 0, bits = 32, name = "gpt" }: GptOptions = {}) {
    super({ name });
    this.config = checkConfig(config);
    const { vocabulary, context, width, layers } = config;
    this.tokens = new Linear(vocabulary, width, { name: "tokens", bits });
    this.table = config.positions === "learned" ? new PlaceTable(context, width) : null;
    this.blocks = Array.from({ length: layers }, (_, i) => new Block(`block${i}`, config, bits, dropout));
    this.norm = normalisation("norm", config);
    this.head = config.tied ? null : new Linear(vocabulary, width, { name: "head", bits });
    this.dropped = new Dropout(dropout, { name: "dropped" });
    this.built = true;
  }

  override call(ids: Tensor | readonly Tensor[]): Tensor {
    return this.forward(ids instanceof Tensor ? ids : (ids as readonly Tensor[])[0]!);
  }

  /** Logits, with a cache, vectors before the tokens, or an observer. ShapeError for more tokens than the context holds. */
  forward(ids: Tensor, pass: Pass = {}): Tensor {
    if (ids.ndim !== 2) throw new ShapeError("Gpt", `expects tokens [batch, time], received [${ids.shape.join(", ")}]`);
    const { context, rotary, headWidth, positions } = this.config;
    const rows = this.tokens.rows(ids.astype("int32"));
    let x = pass.prefix ? concat([pass.prefix, rows], { axis: 1 }) : rows;
    const time = x.shape[1]!;
    if (!pass.cache && time > context)
      throw new ShapeError("Gpt", `${time} tokens are more than the ${context} that the network sees at once`, "Give it fewer");
    const places = pass.starts ? pass.starts.reshape([-1, 1]).add(arange(time)) : arange(time).reshape([1, time]);
    if (this.table) x = x.add(this.table(places));
    x = this.dropped(x);
    const turn = positions === "rotary" ? turns(places, headWidth / 2, rotary) : null;
    for (const [layer, block] of this.blocks.entries()) {
      pass.observe?.("stream", layer, x);
      x = block.forward(x, { places, turn, pass, layer });
    }
    pass.observe?.("stream", this.blocks.length, x);
    if (pass.prefix) x = x.get(":", `${pass.prefix.shape[1]}:`);
    if (pass.only) x = takeAlongAxis(x, pass.only.reshape([-1, 1, 1]).broadcastTo([x.shape[0]!, 1, x.shape[2]!]), { axis: 1 });
    return this.logits(x);
  }

  /** What the network would say if the stream ended here: [..., width] → [..., vocabulary] (the "logit lens"). */
  logits(stream: Tensor): Tensor {
    return (this.head ?? this.tokens)(this.norm(stream) as Tensor);
  }
}

function normalisation(name: string, { norm, epsilon, width }: GptConfig): Layer {
  const layer = norm === "layer" ? new LayerNormalization({ epsilon, name }) : new RMSNormalization({ epsilon, name });
  // Its weights are there before the first pass, to be loaded, counted and named.
  layer.ensureBuilt([null, null, width]);
  return layer;
}

/** A learned vector for each place. Places beyond the last, which only padding has, get the last one's. */
class PlaceTable extends Layer {
  static override readonly className = "PlaceTable";
  readonly weight: Variable;

  constructor(context: number, width: number) {
    super({ name: "places" });
    const initializer = { className: "RandomNormal", config: { mean: 0, stddev: 0.01 } };
    this.weight = this.addWeight("weight", [context, width], { initializer });
    this.built = true;
  }

  override call(places: Tensor): Tensor {
    return take(this.weight, places.minimum(this.weight.shape[0]! - 1), { axis: 0 });
  }
}

/** One block: what attention finds, then what the feed-forward part makes of it, each added to the stream. */
class Block extends Layer {
  static override readonly className = "Block";
  readonly norm1: Layer;
  readonly attention: Attention;
  readonly norm2: Layer;
  readonly feedForward: FeedForward;
  private readonly dropped: Dropout;

  constructor(name: string, config: GptConfig, bits: Bits, dropout: number) {
    super({ name });
    this.norm1 = normalisation("norm1", config);
    this.attention = new Attention(config, bits, dropout);
    this.norm2 = normalisation("norm2", config);
    this.feedForward = new FeedForward(config, bits);
    this.dropped = new Dropout(dropout, { name: "dropped" });
    this.built = true;
  }

  forward(x: Tensor, around: Surroundings): Tensor {
    const attended = x.add(this.dropped(this.attention.forward(this.norm1(x), around)));
    return attended.add(this.dropped(this.feedForward(this.norm2(attended))));
  }

  override call(x: Tensor): Tensor {
    return x;
  }
}

/** Several heads of causal attention (Vaswani et al. 2017, §3.2.2), with rotary positions and shared keys where configured. */
class Attention extends Layer {
  static override readonly className = "Attention";
  /** Rows: all heads' queries, then keys, then values. */
  readonly qkv: Linear;
  readonly out: Linear;
  private readonly config: GptConfig;
  private readonly dropped: Dropout;

  constructor(config: GptConfig, bits: Bits, dropout: number) {
    super({ name: "attention" });
    this.config = config;
    const { heads, keyValueHeads, headWidth, width, bias, layers } = config;
    this.qkv = new Linear((heads + 2 * keyValueHeads) * headWidth, width, { name: "qkv", bias: bias !== "none", bits });
    // What is added to the stream 2 · layers times starts that much smaller (Radford et al. 2019, §2.3).
    const deviation = 0.02 / Math.sqrt(2 * layers);
    this.out = new Linear(width, heads * headWidth, { name: "out", bias: bias === "all", bits, deviation });
    this.dropped = new Dropout(dropout, { name: "dropped" });
    this.built = true;
  }

  override call(x: Tensor): Tensor {
    return x;
  }

  forward(x: Tensor, { places, turn, pass, layer }: Surroundings): Tensor {
    const { heads, keyValueHeads, headWidth } = this.config;
    const [batch, time] = x.shape as [number, number];
    const parts = this.qkv(x)
      .reshape([batch, time, heads + 2 * keyValueHeads, headWidth])
      .permuteDims([0, 2, 1, 3]);
    const [q, k, value] = split(parts, [heads, heads + keyValueHeads], { axis: 1 }) as [Tensor, Tensor, Tensor];
    const [query, key] = turn ? [rotate(q, turn), rotate(k, turn)] : [q, k];
    let mixed: Tensor;
    if (pass.cache) {
      const { cache } = pass;
      const first = places.get(":", 0);
      const keys = written(cache.keys[layer]!, key, first);
      const values = written(cache.values[layer]!, value, first);
      cache.keys[layer] = keys;
      cache.values[layer] = values;
      const seen = arange(keys.shape[2]!).lessEqual(places.expandDims({ axis: -1 }));
      mixed = grouped(query, keys, values, seen);
    } else if (pass.observe || (this.dropped.rate > 0 && isTraining())) {
      const repeat = (t: Tensor): Tensor => (heads === keyValueHeads ? t : t.repeat(heads / keyValueHeads, { axis: 1 }));
      const scores = matmul(query, repeat(key).swapaxes(2, 3)).mul(headWidth ** -0.5);
      const weights = softmax(where(tri(time).astype("bool"), scores, Number.NEGATIVE_INFINITY));
      pass.observe?.("attention", layer, weights);
      mixed = matmul(this.dropped(weights), repeat(value));
    } else mixed = scaledDotProductAttention(query, key, value, { causal: true });
    return this.out(mixed.permuteDims([0, 2, 1, 3]).reshape([batch, time, heads * headWidth]));
  }
}

/** Attention where the query heads that share keys are rows of one head: keys and values are read once. `seen` is bool [B or 1, T, S]. */
function grouped(query: Tensor, keys: Tensor, values: Tensor, seen: Tensor): Tensor {
  const [batch, heads, time, features] = query.shape as [number, number, number, number];
  const shared = keys.shape[1]!;
  const size = heads / shared;
  const mask = seen.reshape([-1, 1, 1, time, seen.shape[2]!]);
  const each = mask.broadcastTo([mask.shape[0]!, 1, size, time, seen.shape[2]!]).reshape([-1, 1, size * time, seen.shape[2]!]);
  const rows = query.reshape([batch, shared, size * time, features]);
  return scaledDotProductAttention(rows, keys, values, { mask: each }).reshape([batch, heads, time, features]);
}

/** The cache with new keys or values [B, heads, T, features] at places from `first`, int32 [B or 1], on. */
function written(cache: Tensor, fresh: Tensor, first: Tensor): Tensor {
  const [batch, heads, capacity, features] = cache.shape as [number, number, number, number];
  const time = fresh.shape[2]!;
  const index = arange(capacity).sub(first.reshape([-1, 1])); // which of the new ones belongs at a place
  const inside = index.greaterEqual(0).logicalAnd(index.less(time)).reshape([-1, 1, capacity, 1]);
  if (time === 1) return where(inside, fresh, cache);
  const which = index
    .clip(0, time - 1)
    .reshape([-1, 1, capacity, 1])
    .broadcastTo([batch, heads, capacity, features]);
  return where(inside, takeAlongAxis(fresh, which, { axis: 2 }), cache);
}

/** W₂ act(W₁ x), or W₂ (act(W x) ⊙ V x) where gated (Shazeer 2020, equation 6). */
class FeedForward extends Layer {
  static override readonly className = "FeedForward";
  readonly gate: Linear | null;
  readonly up: Linear;
  readonly down: Linear;
  private readonly activation: GptConfig["activation"];

  constructor({ width, hidden, gated, bias, layers, activation }: GptConfig, bits: Bits) {
    super({ name: "feed_forward" });
    const options = { bias: bias === "all", bits };
    this.gate = gated ? new Linear(hidden, width, { name: "gate", ...options }) : null;
    this.up = new Linear(hidden, width, { name: "up", ...options });
    this.down = new Linear(width, hidden, { name: "down", ...options, deviation: 0.02 / Math.sqrt(2 * layers) });
    this.activation = activation;
    this.built = true;
  }

  override call(x: Tensor): Tensor {
    const act = activations[this.activation];
    return this.down(this.gate ? act(this.gate(x)).mul(this.up(x)) : act(this.up(x)));
  }
}

export const activations: Readonly<Record<GptConfig["activation"], (x: Tensor) => Tensor>> = {
  gelu: (x) => gelu(x),
  geluTanh: (x) => gelu(x, { approximate: true }),
  relu,
  silu,
};

/** Turns pair (i, i + half) of each head's features by the angle of its place (Su et al. 2021, equation 34). */
function rotate(x: Tensor, [cosine, sine]: readonly [Tensor, Tensor]): Tensor {
  const half = x.shape[3]! / 2;
  const [a, b] = [x.get("...", `:${half}`), x.get("...", `${half}:`)];
  return concat([a.mul(cosine).sub(b.mul(sine)), b.mul(cosine).add(a.mul(sine))], { axis: -1 });
}

function turns(places: Tensor, pairs: number, rotary: RotaryConfig): readonly [Tensor, Tensor] {
  const angles = places
    .astype("float32")
    .reshape([places.shape[0]!, 1, places.shape[1]!, 1])
    .mul(tensor(frequencies(pairs, rotary)));
  return [cos(angles), sin(angles)];
}

/** How far each pair turns from one place to the next. Scaling "llama3" slows slow pairs by `factor`, and blends in between. */
export function frequencies(pairs: number, { base, scaling }: RotaryConfig): Float32Array {
  return Float32Array.from({ length: pairs }, (_, i) => {
    const f = base ** (-i / pairs);
    if (!scaling) return f;
    if (scaling.kind === "linear") return f / scaling.factor;
    const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext } = scaling;
    const turned = (originalContext * f) / (2 * Math.PI); // whole turns within the context it was first trained with
    const share = Math.min(1, Math.max(0, (turned - low) / (high - low)));
    return share * f + ((1 - share) * f) / factor;
  });
}
