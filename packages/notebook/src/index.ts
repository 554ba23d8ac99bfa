/** The table of contents of @gradus/notebook: what cells import. The kernel that runs them is in @gradus/notebook/kernel. */
export { CheckFailure, type CheckOptions, type ClosenessOptions, check } from "./check.ts";
export { file } from "./file.ts";
export type { Color, Content, Output, PlainData, PlotOptions } from "./output.ts";
export { type ImageOptions, Images, image, images } from "./show/images.ts";
export {
  button,
  type OpenOptions,
  openFiles,
  type PointOptions,
  point,
  type SliderOptions,
  select,
  slider,
  type TextOptions,
  textInput,
  toggle,
} from "./show/inputs.ts";
export {
  area,
  bars,
  boxplot,
  type ContourOptions,
  contour,
  type DotsOptions,
  dots,
  type HeatmapOptions,
  heatmap,
  histogram,
  type LineOptions,
  line,
  type Mark,
  type MarkOptions,
  Plot,
  plot,
  rule,
  text,
} from "./show/plot.ts";
export { Progress, progress } from "./show/progress.ts";
export { Custom, type CustomOptions, custom, Grid, grid, Markdown, markdown, Shown, show, table } from "./show/show.ts";
export { activations, weights } from "./show/training.ts";
export type { Values } from "./show/values.ts";
