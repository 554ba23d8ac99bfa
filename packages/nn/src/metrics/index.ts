/** Metrics by Keras's names: `new metrics.AUC()`. Several share their names with losses, so they have a namespace. */
export { Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy } from "./accuracy.ts";
export {
  AUC,
  F1Score,
  FalseNegatives,
  FalsePositives,
  FBetaScore,
  MeanIoU,
  Precision,
  Recall,
  SparseTopKCategoricalAccuracy,
  TopKCategoricalAccuracy,
  TrueNegatives,
  TruePositives,
} from "./confusion.ts";
export { Mean, Metric, metricRegistry } from "./metric.ts";
export {
  BinaryCrossentropyMetric as BinaryCrossentropy,
  CategoricalCrossentropyMetric as CategoricalCrossentropy,
  CategoricalHingeMetric as CategoricalHinge,
  CosineSimilarityMetric as CosineSimilarity,
  HingeMetric as Hinge,
  KLDivergenceMetric as KLDivergence,
  LogCoshErrorMetric as LogCoshError,
  MeanAbsoluteErrorMetric as MeanAbsoluteError,
  MeanAbsolutePercentageErrorMetric as MeanAbsolutePercentageError,
  MeanSquaredErrorMetric as MeanSquaredError,
  MeanSquaredLogarithmicErrorMetric as MeanSquaredLogarithmicError,
  PoissonMetric as Poisson,
  R2Score,
  RootMeanSquaredError,
  SparseCategoricalCrossentropyMetric as SparseCategoricalCrossentropy,
  SquaredHingeMetric as SquaredHinge,
  Sum,
} from "./regression.ts";
