import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadTorchWeights, losses, type Model, saveTorchWeights } from "@gradus/nn";
import { loadSafetensorsFile, saveSafetensors, type Tensor, tensor, valueAndGrad } from "@gradus/tensor";
import { afterAll, describe, expect, test } from "vitest";
import { formula, uniform } from "../../test/formula.ts";
import { type Game, type NetworkConfig, zeroNetwork } from "../index.ts";

type Sizes = Pick<Game, "name" | "rows" | "columns" | "planes" | "actions" | "movePlanes">;
interface Case extends Sizes, NetworkConfig {
  readonly training: boolean;
  readonly logits: readonly number[];
  readonly value: readonly number[];
  readonly loss: number;
  readonly gradients: Readonly<Record<string, readonly [norm: number, along: number]>>;
}
const golden = JSON.parse(readFileSync(new URL("zero.golden.json", import.meta.url), "utf8")) as Case[];
const folder = mkdtempSync(join(tmpdir(), "gradus-zero-model-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A network's weights under PyTorch's names and in its layout. */
async function torch(model: Model): Promise<Record<string, Tensor>> {
  const file = join(folder, "weights.safetensors");
  await saveTorchWeights(model, file);
  return (await loadSafetensorsFile(file)).tensors;
}

describe.each(golden.map((c) => [c.name, c.training ? "while it is trained" : "in use", c] as const))(
  "the network of %s %s",
  (_name, _mode, c) => {
    test("gives the logits, the values, the loss and the gradients of PyTorch's", async () => {
      const model = zeroNetwork(c as unknown as Game, c);
      const shapes = await torch(model);
      const names = Object.keys(shapes).sort();
      const file = join(folder, "formula.safetensors");
      const filled = names.map((name, i) => [name, tensor(formula(name, shapes[name]!.shape, i + 1)).reshape([...shapes[name]!.shape])]);
      await saveSafetensors(file, Object.fromEntries(filled));
      await loadTorchWeights(model, file, {}, { strict: true });

      const x = tensor(Float32Array.from(uniform(3 * c.rows * c.columns * c.planes, 1000), (u) => 2 * u - 1)).reshape([
        3,
        c.rows,
        c.columns,
        c.planes,
      ]);
      const raw = tensor(Float32Array.from(uniform(3 * c.actions, 1001))).reshape([3, c.actions]);
      const target = raw.div(raw.sum({ axis: 1, keepdims: true }));
      const result = tensor([1, -1, 0]).reshape([3, 1]);
      const weights = model.trainableWeights;
      const [loss, gradients] = valueAndGrad(
        () => {
          const [logits, value] = model([x], { training: c.training }) as unknown as [Tensor, Tensor];
          const policy = new losses.CategoricalCrossentropy({ fromLogits: true })(target, logits) as Tensor;
          return policy.add(new losses.MeanSquaredError()(result, value) as Tensor);
        },
        { wrt: weights },
      )();
      expect(await loss.item()).toBeCloseTo(c.loss, 4);
      if (!c.training) {
        const [logits, value] = model([x]) as unknown as [Tensor, Tensor];
        const all = [...((await logits.data()) as Float32Array)];
        const step = Math.max(1, Math.floor(all.length / 60));
        const scale = Math.max(...c.logits.map(Math.abs));
        c.logits.forEach((z, i) => void expect(Math.abs(all[i * step]! - z) / scale).toBeLessThan(1e-5));
        [...((await value.data()) as Float32Array)].forEach((v, i) => void expect(v).toBeCloseTo(c.value[i]!, 5));
      }
      weights.forEach((w, i) => void w.assign(gradients[i]!));
      const given = await torch(model);
      for (const [name, [norm, along]] of Object.entries(c.gradients)) {
        const g = Float64Array.from((await given[name]!.data()) as Float32Array);
        const direction = uniform(g.length, 2000 + names.indexOf(name));
        const length = Math.sqrt(g.reduce((s, v) => s + v * v, 0));
        const alongside = g.reduce((s, v, i) => s + v * (direction[i]! - 0.5), 0);
        expect(Math.abs(length - norm), `${name}: ${length} and ${norm}`).toBeLessThan(1e-4 * norm + 1e-6);
        expect(Math.abs(alongside - along), name).toBeLessThan(1e-3 * norm + 1e-6);
      }
      expect(Object.keys(c.gradients).sort()).toEqual(names.filter((name) => !name.includes("running")));
    });
  },
);

test("with pooled heads the same weights play on boards of any size", async () => {
  const sizes = (n: number) => ({ name: `go${n}`, rows: n, columns: n, planes: 17, actions: n * n + 1, movePlanes: 1 }) as Game;
  const config = { filters: 8, blocks: 1, heads: "pooled" } as const;
  const [five, seven] = [zeroNetwork(sizes(5), config), zeroNetwork(sizes(7), config)];
  const file = join(folder, "five.safetensors");
  await five.saveWeights(file);
  await seven.loadWeights(file);
  const [logits] = seven([tensor(new Float32Array(49 * 17)).reshape([1, 7, 7, 17])]) as unknown as [Tensor];
  expect(logits.shape).toEqual([1, 50]);
  const dense = zeroNetwork(sizes(7), { ...config, heads: "dense" });
  await expect(dense.loadWeights(file)).rejects.toThrow();
});
