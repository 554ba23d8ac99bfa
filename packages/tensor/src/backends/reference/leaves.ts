import { StateError } from "../../errors.ts";
import { sizeOf } from "../../shape.ts";
import { type Evaluators, offsets, store } from "./evaluator.ts";

/** Values that depend on no other, and the identity. */
export const leaves: Evaluators<"buffer" | "constant" | "iota" | "alias"> = {
  buffer: (node) => {
    throw new StateError("run", `node ${node.id} is a buffer that is not among the inputs of its graph`);
  },
  constant: (node) => store(node.dtype, new Float64Array(sizeOf(node.shape)).fill(node.attrs.value)),
  iota: (node) => {
    const alongAxis = node.shape.map((_, i) => (i === node.attrs.axis ? 1 : 0));
    return store(node.dtype, offsets(node.shape, alongAxis));
  },
  alias: (_, [x]) => x!.slice(),
};
