/** The table of contents of @gradus/nn. Everything that is not named here is private. */
export { type ActivationFunction, type ActivationLike, activation } from "./activations.ts";
export { isTraining } from "./context.ts";
export { Input, InputLayer } from "./input.ts";
export { Layer, layerRegistry, resetNames } from "./layer.ts";
export {
  Conv1D,
  Conv1DTranspose,
  Conv2D,
  Conv2DTranspose,
  Conv3D,
  Conv3DTranspose,
  DepthwiseConv1D,
  DepthwiseConv2D,
  SeparableConv1D,
  SeparableConv2D,
} from "./layers/convolution.ts";
export { Dense } from "./layers/dense.ts";
export {
  AveragePooling1D,
  AveragePooling2D,
  AveragePooling3D,
  GlobalAveragePooling1D,
  GlobalAveragePooling2D,
  GlobalAveragePooling3D,
  GlobalMaxPooling1D,
  GlobalMaxPooling2D,
  GlobalMaxPooling3D,
  MaxPooling1D,
  MaxPooling2D,
  MaxPooling3D,
} from "./layers/pooling.ts";
export { MeanSquaredError } from "./losses/regression.ts";
export { Model, Sequential } from "./model.ts";
export { Adam, AdamW } from "./optimizers/adam.ts";
export { l1, l1l2, l2 } from "./regularizers.ts";
export { SeedGenerator, setRandomSeed } from "./seed.ts";
export { Callback, LambdaCallback } from "./training/callbacks.ts";
