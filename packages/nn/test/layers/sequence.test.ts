import { compile, isclose, type Tensor, tensor, valueAndGrad, where, zeros } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import {
  AdditiveAttention,
  Attention,
  Bidirectional,
  Dense,
  EinsumDense,
  Embedding,
  GRU,
  GroupedQueryAttention,
  Input,
  type Layer,
  LSTM,
  layerRegistry,
  Model,
  MultiHeadAttention,
  PositionEmbedding,
  RotaryEmbedding,
  Sequential,
  SimpleRNN,
  SinePositionEncoding,
  setRandomSeed,
  TextVectorization,
} from "../../src/index.ts";
import golden from "./sequence.golden.json" with { type: "json" };

type Flat = { shape: number[]; data: number[] };
const load = ({ shape, data }: Flat): Tensor => tensor(Float32Array.from(data)).reshape(shape);

async function same(found: Tensor, expected: Flat, tolerance = 2e-5): Promise<void> {
  expect(found.shape).toEqual(expected.shape);
  const ok = await isclose(found, load(expected), { rtol: tolerance, atol: tolerance }).all().item();
  if (!ok) expect(await found.tolist()).toEqual(await load(expected).tolist());
}

/** Values and gradients, of the input and of every weight, against PyTorch's. */
async function check(
  layer: Layer,
  numbers: { x: Flat; out: Flat; w: Flat; weights: Flat[]; gradients: Flat[]; dx: Flat },
  options: object = {},
): Promise<void> {
  const x = load(numbers.x);
  layer.ensureBuilt(x.shape);
  layer.setWeights(numbers.weights.map(load));
  await same(layer(x, options), numbers.out);
  const loss = (input: Tensor): Tensor => layer(input, options).mul(load(numbers.w)).sum();
  const [, gradients] = valueAndGrad(() => loss(x), { wrt: layer.weights })() as [Tensor, Tensor[]];
  for (const [i, g] of gradients.entries()) await same(g, numbers.gradients[i]!);
  const [, dx] = valueAndGrad(loss)(x) as [Tensor, Tensor];
  await same(dx, numbers.dx);
  const again = layerRegistry.deserialize({
    className: (layer.constructor as typeof Layer).className,
    config: JSON.parse(JSON.stringify(layer.getConfig())),
  });
  again.ensureBuilt(x.shape);
  again.setWeights(layer.getWeights());
  await same(again(x, options), numbers.out);
  const symbolic = layer(Input(x.shape.slice(1)), options);
  expect(symbolic.shape).toEqual([null, ...numbers.out.shape.slice(1)]);
}

describe("layers over time", () => {
  test("SimpleRNN equals PyTorch's RNN", () => check(new SimpleRNN(4, { returnSequences: true }), golden.SimpleRNN));
  test("LSTM equals PyTorch's", () => check(new LSTM(4, { returnSequences: true }), golden.LSTM));
  test("GRU equals PyTorch's", () => check(new GRU(4, { returnSequences: true }), golden.GRU));
  test("the last output, states, walking backwards and initial states fit together", async () => {
    setRandomSeed(1);
    const x = load(golden.LSTM.x);
    const all = new LSTM(4, { returnSequences: true, returnState: true });
    const [sequence, h, c] = all(x);
    const last = new LSTM(4);
    last.ensureBuilt(x.shape);
    last.setWeights(all.getWeights());
    expect(await last(x).tolist()).toEqual(await h!.tolist());
    expect(await sequence!.get(":", -1).tolist()).toEqual(await h!.tolist());
    const [first, rest] = [x.get(":", ":2"), x.get(":", "2:")];
    const [, h2, c2] = all(first);
    expect(
      await isclose(all(rest, { initialState: [h2!, c2!] })[2]!, c!)
        .all()
        .item(),
    ).toBe(1);
    const back = new LSTM(4, { goBackwards: true });
    back.ensureBuilt(x.shape);
    back.setWeights(all.getWeights());
    expect(
      await isclose(back(x.flip({ axis: 1 })), h!)
        .all()
        .item(),
    ).toBe(1);
  });
  test("masked times leave output and state as they were", async () => {
    const x = load(golden.GRU.x);
    const mask = tensor([
      [true, true, true, false, false],
      [true, true, true, true, true],
    ]);
    for (const resetAfter of [true, false]) {
      const gru = new GRU(4, { returnSequences: true, resetAfter });
      const masked = gru(x, { mask });
      expect(await masked.get(0, 4).tolist()).toEqual(await masked.get(0, 2).tolist());
      expect(await isclose(masked.get(0, ":3"), gru(x).get(0, ":3")).all().item()).toBe(1);
      expect(await isclose(masked.get(1), gru(x).get(1)).all().item()).toBe(1);
    }
  });
  test("Bidirectional puts both directions side by side, each time at its own place", async () => {
    const x = load(golden.LSTM.x);
    const both = new Bidirectional(new LSTM(4, { returnSequences: true }));
    const y = both(x);
    expect(y.shape).toEqual([2, 5, 8]);
    const back = both.backwardLayer(x) as Tensor;
    expect(await y.get(":", 0, "4:").tolist()).toEqual(await back.get(":", 4).tolist());
    expect(both.trainableWeights).toHaveLength(6);
  });
  test("dropout of inputs and states acts only in training, and a program draws anew at each call", async () => {
    const lstm = new LSTM(4, { dropout: 0.5, recurrentDropout: 0.5, seed: 3 });
    const x = load(golden.LSTM.x);
    expect(await lstm(x).tolist()).toEqual(await lstm(x).tolist());
    const run = compile((v: Tensor) => lstm(v, { training: true }));
    expect(await run(x).tolist()).not.toEqual(await run(x).tolist());
  });
  test("a wrong shape names the layer, what it expected and what came", () => {
    const lstm = new LSTM(4, { name: "memory" });
    expect(() => lstm(zeros([2, 3]))).toThrow(/LSTM "memory".*3 dimensions.*\[2, 3\]/);
    lstm(zeros([2, 3, 5]));
    expect(() => lstm(zeros([2, 3, 6]))).toThrow(/LSTM "memory".*built for size 5.*\[2, 3, 6\]/);
  });
});

describe("attention", () => {
  test("MultiHeadAttention equals PyTorch's", () => check(new MultiHeadAttention(2, 3), golden.MultiHeadAttention));
  test("with a causal mask too", () => check(new MultiHeadAttention(2, 3), golden["MultiHeadAttention, causal"], { useCausalMask: true }));
  test("scores come on request, and give the same result", async () => {
    const numbers = golden["MultiHeadAttention, causal"];
    const layer = new MultiHeadAttention(2, 3);
    const x = load(numbers.x);
    layer.ensureBuilt(x.shape);
    layer.setWeights(numbers.weights.map(load));
    const [result, scores] = layer(x, x, { useCausalMask: true, returnAttentionScores: true });
    await same(result!, numbers.out);
    await same(scores!, numbers.scores);
  });
  test("fewer key heads serve as many query heads", async () => {
    const x = load(golden.MultiHeadAttention.x);
    const grouped = new GroupedQueryAttention(3, 4, 2);
    const y = grouped(x, x);
    const [z, scores] = grouped(x, x, { returnAttentionScores: true });
    expect(scores!.shape).toEqual([2, 4, 5, 5]);
    expect(await isclose(y, z!, { atol: 1e-5 }).all().item()).toBe(1);
    expect(grouped.weights.map((w) => w.shape.join())).toEqual(["6,4,3", "4,3", "6,2,3", "2,3", "6,2,3", "2,3", "4,3,6", "6"]);
  });
  test("an embedding's padding is not attended to, and what is padded changes nothing", async () => {
    setRandomSeed(4);
    const embedding = new Embedding(10, 6, { maskZero: true });
    const attention = new MultiHeadAttention(2, 3);
    const ids = tensor([[3, 4, 5, 0, 0]]);
    const padded = attention(embedding(ids)).get(":", ":3");
    const plain = attention(embedding(tensor([[3, 4, 5]])));
    expect(await isclose(padded, plain, { atol: 1e-6 }).all().item()).toBe(1);
    for (const layer of [new Attention({ useScale: true }), new AdditiveAttention()]) {
      const x = embedding(ids);
      expect(
        await isclose(layer([x, x]).get(":", ":3"), layer([embedding(tensor([[3, 4, 5]]))]), { atol: 1e-6 })
          .all()
          .item(),
      ).toBe(1);
    }
  });
  test("masks go through layers that keep time, in a Sequential model too", async () => {
    const model = new Sequential([new Embedding(10, 4, { maskZero: true }), new Dense(3), new GRU(2)]);
    const a = model(tensor([[3, 4, 0, 0]]));
    const b = model(tensor([[3, 4]]));
    expect(await isclose(a, b, { atol: 1e-6 }).all().item()).toBe(1);
  });
});

describe("places", () => {
  test("sines and cosines are those of the paper", async () => {
    const code = new SinePositionEncoding()(zeros([1, 7, 6]));
    for (const [t, i] of [
      [3, 0],
      [5, 2],
      [6, 4],
    ] as const) {
      const angle = t / 10000 ** (i / 6);
      expect(await code.get(0, t, i).item()).toBeCloseTo(Math.sin(angle), 5);
      expect(await code.get(0, t, i + 1).item()).toBeCloseTo(Math.cos(angle), 5);
    }
  });
  test("rotations make products depend on distances only", async () => {
    const [q, k] = [load(golden.MultiHeadAttention.x).get("0, :1"), load(golden.MultiHeadAttention.x).get("1, :1")];
    const rotary = new RotaryEmbedding();
    const at = (x: Tensor, place: number): Tensor => rotary(x.expandDims({ axis: 0 }), { startIndex: place });
    const product = (i: number, j: number): Promise<number> => at(q, i).mul(at(k, j)).sum().item();
    expect(await product(7, 3)).toBeCloseTo(await product(14, 10), 4);
    expect(Math.abs((await product(7, 3)) - (await product(7, 5)))).toBeGreaterThan(1e-3);
  });
  test("learned places are a table, and too long inputs are refused", () => {
    const places = new PositionEmbedding(5);
    expect(places(zeros([2, 4, 3])).shape).toEqual([2, 4, 3]);
    expect(() => places(zeros([2, 6, 3]))).toThrow(/6 places.*made for 5/);
  });
  test("EinsumDense is a dense layer over chosen axes", () => {
    const layer = new EinsumDense("abc,cde->abde", { outputShape: [null, 2, 3], biasAxes: "de" });
    expect(layer(zeros([4, 5, 6])).shape).toEqual([4, 5, 2, 3]);
    expect(layer.weights.map((w) => w.shape.join())).toEqual(["6,2,3", "2,3"]);
  });
});

describe("text", () => {
  const texts = ["The cat sat.", "the dog; the end!"];
  test("texts become numbers by frequency, unknown words 1, padding 0", async () => {
    const layer = new TextVectorization();
    layer.adapt(texts);
    expect(layer.getVocabulary()).toEqual(["", "[UNK]", "the", "cat", "dog", "end", "sat"]);
    expect(await layer.call(["the cat flew", "dog"]).tolist()).toEqual([
      [2, 3, 1],
      [4, 0, 0],
    ]);
  });
  test("counts, several words together, and a description that makes the same layer", async () => {
    const layer = new TextVectorization({ outputMode: "count", ngrams: 2, maxTokens: 4 });
    layer.adapt(texts);
    const again = layerRegistry.deserialize({
      className: "TextVectorization",
      config: JSON.parse(JSON.stringify(layer.getConfig())),
    }) as TextVectorization;
    expect(await again.call(["the the cat"]).tolist()).toEqual(await layer.call(["the the cat"]).tolist());
    expect(layer.call(["the the cat"]).shape).toEqual([1, 4]);
  });
});

describe("graphs of layers", () => {
  test("several inputs, shared layers and attention between texts make a model", async () => {
    const [a, b] = [Input({ shape: [null], dtype: "int32", name: "a" }), Input({ shape: [null], dtype: "int32", name: "b" })];
    const embedding = new Embedding(20, 8);
    const [x, scores] = new MultiHeadAttention(2, 4)(embedding(a), embedding(b), { returnAttentionScores: true });
    const model = new Model({ inputs: [a, b], outputs: { result: new Dense(1)(x!), scores: scores! } });
    const out = model.call({ a: tensor([[1, 2, 3]]), b: tensor([[4, 5]]) }) as Record<string, Tensor>;
    expect(out.result!.shape).toEqual([1, 3, 1]);
    expect(out.scores!.shape).toEqual([1, 2, 3, 2]);
    const again = Model.fromConfig(JSON.parse(JSON.stringify(model.getConfig()))) as Model;
    again.setWeights(model.getWeights());
    const result = again.call([tensor([[1, 2, 3]]), tensor([[4, 5]])]) as Tensor[];
    expect(await where(isclose(result[0]!, out.result!), 1, 0).sum().item()).toBe(3);
  });
});
