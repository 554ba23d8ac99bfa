import type { Layer } from "@gradus/nn";
import { ArgumentError, StateError } from "@gradus/tensor";
import { hasAdapters } from "./finetune.ts";
import { setRows } from "./huggingface/checkpoint.ts";
import { Linear } from "./linear.ts";
import { Gpt } from "./model.ts";

/**
 * A network that computes nearly the same, with matrices of 8 or 4 bits (the table of tokens too), for inference. The given one stays as
 * it is. ArgumentError for other numbers of bits, StateError for a network that is encoded already or has adapters.
 */
export async function quantize(network: Gpt, bits: 8 | 4): Promise<Gpt> {
  if (bits !== 8 && bits !== 4) throw new ArgumentError("quantize", `bits is ${bits}`, "Use 8 or 4");
  if (hasAdapters(network)) throw new StateError("quantize", "the network has adapters", "Merge them first: mergeAdapters(network)");
  const encoded = new Gpt(network.config, { bits, name: network.name });
  for (const [from, to] of pairs(network, encoded)) {
    if (!(from instanceof Linear && to instanceof Linear)) {
      for (const [i, weight] of from.ownVariables.entries()) to.ownVariables[i]!.assign(weight.mul(1));
      continue;
    }
    if (!from.weight) throw new StateError("quantize", `the network's weights have ${from.bits} bits already`, "Give one of 32");
    await setRows(to, from.weight);
    if (from.bias) to.bias!.assign(from.bias.mul(1));
  }
  return encoded;
}

/** Layers of two networks of one form, side by side. */
function pairs(a: Layer, b: Layer): (readonly [Layer, Layer])[] {
  if (a instanceof Linear) return [[a, b]];
  return [[a, b], ...a.layers.flatMap((layer, i) => pairs(layer, b.layers[i]!))];
}
