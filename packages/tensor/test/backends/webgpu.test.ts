import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Backend, DeviceBuffer } from "../../src/backends/backend.ts";
import { ReferenceBackend } from "../../src/backends/reference/index.ts";
import type { WebGpuBackend } from "../../src/backends/webgpu/index.ts";
import { Tuner } from "../../src/backends/webgpu/tuning.ts";
import type { ContractionKernel } from "../../src/compile/kernel.ts";
import { plan } from "../../src/compile/plan.ts";
import { OutOfMemoryError, StateError } from "../../src/errors.ts";
import { linearise } from "../../src/graph/graph.ts";
import { make, type Node } from "../../src/graph/node.ts";
import {
  compile,
  init,
  memoryReport,
  synchronize,
  type Tensor,
  tensor,
  valueAndGrad,
  variable,
  workReport,
  zeros,
} from "../../src/index.ts";
import { conformance, gpuAllowances } from "./conformance.ts";
import { openForTests } from "./software-gpu.ts";

const opened = await openForTests({ fallback: new ReferenceBackend() });
if (typeof opened === "string") console.log(`WebGPU is not tested in Node.js: ${opened}`);
const backend = opened as WebGpuBackend;
// The browser tests try more cases; a real GPU is asked for all of them.
const allowances = { ...gpuAllowances, every: process.env.GRADUS_TEST_GPU || process.env.GRADUS_TEST_LONG ? 1 : 13 };

function program(device: Backend, inputs: readonly Node[], outputs: readonly Node[], inPlace = outputs.map(() => -1)) {
  return device.build({ nodes: linearise([...inputs, ...outputs]), inputs, outputs, inPlace });
}

function upload(device: Backend, values: readonly number[]): DeviceBuffer {
  const buffer = device.allocate("float32", values.length);
  device.write(buffer, Float32Array.from(values));
  return buffer;
}

describe.skipIf(typeof opened === "string")("WebGPU in Node.js", () => {
  for (const [sentence, body] of Object.entries(conformance(backend, allowances))) test(sentence, body, 240_000);

  describe("without subgroup operations", async () => {
    const plain = (await openForTests({ without: ["subgroups"] })) as WebGpuBackend;
    for (const [sentence, body] of Object.entries(conformance(plain, allowances)))
      if (/long arrays|random graphs/.test(sentence)) test(sentence, body, 240_000);
  });

  test("it does more elements than one row of workgroups holds", async () => {
    const n = 65_536 * 256 + 300;
    const x = make.iota([n], 0, "int32");
    const y = make.binary("mul", x, make.constant(3, [n], "int32"));
    const out = backend.allocate("int32", n);
    program(backend, [], [y]).run([], [out]);
    const data = await backend.read(out, "int32", n);
    expect([data[0], data[n - 1], data[65_536 * 256]]).toEqual([0, 3 * (n - 1), 3 * 65_536 * 256]);
    backend.free(out);
  });

  test("it adds more arrays than a shader may have buffers", async () => {
    const inputs = Array.from({ length: 40 }, () => make.parameter([5], "float32"));
    const sum = inputs.reduce((a, b) => make.binary("add", make.unary("tanh", a), b));
    const [reference, results] = [new ReferenceBackend(), [] as unknown[]];
    for (const device of [reference, backend]) {
      const out = device.allocate("float32", 5);
      program(device, inputs, [sum]).run(
        inputs.map((_, i) => upload(device, [i, -i, 0.1 * i, 1, 2])),
        [out],
      );
      results.push([...(await device.read(out, "float32", 5))].map((x) => x.toFixed(4)));
    }
    expect(results[1]).toEqual(results[0]);
  });

  test("an output in place of an input leaves the input alone where it is given other memory", async () => {
    const x = make.parameter([4], "float32");
    const y = make.binary("add", x, make.constant(1, [4], "float32"));
    const run = program(backend, [x], [y], [0]);
    const [a, b] = [upload(backend, [1, 2, 3, 4]), backend.allocate("float32", 4)];
    run.run([a], [b]);
    run.run([b], [b]);
    expect([...(await backend.read(a, "float32", 4))]).toEqual([1, 2, 3, 4]);
    expect([...(await backend.read(b, "float32", 4))]).toEqual([3, 4, 5, 6]);
  });

  test("writes, programs and reads keep their order while shaders are still compiled", async () => {
    const x = make.parameter([3], "float32");
    const slow = program(backend, [x], [make.unary("cosh", make.unary("sinh", x))]);
    const [a, out] = [upload(backend, [0, 1, 2]), backend.allocate("float32", 3)];
    const read: Promise<unknown>[] = [];
    for (const values of [
      [0, 0, 0],
      [1, 1, 1],
      [0.5, 0, 1],
    ]) {
      backend.write(a, Float32Array.from(values));
      slow.run([a], [out]);
      read.push(backend.read(out, "float32", 3).then((r) => [...r].map((v) => v.toFixed(3))));
    }
    const f = (v: number) => Math.cosh(Math.sinh(v)).toFixed(3);
    expect(await Promise.all(read)).toEqual([
      [f(0), f(0), f(0)],
      [f(1), f(1), f(1)],
      [f(0.5), f(0), f(1)],
    ]);
  });

  test("float64 is refused in one sentence without a fallback", async () => {
    const strict = (await openForTests()) as WebGpuBackend;
    const x = make.parameter([2], "float64");
    expect(() => program(strict, [x], [make.unary("neg", x)])).toThrow(/GPUs have no float64. Use float32, or let the CPU do it/);
    strict.dispose();
  });

  test("memory runs out with an error that says so, and afterwards everything works", async () => {
    const small = (await openForTests({ limitBytes: 2 ** 20 })) as WebGpuBackend;
    expect(() => small.allocate("float32", 2 ** 19)).toThrow(OutOfMemoryError);
    expect(() => small.allocate("float32", 2 ** 40)).toThrow(/a buffer of this GPU holds/);
    const buffer = upload(small, [1, 2]);
    expect([...(await small.read(buffer, "float32", 2))]).toEqual([1, 2]);
    // An arena beyond the limit fails at the run, is told to whoever reads, and harms nothing else.
    const x = make.parameter([300, 300], "float32");
    const square = make.contract(x, x, { batch: [[], []], contract: [[1], [0]] });
    const all = make.reduce("reduceSum", make.contract(square, square, { batch: [[], []], contract: [[1], [0]] }), [0, 1]);
    const [big, out] = [small.allocate("float32", 90_000), small.allocate("float32", 1)];
    small.write(big, new Float32Array(90_000));
    program(small, [x], [all]).run([big], [out]);
    for (let i = 0; i < 2; i++) await expect(small.read(out, "float32", 1)).rejects.toThrow(OutOfMemoryError);
    // What is computed from it has no value either.
    const [y, next] = [make.parameter([1], "float32"), small.allocate("float32", 1)];
    program(small, [y], [make.unary("neg", y)]).run([out], [next]);
    await expect(small.read(next, "float32", 1)).rejects.toThrow(OutOfMemoryError);
    expect([...(await small.read(buffer, "float32", 2))]).toEqual([1, 2]);
    small.dispose();
  });

  test("a shader that the GPU refuses is reported with its line", async () => {
    const broken = (await openForTests()) as WebGpuBackend;
    const { compiled } = broken.pipelines.get("broken", "@compute @workgroup_size(1) fn main() {\n  let x: i32 = 1.5;\n}", []);
    await expect(compiled).rejects.toThrow(/refuses a generated shader, broken: line 2 \(let x: i32 = 1.5;\)/);
    broken.dispose();
  });

  test("a lost GPU says so at every use, and can be opened again", async () => {
    const first = (await openForTests()) as WebGpuBackend;
    const buffer = upload(first, [1]);
    first.dispose();
    await expect(first.read(buffer, "float32", 1)).rejects.toThrow(/the GPU stopped: .*Call `await init\(\)` to start again/);
    await first.gpu.device.lost;
    expect(() => first.allocate("float32", 1)).toThrow(StateError);
    const second = (await openForTests()) as WebGpuBackend;
    expect([...(await second.read(upload(second, [7]), "float32", 1))]).toEqual([7]);
    second.dispose();
  });

  test("a dry device counts the work that it does not do", async () => {
    await init({ device: "webgpu", dry: true });
    const product = compile((x: Tensor) => x.matmul(x).add(1));
    const before = workReport()!;
    const y = product(zeros([256, 256]));
    await synchronize();
    const after = workReport()!;
    expect(after.dispatches).toBeGreaterThan(before.dispatches);
    const operations = after.operations - before.operations;
    expect(operations).toBeGreaterThanOrEqual(2 * 256 ** 3);
    expect(operations).toBeLessThan(2.1 * 256 ** 3);
    expect(await y.sum().item()).toBe(0);
    expect(memoryReport().reserved).toBeLessThan(10_000);
  });

  test("products are tried once, the best cut is kept for later sessions, and a damaged record does no harm", async () => {
    const folder = mkdtempSync(join(tmpdir(), "gradus-tuning-"));
    const before = process.env.XDG_CACHE_HOME;
    process.env.XDG_CACHE_HOME = folder;
    const file = join(folder, "gradus", "webgpu-tuning.json");
    try {
      const n = 520;
      const [a, b] = [make.parameter([n, n], "float32"), make.parameter([n, n], "float32")];
      const product = make.contract(a, b, { batch: [[], []], contract: [[1], [0]] });
      const data = Array.from({ length: n * n }, (_, i) => (i % 7) - 3);
      const row = async (device: Backend) => {
        const out = device.allocate("float32", n * n);
        const x = upload(device, data);
        program(device, [a, b], [product]).run([x, x], [out]);
        return [...(await device.read(out, "float32", n * n))].slice(0, 40);
      };
      const wanted = Array.from({ length: 40 }, (_, j) => data.slice(0, n).reduce((sum, v, k) => sum + v * data[k * n + j]!, 0));
      const first = (await openForTests({ tune: true })) as WebGpuBackend;
      expect(await row(first)).toEqual(wanted);
      const record = readFileSync(file, "utf8");
      expect(Object.keys(JSON.parse(record))).toEqual([expect.stringContaining("float32 1 520 520 520")]);
      first.dispose();
      // Later sessions: this product is not tried again unless its entry is damaged.
      const { traits, name } = first.gpu;
      const [kernel] = plan({ nodes: [a, b, product], inputs: [a, b], outputs: [product], inPlace: [-1] }, first.target).kernels;
      const damaged = ["no JSON", "[]", record.replace(/\d+,\n/, '"x",\n'), record.replace(/\d+,\n/, "99,\n")];
      for (const text of [record, ...damaged]) {
        writeFileSync(file, text);
        const tuner = new Tuner(name, traits, async (_, cut) => cut.splits + cut.tile.rows);
        await tuner.load();
        const trial = tuner.tune([kernel as ContractionKernel]);
        expect(trial === null).toBe(text === record);
        await trial;
        expect(tuner.cut(kernel as ContractionKernel).splits).toBeGreaterThan(0);
      }
    } finally {
      if (before === undefined) delete process.env.XDG_CACHE_HOME;
      else process.env.XDG_CACHE_HOME = before;
      rmSync(folder, { recursive: true });
    }
  }, 120_000);

  test("init takes the CPU rather than a GPU that is a program, and says why; asked for, it takes the GPU", async () => {
    if (process.env.GRADUS_TEST_GPU) return;
    const chosen = await init();
    expect(chosen).toMatchObject({ device: "wasm", description: expect.stringContaining("is a program") });
    const gpu = await init({ device: "webgpu" });
    expect(gpu).toMatchObject({ device: "webgpu", description: expect.stringMatching(/^WebGPU on .*swiftshader/i) });
  });

  test("a compiled training step makes no shaders, buffers or arrays after its first calls", async () => {
    await init({ device: "webgpu" });
    const weights = variable(tensor([0.5, -0.5]));
    const loss = valueAndGrad((w: Tensor, x: Tensor) => w.mul(x).sum().square());
    const step = compile((x: Tensor) => {
      const [value, gradient] = loss(weights, x) as [Tensor, Tensor];
      weights.assign(weights.sub(gradient.mul(0.01)));
      return value;
    });
    const x = tensor([1, 2]);
    const losses: number[] = [];
    let before: unknown;
    const { engine } = await import("../../src/graph/engine.ts");
    const state = () => ({
      pipelines: (engine.backend as WebGpuBackend).pipelines.size,
      reserved: engine.memory().reserved,
      count: engine.memory().count,
    });
    for (let i = 0; i < 60; i++) {
      const value = step(x);
      losses.push(await value.item());
      value.dispose();
      if (i === 20) before = state();
    }
    expect(state()).toEqual(before);
    expect(losses.at(-1)!).toBeLessThan(1e-3 * losses[0]!);
  });
});
