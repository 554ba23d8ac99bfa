import type { GraphNode } from "@gradus/tensor";
import type { Dims } from "../symbolic.ts";

/** A size that is not known: factor times the product of named sizes. */
export interface OpenSize {
  readonly factor: number;
  readonly names: readonly string[];
}

/** Sizes of an axis in two traces of the same model. */
type Pair = readonly [number, number];

/**
 * What sizes mean that differ between two traces, in which every open size was set to another number: axis k of all
 * inputs is one size, as in the symbolic shapes of models. The numbers are large enough for windows, and one is odd.
 */
export class Sizes {
  /** Name → its values in the two traces, and which axis of which input says it. */
  readonly open = new Map<string, { readonly values: Pair; readonly input: number; readonly axis: number }>();

  constructor(inputs: readonly Dims[]) {
    inputs.forEach((dims, input) => {
      dims.forEach((n, axis) => {
        const name = Sizes.nameOf(axis);
        if (n === null && !this.open.has(name))
          this.open.set(name, { values: axis ? [36 + 3 * axis, 41 + 5 * axis] : [5, 6], input, axis });
      });
    });
  }

  static nameOf(axis: number): string {
    return axis ? `size_${axis}` : "batch";
  }

  /** The shape of an input in one of the traces. */
  shape(dims: Dims, trace: 0 | 1): number[] {
    return dims.map((n, axis) => n ?? this.open.get(Sizes.nameOf(axis))!.values[trace]);
  }

  /** A number if it is the same in both traces, the product it is of open sizes, or null where it is neither. */
  meaning([a, b]: Pair): number | OpenSize | null {
    if (a === b) return a;
    const names = [...this.open.keys()];
    for (let set = 1; set < 2 ** names.length; set++) {
      const chosen = names.filter((_, i) => set & (2 ** i));
      const product = (trace: 0 | 1): number => chosen.reduce((n, name) => n * this.open.get(name)!.values[trace], 1);
      const factor = a / product(0);
      if (Number.isInteger(factor) && factor === b / product(1)) return { factor, names: chosen };
    }
    return null;
  }
}

/** A node with its twin in the other trace. */
export interface Twins {
  readonly node: GraphNode;
  readonly twin: GraphNode;
}

/** Whether an axis has one size in both traces. */
export const isFixed = ({ node, twin }: Twins): boolean => node.shape.every((n, i) => twin.shape[i] === n);
