import { AdamW, Embedding, setRandomSeed } from "@gradus/nn";
import { ShapeError, type Tensor, tensor } from "@gradus/tensor";
import { expect, test } from "vitest";
import { Denoising } from "../denoising.ts";
import { Schedule, UNet, type UNetConfig } from "../index.ts";
import { coarse, Sketch, Sketching } from "../sketch.ts";

test("what is coarse is the mean of each four places", async () => {
  const picture = tensor(Float32Array.from({ length: 16 }, (_, i) => i)).reshape([1, 2, 4, 2]);
  expect(Array.from((await coarse(picture).data()) as Float32Array)).toEqual([5, 6, 9, 10]);
});

/** Words 0 and 1 are bright and dark, 2 and 3 left and right: [1, 8, 8, 1], 0 but for one half. */
function pictureOf(words: readonly number[]): Float32Array {
  const value = words.includes(0) ? 1 : -1;
  const left = words.includes(2);
  return Float32Array.from({ length: 64 }, (_, i) => (i % 8 < 4 === left ? value : 0));
}

test("a sketch learns from pictures and words what will be where, whatever the order of the words", async () => {
  setRandomSeed(3);
  const text = new Embedding(4, 16);
  text.ensureBuilt([null, null]);
  const sketch = new Sketch("sketch", { width: 16, heads: 2, layers: 2, contextWidth: 16, channels: 1, shown: 4 });
  const model = new Sketching(sketch, text, (pictures) => pictures);
  model.compile({ optimizer: new AdamW({ learningRate: 0.003 }) });
  const kinds = [0, 1].flatMap((tone) => [2, 3].map((side) => [tone, side]));
  const captions = [...kinds, ...kinds.map((words) => words.toReversed())];
  const pictures = tensor(Float32Array.from(captions.flatMap((c) => [...pictureOf(c)]))).reshape([8, 8, 8, 1]);
  const words = tensor(Int32Array.from(captions.flat())).reshape([8, 2]);
  await model.fit([pictures, words], null, { epochs: 400, batchSize: 8, verbose: 0 });
  const { guess, shown } = sketch.forward(text(words) as Tensor, 8, 8);
  expect(guess.shape).toEqual([8, 4, 4, 1]);
  expect(shown.shape).toEqual([8, 8, 8, 4]);
  const off = (await guess.sub(coarse(pictures)).abs().max().item()) as number;
  expect(off).toBeLessThan(0.1);
});

const small: UNetConfig = {
  ...{ inChannels: 1, outChannels: 1, channels: [8], layersPerBlock: 1, attention: [false], midAttention: false },
  ...{ heads: 1, contextWidth: 6, groups: 4, sketch: { width: 8, heads: 2, layers: 1 } },
};

test("a U-Net with a sketch needs an even height and width", () => {
  const net = new UNet(small);
  const context = tensor(new Float32Array(12)).reshape([1, 2, 6]);
  const run = (side: number) =>
    net.forward(tensor(new Float32Array(side * side)).reshape([1, side, side, 1]), tensor(Int32Array.of(1)), { context });
  expect(run(4).shape).toEqual([1, 4, 4, 1]);
  expect(() => run(5)).toThrow(ShapeError);
});

test.each([
  ["no words", { contextWidth: null }, "it has a sketch and knows no words"],
  ["a width that codes of places do not fit", { sketch: { width: 6, heads: 2, layers: 1 } }, "its width is 6"],
  ["a width that heads do not divide", { sketch: { width: 8, heads: 3, layers: 1 } }, "8 channels do not divide into 3 heads"],
])("a U-Net with a sketch and %s is refused in one sentence", (_, wrong, sentence) => {
  expect(() => new UNet({ ...small, ...wrong })).toThrow(sentence);
});

test("the denoiser's training goes on teaching the sketch its guess", async () => {
  setRandomSeed(4);
  const network = new UNet(small);
  const text = new Embedding(4, 6);
  text.ensureBuilt([null, null]);
  const model = new Denoising({
    network,
    text,
    schedule: new Schedule({ kind: "cosine", steps: 10, prediction: "v" }),
    encode: (z) => z,
    drop: 0,
  });
  model.compile({ optimizer: new AdamW({ learningRate: 0.01 }) });
  const off = async () => {
    const { guess } = network.sketch!.forward(text(words) as Tensor, 8, 8);
    return (await guess.sub(coarse(pictures)).square().mean().item()) as number;
  };
  const captions = [0, 1].flatMap((tone) => [2, 3].map((side) => [tone, side]));
  const pictures = tensor(Float32Array.from(captions.flatMap((c) => [...pictureOf(c)]))).reshape([4, 8, 8, 1]);
  const words = tensor(Int32Array.from(captions.flat())).reshape([4, 2]);
  const before = await off();
  await model.fit([pictures, words], null, { epochs: 60, batchSize: 4, verbose: 0 });
  expect(await off()).toBeLessThan(before / 4);
});
