import { type DType, gelu, Tensor, tensor } from "@gradus/tensor";
import * as ort from "onnxruntime-web";
import { describe, expect, test } from "vitest";
import * as nn from "../../src/index.ts";
import { Input, importOnnx, type Layer, Model, onnxBytes, Sequential, type SymbolicTensor } from "../../src/index.ts";
import { decodeModel } from "../../src/onnx/protobuf.ts";
import { expectClose } from "../check.ts";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

const ortTypes = { float32: "float32", int32: "int32", bool: "bool" } as const;

/** Numbers for an input, `batch` examples; open sizes become 6. */
function dataFor(x: SymbolicTensor, batch: number, seed = 1): Tensor {
  const shape = x.shape.map((n, axis) => (axis === 0 ? batch : (n ?? 6)));
  const size = shape.reduce((a, b) => a * b, 1);
  const values = Array.from({ length: size }, (_, i) => Math.sin((i + 1) * 1.7 * seed + seed));
  return tensor(x.dtype === "int32" ? values.map((v) => Math.round(Math.abs(v) * 4)) : values)
    .astype(x.dtype)
    .reshape(shape);
}

/** Makes all weights differ from zero and one. */
function shake(model: Model): void {
  model.setWeights(
    model.getWeights().map((w, k) => {
      const values = Float32Array.from({ length: w.size }, (_, i) => Math.sin((i + 1) * (0.7 + k)) * 0.4);
      const positive = /variance/.test(model.weights[k]!.name ?? "");
      return tensor(positive ? values.map((v) => Math.abs(v) + 0.5) : values).reshape(w.shape);
    }),
  );
}

/** A file's results in onnxruntime. */
async function runOrt(bytes: Uint8Array, inputs: Readonly<Record<string, Tensor>>): Promise<Tensor[]> {
  const session = await ort.InferenceSession.create(bytes);
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, x]) => [
      name,
      new ort.Tensor(ortTypes[x.dtype as "float32"], x.dataSync() as Float32Array, [...x.shape]),
    ]),
  );
  const results = await session.run(feeds);
  const list = session.outputNames.map((name) => {
    const { data, dims, type } = results[name]!;
    return tensor(data as Float32Array)
      .astype(type as DType)
      .reshape(dims);
  });
  await session.release();
  return list;
}

const list = (x: unknown): Tensor[] => (x instanceof Tensor ? [x] : (Object.values(x as object) as Tensor[]));

/** Exports a model and holds onnxruntime, and the file read back, to what the model gives, at two batch sizes. */
async function checkExport(model: Model, inputs: readonly SymbolicTensor[] = model.inputs): Promise<string[]> {
  shake(model);
  const bytes = await onnxBytes(model, { inputs });
  const back = await importOnnx(bytes);
  for (const batch of [2, 5]) {
    const data = inputs.map((x, i) => dataFor(x, batch, i + 1));
    const given = data.length === 1 ? data[0]! : data;
    const expected = list(model(given as Tensor));
    const theirs = await runOrt(bytes, Object.fromEntries(inputs.map((x, i) => [x.name, data[i]!])));
    const ours = list(back(given as Tensor));
    expect(theirs.length).toBe(expected.length);
    expected.forEach((y, i) => {
      expectClose(theirs[i]!, y, 2e-5);
      expectClose(ours[i]!, y, 2e-5);
      expect(ours[i]!.dtype).toBe(y.dtype);
    });
  }
  return (await decodeModel(bytes)).graph!.node.map((n) => n.opType);
}

const on = (layer: Layer, ...shapes: (readonly number[] | SymbolicTensor)[]): Model => {
  const inputs = shapes.map((shape) => (Array.isArray(shape) ? Input(shape) : (shape as SymbolicTensor)));
  return new Model({ inputs: inputs.length === 1 ? inputs[0]! : inputs, outputs: layer(inputs.length === 1 ? inputs[0]! : inputs) });
};
const ids = (...shape: number[]) => Input({ shape, dtype: "int32" });
const [line, image, volume] = [
  [8, 4],
  [6, 7, 4],
  [5, 6, 4, 2],
];
const first = { dataFormat: "channelsFirst" } as const;

/** Every layer, a line each. */
const cases: Record<string, () => Model> = {
  Dense: () => on(new nn.Dense(3, { activation: "relu" }), [5]),
  "Dense over time": () => on(new nn.Dense(3), line),
  "Dense without bias": () => on(new nn.Dense(3, { useBias: false }), [5]),
  EinsumDense: () => on(new nn.EinsumDense("abc,cd->abd", { outputShape: [null, 3], biasAxes: "d" }), line),
  Embedding: () => on(new nn.Embedding(7, 3), ids(6)),
  Conv1D: () => on(new nn.Conv1D(3, 3, { activation: "tanh" }), line),
  "Conv1D causal": () => on(new nn.Conv1D(3, 3, { padding: "causal", dilationRate: 2 }), line),
  Conv2D: () => on(new nn.Conv2D(3, 3, { padding: "same", strides: 2 }), image),
  "Conv2D softmax": () => on(new nn.Conv2D(3, 3, { activation: "softmax" }), image),
  "Conv2D channels first": () => on(new nn.Conv2D(3, 3, { ...first, activation: "relu" }), [4, 6, 7]),
  "Conv2D groups": () => on(new nn.Conv2D(4, [3, 2], { groups: 2, dilationRate: 2 }), image),
  "Conv2D own activation": () => on(new nn.Conv2D(3, 3, { activation: (x) => x.mul(x) }), image),
  "Conv2D of open size": () => on(new nn.Conv2D(3, 3, { padding: "same" }), Input([null, null, 2])),
  Conv3D: () => on(new nn.Conv3D(3, 3), volume),
  Conv1DTranspose: () => on(new nn.Conv1DTranspose(3, 3, { strides: 2 }), line),
  Conv2DTranspose: () => on(new nn.Conv2DTranspose(3, 3, { strides: 2, padding: "same" }), image),
  "Conv2DTranspose padded": () => on(new nn.Conv2DTranspose(3, 4, { strides: 3, padding: "same", outputPadding: 1 }), image),
  "Conv2DTranspose small kernel": () => on(new nn.Conv2DTranspose(3, 1, { strides: 2 }), image),
  Conv3DTranspose: () => on(new nn.Conv3DTranspose(3, 2), volume),
  DepthwiseConv1D: () => on(new nn.DepthwiseConv1D(3, { depthMultiplier: 2 }), line),
  DepthwiseConv2D: () => on(new nn.DepthwiseConv2D(3, { padding: "same" }), image),
  SeparableConv1D: () => on(new nn.SeparableConv1D(3, 3), line),
  SeparableConv2D: () => on(new nn.SeparableConv2D(3, 3, { depthMultiplier: 2 }), image),
  MaxPooling1D: () => on(new nn.MaxPooling1D(2), line),
  MaxPooling2D: () => on(new nn.MaxPooling2D(3, { strides: 2, padding: "same" }), image),
  "MaxPooling2D channels first": () => on(new nn.MaxPooling2D(2, first), image),
  MaxPooling3D: () => on(new nn.MaxPooling3D(2), volume),
  AveragePooling1D: () => on(new nn.AveragePooling1D(2, { padding: "same", strides: 1 }), line),
  AveragePooling2D: () => on(new nn.AveragePooling2D(3, { strides: 2, padding: "same" }), image),
  AveragePooling3D: () => on(new nn.AveragePooling3D(2), volume),
  GlobalMaxPooling1D: () => on(new nn.GlobalMaxPooling1D(), line),
  GlobalMaxPooling2D: () => on(new nn.GlobalMaxPooling2D({ keepdims: true }), image),
  GlobalMaxPooling3D: () => on(new nn.GlobalMaxPooling3D(first), volume),
  GlobalAveragePooling1D: () => on(new nn.GlobalAveragePooling1D(), line),
  GlobalAveragePooling2D: () => on(new nn.GlobalAveragePooling2D(), image),
  GlobalAveragePooling3D: () => on(new nn.GlobalAveragePooling3D({ keepdims: true }), volume),
  BatchNormalization: () => on(new nn.BatchNormalization(), image),
  "BatchNormalization of rows": () => on(new nn.BatchNormalization({ scale: false, center: false }), [5]),
  "BatchNormalization axis 1": () => on(new nn.BatchNormalization({ axis: 1 }), image),
  "BatchNormalization axis 2": () => on(new nn.BatchNormalization({ axis: 2 }), image),
  LayerNormalization: () => on(new nn.LayerNormalization(), line),
  "LayerNormalization of images": () => on(new nn.LayerNormalization({ axis: [1, 2, 3] }), image),
  "LayerNormalization axis 1": () => on(new nn.LayerNormalization({ axis: 1, center: false }), line),
  RMSNormalization: () => on(new nn.RMSNormalization(), line),
  GroupNormalization: () => on(new nn.GroupNormalization(2), image),
  UnitNormalization: () => on(new nn.UnitNormalization(), line),
  SpectralNormalization: () => on(new nn.SpectralNormalization(new nn.Dense(3)), [5]),
  ReLU: () => on(new nn.ReLU(), line),
  "ReLU 6": () => on(new nn.ReLU({ maxValue: 0.5 }), line),
  "ReLU with all": () => on(new nn.ReLU({ maxValue: 0.7, negativeSlope: 0.2, threshold: 0.1 }), line),
  LeakyReLU: () => on(new nn.LeakyReLU(), line),
  PReLU: () => on(new nn.PReLU({ sharedAxes: [1] }), image),
  ELU: () => on(new nn.ELU(0.7), line),
  Softmax: () => on(new nn.Softmax(), line),
  "Softmax of two axes": () => on(new nn.Softmax([1, 2]), line),
  Flatten: () => on(new nn.Flatten(), image),
  Reshape: () => on(new nn.Reshape([4, -1]), line),
  Permute: () => on(new nn.Permute([2, 1]), line),
  RepeatVector: () => on(new nn.RepeatVector(3), [5]),
  Cropping1D: () => on(new nn.Cropping1D(1), line),
  Cropping2D: () =>
    on(
      new nn.Cropping2D([
        [1, 2],
        [0, 1],
      ]),
      image,
    ),
  Cropping3D: () => on(new nn.Cropping3D(1), [5, 6, 4, 2]),
  ZeroPadding1D: () => on(new nn.ZeroPadding1D(2), line),
  ZeroPadding2D: () =>
    on(
      new nn.ZeroPadding2D([
        [1, 2],
        [0, 1],
      ]),
      image,
    ),
  ZeroPadding3D: () => on(new nn.ZeroPadding3D(1), volume),
  UpSampling1D: () => on(new nn.UpSampling1D(2), line),
  UpSampling2D: () => on(new nn.UpSampling2D(2), image),
  "UpSampling2D bilinear": () => on(new nn.UpSampling2D(2, { interpolation: "bilinear" }), image),
  UpSampling3D: () => on(new nn.UpSampling3D(2), volume),
  Add: () => on(new nn.Add(), line, line),
  Subtract: () => on(new nn.Subtract(), line, line),
  Multiply: () => on(new nn.Multiply(), line, [1, 4]),
  Average: () => on(new nn.Average(), line, line, line),
  Maximum: () => on(new nn.Maximum(), line, line),
  Minimum: () => on(new nn.Minimum(), line, line),
  Concatenate: () => on(new nn.Concatenate(), line, [8, 2]),
  Dot: () => on(new nn.Dot(1), line, line),
  SimpleRNN: () => on(new nn.SimpleRNN(3), line),
  "SimpleRNN backwards": () => on(new nn.SimpleRNN(3, { goBackwards: true, returnSequences: true }), line),
  LSTM: () => on(new nn.LSTM(3, { returnSequences: true }), line),
  "LSTM without bias": () => on(new nn.LSTM(3, { useBias: false, recurrentActivation: "hardSigmoid" }), line),
  "LSTM of open length": () => on(new nn.LSTM(3), Input([null, 4])),
  GRU: () => on(new nn.GRU(3), line),
  "GRU reset before": () => on(new nn.GRU(3, { resetAfter: false, goBackwards: true }), line),
  Bidirectional: () => on(new nn.Bidirectional(new nn.LSTM(3, { returnSequences: true })), line),
  "Bidirectional sum": () => on(new nn.Bidirectional(new nn.GRU(3), { mergeMode: "sum" }), line),
  TimeDistributed: () => on(new nn.TimeDistributed(new nn.Dense(3)), line),
  "TimeDistributed Conv2D": () => on(new nn.TimeDistributed(new nn.Conv2D(3, 2)), [3, 5, 5, 2]),
  MultiHeadAttention: () => on(new nn.MultiHeadAttention(2, 3), line, line),
  GroupedQueryAttention: () => on(new nn.GroupedQueryAttention(3, 4, 2), line, line),
  Attention: () => on(new nn.Attention(), line, line),
  AdditiveAttention: () => on(new nn.AdditiveAttention(), line, line),
  PositionEmbedding: () => on(new nn.PositionEmbedding(10), line),
  SinePositionEncoding: () => on(new nn.SinePositionEncoding(), line),
  RotaryEmbedding: () => on(new nn.RotaryEmbedding(), line),
  Rescaling: () => on(new nn.Rescaling(1 / 255, { offset: -1 }), image),
  Normalization: () => on(new nn.Normalization({ mean: [1, 2, 3, 4], variance: [1, 2, 3, 4] }), line),
  CenterCrop: () => on(new nn.CenterCrop(3, 4), image),
  Resizing: () => on(new nn.Resizing(9, 5), image),
  "Resizing nearest": () => on(new nn.Resizing(4, 9, { interpolation: "nearest" }), image),
  CategoryEncoding: () => on(new nn.CategoryEncoding(6), ids(3)),
  Discretization: () => on(new nn.Discretization({ binBoundaries: [-0.5, 0, 0.5] }), line),
  Dropout: () => on(new nn.Dropout(0.5), line),
  SpatialDropout2D: () => on(new nn.SpatialDropout2D(0.5), image),
  GaussianNoise: () => on(new nn.GaussianNoise(0.5), line),
  ActivityRegularization: () => on(new nn.ActivityRegularization({ l2: 1 }), line),
  RandomFlip: () => on(new nn.RandomFlip(), image),
  RandomRotation: () => on(new nn.RandomRotation(0.1), image),
  RandomCrop: () => on(new nn.RandomCrop(3, 4), image),
  RandomContrast: () => on(new nn.RandomContrast(0.1), image),
  Lambda: () => on(new nn.Lambda((x: Tensor) => x.mul(2).sort({ axis: 1 }).cumsum({ axis: -1 })), line),
};
for (const name of [
  "linear",
  "relu",
  "relu6",
  "leaky_relu",
  "elu",
  "selu",
  "gelu",
  "sigmoid",
  "hard_sigmoid",
  "log_sigmoid",
  "tanh",
  "softmax",
])
  cases[`Activation ${name}`] = () => on(new nn.Activation(name), line);
for (const name of ["log_softmax", "softplus", "softsign", "silu", "hard_silu", "mish", "exponential", "tanh_shrink", "soft_shrink"])
  cases[`Activation ${name}`] = () => on(new nn.Activation(name), line);

describe("every layer computes the same in onnxruntime, and read back, at two batch sizes", () => {
  for (const [name, make] of Object.entries(cases))
    test(name, async () => {
      await checkExport(make());
    });
});

const count = (ops: readonly string[], op: string): number => ops.filter((o) => o === op).length;

describe("whole models", () => {
  test("a convolutional network is transposed once, on the way in", async () => {
    const ops = await checkExport(
      new Sequential([
        Input([12, 12, 3]),
        new nn.Rescaling(1 / 255),
        new nn.Conv2D(4, 3, { padding: "same", activation: "relu" }),
        new nn.BatchNormalization(),
        new nn.MaxPooling2D(),
        new nn.Dropout(0.3),
        new nn.Conv2D(6, 3, { activation: "gelu" }),
        new nn.ZeroPadding2D(1),
        new nn.GlobalAveragePooling2D(),
        new nn.Dense(5, { activation: "softmax" }),
      ]),
    );
    expect(count(ops, "Transpose")).toBe(1);
    expect(ops).toEqual(expect.arrayContaining(["Conv", "Relu", "BatchNormalization", "MaxPool", "GlobalAveragePool", "Gemm", "Softmax"]));
  });

  test("a residual block stays channels first until it is flattened", async () => {
    const x = Input([8, 8, 4]);
    const block = (y: SymbolicTensor): SymbolicTensor => {
      const inner = new nn.BatchNormalization()(new nn.Conv2D(4, 3, { padding: "same", useBias: false })(y));
      const outer = new nn.BatchNormalization()(new nn.Conv2D(4, 3, { padding: "same", useBias: false })(new nn.ReLU()(inner)));
      return new nn.ReLU()(new nn.Add()([outer, y]));
    };
    const head = new nn.Flatten()(new nn.AveragePooling2D(2)(block(block(new nn.Conv2D(4, 1)(x)))));
    const ops = await checkExport(new Model({ inputs: x, outputs: new nn.Dense(3)(head) }));
    expect(count(ops, "Transpose")).toBe(2);
  });

  test("a transformer encoder over tokens, padding masked", async () => {
    const tokens = Input({ shape: [7], dtype: "int32", name: "tokens" });
    const embedded = new nn.PositionEmbedding(7)(new nn.Embedding(5, 8, { maskZero: true })(tokens));
    const x = new nn.Add()([new nn.Embedding(5, 8, { maskZero: true })(tokens), embedded]);
    const attended = new nn.LayerNormalization()(new nn.Add()([x, new nn.MultiHeadAttention(2, 4)(x, x)]));
    const hidden = new nn.Dense(8)(new nn.Dense(16, { activation: "gelu" })(attended));
    const y = new nn.LayerNormalization()(new nn.Add()([attended, hidden]));
    await checkExport(new Model({ inputs: tokens, outputs: new nn.Dense(2)(new nn.GlobalAveragePooling1D()(y)) }));
  });

  test("causal attention over texts of any length", async () => {
    const x = Input([null, 8]);
    const ops = await checkExport(new Model({ inputs: x, outputs: new nn.MultiHeadAttention(2, 4)(x, x, { useCausalMask: true }) }));
    expect(ops).toContain("Softmax");
  });

  test("recurrent networks, with and without a mask", async () => {
    const tokens = Input({ shape: [6], dtype: "int32" });
    const masked = new nn.LSTM(3)(new nn.Embedding(5, 4, { maskZero: true })(tokens));
    expect(await checkExport(new Model({ inputs: tokens, outputs: masked }))).not.toContain("LSTM");
    const plain = new Sequential([Input([6, 4]), new nn.LSTM(5, { returnSequences: true }), new nn.GRU(3), new nn.Dense(1)]);
    expect(await checkExport(plain)).toEqual(expect.arrayContaining(["LSTM", "GRU"]));
  });

  test("a layer's states", async () => {
    const x = Input([6, 4]);
    const [y, h, c] = new nn.LSTM(3, { returnState: true, returnSequences: true })(x) as readonly SymbolicTensor[];
    await checkExport(new Model({ inputs: x, outputs: [y!, h!, c!] }));
  });

  test("a shared layer has its weights in the file once", async () => {
    const [a, b] = [Input({ shape: [4], name: "left" }), Input({ shape: [4], name: "right" })];
    const shared = new nn.Dense(3, { activation: "tanh" });
    const model = new Model({ inputs: [a, b], outputs: new nn.Subtract()([shared(a), shared(b)]) });
    await checkExport(model);
    expect((await decodeModel(await onnxBytes(model))).graph!.initializer.length).toBe(2);
  });

  test("inputs and outputs keep their names, and sizes left open theirs", async () => {
    const [image, extra] = [Input({ shape: [6, 6, 2], name: "image" }), Input({ shape: [null, 3], name: "extra" })];
    const left = new nn.Flatten()(new nn.Conv2D(2, 3)(image));
    const right = new nn.Dense(4)(extra);
    const model = new Model({ inputs: [image, extra], outputs: { left, right, again: extra } });
    await checkExport(model);
    const { graph } = await decodeModel(await onnxBytes(model));
    expect(graph!.input.map((x) => x.name)).toEqual(["image", "extra"]);
    expect(graph!.output.map((x) => x.name)).toEqual(["left", "right", "again"]);
    const dims = graph!.output[1]!.type!.tensorType!.shape!.dim.map(({ dimValue, dimParam }) => (dimParam ? dimParam : Number(dimValue)));
    expect(dims).toEqual(["batch", "size_1", 4]);
    expect(graph!.initializer.map((t) => t.name)).toEqual(model.namedWeights().map(([path]) => path.split("/").slice(1).join("/")));
  });

  test("whole numbers come as int64, and results go by other names, where that is asked for", async () => {
    const tokens = Input({ shape: [null], dtype: "int32", name: "tokens" });
    const model = new Model({ inputs: tokens, outputs: new nn.Dense(3)(new nn.Embedding(5, 4)(tokens)) });
    shake(model);
    const bytes = await onnxBytes(model, { integers: "int64", outputNames: ["scores.of.all"] });
    const ids = [4, 0, 2, 1, 3, 3];
    const expected = model(tensor(ids, { dtype: "int32" }).reshape([2, 3])) as Tensor;
    const session = await ort.InferenceSession.create(bytes);
    const { "scores.of.all": scores } = await session.run({ tokens: new ort.Tensor("int64", BigInt64Array.from(ids, BigInt), [2, 3]) });
    await session.release();
    expectClose(tensor(scores!.data as Float32Array).reshape(scores!.dims), expected, 2e-5);
    expectClose((await importOnnx(bytes))(tensor(ids, { dtype: "int32" }).reshape([2, 3])) as Tensor, expected, 2e-5);
    await expect(onnxBytes(model, { outputNames: ["a", "b"] })).rejects.toThrow("2 names for 1 results");
  });

  test("a layer is an operator of onnxruntime's own, where it says which", async () => {
    class BiasGelu extends nn.Layer {
      readonly bias = this.addWeight("bias", [4], { initializer: "ones" });
      override call(x: Tensor): Tensor {
        return gelu(x.add(this.bias), { approximate: true });
      }
    }
    const model = on(new BiasGelu({ name: "own" }), line);
    shake(model);
    const operators = (layer: Layer) =>
      layer instanceof BiasGelu ? { opType: "FastGelu", domain: "com.microsoft", arrays: [layer.bias] } : null;
    const bytes = await onnxBytes(model, { operators });
    const { graph, opsetImport } = await decodeModel(bytes);
    expect(graph!.node.map((n) => [n.opType, n.domain])).toEqual([["FastGelu", "com.microsoft"]]);
    expect(graph!.initializer.map((t) => t.name)).toEqual(["own/bias"]);
    expect(opsetImport.map(({ domain, version }) => [domain, Number(version)])).toEqual([
      ["", 18],
      ["com.microsoft", 1],
    ]);
    const x = dataFor(model.inputs[0]!, 2);
    const [y] = await runOrt(bytes, { [model.inputs[0]!.name]: x });
    expectClose(y!, model(x) as Tensor, 2e-5);
  });

  test("a bias has one axis in the file, whatever it is added to", async () => {
    class Shift extends nn.Layer {
      readonly bias = this.addWeight("bias", [4], { initializer: "ones" });
      override call(x: Tensor): Tensor {
        return x.add(this.bias);
      }
    }
    const model = on(new Shift(), line);
    await checkExport(model);
    expect((await decodeModel(await onnxBytes(model))).graph!.initializer.map((t) => t.dims)).toEqual([[4n]]);
  });

  test("a subclass of Model says its inputs", async () => {
    class Twice extends Model {
      readonly first = new nn.Dense(4, { activation: "relu" });
      readonly second = new nn.Dense(2);
      override call(x: Tensor): Tensor {
        return this.second(this.first(x).add(x.mean({ axis: -1, keepdims: true }))).div(2);
      }
    }
    const model = new Twice();
    model(dataFor(Input([3]), 1));
    await expect(onnxBytes(model)).rejects.toThrow("does not say what its inputs are");
    await checkExport(model, [Input({ shape: [3], name: "x" })]);
  });
});

test("all layers that cannot be exported are named in one error", async () => {
  const x = Input([4]);
  const running = new nn.Lambda((t: Tensor) => t.cumprod({ axis: -1 }), { name: "running" });
  const angles = new nn.Lambda((t: Tensor) => t.atan2(1), { name: "angles" });
  const model = new Model({ inputs: x, outputs: new nn.Dense(2)(angles(running(x))) });
  await expect(onnxBytes(model)).rejects.toThrow(/Lambda "running" cannot.*running prod.*Lambda "angles" cannot.*atan2/);
  const reading = new Sequential([Input([4]), new nn.Lambda((t: Tensor) => t.mul(t.ndim), { name: "fine" })]);
  await checkExport(reading);
});

test("numbers that are sizes of the input are looked up, others refused", async () => {
  const x = Input([null, 4]);
  const mean = new nn.Lambda((t: Tensor) => t.mean({ axis: 1 }).mul(t.shape[0]!));
  await checkExport(new Model({ inputs: x, outputs: mean(x) }));
  for (const f of [
    (t: Tensor) => t.mul(Math.sqrt(t.shape[0]!)),
    (t: Tensor) => t.add(tensor([t.shape[0]!, 0, 0, 0])),
    (t: Tensor) => t.get(`${t.shape[0]! % 3}`),
    (t: Tensor) => t.mean({ axis: t.shape[0]! % 2 }),
  ])
    await expect(onnxBytes(on(new nn.Lambda(f, { name: "sized" }), [4]))).rejects.toThrow(/depends on the input's size|other work/);
});

test("training goes on after a model is read back", async () => {
  const model = new Sequential([Input([4]), new nn.Dense(8, { activation: "relu" }), new nn.BatchNormalization(), new nn.Dense(1)]);
  const back = await importOnnx(await onnxBytes(model));
  expect(back.trainableWeights.length).toBe(6);
  expect(back.nonTrainableWeights.length).toBe(2);
  back.compile({ optimizer: "adam", loss: "mse" });
  const [x, y] = [dataFor(Input([4]), 32), dataFor(Input([1]), 32, 2)];
  const { history } = await back.fit(x, y, { epochs: 5, verbose: 0 });
  expect(history.loss!.at(-1)!).toBeLessThan(history.loss![0]!);
});
