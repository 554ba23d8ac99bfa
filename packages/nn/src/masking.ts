import type { Tensor } from "@gradus/tensor";

const masks = new WeakMap<Tensor, Tensor>();

/** Attaches a mask to a tensor: bool [batch, time], false where a place is padding. */
export function setMask(x: Tensor, mask: Tensor): void {
  masks.set(x, mask);
}

/** The mask that came with a tensor. */
export const maskOf = (x: Tensor): Tensor | null => masks.get(x) ?? null;
