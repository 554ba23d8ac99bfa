import { hasThreads, type Local, ModuleBuilder } from "./assembler.ts";
import { Heap } from "./memory.ts";
import { Pool, type Step } from "./pool.ts";

/** `out[i] += 1` for begin <= i < end, one i32 a unit. */
function increments(heap: Heap): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory("env", "memory", heap.limits);
  module.func("one", ["i32", "i32", "i32", "i32"], [], (f) => {
    const [args, begin, end] = f.params as [Local, Local, Local, Local];
    const address = f.local("i32");
    f.loop((again) => {
      f.get(args).load("i32.load").get(begin).i32(4).op("i32.mul").op("i32.add").tee(address);
      f.get(address).load("i32.load").i32(1).op("i32.add").store("i32.store");
      f.get(begin).i32(1).op("i32.add").tee(begin).get(end).op("i32.lt_s").br_if(again);
    });
  });
  return module.finish();
}

/** Self-contained, so that any page or worker of a browser can run it. Resolves to the threads that took part. */
async function checkPool(threads = 4): Promise<number> {
  const heap = new Heap();
  const pool = new Pool(heap, { threads });
  if (heap.shared) await pool.started();
  const units = 4096;
  const out = heap.allocate(4 * units);
  const table = heap.allocate(64);
  heap.i32[table / 4] = out;
  heap.i32.fill(0, out / 4, out / 4 + units);
  for (let round = 0; round < 5; round++) {
    // Workers sleep by then, and get a module that they have not seen.
    await new Promise((resolve) => setTimeout(resolve, 5));
    const handle = pool.load(increments(heap));
    const step: Step = { handle, functions: ["one"], args: [table], units, grain: 64, parallel: true };
    pool.run(new Array<Step>(400).fill(step));
    handle.dispose();
  }
  const values = new Set(heap.i32.subarray(out / 4, out / 4 + units));
  pool.dispose();
  if (values.size !== 1 || !values.has(2000)) throw new Error(`expected 2000 everywhere, found ${[...values]}`);
  return pool.threads;
}

export default {
  "A pool works, with threads where the page is cross-origin isolated": async () => {
    const threads = await checkPool(4);
    if (threads !== (hasThreads() ? 4 : 1)) throw new Error(`${threads} threads took part`);
  },
};
