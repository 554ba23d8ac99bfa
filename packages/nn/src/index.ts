/** The table of contents of @gradus/nn. Everything that is not named here is private. */
export { type ActivationFunction, type ActivationLike, activation } from "./activations.ts";
export { isTraining } from "./context.ts";
export { Input, InputLayer } from "./input.ts";
export { Layer, layerRegistry, resetNames } from "./layer.ts";
export { Activation, ELU, LeakyReLU, PReLU, ReLU, Softmax } from "./layers/activation.ts";
export {
  RandomBrightness,
  RandomContrast,
  RandomCrop,
  RandomFlip,
  RandomRotation,
  RandomTranslation,
  RandomZoom,
} from "./layers/augmentation.ts";
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
export { CategoryEncoding, Discretization } from "./layers/encoding.ts";
export { CenterCrop, Normalization, Rescaling, Resizing } from "./layers/images.ts";
export { Lambda } from "./layers/lambda.ts";
export { Add, Average, Concatenate, Dot, Maximum, Minimum, Multiply, Subtract } from "./layers/merging.ts";
export { BatchNormalization, GroupNormalization, LayerNormalization, RMSNormalization, UnitNormalization } from "./layers/normalization.ts";
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
export {
  ActivityRegularization,
  AlphaDropout,
  Dropout,
  GaussianDropout,
  GaussianNoise,
  SpatialDropout1D,
  SpatialDropout2D,
  SpatialDropout3D,
} from "./layers/regularization.ts";
export {
  Cropping1D,
  Cropping2D,
  Cropping3D,
  Flatten,
  Masking,
  Permute,
  RepeatVector,
  Reshape,
  UpSampling1D,
  UpSampling2D,
  UpSampling3D,
  ZeroPadding1D,
  ZeroPadding2D,
  ZeroPadding3D,
} from "./layers/shaping.ts";
export { SpectralNormalization, TimeDistributed, Wrapper } from "./layers/wrapping.ts";
export { MeanSquaredError } from "./losses/regression.ts";
export { Model, Sequential } from "./model.ts";
export { Adam, AdamW } from "./optimizers/adam.ts";
export { l1, l1l2, l2 } from "./regularizers.ts";
export { SeedGenerator, setRandomSeed } from "./seed.ts";
export { Callback, LambdaCallback } from "./training/callbacks.ts";
