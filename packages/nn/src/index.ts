/** The table of contents of @gradus/nn. Everything that is not named here is private. */
export { type ActivationFunction, type ActivationLike, type ActivationName, activation } from "./activations.ts";
export { type Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm } from "./constraints.ts";
export { isTraining } from "./context.ts";
export { loadModel } from "./files/load.ts";
export { loadTorchWeights, saveTorchWeights, type TorchNames, type TorchOptions } from "./files/torch.ts";
export type { Initializer } from "./initializers.ts";
export { Input, InputLayer, type InputOptions } from "./input.ts";
export { type CallOptions, Layer, type LayerOptions, layerRegistry, resetNames, type Weight } from "./layer.ts";
export {
  Activation,
  ELU,
  type ELUOptions,
  LeakyReLU,
  type LeakyReLUOptions,
  PReLU,
  type PReLUOptions,
  ReLU,
  type ReLUOptions,
  Softmax,
  type SoftmaxLayerOptions,
} from "./layers/activation.ts";
export type { DataFormat, PerAxis } from "./layers/arguments.ts";
export {
  AdditiveAttention,
  Attention,
  GroupedQueryAttention,
  MultiHeadAttention,
  type MultiHeadAttentionOptions,
} from "./layers/attention.ts";
export {
  type AugmentationOptions,
  type ColourOptions,
  type Factor,
  type MotionOptions,
  RandomBrightness,
  RandomContrast,
  RandomCrop,
  RandomFlip,
  type RandomFlipOptions,
  RandomRotation,
  RandomTranslation,
  RandomZoom,
  type RandomZoomOptions,
} from "./layers/augmentation.ts";
export {
  Conv1D,
  Conv1DTranspose,
  Conv2D,
  Conv2DTranspose,
  Conv3D,
  Conv3DTranspose,
  type ConvolutionOptions,
  type ConvolutionTransposeOptions,
  DepthwiseConv1D,
  DepthwiseConv2D,
  type DepthwiseOptions,
  SeparableConv1D,
  SeparableConv2D,
  type SeparableOptions,
} from "./layers/convolution.ts";
export { Dense, type KernelLayer, type KernelOptions } from "./layers/dense.ts";
export { EinsumDense, type EinsumDenseOptions } from "./layers/einsum-dense.ts";
export { Embedding, type EmbeddingOptions } from "./layers/embedding.ts";
export { CategoryEncoding, type CategoryEncodingOptions, Discretization, type DiscretizationOptions } from "./layers/encoding.ts";
export { CenterCrop, Normalization, type NormalizationOptions, Rescaling, Resizing, type ResizingOptions } from "./layers/images.ts";
export { Lambda, type LambdaFunction } from "./layers/lambda.ts";
export {
  Add,
  Average,
  Concatenate,
  type ConcatenateOptions,
  Dot,
  type DotOptions,
  Maximum,
  Minimum,
  Multiply,
  Subtract,
} from "./layers/merging.ts";
export {
  BatchNormalization,
  type BatchNormalizationOptions,
  GroupNormalization,
  type GroupNormalizationOptions,
  LayerNormalization,
  type LayerNormalizationOptions,
  RMSNormalization,
  type RMSNormalizationOptions,
  UnitNormalization,
  type UnitNormalizationOptions,
} from "./layers/normalization.ts";
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
  type GlobalPoolingOptions,
  MaxPooling1D,
  MaxPooling2D,
  MaxPooling3D,
  type PoolingOptions,
} from "./layers/pooling.ts";
export {
  PositionEmbedding,
  type PositionEmbeddingOptions,
  RotaryEmbedding,
  type RotaryOptions,
  SinePositionEncoding,
  type WavelengthOptions,
} from "./layers/positional.ts";
export {
  Bidirectional,
  type BidirectionalOptions,
  GRU,
  type GRUOptions,
  LSTM,
  type LSTMOptions,
  Recurrent,
  type RecurrentOptions,
  SimpleRNN,
} from "./layers/recurrent.ts";
export {
  ActivityRegularization,
  type ActivityRegularizationOptions,
  AlphaDropout,
  Dropout,
  type DropoutLayerOptions,
  GaussianDropout,
  GaussianNoise,
  type RandomLayerOptions,
  SpatialDropout1D,
  SpatialDropout2D,
  SpatialDropout3D,
  type SpatialDropoutOptions,
} from "./layers/regularization.ts";
export {
  Cropping1D,
  Cropping2D,
  Cropping3D,
  type CroppingOptions,
  Flatten,
  type FlattenOptions,
  type Margins,
  Masking,
  type MaskingOptions,
  Permute,
  RepeatVector,
  Reshape,
  UpSampling1D,
  UpSampling2D,
  type UpSampling2DOptions,
  UpSampling3D,
  type UpSamplingOptions,
  ZeroPadding1D,
  ZeroPadding2D,
  ZeroPadding3D,
  type ZeroPaddingOptions,
} from "./layers/shaping.ts";
export { TextVectorization, type TextVectorizationOptions } from "./layers/text.ts";
export { SpectralNormalization, type SpectralNormalizationOptions, TimeDistributed, Wrapper } from "./layers/wrapping.ts";
export * as losses from "./losses/index.ts";
export { MeanSquaredError } from "./losses/regression.ts";
export * as metrics from "./metrics/index.ts";
export { Model, type ModelOptions, Sequential } from "./model.ts";
export { exportOnnx, type OnnxExportOptions, onnxBytes } from "./onnx/export.ts";
export type { OnnxOperator } from "./onnx/exporter.ts";
export { importOnnx, OnnxModel } from "./onnx/import.ts";
export * from "./optimizers/index.ts";
export * as schedules from "./optimizers/schedules.ts";
export { L1, L1L2, L2, l1, l1l2, l2, OrthogonalRegularizer, type Regularizer } from "./regularizers.ts";
export { SeedGenerator, setRandomSeed } from "./seed.ts";
export type { Config, Registry, Serialized } from "./serialize.ts";
export type { SummaryOptions } from "./summary.ts";
export { type Dims, type LayerCall, SymbolicTensor } from "./symbolic.ts";
export { Callback, type FitParameters, LambdaCallback, type LambdaHooks } from "./training/callbacks.ts";
export { BackupAndRestore, type BackupOptions, ModelCheckpoint, type ModelCheckpointOptions } from "./training/checkpoints.ts";
export { History, type Logs } from "./training/history.ts";
export { CSVLogger, type CSVLoggerOptions, TensorBoard } from "./training/logging.ts";
export { setTrainingDisplay, type TrainingDisplay } from "./training/progress.ts";
export {
  EarlyStopping,
  type EarlyStoppingOptions,
  LearningRateScheduler,
  ReduceLROnPlateau,
  type ReduceLROnPlateauOptions,
} from "./training/stopping.ts";
export type { CompileSettings, EvaluateOptions, FitOptions, PredictOptions, TrainingEvent } from "./training/trainer.ts";
export { nextTurn } from "./training/turns.ts";
