import type { Slot } from "../../compile/kernel.ts";
import { type Shape, sizeOf } from "../../shape.ts";
import type { Shader } from "./shader.ts";
import { registerOf } from "./values.ts";

/** An array seen along one axis: `count` lines of n elements, `inner` elements apart. */
export interface Lines {
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
  readonly count: number;
}

export function linesOf(shape: Shape, axis: number): Lines {
  const [outer, inner] = [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis + 1))];
  return { outer, n: shape[axis]!, inner, count: outer * inner };
}

/** Where line number `line` begins. */
export const startOf = ({ n, inner }: Lines, line: string): string =>
  inner === 1 ? `${line} * ${n}` : `(${line} / ${inner}) * ${n * inner} + ${line} % ${inner}`;

/** An element as an unsigned number whose order is that of the elements, NaN last; reversed where descending. */
export function keyOf(shader: Shader, slot: Slot, at: string, descending: boolean): string {
  const value = shader.read(slot, at);
  const register = registerOf(slot.dtype);
  const flip = String(descending);
  if (register === "f32") return `float_key(${value}, ${flip})`;
  if (register === "i32") return `int_key(${value}, ${flip})`;
  return `uint_key(${register === "bool" ? `select(0u, 1u, ${value})` : value}, ${flip})`;
}
