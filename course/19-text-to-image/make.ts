// Makes the door of lesson 19: what the shipped model believes is behind the noise, on the way to two pictures.
//   node course/19-text-to-image/make.ts
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { encodePng, resizeImage } from "@gradus/data";
import { draw } from "@gradus/systems/diffusion";
import { loadScenes } from "@gradus/systems/diffusion/scenes";
import type { ArrayData } from "@gradus/tensor/io";

const weights = fileURLToPath(new URL("../../packages/systems/diffusion/scenes/weights/", import.meta.url));
const model = await loadScenes(readFileSync(`${weights}scenes.json`, "utf8"), `${weights}scenes.safetensors`);
const rows = [
  { prompt: "two large yellow rings left of a small red triangle on a black background", seed: 4 },
  { prompt: "a large green circle above a small blue square on a white background", seed: 1 },
];
const shown = [1, 3, 6, 10, 20];

// All doors have this size and this ground.
const [width, height, ground] = [880, 264, 18];
const [size, gap] = [120, 8];
const margin = (width - (shown.length + 1) * (size + gap) + gap) / 2;
const door = new Uint8Array(height * width * 3).fill(ground);
for (const [row, { prompt, seed }] of rows.entries()) {
  const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => 127 + 70 * Math.sin(12.9898 * i * i + 78.233 * i + row));
  const pictures: ArrayData[] = [{ dtype: "uint8", shape: [64, 64, 3], data: noise }];
  for await (const { step, pictures: behind } of draw(model, { prompt, seed, steps: 20, guidance: 3 }))
    if (shown.includes(step)) pictures.push((await behind())[0]!);
  for (const [column, picture] of pictures.entries()) {
    const { data } = await resizeImage(picture, [size, size], { method: "bicubic" });
    const corner = (gap + row * (size + gap)) * width + margin + column * (size + gap);
    for (let y = 0; y < size; y++) door.set((data as Uint8Array).subarray(y * size * 3, (y + 1) * size * 3), 3 * (corner + y * width));
  }
}
writeFileSync(new URL("files/door.png", import.meta.url), await encodePng({ dtype: "uint8", shape: [height, width, 3], data: door }));
