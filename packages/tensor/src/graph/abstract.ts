import type { DType } from "../dtype.ts";
import type { Shape } from "../shape.ts";
import { engine } from "./engine.ts";
import { make, type Node } from "./node.ts";
import { Tensor } from "./tensor.ts";
import { flatten, type Tree } from "./tree.ts";

/** Shape and type of an array that need not exist. */
export interface Spec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** What a function computes, as a graph: its parameters, and its result with tensors that stand for values not computed. */
export interface Traced<T> {
  readonly parameters: readonly Node[];
  readonly result: T;
}

/**
 * The graph of what f would compute for arguments of the given shapes and types: nothing is computed, and assignments to
 * variables are undone. Throws what f throws, StateError if f reads a value. The same as make_jaxpr in JAX.
 */
export function traceGraph<T>(f: (...args: Tensor[]) => T, ...specs: Spec[]): Traced<T> {
  const outer = engine.trace;
  const assigned = new Map<unknown, Tensor["node"]>();
  engine.trace = {
    read: (variable) => assigned.get(variable) ?? variable.stored,
    assign: (variable, node) => {
      assigned.set(variable, node);
    },
  };
  try {
    const parameters = specs.map(({ shape, dtype }) => make.parameter(shape, dtype));
    return { parameters, result: f(...parameters.map((node) => new Tensor(node))) };
  } finally {
    engine.trace = outer;
  }
}

/**
 * Shapes and types of what f would return for arguments of the given ones, in the order of the result's leaves; nothing is
 * computed, and assignments to variables are undone. Throws as `traceGraph` does. The same as eval_shape in JAX.
 * @example
 * evalShape((x) => matmul(x, ones([3, 5])), { shape: [2, 3], dtype: "float32" })
 */
export function evalShape(f: (...args: Tensor[]) => unknown, ...specs: Spec[]): Spec[] {
  const { leaves } = flatten("evalShape", traceGraph(f, ...specs).result as Tree, "the result");
  return leaves.map(({ shape, dtype }) => ({ shape, dtype }));
}
