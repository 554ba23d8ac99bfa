import { parseArgs } from "node:util";
import { encodePng } from "@gradus/data";
import {
  Autoencoder,
  ClipTextEncoder,
  ClipTokenizer,
  configOf,
  draw,
  type Networks,
  type PartName,
  parametersOf,
  StableDiffusion,
  type StableDiffusionConfig,
  UNet,
} from "@gradus/systems/diffusion";
import { init, memoryReport, random, randomKey, scope } from "@gradus/tensor";
import { saveFile } from "@gradus/tensor/io";
import { peakMemory } from "./memory.ts";

/*
 * Stable Diffusion 1.5 at its full size, with weights by a formula instead of the published ones, which are not ours to give: that it
 * runs, in how much memory and time. `node bench/stable-diffusion.ts --steps 2 --size 512`
 */

const { values } = parseArgs({
  options: {
    steps: { type: "string", default: "2" },
    size: { type: "string", default: "512" },
    guidance: { type: "string", default: "7.5" },
    device: { type: "string", default: "wasm" },
    out: { type: "string" },
  },
});

/** A network whose matrices are uniform noise of the size that keeps numbers as large as they were, in 16 bits. */
function filled<P extends PartName>(part: P, config: StableDiffusionConfig): Networks[P] {
  const dtype = "float16";
  const made: Networks = {
    text_encoder: new ClipTextEncoder(config.text, { dtype }),
    unet: new UNet(config.unet, { dtype }),
    vae: new Autoencoder(config.autoencoder, { dtype }),
  };
  const network = made[part];
  for (const [i, { variable, shape, name }] of parametersOf(network).entries()) {
    const inputs = shape.slice(1).reduce((a, b) => a * b, 1);
    const value = scope(() => {
      // Bits are numbers from 0 to 2³² - 1.
      const spread = random
        .bits(randomKey(i), variable.shape)
        .astype("float32")
        .mul(2 ** -31)
        .sub(1);
      if (shape.length > 1) return spread.mul(Math.sqrt(3 / inputs)).astype(dtype);
      return spread
        .mul(0.01)
        .add(name.endsWith("bias") ? 0 : 1)
        .astype(dtype);
    });
    variable.assign(value);
    value.dispose();
  }
  return network;
}

/** All bytes as tokens, and nothing merged. */
function bytesOnly(): ClipTokenizer {
  let next = 256;
  const visible = (byte: number): boolean => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  const signs = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(visible(byte) ? byte : next++));
  const names = [...signs, ...signs.map((sign) => `${sign}</w>`), "<|startoftext|>", "<|endoftext|>"];
  return new ClipTokenizer(JSON.stringify(Object.fromEntries(names.map((name, i) => [name, i]))), "");
}

const config = configOf("sd-1.5");
const { description } = await init({ device: values.device as "wasm" });
console.log(description);
let begin = performance.now();
const said = (what: string): void => {
  const { buffers, arenas, reserved } = memoryReport();
  const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  const cpu = process.cpuUsage();
  console.log(
    `${what}: ${seconds} s, ${((cpu.user + cpu.system) / 1e6).toFixed(0)} s of CPU so far; arrays ${mib(buffers)}, intermediates ${mib(arenas)}, reserved ${mib(reserved)}, process at most ${peakMemory()} MiB`,
  );
  begin = performance.now();
};
const model = new StableDiffusion(
  config,
  bytesOnly(),
  async (part) => {
    const network = filled(part, config);
    said(`weights of ${part}`);
    return network;
  },
  false,
);
const size = Number(values.size);
const run = draw(model, {
  ...{ prompt: "an astronaut riding a horse on the moon", sampler: "ddim", seed: 1 },
  ...{ width: size, height: size, steps: Number(values.steps), guidance: Number(values.guidance) },
});
for (;;) {
  const { value, done } = await run.next();
  if (done) {
    said("decoded");
    if (values.out) await saveFile(values.out, [await encodePng(value.pictures[0]!)]);
    break;
  }
  said(`step ${value.step} of ${value.steps}`);
}
process.exit(0);
