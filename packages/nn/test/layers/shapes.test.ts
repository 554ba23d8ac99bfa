import { type Tensor, tensor } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import {
  Activation,
  Adam,
  Add,
  Concatenate,
  Conv1D,
  Conv2D,
  Conv2DTranspose,
  Cropping1D,
  Dense,
  DepthwiseConv2D,
  Dot,
  Dropout,
  ELU,
  Flatten,
  GlobalAveragePooling1D,
  GlobalMaxPooling2D,
  Input,
  Lambda,
  LeakyReLU,
  layerRegistry,
  Masking,
  MaxPooling2D,
  Model,
  Permute,
  PReLU,
  ReLU,
  Reshape,
  SeparableConv1D,
  Sequential,
  Softmax,
  Subtract,
  setRandomSeed,
  TimeDistributed,
  UpSampling2D,
  ZeroPadding2D,
} from "../../src/index.ts";
import { maskOf, setMask } from "../../src/masking.ts";
import { serialize } from "../../src/serialize.ts";
import { checkLayer, expectClose, numbers } from "../check.ts";

const float64 = { dtype: "float64" } as const;

describe("arguments", () => {
  test("defaults are Keras's", () => {
    const config = (layer: Parameters<typeof serialize>[0]) => layer.getConfig();
    expect(config(new Conv2D(8, 3))).toMatchObject({
      kernelSize: [3, 3],
      strides: [1, 1],
      padding: "valid",
      dataFormat: "channelsLast",
      dilationRate: [1, 1],
      groups: 1,
      useBias: true,
      activation: "linear",
    });
    expect(config(new MaxPooling2D())).toMatchObject({ poolSize: [2, 2], strides: [2, 2], padding: "valid" });
    expect(config(new LeakyReLU())).toMatchObject({ negativeSlope: 0.3 });
    expect(config(new ELU(0.5))).toMatchObject({ alpha: 0.5 });
  });
  test("the first argument may stand among the options, and words may be spelled as in Keras", () => {
    expect(new MaxPooling2D({ poolSize: 3, strides: 1 }).getConfig()).toMatchObject({ poolSize: [3, 3], strides: [1, 1] });
    const layer = new MaxPooling2D(3, { dataFormat: "channels_first" as "channelsFirst" });
    expect(layer.dataFormat).toBe("channelsFirst");
  });
  test("every option of a convolution survives a file, and the weights' rules reach the weights", () => {
    const options = {
      ...float64,
      depthwiseInitializer: "ones",
      depthwiseConstraint: "non_neg",
      pointwiseRegularizer: "l2",
      biasRegularizer: "l1",
    };
    const layer = new SeparableConv1D(3, 2, options);
    checkLayer(layer, { inputs: [numbers([2, 5, 2])], params: 2 * 2 + 2 * 3 + 3 });
    const weights = layer.namedWeights();
    expect(weights.map(([path]) => path.split("/")[1])).toEqual(["depthwise_kernel", "pointwise_kernel", "bias"]);
    expect(weights.map(([, w]) => [w.regularizer !== null, w.constraint !== null])).toEqual([
      [false, true],
      [true, false],
      [true, false],
    ]);
    checkLayer(new DepthwiseConv2D(2, { ...float64, depthwiseRegularizer: "l2", activation: "tanh" }), { inputs: [numbers([1, 3, 3, 2])] });
    checkLayer(new Conv2DTranspose(2, 3, { ...float64, strides: 2, activation: "softplus" }), { inputs: [numbers([1, 2, 3, 2])] });
    checkLayer(new PReLU({ ...float64, alphaInitializer: "ones", alphaRegularizer: "l1" }), { inputs: [numbers([2, 3])] });
  });
  test("bad ones are named", () => {
    expect(() => new Conv2D(0, 3)).toThrow(/Conv2D.*filters is 0/);
    expect(() => new Conv2D(4, [3, 3, 3])).toThrow(/kernelSize is \[3,3,3\].*2 of them/);
    expect(() => new Conv2D(4, 3, { padding: "causal" })).toThrow(/padding is "causal".*"valid" or "same"/);
    expect(() => new Conv2D(4, 3, { groups: 3 })).toThrow(/4 filters.*3 groups/);
    expect(() => new Conv2DTranspose(4, 3, { outputPadding: 1 })).toThrow(/smaller than the strides/);
    expect(() => new Reshape([2, -1, -1])).toThrow(/targetShape/);
    expect(() => new Permute([0, 1])).toThrow(/dims is \[0,1\]/);
    expect(() => new ZeroPadding2D([1, 2, 3] as never)).toThrow(/padding is \[1,2,3\]/);
    expect(() => new ReLU({ negativeSlope: -1 })).toThrow(/negativeSlope is -1/);
    expect(() => new TimeDistributed("Dense" as never)).toThrow(/cannot wrap string/);
  });
});

describe("errors of shapes name the layer, what it expects and what came", () => {
  test("of convolutions and pooling", () => {
    const layer = new Conv2D(4, 3, { name: "first" });
    expect(() => layer(numbers([2, 28, 28]))).toThrow(/Conv2D "first".*4 dimensions \[batch, height, width, channels\].*\[2, 28, 28\]/);
    layer(numbers([2, 5, 5, 3]));
    expect(() => layer(numbers([2, 5, 5, 1]))).toThrow(/size 3 on axis -1.*\[2, 5, 5, 1\]/);
    expect(() => new Conv1D(4, 9)(numbers([2, 5, 1]))).toThrow(/spans 9/);
    expect(() => new MaxPooling2D()(numbers([2, 5, 5]))).toThrow(/MaxPooling2D.*\[batch, height, width, channels\]/);
    expect(() => new GlobalMaxPooling2D({ dataFormat: "channelsFirst" })(numbers([2, 5]))).toThrow(/\[batch, channels, height, width\]/);
  });
  test("of shapes and several inputs", () => {
    expect(() => new Reshape([3, 3])(numbers([2, 8]))).toThrow(/Reshape.*\[3, 3\].*\[8\]/);
    expect(() => new Cropping1D(3)(numbers([2, 5, 1]))).toThrow(/leaves nothing/);
    expect(() => new Add()([numbers([2, 3]), numbers([2, 4])])).toThrow(/Add.*\[2, 3\] and \[2, 4\]/);
    expect(() => new Add()(numbers([2, 3]))).toThrow(/several inputs/);
    expect(() => new Subtract()([numbers([2]), numbers([2]), numbers([2])])).toThrow(/two inputs, received 3/);
    expect(() => new Concatenate()([numbers([2, 3]), numbers([3, 3])])).toThrow(/Concatenate.*differ elsewhere than on axis -1/);
    expect(() => new Dot(1)([numbers([2, 3]), numbers([2, 4])])).toThrow(/Dot.*axis 1 of \[2, 3\] and axis 1 of \[2, 4\]/);
    expect(() => new TimeDistributed(new Dense(2))(numbers([2, 3]))).toThrow(/\[batch, time, ...\]/);
  });
});

describe("masks", () => {
  const x = tensor([
    [
      [1, 2],
      [3, 4],
      [0, 0],
    ],
    [
      [5, 6],
      [0, 0],
      [0, 0],
    ],
  ]).astype("float64");
  const bools = (mask: Tensor | null) => mask && [...mask.dataSync()];

  test("Masking marks padding, layers hand the mask on, the mean counts what counts", () => {
    const masked = new Masking(float64)(x);
    expect(bools(maskOf(masked))).toEqual([1, 1, 0, 1, 0, 0]);
    const later = new Dropout(0.5)(new Activation("relu")(masked));
    expect(bools(maskOf(later))).toEqual([1, 1, 0, 1, 0, 0]);
    expectClose(new GlobalAveragePooling1D()(later), { shape: [2, 2], data: [2, 3, 5, 6] });
    expectClose(new GlobalAveragePooling1D({ keepdims: true })(later), { shape: [2, 1, 2], data: [2, 3, 5, 6] });
    expectClose(
      new GlobalAveragePooling1D()(x, {
        mask: tensor([
          [false, false, false],
          [false, true, false],
        ]),
      }),
      { shape: [2, 2], data: [0, 0, 0, 0] },
    );
    checkLayer(new Masking(5, float64), { inputs: [x], expected: x });
  });
  test("of several inputs", () => {
    const [a, b, plain] = [x.mul(1), x.mul(1), x.mul(1)];
    setMask(
      a,
      tensor([
        [true, true, false],
        [true, false, false],
      ]),
    );
    setMask(
      b,
      tensor([
        [false, true, true],
        [true, false, false],
      ]),
    );
    expect(bools(maskOf(new Add()([a, b])))).toEqual([1, 1, 1, 1, 0, 0]);
    expect(maskOf(new Add()([a, plain]))).toBe(null);
    expect(bools(maskOf(new Concatenate()([a, b])))).toEqual([0, 1, 0, 1, 0, 0]);
    expect(bools(maskOf(new Concatenate(1)([a, plain])))).toEqual([1, 1, 0, 1, 1, 1, 1, 0, 0, 1, 1, 1]);
  });
  test("Softmax gives nothing to what a mask of its input's shape leaves out", () => {
    const scores = tensor([
      [1, 2, 3],
      [1, 2, 3],
    ]).astype("float64");
    const mask = tensor([
      [true, false, true],
      [false, false, false],
    ]);
    const e = Math.exp(2);
    expectClose(new Softmax()(scores, { mask }), { shape: [2, 3], data: [1 / (1 + e), 0, e / (1 + e), 0, 0, 0] });
  });
});

describe("in models", () => {
  test("Lambda works, and says why it cannot be saved", () => {
    const layer = new Lambda((x: Tensor) => x.mul(2), { name: "twice" });
    expectClose(layer(numbers([2, 2])), numbers([2, 2]).mul(2));
    expect(layer(Input([3])).shape).toEqual([null, 3]);
    expect(() => layer.getConfig()).toThrow(/Lambda "twice" holds a function/);
  });
  test("a small convolutional network learns where a bright spot is, and survives a description", async () => {
    setRandomSeed(11);
    const n = 64;
    const pixels = new Float32Array(n * 64);
    const labels = Float32Array.from({ length: n }, (_, i) => i % 2);
    for (let i = 0; i < n; i++) pixels[i * 64 + ((i * 7) % 8) * 8 + (labels[i] ? 5 : 1) + (i % 3)] = 1;
    const [x, y] = [tensor(pixels).reshape([n, 8, 8, 1]), tensor(labels).reshape([n, 1])];
    const model = new Sequential([
      new ZeroPadding2D(1),
      new Conv2D(4, 3, { activation: "relu" }),
      new MaxPooling2D(),
      new Dropout(0.1, { seed: 1 }),
      new Flatten(),
      new Dense(1, { activation: "sigmoid" }),
    ]);
    model.compile({ optimizer: new Adam(0.02), loss: "mse" });
    const { history } = await model.fit(x, y, { epochs: 60, verbose: 0 });
    expect(history.loss!.at(-1)!).toBeLessThan(0.12);
    const copy = layerRegistry.deserialize(JSON.parse(JSON.stringify(serialize(model)))) as Sequential;
    copy.setWeights(model.getWeights());
    expectClose(copy(x), model(x) as Tensor);
  });
  test("branches meet again", () => {
    const input = Input([6, 6, 2]);
    const down = new MaxPooling2D()(new Conv2D(3, 3, { padding: "same" })(input));
    const up = new UpSampling2D()(down);
    const model = new Model({ inputs: input, outputs: new Concatenate()([input, up]) });
    expect(model.outputs[0]!.shape).toEqual([null, 6, 6, 5]);
    expect((model(numbers([2, 6, 6, 2]).astype("float32")) as Tensor).shape).toEqual([2, 6, 6, 5]);
  });
});
