import { compile, memoryReport, type Tensor, tensor, valueAndGrad } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { Adam, Dense, Layer, losses, metrics, Sequential, SGD, setRandomSeed } from "../../src/index.ts";

const features = 5;
const count = 48;
const batchSize = 16;
const epochs = 3;
const wave = (n: number, f: number): number[] => Array.from({ length: n }, (_, i) => Math.sin(f * i * i + 1));
const data = () => ({
  x: tensor(wave(count * features, 0.37), { dtype: "float32" }).reshape([count, features]),
  y: tensor(wave(count, 0.11).map((v) => Math.floor(1.5 * (v + 1)) % 3)),
});
const network = (): Sequential => {
  setRandomSeed(5);
  return new Sequential([new Dense(8, { activation: "tanh", inputShape: [features] }), new Dense(3, { activation: "softmax" })]);
};
const values = (model: Sequential): number[] => model.getWeights().flatMap((w) => Array.from(w.dataSync() as Float32Array));

/** Training written out: forward, gradients, update and metric, one call a batch. */
function loop(compiled: boolean): { weights: number[]; history: number[]; accuracy: number[] } {
  const { x, y } = data();
  const model = network();
  const optimizer = new Adam({ learningRate: 0.02, clipnorm: 1 });
  const loss = new losses.SparseCategoricalCrossentropy();
  const [mean, accuracy] = [new metrics.Mean(), new metrics.SparseCategoricalAccuracy()];
  const step = (bx: Tensor, by: Tensor): void => {
    const weights = model.trainableWeights;
    const forward = () => {
      const prediction = model(bx);
      return [loss.call(by, prediction), prediction];
    };
    const [[value, prediction], gradients] = valueAndGrad(forward, { wrt: weights, hasAux: true })() as [[Tensor, Tensor], Tensor[]];
    optimizer.apply(gradients, weights);
    mean.updateState(value);
    accuracy.updateState(by, prediction);
  };
  const run = compiled ? compile(step) : step;
  const results = { history: [] as number[], accuracy: [] as number[] };
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const m of [mean, accuracy]) m.resetState();
    for (let at = 0; at < count; at += batchSize) run(x.get(`${at}:${at + batchSize}`), y.get(`${at}:${at + batchSize}`));
    results.history.push(mean.result().itemSync());
    results.accuracy.push(accuracy.result().itemSync());
  }
  return { weights: values(model), ...results };
}

describe("a training loop written out", () => {
  test("gives the numbers of fit, in a program and without", async () => {
    const { x, y } = data();
    const model = network().compile({
      optimizer: new Adam({ learningRate: 0.02, clipnorm: 1 }),
      loss: "sparse_categorical_crossentropy",
      metrics: ["accuracy"],
    });
    const { history } = await model.fit(x, y, { epochs, batchSize, shuffle: false, verbose: 0 });
    const fitted = values(model);
    expect(history.loss!.at(-1)).toBeLessThan(history.loss![0]!);
    for (const compiled of [true, false]) {
      const own = loop(compiled);
      own.weights.forEach((w, i) => expect(w).toBeCloseTo(fitted[i]!, 6));
      own.history.forEach((l, i) => expect(l).toBeCloseTo(history.loss![i]!, 6));
      own.accuracy.forEach((a, i) => expect(a).toBeCloseTo(history.accuracy![i]!, 6));
    }
  });
  test("makes no new programs after its first steps without one around it", () => {
    const model = network();
    const { x, y } = data();
    const optimizer = new Adam(0.01);
    const steps = (count: number): number => {
      for (let i = 0; i < count; i++) {
        const loss = () => losses.sparseCategoricalCrossentropy(y, model(x)).mean();
        const [, gradients] = valueAndGrad(loss, { wrt: model.trainableWeights })() as [Tensor, Tensor[]];
        optimizer.apply(gradients, model.trainableWeights);
      }
      return memoryReport().programs;
    };
    const early = steps(3);
    expect(steps(10)).toBe(early);
  });
});

describe("metrics in fit", () => {
  test("of every kind run in its program", async () => {
    const { x, y } = data();
    const oneHot = y
      .expandDims({ axis: 1 })
      .equal(tensor([0, 1, 2]))
      .astype("float32");
    const wanted = [
      "accuracy",
      "mse",
      "auc",
      new metrics.Precision({ topK: 1 }),
      new metrics.Recall(),
      new metrics.F1Score({ average: "macro" }),
      new metrics.TopKCategoricalAccuracy({ k: 2 }),
      new metrics.OneHotMeanIoU({ numClasses: 3 }),
      new metrics.R2Score(),
      new metrics.CategoricalCrossentropy(),
    ];
    const model = network().compile({ optimizer: "adamw", loss: "categoricalCrossentropy", metrics: wanted });
    const { history } = await model.fit(x, oneHot, { epochs: 2, batchSize: 20, verbose: 0, validationSplit: 0.25 });
    const names = Object.keys(history);
    expect(names).toContain("val_auc");
    expect(names.length).toBe(2 * (wanted.length + 1));
    for (const name of names) expect(history[name]!.every(Number.isFinite), name).toBe(true);
    // Mean of batches of equal weight by example: the metric is the loss.
    expect(history.categorical_crossentropy![1]).toBeCloseTo(history.loss![1]!, 5);
    expect(history.top_k_categorical_accuracy![1]).toBeGreaterThanOrEqual(history.accuracy![1]!);
  });
  test("that give several numbers are refused by name", async () => {
    const { x, y } = data();
    const oneHot = y
      .expandDims({ axis: 1 })
      .equal(tensor([0, 1, 2]))
      .astype("float32");
    const model = network().compile({ loss: "mse", metrics: [new metrics.F1Score()] });
    await expect(model.fit(x, oneHot, { verbose: 0 })).rejects.toThrow(/metric f1_score gives 3 numbers/);
  });
});

/** Hides places whose first number is 0, [batch, time, features] → the same. */
class HideZeros extends Layer {
  static override readonly className = "HideZeros";
  override call(x: Tensor): Tensor {
    return x.mul(1);
  }
  protected override computeMask(x: Tensor): Tensor {
    return x.get("...", 0).notEqual(0);
  }
}

describe("masks", () => {
  test("reach losses and metrics of fit: hidden places count in neither", async () => {
    const model = new Sequential([new HideZeros(), new Dense(1, { kernelInitializer: "ones" })]);
    model.compile({ optimizer: new SGD(0), loss: "mse", metrics: ["mae"] });
    const x = tensor(
      [
        [1, 2, 0],
        [3, 0, 0],
      ],
      { dtype: "float32" },
    ).reshape([2, 3, 1]);
    const { history } = await model.fit(x, x.mul(0).sub(1), { verbose: 0 });
    expect(history.loss![0]).toBeCloseTo((4 + 9 + 16) / 3, 5);
    expect(history.mae![0]).toBeCloseTo((2 + 3 + 4) / 3, 5);
  });
});
