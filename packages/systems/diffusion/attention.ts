import { type Dense, Layer } from "@gradus/nn";
import { ArgumentError, matmul, scaledDotProductAttention, softmax, type Tensor, where } from "@gradus/tensor";
import { dense, type Kind } from "./layers.ts";

export interface AttentionOptions extends Kind {
  readonly heads: number;
  /** Width of the vectors that are looked at; default that of those that look. */
  readonly contextWidth?: number;
  /** Whether queries, keys and values have biases; default false. */
  readonly bias?: boolean;
  /** Starts with giving zeros; default false. */
  readonly zero?: boolean;
  /** Names of the products for queries, keys, values and what comes out; default those of diffusers. */
  readonly names?: readonly [query: string, key: string, value: string, out: string];
}

export interface AttentionPass {
  /** Which of the vectors that are looked at count, bool [B, S]; default all. */
  readonly mask?: Tensor | undefined;
  /** Nobody looks at what comes later. */
  readonly causal?: boolean;
  /** Is shown the weights, [B, heads, T, S]. */
  readonly observe?: ((weights: Tensor) => void) | undefined;
}

/** Several heads of attention (Vaswani et al. 2017, §3.2.2), [B, T, width] → [B, T, width], to other vectors or to one's own. */
export class Attention extends Layer {
  static override readonly className: string = "Attention";
  readonly query: Dense;
  readonly key: Dense;
  readonly value: Dense;
  readonly out: Dense;
  private readonly heads: number;

  constructor(name: string, width: number, options: AttentionOptions) {
    super({ name });
    const { heads, contextWidth = width, bias = false, zero = false, names = ["to_q", "to_k", "to_v", "to_out.0"], ...kind } = options;
    if (!Number.isInteger(heads) || heads < 1 || width % heads)
      throw new ArgumentError("Attention", `${width} channels do not divide into ${heads} heads`, "Choose another number of heads");
    this.heads = heads;
    this.query = dense(names[0], width, width, { ...kind, bias });
    this.key = dense(names[1], contextWidth, width, { ...kind, bias });
    this.value = dense(names[2], contextWidth, width, { ...kind, bias });
    this.out = dense(names[3], width, width, { ...kind, zero });
    this.built = true;
  }

  override call(x: Tensor): Tensor {
    return this.forward(x, x);
  }

  /** Unobserved, the weights are never in memory as a whole. */
  forward(x: Tensor, context: Tensor, { mask, causal = false, observe }: AttentionPass = {}): Tensor {
    const [B, T, width] = x.shape as [number, number, number];
    const perHead = (t: Tensor): Tensor => t.reshape([B, t.shape[1]!, this.heads, width / this.heads]).permuteDims([0, 2, 1, 3]);
    const [q, k, v] = [perHead(this.query(x)), perHead(this.key(context)), perHead(this.value(context))] as const;
    const seen = mask?.astype("bool").reshape([B, 1, 1, context.shape[1]!]);
    let mixed: Tensor;
    if (observe && !causal) {
      const scores = matmul(q, k.swapaxes(2, 3)).mul((width / this.heads) ** -0.5);
      const weights = softmax(seen ? where(seen, scores, Number.NEGATIVE_INFINITY) : scores);
      observe(weights);
      mixed = matmul(weights, v);
    } else mixed = scaledDotProductAttention(q, k, v, { causal, ...(seen ? { mask: seen } : {}) });
    return this.out(mixed.permuteDims([0, 2, 1, 3]).reshape([B, T, width]));
  }
}
