import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { memoryReport } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { afterAll, describe, expect, test } from "vitest";
import { Autoencoder, ClipTextEncoder, configOf, loadStableDiffusion, UNet } from "../index.ts";
import { arrayOf, parametersOf } from "../parameters.ts";
import { loadPart, type PartName, savePart } from "../weights.ts";
import { missing, namesFile, why } from "./fixtures.ts";
import { changed, encodedArrays, encodedText, tiny, tinyArrays, tinyFiles, weightFiles } from "./tiny-model.ts";

const folder = mkdtempSync(join(tmpdir(), "gradus-diffusion-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(missing)(`Stable Diffusion 1.5 ${why}`, () => {
  test("has every tensor of its published checkpoints by name and shape, and takes no memory before it is loaded", () => {
    const { unet, autoencoder, text } = configOf("sd-1.5");
    const before = memoryReport().buffers;
    const networks = { unet: new UNet(unet), vae: new Autoencoder(autoencoder), text_encoder: new ClipTextEncoder(text) };
    const lines = readFileSync(namesFile, "utf8").trim().split("\n").slice(1);
    expect(lines.length).toBe(686 + 248 + 196);
    for (const [part, network] of Object.entries(networks)) {
      const expected = lines.filter((line) => line.startsWith(`${part},`)).map((line) => line.split(",").slice(1, 3).join(" "));
      const given = parametersOf(network).map(({ name, shape }) => `${name} ${shape.join("x")}`);
      expect(given.sort()).toEqual(expected.sort());
    }
    expect(memoryReport().buffers - before).toBeLessThan(2 ** 20);
  });

  test("has the older names of the autoencoder's attention", async () => {
    const lines = readFileSync(namesFile, "utf8").trim().split("\n").slice(1);
    const other = lines.map((line) => line.split(",")).filter((cells) => cells[3]);
    expect(other.length).toBe(16);
    // The tiny autoencoder's file with those names, some products as convolutions.
    const arrays = new Map(await tinyArrays("vae"));
    for (const [, name, , old] of other as [string, string, string, string][]) {
      const array = arrays.get(name)!;
      arrays.delete(name);
      arrays.set(old, old.endsWith("query.weight") ? { ...array, shape: [...array.shape, 1, 1] } : array);
    }
    const network = new Autoencoder(tiny.autoencoder);
    await loadPart(network, new Map([[weightFiles.vae, encodedArrays(arrays)]]), "vae");
    await expectEqual(network, await tinyArrays("vae"));
  });
});

async function expectEqual(network: Autoencoder | UNet | ClipTextEncoder, arrays: ReadonlyMap<string, ArrayData>): Promise<void> {
  for (const parameter of parametersOf(network)) {
    const [given, expected] = [await arrayOf(parameter), arrays.get(parameter.name)!];
    expect([parameter.name, given.shape]).toEqual([parameter.name, expected.shape]);
    expect(Buffer.compare(new Uint8Array(given.data.buffer), new Uint8Array(expected.data.buffer))).toBe(0);
  }
}

describe("a folder in diffusers' layout", () => {
  test("is read from disk and from memory alike, and written again", async () => {
    const files = await tinyFiles();
    for (const [name, bytes] of files) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), bytes);
    }
    const model = await loadStableDiffusion(folder);
    expect(model.config).toEqual({ ...tiny, samplerOptions: { ...tiny.samplerOptions, karras: false } });
    const copy = join(folder, "copy");
    for (const part of ["text_encoder", "unet", "vae"] as const) {
      const network = await model.part(part);
      await expectEqual(network, await tinyArrays(part));
      await savePart(network, copy, part);
      const other = { text_encoder: new ClipTextEncoder(tiny.text), unet: new UNet(tiny.unet), vae: new Autoencoder(tiny.autoencoder) }[
        part
      ];
      await loadPart(other, copy, part);
      await expectEqual(other, await tinyArrays(part));
    }
  });

  test("may keep its weights in 16 bits, which changes them by a two-thousandth", async () => {
    const model = await loadStableDiffusion(await tinyFiles(), { dtype: "float16" });
    const network = await model.part("unet");
    const arrays = await tinyArrays("unet");
    for (const parameter of parametersOf(network)) {
      expect(parameter.variable.dtype).toBe("float16");
      const given = await parameter.variable.astype("float32").sum().item();
      const expected = (arrays.get(parameter.name)!.data as Float32Array).reduce((a, b) => a + b, 0);
      const size = (arrays.get(parameter.name)!.data as Float32Array).reduce((a, b) => a + Math.abs(b), 0);
      expect(Math.abs((given as number) - expected)).toBeLessThan(size / 2000 + 1e-4);
    }
  });

  test("may hold the places of the text encoder, which are no weights", async () => {
    const arrays = new Map(await tinyArrays("text_encoder"));
    arrays.set("text_model.embeddings.position_ids", {
      dtype: "int32",
      shape: [1, 12],
      data: Int32Array.from({ length: 12 }, (_, i) => i),
    });
    const network = new ClipTextEncoder(tiny.text);
    await loadPart(network, new Map([[weightFiles.text_encoder, encodedArrays(arrays)]]), "text_encoder");
    await expectEqual(network, await tinyArrays("text_encoder"));
  });
});

describe("what does not fit is refused, and changes nothing:", () => {
  const load = async (change: (arrays: Map<string, ArrayData>) => void, part: PartName = "unet"): Promise<unknown> => {
    const arrays = new Map(await tinyArrays(part));
    change(arrays);
    const network = { unet: new UNet(tiny.unet), vae: new Autoencoder(tiny.autoencoder), text_encoder: new ClipTextEncoder(tiny.text) }[
      part
    ];
    const before = await network.weights[0]!.data();
    try {
      await loadPart(network, new Map([[weightFiles[part], encodedArrays(arrays)]]), part);
    } finally {
      expect(await network.weights[0]!.data()).toEqual(before);
    }
    return null;
  };
  const first = "conv_in.weight";

  test("names that are missing or left over", async () => {
    await expect(load((a) => a.delete(first))).rejects.toThrow("lacks conv_in.weight");
    await expect(load((a) => a.set("conv_in.gain", a.get(first)!))).rejects.toThrow("no place for conv_in.gain");
    await expect(load((a) => a.set("decoder.mid_block.attentions.0.query.bias", a.get("quant_conv.bias")!), "vae")).rejects.toThrow(
      "no place for decoder.mid_block.attentions.0.query.bias",
    );
  });

  test("arrays of another shape or type", async () => {
    await expect(load((a) => a.set(first, { ...a.get(first)!, shape: [4, 8, 3, 3] }))).rejects.toThrow(
      "shape [4, 8, 3, 3], conv_in.weight is [8, 4, 3, 3]",
    );
    const whole = { dtype: "int32", shape: [8], data: new Int32Array(8) } as const;
    await expect(load((a) => a.set("conv_in.bias", whole))).rejects.toThrow("elements of type I32");
  });

  test("other parts' weights, whole models in one file, and changes to models", async () => {
    const files = await tinyFiles();
    const swapped = new Map([[weightFiles.unet, files.get(weightFiles.vae)!]]);
    await expect(loadPart(new UNet(tiny.unet), swapped, "unet")).rejects.toThrow("looks like an autoencoder");
    const one: [string, ArrayData][] = [
      ["model.diffusion_model.input_blocks.0.0.weight", { dtype: "float32", shape: [1], data: new Float32Array(1) }],
    ];
    const single = new Map([[weightFiles.unet, encodedArrays(one)]]);
    await expect(loadPart(new UNet(tiny.unet), single, "unet")).rejects.toThrow("whole model in one file");
  });

  test("files that are missing, cut off, or no files of this kind", async () => {
    const files = await tinyFiles();
    for (const name of files.keys()) {
      if (name === "model_index.json" || name === "tokenizer/tokenizer_config.json") continue;
      const fewer = new Map(files);
      fewer.delete(name);
      await expect(loadStableDiffusion(fewer).then((model) => model.part("unet"))).rejects.toThrow(`there is no ${name}`);
    }
    await expect(loadStableDiffusion("/nowhere")).rejects.toThrow("there is no text_encoder/config.json in /nowhere");
    const cut = new Map(files).set(weightFiles.unet, files.get(weightFiles.unet)!.subarray(0, 5000));
    await expect(loadStableDiffusion(cut)).rejects.toThrow("unet/diffusion_pytorch_model.safetensors cannot be read: the header claims");
    await expect(loadStableDiffusion(new Map(files).set("unet/config.json", encodedText("[]")))).rejects.toThrow("no JSON object");
  });

  test.each([
    ["unet/config.json", { act_fn: "gelu" }, 'act_fn "gelu"'],
    ["unet/config.json", { use_linear_projection: true }, "use_linear_projection true"],
    ["unet/config.json", { class_embed_type: "timestep" }, "class_embed_type"],
    ["unet/config.json", { down_block_types: ["AttnDownBlock2D", "DownBlock2D"] }, "down_block_types"],
    ["unet/config.json", { up_block_types: ["CrossAttnUpBlock2D", "UpBlock2D"] }, "must mirror"],
    ["unet/config.json", { block_out_channels: "wide" }, "block_out_channels"],
    ["unet/config.json", { in_channels: 9 }, "inpainting"],
    ["unet/config.json", { cross_attention_dim: 24 }, "the U-Net takes 24"],
    ["unet/config.json", { block_out_channels: [8, 24] }, "shape"],
    ["vae/config.json", { _class_name: "VQModel" }, 'only "AutoencoderKL"'],
    ["vae/config.json", { scaling_factor: "1" }, "scaling_factor"],
    ["unet/config.json", { layers_per_block: 9_999_999 }, "layers_per_block 9999999: a whole number from 1 to 16"],
    ["unet/config.json", { block_out_channels: [8, 999_999] }, "block_out_channels"],
    ["unet/config.json", { cross_attention_dim: 9_999_999 }, "cross_attention_dim 9999999"],
    ["vae/config.json", { scaling_factor: 0 }, "scaling_factor 0"],
    ["vae/config.json", { layers_per_block: 9_999_999 }, "layers_per_block 9999999"],
    ["text_encoder/config.json", { num_hidden_layers: 9_999_999 }, "num_hidden_layers 9999999: a whole number from 1 to 256"],
    ["text_encoder/config.json", { max_position_embeddings: 9_999_999 }, "max_position_embeddings 9999999"],
    ["text_encoder/config.json", { hidden_act: "relu" }, "hidden_act"],
    ["text_encoder/config.json", { vocab_size: 100 }, "tokenizer has 664 tokens"],
    ["scheduler/scheduler_config.json", { beta_schedule: "sigmoid" }, "beta_schedule"],
    ["scheduler/scheduler_config.json", { prediction_type: "flow" }, "prediction_type"],
    ["scheduler/scheduler_config.json", { _class_name: "HeunDiscreteScheduler" }, "HeunDiscreteScheduler"],
    ["scheduler/scheduler_config.json", { rescale_betas_zero_snr: true }, "rescale_betas_zero_snr"],
    ["scheduler/scheduler_config.json", { use_lu_lambdas: true }, "use_lu_lambdas"],
    ["scheduler/scheduler_config.json", { timestep_type: "continuous" }, "timestep_type"],
    ["scheduler/scheduler_config.json", { num_train_timesteps: 9_999_999 }, "num_train_timesteps"],
    ["scheduler/scheduler_config.json", { steps_offset: 1000 }, "steps_offset 1000"],
    ["scheduler/scheduler_config.json", { beta_end: 0.0001 }, "betas run from 0.00085 to 0.0001"],
  ])("%s with %o", async (name, values, problem) => {
    await expect(changed(name, values).then((files) => loadStableDiffusion(files).then((model) => model.part("unet")))).rejects.toThrow(
      problem,
    );
  });
});
