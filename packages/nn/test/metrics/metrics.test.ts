import { compile, type Tensor, tensor } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { metrics } from "../../src/index.ts";
import { setMask } from "../../src/masking.ts";
import { type Metric, metric, metricRegistry } from "../../src/metrics/metric.ts";
import { serialize } from "../../src/serialize.ts";

type Rows = readonly (readonly number[])[];

/** Numbers in [0, 1) that repeat from run to run. */
function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}
const random = numbers(7);
const matrix = (rows: number, columns: number, f: () => number = random): number[][] =>
  Array.from({ length: rows }, () => Array.from({ length: columns }, f));

const floats = (x: Rows | readonly number[]): Tensor => tensor(x as number[][], { dtype: "float32" });
/** What arrays hold after rounding to float32. */
const rounded = (x: Rows): number[][] => x.map((row) => row.map(Math.fround));

/** Three batches of 11 examples: targets and predictions [rows, columns], one weight an example. */
interface Batch {
  readonly t: number[][];
  readonly p: number[][];
  readonly w: number[];
}
const batches = (columns: number, target: () => number, prediction: () => number = random): Batch[] =>
  [11, 11, 5].map((n) => ({
    t: rounded(matrix(n, columns, target)),
    p: rounded(matrix(n, columns, prediction)),
    w: rounded([matrix(1, n)[0]!])[0]!,
  }));
const bit = (): number => (random() < 0.4 ? 1 : 0);
const hot = (n: number): number[] => {
  const row = Array<number>(n).fill(0);
  row[Math.floor(random() * n)] = 1;
  return row;
};

/** Updates eagerly, in a program, with and without weights; all must give the number that `plain` makes of the whole data. */
function checkMetric(
  make: () => Metric,
  data: readonly Batch[],
  plain: (t: number[][], p: number[][], w: number[]) => number | readonly number[],
  tolerance = 1e-5,
): void {
  const [t, p] = [data.flatMap((b) => b.t), data.flatMap((b) => b.p)];
  for (const weighted of [false, true]) {
    const expected = plain(t, p, weighted ? data.flatMap((b) => b.w) : t.map(() => 1));
    for (const compiled of [false, true]) {
      const made = make();
      const again = metricRegistry.deserialize(serialize(made));
      expect(again.getConfig()).toEqual(made.getConfig());
      const step = (yTrue: Tensor, yPred: Tensor, w: Tensor): void => again.updateState(yTrue, yPred, weighted ? w : null);
      const run = compiled ? compile(step) : step;
      for (let round = 0; round < 2; round++) {
        again.resetState();
        for (const batch of data) run(floats(batch.t), floats(batch.p), floats(batch.w));
        const result = again.result();
        const found = Array.from(result.dataSync() as Float32Array);
        expect(result.shape).toEqual(typeof expected === "number" ? [] : [expected.length]);
        [expected]
          .flat()
          .forEach((x, i) =>
            expect(Math.abs(found[i]! - x), `${again.name}: ${found[i]}, not ${x}`).toBeLessThan(tolerance * Math.max(1, Math.abs(x))),
          );
      }
    }
  }
}

const sum = (x: readonly number[]): number => x.reduce((a, b) => a + b, 0);
/** Weighted mean over rows of what f gives for each. */
const meanOf =
  (f: (t: number[], p: number[]) => number) =>
  (t: number[][], p: number[][], w: number[]): number =>
    sum(t.map((row, i) => f(row, p[i]!) * w[i]!)) / sum(w);
const each = (f: (t: number, p: number) => number) => meanOf((t, p) => sum(t.map((x, i) => f(x, p[i]!))) / t.length);

describe("means agree with plain double precision", () => {
  const data = batches(
    3,
    () => random() * 2 + 0.5,
    () => random() + 0.05,
  );
  const cases: [Metric, ReturnType<typeof meanOf>][] = [
    [new metrics.MeanSquaredError(), each((t, p) => (t - p) ** 2)],
    [new metrics.MeanAbsoluteError(), each((t, p) => Math.abs(t - p))],
    [new metrics.MeanAbsolutePercentageError(), each((t, p) => (100 * Math.abs(t - p)) / t)],
    [new metrics.MeanSquaredLogarithmicError(), each((t, p) => (Math.log1p(t) - Math.log1p(p)) ** 2)],
    [new metrics.LogCoshError(), each((t, p) => Math.log(Math.cosh(t - p)))],
    [new metrics.Poisson(), each((t, p) => p - t * Math.log(p))],
    [new metrics.CosineSimilarity(), meanOf((t, p) => sum(t.map((x, i) => x * p[i]!)) / Math.hypot(...t) / Math.hypot(...p))],
  ];
  for (const [made, plain] of cases) test(made.name, () => checkMetric(() => made, data, plain));
  test("root_mean_squared_error", () => {
    const squared = each((t, p) => (t - p) ** 2);
    checkMetric(
      () => new metrics.RootMeanSquaredError(),
      data,
      (t, p, w) => Math.sqrt(squared(t, p, w)),
    );
  });
  const binary = batches(2, bit, () => random() * 0.98 + 0.01);
  const nats = (t: number, p: number): number => -t * Math.log(p) - (1 - t) * Math.log(1 - p);
  test("of binary targets", () => {
    checkMetric(() => new metrics.BinaryCrossentropy(), binary, each(nats));
    checkMetric(
      () => new metrics.BinaryCrossentropy({ labelSmoothing: 0.2 }),
      binary,
      each((t, p) => nats(t * 0.8 + 0.1, p)),
    );
    checkMetric(
      () => new metrics.BinaryAccuracy(),
      binary,
      each((t, p) => +(t === +(p > 0.5))),
    );
    checkMetric(
      () => new metrics.BinaryAccuracy({ threshold: 0.2 }),
      binary,
      each((t, p) => +(t === +(p > 0.2))),
    );
    checkMetric(
      () => new metrics.Hinge(),
      binary,
      each((t, p) => Math.max(0, 1 - (2 * t - 1) * p)),
    );
    checkMetric(
      () => new metrics.SquaredHinge(),
      binary,
      each((t, p) => Math.max(0, 1 - (2 * t - 1) * p) ** 2),
    );
    checkMetric(
      () => new metrics.Accuracy(),
      batches(2, bit, bit),
      each((t, p) => +(t === p)),
    );
  });
  const classes = [11, 4].map(
    (n): Batch => ({ t: Array.from({ length: n }, () => hot(7)), p: rounded(matrix(n, 7)), w: rounded([matrix(1, n)[0]!])[0]! }),
  );
  const sparse = classes.map((b): Batch => ({ ...b, t: b.t.map((row) => [row.indexOf(1)]) }));
  const rank = (p: number[], c: number): number => p.filter((x) => x > p[c]!).length;
  test("of classes", () => {
    const nll = (p: number[], c: number): number => -Math.log(p[c]! / sum(p));
    checkMetric(
      () => new metrics.CategoricalCrossentropy(),
      classes,
      meanOf((t, p) => nll(p, t.indexOf(1))),
    );
    checkMetric(
      () => new metrics.SparseCategoricalCrossentropy(),
      sparse,
      meanOf((t, p) => nll(p, t[0]!)),
    );
    checkMetric(
      () => new metrics.CategoricalAccuracy(),
      classes,
      meanOf((t, p) => +(rank(p, t.indexOf(1)) < 1)),
    );
    checkMetric(
      () => new metrics.SparseCategoricalAccuracy(),
      sparse,
      meanOf((t, p) => +(rank(p, t[0]!) < 1)),
    );
    checkMetric(
      () => new metrics.TopKCategoricalAccuracy(),
      classes,
      meanOf((t, p) => +(rank(p, t.indexOf(1)) < 5)),
    );
    checkMetric(
      () => new metrics.SparseTopKCategoricalAccuracy({ k: 2 }),
      sparse,
      meanOf((t, p) => +(rank(p, t[0]!) < 2)),
    );
    checkMetric(
      () => new metrics.CategoricalHinge(),
      classes,
      meanOf((t, p) => Math.max(0, 1 + Math.max(...p.map((x, i) => x * (1 - t[i]!))) - p[t.indexOf(1)]!)),
    );
    checkMetric(
      () => new metrics.KLDivergence(),
      classes,
      meanOf((t, p) => -Math.log(p[t.indexOf(1)]!) + 0),
      1e-4,
    );
  });
});

/** Counts at one threshold over all places of the chosen columns. */
function counts(t: Rows, p: Rows, w: readonly number[], threshold: number) {
  const found = { tp: 0, fp: 0, tn: 0, fn: 0 };
  t.forEach((row, i) =>
    row.forEach((x, j) => {
      const above = p[i]![j]! > Math.fround(threshold);
      found[x ? (above ? "tp" : "fn") : above ? "fp" : "tn"] += w[i]!;
    }),
  );
  return found;
}
const ratio = (a: number, b: number): number => (a + b ? a / (a + b) : 0);

describe("counts at thresholds agree with plain double precision", () => {
  const data = batches(3, bit);
  type Found = ReturnType<typeof counts>;
  const at =
    (f: (c: Found) => number, threshold = 0.5) =>
    (t: number[][], p: number[][], w: number[]) =>
      f(counts(t, p, w, threshold));
  test("the four counts, also at several thresholds", () => {
    checkMetric(
      () => new metrics.TruePositives(),
      data,
      at((c) => c.tp),
    );
    checkMetric(
      () => new metrics.FalsePositives({ thresholds: 0.3 }),
      data,
      at((c) => c.fp, 0.3),
    );
    checkMetric(
      () => new metrics.TrueNegatives(),
      data,
      at((c) => c.tn),
    );
    checkMetric(
      () => new metrics.FalseNegatives({ thresholds: [0.2, 0.7] }),
      data,
      (t, p, w) => [0.2, 0.7].map((x) => counts(t, p, w, x).fn),
    );
  });
  test("precision and recall", () => {
    checkMetric(
      () => new metrics.Precision(),
      data,
      at((c) => ratio(c.tp, c.fp)),
    );
    checkMetric(
      () => new metrics.Recall({ thresholds: 0.3 }),
      data,
      at((c) => ratio(c.tp, c.fn), 0.3),
    );
    checkMetric(
      () => new metrics.Precision({ thresholds: [0.2, 0.9] }),
      data,
      (t, p, w) => [0.2, 0.9].map((x) => ratio(counts(t, p, w, x).tp, counts(t, p, w, x).fp)),
    );
    const column = (x: Rows, j: number): number[][] => x.map((row) => [row[j]!]);
    checkMetric(
      () => new metrics.Recall({ classId: 1 }),
      data,
      (t, p, w) => {
        const c = counts(column(t, 1), column(p, 1), w, 0.5);
        return ratio(c.tp, c.fn);
      },
    );
    const top = (p: number[][], k: number): number[][] => p.map((row) => row.map((x) => (row.filter((y) => y > x).length < k ? 1 : -1)));
    for (const classId of [null, 2])
      checkMetric(
        () => new metrics.Precision({ topK: 2, classId }),
        data,
        (t, p, w) => {
          const chosen = (x: Rows): Rows => (classId === null ? x : column(x, classId));
          const c = counts(chosen(t), chosen(top(p, 2)), w, 0);
          return ratio(c.tp, c.fp);
        },
      );
  });
  const even = Array.from({ length: 200 }, (_, i) => i / 199);
  const best = (bound: (c: Found) => number, wanted: (c: Found) => number, least: number) => (t: number[][], p: number[][], w: number[]) =>
    Math.max(
      0,
      ...even
        .map((x) => counts(t, p, w, x))
        .filter((c) => bound(c) >= least)
        .map(wanted),
    );
  const [recall, specificity, precision] = [
    (c: Found) => ratio(c.tp, c.fn),
    (c: Found) => ratio(c.tn, c.fp),
    (c: Found) => ratio(c.tp, c.fp),
  ];
  test("the best of one under a bound on another", () => {
    checkMetric(() => new metrics.SensitivityAtSpecificity(0.6), data, best(specificity, recall, 0.6));
    checkMetric(() => new metrics.SpecificityAtSensitivity(0.6), data, best(recall, specificity, 0.6));
    checkMetric(() => new metrics.PrecisionAtRecall({ recall: 0.7 }), data, best(recall, precision, 0.7));
    checkMetric(() => new metrics.RecallAtPrecision(0.45), data, best(precision, recall, 0.45));
  });

  const area = (x: number[], y: number[], height: (a: number, b: number) => number): number =>
    sum(x.slice(1).map((next, i) => (x[i]! - next) * height(y[i]!, y[i + 1]!)));
  const edges = [-1e-7, ...even.slice(1, -1), 1 + 1e-7];
  const middle = (a: number, b: number): number => (a + b) / 2;
  const roc = (t: Rows, p: Rows, w: readonly number[], height = middle): number => {
    const found = edges.map((x) => counts(t, p, w, x));
    return area(
      found.map((c) => ratio(c.fp, c.tn)),
      found.map(recall),
      height,
    );
  };
  /** The integral of precision over recall between thresholds, by small steps of the linear interpolation of counts. */
  const pr = (t: Rows, p: Rows, w: readonly number[]): number => {
    const found = edges.map((x) => counts(t, p, w, x));
    let total = 0;
    for (let i = 0; i + 1 < found.length; i++) {
      const [a, b] = [found[i + 1]!, found[i]!];
      const steps = 2000;
      for (let s = 0; s < steps && b.tp > a.tp; s++) {
        const share = (s + 0.5) / steps;
        // With nothing predicted yet precision is that of the whole step.
        const none = a.tp + a.fp === 0;
        const [tp, fp] = none ? [b.tp, b.fp] : [a.tp + share * (b.tp - a.tp), a.fp + share * (b.fp - a.fp)];
        total += ((tp / (tp + fp)) * (b.tp - a.tp)) / steps / (b.tp + b.fn);
      }
    }
    return total;
  };
  test("areas under curves", () => {
    checkMetric(() => new metrics.AUC(), data, roc);
    checkMetric(
      () => new metrics.AUC({ summationMethod: "minoring" }),
      data,
      (t, p, w) => roc(t, p, w, Math.min),
    );
    checkMetric(
      () => new metrics.AUC({ summationMethod: "majoring" }),
      data,
      (t, p, w) => roc(t, p, w, Math.max),
    );
    checkMetric(() => new metrics.AUC({ curve: "PR" }), data, pr, 2e-5);
    checkMetric(
      () => new metrics.AUC({ multiLabel: true, labelWeights: [1, 2, 0.5] }),
      data,
      (t, p, w) => {
        const column = (x: Rows, j: number): number[][] => x.map((row) => [row[j]!]);
        return sum([1, 2, 0.5].map((share, j) => (share * roc(column(t, j), column(p, j), w)) / 3.5));
      },
    );
    const logits = data.map((b): Batch => ({ ...b, p: rounded(b.p.map((row) => row.map((x) => Math.log(x / (1 - x))))) }));
    checkMetric(
      () => new metrics.AUC({ fromLogits: true }),
      logits,
      (t, _p, w) =>
        roc(
          t,
          data.flatMap((b) => b.p),
          w,
        ),
      1e-2,
    );
  });
});

describe("scores over classes agree with plain double precision", () => {
  const data = batches(3, bit);
  const score = (tp: number, fp: number, fn: number, beta: number): number => {
    const [p, r] = [ratio(tp, fp), ratio(tp, fn)];
    return p + r ? ((1 + beta ** 2) * p * r) / (beta ** 2 * p + r) : 0;
  };
  const byClass = (t: Rows, p: Rows, w: readonly number[], threshold: number) =>
    [0, 1, 2].map((j) =>
      counts(
        t.map((r) => [r[j]!]),
        p.map((r) => [r[j]!]),
        w,
        threshold,
      ),
    );
  test("F scores", () => {
    const scores = (t: Rows, p: Rows, w: readonly number[], beta: number): number[] =>
      byClass(t, p, w, 0.5).map((c) => score(c.tp, c.fp, c.fn, beta));
    checkMetric(
      () => new metrics.F1Score({ threshold: 0.5 }),
      data,
      (t, p, w) => scores(t, p, w, 1),
    );
    checkMetric(
      () => new metrics.FBetaScore({ beta: 2, threshold: 0.5, average: "macro" }),
      data,
      (t, p, w) => sum(scores(t, p, w, 2)) / 3,
    );
    checkMetric(
      () => new metrics.F1Score({ threshold: 0.5, average: "micro" }),
      data,
      (t, p, w) => {
        const c = counts(t, p, w, 0.5);
        return score(c.tp, c.fp, c.fn, 1);
      },
    );
    checkMetric(
      () => new metrics.F1Score({ threshold: 0.5, average: "weighted" }),
      data,
      (t, p, w) => {
        const support = byClass(t, p, w, 0.5).map((c) => c.tp + c.fn);
        return sum(scores(t, p, w, 1).map((s, j) => (s * support[j]!) / sum(support)));
      },
    );
    checkMetric(
      () => new metrics.F1Score(),
      data,
      (t, p, w) => {
        const largest = p.map((row) => row.map((x) => (x === Math.max(...row) ? 1 : 0)));
        return byClass(t, largest, w, 0.5).map((c) => score(c.tp, c.fp, c.fn, 1));
      },
    );
  });
  const labels = batches(
    4,
    () => Math.floor(random() * 3),
    () => Math.floor(random() * 3),
  );
  const iou = (t: number[][], p: number[][], w: number[], c: number, ignore = -1): number => {
    let [both, either] = [0, 0];
    t.forEach((row, i) =>
      row.forEach((x, j) => {
        if (x === ignore) return;
        const [inTruth, inPrediction] = [x === c, p[i]![j] === c];
        if (inTruth && inPrediction) both += w[i]!;
        if (inTruth || inPrediction) either += w[i]!;
      }),
    );
    return both / either;
  };
  test("intersection over union", () => {
    checkMetric(
      () => new metrics.MeanIoU({ numClasses: 3 }),
      labels,
      (t, p, w) => sum([0, 1, 2].map((c) => iou(t, p, w, c))) / 3,
    );
    checkMetric(
      () => new metrics.IoU({ numClasses: 3, targetClassIds: [1] }),
      labels,
      (t, p, w) => iou(t, p, w, 1),
    );
    checkMetric(
      () => new metrics.IoU({ numClasses: 3, targetClassIds: [0, 2], ignoreClass: 1 }),
      labels,
      (t, p, w) => (iou(t, p, w, 0, 1) + iou(t, p, w, 2, 1)) / 2,
    );
    const above = (p: number[][], x: number): number[][] => p.map((row) => row.map((v) => +(v >= x)));
    checkMetric(
      () => new metrics.BinaryIoU({ threshold: 0.3 }),
      data,
      (t, p, w) => (iou(t, above(p, 0.3), w, 0) + iou(t, above(p, 0.3), w, 1)) / 2,
    );
    const oneHot = [11, 4].map(
      (n): Batch => ({ t: Array.from({ length: n }, () => hot(3)), p: rounded(matrix(n, 3)), w: rounded([matrix(1, n)[0]!])[0]! }),
    );
    const largest = (x: number[][]): number[][] => x.map((row) => [row.indexOf(Math.max(...row))]);
    checkMetric(
      () => new metrics.OneHotIoU({ numClasses: 3, targetClassIds: [2] }),
      oneHot,
      (t, p, w) => iou(largest(t), largest(p), w, 2),
    );
    checkMetric(
      () => new metrics.OneHotMeanIoU({ numClasses: 3 }),
      oneHot,
      (t, p, w) => sum([0, 1, 2].map((c) => iou(largest(t), largest(p), w, c))) / 3,
    );
  });
  test("R2", () => {
    const far = batches(
      2,
      () => 1000 + random(),
      () => 1000 + random(),
    );
    const parts = (t: number[][], p: number[][], w: number[]): { score: number; spread: number }[] =>
      [0, 1].map((j) => {
        const mean = sum(t.map((r, i) => r[j]! * w[i]!)) / sum(w);
        const spread = sum(t.map((r, i) => (r[j]! - mean) ** 2 * w[i]!));
        return { score: 1 - sum(t.map((r, i) => (r[j]! - p[i]![j]!) ** 2 * w[i]!)) / spread, spread };
      });
    checkMetric(
      () => new metrics.R2Score(),
      far,
      (t, p, w) => sum(parts(t, p, w).map((x) => x.score)) / 2,
      1e-3,
    );
    checkMetric(
      () => new metrics.R2Score({ classAggregation: null }),
      far,
      (t, p, w) => parts(t, p, w).map((x) => x.score),
      1e-3,
    );
    checkMetric(
      () => new metrics.R2Score({ classAggregation: "variance_weighted_average", numRegressors: 2 }),
      far,
      (t, p, w) => {
        const found = parts(t, p, w);
        const score = sum(found.map((x) => x.score * x.spread)) / sum(found.map((x) => x.spread));
        return 1 - ((1 - score) * (t.length - 1)) / (t.length - 3);
      },
      1e-3,
    );
  });
});

describe("metrics", () => {
  test("Mean and Sum take values and weights", () => {
    const [mean, total] = [new metrics.Mean(), new metrics.Sum()];
    expect(mean.result().itemSync()).toBe(0);
    for (const m of [mean, total]) {
      m.updateState([1, 3, 5, 7]);
      m.updateState(
        [
          [2, 4],
          [6, 8],
        ],
        [1, 0],
      );
    }
    expect(mean.result().itemSync()).toBeCloseTo(22 / 6, 6);
    expect(total.result().itemSync()).toBe(22);
    mean.updateState(10);
    expect(mean.result().itemSync()).toBeCloseTo(32 / 7, 6);
  });
  test("are found by Keras's names", () => {
    for (const name of [
      "mse",
      "rmse",
      "MAE",
      "auc",
      "precision",
      "recall",
      "binary_accuracy",
      "topKCategoricalAccuracy",
      "F1Score",
      "r2_score",
      "meanSquaredError",
    ])
      expect(metric(name).result, name).toBeTypeOf("function");
    expect(() => metric("accurracy")).toThrow(/unknown metric "accurracy"/);
  });
  test("leave masked places out", () => {
    const made = new metrics.SparseCategoricalAccuracy();
    const prediction = tensor([
      [
        [0.9, 0.1],
        [0.2, 0.8],
        [0.3, 0.7],
      ],
    ]);
    setMask(prediction, tensor([[true, true, false]]));
    made.updateState([[0, 0, 0]], prediction);
    expect(made.result().itemSync()).toBeCloseTo(0.5, 6);
    made.updateState([[0, 0, 0]], prediction, [[1, 3, 7]]);
    expect(made.result().itemSync()).toBeCloseTo(2 / 6, 6);
  });
  test("take Keras's examples in Keras's shapes", () => {
    const auc = new metrics.AUC({ numThresholds: 3 });
    auc.updateState([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]);
    expect(auc.result().itemSync()).toBeCloseTo(0.75, 6);
    const f = new metrics.FBetaScore({ beta: 2, threshold: 0.5 });
    f.updateState(
      [
        [1, 1, 1],
        [1, 0, 0],
        [1, 1, 0],
      ],
      [
        [0.2, 0.6, 0.7],
        [0.2, 0.6, 0.6],
        [0.6, 0.8, 0],
      ],
    );
    expect(Array.from(f.result().dataSync() as Float32Array)).toEqual([0.3846154, 0.90909094, 0.8333334].map((x) => expect.closeTo(x, 6)));
    const iou = new metrics.IoU({ numClasses: 2, targetClassIds: [0] });
    iou.updateState([0, 0, 1, 1], [0, 1, 0, 1], [0.3, 0.3, 0.3, 0.1]);
    expect(iou.result().itemSync()).toBeCloseTo(1 / 3, 6);
    const binary = new metrics.BinaryIoU({ targetClassIds: [0, 1], threshold: 0.3 });
    binary.updateState([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7], [0.2, 0.3, 0.4, 0.1]);
    expect(binary.result().itemSync()).toBeCloseTo(0.17361112, 6);
  });
  test("say what is wrong", () => {
    expect(() => new metrics.Precision({ thresholds: 2 })).toThrow(/thresholds are 2/);
    expect(() => new metrics.AUC({ curve: "roc" as never })).toThrow(/curve is "roc"/);
    expect(() => new metrics.F1Score().updateState([1], [1])).toThrow(/f1_score.*\[batch, classes\]/s);
    expect(() => new metrics.MeanIoU({ numClasses: 0 })).toThrow(/numClasses is 0/);
    expect(() => new metrics.SensitivityAtSpecificity(2)).toThrow(/specificity is 2/);
    expect(() => new metrics.Precision({ classId: 9 }).updateState([[1, 0]], [[1, 0]])).toThrow(/classId is 9/);
  });
});
