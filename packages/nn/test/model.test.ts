import { compile, isclose, type Tensor, tensor, valueAndGrad, zeros } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import {
  Adam,
  BatchNormalization,
  Concatenate,
  Dense,
  EarlyStopping,
  Input,
  Layer,
  loadModel,
  Model,
  Sequential,
  setRandomSeed,
  type TrainingEvent,
} from "../src/index.ts";

const noise = (rows: number, columns: number, seed = 1): Tensor =>
  tensor(Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(12.9898 * (i + 1) * seed) * 0.9)).reshape([rows, columns]);
const same = async (a: Tensor, b: Tensor): Promise<void> => expect(await isclose(a, b, { atol: 1e-6 }).all().item()).toBe(1);

/** Two dense layers with a way around them. */
class Block extends Model {
  static override readonly className = "Block";
  private readonly inner = new Dense(4, { activation: "relu" });
  private readonly outer: Dense[] = [new Dense(4), new Dense(4)];
  override call(x: Tensor): Tensor {
    return this.outer.reduce((y, layer) => layer(y), this.inner(x)).add(x);
  }
}

describe("models", () => {
  test("a subclass finds its layers in properties and arrays, and trains", async () => {
    setRandomSeed(1);
    const model = new Block();
    const x = noise(64, 4);
    expect(model(x).shape).toEqual([64, 4]);
    expect(model.trainableWeights).toHaveLength(6);
    expect(model.namedWeights("").map(([path]) => path.split("/").slice(2).join("/"))).toEqual([
      "kernel",
      "bias",
      "kernel",
      "bias",
      "kernel",
      "bias",
    ]);
    model.compile({ optimizer: new Adam(0.01), loss: "mse" });
    const { history } = await model.fit(x, x.mul(2), { epochs: 40, verbose: 0 });
    expect(history.loss!.at(-1)!).toBeLessThan(history.loss![0]! / 4);
  });
  test("a layer used twice has one set of weights, and its gradient is the sum of both uses", async () => {
    const [a, b] = [Input([3], { name: "a" }), Input([3], { name: "b" })];
    const shared = new Dense(2);
    const model = new Model({ inputs: { a, b }, outputs: [shared(a), shared(b)] });
    expect(model.trainableWeights).toHaveLength(2);
    const [x, y] = [noise(5, 3), noise(5, 3, 2)];
    const total = () => (model.call({ a: x, b: y }) as Tensor[]).reduce((s, t) => s.add(t.square().sum()), tensor(0, { dtype: "float32" }));
    const [, [both]] = valueAndGrad(total, { wrt: model.trainableWeights })() as [Tensor, Tensor[]];
    const one = (v: Tensor) =>
      (valueAndGrad(() => shared(v).square().sum(), { wrt: model.trainableWeights })() as [Tensor, Tensor[]])[1][0]!;
    await same(both!, one(x).add(one(y)));
  });
  test("a model with named inputs is called on, trained on and asked with objects of arrays by these names", async () => {
    const [a, b] = [Input([3], { name: "a" }), Input([2], { name: "b" })];
    const model = new Model({ inputs: { b, a }, outputs: new Dense(1)(new Concatenate()([a, b])) });
    const [x, y] = [noise(8, 3), noise(8, 2, 2)];
    const called = model({ a: x, b: y }) as Tensor;
    await same(called, model([y, x]) as Tensor);
    model.compile({ optimizer: "adam", loss: "mse" });
    const { history } = await model.fit({ a: x, b: y }, noise(8, 1), { epochs: 2, verbose: 0 });
    expect(history.loss).toHaveLength(2);
    expect((await model.predict({ a: x, b: y })).shape).toEqual([8, 1]);
    expect(() => model({ a: x, c: y })).toThrow(/expects the inputs b, a, received a, c/);
  });
  test("freezing a model freezes the layers in it, for other models made of them too", () => {
    const encoder = new Sequential([Input([4]), new Dense(4), new BatchNormalization()]);
    const whole = new Model({ inputs: encoder.inputs, outputs: new Dense(1)(encoder.outputs[0]!) });
    encoder.trainable = false;
    expect(encoder.layers.map((l) => l.trainable)).toEqual([false, false]);
    expect(whole.trainableWeights).toHaveLength(2);
    encoder.trainable = true;
    expect(whole.trainableWeights).toHaveLength(6);
  });
  test("a frozen layer keeps its weights, also when it is frozen between two fits", async () => {
    const [first, second] = [new Dense(4, { activation: "tanh" }), new Dense(1)];
    const model = new Sequential([first, second]).compile({ optimizer: "adam", loss: "mse" });
    const [x, y] = [noise(32, 3), noise(32, 1, 3)];
    first.trainable = false;
    model(x);
    const before = await first.kernel.tolist();
    const head = await second.kernel.tolist();
    expect(model.trainableWeights).toHaveLength(2);
    await model.fit(x, y, { epochs: 2, verbose: 0 });
    expect(await first.kernel.tolist()).toEqual(before);
    expect(await second.kernel.tolist()).not.toEqual(head);
    first.trainable = true;
    model.compile({ optimizer: "adam", loss: "mse" });
    await model.fit(x, y, { epochs: 1, verbose: 0 });
    expect(await first.kernel.tolist()).not.toEqual(before);
  });
  test("a sub-model up to a named layer gives that layer's output", async () => {
    const model = new Sequential([Input([3]), new Dense(5, { name: "features", activation: "relu" }), new Dense(2)]);
    const part = new Model({ inputs: model.inputs, outputs: model.getLayer("features").output });
    const x = noise(4, 3);
    await same(part(x), model.getLayer("features")(x));
    expect(() => model.getLayer("feature")).toThrow(/no layer "feature".*features/);
  });
  test("models nest in models, and the summary tells shapes and weights", () => {
    const inner = new Sequential([new Dense(4, { name: "a" }), new Dense(4, { name: "b" })], { name: "inner" });
    const model = new Sequential([Input([3]), inner, new Dense(1, { name: "head" })], { name: "outer" });
    expect(model.countParams()).toBe(3 * 4 + 4 + 4 * 4 + 4 + 5);
    const text = model.summaryText({ expandNested: true });
    expect(text).toMatch(/Model: "outer"/);
    expect(text).toMatch(/inner \(Sequential\) +\| \[\?, 4\] +\| +36/);
    expect(text).toMatch(/ {2}b \(Dense\)/);
    expect(text).toMatch(/Total params: 41 \(164\.00 B\)/);
  });
  test("a model of one's own opens from a file when its class is registered, else the error names it", async () => {
    const model = new Sequential([
      Input([3]),
      new (class Odd extends Dense {
        static override readonly className = "Odd" as "Dense";
      })(2),
    ]);
    const bytes = await model.toBytes();
    await expect(loadModel(bytes)).rejects.toThrow(/not known here: Odd/);
  });
  test("wrong inputs name the layer, what was expected and what came", () => {
    const model = new Sequential([Input([3]), new Dense(2, { name: "first" })], { name: "net" });
    expect(() => model(zeros([4, 5]))).toThrow(/Dense "first".*built for size 3.*\[4, 5\]/);
    expect(() => new Dense(2.5)).toThrow(/units is 2.5/);
    expect(() => new Dense(2, { activation: "rleu" })).toThrow(/unknown activation "rleu".*relu/);
    expect(() => new Dense(2)([] as unknown as Tensor)).toThrow(/Call it on a tensor/);
    const a = Input([3], { name: "lonely" });
    expect(() => new Model({ inputs: Input([3]), outputs: new Dense(1)(a) })).toThrow(/"lonely".*not among the inputs/);
    expect(() => new Sequential([]).call).not.toThrow();
  });
});

describe("fit", () => {
  test("several outputs have losses, weights and metrics of their own, by name", async () => {
    const input = Input([3]);
    const model = new Model({ inputs: input, outputs: { small: new Dense(1)(input), wide: new Dense(2)(input) } });
    model.compile({ optimizer: "adam", loss: { small: "mse", wide: "mse" }, lossWeights: { small: 1, wide: 0.5 } });
    const x = noise(40, 3);
    const { history } = await model.fit(x, { small: noise(40, 1), wide: noise(40, 2) }, { epochs: 2, verbose: 0 });
    expect(Object.keys(history)).toEqual(["loss", "small_loss", "wide_loss"]);
    expect(history.loss![0]).toBeCloseTo(history.small_loss![0]! + 0.5 * history.wide_loss![0]!, 5);
    await expect(model.fit(x, noise(40, 1), { verbose: 0 })).rejects.toThrow(/2 outputs/);
  });
  test("weights of examples and of classes count in the loss", async () => {
    const x = noise(6, 2);
    const y = tensor([[0], [1], [0], [1], [1], [0]], { dtype: "float32" });
    const model = new Sequential([new Dense(1)]).compile({ optimizer: "adam", loss: "mse" });
    model(x);
    const squares = [...(await model(x).sub(y).square().reshape([-1]).data())];
    const mean = (weights: number[]) => squares.reduce((s, v, i) => s + v * weights[i]!, 0) / 6;
    const of = async (options: object) => (await model.evaluate(x, y, options)).loss;
    expect(await of({})).toBeCloseTo(mean([1, 1, 1, 1, 1, 1]), 5);
    expect(await of({ sampleWeight: [1, 0, 2, 0, 0, 1] })).toBeCloseTo(mean([1, 0, 2, 0, 0, 1]), 5);
    const first = (await model.fit(x, y, { verbose: 0, classWeight: { 0: 3, 1: 0.5 }, shuffle: false })).history.loss![0]!;
    expect(first).toBeCloseTo(mean([3, 0.5, 3, 0.5, 0.5, 3]), 5);
  });
  test("streams of batches train as arrays do, and validation data is measured after each epoch", async () => {
    const [x, y] = [noise(64, 3), noise(64, 1, 2)];
    const batches = {
      *[Symbol.iterator]() {
        for (let i = 0; i < 64; i += 16) yield [x.get(`${i}:${i + 16}`), y.get(`${i}:${i + 16}`)] as const;
      },
    };
    const train = async (run: (model: Model) => Promise<{ history: Record<string, number[]> }>) => {
      setRandomSeed(5);
      return (
        await run(new Sequential([new Dense(4, { activation: "relu" }), new Dense(1)]).compile({ optimizer: new Adam(0.01), loss: "mse" }))
      ).history;
    };
    const options = { epochs: 3, verbose: 0 as const, validationData: [x, y] as const };
    const streamed = await train((model) => model.fit(batches, null, options));
    const whole = await train((model) => model.fit(x, y, { ...options, batchSize: 16, shuffle: false }));
    expect(Object.keys(streamed)).toEqual(["loss", "val_loss"]);
    for (const name of ["loss", "val_loss"]) streamed[name]!.forEach((v, i) => void expect(v).toBeCloseTo(whole[name]![i]!, 5));
  });
  test("events tell epochs as they end, and leaving the loop stops training", async () => {
    const model = new Sequential([new Dense(1)]).compile({ optimizer: "adam", loss: "mse" });
    const seen: TrainingEvent[] = [];
    for await (const event of model.fitEvents(noise(64, 3), noise(64, 1), { epochs: 50 })) {
      // On a busy machine an epoch can take long enough to tell of its progress too.
      if (event.kind === "epoch") seen.push(event);
      if (seen.length === 3) break;
    }
    expect(seen.map((e) => e.epoch)).toEqual([0, 1, 2]);
    expect(model.optimizer.iterations.dataSync()[0]).toBeLessThan(10);
  });
  test("a custom loop with gradients and optimizer in one program gives the numbers of fit", async () => {
    const [x, y] = [noise(32, 3), noise(32, 1, 2)];
    const make = () => {
      setRandomSeed(9);
      const model = new Sequential([new Dense(8, { activation: "relu" }), new Dense(1)]);
      model(x);
      return model;
    };
    const fitted = make().compile({ optimizer: new Adam(0.01), loss: "mse" });
    await fitted.fit(x, y, { epochs: 5, verbose: 0, shuffle: false });
    const model = make();
    const optimizer = new Adam(0.01);
    optimizer.build(model.trainableWeights);
    const step = compile((a: Tensor, b: Tensor) => {
      const [loss, gradients] = valueAndGrad(() => model(a).sub(b).square().mean(), { wrt: model.trainableWeights })() as [
        Tensor,
        Tensor[],
      ];
      optimizer.apply(gradients, model.trainableWeights);
      return loss;
    });
    for (let i = 0; i < 5; i++) step(x, y);
    for (const [i, w] of model.weights.entries()) await same(w, fitted.weights[i]!);
  });
  test("predict goes batch by batch, the last one smaller", async () => {
    const model = new Sequential([new Dense(2)]);
    const x = noise(70, 3);
    await same(await model.predict(x, { batchSize: 32 }), model(x));
  });
  test("mistakes are told in a sentence", async () => {
    const model = new Sequential([new Dense(1)]);
    await expect(model.fit(noise(4, 2), noise(4, 1), { verbose: 0 })).rejects.toThrow(/not compiled.*model\.compile/);
    model.compile({ optimizer: "adam", loss: "mse" });
    await expect(model.fit(noise(4, 2), noise(5, 1), { verbose: 0 })).rejects.toThrow(/different numbers of examples: 4, 5/);
    await expect(model.fit(noise(4, 2), noise(4, 3), { verbose: 0 })).rejects.toThrow(/\[4, 3\].*\[4, 1\]/);
    await expect(model.fit(noise(4, 2), noise(4, 1), { verbose: 0, batchSize: 0 })).rejects.toThrow(/batchSize is 0/);
    await expect(model.fit(noise(4, 2), noise(4, 1), { verbose: 0, validationSplit: 1.5 })).rejects.toThrow(/validationSplit 1.5/);
    expect(() => model.compile({ optimizer: "adma" })).toThrow(/unknown optimizer "adma"/);
    expect(() => new EarlyStopping().getState()).not.toThrow();
    expect(new Dense(3)).toBeInstanceOf(Layer);
  });
});
