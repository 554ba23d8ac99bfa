/** The table of contents of @gradus/nn. Everything that is not named here is private. */
export { type ActivationFunction, type ActivationLike, activation } from "./activations.ts";
export { isTraining } from "./context.ts";
export { loadNative as loadModel } from "./files/native.ts";
export { Input, InputLayer } from "./input.ts";
export { Layer, layerRegistry, resetNames } from "./layer.ts";
export { Dense } from "./layers/dense.ts";
export { Bidirectional, GRU, LSTM, Recurrent, SimpleRNN } from "./layers/recurrent.ts";
export { MeanSquaredError } from "./losses/regression.ts";
export { Model, Sequential } from "./model.ts";
export { Adam, AdamW } from "./optimizers/adam.ts";
export { l1, l1l2, l2 } from "./regularizers.ts";
export { SeedGenerator, setRandomSeed } from "./seed.ts";
export { Callback, LambdaCallback } from "./training/callbacks.ts";
export { BackupAndRestore, ModelCheckpoint } from "./training/checkpoints.ts";
export { History, type Logs } from "./training/history.ts";
export { CSVLogger, TensorBoard } from "./training/logging.ts";
export { EarlyStopping, LearningRateScheduler, ReduceLROnPlateau } from "./training/stopping.ts";
export type { CompileSettings, FitOptions, TrainingEvent } from "./training/trainer.ts";
