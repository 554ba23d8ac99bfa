import { Layer, type Weight } from "@gradus/nn";
import { ArgumentError, concat, customGradient, type Tensor, take, type Variable, where } from "@gradus/tensor";

/** Bits that a weight takes: 32 to train and to be exact, 8 or 4 for inference. */
export type Bits = 32 | 8 | 4;

const dividing = (sizes: readonly number[], n: number): number | null => sizes.find((size) => n % size === 0) ?? null;

/** Neighbours in a row that share a scale where weights take 4 bits: as many as divide the row. Rows of 8 bits have one scale each. */
function groupOf(name: string, inputs: number): number {
  const found = dividing([128, 64, 32], inputs);
  if (!found) throw new ArgumentError("Linear", `${name} has ${inputs} inputs`, "With 4 bits they must be a multiple of 32; use 8");
  return found;
}

export interface LinearOptions {
  readonly name: string;
  readonly bias?: boolean;
  readonly bits?: Bits;
  /** Deviation of the normal distribution that weights are drawn from; default 0.02, as in GPT-2. */
  readonly deviation?: number;
}

/**
 * x · Wᵀ + b, [..., inputs] → [..., outputs], W [outputs, inputs]. With 8 bits a weight is code · scale, one scale a row; with 4 bits
 * two codes share a byte and up to 128 neighbours a scale. Such weights are read from `weights.ts`, and cannot be trained; an `adapter` can.
 */
export class Linear extends Layer {
  static override readonly className = "Linear";
  readonly outputs: number;
  readonly inputs: number;
  readonly bits: Bits;
  /** float32 [outputs, inputs]; null where weights are codes. */
  weight: Variable | null = null;
  /** int8 [outputs, inputs], or uint8 [outputs, groups, half]: codes i and i + half of a group, in the low and the high half of a byte. */
  codes: Variable | null = null;
  /** float32 [outputs, 1] or [outputs, groups]. */
  scales: Variable | null = null;
  bias: Variable | null = null;
  adapter: Adapter | null = null;
  /** Neighbours in x that share a scale where they are multiplied by codes: their sum fits into 32 bits. */
  private readonly share: number | null;

  constructor(outputs: number, inputs: number, { name, bias = false, bits = 32, deviation = 0.02 }: LinearOptions) {
    super({ name });
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
      const group = groupOf(name, inputs);
      this.codes = this.addWeight("codes", [outputs, inputs / group, group / 2], { ...own, dtype: "uint8" });
      this.scales = this.addWeight("scales", [outputs, inputs / group], own);
    }
    this.share = bits === 4 ? groupOf(name, inputs) : dividing([256, 128, 64, 32], inputs);
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
    // One row of x: each row of W is read once, and nothing is decoded into memory.
    const alone = x.size === this.inputs;
    if (!alone || (!this.weight && !this.share)) return x.matmul(this.dense().T);
    const out = [...x.shape.slice(0, -1), this.outputs];
    if (!this.weight) return this.codesTimes(x).reshape(out);
    return this.weight
      .mul(x.reshape([this.inputs]))
      .sum({ axis: 1 })
      .reshape(out);
  }

  /**
   * W x, [outputs], where W are codes, in whole numbers: neighbours in x share a scale, too, of 16 bits. That rounds off less than a
   * hundredth of what codes of 8 bits do, and such products take half the time of those with decoded weights.
   */
  private codesTimes(x: Tensor): Tensor {
    const { bits, share, inputs, outputs } = this;
    const groups = inputs / share!;
    const forward = (row: Tensor): Tensor => {
      const parts = row.reshape([groups, share!]);
      const step = parts.abs().max({ axis: 1, keepdims: true }).div(32767);
      const whole = parts
        .div(where(step.equal(0), 1, step))
        .round()
        .astype("int16");
      // Kept in 16 bits, and widened where it is multiplied.
      const times = (codes: Tensor, part: Tensor): Tensor => codes.mul(part.broadcastTo(codes.shape).astype("int32"));
      const bytes = this.codes!.reshape([outputs, groups, -1]).astype("int32");
      if (bits === 8) {
        const sums = times(bytes, whole).sum({ axis: -1 }).astype("float32");
        return sums
          .mul(step.reshape([groups]))
          .sum({ axis: -1 })
          .mul(this.scales!.reshape([outputs]));
      }
      // Codes are 8 too large: 8 times the sum of a group is taken off once, not from every code.
      const pairs = whole.reshape([groups, 2, share! / 2]);
      const sums = times(bytes.bitwiseAnd(15), pairs.get(":", 0))
        .add(times(bytes.bitwiseRightShift(4), pairs.get(":", 1)))
        .sum({ axis: -1 })
        .sub(whole.astype("int32").sum({ axis: 1 }).mul(8));
      return sums
        .astype("float32")
        .mul(this.scales!.mul(step.reshape([groups])))
        .sum({ axis: -1 });
    };
    const backward = (cotangent: Tensor, row: Tensor): Tensor => cotangent.reshape([1, outputs]).matmul(this.dense()).reshape(row.shape);
    return customGradient(forward, backward)(x);
  }

  private decoded(codes: Tensor, scales: Tensor): Tensor {
    if (this.bits === 8) return codes.astype("float32").mul(scales);
    const bytes = codes.astype("int32");
    const low = bytes.bitwiseAnd(15).astype("float32");
    const high = bytes.bitwiseAnd(240).astype("float32").div(16);
    return concat([low, high], { axis: -1 })
      .sub(8)
      .mul(scales.expandDims({ axis: -1 }));
  }
}

/** Rows [outputs, inputs] as codes and scales of so many bits: the nearest multiple of a scale that just holds the largest. */
export function encodeRows(rows: Float32Array, inputs: number, bits: 8 | 4): { codes: Int8Array | Uint8Array; scales: Float32Array } {
  const size = bits === 8 ? inputs : groupOf("a matrix", inputs);
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
  const half = size / 2;
  const codes = Uint8Array.from({ length: rows.length / 2 }, (_, k) => {
    const [g, i] = [Math.floor(k / half), k % half];
    return (signed[g * size + i]! + 8) | ((signed[g * size + half + i]! + 8) << 4);
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
    // As the authors' code and PEFT begin (He's uniform with a slope of √5): spread by the inputs, whatever the rank.
    const most = 1 / Math.sqrt(base.inputs);
    const initializer = { className: "RandomUniform", config: { minval: -most, maxval: most } };
    this.a = this.addWeight("a", [rank, base.inputs], { initializer });
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
