import { median } from "../median.ts";
import { type Floats, readArrays } from "./arrays.ts";

/** What is used of tfjs. */
export interface Tfjs {
  readonly version: { readonly tfjs: string };
  readonly fused: {
    conv2d(of: { x: X; filter: X; strides: number; pad: number; bias: X; activation: "linear" | "relu" }): X;
  };
  /** The backend's own functions, in pages. */
  readonly wasm?: { setWasmPaths(prefix: string): void; setThreadsCount(count: number): void };
  setBackend(name: string): Promise<boolean>;
  tidy<T>(f: () => T): T;
  tensor(data: Float32Array, shape?: readonly number[]): X;
}
interface X {
  readonly shape: readonly number[];
  add(y: X | number): X;
  sub(y: X): X;
  mul(y: X): X;
  div(y: X): X;
  sqrt(): X;
  relu(): X;
  transpose(axes?: readonly number[]): X;
  stridedSlice(begin: readonly number[], end: readonly number[], strides: readonly number[]): X;
  pad(sides: readonly (readonly [number, number])[]): X;
  maxPool(size: number, strides: number, pad: number): X;
  mean(axes: readonly number[]): X;
  matMul(y: X): X;
  data(): Promise<Float32Array>;
  dispose(): void;
}
type Step = (x: X) => X;

/** A residual network from its weights: their names and shapes say all of its form. */
function network(tf: Tfjs, arrays: Readonly<Record<string, Floats>>): Step {
  const has = (name: string): boolean => `${name}.weight` in arrays;
  const get = (name: string): X => tf.tensor(arrays[name]!.data, arrays[name]!.shape);
  // Normalisations are folded into convolutions, as tfjs's converter of saved models does.
  const convolution = (conv: string, norm: string, strides: number, activation: "linear" | "relu"): Step => {
    const [filter, bias] = tf.tidy(() => {
      const factor = get(`${norm}.weight`).div(get(`${norm}.running_var`).add(1e-5).sqrt());
      const kernel = get(`${conv}.weight`).transpose([2, 3, 1, 0]);
      return [kernel.mul(factor), get(`${norm}.bias`).sub(get(`${norm}.running_mean`).mul(factor))] as const;
    });
    return (x) => tf.fused.conv2d({ x, filter, strides, pad: (filter.shape[0]! - 1) / 2, bias, activation });
  };
  const large = arrays["conv1.weight"]!.shape[2] === 7;
  const steps: Step[] = [convolution("conv1", "bn1", large ? 2 : 1, "relu")];
  if (large) steps.push((x) => x.maxPool(3, 2, 1));
  for (let stage = 1; has(`layer${stage}.0.conv1`); stage++)
    for (let k = 0, block = ""; has(`${(block = `layer${stage}.${k}`)}.conv1`); k++) {
      const stride = stage > 1 && k === 0 ? 2 : 1;
      const strides = has(`${block}.conv3`) ? [1, stride, 1] : [stride, 1];
      const f = strides.map((s, i) =>
        convolution(`${block}.conv${i + 1}`, `${block}.bn${i + 1}`, s, i < strides.length - 1 ? "relu" : "linear"),
      );
      let shortcut: Step = (x) => x;
      if (has(`${block}.downsample.0`)) shortcut = convolution(`${block}.downsample.0`, `${block}.downsample.1`, stride, "linear");
      else if (stride > 1) shortcut = padded;
      steps.push((x) =>
        f
          .reduce((y, g) => g(y), x)
          .add(shortcut(x))
          .relu(),
      );
    }
  const [kernel, bias] = tf.tidy(() => [get("fc.weight").transpose(), get("fc.bias")] as const);
  return (x) =>
    steps
      .reduce((y, f) => f(y), x)
      .mean([1, 2])
      .matMul(kernel)
      .add(bias);
}

/** Every second row and column, with half as many channels of zeros on both sides. */
const padded: Step = (x) => {
  const side = x.shape[3]! / 2;
  const zeros = [0, 0] as const;
  return x.stridedSlice([0, 0, 0, 0], x.shape, [1, 2, 2, 1]).pad([zeros, zeros, zeros, [side, side]]);
};

/** Times a network on a backend of tfjs. */
export async function timeTfjs(tf: Tfjs, backend: "wasm" | "cpu", weights: Uint8Array, data: Uint8Array) {
  await tf.setBackend(backend);
  const f = network(tf, readArrays(weights));
  const { x } = readArrays(data);
  const pictures = tf.tensor(x!.data, x!.shape);
  const run = () => tf.tidy(() => f(pictures));
  const start = performance.now();
  const y = run();
  const outputs = [...(await y.data())];
  const first = performance.now() - start;
  const ms = await median(() => run().dispose(), first);
  return { ms, first_ms: first, outputs, detail: `tfjs ${tf.version.tfjs}, ${backend}` };
}
