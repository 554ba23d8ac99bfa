/** Keras's optimizers. */
export * from "./adagrad.ts";
export { Adam, Adamax, type AdamOptions, AdamW, type MomentOptions, Nadam } from "./adam.ts";
export * from "./ftrl.ts";
export * from "./lion.ts";
export * from "./muon.ts";
export { Optimizer, type OptimizerArguments, type OptimizerLike, type OptimizerOptions, optimizerRegistry } from "./optimizer.ts";
export * from "./rmsprop.ts";
export * from "./sgd.ts";
