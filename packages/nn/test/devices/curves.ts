import { ngons } from "@gradus/data";
import { type DeviceName, init, tensor } from "@gradus/tensor";
import { Adam, Conv2D, Input, MaxPooling2D, Reshape, Sequential, setRandomSeed } from "../../src/index.ts";

/** The loss of each epoch of the course's network for n-gons, trained on a device. */
export async function ngonCurve(device: DeviceName, epochs: number): Promise<readonly number[]> {
  await init({ device });
  setRandomSeed(1);
  const model = new Sequential([
    Input([32, 32, 1]),
    new Conv2D(8, 13, { activation: "relu" }),
    new MaxPooling2D(20),
    new Conv2D(4, 1, { activation: "softmax" }),
    new Reshape([4]),
  ]);
  model.compile({ optimizer: new Adam(0.002), loss: "sparse_categorical_crossentropy", metrics: ["accuracy"] });
  const { images, labels } = ngons(640, { seed: 1 });
  const x = tensor(images.data as Uint8Array)
    .reshape([-1, 32, 32, 1])
    .astype("float32")
    .div(255);
  const history = await model.fit(x, tensor(labels), { epochs, batchSize: 64, verbose: 0 });
  return history.history.loss!;
}

/** Throws where two curves part: rounding differs between devices, and training makes the difference grow. */
export function sameCurve(a: readonly number[], b: readonly number[], tolerance: number): void {
  a.forEach((loss, i) => {
    if (!(Math.abs(loss - b[i]!) <= tolerance * Math.abs(loss))) throw new Error(`epoch ${i + 1}: loss ${loss} and ${b[i]}`);
  });
  if (!(a.at(-1)! < 0.95 * a[0]!)) throw new Error(`the loss does not fall: ${a.join(", ")}`);
}
