import { compile, type Tensor } from "@gradus/tensor";

/** Compiles what is done with a network, once for each network. */
export function oncePer<N extends object, A extends Tensor[]>(
  make: (network: N) => (...args: A) => Tensor,
): (network: N) => (...args: A) => Tensor {
  const made = new WeakMap<N, (...args: A) => Tensor>();
  return (network) => {
    let found = made.get(network);
    if (!found) {
      found = compile(make(network));
      made.set(network, found);
    }
    return found;
  };
}
