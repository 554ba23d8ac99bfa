import type { Layer, OnnxOperator } from "@gradus/nn";
import { Linear } from "@gradus/systems/gpt";
import { concat, type Tensor } from "@gradus/tensor";

/** Neighbours that share a scale in the file, as in our matrices of 4 bits; a matrix of 8 bits has its row's scale for each such part. */
const block = 128;

/**
 * A product with weights of 8 or 4 bits as onnxruntime's operator for it, with the very codes and scales that we have; null for other
 * layers. It multiplies floats as we do, or with `rounded` first rounds what it is given to 8 bits, which is quicker.
 */
export function matMulNBits(layer: Layer, rounded: boolean): OnnxOperator | null {
  if (!(layer instanceof Linear) || layer.bits === 32) return null;
  const { inputs: K, outputs: N, bits, scales, bias } = layer;
  const codes = bits === 8 ? unsigned(layer.codes!) : neighboursTogether(layer.codes!);
  return {
    opType: "MatMulNBits",
    domain: "com.microsoft",
    // There are no zero points, which are 128 and 8 then, and no order of its own.
    arrays: [codes.reshape([N, K / block, (block * bits) / 8]), scales!.broadcastTo([N, K / block]), null, null, bias],
    attributes: { K, N, bits, block_size: block, accuracy_level: rounded ? 4 : 1 },
  };
}

/** Codes from -127 to 127 as what they are above -128. */
const unsigned = (codes: Tensor): Tensor => codes.astype("int32").add(128).astype("uint8");

/** Bytes of codes i and i + half of a group as bytes of codes 2 · i and 2 · i + 1. */
function neighboursTogether(codes: Tensor): Tensor {
  const whole = codes.astype("int32");
  const inOrder = concat([whole.bitwiseAnd(15), whole.bitwiseRightShift(4)], { axis: -1 });
  const pairs = inOrder.reshape([...codes.shape, 2]);
  return pairs.get("...", 0).add(pairs.get("...", 1).mul(16)).astype("uint8");
}
