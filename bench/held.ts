import type { Timing } from "./timing.ts";

/** A peer's timing with what it computed: logits, or the losses of the first three steps. */
export type Checked = Omit<Timing, "peer" | "name"> & { readonly outputs: readonly number[] };

/** The timing, if its results are ours but for so much of the largest; default: a thousandth, which is rounding. */
export function held({ outputs, ...timing }: Checked, expected: readonly number[], share = 1e-3): Omit<Timing, "peer" | "name"> {
  const largest = expected.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const off = expected.reduce((most, v, i) => Math.max(most, Math.abs(v - outputs[i]!)), 0) / largest;
  return off < share ? { ...timing, off } : { error: `its results are off ours by ${off.toPrecision(2)} of the largest` };
}
