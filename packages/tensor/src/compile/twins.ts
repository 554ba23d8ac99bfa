import type { Slot } from "./kernel.ts";

/** The input whose memory each output in place takes over: one buffer under two names. */
export function twinsOf(slots: readonly Slot[], inPlace: readonly number[]): ReadonlyMap<Slot, Slot> {
  const inputs = new Map(slots.flatMap((s) => (s.place.kind === "input" ? [[s.place.index, s] as const] : [])));
  const twins = new Map<Slot, Slot>();
  for (const slot of slots) {
    const twin = slot.place.kind === "output" ? inputs.get(inPlace[slot.place.index]!) : undefined;
    if (twin) twins.set(slot, twin);
  }
  return twins;
}

/** How many buffers these slots are. */
export const countBuffers = (slots: Iterable<Slot>, twins: ReadonlyMap<Slot, Slot>): number =>
  new Set([...slots].map((s) => twins.get(s) ?? s)).size;
