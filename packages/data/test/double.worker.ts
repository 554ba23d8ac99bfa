import type { ArrayData } from "@gradus/tensor/io";
import type { MapContext } from "../src/index.ts";

/** What tests run on workers. */
export default async (x: number): Promise<number> => {
  await new Promise((resolve) => setTimeout(resolve, x % 3)); // later elements may be done earlier
  return 2 * x;
};

export const noisy = (x: number, { random, index }: MapContext): { x: number; noise: number; index: number } => ({
  x,
  noise: random.uniform(),
  index,
});

export const total = ({ image }: { image: ArrayData }): { total: number; image: ArrayData } => ({
  total: (image.data as Float32Array).reduce((a, b) => a + b, 0),
  image,
});

/** Ends the whole worker at element 3. */
export function dies(x: number): number {
  if (x === 3) process.exit(1);
  return x;
}

export function fails(x: number): number {
  if (x === 3) throw new Error("three is too much");
  return x;
}
