/** Diffusion in the pixels of small pictures from files, told of their classes or of nothing, and who judges it. */
export { arranged, type ImageSet, type ImageSetOptions, imageSet, type Pictures, some } from "../../image-set.ts";
export { networkNames, type PictureConfig, pictureConfig } from "./config.ts";
export { drawn, drawPictures, type PictureOptions, type PictureUpdate } from "./draw.ts";
export { type DrawnPicture, evaluatePictures, type PictureEvaluation, type PictureEvaluationOptions } from "./evaluate.ts";
export { Judge, type Judgement, type JudgeTraining, trainJudge } from "./judge.ts";
export { classOf, describesPictures, loadPictureModel, type PictureModel, pictureModel, pictureModelBytes } from "./model.ts";
export { type PictureTraining, type PictureTrainingEvent, type TrainedPictures, trainPictures } from "./train.ts";
