import { Layer, type Weight } from "@gradus/nn";
import { ArgumentError, concat, type Tensor, take, type Variable } from "@gradus/tensor";

/** Bits that a weight takes: 32 to train and to be exact, 8 or 4 for inference. */
export type Bits = 32 | 8 | 4;

/** Neighbours in a row that share a scale where weights take 4 bits; rows of 8 bits have one scale each. */
const group = 32;

export interface LinearOptions {
  readonly name: string;
  readonly bias?: boolean;
  readonly bits?: Bits;
  /** Deviation of the normal distribution that weights are drawn from; default 0.02, as in GPT-2. */
  readonly deviation?: number;
}

/**
 * x · Wᵀ + b, [..., inputs] → [..., outputs], W [outputs, inputs]. With 8 bits a weight is code · scale, one scale a row; with 4 bits
 * two codes share a byte and 32 neighbours a scale. Such weights are read from `weights.ts`, and cannot be trained; an `adapter` can.
 */
export class Linear extends Layer {
  static override readonly className = "Linear";
  readonly outputs: number;
  readonly inputs: number;
  readonly bits: Bits;
  /** float32 [outputs, inputs]; null where weights are codes. */
  weight: Variable | null = null;
  /** int8 [outputs, inputs], or uint8 [outputs, groups, 16]: code i and code i + 16 of a group, in the low and the high half. */
  codes: Variable | null = null;
  /** float32 [outputs, 1] or [outputs, groups]. */
  scales: Variable | null = null;
  bias: Variable | null = null;
  adapter: Adapter | null = null;

  constructor(outputs: number, inputs: number, { name, bias = false, bits = 32, deviation = 0.02 }: LinearOptions) {
    super({ name });
    if (bits === 4 && inputs % group)
      throw new ArgumentError("Linear", `${name} has ${inputs} inputs`, `With 4 bits they must be a multiple of ${group}; use 8`);
    this.outputs = outputs;
    this.inputs = inputs;
    this.bits = bits;
    const own = { trainable: false, initializer: "zeros" } as const;
    const normal = { className: "RandomNormal", config: { mean: 0, stddev: deviation } };
    if (bits === 32) this.weight = this.addWeight("weight", [outputs, inputs], { initializer: normal });
    else if (bits === 8) {
      this.codes = this.addWeight("codes", [outputs, inputs], { ...own, dtype: "int8" });
      this.scales = this.addWeight("scales", [outputs, 1], own);
    } else {
      this.codes = this.addWeight("codes", [outputs, inputs / group, group / 2], { ...own, dtype: "uint8" });
      this.scales = this.addWeight("scales", [outputs, inputs / group], own);
    }
    if (bias) this.bias = this.addWeight("bias", [outputs], { initializer: "zeros", trainable: bits === 32 });
    this.built = true;
  }

  /** Where there is an adapter, W and b are frozen. */
  override namedWeights(path = this.name): [string, Weight][] {
    const all = super.namedWeights(path);
    if (!this.adapter) return all;
    return all.map(([p, w]) => [p, p.startsWith(`${path}/adapter/`) ? w : { ...w, trainable: false }]);
  }

  override call(x: Tensor): Tensor {
    this.expectSize(x, -1, this.inputs);
    let y = this.product(x);
    if (this.bias) y = y.add(this.bias);
    return this.adapter ? y.add(this.adapter(x)) : y;
  }

  /** Rows of W by their numbers, int32 [...] → [..., inputs]: the table of tokens. */
  rows(ids: Tensor): Tensor {
    if (this.weight) return take(this.weight, ids, { axis: 0 });
    const [codes, scales] = [this.codes!, this.scales!].map((v) => take(v, ids, { axis: 0 })) as [Tensor, Tensor];
    return this.decoded(codes, scales).reshape([...ids.shape, this.inputs]);
  }

  /** W, whatever it is kept as. */
  dense(): Tensor {
    return this.weight ?? this.decoded(this.codes!, this.scales!).reshape([this.outputs, this.inputs]);
  }

  private product(x: Tensor): Tensor {
    const alone = x.size === this.inputs;
    if (!alone) return x.matmul(this.dense().T);
    // One row of x: each row of codes is read once, and nothing is decoded into memory.
    const out = [...x.shape.slice(0, -1), this.outputs];
    if (this.weight)
      return this.weight
        .mul(x.reshape([this.inputs]))
        .sum({ axis: 1 })
        .reshape(out);
    if (this.bits === 8) {
      const sums = this.codes!.astype("float32")
        .mul(x.reshape([this.inputs]))
        .sum({ axis: 1 });
      return sums.mul(this.scales!.reshape([-1])).reshape(out);
    }
    const parts = x.reshape([-1, 2, group / 2]);
    const [low, high] = nibbles(this.codes!);
    const sums = low
      .mul(parts.get(":", 0))
      .add(high.mul(parts.get(":", 1)))
      .sum({ axis: -1 });
    return sums.mul(this.scales!).sum({ axis: -1 }).reshape(out);
  }

  private decoded(codes: Tensor, scales: Tensor): Tensor {
    if (this.bits === 8) return codes.astype("float32").mul(scales);
    return concat([...nibbles(codes)], { axis: -1 }).mul(scales.expandDims({ axis: -1 }));
  }
}

/** Both codes of each byte, from -8 to 7. */
function nibbles(codes: Tensor): readonly [low: Tensor, high: Tensor] {
  const whole = codes.astype("int32");
  return [whole.bitwiseAnd(15).sub(8).astype("float32"), whole.bitwiseRightShift(4).sub(8).astype("float32")];
}

/** Rows [outputs, inputs] as codes and scales of so many bits: the nearest multiple of a scale that just holds the largest. */
export function encodeRows(rows: Float32Array, inputs: number, bits: 8 | 4): { codes: Int8Array | Uint8Array; scales: Float32Array } {
  const size = bits === 8 ? inputs : group;
  const top = bits === 8 ? 127 : 7;
  const scales = new Float32Array(rows.length / size);
  const signed = new Int8Array(rows.length);
  for (let g = 0; g < scales.length; g++) {
    let largest = 0;
    for (let i = 0; i < size; i++) largest = Math.max(largest, Math.abs(rows[g * size + i]!));
    const scale = Math.fround(largest / top);
    scales[g] = scale;
    if (scale > 0)
      for (let i = 0; i < size; i++) signed[g * size + i] = Math.max(-top, Math.min(top, Math.round(rows[g * size + i]! / scale)));
  }
  if (bits === 8) return { codes: signed, scales };
  const half = group / 2;
  const codes = Uint8Array.from({ length: rows.length / 2 }, (_, k) => {
    const [g, i] = [Math.floor(k / half), k % half];
    return (signed[g * group + i]! + 8) | ((signed[g * group + half + i]! + 8) << 4);
  });
  return { codes, scales };
}

/** A change of low rank to a Linear (LoRA; Hu et al. 2022, equation 3): scale · B A x, where B begins with zeros. */
export class Adapter extends Layer {
  static override readonly className = "Adapter";
  /** float32 [rank, inputs] */
  readonly a: Variable;
  /** float32 [outputs, rank] */
  readonly b: Variable;
  readonly scale: number;

  constructor(base: Linear, rank: number, scale: number) {
    super({ name: "adapter" });
    this.a = this.addWeight("a", [rank, base.inputs], { initializer: "heUniform" });
    this.b = this.addWeight("b", [base.outputs, rank], { initializer: "zeros" });
    this.scale = scale;
    this.built = true;
  }

  override call(x: Tensor): Tensor {
    return x.matmul(this.a.T).matmul(this.b.T).mul(this.scale);
  }

  /** scale · B A, [outputs, inputs]. */
  product(): Tensor {
    return this.b.matmul(this.a).mul(this.scale);
  }
}
