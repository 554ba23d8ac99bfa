import { Tensor } from "@gradus/tensor";

/** Gives back the memory of all arrays of trees. */
export function release(...trees: readonly unknown[]): void {
  for (const tree of trees)
    if (tree instanceof Tensor) tree.dispose();
    else if (typeof tree === "object" && tree !== null) release(...Object.values(tree));
}
