// A run that may be killed at any moment: `node interrupted.ts BACKUP` goes on where it was stopped, and prints the final weights.
import { tensor } from "@gradus/tensor";
import { Adam, BackupAndRestore, Dense, EarlyStopping, Layer, SeedGenerator, Sequential, setRandomSeed } from "../src/index.ts";

/** Noise from a generator whose state is part of the run. */
class Noise extends Layer {
  static override readonly className = "Noise";
  readonly seeds = new SeedGenerator(5);
  override call(x: ReturnType<typeof tensor>) {
    return x.add(
      this.seeds
        .next()
        .get(0)
        .astype("float32")
        .div(2 ** 36),
    );
  }
}

setRandomSeed(1);
const xs = Float32Array.from({ length: 4000 }, (_, i) => i / 2000 - 1);
const x = tensor(xs).reshape([4000, 1]);
const y = tensor(xs.map((v) => Math.sin(3 * v))).reshape([4000, 1]);
const model = new Sequential([new Dense(16, { activation: "tanh", inputShape: [1] }), new Noise(), new Dense(1)]);
model.compile({ optimizer: new Adam(0.01), loss: "mse" });
const early = new EarlyStopping({ monitor: "loss", patience: 50 });
const history = await model.fit(x, y, {
  epochs: 6,
  verbose: 0,
  callbacks: [early, new BackupAndRestore(process.argv[2]!, { saveFreq: 7 }, [early])],
});
const weights = await Promise.all(model.weights.map(async (w) => [...(await w.data())]));
console.log(JSON.stringify({ weights, loss: history.history.loss, epochs: history.epoch }));
