import { type DType, evalShape, type Spec, Tensor, type Tree } from "@gradus/tensor";
import { withContext } from "./context.ts";
import type { Layer } from "./layer.ts";

/** A shape with sizes that are not known yet (null): the number of examples, the length of a text. */
export type Dims = readonly (number | null)[];

export const showDims = (dims: Dims): string => `[${dims.map((n) => n ?? "?").join(", ")}]`;

/** A value of a model that is being put together: what layers give when they are called on an `Input`. */
export class SymbolicTensor {
  readonly shape: Dims;
  readonly dtype: DType;
  readonly name: string;
  /** The call that makes it, and which of its results it is; null for an input. */
  readonly source: { readonly call: LayerCall; readonly index: number } | null;

  constructor(shape: Dims, dtype: DType, name: string, source: SymbolicTensor["source"] = null) {
    this.shape = shape;
    this.dtype = dtype;
    this.name = name;
    this.source = source;
  }

  get ndim(): number {
    return this.shape.length;
  }
}

/** One use of a layer in a graph of layers. */
export class LayerCall {
  readonly layer: Layer;
  /** Arguments as they were given, symbolic tensors among them. */
  readonly args: readonly unknown[];
  readonly inputs: readonly SymbolicTensor[];
  readonly outputs: SymbolicTensor[] = [];

  constructor(layer: Layer, args: readonly unknown[]) {
    this.layer = layer;
    this.args = args;
    this.inputs = [...new Set(symbolsIn(args))];
    layer.calls.push(this);
  }
}

/** Every symbolic tensor in nested arrays and plain objects, in order. */
export function symbolsIn(tree: unknown): SymbolicTensor[] {
  if (tree instanceof SymbolicTensor) return [tree];
  if (tree instanceof Tensor || typeof tree !== "object" || tree === null) return [];
  return Object.values(tree).flatMap(symbolsIn);
}

/** The tree with its symbolic tensors replaced. */
export function replaceSymbols(tree: unknown, value: (x: SymbolicTensor) => unknown): unknown {
  if (tree instanceof SymbolicTensor) return value(tree);
  if (tree instanceof Tensor || typeof tree !== "object" || tree === null || typeof tree === "function") return tree;
  if (Array.isArray(tree)) return tree.map((x) => replaceSymbols(x, value));
  if (Object.getPrototypeOf(tree) !== Object.prototype) return tree;
  return Object.fromEntries(Object.entries(tree).map(([key, x]) => [key, replaceSymbols(x, value)]));
}

/**
 * Notes a call of a layer on symbolic tensors. Shapes come from running the layer twice without computing anything, the
 * unknown sizes set to other numbers the second time: a size of the result that changes is unknown too.
 */
export function callSymbolically(layer: Layer, args: readonly unknown[], run: (args: readonly unknown[]) => unknown): unknown {
  const inputs = [...new Set(symbolsIn(args))];
  let form: unknown;
  const probe = (sizes: readonly [number, number]): Spec[] => {
    const specs = inputs.map(({ shape, dtype }) => ({
      shape: shape.map((n, axis) => n ?? sizes[0] + sizes[1] * axis),
      dtype,
    }));
    return evalShape(
      (...tensors) => {
        const given = replaceSymbols(args, (x) => tensors[inputs.indexOf(x)]);
        form = withContext({ training: false, losses: [] }, () => run(given as readonly unknown[]));
        return form as Tree;
      },
      ...specs,
    );
  };
  const first = probe([6, 504]);
  const second = probe([8, 512]);
  const call = new LayerCall(layer, args);
  const { outputs } = call;
  first.forEach(({ shape, dtype }, index) => {
    const dims = shape.map((n, axis) => (second[index]!.shape[axis] === n ? n : null));
    outputs.push(new SymbolicTensor(dims, dtype, first.length > 1 ? `${layer.name}_${index}` : layer.name, { call, index }));
  });
  let at = 0;
  return mapLeaves(form, () => outputs[at++]!);
}

function mapLeaves(tree: unknown, f: () => SymbolicTensor): unknown {
  if (tree instanceof Tensor) return f();
  if (Array.isArray(tree)) return tree.map((x) => mapLeaves(x, f));
  if (typeof tree === "object" && tree !== null) return Object.fromEntries(Object.entries(tree).map(([k, x]) => [k, mapLeaves(x, f)]));
  return tree;
}
