/** The table of contents of @gradus/nn. Everything that is not named here is private. */
export { type ActivationFunction, type ActivationLike, activation } from "./activations.ts";
export { MaxNorm, MinMaxNorm, NonNeg, UnitNorm } from "./constraints.ts";
export { isTraining } from "./context.ts";
export { loadModel } from "./files/load.ts";
export { loadTorchWeights, saveTorchWeights, type TorchNames } from "./files/torch.ts";
export { Input, InputLayer } from "./input.ts";
export { Layer, type LayerOptions, layerRegistry, resetNames } from "./layer.ts";
export { Activation, ELU, LeakyReLU, PReLU, ReLU, Softmax } from "./layers/activation.ts";
export { AdditiveAttention, Attention, GroupedQueryAttention, MultiHeadAttention } from "./layers/attention.ts";
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
export { EinsumDense } from "./layers/einsum-dense.ts";
export { Embedding } from "./layers/embedding.ts";
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
export { PositionEmbedding, RotaryEmbedding, SinePositionEncoding } from "./layers/positional.ts";
export { Bidirectional, GRU, LSTM, Recurrent, SimpleRNN } from "./layers/recurrent.ts";
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
export { TextVectorization } from "./layers/text.ts";
export { SpectralNormalization, TimeDistributed, Wrapper } from "./layers/wrapping.ts";
export * as losses from "./losses/index.ts";
export { MeanSquaredError } from "./losses/regression.ts";
export * as metrics from "./metrics/index.ts";
export { Model, Sequential } from "./model.ts";
export { exportOnnx, type OnnxExportOptions, onnxBytes } from "./onnx/export.ts";
export { importOnnx, OnnxModel } from "./onnx/import.ts";
export * from "./optimizers/index.ts";
export * as schedules from "./optimizers/schedules.ts";
export { L1, L1L2, L2, l1, l1l2, l2, OrthogonalRegularizer } from "./regularizers.ts";
export { SeedGenerator, setRandomSeed } from "./seed.ts";
export { type Dims, SymbolicTensor } from "./symbolic.ts";
export { Callback, LambdaCallback } from "./training/callbacks.ts";
export { BackupAndRestore, ModelCheckpoint } from "./training/checkpoints.ts";
export { History, type Logs } from "./training/history.ts";
export { CSVLogger, TensorBoard } from "./training/logging.ts";
export { setTrainingDisplay, type TrainingDisplay } from "./training/progress.ts";
export { EarlyStopping, LearningRateScheduler, ReduceLROnPlateau } from "./training/stopping.ts";
export type { CompileSettings, FitOptions, TrainingEvent } from "./training/trainer.ts";
