import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadNpy, random, randomKey } from "@gradus/tensor";
import { expect, test } from "vitest";
import { Adam, Dense, l2, Sequential, setRandomSeed } from "../src/index.ts";

const folder = fileURLToPath(new URL("../../../../shared/data/course", import.meta.url));

test.skipIf(!existsSync(folder))("hourly bike rentals are predicted with a test RMSE below 85 (needs ../shared/data)", async () => {
  setRandomSeed(7);
  const order = random.permutation(randomKey(1), 10886);
  const load = async (name: string) => (await loadNpy(`${folder}/${name}`)).astype("float32").take(order, { axis: 0 });
  const [X, y] = [await load("bikes-X.npy"), await load("bikes-y.npy")];
  const hidden = () => new Dense(32, { activation: "relu", kernelRegularizer: l2(0.01) });
  const model = new Sequential([hidden(), hidden(), hidden(), hidden(), new Dense(1)]);
  model.compile({ optimizer: new Adam(0.01), loss: "mse" });
  const train = 8709;
  await model.fit(X.get(`:${train}`), y.get(`:${train}`), { epochs: 200, batchSize: 64, verbose: 0 });
  const predicted = (await model.predict(X.get(`${train}:`))).reshape([-1]);
  const rmse = await predicted
    .sub(y.get(`${train}:`))
    .square()
    .mean()
    .sqrt()
    .item();
  console.log(`test RMSE ${rmse.toFixed(1)}`);
  expect(rmse).toBeLessThan(85);
});
