import { compile, init, matmul, softmax, sum, tensor, valueAndGrad, variable } from "../src/index.ts";

/** What must hold in every page, cross-origin isolated (threads) or not (one thread, memory of its own). */
export default {
  "The engine computes, and says what it runs on": async () => {
    const { device, description } = await init();
    if (device !== "wasm") throw new Error(`device ${device}`);
    const threads = Number(/(\d+) thread/.exec(description)?.[1]);
    if (!globalThis.crossOriginIsolated && threads !== 1) throw new Error(`not isolated, yet ${description}`);
    const y = await tensor([
      [1, 2],
      [3, 4],
    ])
      .matmul([
        [1, 0],
        [0, 2],
      ])
      .tolist();
    if (JSON.stringify(y) !== "[[1,4],[3,8]]") throw new Error(`matmul gave ${JSON.stringify(y)}`);
  },
  "A large product equals the sum of its parts": async () => {
    const n = 384;
    const a = tensor(Float32Array.from({ length: n * n }, (_, i) => (i % 7) - 3)).reshape([n, n]);
    const ones = tensor(new Float32Array(n * n).fill(1)).reshape([n, n]);
    const rows = await sum(a, { axis: 1 }).data();
    const product = await matmul(a, ones).data();
    for (let i = 0; i < n; i++) if (product[i * n + 5] !== rows[i]) throw new Error(`row ${i}: ${product[i * n + 5]} and ${rows[i]}`);
  },
  "Softmax over many rows sums to one": async () => {
    const x = tensor(Float32Array.from({ length: 2048 * 512 }, (_, i) => Math.sin(i))).reshape([2048, 512]);
    for (const s of await sum(softmax(x), { axis: 1 }).data()) if (Math.abs(s - 1) > 1e-5) throw new Error(`a row sums to ${s}`);
  },
  "A compiled training step learns": async () => {
    const w = variable(tensor([0.5, -0.5]));
    const step = compile((x: ReturnType<typeof tensor>, y: ReturnType<typeof tensor>) => {
      const [loss, [g]] = valueAndGrad(() => x.mul(w).sub(y).square().sum(), { wrt: [w] })(x);
      w.assign(w.sub(g.mul(0.1)));
      return loss;
    });
    let loss = tensor(0);
    for (let i = 0; i < 100; i++) loss = step(tensor([1.5, 1.25]), tensor([3.5, 4.5]));
    const value = await loss.item();
    if (!(value < 1e-6)) throw new Error(`the loss is ${value}`);
    if (step.traces !== 1) throw new Error(`traced ${step.traces} times`);
  },
};
