import { afterAll, describe, expect, test } from "vitest";
import { StateError } from "../../errors.ts";
import { type FunctionBuilder, type Local, ModuleBuilder } from "./assembler.ts";
import { Heap } from "./memory.ts";
import { mathFunctions, Pool, type Step } from "./pool.ts";

type Element = (f: FunctionBuilder, i: Local, address: Local, scratch: Local) => void;

/** A kernel over i32 rows: `element` leaves the new value of unit i, which lies at `address`, on the stack. */
function addKernel(module: ModuleBuilder, heap: Heap, name: string, element: Element): void {
  module.importMemory("env", "memory", heap.limits);
  module.func(name, ["i32", "i32", "i32", "i32"], [], (f) => {
    const [args, begin, end, scratch] = f.params as [Local, Local, Local, Local];
    const address = f.local("i32");
    f.block((exit) => {
      f.loop((again) => {
        f.get(begin).get(end).op("i32.ge_s").br_if(exit);
        f.get(args).load("i32.load").get(begin).i32(4).op("i32.mul").op("i32.add").tee(address);
        element(f, begin, address, scratch);
        f.store("i32.store");
        f.get(begin).i32(1).op("i32.add").set(begin).br(again);
      });
    });
  });
}

function build(heap: Heap, kernels: Record<string, Element>): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  for (const [name, element] of Object.entries(kernels)) addKernel(module, heap, name, element);
  return module.finish();
}

const increment =
  (by: number): Element =>
  (f, _i, address) =>
    void f.get(address).load("i32.load").i32(by).op("i32.add");
const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe.each([
  ["one thread", 1, true],
  ["four threads", 4, true],
  ["memory that is not shared", 4, false],
])("a pool with %s", (_name, threads, shared) => {
  const heap = new Heap({ shared });
  const pool = new Pool(heap, { threads, math: { ...mathFunctions, tripled: (x: number) => 3 * x } });
  afterAll(() => pool.dispose());
  const units = 1000;
  const out = heap.allocate(4 * units);
  const table = heap.allocate(64);
  heap.i32[table / 4] = out;
  const clear = () => heap.i32.fill(0, out / 4, out / 4 + units);
  const result = () => [...new Set(heap.i32.subarray(out / 4, out / 4 + units))];

  test("runs 10,000 parallel steps in a row, each over every unit once", async () => {
    await pool.started();
    const handle = pool.load(build(heap, { one: increment(1), two: increment(2) }));
    const step: Step = { handle, functions: ["one", "two"], args: [table, table], units, grain: 37, parallel: true };
    const steps = new Array<Step>(100).fill(step);
    clear();
    for (let i = 0; i < 100; i++) pool.run(steps);
    expect(result()).toEqual([30000]);
  });

  test("gives sleeping workers new modules, and takes old ones back", async () => {
    const before = heap.statistics().count;
    for (let i = 1; i <= 5; i++) {
      const handle = pool.load(build(heap, { add: increment(i) }));
      await sleep(5);
      clear();
      const steps: Step[] = [{ handle, functions: ["add"], args: [table], units, grain: 10, parallel: true }];
      pool.run(steps);
      pool.run(steps);
      expect(result()).toEqual([2 * i]);
      handle.dispose();
      expect(() => pool.run(steps)).toThrow(StateError);
    }
    expect(heap.statistics().count).toBe(before);
  });

  test("keeps more modules than it remembers unloading", () => {
    const first = pool.load(build(heap, { add: increment(1) }));
    const steps: Step[] = [{ handle: first, functions: ["add"], args: [table], units, grain: 10, parallel: true }];
    clear();
    pool.run(steps);
    for (let i = 0; i < 100; i++) {
      const handle = pool.load(build(heap, { add: increment(1) }));
      pool.run([{ handle, functions: ["add"], args: [table], units, grain: 10, parallel: true }]);
      handle.dispose();
    }
    pool.run(steps);
    expect(result()).toEqual([102]);
  });

  test("splits chains of any length, and orders parallel and plain steps", () => {
    const handle = pool.load(build(heap, { one: increment(1), double: (f, _i, a) => void f.get(a).load("i32.load").i32(2).op("i32.mul") }));
    clear();
    const names = new Array<string>(300).fill("one");
    pool.run([
      { handle, functions: names, args: names.map(() => table), units, grain: 100, parallel: true },
      { handle, functions: ["double"], args: [table], units, grain: 100, parallel: false },
      { handle, functions: ["one"], args: [table], units, grain: 1, parallel: true },
    ]);
    expect(result()).toEqual([601]);
  });

  test("lets a trap reach the caller, and stays usable", () => {
    const module = build(heap, {
      trap: (f, i) => void f.get(i).i32(1).get(i).i32(900).op("i32.lt_s").op("i32.div_s").op("i32.add"),
      one: increment(1),
    });
    const handle = pool.load(module);
    for (let i = 0; i < 20; i++) {
      const step = { handle, args: [table], units, grain: 10, parallel: true };
      expect(() => pool.run([{ ...step, functions: ["trap"] }])).toThrow(/divide by zero/);
      clear();
      pool.run([{ ...step, functions: ["one"] }]);
      expect(result()).toEqual([1]);
    }
  });

  test("keeps working when the memory grows, with modules and data in the new part", () => {
    heap.allocate(heap.statistics().largestHole);
    const far = heap.allocate(2 ** 20);
    const farTable = heap.allocate(64);
    heap.i32[farTable / 4] = far;
    heap.i32.fill(5, far / 4, far / 4 + units);
    const handle = pool.load(build(heap, { one: increment(1) }));
    pool.run([{ handle, functions: ["one"], args: [farTable], units, grain: 10, parallel: true }]);
    expect([...new Set(heap.i32.subarray(far / 4, far / 4 + units))]).toEqual([6]);
  });

  test("passes math functions to modules, ours among them", () => {
    const module = new ModuleBuilder();
    const tripled = module.importFunction("math", "tripled", ["f64"], ["f64"]);
    const atan2 = module.importFunction("math", "atan2", ["f64", "f64"], ["f64"]);
    // Each thread's scratch is its own: what is written there comes back.
    addKernel(module, heap, "apply", (f, _i, _address, scratch) => {
      f.get(scratch).f64(0).f64(-1).call(atan2).call(tripled).store("f64.store");
      f.get(scratch).load("f64.load").op("i32.trunc_f64_s");
    });
    const handle = pool.load(module.finish());
    clear();
    pool.run([{ handle, functions: ["apply"], args: [table], units, grain: 1, parallel: true }]);
    expect(result()).toEqual([9]);
  });
});

test("a pool's workers do not keep the process, and a disposed pool refuses work", () => {
  const pool = new Pool(new Heap(), { threads: 2 });
  pool.dispose();
  pool.dispose();
  expect(() => pool.run([])).toThrow(StateError);
});
