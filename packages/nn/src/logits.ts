import type { Tensor } from "@gradus/tensor";

type Kind = "sigmoid" | "softmax";

const origins = new WeakMap<Tensor, { readonly kind: Kind; readonly logits: Tensor }>();

/** Notes what probabilities were made from, as Keras's graph backends do. Returns the probabilities. */
export function rememberLogits(kind: Kind, logits: Tensor, probabilities: Tensor): Tensor {
  origins.set(probabilities, { kind, logits });
  return probabilities;
}

/**
 * The logits that came before an activation, null if x is not its direct result: cross-entropies computed from them do not
 * lose small probabilities, and their gradient does not vanish where an activation saturates.
 */
export function logitsOf(kind: Kind, x: Tensor): Tensor | null {
  const origin = origins.get(x);
  return origin?.kind === kind ? origin.logits : null;
}
