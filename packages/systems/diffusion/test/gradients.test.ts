import type { Layer } from "@gradus/nn";
import { compile, concat, random, randomKey, type Tensor, tensor, valueAndGrad } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { Autoencoder, ClipTextEncoder, DiT, UNet } from "../index.ts";
import { parametersOf } from "../parameters.ts";
import { ResnetBlock } from "../resnet-block.ts";
import { SpatialTransformer } from "../transformer.ts";

const dtype = "float64";
const normal = (stream: number, shape: readonly number[]): Tensor => random.normal(randomKey(stream), shape, { dtype });
const int32 = (values: number[]): Tensor => tensor(values, { dtype: "int32" });

/** Sets weights of no particular size, none of them 0: what starts as the identity would hide the rest. */
function scramble(net: Layer): void {
  for (const [i, { variable, shape }] of parametersOf(net).entries()) {
    const inputs = shape.slice(1).reduce((a, b) => a * b, 1);
    const value = normal(1000 + i, variable.shape).mul(shape.length > 1 ? inputs ** -0.5 : 0.2);
    variable.assign(shape.length > 1 ? value : value.add(0.5));
  }
}

const unet = { inChannels: 2, outChannels: 3, channels: [4, 8], layersPerBlock: 1, attention: [false, true], heads: 2, groups: 2 };

const cases: Record<string, () => readonly [Layer, (net: never) => Tensor]> = {
  "a residual block": () => [
    new ResnetBlock("block", 4, 6, { time: 5, groups: 2, epsilon: 1e-5, dtype }),
    (net: ResnetBlock) => net.forward(normal(1, [2, 3, 4, 4]), normal(2, [2, 5])),
  ],
  "a transformer": () => [
    new SpatialTransformer("t", 8, { heads: 2, contextWidth: 5, groups: 2, dtype }),
    (net: SpatialTransformer) => net.forward(normal(1, [2, 2, 3, 8]), { context: normal(2, [2, 4, 5]) }),
  ],
  "a U-Net with words and classes": () => [
    new UNet({ ...unet, contextWidth: 6, classes: 3 }, { dtype }),
    (net: UNet) => net.forward(normal(1, [2, 4, 6, 2]), int32([3, 700]), { context: normal(2, [2, 4, 6]), classes: int32([2, 0]) }),
  ],
  "a U-Net that is shown a sketch, and its guess": () => [
    new UNet({ ...unet, contextWidth: 6, sketch: { width: 8, heads: 2, layers: 1 } }, { dtype }),
    (net: UNet) => {
      let guess: Tensor | undefined;
      const out = net.forward(normal(1, [2, 4, 6, 2]), int32([3, 700]), { context: normal(2, [2, 4, 6]), guessed: (g) => (guess = g) });
      return concat([out, guess!].map((t) => t.reshape([-1])));
    },
  ],
  "the autoencoder's way in": () => [
    new Autoencoder({ inChannels: 3, latentChannels: 2, channels: [4, 8], layersPerBlock: 1, groups: 2, scalingFactor: 1 }, { dtype }),
    (net: Autoencoder) => net.encode(normal(1, [2, 4, 6, 3])).sample(normal(2, [2, 2, 3, 2])),
  ],
  "the autoencoder's way out": () => [
    new Autoencoder({ inChannels: 3, latentChannels: 2, channels: [4, 8], layersPerBlock: 1, groups: 2, scalingFactor: 1 }, { dtype }),
    (net: Autoencoder) => net.decode(normal(1, [2, 2, 3, 2])),
  ],
  "the text encoder": () => [
    new ClipTextEncoder(
      { vocabulary: 9, context: 6, width: 8, layers: 2, heads: 2, hidden: 12, activation: "quickGelu", end: 8 },
      { dtype },
    ),
    (net: ClipTextEncoder) => net.forward(int32([7, 1, 2, 8, 8, 8, 7, 3, 3, 4, 5, 8]).reshape([2, 6])).pooled,
  ],
  "a diffusion transformer": () => [
    new DiT({ inChannels: 2, outChannels: 2, patch: 2, width: 8, layers: 2, heads: 2, classes: 3, contextWidth: 5 }, { dtype }),
    (net: DiT) => net.forward(normal(1, [2, 4, 6, 2]), int32([3, 700]), { classes: int32([1, 2]), context: normal(2, [2, 3, 5]) }),
  ],
};

describe("gradients equal finite differences, in float64,", () => {
  test.each(Object.entries(cases))("of %s in every weight", async (_, make) => {
    const [net, run] = make();
    scramble(net);
    const parameters = parametersOf(net);
    const loss = (): Tensor => {
      const out = run(net as never);
      return out.mul(normal(3, out.shape)).sum();
    };
    const weights = parameters.map((p) => p.variable);
    const [value, gradients] = compile(() => valueAndGrad(loss, { wrt: weights })())() as unknown as [Tensor, Tensor[]];
    expect(Number.isFinite(await value.item())).toBe(true);
    const evaluate = compile(loss);
    const [along, differences]: [number[], number[]] = [[], []];
    for (const [i, { variable }] of parameters.entries()) {
      const [direction, at] = [normal(5000 + i, variable.shape), variable.mul(1)];
      const moved = async (h: number): Promise<number> => {
        variable.assign(at.add(direction.mul(h)));
        return (await evaluate().item()) as number;
      };
      const h = 1e-5;
      differences.push(((await moved(h)) - (await moved(-h))) / (2 * h));
      variable.assign(at);
      along.push((await gradients[i]!.mul(direction).sum().item()) as number);
    }
    const scale = Math.max(...differences.map(Math.abs));
    const used = differences.filter((d) => Math.abs(d) > 1e-4 * scale).length;
    expect(scale).toBeGreaterThan(0.1);
    // Weights of the other way of the autoencoder have no part in it.
    expect(used).toBeGreaterThan(parameters.length * (net instanceof Autoencoder ? 0.4 : 0.9));
    const wrong = parameters.flatMap(({ name }, i) =>
      Math.abs(along[i]! - differences[i]!) <= 1e-6 * scale ? [] : [`${name}: ${along[i]} instead of ${differences[i]}`],
    );
    expect(wrong).toEqual([]);
  });
});
