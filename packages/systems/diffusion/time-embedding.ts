import { type Dense, Layer } from "@gradus/nn";
import { concat, cos, silu, sin, type Tensor, tensor } from "@gradus/tensor";
import { dense, type Kind } from "./layers.ts";

/** Times [B] as cosines, then sines, of angles from fast to slow, [B, width] (Vaswani et al. 2017, §3.5): `width` is even. */
export function sinusoid(time: Tensor, width: number): Tensor {
  const half = width / 2;
  const frequencies = tensor(Float32Array.from({ length: half }, (_, k) => 10000 ** (-k / half)));
  const angles = time.astype("float32").reshape([-1, 1]).mul(frequencies);
  return concat([cos(angles), sin(angles)], { axis: -1 });
}

/** The vector by which all blocks of a network know the time: a network of two layers on the sinusoid, [B] → [B, width]. */
export class TimeEmbedding extends Layer {
  static override readonly className = "TimeEmbedding";
  readonly linear1: Dense;
  readonly linear2: Dense;
  private readonly channels: number;

  constructor(name: string, channels: number, width: number, kind: Kind = {}) {
    super({ name });
    this.channels = channels;
    this.linear1 = dense("linear_1", channels, width, kind);
    this.linear2 = dense("linear_2", width, width, kind);
    this.built = true;
  }

  override call(time: Tensor): Tensor {
    return this.linear2(silu(this.linear1(sinusoid(time, this.channels))));
  }
}
