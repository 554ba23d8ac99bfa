import { describe, expect, test } from "vitest";
import { OutOfMemoryError, StateError } from "../../errors.ts";
import { Heap } from "./memory.ts";

const MIB = 2 ** 20;

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
}

describe.each([true, false])("a heap (shared: %s)", (shared) => {
  test("hands out aligned buffers that never overlap, and everything coalesces again", () => {
    const heap = new Heap({ shared, limitBytes: 64 * MIB });
    const next = random(shared ? 1 : 2);
    const live = new Map<number, number>();
    const owner = new Int32Array((64 * MIB) / 64);
    const mark = (address: number, bytes: number, from: number, to: number) => {
      const units = Math.max(1, Math.ceil(bytes / 64));
      for (let u = address / 64; u < address / 64 + units; u++) {
        if (owner[u] !== from) throw new Error(`unit ${u} belongs to ${owner[u]}, not ${from}`);
        owner[u] = to;
      }
    };
    for (let round = 1; round <= 20000; round++) {
      if (next() < 0.52) {
        const bytes = Math.floor(2 ** (next() * 20));
        try {
          const address = heap.allocate(bytes);
          expect(address % 64).toBe(0);
          expect(address).toBeGreaterThan(0);
          mark(address, bytes, 0, round);
          live.set(address, bytes);
        } catch (error) {
          if (!(error instanceof OutOfMemoryError)) throw error;
        }
      } else if (live.size > 0) {
        const addresses = [...live.keys()];
        const address = addresses[Math.floor(next() * addresses.length)] as number;
        mark(address, live.get(address) as number, owner[address / 64] as number, 0);
        heap.free(address);
        live.delete(address);
      }
    }
    expect(heap.statistics().count).toBe(live.size);
    for (const address of live.keys()) heap.free(address);
    const { used, count, holes, largestHole, reserved } = heap.statistics();
    expect({ used, count, holes }).toEqual({ used: 0, count: 0, holes: 1 });
    expect(largestHole).toBe(reserved - 64);
  });

  test("keeps contents and refreshes its views when the memory grows", () => {
    const heap = new Heap({ shared });
    const first = heap.allocate(64);
    heap.f32[first / 4] = 42;
    const second = heap.allocate(40 * MIB);
    heap.u8[second + 40 * MIB - 1] = 7;
    expect(heap.f32[first / 4]).toBe(42);
    expect(heap.u8[second + 40 * MIB - 1]).toBe(7);
    expect(heap.i32.length).toBe(heap.u8.length / 4);
  });

  test("says what was asked and used when memory is out, and stays usable", () => {
    const heap = new Heap({ shared, limitBytes: 8 * MIB });
    const address = heap.allocate(6 * MIB);
    expect(() => heap.allocate(3 * MIB)).toThrow(OutOfMemoryError);
    expect(() => heap.allocate(3 * MIB)).toThrow(/3\.0 MiB asked for, 6\.0 MiB in use in 1 buffers.*8\.0 MiB/);
    expect(() => heap.allocate(2 ** 40)).toThrow(OutOfMemoryError);
    heap.free(heap.allocate(1 * MIB));
    heap.free(address);
    heap.free(heap.allocate(7 * MIB));
  });

  test("refuses to free twice or to free what it did not hand out", () => {
    const heap = new Heap({ shared });
    const address = heap.allocate(128);
    expect(() => heap.free(address + 64)).toThrow(StateError);
    heap.free(address);
    expect(() => heap.free(address)).toThrow(StateError);
  });

  test("gives the same place again for a freed buffer of the same size", () => {
    const heap = new Heap({ shared });
    const addresses = [1000, 5000, 100000].map((bytes) => heap.allocate(bytes));
    heap.free(addresses[1] as number);
    expect(heap.allocate(5000)).toBe(addresses[1]);
  });
});
