import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSafetensors, type Tensor, tensor } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import * as nn from "../../src/index.ts";
import { Input, loadTorchWeights, Model, Sequential, saveTorchWeights } from "../../src/index.ts";
import { expectClose, type Stored } from "../check.ts";

const pathOf = (name: string): string => new URL(name, import.meta.url).pathname;
const golden: Record<string, { input: Stored; out: Stored }> = JSON.parse(readFileSync(pathOf("torch.golden.json"), "utf8"));

/** The networks of torch.golden.py, channels last. */
const pictures = (): Model =>
  new Sequential([
    Input([8, 8, 2]),
    new nn.Conv2D(4, 3, { padding: "same", name: "conv" }),
    new nn.BatchNormalization({ epsilon: 1e-5, name: "norm" }),
    new nn.PReLU({ sharedAxes: [1, 2], name: "slope" }),
    new nn.MaxPooling2D(),
    new nn.DepthwiseConv2D(3, { depthMultiplier: 2, name: "depth" }),
    new nn.Conv2DTranspose(3, 2, { strides: 2, name: "up" }),
    new nn.GroupNormalization({ groups: 3, epsilon: 1e-5, name: "groups" }),
    new nn.GlobalAveragePooling2D(),
    new nn.Dense(5, { name: "fc" }),
  ]);
const pictureNames = { conv: "features.0", norm: "features.1", slope: "features.2", groups: "norm" };

function texts(): Model {
  const tokens = Input({ shape: [4], dtype: "int32" });
  const x = new nn.Bidirectional(new nn.LSTM(4, { returnSequences: true }), { name: "lstm" })(
    new nn.Embedding(11, 6, { name: "embed" })(tokens),
  );
  const attended = new nn.MultiHeadAttention(2, 4, { name: "attention" })(x, x);
  const y = new nn.LayerNormalization({ name: "norm" })(new nn.Add()([x, attended]));
  const last = new nn.SimpleRNN(3, { name: "rnn" })(new nn.GRU(5, { returnSequences: true, name: "gru" })(y));
  return new Model({ inputs: tokens, outputs: last });
}

const input = (name: string): Tensor => {
  const { shape, data } = golden[name]!.input;
  if (name === "texts") return tensor([...data], { dtype: "int32" }).reshape(shape);
  return tensor([...data])
    .reshape(shape)
    .permuteDims([0, 2, 3, 1]);
};

const networks = { pictures: { make: pictures, names: pictureNames }, texts: { make: texts, names: {} } };

/** A Python that has PyTorch: Debian's own may stand behind another one. */
const python = ["python3", "/usr/bin/python3"].find((command) => spawnSync(command, ["-c", "import torch"]).status === 0);

describe("state dicts of PyTorch", () => {
  for (const [name, { make, names }] of Object.entries(networks)) {
    test(`the weights of ${name} give PyTorch's numbers`, async () => {
      const model = make();
      await loadTorchWeights(model, pathOf(`${name}.safetensors`), names);
      expectClose(model(input(name)) as Tensor, golden[name]!.out, 2e-6);
    });

    test(`the weights of ${name} are written as PyTorch wrote them`, async () => {
      const model = make();
      await loadTorchWeights(model, pathOf(`${name}.safetensors`), names);
      const path = join(mkdtempSync(join(tmpdir(), "gradus-torch-")), `${name}.safetensors`);
      await saveTorchWeights(model, path, names);
      const [written, original] = [await loadSafetensors(path), await loadSafetensors(pathOf(`${name}.safetensors`))];
      const biases = /lstm\.bias|rnn\.bias/;
      expect(Object.keys(written).sort()).toEqual(
        Object.keys(original)
          .filter((key) => !key.endsWith("num_batches_tracked"))
          .sort(),
      );
      for (const [key, value] of Object.entries(written)) if (!biases.test(key)) expectClose(value, original[key]!, 0);
    });

    test.skipIf(!python)(
      `PyTorch loads what is written for ${name}${python ? "" : " (python3-torch is not installed)"}`,
      async () => {
        const model = make();
        const path = join(mkdtempSync(join(tmpdir(), "gradus-torch-")), `${name}.safetensors`);
        await saveTorchWeights(model, path, names);
        const data = JSON.parse(execFileSync(python!, [pathOf("torch.golden.py"), "--check", path], { encoding: "utf8" }));
        expectClose(model(input(name)) as Tensor, { shape: golden[name]!.out.shape, data }, 2e-6);
      },
      60_000,
    );
  }

  test("what is missing, does not fit or has no rule is said, and nothing is changed", async () => {
    const model = pictures();
    const before = model.getWeights().map((w) => w.dataSync());
    const file = pathOf("pictures.safetensors");
    await expect(loadTorchWeights(model, file)).rejects.toThrow(/the file lacks conv\.weight, norm\.running_mean.*say which module/s);
    await expect(loadTorchWeights(model, file, { ...pictureNames, cnov: "features.0" })).rejects.toThrow(
      "no layer with weights is called cnov",
    );
    await expect(loadTorchWeights(model, file, { ...pictureNames, fc: "depth" })).rejects.toThrow("fc/kernel has shape [3, 5]");
    expect(model.getWeights().map((w) => w.dataSync())).toEqual(before);
    const other = new Sequential([Input([4]), new nn.SpectralNormalization(new nn.Dense(2))]);
    await expect(saveTorchWeights(other, "/nowhere")).rejects.toThrow("SpectralNormalization");
  });
});
