import { readFileSync } from "node:fs";
import { join } from "node:path";
import { losses, setRandomSeed } from "@gradus/nn";
import {
  Adapter,
  type Bits,
  configOf,
  Decoder,
  Gpt,
  type GptConfig,
  loadGpt,
  loadHuggingFace,
  quantize,
  readGptConfig,
  saveHuggingFace,
} from "@gradus/systems/gpt";
import { concat, type Tensor, tensor, valueAndGrad } from "@gradus/tensor";
import { type ArrayData, readSafetensors, toArrayData, toTensor } from "@gradus/tensor/io";
import { describe, expect, test } from "vitest";
import { encodeRows, Linear } from "../linear.ts";
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

const ints = (rows: readonly number[][]): Tensor => tensor([...rows], { dtype: "int32" });
const inputs = (ids: readonly number[][]): Tensor => ints(ids.map((row) => row.slice(0, -1)));
const logitsOf = async (network: Gpt, ids: readonly number[][]): Promise<Float32Array> =>
  (await network.forward(inputs(ids)).data()) as Float32Array;
const named = (name: string) => golden.decoders.find((c) => c.name === name)!;

describe.each(golden.decoders.map((c) => [c.name, c] as const))("%s", (name, c) => {
  test("gives the logits, the loss and the gradients of PyTorch's module, from a file and from shards", async () => {
    const arrays = arraysOf(c.shapes);
    const network = await loadGpt(await writeFolder(folder(), filesOf(c.config, arrays)));
    const logits = await logitsOf(network, c.ids);
    expect(difference(logits, c.logits)).toBeLessThan(2e-6);
    const inShards = await loadGpt(await writeFolder(folder(), sharded(c.config, arrays, 3)));
    expect(await logitsOf(inShards, c.ids)).toEqual(logits);

    const loss = new losses.SparseCategoricalCrossentropy({ fromLogits: true });
    const weights = network.trainableWeights;
    const targets = ints(c.ids.map((row) => row.slice(1)));
    const [value, gradients] = valueAndGrad(() => loss(targets, network(inputs(c.ids)) as Tensor) as Tensor, { wrt: weights })();
    expect(Math.abs((await value.item()) - c.loss)).toBeLessThan(1e-5);
    // Gradients under Hugging Face's names, by saving them as if they were weights.
    weights.forEach((w, i) => {
      w.assign(gradients[i]!);
    });
    const saved = folder();
    await saveHuggingFace(saved, network);
    const { tensors } = readSafetensors(readFileSync(join(saved, "model.safetensors")));
    expect(gradientDifference(Object.fromEntries(tensors), c.gradients)).toBeLessThan(1e-5);
  });

  test("goes on as PyTorch's module does, by the decoder with its kept keys and values", async () => {
    const network = await loadGpt(filesOf(c.config, arraysOf(c.shapes)));
    const decoder = new Decoder(network);
    const text = c.continued.slice(0, 5);
    let [logits] = await decoder.read([text]);
    while (text.length < c.continued.length) {
      text.push(logits!.indexOf(Math.max(...logits!)));
      [logits] = await decoder.read([[text.at(-1)!]]);
    }
    decoder.dispose();
    expect(text).toEqual(c.continued);
  });

  test("comes back from what saveHuggingFace writes, with all that the configuration says", async () => {
    const network = await loadGpt(filesOf(c.config, arraysOf(c.shapes)));
    const saved = folder();
    await saveHuggingFace(saved, network, [3, 5]);
    const again = await loadGpt(saved);
    expect(again.config).toEqual(network.config);
    expect(await logitsOf(again, c.ids)).toEqual(await logitsOf(network, c.ids));
    const { tensors, metadata } = readSafetensors(readFileSync(join(saved, "model.safetensors")));
    expect(metadata).toEqual({ format: "pt" });
    for (const [array, shape] of Object.entries(c.shapes)) expect([array, tensors.get(array)?.shape]).toEqual([array, shape]);
    const config = JSON.parse(readFileSync(join(saved, "config.json"), "utf8")) as Record<string, unknown>;
    expect(config["eos_token_id"]).toEqual([3, 5]);
    if (name !== "Mistral") expect(config["model_type"]).toBe(c.config["model_type"]);
  });
});

const gpt2 = named("GPT-2");
const llama = named("Llama 3.1");
const smol = named("SmolLM");

describe("a folder", () => {
  const withArrays = (c: typeof gpt2, change: (arrays: Arrays) => void): Files => {
    const arrays = arraysOf(c.shapes);
    change(arrays);
    return filesOf(c.config, arrays);
  };
  const renamed = (arrays: Arrays, change: (name: string) => string): Arrays => new Map([...arrays].map(([name, a]) => [change(name), a]));

  test("may have older files' masks and frequencies, names without a prefix, and a tied output layer that is written out", async () => {
    const expected = await logitsOf(await loadGpt(filesOf(gpt2.config, arraysOf(gpt2.shapes))), gpt2.ids);
    const old = renamed(arraysOf(gpt2.shapes), (name) => name.replace("transformer.", ""));
    for (const i of [0, 1]) old.set(`h.${i}.attn.bias`, filled([1, 1, 24, 24], 1)).set(`h.${i}.attn.masked_bias`, filled([], -1e4));
    old.set("lm_head.weight", old.get("wte.weight")!);
    expect(await logitsOf(await loadGpt(filesOf(gpt2.config, old)), gpt2.ids)).toEqual(expected);
    const turning = withArrays(smol, (arrays) => {
      for (const i of [0, 1]) arrays.set(`model.layers.${i}.self_attn.rotary_emb.inv_freq`, filled([4], 1));
      arrays.set("lm_head.weight", arrays.get("model.embed_tokens.weight")!);
    });
    expect(difference(await logitsOf(await loadGpt(turning), smol.ids), smol.logits)).toBeLessThan(2e-6);
    const apart = withArrays(smol, (arrays) => arrays.set("lm_head.weight", filled([61, 48], 1)));
    await expect(loadGpt(apart)).rejects.toThrow(/output layer is the table of tokens, and lm_head.weight differs/);
  });

  test.each(["float16", "bfloat16", "float64"] as const)("may keep its weights as %s", async (dtype) => {
    const arrays = arraysOf(smol.shapes);
    for (const [name, a] of arrays) arrays.set(name, await toArrayData(toTensor(a).astype(dtype)));
    const network = await loadGpt(filesOf(smol.config, arrays));
    const rounding = { float16: 5e-3, bfloat16: 4e-2, float64: 2e-6 }[dtype];
    expect(difference(await logitsOf(network, smol.ids), smol.logits)).toBeLessThan(rounding);
    expect(network.weights.every((w) => w.dtype === "float32")).toBe(true);
  });

  test("whose weights are not those of the network is refused in a sentence", async () => {
    const refused = (c: typeof gpt2, change: (arrays: Arrays) => void, message: RegExp) =>
      expect(loadGpt(withArrays(c, change))).rejects.toThrow(message);
    await refused(gpt2, (a) => a.delete("transformer.h.1.mlp.c_fc.bias"), /the weights lack transformer\.h\.1\.mlp\.c_fc\.bias/);
    await refused(llama, (a) => a.delete("lm_head.weight"), /the weights lack lm_head\.weight/);
    await refused(llama, (a) => a.set("score.weight", filled([2, 32], 1)), /no place for score\.weight/);
    await refused(llama, (a) => a.set("model.layers.2.mlp.up_proj.weight", filled([64, 32], 1)), /no place for model\.layers\.2\.mlp/);
    await refused(
      gpt2,
      (a) => a.set("transformer.h.0.attn.c_attn.weight", filled([96, 32], 1)),
      /c_attn\.weight has shape \[96, 32\].*\[32, 96\]/,
    );
    const deep = filesOf({ ...gpt2.config, n_layer: 2 ** 50 }, arraysOf(gpt2.shapes));
    await expect(loadGpt(deep)).rejects.toThrow(/1125899906842624 layers, and there are 28 arrays/);
    const codes: ArrayData = { dtype: "int8", shape: [32], data: new Int8Array(32) };
    await refused(gpt2, (a) => a.set("transformer.ln_f.bias", codes), /transformer\.ln_f\.bias has elements of type I8/);
  });

  test("that lacks files, or has damaged ones, is refused in a sentence", async () => {
    const refused = async (change: (files: Files) => void, message: RegExp, shards = 3) => {
      const files = shards ? sharded(llama.config, arraysOf(llama.shapes), shards) : filesOf(llama.config, arraysOf(llama.shapes));
      change(files);
      await expect(loadGpt(files)).rejects.toThrow(message);
      await expect(loadGpt(await writeFolder(folder(), files))).rejects.toThrow(message);
    };
    const [second, index] = ["model-00002-of-00003.safetensors", "model.safetensors.index.json"];
    await refused((f) => f.delete("config.json"), /there is no config\.json in/);
    await refused((f) => f.set("config.json", bytesOf("{")), /config\.json is no JSON: /);
    await refused((f) => f.set("config.json", bytesOf("[]")), /config\.json is no JSON object/);
    await refused((f) => f.set("config.json", bytesOf(`{"a":${"[".repeat(1e5)}${"]".repeat(1e5)}}`)), /config\.json nests deeper/);
    await refused((f) => f.set("config.json", Uint8Array.of(0xff)), /config\.json is no text/);
    await refused((f) => f.delete(second), /the shard model-00002-of-00003\.safetensors is missing/);
    await refused((f) => f.delete(index), /there is no model\.safetensors and no model\.safetensors\.index\.json/);
    await refused((f) => f.set(index, bytesOf({})), /has no "weight_map"/);
    await refused((f) => f.set(index, bytesOf({ weight_map: { a: "../x" } })), /names the file "\.\.\/x"/);
    await refused((f) => f.set(second, f.get(second)!.subarray(0, 4000)), /model-00002-of-00003\.safetensors cannot be read/);
    await refused(
      (f) => f.set(second, f.get("model-00001-of-00003.safetensors")!),
      /the index says that .* is in model-00002.*does not have it/,
    );
    const extra = { ...llama.shapes, "model.layers.0.other": [3] };
    const [wider] = [sharded(llama.config, arraysOf(extra), 3)];
    const map = JSON.parse(new TextDecoder().decode(wider.get(index))) as { weight_map: Record<string, string> };
    delete map.weight_map["model.layers.0.other"];
    await expect(loadGpt(wider.set(index, bytesOf(map)))).rejects.toThrow(/has model\.layers\.0\.other, of which the index says nothing/);
    await refused((f) => f.set("model.safetensors", Uint8Array.of(1, 2)), /model\.safetensors cannot be read/, 0);
    await expect(loadGpt(join(folder(), "nowhere"))).rejects.toThrow(/there is no config\.json in .*nowhere/);
  });
});

describe("config.json", () => {
  const read = (changes: object, c = llama): Promise<GptConfig> =>
    readGptConfig(new Map([["config.json", bytesOf({ ...c.config, ...changes })]]));

  test.each<[object, RegExp, (typeof golden.decoders)[number]?]>([
    [{ model_type: "gemma" }, /model_type "gemma": such networks are not read.*gpt2, llama, mistral and qwen2/],
    [{ rope_scaling: { rope_type: "yarn", factor: 4 } }, /rope_scaling .*yarn.*linear and llama3/],
    [{ rope_scaling: { type: "dynamic", factor: 4 } }, /rope_scaling .*dynamic/],
    [{ rope_scaling: { type: "linear" } }, /no factor/],
    [{ rope_scaling: "linear" }, /rope_scaling "linear": an object is expected/],
    [{ rope_scaling: { ...(llama.config["rope_scaling"] as object), high_freq_factor: 1 } }, /high_freq_factor 1/],
    [{ hidden_act: "quick_gelu" }, /hidden_act "quick_gelu": there is no such activation/],
    [{ attention_bias: true }, /attention_bias true: and mlp_bias false/],
    [{ hidden_size: "32" }, /hidden_size "32": a whole number/],
    [{ hidden_size: undefined }, /no hidden_size/],
    [{ num_hidden_layers: 0 }, /num_hidden_layers 0/],
    [{ num_key_value_heads: 3 }, /4 heads do not divide among 3/],
    [{ head_dim: null, num_attention_heads: 6 }, /hidden_size 32: 6 heads do not divide it/],
    [{ head_dim: 7 }, /headWidth is 7/],
    [{ rms_norm_eps: 0 }, /rms_norm_eps 0/],
    [{ tie_word_embeddings: "no" }, /tie_word_embeddings "no": true or false/],
    [{ quantization_config: { bits: 4 } }, /quantization_config .*codes are not read.*bits: 8 or 4/],
    [{ partial_rotary_factor: 0.5 }, /partial_rotary_factor 0\.5/],
    [{ sliding_window: 8 }, /sliding_window 8: attention that sees a part/, named("Mistral")],
    [{ max_position_embeddings: 32768, sliding_window: undefined }, /sliding_window/, named("Mistral")],
    [{ use_sliding_window: true }, /sliding_window 8/, named("Qwen-2")],
    [{ layer_types: ["full_attention", "sliding_attention"] }, /layer_types/, named("Qwen-2")],
    [{ scale_attn_by_inverse_layer_idx: true }, /scale_attn_by_inverse_layer_idx true/, gpt2],
    [{ scale_attn_weights: false }, /scale_attn_weights false/, gpt2],
    [{ add_cross_attention: true }, /add_cross_attention true/, gpt2],
    [{ activation_function: "tanh" }, /activation_function "tanh"/, gpt2],
  ])("with %j is refused, naming the field", async (changes, message, c = llama) => {
    await expect(read(changes, c)).rejects.toThrow(message);
  });

  test("may say the same in other words", async () => {
    const plain = await read({});
    const { rope_scaling, rope_theta, ...rest } = llama.config;
    const newer = { ...rest, rope_parameters: { ...(rope_scaling as object), rope_theta } };
    expect(await readGptConfig(new Map([["config.json", bytesOf(newer)]]))).toEqual(plain);
    expect((await read({ rope_scaling: { rope_type: "default" } })).rotary.scaling).toBe(null);
    expect((await read({ num_key_value_heads: null })).keyValueHeads).toBe(4);
    expect((await read({ sliding_window: 24 }, named("Mistral"))).context).toBe(24);
    expect((await read({ n_positions: undefined, n_ctx: 24 }, gpt2)).context).toBe(24);
    expect((await read({ activation_function: "gelu_pytorch_tanh" }, gpt2)).activation).toBe("geluTanh");
  });

  // The files of the models themselves, as they were published.
  test("of published models gives the configurations of that name", async () => {
    const config = (json: object): Promise<GptConfig> => readGptConfig(new Map([["config.json", bytesOf(json)]]));
    expect(
      await config({
        ...{
          activation_function: "gelu_new",
          architectures: ["GPT2LMHeadModel"],
          attn_pdrop: 0.1,
          bos_token_id: 50256,
          eos_token_id: 50256,
        },
        ...{
          layer_norm_epsilon: 1e-5,
          model_type: "gpt2",
          n_ctx: 1024,
          n_embd: 768,
          n_head: 12,
          n_layer: 12,
          n_positions: 1024,
          vocab_size: 50257,
        },
      }),
    ).toEqual(configOf("gpt2"));
    expect(
      await config({
        ...{ architectures: ["LlamaForCausalLM"], attention_bias: false, bos_token_id: 0, eos_token_id: 0, hidden_act: "silu" },
        ...{ hidden_size: 576, intermediate_size: 1536, max_position_embeddings: 2048, model_type: "llama", num_attention_heads: 9 },
        ...{
          num_hidden_layers: 30,
          num_key_value_heads: 3,
          pretraining_tp: 1,
          rms_norm_eps: 1e-5,
          rope_scaling: null,
          rope_theta: 10000.0,
        },
        ...{ tie_word_embeddings: true, torch_dtype: "float32", vocab_size: 49152 },
      }),
    ).toEqual(configOf("smollm-135m"));
    expect(
      await config({
        ...{ architectures: ["Qwen2ForCausalLM"], hidden_act: "silu", hidden_size: 896, intermediate_size: 4864, model_type: "qwen2" },
        ...{
          max_position_embeddings: 32768,
          max_window_layers: 24,
          num_attention_heads: 14,
          num_hidden_layers: 24,
          num_key_value_heads: 2,
        },
        ...{ rms_norm_eps: 1e-6, rope_theta: 1000000.0, sliding_window: 32768, tie_word_embeddings: true, torch_dtype: "bfloat16" },
        ...{ use_cache: true, use_sliding_window: false, vocab_size: 151936 },
      }),
    ).toEqual(configOf("qwen2-0.5b"));
  });
});

describe("saveHuggingFace", () => {
  test.each<[Partial<GptConfig>, RegExp]>([
    [{ norm: "rms" }, /GPT-2's format cannot say that normalisation/],
    [{ gated: true }, /GPT-2's format cannot say that the feed-forward part is gated/],
    [{ bias: "none" }, /GPT-2's format cannot say that products have no biases/],
    [{ keyValueHeads: 2 }, /GPT-2's format cannot say that heads share/],
    [{ headWidth: 16 }, /GPT-2's format cannot say that 4 heads of 16 features/],
    [{ positions: "rotary" }, /Llama's format cannot say that normalisation/],
    [{ positions: "rotary", norm: "rms" }, /Llama's format cannot say that the feed-forward part is not gated/],
    [{ positions: "rotary", norm: "rms", gated: true, bias: "qkv", headWidth: 16 }, /Qwen-2's format cannot say/],
  ])("refuses %j", async (changes, message) => {
    const network = new Gpt(configOf("small", { width: 32, headWidth: 8, hidden: 32, layers: 1, ...changes }));
    await expect(saveHuggingFace(folder(), network)).rejects.toThrow(message);
  });

  test("refuses codes, and adapters that are not merged", async () => {
    const network = await loadGpt(filesOf(gpt2.config, arraysOf(gpt2.shapes)));
    await expect(saveHuggingFace(folder(), await quantize(network, 8))).rejects.toThrow(/weights have 8 bits/);
    network.blocks[1]!.feedForward.down.adapter = new Adapter(network.blocks[1]!.feedForward.down, 2, 1);
    await expect(saveHuggingFace(folder(), network)).rejects.toThrow(/adapters.*Merge/);
    await expect(quantize(network, 8)).rejects.toThrow(/adapters.*Merge/);
  });
});

describe("weights of 8 and 4 bits", () => {
  const config = { vocabulary: 61, width: 64, headWidth: 16, hidden: 128, layers: 2, heads: 4, keyValueHeads: 4, context: 24 } as const;
  const kinds: Record<string, Partial<GptConfig>> = {
    "GPT-2": { bias: "all" },
    Llama: { positions: "rotary", norm: "rms", activation: "silu", gated: true, bias: "none", tied: false, keyValueHeads: 2 },
  };
  /** Root of the mean square of what changed in the logits, as a share of their standard deviation. */
  const change = (given: Float32Array, exact: Float32Array): number => {
    const mean = exact.reduce((a, b) => a + b, 0) / exact.length;
    const spread = exact.reduce((sum, v) => sum + (v - mean) ** 2, 0);
    return Math.sqrt(given.reduce((sum, v, i) => sum + (v - exact[i]!) ** 2, 0) / spread);
  };

  test.each(Object.entries(kinds))(
    "change the logits of a network of %s's kind little, and from files as much as by quantize",
    async (_, kind) => {
      setRandomSeed(5);
      const network = new Gpt(configOf("small", { ...config, ...kind }));
      const saved = folder();
      await saveHuggingFace(saved, network);
      const ids = [Array.from({ length: 21 }, (_, i) => (i * 17) % 61)];
      const exact = await logitsOf(network, ids);
      const measured: Partial<Record<Bits, number>> = {};
      for (const bits of [8, 4] as const) {
        const encoded = await quantize(network, bits);
        const logits = await logitsOf(encoded, ids);
        expect(await logitsOf(await loadGpt(saved, { bits }), ids)).toEqual(logits);
        measured[bits] = change(logits, exact);
        // One token at a time, where codes are never decoded into memory, and multiplied by numbers rounded to 16 bits.
        const decoder = new Decoder(encoded);
        await decoder.read([ids[0]!.slice(0, -2)]);
        const [last] = await decoder.read([ids[0]!.slice(-2, -1)]);
        decoder.dispose();
        expect(difference(last!, [...logits.slice(-61)])).toBeLessThan(1e-4);
        await expect(quantize(encoded, 8)).rejects.toThrow(new RegExp(`${bits} bits already`));
      }
      // 8 bits: 0.8 and 1.0 % of the spread; 4 bits: 13 and 17 %.
      expect(measured[8]).toBeGreaterThan(1e-4);
      expect(measured[8]).toBeLessThan(0.02);
      expect(measured[4]).toBeGreaterThan(2 * measured[8]!);
      expect(measured[4]).toBeLessThan(0.3);
      expect(await logitsOf(network, ids)).toEqual(exact);
    },
  );

  test.each([
    [8, 96],
    [8, 50],
    [4, 96],
  ] as const)("of %i bits let gradients through, and give one row what they give to several, of %i numbers", async (bits, inputs) => {
    const layer = new Linear(20, inputs, { name: "layer", bits });
    const { codes, scales } = encodeRows(
      Float32Array.from({ length: 20 * inputs }, (_, i) => Math.sin(i * i)),
      inputs,
      bits,
    );
    layer.codes!.assign(tensor(codes).reshape(layer.codes!.shape));
    layer.scales!.assign(tensor(scales).reshape(layer.scales!.shape));
    const values = (seed: number, n: number) => tensor(Float32Array.from({ length: n }, (_, i) => Math.cos(seed + i * i)));
    const [x, weight] = [values(1, inputs).reshape([1, inputs]), values(2, 20)];
    const of = (rows: Tensor) => valueAndGrad((x: Tensor) => layer(x).get(0).mul(weight).sum())(rows) as [Tensor, Tensor];
    const [one, several] = [of(x), of(concat([x, x]))];
    expect(await one[0].item()).toBeCloseTo((await several[0].item()) as number, 2);
    const gradient = async (t: Tensor) => [...((await t.get(0).data()) as Float32Array)];
    expect(difference(await gradient(one[1]), await gradient(several[1]))).toBeLessThan(1e-6);
    expect(await one[1].abs().max().item()).toBeGreaterThan(0.1);
  });

  test("need fitting sizes", async () => {
    const network = new Gpt(configOf("small", { ...config, width: 48 }));
    await expect(quantize(network, 4)).rejects.toThrow(/48 inputs.*multiple of 32/);
    await expect(quantize(network, 16 as 8)).rejects.toThrow(/bits is 16/);
  });
});

describe("loadHuggingFace", () => {
  /** Bytes as tokens, as GPT-2's tokenizers spell them, with a token that ends a text. */
  const letters = Array.from({ length: 60 }, (_, i) => String.fromCharCode(33 + i));
  const tokenizer = (count = 60) => ({
    model: { type: "BPE", vocab: Object.fromEntries(letters.slice(0, count).map((c, i) => [c, i])), merges: [] },
    added_tokens: [{ id: count, content: "<|end|>", special: true }],
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
    decoder: { type: "ByteLevel" },
  });
  const files = (extra: Record<string, object> = {}, config: object = {}): Files =>
    new Map([
      ...filesOf({ ...gpt2.config, ...config }, arraysOf(gpt2.shapes)),
      ["tokenizer.json", bytesOf(tokenizer())] as const,
      ...Object.entries(extra).map(([name, value]) => [name, bytesOf(value)] as const),
    ]);

  test("gives network, tokenizer and the tokens that end a text", async () => {
    const endings = async (extra: Record<string, object>, config: object = {}) => (await loadHuggingFace(files(extra, config))).endings;
    const model = await loadHuggingFace(await writeFolder(folder(), files({}, { eos_token_id: 60 })));
    expect(model.tokenizer.decode(model.tokenizer.encode("(ABC)"))).toBe("(ABC)");
    expect(model.endings).toEqual([60]);
    expect(difference(await logitsOf(model.network, gpt2.ids), gpt2.logits)).toBeLessThan(2e-6);
    expect(await endings({})).toEqual([]);
    expect(await endings({ "generation_config.json": { eos_token_id: [60, 2] } }, { eos_token_id: 60 })).toEqual([60, 2]);
    expect(await endings({ "generation_config.json": {} }, { eos_token_id: [1] })).toEqual([1]);
    expect(await endings({ "tokenizer_config.json": { eos_token: "<|end|>" } })).toEqual([60]);
    await expect(endings({}, { eos_token_id: 61 })).rejects.toThrow(/eos_token_id is 61/);
    await expect(endings({}, { eos_token_id: "end" })).rejects.toThrow(/eos_token_id is "end"/);
  });

  test("refuses a folder without tokenizer, and one of another network", async () => {
    const without = files();
    without.delete("tokenizer.json");
    await expect(loadHuggingFace(without)).rejects.toThrow(/there is no tokenizer\.json/);
    await expect(loadHuggingFace(files({ "tokenizer.json": tokenizer(30) }))).rejects.toThrow(
      /tokenizer has 31 tokens, the network knows 61/,
    );
    const more = { ...tokenizer(), added_tokens: [{ id: 70, content: "<|end|>", special: true }] };
    await expect(loadHuggingFace(files({ "tokenizer.json": more }))).rejects.toThrow(/tokenizer has 71 tokens, the network knows 61/);
    await expect(loadHuggingFace(files({ "tokenizer.json": {} }))).rejects.toThrow(/"model"/);
  });
});
