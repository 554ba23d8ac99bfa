import { init } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { timeFold } from "../fold-peers.ts";
import { findPython } from "../peers.ts";

await init({ device: "wasm", threads: 1 });

const python = findPython();

describe.skipIf(!python)("AlphaFold's parts in PyTorch (skipped where no Python has torch)", () => {
  test.each(["evoformer-7x5-train", "structure-9-train"])(
    "have the losses of %s, and in its first step the gradients of all weights",
    async (name) => {
      const { error, off, ms } = await timeFold(name, python!);
      expect(error).toBeUndefined();
      expect(off).toBeLessThan(1e-4);
      expect(ms).toBeGreaterThan(0);
    },
    300_000,
  );
});
