/**
 * Functions of all elements along axes: sums and extremes, means, running sums, quantiles, counts, under the names of the
 * array API standard 2024.12 and NumPy. IndexError for an axis that is not there or is named twice.
 */
export { type BincountOptions, bincount, digitize, type HistogramOptions, histogram, histogramBinEdges } from "./counting.ts";
export {
  type CumulativeFromStartOptions,
  type CumulativeOptions,
  cummax,
  cummin,
  cumprod,
  cumsum,
  cumulativeProd,
  cumulativeSum,
  type DiffOptions,
  diff,
} from "./cumulative.ts";
export {
  type AverageOptions,
  average,
  type CovarianceOptions,
  corrcoef,
  cov,
  mean,
  nanmean,
  std,
  type VarianceOptions,
  var,
  variance,
} from "./moments.ts";
export { median, percentile, type QuantileMethod, type QuantileOptions, quantile } from "./quantiles.ts";
export {
  type ArgOptions,
  all,
  allclose,
  any,
  argmax,
  argmin,
  countNonzero,
  max,
  min,
  nanmax,
  nanmin,
  nansum,
  prod,
  ptp,
  type ReduceOptions,
  sum,
  type TypedReduceOptions,
} from "./reductions.ts";
