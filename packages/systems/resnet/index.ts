/** ResNet (He et al. 2016): the networks, training, weights. */
export { arranged, cifar10Classes, type ImageSet, type Pictures, some } from "../image-set.ts";
export { square } from "../square.ts";
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
export { imageSet, normalisationOf, plainBatches, trainingBatches } from "./data.ts";
export { type ResNetOptions, resnet } from "./model.ts";
export { imagenetNormalisation, type Normalisation, type PreprocessOptions, preprocess } from "./preprocess.ts";
export { depthOf, type Evaluation, evaluate, type Recipe, recipes, type Trained, type TrainOptions, train } from "./train.ts";
export { loadWeights, saveWeights } from "./weights.ts";
