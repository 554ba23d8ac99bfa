import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ngons } from "@gradus/data";
import { loadNpz, type Tensor, tensor } from "@gradus/tensor";
import { expect, test } from "vitest";
import { Adam, Conv2D, Input, MaxPooling2D, Reshape, Sequential, setRandomSeed } from "../src/index.ts";

const file = fileURLToPath(new URL("../../../../shared/data/course/ngons-test.npz", import.meta.url));
const scaled = (images: Uint8Array): Tensor => tensor(images).reshape([-1, 32, 32, 1]).astype("float32").div(255).realize();

test("the course's network tells n-gons apart: 98% of generated ones, 97% of the course's file", async () => {
  setRandomSeed(1);
  const model = new Sequential([
    Input([32, 32, 1]),
    new Conv2D(8, 13, { activation: "relu" }),
    new MaxPooling2D(20),
    new Conv2D(4, 1, { activation: "softmax" }),
    new Reshape([4]),
  ]);
  model.compile({ optimizer: new Adam(0.002), loss: "sparse_categorical_crossentropy", metrics: ["accuracy"] });
  const train = ngons(10_000, { seed: 1 });
  const fresh = ngons(2000, { seed: 2 });
  const part = ({ images, labels }: ReturnType<typeof ngons>) => [scaled(images.data as Uint8Array), tensor(labels)] as const;
  await model.fit(...part(train), { epochs: 20, batchSize: 64, verbose: 0 });
  const generated = (await model.evaluate(...part(fresh), { batchSize: 500 })).accuracy!;
  console.log(`generated n-gons: ${(100 * generated).toFixed(2)}%`);
  expect(generated).toBeGreaterThanOrEqual(0.98);
  if (!existsSync(file)) return console.log("the course's file is not here (../shared/data): only generated n-gons were tested");
  const { images, labels } = await loadNpz(file);
  const course = (await model.evaluate(scaled((await images!.data()) as Uint8Array), labels!, { batchSize: 500 })).accuracy!;
  console.log(`the course's n-gons: ${(100 * course).toFixed(2)}%`);
  expect(course).toBeGreaterThanOrEqual(0.97);
}, 300_000);
