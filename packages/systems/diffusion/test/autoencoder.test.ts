import { concat, random, randomKey, tensor } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { Autoencoder, type AutoencoderConfig, Gaussian, PlacesAttention } from "../autoencoder.ts";
import { ClipTextEncoder } from "../clip.ts";
import { autoencoderOf, channelsFirst, clipOf, difference, fill, fixture, missing, why } from "./fixtures.ts";

describe.skipIf(missing)(`held to diffusers ${why}`, () => {
  test("the autoencoder encodes and decodes as it does", async () => {
    const { config, get, image, parameters } = await fixture("vae");
    const net = new Autoencoder(autoencoderOf(config.args));
    fill(net, parameters());
    const gaussian = net.encode(image("in/image"));
    const moments = concat([gaussian.mean, gaussian.logVariance], { axis: -1 });
    expect(await difference(channelsFirst(moments), get("out/moments"))).toBeLessThan(1e-4);
    expect(await difference(channelsFirst(gaussian.deviation), get("out/std"))).toBeLessThan(1e-4);
    expect(await difference(channelsFirst(gaussian.sample(image("in/noise"))), get("out/latent_sample"))).toBeLessThan(1e-4);
    expect(await difference(channelsFirst(net.decode(image("in/latent"))), get("out/decoded"))).toBeLessThan(1e-4);
  });

  test("the attention in its middle gives its output", async () => {
    const { get, image, parameters } = await fixture("vae_mid_attention");
    const layer = new PlacesAttention("attention", 12, 4);
    fill(layer, parameters());
    expect(await difference(channelsFirst(layer(image("in/hidden_states"))), get("out/hidden_states"))).toBeLessThan(2e-5);
  });

  test("extreme variances stay within bounds", async () => {
    const { get, image } = await fixture("diagonal_gaussian");
    const gaussian = new Gaussian(image("in/moments"));
    for (const [name, value] of [
      ["mean", gaussian.mean],
      ["logvar", gaussian.logVariance],
      ["std", gaussian.deviation],
      ["sample", gaussian.sample(image("in/noise"))],
    ] as const)
      expect(await difference(channelsFirst(value), get(`out/${name}`))).toBeLessThan(2e-5);
  });

  test("CLIP's text encoder gives the vectors of OpenAI's, layer by layer", async () => {
    const { config, get, parameters } = await fixture("clip_text");
    const net = new ClipTextEncoder(clipOf(config.args));
    fill(net, parameters());
    const { last, pooled, hidden } = net.forward(get("in/input_ids"));
    expect(await difference(last, get("out/last_hidden_state"))).toBeLessThan(2e-5);
    expect(await difference(pooled, get("out/pooled_output"))).toBeLessThan(2e-5);
    expect(hidden.length).toBe(4);
    for (const [i, h] of hidden.entries()) expect(await difference(h, get(`out/mid/hidden_states.${i}`))).toBeLessThan(2e-5);
  });
});

const small: AutoencoderConfig = { inChannels: 3, latentChannels: 2, channels: [4, 8], layersPerBlock: 1, groups: 2, scalingFactor: 0.2 };

describe("the autoencoder", () => {
  test("says which sizes it takes", () => {
    const net = new Autoencoder(small);
    expect(() => net.encode(random.normal(randomKey(1), [1, 8, 7, 3]))).toThrow("height and width multiples of 2");
    expect(() => net.decode(random.normal(randomKey(1), [1, 8, 8, 3]))).toThrow("[batch, height, width, 2]");
    expect(() => new Autoencoder({ ...small, groups: 3 })).toThrow("do not divide into 3 groups");
  });

  test("knows that a standard normal distribution is no distance from itself", async () => {
    const far = new Gaussian(tensor([1, 0]).reshape([1, 1, 1, 2]));
    expect(await new Gaussian(tensor([0, 0]).reshape([1, 1, 1, 2])).divergence().tolist()).toEqual([0]);
    expect(await far.divergence().tolist()).toEqual([0.5]);
  });
});
