import { compile, type Tensor, tensor } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { metrics } from "../../src/index.ts";

let seed = 7;
const random = (): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};
const rows = 40;
const score = Array.from({ length: rows }, () => random());
const truth = score.map((s) => (s + 0.6 * (random() - 0.5) > 0.5 ? 1 : 0));
const weight = score.map(() => 0.5 + random());
const f32 = (x: unknown): Tensor => tensor(x as number[], { dtype: "float32" });

/** Batches of 16, 16 and 8 in a program, as in training, after a reset of what was there before. */
async function measure(metric: metrics.Metric, yTrue: unknown[], yPred: unknown[], weights: number[] | null = null): Promise<number> {
  const again = metrics.metricRegistry.deserialize({
    className: (metric.constructor as unknown as { className: string }).className,
    config: JSON.parse(JSON.stringify(metric.getConfig())),
  });
  const update = compile((t: Tensor, p: Tensor, w: Tensor | null) => again.updateState(t, p, w));
  update(f32(yTrue.slice(0, 3)), f32(yPred.slice(0, 3)), null);
  again.resetState();
  for (const [from, to] of [
    [0, 16],
    [16, 32],
    [32, rows],
  ] as const)
    update(f32(yTrue.slice(from, to)), f32(yPred.slice(from, to)), weights ? f32(weights.slice(from, to)) : null);
  return again.result().item();
}

const sum = (xs: number[]): number => xs.reduce((a, b) => a + b, 0);
const classes = Array.from({ length: rows }, () => Array.from({ length: 4 }, random));
const labels = classes.map((row) => (random() < 0.6 ? row.indexOf(Math.max(...row)) : Math.floor(4 * random())));
const onehot = labels.map((k) => [0, 1, 2, 3].map((i) => (i === k ? 1 : 0)));

describe("metrics", () => {
  test("errors are those of plain arithmetic", async () => {
    const d = score.map((s, i) => s - truth[i]!);
    expect(await measure(new metrics.MeanSquaredError(), truth, score)).toBeCloseTo(sum(d.map((x) => x * x)) / rows, 5);
    expect(await measure(new metrics.RootMeanSquaredError(), truth, score)).toBeCloseTo(Math.sqrt(sum(d.map((x) => x * x)) / rows), 5);
    const weighted = sum(d.map((x, i) => Math.abs(x) * weight[i]!)) / sum(weight);
    expect(await measure(new metrics.MeanAbsoluteError(), truth, score, weight)).toBeCloseTo(weighted, 5);
    const mean = sum(truth) / rows;
    const r2 = 1 - sum(d.map((x) => x * x)) / sum(truth.map((t) => (t - mean) ** 2));
    expect(await measure(new metrics.R2Score(), truth, score)).toBeCloseTo(r2, 4);
  });
  test("accuracies count what is right", async () => {
    const right = sum(score.map((s, i) => Number(s > 0.5 === (truth[i] === 1))));
    expect(await measure(new metrics.BinaryAccuracy(), truth, score)).toBeCloseTo(right / rows, 6);
    const top = classes.map((row) => row.indexOf(Math.max(...row)));
    const hits = sum(top.map((k, i) => Number(k === labels[i])));
    expect(await measure(new metrics.SparseCategoricalAccuracy(), labels, classes)).toBeCloseTo(hits / rows, 6);
    expect(await measure(new metrics.CategoricalAccuracy(), onehot, classes)).toBeCloseTo(hits / rows, 6);
    const two = sum(classes.map((row, i) => Number(row.filter((v) => v > row[labels[i]!]!).length < 2)));
    expect(await measure(new metrics.SparseTopKCategoricalAccuracy({ k: 2 }), labels, classes)).toBeCloseTo(two / rows, 6);
    expect(await measure(new metrics.TopKCategoricalAccuracy({ k: 2 }), onehot, classes)).toBeCloseTo(two / rows, 6);
  });
  test("precision, recall and counts, with thresholds, weights, a class, the largest only", async () => {
    const w = (f: (s: number, t: number) => boolean): number => sum(score.map((s, i) => (f(s, truth[i]!) ? weight[i]! : 0)));
    const tp = w((s, t) => s > 0.3 && t === 1);
    const fp = w((s, t) => s > 0.3 && t === 0);
    const fn = w((s, t) => s <= 0.3 && t === 1);
    expect(await measure(new metrics.Precision({ thresholds: 0.3 }), truth, score, weight)).toBeCloseTo(tp / (tp + fp), 5);
    expect(await measure(new metrics.Recall({ thresholds: 0.3 }), truth, score, weight)).toBeCloseTo(tp / (tp + fn), 5);
    expect(await measure(new metrics.FalsePositives({ thresholds: 0.3 }), truth, score, weight)).toBeCloseTo(fp, 3);
    const hits = sum(classes.map((row, i) => Number(row.indexOf(Math.max(...row)) === labels[i])));
    expect(await measure(new metrics.Precision({ topK: 1 }), onehot, classes)).toBeCloseTo(hits / rows, 5);
    const [said, are] = [sum(classes.map((r) => Number(r[2]! > 0.5))), sum(classes.map((r, i) => Number(r[2]! > 0.5 && labels[i] === 2)))];
    expect(await measure(new metrics.Precision({ classId: 2 }), onehot, classes)).toBeCloseTo(are / said, 5);
  });
  test("the area under ROC is near the share of pairs in order", async () => {
    let pairs = 0;
    let ordered = 0;
    for (const [i, t] of truth.entries())
      for (const [j, u] of truth.entries())
        if (t === 1 && u === 0) {
          pairs++;
          ordered += score[i]! > score[j]! ? 1 : 0;
        }
    expect(await measure(new metrics.AUC({ numThresholds: 2000 }), truth, score)).toBeCloseTo(ordered / pairs, 3);
    const [low, high] = [
      await measure(new metrics.AUC({ curve: "PR", summationMethod: "minoring" }), truth, score),
      await measure(new metrics.AUC({ curve: "PR", summationMethod: "majoring" }), truth, score),
    ];
    const between = await measure(new metrics.AUC({ curve: "PR" }), truth, score);
    expect(between).toBeGreaterThan(low - 0.02);
    expect(between).toBeLessThan(high + 0.02);
  });
  test("F-scores and overlap over classes", async () => {
    const top = classes.map((row) => row.indexOf(Math.max(...row)));
    const f1 = [0, 1, 2, 3].map((k) => {
      const tp = sum(top.map((t, i) => Number(t === k && labels[i] === k)));
      return (2 * tp) / (sum(top.map((t) => Number(t === k))) + sum(labels.map((t) => Number(t === k))));
    });
    expect(await measure(new metrics.F1Score({ average: "macro" }), onehot, classes)).toBeCloseTo(sum(f1) / 4, 5);
    const iou = [0, 1, 2, 3].map((k) => {
      const both = sum(top.map((t, i) => Number(t === k && labels[i] === k)));
      return both / sum(top.map((t, i) => Number(t === k || labels[i] === k)));
    });
    expect(await measure(new metrics.MeanIoU({ numClasses: 4 }), labels, top)).toBeCloseTo(sum(iou) / 4, 5);
  });
});
