import { AdamW, Embedding, setRandomSeed } from "@gradus/nn";
import { ShapeError, type Tensor, tensor } from "@gradus/tensor";
import { expect, test } from "vitest";
import { UNet } from "../index.ts";
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
  const captions = [0, 1].flatMap((tone) => [2, 3].flatMap((side) => [[tone, side], [side, tone]])); // biome-ignore format: pairs
  const pictures = tensor(Float32Array.from(captions.flatMap((c) => [...pictureOf(c)]))).reshape([8, 8, 8, 1]);
  const words = tensor(Int32Array.from(captions.flat())).reshape([8, 2]);
  await model.fit([pictures, words], null, { epochs: 400, batchSize: 8, verbose: 0 });
  const { guess, shown } = sketch.forward(text(words) as Tensor, 8, 8);
  expect(guess.shape).toEqual([8, 4, 4, 1]);
  expect(shown.shape).toEqual([8, 8, 8, 4]);
  const off = (await guess.sub(coarse(pictures)).abs().max().item()) as number;
  expect(off).toBeLessThan(0.1);
});

test("a U-Net with a sketch needs an even height and width", () => {
  const net = new UNet({
    ...{ inChannels: 1, outChannels: 1, channels: [8], layersPerBlock: 1, attention: [false], midAttention: false },
    ...{ heads: 1, contextWidth: 6, groups: 4, sketch: { width: 8, heads: 2, layers: 1 } },
  });
  const context = tensor(new Float32Array(12)).reshape([1, 2, 6]);
  const run = (side: number) =>
    net.forward(tensor(new Float32Array(side * side)).reshape([1, side, side, 1]), tensor(Int32Array.of(1)), { context });
  expect(run(4).shape).toEqual([1, 4, 4, 1]);
  expect(() => run(5)).toThrow(ShapeError);
});
