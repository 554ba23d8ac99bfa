/** The table of contents of @gradus/nn. Everything that is not named here is private. */
export { type ActivationFunction, type ActivationLike, activation } from "./activations.ts";
export { isTraining } from "./context.ts";
export { Input, InputLayer } from "./input.ts";
export { Layer, layerRegistry, resetNames } from "./layer.ts";
export { Dense } from "./layers/dense.ts";
export * as losses from "./losses/index.ts";
export * as metrics from "./metrics/index.ts";
export { Model, Sequential } from "./model.ts";
export * from "./optimizers/index.ts";
export * as schedules from "./optimizers/schedules.ts";
export { l1, l1l2, l2 } from "./regularizers.ts";
export { SeedGenerator, setRandomSeed } from "./seed.ts";
export { Callback, LambdaCallback } from "./training/callbacks.ts";
