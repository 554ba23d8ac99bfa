import { random, type Shape, Tensor, tensor } from "@gradus/tensor";

/**
 * A network's parameters as a tree whose names are those of the official files: functions describe the tree with shapes, `Weights` is
 * the same tree with arrays.
 */

/** How a parameter starts: see section 1.11.4 of the supplement. */
export type Start =
  /** Normal, cut at two deviations, of variance 1 / inputs (LeCun): what nothing else is said of. */
  | "linear"
  /** The same of variance 2 / inputs (He): before relu. */
  | "relu"
  /** Uniform, of variance 2 / (inputs + outputs) (Glorot): queries, keys and values. */
  | "glorot"
  | number;

/** What a parameter is like before it has values. */
export class Parameter {
  readonly shape: Shape;
  readonly start: Start;

  constructor(shape: Shape, start: Start) {
    this.shape = shape;
    this.start = start;
  }

  /** Values to start from. */
  values(key: Tensor): Tensor {
    const { shape, start } = this;
    const inputs = shape[0]!;
    const outputs = shape.slice(1).reduce((a, b) => a * b, 1);
    if (typeof start === "number") return tensor(new Float32Array(inputs * outputs).fill(start)).reshape([...shape]);
    if (start === "glorot") {
      const bound = Math.sqrt(6 / (inputs + outputs));
      return random.uniform(key, shape, { low: -bound, high: bound });
    }
    const deviation = Math.sqrt((start === "relu" ? 2 : 1) / inputs);
    // Cutting the tails at two deviations leaves 0.8796 of the deviation.
    return random.truncatedNormal(key, shape, { lower: -2, upper: 2 }).mul(deviation / 0.8796256610342398);
  }
}

/** A tree of parameters. Lists are blocks of a stack, which the official files keep in one array. */
export type Parameters = Parameter | readonly Parameters[] | { readonly [name: string]: Parameters };

/** The arrays of a tree of parameters. */
export type Weights<P> = P extends Parameter ? Tensor : { readonly [K in keyof P]: Weights<P[K]> };

/** A linear layer. Layers whose result is added to their input start from zeros, and so do nothing at first. */
export const linearParameters = (inputs: number, outputs: number, start: Start = "linear") => ({
  weights: new Parameter([inputs, outputs], start),
  bias: new Parameter([outputs], 0),
});

/** A linear layer whose sigmoid is a gate: open at first. */
export const gateParameters = (inputs: number, outputs: number) => ({
  weights: new Parameter([inputs, outputs], 0),
  bias: new Parameter([outputs], 1),
});

/** A layer normalisation. */
export const normParameters = (channels: number) => ({
  scale: new Parameter([channels], 1),
  offset: new Parameter([channels], 0),
});

/** The way to a parameter from the top of its tree: names, and numbers of blocks. */
export type Path = readonly (string | number)[];

/** The same tree with something else in every parameter's place. */
export function visitParameters(parameters: Parameters, f: (parameter: Parameter, path: Path) => unknown, path: Path = []): unknown {
  if (parameters instanceof Parameter) return f(parameters, path);
  if (Array.isArray(parameters)) return parameters.map((inner: Parameters, i) => visitParameters(inner, f, [...path, i]));
  return Object.fromEntries(Object.entries(parameters).map(([name, inner]) => [name, visitParameters(inner, f, [...path, name])]));
}

/** The same tree with arrays. */
export const mapParameters = <P extends Parameters>(parameters: P, f: (parameter: Parameter, path: Path) => Tensor): Weights<P> =>
  visitParameters(parameters, f) as Weights<P>;

/** Values to start training from, by seed. */
export function initialWeights(parameters: Parameters, seed: number): unknown {
  const key = random.randomKey(seed);
  let count = 0;
  return visitParameters(parameters, (parameter) => parameter.values(random.foldIn(key, count++)).realize());
}

/** Numbers in all parameters together. */
export function countParameters(parameters: Parameters): number {
  if (parameters instanceof Parameter) return parameters.shape.reduce((a, b) => a * b, 1);
  return Object.values(parameters).reduce((sum: number, inner: Parameters) => sum + countParameters(inner), 0);
}

/** The arrays of a tree of weights, in its order. */
export function weightsOf(weights: unknown): Tensor[] {
  if (weights instanceof Tensor) return [weights];
  return Object.values(weights as object).flatMap(weightsOf);
}
