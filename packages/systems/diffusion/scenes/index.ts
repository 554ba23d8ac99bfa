/** Text to image on generated scenes: a model of Stable Diffusion's architecture that two cores can train, and who judges it. */
export { type Colour, colours, type Shape, shapes } from "../../scenes/things.ts";
export { scenesConfig } from "./config.ts";
export { Detector, type DetectorTraining, looseScene, type Seen, type SeenThing, trainDetector } from "./detector.ts";
export { type Drawn, diversity, type EvaluateOptions, type Evaluation, evaluate, evaluateAll, type Judged } from "./evaluate.ts";
export { allRight, attributes, judge, judgeGroups, overall, type Share, sumOf, type Verdict } from "./judge.ts";
export { loadSceneParts, loadScenes, sceneBytes, sceneModel } from "./model.ts";
export { heldOut, type Part, parts, pictureOf, type Scene, scene, sceneSize } from "./scene.ts";
export { captionOf, grounds, parseCaption, places, relations, type Statement, sizes, words } from "./statement.ts";
export { checkTraining, type Parts, type SceneTrainingEvent, type TrainedScenes, type TrainOptions, trainScenes } from "./train.ts";
export { WordTokenizer } from "./words.ts";
