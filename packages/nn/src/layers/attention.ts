import {
  ArgumentError,
  dropout,
  einsum,
  matmul,
  scaledDotProductAttention,
  softmax,
  type Tensor,
  tanh,
  tri,
  type Variable,
  where,
} from "@gradus/tensor";
import { isTraining } from "../context.ts";
import { type CallOptions, Layer, type LayerInput, type LayerOptions, layerRegistry } from "../layer.ts";
import { maskOf } from "../masking.ts";
import { SeedGenerator } from "../seed.ts";
import type { Config } from "../serialize.ts";
import { type Dims, showDims } from "../symbolic.ts";
import type { KernelOptions } from "./dense.ts";
import { EinsumDense } from "./einsum-dense.ts";

type ProjectionOptions = Omit<KernelOptions, "activation" | "activityRegularizer">;

export interface MultiHeadAttentionOptions extends ProjectionOptions {
  /** Features of each head's values; default `keyDim`. */
  readonly valueDim?: number | null;
  /** Share of the attention weights dropped in training. */
  readonly dropout?: number;
  /** Features of the result; default those of the query. */
  readonly outputShape?: number | null;
  readonly seed?: number | null;
}

export interface AttentionCallOptions extends CallOptions {
  /** Which query may see which key: bool, broadcasts to [batch, heads, T, S] or is [batch, T, S]. */
  readonly attentionMask?: Tensor | null;
  readonly queryMask?: Tensor | null;
  readonly valueMask?: Tensor | null;
  readonly keyMask?: Tensor | null;
  /** A query sees no key after its own place. */
  readonly useCausalMask?: boolean;
  /** Give [result, scores], scores [batch, heads, T, S] after the softmax. */
  readonly returnAttentionScores?: boolean;
}

/** Calling an attention layer gives one tensor, or with `returnAttentionScores` the pair [result, scores]. */
type AttentionFunction = <T extends LayerInput>(query: T | readonly T[], ...more: unknown[]) => T & readonly T[];
const CallableLayer = Layer as unknown as abstract new (options: LayerOptions) => AttentionFunction & Layer;

/** Tensors of a call: one is query, key and value at once; two are query and value; three query, value and key. */
function queryValueKey(inputs: Tensor | readonly Tensor[]): [Tensor, Tensor, Tensor] {
  const [query, value = query, key = value] = Array.isArray(inputs) ? (inputs as readonly Tensor[]) : [inputs as Tensor];
  return [query!, value!, key!];
}

/** All masks of a call as one that broadcasts to [batch, heads, T, S]; null if nothing is left out. */
function combinedMask([query, value, key]: readonly [Tensor, Tensor, Tensor], options: AttentionCallOptions): Tensor | null {
  const padding = (given: Tensor | null | undefined, x: Tensor): Tensor | null => (given === undefined ? maskOf(x) : given);
  const masks: Tensor[] = [];
  const { attentionMask, useCausalMask } = options;
  if (attentionMask) masks.push((attentionMask.ndim === 3 ? attentionMask.expandDims({ axis: 1 }) : attentionMask).astype("bool"));
  const queries = padding(options.queryMask, query);
  if (queries) masks.push(queries.get(":", null, ":", null));
  for (const keys of new Set([padding(options.valueMask, value), padding(options.keyMask, key)]))
    if (keys) masks.push(keys.get(":", null, null));
  if (useCausalMask) masks.push(tri(query.shape[1]!, { columns: key.shape[1]! }).astype("bool"));
  return masks.length ? masks.reduce((a, b) => a.logicalAnd(b)) : null;
}

/**
 * Attention over several heads (Vaswani et al. 2017, §3.2.2): `mha(query, value, key?)`, [batch, T, D], [batch, S, E] →
 * [batch, T, D]. Keys default to the values, values to the query. Without scores asked for and without dropout the scores
 * are never stored. ShapeError when sizes differ from those the layer was built for.
 * @example
 * // 10 steps of 16 numbers each attend to each other
 * const x = zeros([1, 10, 16]);
 * new MultiHeadAttention(4, 4)(x, x, { useCausalMask: true }).shape
 */
export class MultiHeadAttention extends CallableLayer {
  static readonly className: string = "MultiHeadAttention";
  readonly numHeads: number;
  readonly keyDim: number;
  protected readonly options: MultiHeadAttentionOptions;
  protected readonly keyHeads: number;
  private query!: EinsumDense;
  private key!: EinsumDense;
  private value!: EinsumDense;
  private attentionOutput!: EinsumDense;
  private readonly seeds: SeedGenerator | null;

  constructor(numHeads: number, keyDim: number, options: MultiHeadAttentionOptions = {}, keyHeads = numHeads) {
    super(options);
    for (const [name, n] of Object.entries({ numHeads, keyDim, keyHeads }))
      if (!Number.isInteger(n) || n < 1) throw new ArgumentError(String(this), `${name} is ${n}`, "Give a positive integer");
    if (numHeads % keyHeads) throw new ArgumentError(String(this), `${numHeads} query heads do not divide among ${keyHeads} key heads`);
    this.numHeads = numHeads;
    this.keyDim = keyDim;
    this.keyHeads = keyHeads;
    this.options = options;
    this.seeds = options.dropout ? new SeedGenerator(options.seed) : null;
  }

  static fromConfig({ numHeads, keyDim, ...options }: Config): Layer {
    return new MultiHeadAttention(numHeads as number, keyDim as number, options);
  }

  override build(query: Dims, value: Dims = query, key: Dims = value): void {
    for (const shape of [query, value, key]) this.expectRank({ shape }, 3, "[batch, time, features]");
    const { valueDim, outputShape, useBias = true } = this.options;
    const project = (name: string, heads: number, features: number): EinsumDense =>
      new EinsumDense("abc,cde->abde", {
        ...this.projection(),
        name,
        outputShape: [null, heads, features],
        biasAxes: useBias ? "de" : null,
      });
    const values = valueDim ?? this.keyDim;
    this.query = project("query", this.numHeads, this.keyDim);
    this.key = project("key", this.keyHeads, this.keyDim);
    this.value = project("value", this.keyHeads, values);
    this.attentionOutput = new EinsumDense("abcd,cde->abe", {
      ...this.projection(),
      name: "attention_output",
      outputShape: [null, outputShape ?? this.sizeOfAxis(query, -1)],
      biasAxes: useBias ? "e" : null,
    });
    this.query.ensureBuilt(query);
    this.key.ensureBuilt(key);
    this.value.ensureBuilt(value);
    this.attentionOutput.ensureBuilt([null, null, this.numHeads, values]);
  }

  private projection(): ProjectionOptions {
    const { name: _, valueDim: _v, dropout: _d, outputShape: _o, seed: _s, useBias: _b, ...options } = this.options;
    return options;
  }

  override call(inputs: Tensor | readonly Tensor[], options: AttentionCallOptions): Tensor | readonly Tensor[] {
    const given = queryValueKey(inputs);
    for (const x of given) this.expectRank(x, 3, "[batch, time, features]");
    const heads = (x: Tensor): Tensor => x.permuteDims([0, 2, 1, 3]);
    const [q, v, k] = [heads(this.query(given[0])), heads(this.value(given[1])), heads(this.key(given[2]))];
    const mask = combinedMask(given, options);
    const dropping = this.seeds !== null && isTraining();
    let scores: Tensor | null = null;
    let result: Tensor;
    if (dropping || options.returnAttentionScores) {
      const repeat = (x: Tensor): Tensor => (this.keyHeads === this.numHeads ? x : x.repeat(this.numHeads / this.keyHeads, { axis: 1 }));
      scores = attentionWeights(matmul(q, repeat(k).permuteDims([0, 1, 3, 2])).mul(this.keyDim ** -0.5), mask);
      result = matmul(dropping ? dropout(this.seeds!.next(), scores, this.options.dropout!) : scores, repeat(v));
    } else {
      // A causal mask alone needs no array, where queries and keys are at the same places.
      const causal = options.useCausalMask === true && q.shape[2] === k.shape[2];
      const rest = causal ? combinedMask(given, { ...options, useCausalMask: false }) : mask;
      result = scaledDotProductAttention(q, k, v, { causal, ...(rest ? { mask: rest } : {}) });
    }
    const output = this.attentionOutput(result.permuteDims([0, 2, 1, 3]));
    return options.returnAttentionScores ? [output, scores!] : output;
  }

  protected override computeMask(inputs: Tensor | readonly Tensor[]): Tensor | null {
    return maskOf(queryValueKey(inputs)[0]);
  }

  override getConfig(): Config {
    const { valueDim = null, dropout = 0, outputShape = null, seed = null, useBias = true } = this.options;
    const {
      activation: _,
      outputShape: _o,
      biasAxes: _b,
      equation: _e,
      name: _n,
      useBias: _u,
      activityRegularizer: _a,
      ...kernel
    } = new EinsumDense("ab,bc->ac", { ...this.projection(), name: "x", outputShape: 1 }).getConfig();
    return { ...kernel, ...super.getConfig(), numHeads: this.numHeads, keyDim: this.keyDim, valueDim, dropout, outputShape, seed, useBias };
  }
}

/** softmax of the scores where the mask allows; rows that may see nothing give zeros. */
function attentionWeights(scores: Tensor, mask: Tensor | null): Tensor {
  if (!mask) return softmax(scores);
  const weights = softmax(where(mask, scores, Number.NEGATIVE_INFINITY));
  return where(mask, weights, 0);
}

/**
 * Attention whose query heads share fewer key and value heads (Ainslie et al. 2023).
 * @example
 * const x = zeros([1, 10, 16]);
 * new GroupedQueryAttention(4, 4, 2)(x, x).shape
 */
export class GroupedQueryAttention extends MultiHeadAttention {
  static override readonly className = "GroupedQueryAttention";

  constructor(headDim: number, numQueryHeads: number, numKeyValueHeads: number, options: MultiHeadAttentionOptions = {}) {
    super(numQueryHeads, headDim, options, numKeyValueHeads);
  }

  static override fromConfig({ headDim, numQueryHeads, numKeyValueHeads, ...options }: Config): Layer {
    return new GroupedQueryAttention(headDim as number, numQueryHeads as number, numKeyValueHeads as number, options);
  }

  override getConfig(): Config {
    const { numHeads, keyDim, ...config } = super.getConfig();
    return { ...config, headDim: keyDim, numQueryHeads: numHeads, numKeyValueHeads: this.keyHeads };
  }
}

export interface AttentionOptions extends LayerOptions {
  /** A factor of the scores that is learned. */
  readonly useScale?: boolean;
  readonly scoreMode?: "dot" | "concat";
  readonly dropout?: number;
  readonly seed?: number | null;
}

/**
 * Attention without projections (Luong et al. 2015): `attention([query, value, key?])`, [batch, T, D], [batch, S, D] → [batch, T, D].
 * @example
 * new Attention()([zeros([1, 3, 8]), zeros([1, 5, 8])]).shape
 */
export class Attention extends CallableLayer {
  static readonly className: string = "Attention";
  protected readonly options: AttentionOptions;
  private readonly seeds: SeedGenerator | null;
  private scale: Variable | null = null;
  private scoreWeight: Variable | null = null;

  constructor(options: AttentionOptions = {}) {
    super(options);
    const { scoreMode = "dot" } = options;
    if (scoreMode !== "dot" && scoreMode !== "concat")
      throw new ArgumentError(String(this), `scoreMode is ${JSON.stringify(scoreMode)}`, `Use "dot" or "concat"`);
    this.options = options;
    this.seeds = options.dropout ? new SeedGenerator(options.seed) : null;
  }

  static fromConfig(config: Config): Layer {
    return new Attention(config);
  }

  override build(): void {
    if (this.options.useScale) this.scale = this.addWeight("scale", [], { initializer: "ones" });
    if (this.options.scoreMode === "concat") this.scoreWeight = this.addWeight("concat_score_weight", [], { initializer: "ones" });
  }

  protected scores(query: Tensor, key: Tensor): Tensor {
    if (this.options.scoreMode !== "concat") {
      const scores = matmul(query, key.permuteDims([0, 2, 1]));
      return this.scale ? scores.mul(this.scale) : scores;
    }
    const pairs = query.expandDims({ axis: -2 }).add(key.expandDims({ axis: -3 }));
    return tanh(this.scale ? pairs.mul(this.scale) : pairs)
      .sum({ axis: -1 })
      .mul(this.scoreWeight!);
  }

  override call(inputs: Tensor | readonly Tensor[], options: AttentionCallOptions): Tensor | readonly Tensor[] {
    const [query, value, key] = queryValueKey(inputs);
    this.expectRank(query, 3, "[batch, time, features]");
    if (query.shape[2] !== key.shape[2])
      throw new ArgumentError(
        String(this),
        `queries ${showDims(query.shape)} and keys ${showDims(key.shape)} have other numbers of features`,
      );
    const mask = combinedMask([query, value, key], { ...options, queryMask: null })?.squeeze({ axis: 1 });
    const weights = attentionWeights(this.scores(query, key), mask ?? null);
    const kept = this.seeds && isTraining() ? dropout(this.seeds.next(), weights, this.options.dropout!) : weights;
    const result = einsum("bts,bsd->btd", kept, value);
    return options.returnAttentionScores ? [result, weights] : result;
  }

  override getConfig(): Config {
    const { useScale = false, scoreMode = "dot", dropout = 0, seed = null } = this.options;
    return { ...super.getConfig(), useScale, scoreMode, dropout, seed };
  }
}

/**
 * Scores Σ scale · tanh(query + key) (Bahdanau et al. 2015).
 * @example
 * new AdditiveAttention()([zeros([1, 3, 8]), zeros([1, 5, 8])]).shape
 */
export class AdditiveAttention extends Attention {
  static override readonly className = "AdditiveAttention";
  private additiveScale: Variable | null = null;

  static override fromConfig(config: Config): Layer {
    return new AdditiveAttention(config);
  }

  constructor(options: AttentionOptions = {}) {
    super({ useScale: true, ...options });
  }

  override build(query?: Dims): void {
    if (this.options.useScale)
      this.additiveScale = this.addWeight("scale", [this.sizeOfAxis(query!, -1)], { initializer: "glorotUniform" });
  }

  protected override scores(query: Tensor, key: Tensor): Tensor {
    const pairs = tanh(query.expandDims({ axis: -2 }).add(key.expandDims({ axis: -3 })));
    return (this.additiveScale ? pairs.mul(this.additiveScale) : pairs).sum({ axis: -1 });
  }
}

for (const layer of [MultiHeadAttention, GroupedQueryAttention, Attention, AdditiveAttention]) layerRegistry.register(layer);
