/** Numbers in [0, 1), element i of a stream: an integer hash, the same in formula.py. */
export function uniform(count: number, stream: number): Float64Array {
  const numbers = new Float64Array(count);
  // Plain loops here and below: the largest networks have sixty million weights.
  for (let i = 0; i < count; i++) {
    let x = (Math.imul(i, 2654435761) + Math.imul(stream, 2246822519) + 374761393) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 73244475);
    x = Math.imul(x ^ (x >>> 16), 73244475);
    numbers[i] = ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
  }
  return numbers;
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
  const numbers = uniform(sizeOf(shape), stream);
  const weights = new Float32Array(numbers.length);
  for (let i = 0; i < weights.length; i++) weights[i] = value(numbers[i]!);
  return weights;
}
