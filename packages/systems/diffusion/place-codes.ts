import { type Tensor, tensor } from "@gradus/tensor";

/**
 * Fixed codes of the places of a picture, [height, width, channels] (Vaswani et al. 2017, §3.5, for two axes): half of the channels tell
 * the column, half the row, sines and then cosines in each. `channels` is a multiple of 4.
 */
export function placeCodes(height: number, width: number, channels: number): Tensor {
  const quarter = channels / 4;
  const codes = new Float32Array(height * width * channels);
  for (let i = 0; i < height * width; i++)
    for (const [half, place] of [i % width, Math.floor(i / width)].entries())
      for (let k = 0; k < quarter; k++) {
        const angle = place / 10000 ** (k / quarter);
        const at = i * channels + 2 * half * quarter + k;
        codes[at] = Math.sin(angle);
        codes[at + quarter] = Math.cos(angle);
      }
  return tensor(codes).reshape([height, width, channels]);
}
