// A run that may be killed at any moment: `node interrupted.ts BACKUP arrays|dataset` goes on where it was stopped, and prints the
// final weights.
import { Dataset } from "@gradus/data";
import { tensor } from "@gradus/tensor";
import {
  Adam,
  BackupAndRestore,
  Dense,
  EarlyStopping,
  LambdaCallback,
  Layer,
  SeedGenerator,
  Sequential,
  setRandomSeed,
} from "../src/index.ts";

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
const [, , backup, source] = process.argv;
const xs = Float32Array.from({ length: 4000 }, (_, i) => i / 2000 - 1);
const column = (values: Float32Array) => tensor(values).reshape([values.length, 1]);
const one = (value: number) => ({ dtype: "float32", shape: [1], data: Float32Array.of(value) }) as const;
/** In another order in each epoch, and with another variation of each example. */
const varied = Dataset.range(4000)
  .shuffle(4000, { seed: 3 })
  .map((i, { random }) => [one(xs[i]! + random.uniform(-0.01, 0.01)), one(Math.sin(3 * xs[i]!))] as const)
  .batch(32);
const model = new Sequential([new Dense(16, { activation: "tanh", inputShape: [1] }), new Noise(), new Dense(1)]);
model.compile({ optimizer: new Adam(0.01), loss: "mse" });
/** Tells whoever means to kill this process that an epoch begins. */
const announcer = new LambdaCallback({ onEpochBegin: (epoch) => console.error(`epoch ${epoch}`) });
const early = new EarlyStopping({ monitor: "loss", patience: 50 });
const options = { epochs: 6, verbose: 0, callbacks: [early, announcer, new BackupAndRestore(backup!, { saveFreq: 7 }, [early])] } as const;
const history =
  source === "dataset"
    ? await model.fit(varied, null, options)
    : await model.fit(column(xs), column(xs.map((v) => Math.sin(3 * v))), options);
const weights = await Promise.all(model.weights.map(async (w) => [...(await w.data())]));
console.log(JSON.stringify({ weights, loss: history.history.loss, epochs: history.epoch }));
