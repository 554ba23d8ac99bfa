/** Pictures described in words: a vision transformer before a language network (in the manner of LLaVA; Liu et al. 2023). */

export { type Colour, colours, type Shape, shapes } from "../../scenes/things.ts";
export {
  type Accuracy,
  Captioner,
  type CaptionerConfig,
  CaptionNetwork,
  type EvaluateOptions,
  evaluate,
  loadCaptioner,
  parseCaptioner,
  smallCaptioner,
} from "./captioner.ts";
export {
  captionOf,
  decodeCaption,
  encodeCaption,
  endOfText,
  type Group,
  judge,
  type Place,
  parseCaption,
  type Relation,
  type Statement,
  type Verdict,
} from "./captions.ts";
export { checkVision, patchesOf, type VisionConfig, VisionEncoder } from "./encoder.ts";
export { heldOut, type Part, type Scene, scene, sceneSize } from "./scenes.ts";
export { type CaptionerEvent, type Measured, type Trained, type TrainOptions, train } from "./train.ts";
