import { compile, concat, type Tensor, tensor } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { beforeAll, describe, expect, test } from "vitest";
import {
  Autoencoder,
  ClipTextEncoder,
  type Drawing,
  type DrawOptions,
  type DrawUpdate,
  draw,
  guidedHalves,
  loadStableDiffusion,
  type SamplerName,
  Schedule,
  type StableDiffusion,
  sampler,
  UNet,
} from "../index.ts";
import { autoencoderOf, channelsFirst, clipOf, difference, fill, fixture, missing, unetOf, why } from "./fixtures.ts";
import { tinyFiles } from "./tiny-model.ts";

test.skipIf(missing)(`text encoder, U-Net, guidance, samplers and decoder together give diffusers' pictures ${why}`, async () => {
  const { config, get, image, parameters } = await fixture("pipeline");
  const { parts, vae_scaling_factor, guidance_scale, steps } = config;
  const text = new ClipTextEncoder(clipOf(parts.text_encoder));
  const unet = new UNet(unetOf(parts.unet));
  const vae = new Autoencoder(autoencoderOf(parts.vae));
  for (const [name, net] of Object.entries({ text_encoder: text, unet, vae })) fill(net, parameters(`${name}.`));
  const context = text.forward(concat([get("in/uncond_input_ids"), get("in/input_ids")])).last;
  expect(await difference(context, get("out/encoder_hidden_states"))).toBeLessThan(1e-3);
  const run = compile((x: Tensor, t: Tensor) => guidedHalves(unet.forward(concat([x, x]), t, { context }), guidance_scale));
  const decode = compile((z: Tensor) => vae.decode(z.div(vae_scaling_factor)));
  const names: Record<string, SamplerName> = { ddim_eta0: "ddim", euler_linspace: "euler", dpmpp2m_linspace: "dpm++2m" };
  for (const [file, name] of Object.entries(names)) {
    const out = (key: string): Tensor => get(`out/${file}/${key}`);
    const s = sampler(name, new Schedule(), steps);
    let sample = image("in/latents").mul(s.initNoiseSigma);
    for (const [i, t] of s.timesteps.entries()) {
      const epsilon = run(s.scaleModelInput(sample, i), tensor([t]));
      expect(await difference(channelsFirst(epsilon), out("guided_epsilon").get(i))).toBeLessThan(1e-3);
      sample = s.step(sample, epsilon, i).previous;
      expect(await difference(channelsFirst(sample), out("latents").get(i))).toBeLessThan(1e-3);
    }
    const decoded = decode(sample);
    expect(await difference(channelsFirst(decoded), out("decoded"))).toBeLessThan(1e-3);
    expect(await difference(channelsFirst(decoded.div(2).add(0.5).clip(0, 1)), out("image"))).toBeLessThan(1e-3);
  }
});

let model: StableDiffusion;
beforeAll(async () => {
  model = await loadStableDiffusion(await tinyFiles());
});

/** A drawing with its updates. */
async function drawn(options: DrawOptions): Promise<Drawing & { readonly updates: DrawUpdate[] }> {
  const updates: DrawUpdate[] = [];
  const run = draw(model, { steps: 4, sampler: "ddim", ...options });
  for (;;) {
    const { value, done } = await run.next();
    if (done) return { ...value, updates };
    updates.push(value);
  }
}

/** How far pictures are apart, on average of all values from 0 to 255. */
function apart(a: ArrayData, b: ArrayData, where: (i: number) => boolean = () => true): number {
  const places = [...a.data.keys()].filter(where);
  return places.reduce((sum, i) => sum + Math.abs(a.data[i]! - b.data[i]!), 0) / places.length;
}

/** Left half red, right half blue, 16 x 16. */
const image: ArrayData = {
  ...{ dtype: "uint8", shape: [16, 16, 3] },
  data: Uint8Array.from({ length: 768 }, (_, i) => (i % 3 === (Math.floor(i / 3) % 16 < 8 ? 0 : 2) ? 220 : 20)),
};

describe("drawing", () => {
  test("the same seed gives the same picture, alone or beside others; another seed or prompt another", async () => {
    const [one, again, two, other] = [
      await drawn({ prompt: "a red triangle", seed: 5 }),
      await drawn({ prompt: "a red triangle", seed: 5 }),
      await drawn({ prompt: "a red triangle", seed: 4, count: 2 }),
      await drawn({ prompt: "a blue star", seed: 5 }),
    ];
    expect(one.pictures[0]!.shape).toEqual([16, 16, 3]);
    expect(again.pictures).toEqual(one.pictures);
    expect(apart(two.pictures[1]!, one.pictures[0]!)).toBeLessThan(0.1);
    expect(apart(two.pictures[0]!, one.pictures[0]!)).toBeGreaterThan(5);
    expect(apart(other.pictures[0]!, one.pictures[0]!)).toBeGreaterThan(0.5);
  });

  test("shows what it thinks of after each step, in the end the picture itself", async () => {
    const { updates, pictures, cut } = await drawn({ prompt: "red ".repeat(20) });
    expect(updates.map((u) => [u.step, u.steps])).toEqual([1, 2, 3, 4].map((step) => [step, 4]));
    expect(cut).toBe("red ".repeat(10).trim());
    expect((await drawn({ prompt: "red", negativePrompt: "red ".repeat(12), steps: 1 })).negativeCut).toBe("red red");
    const last = (await updates[3]!.pictures())[0]!;
    const first = (await updates[0]!.pictures())[0]!;
    expect(apart(last, pictures[0]!)).toBeLessThan(apart(first, pictures[0]!));
  });

  test("a negative prompt and guidance lead elsewhere", async () => {
    const [plain, negative] = [await drawn({ prompt: "a star" }), await drawn({ prompt: "a star", negativePrompt: "blue" })];
    expect(apart(plain.pictures[0]!, negative.pictures[0]!)).toBeGreaterThan(0.1);
    const free = await drawn({ prompt: "a star", guidance: 1 });
    expect(apart(free.pictures[0]!, plain.pictures[0]!)).toBeGreaterThan(0.1);
  });

  test("from a picture, less strength takes fewer steps", async () => {
    const weak = await drawn({ prompt: "a star", image, strength: 0.25 });
    expect(weak.updates.length).toBe(1);
    expect((await drawn({ prompt: "a star", image, strength: 1 })).updates.length).toBe(4);
    expect((await drawn({ prompt: "a star", image, strength: 0.5, sampler: "pndm" })).updates.length).toBe(2);
  });

  test("each of several pictures from a picture is what it would be alone", async () => {
    const [, second] = (await drawn({ prompt: "a star", image, seed: 4, count: 2, strength: 0.5 })).pictures;
    expect(apart(second!, (await drawn({ prompt: "a star", image, seed: 5, strength: 0.5 })).pictures[0]!)).toBeLessThan(0.1);
  });

  test("a mask keeps the rest to the bit, while it is drawn and in the end", async () => {
    const left = (i: number): boolean => i % 16 < 7;
    const mask: ArrayData = { dtype: "uint8", shape: [16, 16], data: Uint8Array.from({ length: 256 }, (_, i) => (left(i) ? 255 : 0)) };
    for (const name of ["ddim", "euler", "euler-ancestral", "dpm++2m"] as const) {
      const { pictures, updates } = await drawn({ prompt: "a star", image, seed: 3, sampler: name, mask });
      for (const picture of [...pictures, ...(await updates[1]!.pictures())]) {
        expect(apart(picture, image, (i) => !left(Math.floor(i / 3)))).toBe(0);
        expect(apart(picture, image, (i) => left(Math.floor(i / 3)))).toBeGreaterThan(5);
      }
      // The places of the latent, 8 x 8, that lie in no part under the mask are those of the picture at every step.
      const [first, ...others] = updates.map(({ latents }) => latents.get(":", ":", "4:"));
      for (const other of others) expect(await difference(other, first!)).toBe(0);
    }
  });

  test("who asks for no more updates leaves no part of the model behind, where they are not kept", async () => {
    const other = await loadStableDiffusion(await tinyFiles(), { keep: false });
    const unets = new Set<UNet>();
    for await (const { pictures } of draw(other, { prompt: "a star", steps: 4 })) {
      unets.add(await other.part("unet"));
      await pictures();
      break;
    }
    const again = await other.part("unet");
    expect(unets.has(again)).toBe(false);
    await other.done("unet");
  });

  test("sizes that are no power of two are drawn, too", async () => {
    const { pictures } = await drawn({ prompt: "a star", width: 22, height: 14 });
    expect(pictures[0]!.shape).toEqual([14, 22, 3]);
  });

  test.each([
    [{ prompt: "  " }, "the prompt is empty"],
    [{ prompt: "a", width: 15 }, "the width is 15: Give a multiple of 2"],
    [{ prompt: "a", height: 0 }, "the height is 0"],
    [{ prompt: "a", steps: 0 }, "steps is 0"],
    [{ prompt: "a", seed: -1 }, "the seed is -1"],
    [{ prompt: "a", guidance: Number.NaN }, "guidance is NaN"],
    [{ prompt: "a", strength: 0 }, "strength is 0"],
    [{ prompt: "a", guidance: 1e308 }, "guidance is 1e+308"],
    [{ prompt: "a", guidance: 1, negativePrompt: "blue" }, "guidance is 1, with which it has no effect"],
    [{ prompt: "a", count: 0 }, "count is 0"],
    [{ prompt: "a", count: 1_000_000 }, "1000000 pictures of 16 x 16 are too many together"],
    [{ prompt: "a", width: 40_000, height: 64 }, "pictures of 40000 x 64 are too large"],
    [{ prompt: "a", sampler: "magic" as SamplerName }, 'no sampler "magic"'],
    [{ prompt: "a", mask: image }, "no picture to keep parts of"],
    [{ prompt: "a", image, mask: image }, "the mask is uint8[16, 16, 3]"],
    [{ prompt: "a", image, width: 32 }, "32 x 16 was asked for"],
    [{ prompt: "a", image: { ...image, shape: [768] } }, "the picture is uint8[768]"],
  ] as [DrawOptions, string][])("refuses %o", async (options, problem) => {
    await expect(drawn(options)).rejects.toThrow(problem.split(": ")[0]);
  });

  test("says after the first step where weights are damaged", async () => {
    const damaged = await loadStableDiffusion(await tinyFiles());
    const unet = await damaged.part("unet");
    unet.convOut.bias!.assign(unet.convOut.bias!.mul(Number.NaN));
    let updates = 0;
    const run = async (): Promise<void> => {
      for await (const _ of draw(damaged, { prompt: "a", steps: 4, guidance: 1 })) updates++;
    };
    await expect(run()).rejects.toThrow("not finite");
    expect(updates).toBe(0);
  });
});
