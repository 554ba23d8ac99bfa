import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FormatError, type Tensor, tensor } from "@gradus/tensor";
import { unpackZipEntry, zipBytes, zipEntries } from "@gradus/tensor/io";
import { describe, expect, test } from "vitest";
import { kerasBytes } from "../../src/files/keras/save.ts";
import * as nn from "../../src/index.ts";
import { type Dense, Input, type Layer, loadModel, Model, Sequential } from "../../src/index.ts";
import { expectClose, numbers, type Stored } from "../check.ts";

interface Golden {
  readonly inputs: readonly Stored[];
  readonly outputs: readonly Stored[];
}

const pathOf = (name: string): string => new URL(name, import.meta.url).pathname;
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(pathOf(name)));
const golden: Record<string, Golden> = JSON.parse(readFileSync(pathOf("keras.golden.json"), "utf8"));

const inputsOf = (name: string, integers = false): Tensor[] =>
  golden[name]!.inputs.map(({ shape, data }, i) => tensor([...data], { dtype: integers && i === 0 ? "int32" : "float32" }).reshape(shape));

const listOf = (result: unknown): Tensor[] => (Array.isArray(result) ? result : [result]) as Tensor[];

function expectGolden(model: Model, name: string, integers = false): void {
  const results = listOf(model(inputsOf(name, integers)));
  expect(results.length).toBe(golden[name]!.outputs.length);
  results.forEach((y, i) => void expectClose(y, golden[name]!.outputs[i]!, 2e-6));
}

describe("reading files of Keras", () => {
  test("a chain of layers in a .keras file gives PyTorch's numbers and goes on training", async () => {
    const model = await loadModel(pathOf("chain.keras"));
    expectGolden(model, "chain");
    expect(model.name).toBe("chain");
    expect(model.layers.map((layer) => layer.name)).toEqual(["hidden", "norm", "drop", "classes"]);
    expect(model.optimizer.getConfig()).toMatchObject({ learningRate: 0.0020000000949949026, beta1: 0.9 });
    const [x] = inputsOf("chain");
    const y = tensor([0, 1, 2, 0, 1], { dtype: "int32" });
    // Evaluated, not read from the history: there dropout makes the loss of one step against another's a matter of luck.
    const { loss: before } = await model.evaluate(x!, y, { verbose: 0 });
    const { history } = await model.fit(x!, y, { epochs: 30, verbose: 0 });
    expect((await model.evaluate(x!, y, { verbose: 0 })).loss).toBeLessThan(before!);
    expect(history.accuracy).toHaveLength(30);
  });

  test("a graph with shared layers, a model within, attention and masks gives PyTorch's numbers", async () => {
    const model = await loadModel(bytesOf("graph.keras"));
    expectGolden(model, "graph", true);
    expect(model.getLayer("inner")).toBeInstanceOf(Model);
  });

  test("an .h5 file of Keras 2 gives PyTorch's numbers, compiled as it was", async () => {
    const model = await loadModel(pathOf("earlier.h5"));
    expectGolden(model, "earlier");
    expect(model.optimizer.getConfig()).toMatchObject({ momentum: 0.9, nesterov: true });
    expect(model.optimizer.learningRate).toBeCloseTo(0.01, 8);
    expect((model.getLayer("classes") as Dense).units).toBe(4);
  });

  test("weights alone go into a model of the same layers, from either kind of HDF5 file", async () => {
    const make = () =>
      new Sequential([
        Input([4]),
        new nn.Dense(8, { activation: "relu" }),
        new nn.BatchNormalization(),
        new nn.Dense(3, { activation: "softmax" }),
      ]);
    const entry = zipEntries("test", bytesOf("chain.keras")).find(({ name }) => name === "model.weights.h5")!;
    const model = make();
    await model.loadWeights(await unpackZipEntry("test", entry));
    expectGolden(model, "chain");

    const earlier = new Sequential([
      new Sequential([Input([8, 8, 2]), new nn.Conv2D(3, 3, { activation: "relu" }), new nn.MaxPooling2D(), new nn.Flatten()], {
        name: "features",
      }),
      new nn.Dense(4, { activation: "sigmoid", name: "classes" }),
    ]);
    earlier.ensureBuilt([null, 8, 8, 2]);
    await earlier.loadWeights(bytesOf("earlier.h5"));
    expectClose((earlier(inputsOf("earlier")[0]!) as Tensor).square(), golden.earlier!.outputs[0]!, 2e-6);
  });
});

/** Inputs' shapes without the batch, and layers on them: every kind that Keras has too. */
const layers: readonly (readonly [shapes: readonly (readonly number[])[], make: () => Layer])[] = [
  [[[5]], () => new nn.Dense(3, { activation: "gelu", kernelRegularizer: "l2", kernelConstraint: "maxNorm", biasInitializer: "heNormal" })],
  [[[5]], () => new nn.Activation("logSoftmax")],
  [[[5]], () => new nn.ReLU({ maxValue: 0.5, negativeSlope: 0.1 })],
  [[[5]], () => new nn.LeakyReLU()],
  [[[5]], () => new nn.PReLU({ alphaInitializer: "randomUniform" })],
  [[[5]], () => new nn.ELU({ alpha: 0.7 })],
  [[[5]], () => new nn.Softmax()],
  [[[8, 3]], () => new nn.Conv1D(4, 3, { strides: 2, padding: "causal" })],
  [[[8, 9, 4]], () => new nn.Conv2D(6, [3, 2], { padding: "same", groups: 2, activation: "silu" })],
  [[[6, 9, 8]], () => new nn.Conv2D(6, 3, { dataFormat: "channelsFirst", dilationRate: 2 })],
  [[[4, 5, 4, 2]], () => new nn.Conv3D(3, 2)],
  [[[8, 3]], () => new nn.Conv1DTranspose(4, 3, { strides: 2 })],
  [[[8, 9, 4]], () => new nn.Conv2DTranspose(3, 3, { strides: 2, padding: "same" })],
  [[[3, 4, 3, 2]], () => new nn.Conv3DTranspose(3, 2)],
  [[[8, 3]], () => new nn.DepthwiseConv1D(3, { depthMultiplier: 2 })],
  [[[8, 9, 4]], () => new nn.DepthwiseConv2D(3)],
  [[[8, 3]], () => new nn.SeparableConv1D(4, 3)],
  [[[8, 9, 4]], () => new nn.SeparableConv2D(3, 3)],
  [[[4, 5]], () => new nn.EinsumDense("abc,cd->abd", { outputShape: [null, 3], biasAxes: "d" })],
  [[[8, 3]], () => new nn.MaxPooling1D()],
  [[[8, 9, 4]], () => new nn.AveragePooling2D(3, { strides: 2, padding: "same" })],
  [[[4, 5, 4, 2]], () => new nn.MaxPooling3D()],
  [[[8, 9, 4]], () => new nn.GlobalAveragePooling2D({ keepdims: true })],
  [[[8, 3]], () => new nn.GlobalMaxPooling1D()],
  [[[8, 9, 4]], () => new nn.BatchNormalization({ momentum: 0.9, movingMeanInitializer: "randomNormal" })],
  [[[6, 4]], () => new nn.LayerNormalization({ axis: [1, 2], epsilon: 1e-5 })],
  [[[6, 4]], () => new nn.RMSNormalization()],
  [[[6, 4]], () => new nn.GroupNormalization({ groups: 2 })],
  [[[6, 4]], () => new nn.UnitNormalization()],
  [[[4]], () => new nn.Normalization({ mean: 3, variance: 2 })],
  [[[4]], () => new nn.Normalization()],
  [[[4]], () => new nn.Dropout(0.5, { seed: 3 })],
  [[[4]], () => new nn.GaussianNoise(0.5)],
  [[[4, 3]], () => new nn.SpatialDropout1D(0.5)],
  [[[4]], () => new nn.ActivityRegularization({ l1: 0.1 })],
  [[[4, 6]], () => new nn.Flatten()],
  [[[4, 6]], () => new nn.Reshape([-1, 3])],
  [[[4, 6]], () => new nn.Permute([2, 1])],
  [[[4]], () => new nn.RepeatVector(3)],
  [[[4, 6, 2]], () => new nn.ZeroPadding2D([1, 2])],
  [[[4, 6]], () => new nn.ZeroPadding1D(2)],
  [[[4, 6, 2]], () => new nn.Cropping2D(1)],
  [[[4, 6, 2]], () => new nn.UpSampling2D(2, { interpolation: "bilinear" })],
  [[[4, 6]], () => new nn.UpSampling1D(2)],
  [[[4, 6]], () => new nn.Masking()],
  [[[4], [4]], () => new nn.Add()],
  [[[4], [3]], () => new nn.Concatenate()],
  [[[4], [4]], () => new nn.Dot(1, { normalize: true })],
  [[[4], [4]], () => new nn.Subtract()],
  [[[5, 3]], () => new nn.SimpleRNN(4, { returnSequences: true })],
  [[[5, 3]], () => new nn.LSTM(4, { goBackwards: true })],
  [[[5, 3]], () => new nn.GRU(4, { resetAfter: false, recurrentActivation: "hardSigmoid" })],
  [[[5, 3]], () => new nn.Bidirectional(new nn.GRU(4), { mergeMode: "sum" })],
  [[[5, 3]], () => new nn.TimeDistributed(new nn.Dense(2))],
  [[[5, 3]], () => new nn.TimeDistributed(new Sequential([Input([3]), new nn.Dense(2), new nn.Dense(2)]))],
  [[[5]], () => new nn.SpectralNormalization(new nn.Dense(2))],
  [
    [
      [5, 6],
      [4, 6],
    ],
    () => new nn.MultiHeadAttention(2, 3),
  ],
  [
    [
      [5, 6],
      [4, 6],
    ],
    () => new nn.GroupedQueryAttention(3, 4, 2),
  ],
  [
    [
      [5, 6],
      [4, 6],
    ],
    () => new nn.Attention({ useScale: true }),
  ],
  [
    [
      [5, 6],
      [4, 6],
    ],
    () => new nn.AdditiveAttention(),
  ],
  [[[6, 6, 3]], () => new nn.Rescaling(1 / 255, { offset: -1 })],
  [[[6, 6, 3]], () => new nn.Resizing(4, 5)],
  [[[6, 6, 3]], () => new nn.CenterCrop(4, 4)],
  [[[6, 6, 3]], () => new nn.RandomFlip("horizontal")],
];

describe("writing files of Keras", () => {
  for (const [shapes, make] of layers) {
    const layer = make();
    test(`${(layer.constructor as typeof Layer).className} comes back with its options and weights`, async () => {
      const symbols = shapes.map((shape) => Input([...shape]));
      const model = new Model({ inputs: symbols, outputs: layer(symbols.length === 1 ? symbols[0]! : symbols) });
      const copy = await loadModel(await kerasBytes(model));
      const plain = (l: Layer): unknown => JSON.parse(JSON.stringify(l.getConfig()));
      expect(plain(copy.getLayer(layer.name))).toEqual(plain(layer));
      const inputs = shapes.map((shape, i) => numbers([2, ...shape], i + 1).astype("float32"));
      listOf(copy(inputs)).forEach((y, i) => void expectClose(y, listOf(model(inputs))[i]!, 0));
    });
  }

  test("the models read from Keras's files give the same numbers when written and read again", async () => {
    const folder = mkdtempSync(join(tmpdir(), "gradus-keras-"));
    for (const [file, name] of [
      ["chain.keras", "chain"],
      ["graph.keras", "graph"],
      ["earlier.h5", "earlier"],
    ] as const) {
      const path = join(folder, `${name}.keras`);
      await (await loadModel(pathOf(file))).save(path);
      const copy = await loadModel(path);
      expectGolden(copy, name, name === "graph");
      if (name !== "graph") expect(copy.optimizer.name.toLowerCase()).toBe(name === "chain" ? "adam" : "sgd");
    }
  });

  test("groups count up in the order in which Keras lists layers, the farthest from the output first", async () => {
    const x = Input([4], { name: "x" });
    const late = new nn.Dense(4, { name: "late" });
    const short = new nn.Dense(4, { name: "short" })(x);
    const long = late(new nn.Dense(4, { name: "early" })(x));
    const model = new Model({ inputs: x, outputs: new nn.Add()([short, long]) });
    const entry = zipEntries("test", await kerasBytes(model)).find(({ name }) => name === "config.json")!;
    const config = JSON.parse(new TextDecoder().decode(await unpackZipEntry("test", entry)));
    const names = config.config.layers.map((l: { name: string }) => l.name);
    expect(names.slice(0, 4)).toEqual(["x", "early", "short", "late"]);
    expect(
      config.config.layers.at(-1).inbound_nodes[0].args[0].map((t: { config: { keras_history: unknown } }) => t.config.keras_history),
    ).toEqual([
      ["short", 0, 0],
      ["late", 0, 0],
    ]);
  });

  test("layers that Keras does not have are listed all at once", async () => {
    const x = Input([4]);
    const y = new nn.Lambda((t: Tensor) => t.mul(2), { name: "double" })(
      new nn.RotaryEmbedding({ name: "turn" })(new nn.Reshape([2, 2])(x)),
    );
    const model = new Model({ inputs: x, outputs: y });
    await expect(model.save("/nowhere/x.keras")).rejects.toThrow(
      /RotaryEmbedding "turn", Lambda "double"|Lambda "double", RotaryEmbedding "turn"/,
    );
    class Own extends Model {
      override call(t: Tensor): Tensor {
        return t;
      }
    }
    await expect(new Own().save("/nowhere/x.keras")).rejects.toThrow("not a graph of layers");
  });
});

describe("bad files", () => {
  const edited = async (edit: (config: string) => string): Promise<Uint8Array> => {
    const entries = zipEntries("test", bytesOf("chain.keras"));
    const files: [string, Uint8Array][] = [];
    for (const entry of entries) {
      const bytes = await unpackZipEntry("test", entry);
      files.push([entry.name, entry.name === "config.json" ? new TextEncoder().encode(edit(new TextDecoder().decode(bytes))) : bytes]);
    }
    return zipBytes("test", files);
  };
  const failure = (bytes: Uint8Array): Promise<unknown> =>
    loadModel(bytes).then(
      () => null,
      (error: unknown) => error,
    );

  test("unknown layers are listed all at once", async () => {
    const bytes = await edited((c) => c.replace('"BatchNormalization"', '"Mystery"').replace('"Dropout"', '"Riddle"'));
    await expect(loadModel(bytes)).rejects.toThrow("layers that are not known here: Mystery, Riddle");
  });

  test("weights that do not fit are listed, with shapes", async () => {
    const bytes = await edited((c) => c.replaceAll('"units": 8', '"units": 7'));
    const error = (await failure(bytes)) as Error;
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toContain("layers/dense/vars/0 has shape [4, 8]");
    expect(error.message).toContain("needs [4, 7]");
  });

  test("what layers cannot do is said", async () => {
    const bytes = await edited((c) => c.replace('"rate": 0.25', '"rate": 0.25, "stateful": true'));
    await expect(loadModel(bytes)).rejects.toThrow('layer "drop" of the file is `stateful`');
    await expect(loadModel(await edited((c) => c.replace('"rate": 0.25', '"rate": -3')))).rejects.toBeInstanceOf(FormatError);
  });

  test("training in unknown words leaves the model uncompiled", async () => {
    const model = await loadModel(await edited((c) => c.replace("sparse_categorical_crossentropy", "loss_of_mine")));
    expectGolden(model, "chain");
    expect(() => model.optimizer).toThrow("not compiled");
  });

  test("damaged and truncated files give a FormatError, and never a wrong model silently of another shape", async () => {
    let seed = 1;
    const random = (n: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      return seed % n;
    };
    for (const name of ["chain.keras", "graph.keras", "earlier.h5"]) {
      const whole = bytesOf(name);
      for (let i = 0; i < 60; i++) {
        const bytes = i % 3 ? whole.slice() : whole.slice(0, random(whole.length));
        if (i % 3) for (let k = 0; k < 1 + (i % 7); k++) bytes[random(bytes.length)] = random(256);
        const error = await failure(bytes);
        if (error !== null) expect(error, `${name} ${i}: ${error}`).toBeInstanceOf(FormatError);
      }
    }
  });
});
