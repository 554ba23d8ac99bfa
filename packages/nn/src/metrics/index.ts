/** Keras's metrics. */
export {
  Accuracy,
  BinaryAccuracy,
  binaryAccuracy,
  CategoricalAccuracy,
  categoricalAccuracy,
  SparseCategoricalAccuracy,
  SparseTopKCategoricalAccuracy,
  sparseCategoricalAccuracy,
  sparseTopKCategoricalAccuracy,
  TopKCategoricalAccuracy,
  topKCategoricalAccuracy,
} from "./accuracy.ts";
export * from "./confusion.ts";
export * from "./fscore.ts";
export * from "./iou.ts";
export * from "./losses.ts";
export { MeanMetric, Metric, type MetricLike, type MetricOptions, metricRegistry } from "./metric.ts";
export * from "./r2.ts";
export * from "./reduction.ts";
