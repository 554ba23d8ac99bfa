/** GPT (Radford et al. 2019, Brown et al. 2020) and the open family that followed. */

export type { ModelFolder } from "../model-folder.ts";
export {
  Bert,
  BertClassifier,
  type BertClassifierOptions,
  type BertConfig,
  BertEncoder,
  type BertOptions,
  type BertPass,
  bertConfigs,
  type Pooling,
} from "./bert.ts";
export { loadBert, saveBert } from "./bert-weights.ts";
export { checkConfig, configOf, configs, countWeights, type GptConfig, type RotaryConfig, type RotaryScaling } from "./config.ts";
export { splitText, type TokenSplit, trainingWindows, validationWindows, type WindowOptions } from "./data.ts";
export { Decoder, type DecoderOptions } from "./decoder.ts";
export { descriptionFile, type LoadedModel, languageModelBytes, loadLanguageModel, type ModelFiles, saveLanguageModel } from "./files.ts";
export { type Candidate, fillMask } from "./fill-mask.ts";
export {
  type AdapterOptions,
  adapterBytes,
  addAdapters,
  type FinetuneOptions,
  finetune,
  finetuneRecipe,
  loadAdapters,
  mergeAdapters,
  removeAdapters,
  saveAdapters,
} from "./finetune.ts";
export {
  type Alternative,
  type Beam,
  type BeamOptions,
  beamSearch,
  complete,
  type Ending,
  type Generated,
  type GenerateOptions,
  generate,
  promptTokens,
  type Score,
  Scorer,
} from "./generate.ts";
export type { LanguageModel } from "./language-model.ts";
export { Adapter, type Bits, encodeRows, Linear, type LinearOptions } from "./linear.ts";
export { type HiddenTokens, hideTokens, loadMaskedModel, type MaskedModel, textBatch, textVectors } from "./masked-model.ts";
export { type Cache, frequencies, Gpt, type GptOptions, type Pass } from "./model.ts";
export { quantize } from "./quantize.ts";
export { checkSampling, distribution, draw, likeliest, logSoftmax, type SamplingOptions } from "./sampling.ts";
export { type Evaluated, type Recipe, recipeOf, type Trained, type TrainingUpdate, type TrainOptions, train } from "./train.ts";
export { loadGpt, loadHuggingFace, readGptConfig, saveHuggingFace } from "./weights.ts";
