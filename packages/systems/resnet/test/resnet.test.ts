import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { losses, type Model, saveTorchWeights } from "@gradus/nn";
import { loadSafetensorsFile, saveSafetensors, type Tensor, tensor, valueAndGrad, zeros } from "@gradus/tensor";
import { afterAll, describe, expect, test } from "vitest";
import { formula, uniform } from "../../test/formula.ts";
import { batchSizeOf, configOf, configs, resnet } from "../index.ts";
import { preprocess } from "../preprocess.ts";
import { loadWeights, saveWeights } from "../weights.ts";

interface Case {
  readonly name: string;
  readonly size: number;
  readonly training: boolean;
  readonly logits: readonly number[];
  readonly loss: number;
  readonly gradients: Readonly<Record<string, readonly [norm: number, along: number]>>;
}
interface Picture {
  readonly width: number;
  readonly height: number;
  readonly resize: number;
  readonly sum: number;
  readonly first: readonly number[];
  readonly last: readonly number[];
  readonly middle: readonly number[];
}
const golden = JSON.parse(readFileSync(new URL("resnet.golden.json", import.meta.url), "utf8")) as {
  cases: Case[];
  pictures: Picture[];
};
const folder = mkdtempSync(join(tmpdir(), "gradus-resnet-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Without the weights to start with, which are drawn when they are first read: up to sixty million would be for nothing. */
function blank(model: Model): Model {
  for (const w of model.weights) w.assign(zeros([...w.shape]));
  return model;
}

/** Sets a network's weights from the formula, through a state dict in a file as torchvision would write it. */
async function fill(model: Model): Promise<Record<string, Tensor>> {
  const file = join(folder, "formula.safetensors");
  await saveTorchWeights(blank(model), file);
  const { tensors } = await loadSafetensorsFile(file);
  const names = Object.keys(tensors).sort();
  const filled = Object.fromEntries(
    names.map((name, i) => [name, tensor(formula(name, tensors[name]!.shape, i + 1)).reshape([...tensors[name]!.shape])]),
  );
  await saveSafetensors(file, filled);
  await loadWeights(model, file);
  return filled;
}

const near = (given: number, expected: number, scale: number, tolerance: number): boolean =>
  Math.abs(given - expected) <= tolerance * scale;

describe.each(golden.cases.map((c) => [c.name, c.training ? "while it is trained" : "in use", c] as const))("%s %s", (_name, _mode, c) => {
  test("gives the logits, the loss and the gradients of PyTorch's module", async () => {
    const model = resnet(configOf(c.name, { imageSize: c.size }));
    await fill(model);
    const x = tensor(Float32Array.from(uniform(2 * 3 * c.size ** 2, 1000), (u) => 2 * u - 1)).reshape([2, c.size, c.size, 3]);
    const loss = new losses.SparseCategoricalCrossentropy({ fromLogits: true });
    const labels = tensor([3, 7], { dtype: "int32" });
    const weights = model.trainableWeights;
    const [[value, logits], gradients] = valueAndGrad(
      () => {
        const given = model(x, { training: c.training }) as Tensor;
        return [loss(labels, given) as Tensor, given];
      },
      { wrt: weights, hasAux: true },
    )() as [[Tensor, Tensor], Tensor[]];
    const given = (await logits.get(":", ":20").tolist()) as number[][];
    const scale = Math.max(...c.logits.map(Math.abs));
    const wrong = given.flat().filter((z, i) => !near(z, c.logits[i]!, scale, c.training ? 1e-3 : 1e-4));
    expect(wrong).toEqual([]);
    expect(near(await value.item(), c.loss, Math.max(1, c.loss), 1e-3)).toBe(true);

    // Gradients in PyTorch's layout, by saving them as if they were weights.
    weights.forEach((w, i) => {
      w.assign(gradients[i]!);
    });
    const file = join(folder, "gradients.safetensors");
    await saveTorchWeights(model, file);
    const { tensors } = await loadSafetensorsFile(file);
    const names = Object.keys(c.gradients).sort();
    expect(
      Object.keys(tensors)
        .filter((n) => !/running_/.test(n))
        .sort(),
    ).toEqual(names);
    const differing: string[] = [];
    for (const [i, name] of names.entries()) {
      const [norm, along] = c.gradients[name]!;
      const g = (await tensors[name]!.data()) as Float32Array;
      const probe = uniform(g.length, 2000 + i);
      let [squares, product] = [0, 0];
      for (let j = 0; j < g.length; j++) {
        squares += g[j]! ** 2;
        product += g[j]! * (2 * probe[j]! - 1);
      }
      // The numbers are PyTorch's in float64: where an activation is next to 0, ours may fall to its other side, which turns a
      // gradient a little and leaves its length as it is.
      const [length, turn] = c.training ? [2e-2, 2e-2] : [2e-3, 1e-2];
      if (!near(Math.sqrt(squares), norm, norm, length!) || !near(product, along, norm, turn!))
        differing.push(`${name}: ${Math.sqrt(squares)} and ${product}, expected ${norm} and ${along}`);
    }
    expect(differing).toEqual([]);
  });
});

describe("weights", () => {
  test("come back from their file the same", async () => {
    const [a, b] = [resnet(configOf("resnet20")), resnet(configOf("resnet20"))];
    await fill(a);
    const file = join(folder, "weights.safetensors");
    await saveWeights(a, file);
    await loadWeights(b, file);
    const x = tensor(Float32Array.from(uniform(3072, 5))).reshape([1, 32, 32, 3]);
    expect(await (b(x) as Tensor).tolist()).toEqual(await (a(x) as Tensor).tolist());
  });

  test("of another network are refused in a sentence, and nothing changes", async () => {
    const model = resnet(configOf("resnet20"));
    const before = await model.weights[0]!.tolist();
    const file = join(folder, "other.safetensors");
    const refused = async (name: string, message: RegExp) => {
      await saveWeights(blank(resnet(configOf(name))), file);
      await expect(loadWeights(model, file)).rejects.toThrow(message);
      expect(await model.weights[0]!.tolist()).toEqual(before);
    };
    await refused(
      "resnet32",
      /no layer asks for layer1\.3\.conv1\.weight, .* and \d+ more.*The weights fit resnet32 or plain32, for 10 classes/,
    );
    const deeper = resnet(configOf("resnet32"));
    await saveWeights(model, file);
    await expect(loadWeights(deeper, file)).rejects.toThrow(
      /the file lacks layer1\.3\.conv1\.weight, \S+, \S+ and \d+ more\. The weights fit resnet20 or plain20, for 10 classes$/,
    );
    await refused("resnet18", /the file lacks.*The weights fit resnet18, for 1000 classes$/);
    await refused("resnet50", /The weights fit resnet50 or resnet50-paper, for 1000 classes$/);
    await saveWeights(resnet(configOf("resnet20", { classes: 7 })), file);
    await expect(loadWeights(model, file)).rejects.toThrow(
      /shape \[64, 10\].*\[64, 7\].*The weights fit resnet20 or plain20, for 7 classes$/,
    );
    await saveWeights(resnet({ ...configOf("resnet20"), widths: [16, 32, 48] }), file);
    await expect(loadWeights(model, file)).rejects.toThrow(/The weights fit no network that is known here by name$/);
    const { tensors } = await loadSafetensorsFile(file);
    await saveSafetensors(file, Object.fromEntries(Object.entries(tensors).map(([name, x]) => [`module.${name}`, x])));
    await expect(loadWeights(model, file)).rejects.toThrow(/All names in the file begin with module\., those of torchvision's networks/);
    await saveWeights(model, file);
    writeFileSync(file, readFileSync(file).subarray(0, 5000));
    await expect(loadWeights(model, file)).rejects.toThrow(/truncated|header|bytes/);
  });
});

test("the networks have the numbers of parameters that are published", () => {
  // torchvision's documentation, and table 6 of the paper in millions.
  const known: Record<string, number> = {
    ...{ resnet18: 11_689_512, resnet34: 21_797_672, resnet50: 25_557_032, resnet101: 44_549_160, resnet152: 60_192_808 },
    ...{ resnet20: 0.27e6, resnet32: 0.46e6, resnet44: 0.66e6, resnet56: 0.85e6, resnet110: 1.7e6 },
  };
  for (const [name, count] of Object.entries(known)) {
    const trainable = resnet(configOf(name)).trainableWeights.reduce((n, w) => n + w.size, 0);
    if (count > 2e6) expect(trainable).toBe(count);
    else expect(Math.abs(trainable / count - 1)).toBeLessThan(0.03);
  }
  // He et al. 2016b: ResNet-164, bottlenecks with projections, the first block without an activation of its own.
  const pre = { block: "bottleneck", blocks: [18, 18, 18], shortcut: "projection", strideAt: "1x1" } as const;
  const net = resnet({ ...configOf("preresnet20"), ...pre });
  expect(Math.abs(net.trainableWeights.reduce((n, w) => n + w.size, 0) / 1.7e6 - 1)).toBeLessThan(0.03);
  const layers = net.layers.map((l) => l.name);
  for (const name of ["bn1", "layer1.1.bn1", "layer2.0.bn1", "layer2.0.downsample.0", "bn.last"]) expect(layers).toContain(name);
  for (const name of ["layer1.0.bn1", "layer2.0.downsample.1"]) expect(layers).not.toContain(name);
  expect(Object.keys(configs)).toContain("plain56");
  expect(() => configOf("resnet19")).toThrow(/no network "resnet19".*resnet18/);
});

test("batches are by default so large that 4 GiB hold their training", () => {
  const sizes = ["resnet20", "preresnet110", "resnet18", "resnet50-paper", "resnet101"].map((name) => batchSizeOf(configOf(name)));
  expect(sizes).toEqual([128, 128, 32, 32, 16]);
});

describe("preprocessing", () => {
  test.each(golden.pictures.map((p) => [`${p.width} × ${p.height}`, p.resize, p] as const))(
    "of a picture of %s pixels, resized to %d, equals torchvision's",
    (_size, resize, p) => {
      const data = Uint8Array.from(uniform(p.width * p.height * 3, 3000 + p.width), (u) => u * 256);
      const out = preprocess({ dtype: "uint8", shape: [p.height, p.width, 3], data }, resize === 256 ? {} : { resize });
      expect(out.shape).toEqual([224, 224, 3]);
      const values = out.data as Float32Array;
      const at = (row: number, column: number, count: number) => [
        ...values.subarray(3 * (224 * row + column), 3 * (224 * row + column + count)),
      ];
      expect(at(0, 0, 4).map((v, i) => Math.abs(v - p.first[i]!) < 1e-6)).not.toContain(false);
      expect(at(223, 220, 4).map((v, i) => Math.abs(v - p.last[i]!) < 1e-6)).not.toContain(false);
      expect(at(100, 57, 1).map((v, i) => Math.abs(v - p.middle[i]!) < 1e-6)).not.toContain(false);
      expect(Math.abs(values.reduce((a, b) => a + b, 0) - p.sum)).toBeLessThan(0.05);
    },
  );

  test("to a size that the middle cannot be cut out of is refused with a sentence", () => {
    const picture = { dtype: "uint8", shape: [9, 9, 3], data: new Uint8Array(243) } as const;
    for (const resize of [223, 240.5, 1e9, Number.NaN])
      expect(() => preprocess(picture, { resize })).toThrow(/resize is .*Give a whole number from 224, the network's size, to 3584/);
    expect(preprocess(picture, { size: 8, resize: 8 }).shape).toEqual([8, 8, 3]);
  });
});
