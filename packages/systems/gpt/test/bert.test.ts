import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Adam, losses, setRandomSeed } from "@gradus/nn";
import {
  Bert,
  BertClassifier,
  type BertConfig,
  bertConfigs,
  fillMask,
  hideTokens,
  loadBert,
  loadMaskedModel,
  type MaskedModel,
  saveBert,
  textBatch,
  textVectors,
} from "@gradus/systems/gpt";
import { type Tensor, tensor, valueAndGrad } from "@gradus/tensor";
import { readSafetensors } from "@gradus/tensor/io";
import { beforeAll, describe, expect, test } from "vitest";
import {
  type Arrays,
  arraysOf,
  bytesOf,
  difference,
  type Files,
  filesOf,
  filled,
  golden,
  gradientDifference,
  sharded,
  temporaryFolders,
  writeFolder,
} from "./golden.ts";

const folder = temporaryFolders();

const ints = (rows: number[][]): Tensor => tensor(rows, { dtype: "int32" });
const dataOf = async (t: Tensor): Promise<Float32Array> => (await t.data()) as Float32Array;

describe.each(golden.encoders.map((c) => [c.name, c] as const))("%s", (_, c) => {
  const [ids, mask] = [ints(c.ids), ints(c.mask)];
  const pass = { mask, ...(c.segments ? { segments: ints(c.segments) } : {}) };

  test("gives the vectors and logits of PyTorch's module, from a file and from shards", async () => {
    const arrays = arraysOf(c.shapes);
    const network = await loadBert(await writeFolder(folder(), filesOf(c.config, arrays)));
    const seen: Tensor[] = [];
    const hidden = network.encoder.forward(ids, { ...pass, observe: (what, _layer, value) => what === "hidden" && seen.push(value) });
    expect(seen.length).toBe(c.hidden.length);
    for (const [i, value] of seen.entries()) expect(difference(await dataOf(value), c.hidden[i]!)).toBeLessThan(2e-6);
    const unseen = network.encoder.forward(ids, pass);
    expect(difference(await dataOf(unseen), c.hidden.at(-1)!)).toBeLessThan(2e-6);
    const logits = await dataOf(network.logits(unseen));
    expect(difference(logits, c.logits)).toBeLessThan(2e-6);
    if (c.pooled) expect(difference(await dataOf(network.pooled(hidden, { pooling: "pooler" })), c.pooled)).toBeLessThan(2e-6);
    else expect(() => network.pooled(hidden, { pooling: "pooler" })).toThrow(/no pooler/);
    const inShards = await loadBert(sharded(c.config, arrays, 2));
    expect(await dataOf(inShards.logits(inShards.encoder.forward(ids, pass)))).toEqual(logits);
  });

  test("gives the loss and the gradients of PyTorch's module", async () => {
    const network = await loadBert(filesOf(c.config, arraysOf(c.shapes)));
    const loss = new losses.SparseCategoricalCrossentropy({ fromLogits: true, reduction: "sum" });
    const guessed = tensor(c.guessed, { dtype: "float32" });
    const count = c.guessed.flat().reduce((a, b) => a + b, 0);
    const weights = network.trainableWeights;
    const [value, gradients] = valueAndGrad(
      () => {
        const hidden = network.encoder.forward(ids, pass);
        const guessing = (loss.call(ints(c.targets), network.logits(hidden), guessed) as Tensor).div(count);
        return c.pooled ? guessing.add(network.pooled(hidden, { pooling: "pooler" }).square().mean()) : guessing;
      },
      { wrt: weights },
    )();
    expect(Math.abs((await value.item()) - c.loss)).toBeLessThan(1e-5);
    weights.forEach((w, i) => {
      w.assign(gradients[i]!);
    });
    const saved = folder();
    await saveBert(saved, network);
    const { tensors } = readSafetensors(readFileSync(join(saved, "model.safetensors")));
    expect(gradientDifference(Object.fromEntries(tensors), c.gradients)).toBeLessThan(1e-4);
  });

  test("does not look at padding: more of it changes nothing", async () => {
    const network = await loadBert(filesOf(c.config, arraysOf(c.shapes)));
    const short = network.encoder.forward(ints([c.ids[1]!.slice(0, 6)]));
    const long = network([ints([c.ids[1]!]), ints([c.mask[1]!])]) as Tensor;
    expect(difference(await dataOf(long.get(0, ":6")), [...(await dataOf(network.logits(short).get(0)))])).toBeLessThan(2e-6);
    const means = network.pooled(network.encoder.forward(ints([c.ids[1]!]), { mask: ints([c.mask[1]!]) }), { mask: ints([c.mask[1]!]) });
    expect(difference(await dataOf(means), [...(await dataOf(short.mean({ axis: 1 })))])).toBeLessThan(2e-6);
  });

  test("comes back from what saveBert writes, with a head and without", async () => {
    const network = await loadBert(filesOf(c.config, arraysOf(c.shapes)));
    const whole = folder();
    await saveBert(whole, network);
    const again = await loadBert(whole);
    expect(again.config).toEqual(network.config);
    expect(await dataOf(again(ids) as Tensor)).toEqual(await dataOf(network(ids) as Tensor));
    const { tensors } = readSafetensors(readFileSync(join(whole, "model.safetensors")));
    expect([...tensors].map(([name, { shape }]) => [name, shape]).sort()).toEqual(Object.entries(c.shapes).sort());

    // As BertModel and DistilBertModel are saved: without the first part of the names.
    const bare: Arrays = new Map(
      [...arraysOf(c.shapes)]
        .filter(([name]) => /^(distil)?bert\./.test(name))
        .map(([name, a]) => [name.replace(/^(distil)?bert\./, ""), a]),
    );
    const encoder = await loadBert(filesOf(c.config, bare));
    expect(encoder.head).toBe(null);
    expect(await dataOf(encoder.encoder.forward(ids, pass))).toEqual(await dataOf(network.encoder.forward(ids, pass)));
    expect(() => encoder(ids)).toThrow(/no layers that guess tokens/);
    const saved = folder();
    await saveBert(saved, encoder);
    expect([...readSafetensors(readFileSync(join(saved, "model.safetensors"))).tensors.keys()].sort()).toEqual([...bare.keys()].sort());
  });
});

const [bert, distilbert] = golden.encoders as [(typeof golden.encoders)[number], (typeof golden.encoders)[number]];

describe("a folder of an encoder", () => {
  const refused = (c: typeof bert, change: (arrays: Arrays) => void, message: RegExp, config: object = {}) => {
    const arrays = arraysOf(c.shapes);
    change(arrays);
    return expect(loadBert(filesOf({ ...c.config, ...config }, arrays))).rejects.toThrow(message);
  };

  test("may have TensorFlow's names, numbers of places, the second task's head and the output layer written out", async () => {
    const arrays: Arrays = new Map(
      [...arraysOf(bert.shapes)].map(([name, a]) => [
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"),
        a,
      ]),
    );
    arrays.set("bert.embeddings.position_ids", { dtype: "int32", shape: [1, 16], data: Int32Array.from({ length: 16 }, (_, i) => i) });
    arrays.set("cls.seq_relationship.weight", filled([2, 32], 1)).set("cls.seq_relationship.bias", filled([2], 1));
    arrays.set("cls.predictions.decoder.weight", arrays.get("bert.embeddings.word_embeddings.weight")!);
    arrays.set("cls.predictions.decoder.bias", arrays.get("cls.predictions.bias")!);
    const network = await loadBert(filesOf(bert.config, arrays));
    const hidden = network.encoder.forward(ints(bert.ids), { mask: ints(bert.mask), segments: ints(bert.segments!) });
    expect(difference(await dataOf(network.logits(hidden)), bert.logits)).toBeLessThan(2e-6);
  });

  test("of another network is refused in a sentence", async () => {
    await refused(bert, (a) => a.delete("bert.encoder.layer.1.output.dense.bias"), /lack bert\.encoder\.layer\.1\.output\.dense\.bias/);
    await refused(bert, (a) => a.set("classifier.weight", filled([2, 32], 1)), /no place for classifier\.weight/);
    await refused(bert, (a) => a.set("cls.predictions.decoder.weight", filled([61, 32], 1)), /decoder\.weight differs from bert\.emb/);
    await refused(distilbert, (a) => a.set("vocab_projector.weight", filled([61, 32], 1)), /vocab_projector\.weight differs/);
    await refused(distilbert, (a) => a.delete("vocab_projector.bias"), /lack vocab_projector\.bias/);
    await refused(distilbert, () => {}, /has shape \[16, 32\], config\.json asks for \[32, 32\]/, { max_position_embeddings: 32 });
    const nothing = () => {};
    await refused(bert, nothing, /position_embedding_type "relative_key"/, { position_embedding_type: "relative_key" });
    await refused(bert, nothing, /is_decoder true/, { is_decoder: true });
    await refused(bert, nothing, /1000000000000 layers/, { num_hidden_layers: 1e12 });
    await refused(bert, nothing, /model_type "roberta".*bert and distilbert/, { model_type: "roberta" });
    await refused(bert, nothing, /width 32 does not divide among 5 heads/, { num_attention_heads: 5 });
    await refused(bert, nothing, /hidden_act "tanh"/, { hidden_act: "tanh" });
  });
});

test("the sizes have the numbers of weights that are published", () => {
  const count = ({ vocabulary, context, width, layers, hidden, segments }: BertConfig): number =>
    (vocabulary + context + segments + 2) * width + layers * (4 * width * (width + 1) + 2 * width * hidden + hidden + width + 4 * width);
  // Without pooler and head: 109.5 M − 0.6 M, 335.1 M − 1 M, 66.4 M.
  expect(count(bertConfigs["bert-base"])).toBe(108_891_648);
  expect(count(bertConfigs["bert-large"])).toBe(334_092_288);
  expect(count(bertConfigs.distilbert)).toBe(66_362_880);
  const small = { ...bertConfigs["bert-base"], vocabulary: 100, width: 24, hidden: 48, layers: 2 };
  const { encoder } = new Bert(small);
  expect(encoder.countParams()).toBe(count(small));
  expect(() => new Bert({ ...small, heads: 5 })).toThrow(/width 24 does not divide among 5 heads/);
  expect(() => new Bert({ ...small, segments: -1 })).toThrow(/segments is -1/);
  expect(() => encoder(ints([new Array<number>(513).fill(1)]))).toThrow(/513 tokens are more than the 512/);
  expect(() => encoder([ints([[1, 2]]), ints([[1]])])).toThrow(/tokens are \[1, 2\], the mask \[1, 1\]/);
});

// A language with rules that a small network finds: an animal's kind says which verb and which place follow.
const words = ["cat", "dog", "cow", "trout", "shark", "eel", "walks", "swims", "here", "there", "in", "on", "grass", "water", "the", "a"];
const special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const vocabulary = [...special, ...words];
const tokenizerJson = {
  added_tokens: special.map((content, id) => ({ id, content, special: true })),
  normalizer: { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
  pre_tokenizer: { type: "BertPreTokenizer" },
  post_processor: { type: "BertProcessing", sep: ["[SEP]", 3], cls: ["[CLS]", 2] },
  decoder: { type: "WordPiece", prefix: "##", cleanup: true },
  model: {
    ...{ type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##", max_input_chars_per_word: 100 },
    vocab: Object.fromEntries(vocabulary.map((word, id) => [word, id])),
  },
};
const land = ["cat", "dog", "cow"];
const sentences = ["the", "a"].flatMap((article) =>
  words.slice(0, 6).flatMap((animal) => {
    const [verb, place] = land.includes(animal) ? ["walks", "on grass"] : ["swims", "in water"];
    return ["here", "there"].map((where) => ({ text: `${article} ${animal} ${verb} ${where} ${place}`, onLand: land.includes(animal) }));
  }),
);

describe("a small encoder", () => {
  const config: BertConfig = {
    ...{ vocabulary: vocabulary.length, context: 16, width: 32, layers: 2, heads: 4, hidden: 64, segments: 2 },
    ...{ epsilon: 1e-12, activation: "gelu" },
  };
  let files: Files;
  let model: MaskedModel;
  const ready = async () => loadMaskedModel(files);

  beforeAll(async () => {
    setRandomSeed(1);
    const network = new Bert(config, { dropout: 0.1 });
    const saved = folder();
    await saveBert(saved, network);
    files = new Map(["config.json", "model.safetensors"].map((name) => [name, readFileSync(join(saved, name))]));
    files.set("tokenizer.json", bytesOf(tokenizerJson));
    model = await loadMaskedModel(files, { dropout: 0.1 });
    // Masked language modelling by fit: each place of each sentence is hidden once, and it alone counts.
    const [ids, mask] = await Promise.all(
      textBatch(
        model,
        sentences.map(({ text }) => text),
      ).map(async (t) => (await t.tolist()) as number[][]),
    );
    const rows = ids!.flatMap((row, i) => [1, 2, 3, 4, 5, 6].map((at) => ({ row, at, mask: mask![i]! })));
    model.network.compile({ optimizer: new Adam(0.003), loss: new losses.SparseCategoricalCrossentropy({ fromLogits: true }) });
    await model.network.fit(
      [ints(rows.map(({ row, at }) => row.map((id, j) => (j === at ? 4 : id)))), ints(rows.map((r) => r.mask))],
      ints(rows.map((r) => r.row)),
      {
        ...{ epochs: 40, batchSize: 24, verbose: 0, seed: 1 },
        sampleWeight: tensor(rows.map(({ row, at }) => row.map((_, j) => (j === at ? 1 : 0)))),
      },
    );
    // What was learned goes through files.
    await saveBert(saved, model.network);
    for (const name of ["config.json", "model.safetensors"]) files.set(name, readFileSync(join(saved, name)));
    model = await ready();
  });

  test("fills gaps that follow from the rest", async () => {
    const [verb] = await fillMask(model, "The trout [MASK] here in water", { top: 3 });
    expect(verb!.map(({ token }) => token)[0]).toBe("swims");
    expect(verb!.length).toBe(3);
    expect(verb![0]!.probability).toBeGreaterThan(0.8);
    const [place, again] = await fillMask(model, "a cow walks there on [MASK]").then(async ([p]) => [
      p!,
      (await fillMask(model, "a [MASK] walks there on grass"))[0]!,
    ]);
    expect(place![0]!.token).toBe("grass");
    expect(
      again!
        .slice(0, 3)
        .map(({ token }) => token)
        .sort(),
    ).toEqual(["cat", "cow", "dog"]);
    const two = await fillMask(model, "the eel [MASK] here in [MASK]", { top: vocabulary.length });
    expect(two.map((gap) => gap[0]!.token)).toEqual(["swims", "water"]);
    for (const gap of two) expect(gap.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 5);
    const sorted = two[0]!.map(({ probability }) => probability);
    expect(sorted).toEqual([...sorted].sort((a, b) => b - a));
  });

  test("says in a sentence what it cannot fill", async () => {
    await expect(fillMask(model, "the trout swims")).rejects.toThrow(/no gap in the text.*\[MASK\]/);
    await expect(fillMask(model, `${"the ".repeat(14)} [MASK]`)).rejects.toThrow(/17 tokens, the network sees 16/);
    await expect(fillMask(model, "[MASK]", { top: 0 })).rejects.toThrow(/top is 0/);
    // A text cannot end itself.
    expect((await fillMask(model, "the trout [SEP] [MASK]")).length).toBe(1);
    const damaged = { ...tokenizerJson, added_tokens: tokenizerJson.added_tokens.filter(({ content }) => content !== "[MASK]") };
    await expect(loadMaskedModel(new Map([...files, ["tokenizer.json", bytesOf(damaged)]]))).rejects.toThrow(/no special token \[MASK\]/);
    const other = { ...tokenizerJson, added_tokens: [...tokenizerJson.added_tokens, { id: 40, content: "[X]", special: true }] };
    await expect(loadMaskedModel(new Map([...files, ["tokenizer.json", bytesOf(other)]]))).rejects.toThrow(
      /tokenizer has 41 tokens, the network knows 21/,
    );
  });

  test("makes batches of texts, and a vector of each", async () => {
    const [ids, mask] = textBatch(model, ["the cat", "a cow walks here"]);
    expect(await ids.tolist()).toEqual([
      [2, 19, 5, 3, 0, 0, 0, 0],
      [2, 20, 7, 11, 13, 3, 0, 0],
    ]);
    expect(await mask.sum({ axis: 1 }).tolist()).toEqual([4, 6]);
    const [cut] = textBatch(model, ["the cat walks here on grass"], { length: 5 });
    expect(await cut.tolist()).toEqual([[2, 19, 5, 11, 3]]);
    expect(() => textBatch(model, ["a"], { length: 2 })).toThrow(/length is 2.*3 to 16/);
    expect(() => textBatch(model, [])).toThrow(/no texts/);
    const texts = ["the cat", "a cow walks here", "the eel"];
    const together = await dataOf(await textVectors(model, texts));
    const alone = await dataOf(await textVectors(model, texts, { batchSize: 1, length: 16 }));
    expect(difference(alone, [...together])).toBeLessThan(1e-5);
    expect((await textVectors(model, texts, { pooling: "pooler" })).shape).toEqual([3, 32]);
  });

  test("hides tokens as BERT's training does", async () => {
    const texts = Array.from({ length: 100 }, () => sentences.map(({ text }) => text)).flat();
    const lists = async ({ x, y, sampleWeight }: ReturnType<typeof hideTokens>) =>
      Promise.all([x[0], x[1], y, sampleWeight].map(async (t) => ((await t.tolist()) as number[][]).flat()));
    const [ids, mask, whole, weight] = (await lists(hideTokens(model, texts, { share: 0.5, seed: 3 }))) as [
      number[],
      number[],
      number[],
      number[],
    ];
    const chosen = [...ids.keys()].filter((i) => weight[i]);
    // Sentences have six words: three of each.
    expect(chosen.length).toBe(3 * texts.length);
    expect(chosen.every((i) => mask[i] === 1 && whole[i]! >= special.length)).toBe(true);
    expect([...ids.keys()].every((i) => weight[i] || ids[i] === whole[i])).toBe(true);
    const gaps = chosen.filter((i) => ids[i] === 4).length / chosen.length;
    const kept = chosen.filter((i) => ids[i] === whole[i]).length / chosen.length;
    expect(gaps).toBeCloseTo(0.8, 1);
    // A tenth, and of the other tenth one in 16 that is drawn again.
    expect(kept).toBeCloseTo(0.1 + 0.1 / 16, 1);
    expect(chosen.every((i) => ids[i]! >= 4)).toBe(true);
    const [again] = await lists(hideTokens(model, texts, { share: 0.5, seed: 3 }));
    expect(again).toEqual(ids);
    const [other] = await lists(hideTokens(model, texts, { share: 0.5, seed: 4 }));
    expect(other).not.toEqual(ids);
    expect(await hideTokens(model, ["the cat"]).sampleWeight.sum().item()).toBe(1);
    expect(() => hideTokens(model, ["the cat"], { share: 0 })).toThrow(/share is 0/);
    expect(() => hideTokens(model, [])).toThrow(/hideTokens: there are no texts/);
  });

  test.each([
    { pooling: "mean", frozen: false },
    { pooling: "first", frozen: false },
    { pooling: "pooler", frozen: false },
    { pooling: "mean", frozen: true },
  ] as const)("carries a classifier that is trained, %j", async (options) => {
    setRandomSeed(2);
    const tuned = await ready();
    const classifier = new BertClassifier(tuned.network, 2, options);
    // The verb and the place are not told: the animal decides.
    const told = sentences.map(({ text, onLand }) => ({ text: text.split(" ").slice(0, 2).join(" "), onLand }));
    const batch = textBatch(
      tuned,
      told.map(({ text }) => text),
    );
    const labels = tensor(
      told.map(({ onLand }) => Number(onLand)),
      { dtype: "int32" },
    );
    const before = await dataOf(tuned.network.encoder.tokens.weight!.mul(1));
    classifier.compile({
      optimizer: new Adam(options.frozen ? 0.03 : 0.003),
      loss: new losses.SparseCategoricalCrossentropy({ fromLogits: true }),
      metrics: ["accuracy"],
    });
    await classifier.fit([...batch], labels, { epochs: options.frozen ? 60 : 20, batchSize: 12, verbose: 0, seed: 1 });
    const { accuracy } = await classifier.evaluate([...batch], labels, { verbose: 0 });
    expect(accuracy).toBe(1);
    const after = await dataOf(tuned.network.encoder.tokens.weight!);
    if (options.frozen) expect(after).toEqual(before);
    else expect(after).not.toEqual(before);
    expect(classifier.trainableWeights.length).toBe(
      options.frozen ? 2 : tuned.network.encoder.weights.length + (options.pooling === "pooler" ? 4 : 2),
    );
  });

  test("refuses classifiers that cannot be", async () => {
    expect(() => new BertClassifier(model.network, 1)).toThrow(/there are 1 classes/);
    const plain = new Bert(config, { pooler: false });
    expect(() => new BertClassifier(plain, 2, { pooling: "pooler" })).toThrow(/no pooler/);
    await expect(saveBert(folder(), new Bert({ ...config, segments: 0, epsilon: 1e-5 }))).rejects.toThrow(
      /DistilBERT's format has no epsilon/,
    );
    await expect(saveBert(folder(), new Bert({ ...config, segments: 0 }, { pooler: true }))).rejects.toThrow(
      /DistilBERT's format has no pooler/,
    );
  });
});
