/** Keras's losses, as classes and as functions that give one value for each example. */
export * from "./crossentropy.ts";
export * from "./ctc.ts";
export * from "./hinge.ts";
export { Loss, type LossFunction, type LossLike, type LossOptions, lossRegistry, type Reduction } from "./loss.ts";
export * from "./overlap.ts";
export * from "./regression.ts";
