import { ArgumentError, FormatError, type Tensor } from "@gradus/tensor";

/** What is refused whatever model draws. */

const [mostPixels, mostTogether] = [2 ** 20, 2 ** 22];

/**
 * Throws ArgumentError for sizes that are no multiples of `step`, and for more pictures, or larger ones, than are drawn together: that they
 * take too much memory or time would be found only at the end.
 */
export function checkDrawn(count: number, height: number, width: number, step = 1): void {
  for (const [name, n] of Object.entries({ width, height }))
    if (!Number.isInteger(n) || n < step || n % step) throw new ArgumentError("draw", `the ${name} is ${n}`, `Give a multiple of ${step}`);
  const sides = `${width} x ${height}`;
  if (!Number.isInteger(count) || count < 1) throw new ArgumentError("draw", `count is ${count}`, "Give a whole number from 1 on");
  if (height * width > mostPixels)
    throw new ArgumentError("draw", `pictures of ${sides} are too large`, `At most ${mostPixels} pixels are drawn, as 1024 x 1024 has`);
  if (count * height * width > mostTogether)
    throw new ArgumentError(
      "draw",
      `${count} pictures of ${sides} are too many together`,
      `Draw up to ${Math.floor(mostTogether / (height * width))}, and others with another seed`,
    );
}

/** Throws ArgumentError unless guidance leads somewhere. */
export function checkGuidance(guidance: number, example: number): void {
  if (!(guidance >= 0 && guidance <= 1000))
    throw new ArgumentError("draw", `guidance is ${guidance}`, `Give a number from 0 to 1000, such as ${example}`);
}

/** Throws ArgumentError for what is no seed. */
export function checkSeed(seed: number): void {
  if (!Number.isSafeInteger(seed) || seed < 0) throw new ArgumentError("draw", `the seed is ${seed}`, "Give a whole number from 0 on");
}

/** Waits for a sample, so that the steps before need not be remembered. FormatError where it is damaged. */
export async function finite(sample: Tensor): Promise<void> {
  if (((await sample.data()) as Float32Array).every(Number.isFinite)) return;
  throw new FormatError("draw", "the network gives numbers that are not finite", "Its weights are damaged, or too large for float16");
}
