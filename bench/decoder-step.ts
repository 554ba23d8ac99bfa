import { Input, Model, Softmax, type SymbolicTensor } from "@gradus/nn";
import type { Gpt } from "@gradus/systems/gpt";
import { ArgumentError, arange, concat, matmul, split, type Tensor, tanh, where } from "@gradus/tensor";

/**
 * GPT-2's decoder as files for onnxruntime have it, no array but the weights being kept: tokens and their places int32 [B, T] with keys and
 * values of the P tokens before, [B, heads, P, headWidth] of each layer, give logits [B, T, vocabulary] and keys and values of all P + T.
 */
export class DecoderStep extends Model {
  static override readonly className = "DecoderStep";
  readonly network: Gpt;
  private readonly softmax = new Softmax();

  /** ArgumentError for a network that is not of GPT-2's kind. */
  constructor(network: Gpt) {
    super({ name: "step" });
    const { positions, gated, activation, heads, keyValueHeads } = network.config;
    if (positions !== "learned" || gated || activation !== "geluTanh" || heads !== keyValueHeads)
      throw new ArgumentError("DecoderStep", "the network is not of GPT-2's kind", 'Give one such as configOf("gpt2")');
    this.network = network;
    this.built = true;
  }

  /** Inputs and outputs as Hugging Face's optimum names them, which transformers.js looks for. */
  get signature(): { readonly inputs: readonly SymbolicTensor[]; readonly outputNames: readonly string[] } {
    const { layers, heads, headWidth } = this.network.config;
    const both = Array.from({ length: layers }, (_, i) => [`${i}.key`, `${i}.value`]).flat();
    return {
      inputs: [
        ...["input_ids", "position_ids"].map((name) => Input({ shape: [null], dtype: "int32", name })),
        ...both.map((name) => Input({ shape: [heads, null, headWidth], name: `past_key_values.${name}` })),
      ],
      outputNames: ["logits", ...both.map((name) => `present.${name}`)],
    };
  }

  override call(inputs: readonly Tensor[]): Tensor[] {
    const [ids, places, ...past] = inputs as [Tensor, Tensor, ...Tensor[]];
    const { tokens, table, blocks } = this.network;
    const [batch, , before] = past[0]!.shape as [number, number, number];
    const earlier = arange(before).astype("int32").reshape([1, before]).broadcastTo([batch, before]);
    // The places of all keys; a token sees those up to its own. [B, 1, T, P + T]
    const keyPlaces = concat([earlier, places], { axis: 1 });
    const seen = keyPlaces.expandDims({ axis: [1, 2] }).lessEqual(places.expandDims({ axis: [1, 3] }));
    let x = tokens.rows(ids).add(table!(places));
    const present: Tensor[] = [];
    for (const [i, { norm1, attention, norm2, feedForward }] of blocks.entries()) {
      const [query, key, value] = this.heads(attention.qkv(norm1(x) as Tensor));
      const [keys, values] = [concat([past[2 * i]!, key], { axis: 2 }), concat([past[2 * i + 1]!, value], { axis: 2 })];
      present.push(keys, values);
      const scores = matmul(query, keys.swapaxes(2, 3)).mul(this.network.config.headWidth ** -0.5);
      const mixed = matmul(this.softmax(where(seen, scores, Number.NEGATIVE_INFINITY)), values);
      x = x.add(attention.out(mixed.permuteDims([0, 2, 1, 3]).reshape(x.shape)));
      x = x.add(feedForward.down(geluTanh(feedForward.up(norm2(x) as Tensor))));
    }
    return [this.network.logits(x), ...present];
  }

  /** Queries, keys and values, [B, T, 3 · width] → [B, heads, T, headWidth] each. */
  private heads(qkv: Tensor): readonly [Tensor, Tensor, Tensor] {
    const { heads, headWidth } = this.network.config;
    const [batch, time] = qkv.shape as [number, number];
    const parts = qkv.reshape([batch, time, 3 * heads, headWidth]).permuteDims([0, 2, 1, 3]);
    return split(parts, [heads, 2 * heads], { axis: 1 }) as unknown as readonly [Tensor, Tensor, Tensor];
  }
}

/** `gelu(x, { approximate: true })`, in the form in which onnxruntime finds it and puts one operator in its place. */
const geluTanh = (x: Tensor): Tensor => x.mul(0.5).mul(tanh(x.add(x.pow(3).mul(0.044715)).mul(Math.sqrt(2 / Math.PI))).add(1));
