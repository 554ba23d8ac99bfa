import type { Layer } from "@gradus/nn";
import { compile, random, randomKey, type Tensor, tensor } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { UNet } from "../index.ts";
import { parametersOf } from "../parameters.ts";
import { Downsample, ResnetBlock, Upsample } from "../resnet-block.ts";
import { sinusoid, TimeEmbedding } from "../time-embedding.ts";
import { FeedForward, SpatialTransformer, TransformerBlock } from "../transformer.ts";
import { channelsFirst, difference, fill, fixture, missing, unetOf, why } from "./fixtures.ts";

describe.skipIf(missing)(`held to diffusers ${why}`, () => {
  test.each(["unet", "unet_sd_order"])("%s gives its outputs", async (file) => {
    const { config, get, image, parameters } = await fixture(file);
    const net = new UNet(unetOf(config.args));
    fill(net, parameters());
    const [sample, time, context] = [image("in/sample"), get("in/timesteps"), get("in/encoder_hidden_states")];
    expect(await difference(channelsFirst(net(sample, time, context)), get("out/sample"))).toBeLessThan(1e-4);
    const compiled = compile((x: Tensor, t: Tensor, c: Tensor) => net.forward(x, t, { context: c }));
    expect(await difference(channelsFirst(compiled(sample, time, context)), get("out/sample"))).toBeLessThan(1e-4);
  });

  test("what looks on sees the weights of the words, and changes nothing", async () => {
    const { config, get, image, parameters } = await fixture("unet");
    const net = new UNet(unetOf(config.args));
    fill(net, parameters());
    const seen = new Map<string, Tensor>();
    const observe = (name: string, weights: Tensor): void => void seen.set(name, weights);
    const context = get("in/encoder_hidden_states");
    const out = net.forward(image("in/sample"), get("in/timesteps"), { context, observe });
    expect(await difference(channelsFirst(out), get("out/sample"))).toBeLessThan(1e-4);
    expect([...seen.keys()]).toEqual([
      ...[0, 1].map((k) => `down_blocks.1.attentions.${k}`),
      "mid_block.attentions.0",
      ...[0, 1, 2].map((k) => `up_blocks.0.attentions.${k}`),
    ]);
    for (const weights of seen.values()) {
      expect(weights.shape).toEqual([2, 2, 64, 7]);
      expect(await difference(weights.sum({ axis: -1 }), weights.sum({ axis: -1 }).mul(0).add(1))).toBeLessThan(1e-5);
    }
  });

  test("times become sinusoids and vectors", async () => {
    const { config, get, parameters } = await fixture("timestep_embedding");
    const { num_channels, time_embed_dim } = config.args;
    expect(await difference(sinusoid(get("in/timesteps"), num_channels), get("out/sinusoid"))).toBeLessThan(1e-4);
    const layer = new TimeEmbedding("time_embedding", num_channels, time_embed_dim);
    fill(layer, parameters());
    expect(await difference(layer(get("in/timesteps")), get("out/embedding"))).toBeLessThan(1e-4);
  });

  test.each(["resnet_block_same", "resnet_block_shortcut", "resnet_block_vae"])("%s gives its output", async (file) => {
    const { config, get, image, parameters, arrays } = await fixture(file);
    const { in_channels, out_channels, groups, eps, temb_channels } = config.args;
    const block = new ResnetBlock("block", in_channels, out_channels, { groups, epsilon: eps, time: temb_channels });
    fill(block, parameters());
    const time = arrays.has("in/temb") ? get("in/temb") : null;
    expect(await difference(channelsFirst(block.forward(image("in/hidden_states"), time)), get("out/hidden_states"))).toBeLessThan(2e-5);
  });

  test.each([
    ["downsample2d", new Downsample("down", 12, 20, "around")],
    ["downsample2d_vae", new Downsample("down", 12, 20, "after")],
    ["upsample2d", new Upsample("up", 12, 8)],
  ])("%s gives its output", async (file, layer: Layer) => {
    const { get, image, parameters } = await fixture(file);
    fill(layer, parameters());
    expect(await difference(channelsFirst(layer(image("in/hidden_states")) as Tensor), get("out/hidden_states"))).toBeLessThan(2e-5);
  });

  test("feed_forward_geglu, basic_transformer_block and transformer_2d give their outputs", async () => {
    const forward = await fixture("feed_forward_geglu");
    const net = new FeedForward("ff", 12);
    fill(net, forward.parameters());
    expect(await difference(net(forward.get("in/hidden_states")), forward.get("out/hidden_states"))).toBeLessThan(2e-5);

    const one = await fixture("basic_transformer_block");
    const block = new TransformerBlock("block", 12, { heads: 3, contextWidth: 20 });
    fill(block, one.parameters());
    const context = one.get("in/encoder_hidden_states");
    expect(await difference(block.forward(one.get("in/hidden_states"), { context }), one.get("out/hidden_states"))).toBeLessThan(2e-5);

    const all = await fixture("transformer_2d");
    const spatial = new SpatialTransformer("attention", 12, { heads: 3, contextWidth: 20, groups: 4 });
    fill(spatial, all.parameters());
    const given = spatial.forward(all.image("in/hidden_states"), { context: all.get("in/encoder_hidden_states") });
    expect(await difference(channelsFirst(given), all.get("out/hidden_states"))).toBeLessThan(2e-5);
  });
});

describe("a U-Net", () => {
  const config = { inChannels: 3, outChannels: 3, channels: [4, 8], layersPerBlock: 1, attention: [false, true], heads: 2, groups: 2 };
  const sample = random.normal(randomKey(1), [2, 5, 6, 3]);
  const time = tensor([7]);
  /** What starts as zeros would hide what is behind it. */
  const scramble = (net: UNet): void => {
    for (const [i, { variable }] of parametersOf(net).entries()) variable.assign(random.normal(randomKey(10 + i), variable.shape).mul(0.2));
  };

  test("may know no words, takes one time for all pictures, odd sizes, and starts without an opinion", async () => {
    const net = new UNet({ ...config, contextWidth: null });
    expect(parametersOf(net).some(({ name }) => name.includes("attn2"))).toBe(false);
    const out = net(sample, time) as Tensor;
    expect(out.shape).toEqual([2, 5, 6, 3]);
    expect(await out.abs().max().item()).toBe(0);
  });

  test("is told of classes by vectors of their own", async () => {
    const net = new UNet({ ...config, contextWidth: null, classes: 3, midAttention: false });
    scramble(net);
    const of = (classes: number[]): Tensor => net.forward(sample, time, { classes: tensor(classes, { dtype: "int32" }) });
    const [same, other] = [await of([0, 0]).data(), await of([0, 2]).data()];
    const half = same.length / 2;
    expect(other.slice(0, half)).toEqual(same.slice(0, half));
    expect(other.slice(half)).not.toEqual(same.slice(half));
  });

  test("does not look at words that do not count", async () => {
    const net = new UNet({ ...config, contextWidth: 5 });
    scramble(net);
    const words = random.normal(randomKey(3), [2, 4, 5]);
    const mask = tensor([true, true, false, false, true, true, false, false]).reshape([2, 4]);
    const masked = await net.forward(sample, time, { context: words, mask }).data();
    const given = await net.forward(sample, time, { context: words.get(":", ":2") }).data();
    for (const [i, v] of masked.entries()) expect(v).toBeCloseTo(given[i]!, 4);
  });

  test("refuses what it was not made for", () => {
    const net = new UNet({ ...config, contextWidth: 5, classes: 2 });
    expect(() => net.forward(sample.get(":", ":", ":", ":2"), time)).toThrow("[batch, height, width, 3]");
    expect(() => net.forward(sample, time)).toThrow("no classes");
    const classes = tensor([0, 1], { dtype: "int32" });
    expect(() => net.forward(sample, time, { classes })).toThrow("no words to attend to");
    expect(() => net.forward(sample, time, { classes, context: random.normal(randomKey(3), [2, 4, 6]) })).toThrow("width must be 5");
    expect(() => new UNet({ ...config, contextWidth: 5, groups: 3 })).toThrow("4 channels do not divide into 3 groups");
    expect(() => new UNet({ ...config, contextWidth: 5, heads: 3 })).toThrow("3 heads");
    expect(() => new UNet({ ...config, contextWidth: 5, attention: [true] })).toThrow("1 levels of 2");
  });
});

describe("what a U-Net may be told besides", () => {
  const config = {
    ...{ inChannels: 2, outChannels: 1, channels: [8], layersPerBlock: 1, attention: [false], midAttention: false },
    ...{ heads: 1, contextWidth: 6, groups: 4 },
  };
  const made = (more: object): UNet => {
    const net = new UNet({ ...config, ...more });
    // Some convolutions begin with zeros, and hide what comes before them.
    for (const [i, { name, variable }] of parametersOf(net).entries())
      if (/conv.*weight/.test(name)) variable.assign(random.normal(randomKey(i), [...variable.shape]).mul(0.3));
    return net;
  };
  const sample = tensor(new Float32Array(40 * 40 * 2)).reshape([1, 40, 40, 2]);
  const time = tensor(Int32Array.of(5));
  const middle = async (net: UNet, words?: Tensor): Promise<number[]> => {
    const out = net.forward(sample, time, words ? { context: words } : {});
    return Promise.all([19, 20].map((i) => out.get(0, i, i, 0).item() as Promise<number>));
  };

  test("places: an empty picture is the same everywhere to a U-Net that is not told where it is, and not to one that is", async () => {
    const [a, b] = (await middle(made({}))) as [number, number];
    expect(Math.abs(a - b)).toBeLessThan(1e-5);
    const [c, d] = (await middle(made({ places: true }))) as [number, number];
    expect(Math.abs(c - d)).toBeGreaterThan(1e-3);
    expect(() => new UNet({ ...config, channels: [10], groups: 5, places: true })).toThrow(/must be a multiple of 4/);
  });

  test("gist: without attention, words change a picture only where the time's vector holds them", async () => {
    const [one, other] = [1, 2].map((seed) => random.normal(randomKey(seed), [1, 3, 6])) as [Tensor, Tensor];
    const [plain, told] = [made({}), made({ gist: true })];
    expect(await middle(plain, one)).toEqual(await middle(plain, other));
    const [a] = (await middle(told, one)) as [number, number];
    const [b] = (await middle(told, other)) as [number, number];
    expect(Math.abs(a - b)).toBeGreaterThan(1e-4);
  });
});
