import { split, type Tensor, type TensorLike } from "@gradus/tensor";

/**
 * Classifier-free guidance (Ho & Salimans 2022, equation 6): what the network says without the words, then `scale` times as far as the
 * words move it. With a scale of 1 the words alone count; a negative prompt takes the place of no words. A scale that is an array can
 * change without another program.
 */
export const guided = (without: Tensor, withWords: Tensor, scale: TensorLike): Tensor => without.add(withWords.sub(without).mul(scale));

/** The same for what a network said about a batch whose first half was told no words: [2 B, ...] → [B, ...]. */
export function guidedHalves(output: Tensor, scale: TensorLike): Tensor {
  const [without, withWords] = split(output, 2, { axis: 0 }) as [Tensor, Tensor];
  return guided(without, withWords, scale);
}
