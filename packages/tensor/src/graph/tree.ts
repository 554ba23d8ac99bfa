import { ArgumentError } from "../errors.ts";
import { Tensor } from "./tensor.ts";

/** Nested plain objects and arrays with tensors at the leaves; other leaves (numbers, strings, null...) are kept as they are. */
export type Tree = Tensor | number | string | boolean | null | undefined | readonly Tree[] | { readonly [key: string]: Tree };

/** A tree without its tensors: `key` is equal for trees of equal form. */
export interface TreeForm {
  readonly key: string;
  readonly paths: readonly string[];
  rebuild(leaves: readonly Tensor[]): Tree;
}

/** Takes a tree apart into its tensors and its form. Throws for leaves that are neither tensors nor plain values. */
export function flatten(operation: string, tree: unknown, name = ""): { leaves: Tensor[]; form: TreeForm } {
  const leaves: Tensor[] = [];
  const paths: string[] = [];
  let key = "";
  const visit = (x: unknown, path: string): ((leaves: readonly Tensor[]) => Tree) => {
    if (x instanceof Tensor) {
      const at = leaves.length;
      leaves.push(x);
      paths.push(path || name);
      key += "T";
      return (ls) => ls[at] as Tensor;
    }
    if (Array.isArray(x)) {
      key += "[";
      const parts = x.map((inner, i) => visit(inner, `${path}[${i}]`));
      key += "]";
      return (ls) => parts.map((part) => part(ls));
    }
    if (typeof x === "object" && x !== null) {
      const prototype = Object.getPrototypeOf(x);
      if (prototype !== Object.prototype && prototype !== null)
        throw new ArgumentError(
          operation,
          `${path || name || "an argument"} is a ${x.constructor?.name ?? "object"}, neither array, plain object nor number`,
          "Convert it with tensor(...)",
        );
      key += "{";
      const parts = Object.entries(x).map(([k, inner]) => {
        key += `${JSON.stringify(k)}:`;
        return [k, visit(inner, path ? `${path}.${k}` : k)] as const;
      });
      key += "}";
      return (ls) => Object.fromEntries(parts.map(([k, part]) => [k, part(ls)]));
    }
    if (typeof x === "function" || typeof x === "symbol" || typeof x === "bigint")
      throw new ArgumentError(operation, `${path || name || "an argument"} is a ${typeof x}`, "Close over it instead");
    key += `<${Object.is(x, -0) ? "-0" : typeof x === "string" ? JSON.stringify(x) : String(x)}>`;
    return () => x as Tree;
  };
  const build = visit(tree, name);
  return { leaves, form: { key, paths, rebuild: build } };
}

/**
 * A tree of the same form with a function applied to every array. ArgumentError for leaves that are neither arrays nor
 * plain values.
 */
export function mapTree<T>(tree: T, f: (leaf: Tensor, path: string) => Tensor): T {
  const { leaves, form } = flatten("mapTree", tree);
  return form.rebuild(leaves.map((leaf, i) => f(leaf, form.paths[i]!))) as T;
}
