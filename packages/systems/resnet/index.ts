/** ResNet (He et al. 2016): the networks, training, weights. */
export {
  Classifier,
  type Description,
  type Guess,
  imagenetDescription,
  loadClassifier,
  parseDescription,
  readPicture,
} from "./classify.ts";
export { configOf, configs, type ResNetConfig } from "./config.ts";
export {
  cifar10Classes,
  type ImageSet,
  imageSet,
  normalisationOf,
  type Pictures,
  plainBatches,
  some,
  trainingBatches,
} from "./data.ts";
export { type ResNetOptions, resnet } from "./model.ts";
export { imagenetNormalisation, type Normalisation, type PreprocessOptions, preprocess, square } from "./preprocess.ts";
export { depthOf, type Evaluation, evaluate, type Recipe, recipes, type Trained, type TrainOptions, train } from "./train.ts";
export { loadWeights, saveWeights } from "./weights.ts";
