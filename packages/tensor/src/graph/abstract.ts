import type { DType } from "../dtype.ts";
import type { Shape } from "../shape.ts";
import { engine } from "./engine.ts";
import { make } from "./node.ts";
import { Tensor } from "./tensor.ts";
import { flatten, type Tree } from "./tree.ts";

/** Shape and type of an array that need not exist. */
export interface Spec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/**
 * Shapes and types of what f would return for arguments of the given ones, in the order of the result's leaves; nothing is
 * computed, and assignments to variables are undone. Throws what f throws, StateError if f reads a value. The same as eval_shape in JAX.
 */
export function evalShape(f: (...args: Tensor[]) => unknown, ...specs: Spec[]): Spec[] {
  const outer = engine.trace;
  const assigned = new Map<unknown, Tensor["node"]>();
  engine.trace = {
    read: (variable) => assigned.get(variable) ?? variable.stored,
    assign: (variable, node) => {
      assigned.set(variable, node);
    },
  };
  try {
    const result = f(...specs.map(({ shape, dtype }) => new Tensor(make.parameter(shape, dtype))));
    return flatten("evalShape", result as Tree, "the result").leaves.map(({ shape, dtype }) => ({ shape, dtype }));
  } finally {
    engine.trace = outer;
  }
}
