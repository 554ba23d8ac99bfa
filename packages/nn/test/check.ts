import { type DType, type Shape, Tensor, tensor, type Variable, valueAndGrad } from "@gradus/tensor";
import { expect } from "vitest";
import { Input, type Layer, layerRegistry } from "../src/index.ts";
import { serialize } from "../src/serialize.ts";

/** An array in a golden file. */
export interface Stored {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** One use of a layer in a golden file: what PyTorch gave for `Σ out · weight` with the layer's weights set to `weights`. */
export interface LayerCase {
  readonly layer: string;
  readonly config: Record<string, unknown>;
  readonly training: boolean;
  readonly inputs: readonly Stored[];
  readonly weights: readonly Stored[];
  readonly out: Stored;
  readonly cotangent: Stored;
  readonly inputGradients: readonly Stored[];
  readonly weightGradients: readonly Stored[];
}

export const read = ({ shape, data }: Stored, dtype: DType = "float64"): Tensor =>
  tensor(Float64Array.from(data)).astype(dtype).reshape(shape);

/** Numbers between -1 and 1 that repeat from run to run, all different. */
export function numbers(shape: Shape, seed = 1): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return tensor(Float64Array.from({ length: size }, (_, i) => Math.sin((i + 1) * 12.9898 * seed + seed))).reshape(shape);
}

export function expectClose(actual: Tensor, expected: Tensor | Stored, tolerance = 1e-9): void {
  expect(actual.shape).toEqual(expected.shape);
  const wanted = expected instanceof Tensor ? expected.dataSync() : expected.data;
  actual.dataSync().forEach((x, i) => {
    const y = wanted[i]!;
    const close = Object.is(x, y) || x === y || Math.abs((x as number) - (y as number)) <= tolerance * Math.max(1, Math.abs(y as number));
    if (!close) expect(x, `element ${i}`).toBe(y);
  });
}

export interface LayerCheck {
  readonly inputs: readonly Tensor[];
  readonly training?: boolean;
  /** What the layer must give. */
  readonly expected?: Tensor | Stored;
  /** Number of all weights. */
  readonly params?: number;
  /** Whether to compare the gradients with finite differences; default true where the output is float64. */
  readonly gradients?: boolean;
}

/**
 * Checks a layer (of float64 weights): its values; that its configuration survives a file and makes the same layer again;
 * that its symbolic shape is the real one; the number of weights; and its gradients, along one direction for each input
 * and weight, against finite differences.
 */
export function checkLayer(layer: Layer, check: LayerCheck): Tensor {
  const { inputs, training = false } = check;
  const given = inputs.length === 1 ? inputs[0]! : inputs;
  const call = (l: Layer, xs: Tensor | readonly Tensor[]): Tensor => l(xs as Tensor, { training });
  const before = call(layer, given);
  const values = layer.getWeights().map((w) => tensor(w.dataSync()).reshape(w.shape));
  const restart = () => layer.setWeights(values);
  if (check.expected) expectClose(before, check.expected);
  if (check.params !== undefined) expect(layer.countParams()).toBe(check.params);

  const config = JSON.parse(JSON.stringify(serialize(layer)));
  const copy = layerRegistry.deserialize(config);
  expect(JSON.parse(JSON.stringify(serialize(copy)))).toEqual(config);
  const symbols = inputs.map((x) => Input({ shape: x.shape.slice(1), dtype: x.dtype }));
  const symbol = copy(symbols.length === 1 ? symbols[0]! : symbols);
  expect([symbol.shape.slice(1), symbol.dtype]).toEqual([before.shape.slice(1), before.dtype]);
  expect(symbol.shape[0]).toBe(null);
  copy.setWeights(values);
  restart();
  expectClose(call(copy, given), call(layer, given));

  if (check.gradients ?? before.dtype === "float64")
    checkGradients(layer, inputs, (xs) => call(layer, xs.length === 1 ? xs[0]! : xs), restart);
  restart();
  return before;
}

function checkGradients(layer: Layer, inputs: readonly Tensor[], call: (inputs: readonly Tensor[]) => Tensor, restart: () => void): void {
  restart();
  const cotangent = numbers(call(inputs).shape, 3);
  const loss = (...xs: Tensor[]): Tensor => call(xs).mul(cotangent).sum();
  const slope = (at: (step: number) => number): number => (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / 12e-4;
  const compare = (gradient: Tensor, value: Tensor, name: string, at: (moved: Tensor) => number) => {
    const direction = numbers(value.shape, 2);
    const expected = slope((step) => at(value.add(direction.mul(step * 1e-4))));
    const actual = gradient.mul(direction).sum().dataSync()[0] as number;
    if (!(Math.abs(actual - expected) <= 1e-7 * Math.max(1, Math.abs(expected)))) expect(actual, name).toBe(expected);
  };
  inputs.forEach((x, i) => {
    if (x.dtype !== "float64") return;
    restart();
    const [, gradient] = valueAndGrad(loss, { argnums: i })(...inputs) as [Tensor, Tensor];
    compare(gradient, x, `input ${i}`, (moved) => {
      restart();
      return loss(...inputs.map((y, j) => (i === j ? moved : y))).dataSync()[0] as number;
    });
  });
  for (const weight of layer.trainableWeights) {
    restart();
    const [, [gradient]] = valueAndGrad(() => loss(...inputs), { wrt: [weight] })() as [Tensor, [Tensor]];
    restart();
    compare(gradient, weight.mul(1), weight.name!, (moved) => {
      restart();
      return withValue(weight, moved, () => loss(...inputs).dataSync()[0] as number);
    });
  }
}

function withValue<T>(weight: Variable, value: Tensor, body: () => T): T {
  const before = weight.mul(1);
  weight.assign(value);
  try {
    return body();
  } finally {
    weight.assign(before);
  }
}

/** Compares a layer with PyTorch: values, gradients of inputs and weights, and all that `checkLayer` checks. */
export function checkGolden({ layer: className, config, training, ...golden }: LayerCase): void {
  const layer = layerRegistry.deserialize({ className, config: { ...config, dtype: "float64" } });
  const inputs = golden.inputs.map((x) => read(x));
  const call = (...xs: Tensor[]): Tensor => layer(xs.length === 1 ? xs[0]! : xs, { training });
  call(...inputs);
  const weights = golden.weights.map((x) => read(x));
  layer.setWeights(weights);
  checkLayer(layer, { inputs, training, expected: golden.out, params: weights.reduce((n, w) => n + w.size, 0), gradients: false });
  const loss = (...xs: Tensor[]): Tensor =>
    call(...xs)
      .mul(read(golden.cotangent))
      .sum();
  const argnums = inputs.map((_, i) => i);
  const [, ofInputs] = valueAndGrad(loss, { argnums })(...inputs) as [Tensor, Tensor[]];
  golden.inputGradients.forEach((expected, i) => {
    expectClose(ofInputs[i]!, expected);
  });
  layer.setWeights(weights);
  const [, ofWeights] = valueAndGrad(() => loss(...inputs), { wrt: layer.trainableWeights })() as [Tensor, Tensor[]];
  expect(ofWeights.length).toBe(golden.weightGradients.length);
  golden.weightGradients.forEach((expected, i) => {
    expectClose(ofWeights[i]!, expected);
  });
}
