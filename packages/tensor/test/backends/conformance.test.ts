import { describe, expect, test } from "vitest";
import { WasmBackend } from "../../src/backends/wasm/index.ts";
import { conformance } from "./conformance.ts";

const backends: [string, WasmBackend][] = [
  ["wasm with threads", new WasmBackend({ threads: 2 })],
  ["wasm with one thread, memory not shared, no relaxed SIMD", new WasmBackend({ threads: 1, shared: false, relaxed: false })],
];

test("every worker of the pool starts, so that threads are what the suite below runs on", async () => {
  const [, threaded] = backends[0]!;
  await threaded.pool.started();
  expect(threaded.pool.threads).toBe(2);
});

for (const [name, backend] of backends)
  describe(name, () => {
    for (const [sentence, body] of Object.entries(conformance(backend))) test(sentence, body);
  });
