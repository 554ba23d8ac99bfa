import { ArgumentError, Tensor } from "@gradus/tensor";
import { type Loss, type LossLike, loss } from "../losses/loss.ts";
import { accuracyFor, isAccuracy } from "../metrics/accuracy.ts";
import { type Metric, type MetricLike, metric } from "../metrics/metric.ts";
import { Mean } from "../metrics/reduction.ts";
import type { Arrays } from "./data.ts";
import type { CompileSettings } from "./trainer.ts";

/** How one output of a model is trained and measured. */
export interface OutputTraining {
  readonly name: string;
  readonly loss: Loss | null;
  readonly weight: number;
  /** The mean of this output's loss, where there are several. */
  readonly mean: Mean | null;
  readonly metrics: readonly { readonly metric: Metric; readonly weighted: boolean; readonly prefix: string }[];
}

/** One value for each output, from one for all, an array, or an object by the outputs' names. */
export function perOutput<T>(what: string, given: unknown, names: readonly string[]): (T | null)[] {
  const one = given instanceof Tensor || typeof given !== "object" || given === null || isOne(given);
  if (one) {
    if (names.length > 1 && what === "y")
      throw new ArgumentError(
        "fit",
        `the model has ${names.length} outputs (${names.join(", ")}), y is one array`,
        "Give an array of them, or an object by name",
      );
    return names.map(() => given as T);
  }
  if (Array.isArray(given)) {
    if (given.length !== names.length)
      throw new ArgumentError("compile", `${what} has ${given.length} entries for ${names.length} outputs (${names.join(", ")})`);
    return given as T[];
  }
  const unknown = Object.keys(given).filter((name) => !names.includes(name));
  if (unknown.length)
    throw new ArgumentError(
      "compile",
      `${what} names outputs ${unknown.join(", ")}, which the model does not have`,
      `It has ${names.join(", ")}`,
    );
  return names.map((name) => (given as Record<string, T>)[name] ?? null);
}

/** Objects with a class of their own, and descriptions of them, stand for themselves. */
const isOne = (x: object): boolean => !Array.isArray(x) && (Object.getPrototypeOf(x) !== Object.prototype || "className" in x);

/** Throws ArgumentError for losses and metrics whose names nobody registered: when compiling, not at the first batch. */
export function checkNames({ loss: losses, metrics, weightedMetrics }: CompileSettings): void {
  for (const given of described(losses)) loss(given as LossLike);
  for (const given of [...described(metrics), ...described(weightedMetrics)])
    if (!isAccuracy(given as MetricLike)) metric(given as MetricLike);
}

/** Names and descriptions in arrays and objects by output. */
function described(tree: unknown): unknown[] {
  if (typeof tree === "string") return [tree];
  if (typeof tree !== "object" || tree === null) return [];
  if (isOne(tree)) return "className" in tree ? [tree] : [];
  return Object.values(tree).flatMap(described);
}

/** Chooses losses and metrics from the settings, once targets and predictions of a first batch are known. */
export function resolveOutputs(
  settings: CompileSettings,
  names: readonly string[],
  y: Arrays | null,
  predictions: readonly Tensor[],
): OutputTraining[] {
  const { lossWeights, metrics, weightedMetrics = [] } = settings;
  const losses = settings.loss === null || settings.loss === undefined ? [] : perOutput<LossLike>("loss", settings.loss, names);
  const targets = y === null ? [] : perOutput<Tensor>("y", y, names);
  const weights = lossWeights === undefined ? [] : perOutput<number>("lossWeights", lossWeights, names);
  const many = names.length > 1;
  const wanted = metricsByOutput(metrics, names);
  return names.map((name, i) => {
    const given = losses[i];
    const found = given ? loss(given) : null;
    const target = targets[i] ?? null;
    const prefix = many ? `${name}_` : "";
    const make = (m: MetricLike): Metric => {
      const made = isAccuracy(m) && target ? accuracyFor(m, target, predictions[i]!, found) : metric(m);
      if (target) made.ensureBuilt(target.shape, predictions[i]!.shape);
      return made;
    };
    return {
      name,
      loss: found,
      weight: weights[i] ?? 1,
      mean: many && found ? new Mean({ name: `${prefix}loss` }) : null,
      metrics: [
        ...wanted[i]!.map((m) => ({ metric: make(m), weighted: false, prefix })),
        ...(i === 0 ? weightedMetrics : []).map((m) => ({ metric: make(m), weighted: true, prefix })),
      ],
    };
  });
}

/** A flat list of metrics belongs to every output; an object or nested arrays say which is whose. */
function metricsByOutput(metrics: CompileSettings["metrics"], names: readonly string[]): (readonly MetricLike[])[] {
  if (!metrics) return names.map(() => []);
  const list = (m: unknown): readonly MetricLike[] =>
    m === null || m === undefined ? [] : Array.isArray(m) ? (m as MetricLike[]) : [m as MetricLike];
  if (!Array.isArray(metrics)) return perOutput<unknown>("metrics", metrics, names).map(list);
  if (names.length > 1 && metrics.length === names.length && metrics.some((m) => Array.isArray(m))) return metrics.map(list);
  return names.map(() => metrics as readonly MetricLike[]);
}
