// Makes the door of lesson 19: what the shipped model believes is behind the noise, on the way to a picture.
//   node course/19-text-to-image/make.ts
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { encodePng, resizeImage } from "@gradus/data";
import { draw } from "@gradus/systems/diffusion";
import { loadScenes } from "@gradus/systems/diffusion/scenes";
import type { ArrayData } from "@gradus/tensor/io";

const weights = fileURLToPath(new URL("../../packages/systems/diffusion/scenes/weights/", import.meta.url));
const model = await loadScenes(readFileSync(`${weights}scenes.json`, "utf8"), `${weights}scenes.safetensors`);
const shown = [1, 3, 6, 10, 20];
const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => 127 + 70 * Math.sin(12.9898 * i * i + 78.233 * i));
const pictures: ArrayData[] = [{ dtype: "uint8", shape: [64, 64, 3], data: noise }];
for await (const { step, pictures: behind } of draw(model, {
  ...{ prompt: "two large yellow rings left of a small red triangle on a black background", steps: 20, guidance: 3, seed: 4 },
}))
  if (shown.includes(step)) pictures.push((await behind())[0]!);

const [size, gap] = [140, 8];
const width = pictures.length * (size + gap) - gap;
const data = new Uint8Array(size * width * 3).fill(27);
for (const [i, picture] of pictures.entries()) {
  const { data: pixels } = await resizeImage(picture, [size, size], { method: "bicubic" });
  for (let y = 0; y < size; y++)
    data.set((pixels as Uint8Array).subarray(y * size * 3, (y + 1) * size * 3), (y * width + i * (size + gap)) * 3);
}
writeFileSync(new URL("files/door.png", import.meta.url), await encodePng({ dtype: "uint8", shape: [size, width, 3], data }));
