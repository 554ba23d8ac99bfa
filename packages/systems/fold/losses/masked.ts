import type { Tensor } from "@gradus/tensor";

/** The mean of values where a mask of the same shape is 1; 0 where it is 0 everywhere. */
export const maskedMean = (values: Tensor, mask: Tensor, epsilon = 1e-8): Tensor => values.mul(mask).sum().div(mask.sum().add(epsilon));

/** 1 where both of a pair are there: [n] → [n, n]. */
export const pairs = (mask: Tensor): Tensor => mask.expandDims({ axis: 1 }).mul(mask);
