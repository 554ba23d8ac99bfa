/** Numbers in [0, 1), element i of a stream: an integer hash, the same in formula.py. */
export function uniform(count: number, stream: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    let x = (Math.imul(i, 2654435761) + Math.imul(stream, 2246822519) + 374761393) >>> 0;
    for (const _ of [1, 2]) {
      x ^= x >>> 16;
      x = Math.imul(x, 73244475) >>> 0;
    }
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
  });
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** A weight by its name in PyTorch, of the sizes that networks start with: the same in formula.py. */
export function formula(name: string, shape: readonly number[], stream: number): Float32Array {
  const bound = Math.sqrt(6 / sizeOf(shape.slice(1)));
  const value = /running_mean$|bias$/.test(name)
    ? (u: number) => 0.2 * u - 0.1
    : /running_var$/.test(name)
      ? (u: number) => 0.5 + u
      : shape.length === 1
        ? (u: number) => 0.4 + 0.4 * u
        : (u: number) => (2 * u - 1) * bound;
  return Float32Array.from(uniform(sizeOf(shape), stream), value);
}
