import { Conv2D, Dense, GroupNormalization, type Layer, LayerNormalization } from "@gradus/nn";
import type { DType, Tensor } from "@gradus/tensor";

/**
 * Layers of which all is known from the start, so that their weights are there to be counted, named and loaded before the first
 * pass. Pictures are channels last, [B, height, width, channels]; names are those of the published checkpoints' modules.
 */

/** What all layers of a network share. */
export interface Kind {
  /** Type that weights are kept in; they are computed with in float32. Default float32. */
  readonly dtype?: DType;
}

export interface ConvOptions extends Kind {
  readonly stride?: number;
  /** Starts as a convolution that gives zeros: the block around it as the identity, or the network without an opinion. */
  readonly zero?: boolean;
}

function built<L extends Layer>(layer: L, ...shape: (number | null)[]): L {
  layer.ensureBuilt(shape);
  return layer;
}

/** size x size at stride 1, "same". With stride 2 the caller pads, since checkpoints differ in where. */
export function conv(
  name: string,
  from: number,
  to: number,
  size: number,
  { stride = 1, zero = false, dtype = "float32" }: ConvOptions = {},
): Conv2D {
  const kernelInitializer = zero ? "zeros" : "glorotUniform";
  const padding = stride === 1 ? "same" : "valid";
  return built(new Conv2D(to, size, { strides: stride, padding, kernelInitializer, name, dtype }), null, null, null, from);
}

export function dense(name: string, from: number, to: number, { bias = true, zero = false, dtype = "float32" }: DenseOptions = {}): Dense {
  const kernelInitializer = zero ? "zeros" : "glorotUniform";
  return built(new Dense(to, { useBias: bias, kernelInitializer, name, dtype }), null, from);
}

export interface DenseOptions extends Kind {
  readonly bias?: boolean;
  readonly zero?: boolean;
}

export const groupNorm = (
  name: string,
  channels: number,
  groups: number,
  epsilon: number,
  { dtype = "float32" }: Kind = {},
): GroupNormalization => built(new GroupNormalization(groups, { epsilon, name, dtype }), null, null, null, channels);

export const layerNorm = (name: string, width: number, { dtype = "float32" }: Kind = {}): LayerNormalization =>
  built(new LayerNormalization({ epsilon: 1e-5, name, dtype }), null, null, width);

/** Twice as high and wide, each place four times: [B, H, W, C] → [B, 2 H, 2 W, C]. */
export function doubled(x: Tensor): Tensor {
  const [B, H, W, C] = x.shape as [number, number, number, number];
  return x
    .reshape([B, H, 1, W, 1, C])
    .broadcastTo([B, H, 2, W, 2, C])
    .reshape([B, 2 * H, 2 * W, C]);
}
