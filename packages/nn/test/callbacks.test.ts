import { execFile, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { loadSafetensorsFile, saveSafetensors, tensor } from "@gradus/tensor";
import { afterAll, describe, expect, test } from "vitest";
import {
  Adam,
  BackupAndRestore,
  Callback,
  CSVLogger,
  Dense,
  EarlyStopping,
  Input,
  LambdaCallback,
  LearningRateScheduler,
  loadModel,
  losses,
  Model,
  ModelCheckpoint,
  metrics,
  ReduceLROnPlateau,
  Sequential,
  SGD,
  setRandomSeed,
  TensorBoard,
} from "../src/index.ts";

const folder = mkdtempSync(join(tmpdir(), "gradus-nn-"));
afterAll(() => rmSync(folder, { recursive: true }));
const xs = Float32Array.from({ length: 200 }, (_, i) => i / 100 - 1);
const x = tensor(xs).reshape([200, 1]);
const y = tensor(xs.map((v) => 2 * v + 1)).reshape([200, 1]);
const line = (rate = 0.05) => {
  setRandomSeed(2);
  return new Sequential([new Dense(1, { inputShape: [1] })]).compile({ optimizer: new Adam(rate), loss: "mse" });
};

describe("callbacks", () => {
  test("early stopping ends training after `patience` epochs that are no better, and brings back the best weights", async () => {
    const model = line(0.5);
    const early = new EarlyStopping({ monitor: "loss", patience: 3, restoreBestWeights: true });
    const { history } = await model.fit(x, y, { epochs: 200, verbose: 0, callbacks: [early] });
    expect(history.loss!.length).toBeLessThan(200);
    expect(history.loss!.length).toBe(early.bestEpoch + 4);
    expect(Math.min(...history.loss!)).toBe(history.loss![early.bestEpoch]);
  });
  test("the rate falls on a plateau, and a scheduler sets it before each epoch", async () => {
    const model = line(1e-9);
    await model.fit(x, y, { epochs: 5, verbose: 0, callbacks: [new ReduceLROnPlateau({ monitor: "loss", patience: 2, factor: 0.5 })] });
    expect(model.optimizer.learningRate).toBeCloseTo(0.25e-9, 12);
    const rates: number[] = [];
    const note = new LambdaCallback({ onEpochEnd: () => void rates.push(model.optimizer.learningRate) });
    await model.fit(x, y, { epochs: 3, verbose: 0, callbacks: [new LearningRateScheduler((epoch) => 0.1 / (epoch + 1)), note] });
    expect(rates.map((r) => r.toFixed(4))).toEqual(["0.1000", "0.0500", "0.0333"]);
  });
  test("batch hooks see the measurements so far", async () => {
    const seen: number[] = [];
    await line().fit(x, y, { verbose: 0, callbacks: [new LambdaCallback({ onTrainBatchEnd: (_, logs) => void seen.push(logs.loss!) })] });
    expect(seen).toHaveLength(7);
    expect(seen.every(Number.isFinite)).toBe(true);
  });
  test("the best model is saved, opens again, and goes on training to the same numbers", async () => {
    const model = line();
    const path = join(folder, "best-{epoch:02d}.safetensors");
    await model.fit(x, y, {
      epochs: 2,
      verbose: 0,
      seed: 4,
      callbacks: [new ModelCheckpoint(path, { monitor: "loss", saveBestOnly: true })],
    });
    const again = await loadModel(join(folder, "best-02.safetensors"));
    expect(await (await again.predict(x)).tolist()).toEqual(await (await model.predict(x)).tolist());
    const a = await model.fit(x, y, { epochs: 2, verbose: 0, seed: 5 });
    const b = await again.fit(x, y, { epochs: 2, verbose: 0, seed: 5 });
    expect(b.history).toEqual(a.history);
  });
  test("losses and metrics that were given as objects come back from a file with their settings", async () => {
    const input = Input([2]);
    const outputs = [new Dense(3, { name: "kind" })(input), new Dense(1, { name: "size" })(input)];
    const model = new Model({ inputs: input, outputs });
    model.compile({
      optimizer: new SGD({ learningRate: 0.1, momentum: 0.9 }),
      loss: [new losses.CategoricalCrossentropy({ fromLogits: true }), new losses.Huber({ delta: 2 })],
      metrics: { kind: [new metrics.CategoricalAccuracy()], size: [new metrics.MeanSquaredError({ name: "squares" })] },
    });
    const data = tensor([
      [0.5, 1],
      [2, -1],
    ]);
    const targets = [
      tensor([
        [0, 0, 1],
        [1, 0, 0],
      ]),
      tensor([[3], [-4]]),
    ];
    await model.fit(data, targets, { epochs: 2, verbose: 0 });
    const path = join(folder, "objects.safetensors");
    await model.save(path);
    const again = await loadModel(path);
    const [a, b] = await Promise.all([model, again].map((m) => m.fit(data, targets, { epochs: 3, verbose: 0, seed: 1 })));
    expect(b!.history).toEqual(a!.history);
    expect(Object.keys(a!.history)).toContain("size_squares");
  });
  test("a run taken up before its first measurement still finds the best", async () => {
    const path = join(folder, "resumed-best.safetensors");
    const [stopped, resumed] = [0, 1].map(() => new ModelCheckpoint(path, { monitor: "loss", saveBestOnly: true })) as [
      ModelCheckpoint,
      ModelCheckpoint,
    ];
    resumed.setState(JSON.parse(JSON.stringify(stopped.getState())));
    await line().fit(x, y, { verbose: 0, callbacks: [resumed] });
    expect(existsSync(path)).toBe(true);
  });
  test("measurements go to a CSV file and to TensorBoard's event files", async () => {
    const csv = join(folder, "log.csv");
    await line().fit(x, y, {
      epochs: 3,
      verbose: 0,
      validationSplit: 0.2,
      callbacks: [new CSVLogger(csv), new TensorBoard(join(folder, "logs"))],
    });
    const rows = readFileSync(csv, "utf8").trim().split("\n");
    expect(rows[0]).toBe("epoch,loss,val_loss");
    expect(rows).toHaveLength(4);
    expect(readdirSync(join(folder, "logs")).sort()).toEqual(["train", "validation"]);
    const [file] = readdirSync(join(folder, "logs", "train"));
    const bytes = readFileSync(join(folder, "logs", "train", file!));
    let records = 0;
    for (let at = 0; at < bytes.length; records++) at += 16 + Number(bytes.readBigUInt64LE(at));
    expect(records).toBe(4);
    expect(bytes.includes("epoch_loss")).toBe(true);
  });
});

describe("a run that is killed", () => {
  const script = fileURLToPath(new URL("interrupted.ts", import.meta.url));
  test.each(["arrays", "dataset"])(
    "goes on from its backup to the same numbers as one that was left alone: %s",
    async (source) => {
      const whole = await promisify(execFile)(process.execPath, [script, join(folder, "whole"), source]);
      const backup = join(folder, `killed-${source}`);
      let kills = 0;
      for (let round = 0; round < 4; round++) {
        const child = spawn(process.execPath, [script, backup, source], { stdio: ["ignore", "ignore", "pipe"] });
        let epochs = 0;
        child.stderr.on("data", () => epochs++);
        const ended = new Promise((resolve) => child.once("exit", resolve));
        // Wait for a backup in the first epoch that this round begins, then a moment more.
        const before = existsSync(backup) ? readFileSync(backup).toString("latin1") : "";
        const changed = () => existsSync(backup) && readFileSync(backup).toString("latin1") !== before;
        while (child.exitCode === null && !(epochs && changed())) await new Promise((resolve) => setTimeout(resolve, 2));
        await new Promise((resolve) => setTimeout(resolve, 10 * round));
        if (child.kill("SIGKILL")) kills++;
        await ended;
      }
      expect(kills).toBeGreaterThan(0);
      const resumed = await promisify(execFile)(process.execPath, [script, backup, source]);
      expect(JSON.parse(resumed.stdout)).toEqual(JSON.parse(whole.stdout));
      expect(existsSync(backup)).toBe(false);
    },
    120_000,
  );
  test.each([
    [4, undefined],
    [2, 2],
    [3, undefined],
  ])("keeps no state between an epoch's last batch, the %ith, and its end", async (batches, stepsPerEpoch) => {
    const path = join(folder, `ends-${batches}`);
    const at = async (): Promise<object> => JSON.parse((await loadSafetensorsFile(path)).metadata["run"]!);
    const seen: object[] = [];
    class Stopping extends Callback {
      override onTrainBatch(batch: number): void {
        if (batch + 1 === batches) this.model.stopTraining = true;
      }
      override async onEpochEnd(): Promise<void> {
        seen.push(await at());
      }
    }
    const callbacks = [new Stopping(), new BackupAndRestore(path, { saveFreq: 1, deleteCheckpoint: false })];
    await line().fit(x, y, { batchSize: 50, verbose: 0, callbacks, ...(stepsPerEpoch ? { stepsPerEpoch } : {}) });
    expect(seen).toMatchObject([{ epoch: 0, batch: batches - 1 }]);
    expect(await at()).toMatchObject({ epoch: 1, batch: 0 });
  });
  test("keeps the state by the clock, too, within an epoch of any length", async () => {
    const path = join(folder, "clock");
    const seen: number[] = [];
    class Watching extends Callback {
      override async onTrainBatch(): Promise<void> {
        if (existsSync(path)) seen.push(JSON.parse((await loadSafetensorsFile(path)).metadata["run"]!).batch);
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
    }
    const fit = (saveSeconds: number) =>
      line().fit(x, y, {
        ...{ batchSize: 10, verbose: 0 },
        callbacks: [new Watching(), new BackupAndRestore(path, { saveSeconds, deleteCheckpoint: false })],
      });
    await fit(1000);
    expect(seen).toEqual([]);
    await rm(path);
    await fit(0.02);
    expect(seen.length).toBeGreaterThan(0);
    expect(seen[0]).toBeGreaterThan(0);
  });
  test("tells how long all parts of a run took together", async () => {
    const path = join(folder, "parts");
    const model = line();
    const part = async (epochs: number) => {
      const backup = new BackupAndRestore(path, { deleteCheckpoint: false });
      const pause = new LambdaCallback({ onEpochBegin: () => new Promise<void>((resolve) => setTimeout(resolve, 60)) });
      const begin = performance.now();
      await model.fit(x, y, { epochs, verbose: 0, callbacks: [pause, backup] });
      return [backup.seconds, (performance.now() - begin) / 1000] as const;
    };
    const [first, spent] = await part(1);
    expect(first).toBeGreaterThan(0.05);
    expect(first).toBeLessThanOrEqual(spent);
    const [both, more] = await part(3);
    expect(both).toBeGreaterThan(0.17);
    expect(both).toBeLessThanOrEqual(first + more);
  });
  test("a backup of another model or a damaged one is refused in a sentence, and nothing is loaded", async () => {
    const model = line();
    const before = await model.getWeights()[0]!.tolist();
    const path = join(folder, "damaged");
    writeFileSync(path, Buffer.from("not a file"));
    const fit = (...others: Callback[]) => model.fit(x, y, { verbose: 0, callbacks: [new BackupAndRestore(path, {}, others)] });
    await expect(fit()).rejects.toThrow(/damaged is no backup of this run: .*header.*Remove the file to start anew/s);
    await saveSafetensors(path, {}, { run: "{}" });
    await expect(fit()).rejects.toThrow(/damaged is no backup of this run: it does not say how far the run was/);
    const stopped = new LambdaCallback({ onEpochEnd: () => copyFileSync(path, `${path}-other`) });
    rmSync(path);
    await line().fit(x, y, { verbose: 0, callbacks: [new BackupAndRestore(path), stopped] });
    renameSync(`${path}-other`, path);
    await expect(fit(new LambdaCallback({}))).rejects.toThrow(/it has the state of 0 callbacks, the run has 1/);
    expect(await model.getWeights()[0]!.tolist()).toEqual(before);
  });
});
