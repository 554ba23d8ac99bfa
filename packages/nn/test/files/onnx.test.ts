import { readFileSync } from "node:fs";
import { compile, FormatError, GradusError, Tensor, tensor, valueAndGrad } from "@gradus/tensor";
import * as ort from "onnxruntime-web";
import { describe, expect, test } from "vitest";
import * as nn from "../../src/index.ts";
import { Input, importOnnx, type Layer, Model, onnxBytes, Sequential, type SymbolicTensor } from "../../src/index.ts";
import { decodeModel, encodeModel, type GraphProto } from "../../src/onnx/protobuf.ts";
import { expectClose, numbers, type Stored } from "../check.ts";
import { layers } from "./layers.ts";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

const listOf = (result: unknown): Tensor[] => (result instanceof Tensor ? [result] : (Object.values(result as object) as Tensor[]));

/** What onnxruntime gives for a file, output by output. */
async function runOnnx(bytes: Uint8Array, inputs: readonly Tensor[]): Promise<Tensor[]> {
  const session = await ort.InferenceSession.create(bytes);
  const feeds = Object.fromEntries(
    session.inputNames.map((name, i) => [
      name,
      new ort.Tensor(inputs[i]!.dtype as "float32", inputs[i]!.dataSync() as Float32Array, inputs[i]!.shape),
    ]),
  );
  const results = await session.run(feeds);
  return session.outputNames.map((name) => {
    const { data, dims } = results[name]!;
    return tensor([...(data as Float32Array)]).reshape(dims);
  });
}

/** An exported model gives the model's numbers, for the batch it was built with and another. */
async function expectSame(model: Model, inputs: (batch: number) => Tensor[], tolerance = 2e-5): Promise<Uint8Array> {
  const bytes = await onnxBytes(model);
  const back = await importOnnx(bytes);
  for (const batch of [1, 3]) {
    const given = inputs(batch);
    const expected = listOf(model(given));
    const actual = await runOnnx(bytes, given);
    expect(actual.length).toBe(expected.length);
    actual.forEach((y, i) => void expectClose(y, expected[i]!.astype("float32"), tolerance));
    listOf(back(given)).forEach((y, i) => void expectClose(y, expected[i]!, tolerance));
  }
  return bytes;
}

const randomInputs =
  (shapes: readonly (readonly number[])[]) =>
  (batch: number): Tensor[] =>
    shapes.map((shape, i) => numbers([batch, ...shape], i + 1).astype("float32"));

describe("onnxruntime runs what is exported", () => {
  for (const [shapes, make] of layers) {
    const layer = make();
    test(`${(layer.constructor as typeof Layer).className} ${shapes.map((s) => `[${s}]`).join(" ")}`, async () => {
      const symbols = shapes.map((shape) => Input([...shape]));
      const model = new Model({ inputs: symbols, outputs: layer(symbols.length === 1 ? symbols[0]! : symbols) });
      for (const w of model.weights) if (w.ndim === 1) w.assign(numbers(w.shape, 5).astype("float32").add(1.5));
      await expectSame(model, randomInputs(shapes));
    });
  }

  const more: readonly (readonly [shapes: readonly (readonly number[])[], make: () => Layer])[] = [
    ...[
      "gelu",
      "silu",
      "softplus",
      "softsign",
      "selu",
      "hardSigmoid",
      "hardSilu",
      "mish",
      "relu6",
      "exponential",
      "leakyRelu",
      "softmax",
    ].map((name) => [[[6]], () => new nn.Dense(5, { activation: name })] as const),
    [[[8, 9, 4]], () => new nn.Conv2D(6, 3, { strides: 2, padding: "same", activation: "softmax" })],
    [[[8, 9, 4]], () => new nn.GlobalMaxPooling2D()],
    [[[4, 5, 4, 3]], () => new nn.GlobalAveragePooling3D()],
    [[[9, 3]], () => new nn.AveragePooling1D(3, { strides: 2, padding: "same" })],
    [[[5, 3]], () => new nn.LSTM(4, { returnSequences: true, goBackwards: true })],
    [[[5, 3]], () => new nn.GRU(4, { returnSequences: true })],
    [[[5, 3]], () => new nn.LSTM(4, { activation: "relu", recurrentActivation: "hardSigmoid", useBias: false })],
    [[[4], [4], [4]], () => new nn.Average()],
    [[[4], [4]], () => new nn.Maximum()],
    [[[4], [4]], () => new nn.Minimum()],
    [[[4], [4]], () => new nn.Multiply()],
    [[[6, 4]], () => new nn.SinePositionEncoding()],
    [[[6, 4]], () => new nn.PositionEmbedding(6)],
    [[[6, 4]], () => new nn.RotaryEmbedding()],
    [[[6, 4]], () => new nn.Cropping1D(1)],
    [[[3, 4, 5, 2]], () => new nn.UpSampling3D(2)],
    [
      [[6, 4]],
      () =>
        new nn.Lambda((x: Tensor) =>
          x
            .mul(2)
            .sin()
            .add(x.cumsum({ axis: 1 })),
        ),
    ],
  ];
  for (const [shapes, make] of more) {
    const layer = make();
    const { activation = "" } = layer instanceof nn.Lambda ? {} : layer.getConfig();
    test(`${(layer.constructor as typeof Layer).className} ${activation} ${shapes.map((s) => `[${s}]`).join(" ")}`, async () => {
      const symbols = shapes.map((shape) => Input([...shape]));
      const model = new Model({ inputs: symbols, outputs: layer(symbols.length === 1 ? symbols[0]! : symbols) });
      await expectSame(model, randomInputs(shapes));
    });
  }
});

describe("whole models", () => {
  const block = (x: SymbolicTensor, filters: number, strides = 1): SymbolicTensor => {
    let y = new nn.Conv2D(filters, 3, { strides, padding: "same", useBias: false })(x);
    y = new nn.Activation("relu")(new nn.BatchNormalization()(y));
    y = new nn.BatchNormalization()(new nn.Conv2D(filters, 3, { padding: "same", useBias: false })(y));
    const same = strides === 1 ? x : new nn.Conv2D(filters, 1, { strides })(x);
    return new nn.ReLU()(new nn.Add()([y, same]));
  };
  const tokens = (batch: number, length: number): Tensor[] => [
    tensor(Int32Array.from({ length: batch * length }, (_, i) => (7 * i) % 11)).reshape([batch, length]),
  ];

  const residual = (): Model => {
    const x = Input([16, 16, 3], { name: "image" });
    const y = block(block(new nn.Conv2D(8, 3, { padding: "same" })(x), 8), 12, 2);
    return new Model({
      inputs: x,
      outputs: new nn.Dense(4, { activation: "softmax", name: "classes" })(new nn.GlobalAveragePooling2D()(y)),
    });
  };
  const encoder = (mask: boolean): Model => {
    const ids = Input({ shape: [7], dtype: "int32", name: "tokens" });
    let x = new nn.PositionEmbedding(7)(new nn.Embedding(11, 8, { maskZero: mask })(ids));
    x = new nn.LayerNormalization()(new nn.Add()([x, new nn.MultiHeadAttention(2, 4)(x, x, { useCausalMask: true })]));
    const wide = new nn.Dense(16, { activation: "gelu" })(x);
    x = new nn.LayerNormalization()(new nn.Add()([x, new nn.Dense(8)(new nn.Dropout(0.3)(wide))]));
    return new Model({ inputs: ids, outputs: new nn.Dense(3)(new nn.GlobalAveragePooling1D()(x)) });
  };

  test("a residual network turns the image around once at each end", async () => {
    const bytes = await expectSame(residual(), randomInputs([[16, 16, 3]]));
    const model = await decodeModel(bytes);
    expect(model.graph!.node.filter((n) => n.opType === "Transpose").length).toBeLessThanOrEqual(1);
    expect(model.graph!.input.map((x) => x.name)).toEqual(["image"]);
    expect(model.graph!.output.map((x) => x.name)).toEqual(["classes"]);
  });
  test("a transformer's encoder", async () => void (await expectSame(encoder(false), (batch) => tokens(batch, 7))));
  test("a transformer's encoder with masks", async () => void (await expectSame(encoder(true), (batch) => tokens(batch, 7))));
  test("texts through LSTMs in both directions", async () => {
    const model = new Sequential([
      Input({ shape: [6], dtype: "int32" }),
      new nn.Embedding(11, 5),
      new nn.Bidirectional(new nn.LSTM(4, { returnSequences: true })),
      new nn.GRU(3),
      new nn.Dense(1, { activation: "sigmoid" }),
    ]);
    await expectSame(model, (batch) => tokens(batch, 6));
  });
  test("shared layers, models within models, several inputs and outputs", async () => {
    const shared = new nn.Dense(4, { activation: "tanh" });
    const inner = new Sequential([Input([4]), new nn.Dense(4), new nn.LayerNormalization()]);
    const [a, b] = [Input([4], { name: "a" }), Input([4], { name: "b" })];
    const both = new nn.Concatenate()([inner(shared(a)), shared(b)]);
    const model = new Model({
      inputs: [a, b],
      outputs: [new nn.Dense(2, { name: "one" })(both), new nn.Multiply({ name: "two" })([both, both])],
    });
    const bytes = await expectSame(model, randomInputs([[4], [4]]));
    const { graph } = await decodeModel(bytes);
    expect(graph!.initializer.length).toBe(8);
    expect(graph!.output.map((x) => x.name)).toEqual(["one", "two"]);
  });
  test("a model of one's own, with layers that ONNX has no name for", async () => {
    class Own extends Model {
      private readonly dense = new nn.Dense(6);
      override call(x: Tensor): Tensor {
        const y = this.dense(x);
        return y
          .mul(y.sigmoid())
          .sum({ axis: -1, keepdims: true })
          .add(x.max({ axis: 1, keepdims: true }))
          .log1p();
      }
    }
    const model = new Own();
    const x = numbers([3, 4]).astype("float32").abs();
    const expected = model(x) as Tensor;
    const bytes = await onnxBytes(model, { inputs: [Input([4])] });
    expectClose((await runOnnx(bytes, [x]))[0]!, expected, 1e-5);
  });
  test("what ONNX cannot do is named with its layers, all at once", async () => {
    const x = Input([4]);
    const first = new nn.Lambda((t: Tensor) => t.cumprod({ axis: 1 }), { name: "first" })(x);
    const second = new nn.Lambda((t: Tensor) => t.cumprod({ axis: 1 }), { name: "second" })(first);
    await expect(onnxBytes(new Model({ inputs: x, outputs: second }))).rejects.toThrow(/"first".*"second"/s);
    await expect(onnxBytes(new Model())).rejects.toThrow("does not say what its inputs are");
  });
});

describe("reading files of others", () => {
  const pathOf = (name: string): string => new URL(name, import.meta.url).pathname;
  const { input, outputs } = JSON.parse(readFileSync(pathOf("onnx.golden.json"), "utf8")) as { input: Stored; outputs: Stored[] };
  const x = tensor([...input.data]).reshape(input.shape);

  test("a network exported by PyTorch gives PyTorch's numbers, and trains", async () => {
    const model = await importOnnx(pathOf("torch.onnx"));
    expect(model.inputNames).toEqual(["image"]);
    const results = listOf(model(x));
    results.forEach((y, i) => void expectClose(y, outputs[i]!, 3e-6));
    const loss = compile(() => {
      const [value, gradients] = valueAndGrad(() => (listOf(model(x))[0] as Tensor).get(":", 0).mean(), { wrt: model.trainableWeights })();
      model.trainableWeights.forEach((w, i) => w.assign(w.sub((gradients as Tensor[])[i]!.mul(0.5))));
      return value as Tensor;
    });
    const losses = Array.from({ length: 20 }, () => loss().dataSync()[0] as number);
    expect(losses.at(-1)!).toBeLessThan(0.7 * losses[0]!);
  });

  test("unknown operators are listed all at once", async () => {
    const model = await decodeModel(new Uint8Array(readFileSync(pathOf("torch.onnx"))));
    model.graph!.node[0]!.opType = "Mystery";
    model.graph!.node[3]!.opType = "Riddle";
    model.graph!.node[4]!.domain = "org.other";
    await expect(importOnnx(await encodeModel(model))).rejects.toThrow(
      /operators that are not known here: Mystery, Riddle, org\.other\.\w+/,
    );
  });

  test("what is damaged is refused with a sentence", async () => {
    const edited = async (edit: (graph: GraphProto) => void): Promise<Uint8Array> => {
      const model = await decodeModel(new Uint8Array(readFileSync(pathOf("torch.onnx"))));
      edit(model.graph!);
      return encodeModel(model);
    };
    const cases: [RegExp, (graph: GraphProto) => void][] = [
      [/reads lost, which nothing before it makes/, (g) => void (g.node[2]!.input[0] = "lost")],
      [/which nothing before it makes/, (g) => void g.node.reverse()],
      [/nothing in the file makes its outputs gone/, (g) => void (g.output[0]!.name = "gone")],
      [/has .* numbers/, (g) => void (g.initializer[0]!.dims = [7n])],
      [/has shape/, (g) => void (g.initializer[0]!.dims = [-1n])],
      [/number type 77/, (g) => void (g.initializer[0]!.dataType = 77)],
      [/in another file/, (g) => void (g.initializer[0]!.dataLocation = 1)],
      [/holds no graph/, (g) => void g.node.splice(0)],
    ];
    for (const [message, edit] of cases) await expect(importOnnx(await edited(edit))).rejects.toThrow(message);
    await expect(importOnnx(new Uint8Array())).rejects.toBeInstanceOf(FormatError);
  });

  test("random damage gives a FormatError, or a model whose calls fail with an error of ours", async () => {
    const whole = new Uint8Array(readFileSync(pathOf("torch.onnx")));
    let seed = 7;
    const random = (n: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      return seed % n;
    };
    for (let i = 0; i < 150; i++) {
      const bytes = i % 3 ? whole.slice() : whole.slice(0, random(whole.length));
      if (i % 3) for (let k = 0; k < 1 + (i % 5); k++) bytes[random(i % 2 ? bytes.length : 3000)] = random(256);
      try {
        const model = await importOnnx(bytes);
        listOf(model(x)).forEach((y) => void y.dataSync());
      } catch (error) {
        expect(error, `${i}: ${(error as Error).stack}`).toBeInstanceOf(GradusError);
      }
    }
  });
});
