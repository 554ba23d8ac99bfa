import type { Timing } from "./timing.ts";

/** A peer's timing with what it computed: logits, or the losses of the first three steps. */
export type Checked = Omit<Timing, "peer" | "name"> & { readonly outputs: readonly number[] };

/** The timing, if its results are ours but for so much of the largest; default: a thousandth, which is rounding. */
export function held({ outputs, ...timing }: Checked, expected: readonly number[], share = 1e-3): Omit<Timing, "peer" | "name"> {
  const off = difference(outputs, expected);
  return off < share ? { ...timing, off } : { error: `its results are off ours by ${off.toPrecision(2)} of the largest` };
}

type Numbers = ArrayLike<number>;

export function largest(x: Numbers): number {
  let most = 0;
  for (let i = 0; i < x.length; i++) most = Math.max(most, Math.abs(x[i]!));
  return most;
}

/** The largest difference over the largest number, or over `least` where that is more. Infinity where there are not as many. */
export function difference(found: Numbers, expected: Numbers, least = 0): number {
  if (found.length !== expected.length) return Infinity;
  let most = 0;
  for (let i = 0; i < expected.length; i++) most = Math.max(most, Math.abs(expected[i]! - found[i]!));
  return most / Math.max(largest(expected), least);
}
