import { encode } from "../dtype.ts";
import { ArgumentError, ShapeError } from "../errors.ts";
import { engine } from "../graph/engine.ts";
import { make, type Node } from "../graph/node.ts";
import type { Tensor } from "../graph/tensor.ts";
import { showShape } from "../shape.ts";
import { floatNode } from "./activations.ts";
import { type TensorLike, wrap } from "./core.ts";

export interface ResizeOptions {
  /** Default "bilinear" (linear along every spatial axis). */
  readonly method?: "nearest" | "bilinear" | "bicubic";
  /** When shrinking, widens the filter so that every source place counts, as Pillow does. Not for "nearest". */
  readonly antialias?: boolean;
  /** Lines up the centres of the corner places instead of the edges. */
  readonly alignCorners?: boolean;
}

const linear = (t: number): number => Math.max(0, 1 - Math.abs(t));

/** Keys 1981; a as in PyTorch: -0.75, with antialiasing -0.5. */
function cubic(a: number): (t: number) => number {
  return (t) => {
    const x = Math.abs(t);
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
  };
}

/** Row o holds the weights of the source places for output place o. */
function weights(from: number, to: number, { method, antialias = false, alignCorners = false }: ResizeOptions): Float64Array {
  const table = new Float64Array(to * from);
  const ratio = alignCorners ? (to > 1 ? (from - 1) / (to - 1) : 0) : from / to;
  const smooth = antialias && ratio > 1;
  const filter = method === "bicubic" ? cubic(antialias ? -0.5 : -0.75) : linear;
  const radius = (method === "bicubic" ? 2 : 1) * (smooth ? ratio : 1);
  for (let o = 0; o < to; o++) {
    const center = alignCorners ? o * ratio : (o + 0.5) * ratio - 0.5;
    const row = table.subarray(o * from, (o + 1) * from);
    let total = 0;
    for (let i = Math.ceil(center - radius - 1e-9); i <= center + radius + 1e-9; i++) {
      const weight = filter((i - center) / (smooth ? ratio : 1));
      // Without antialiasing the border is repeated outwards; with it, weights outside are left out.
      if (antialias && (i < 0 || i >= from)) continue;
      row[Math.min(Math.max(i, 0), from - 1)]! += weight;
      total += weight;
    }
    for (let i = 0; i < from; i++) row[i]! /= total;
  }
  return table;
}

/**
 * Images or volumes of another size: [N, ...S, C] → [N, ...size, C], in floats. Places are squares whose edges line up
 * (PyTorch's and Keras's convention). Each spatial axis is one product with a small table of weights. ShapeError for
 * sizes that are not positive integers, one per spatial axis; ArgumentError for an unknown method.
 * @example
 * resize(array([[0, 1], [2, 3]]).reshape([1, 2, 2, 1]), [3, 3]).squeeze()
 */
export function resize(x: TensorLike, size: readonly number[], options: ResizeOptions = {}): Tensor {
  const { method = "bilinear" } = options;
  const node = floatNode("resize", x);
  const spatial = node.shape.slice(1, -1);
  if (size.length !== spatial.length || spatial.length === 0)
    throw new ShapeError(
      "resize",
      `size ${showShape(size)} for an input of shape ${showShape(node.shape)}`,
      "Inputs are [batch, ..., channels]; give one size per spatial axis",
    );
  if (size.some((n) => !Number.isInteger(n) || n < 1) || spatial.some((n) => n === 0))
    throw new ShapeError("resize", `cannot resize ${showShape(node.shape)} to ${showShape(size)}`, "Sizes must be positive integers");
  if (!["nearest", "bilinear", "bicubic"].includes(method))
    throw new ArgumentError("resize", `method is ${JSON.stringify(method)}`, `Use "nearest", "bilinear" or "bicubic"`);
  const full = { ...options, method };
  return wrap(size.reduce((image: Node, to, i) => resizeAxis(image, i + 1, to, full), node));
}

function resizeAxis(x: Node, axis: number, to: number, options: ResizeOptions): Node {
  const from = x.shape[axis]!;
  if (from === to) return x;
  if (options.method === "nearest") {
    const places = Int32Array.from({ length: to }, (_, o) => Math.min(from - 1, Math.floor((o * from) / to)));
    return make.gather(x, engine.upload([to], "int32", places), axis);
  }
  const table = engine.upload([to, from], x.dtype, encode(x.dtype, weights(from, to, options)));
  const out = make.contract(x, table, { batch: [[], []], contract: [[axis], [1]] }); // the new axis comes last
  const order = x.shape.map((_, i) => (i === axis ? x.shape.length - 1 : i > axis ? i - 1 : i));
  return make.permute(out, order);
}
