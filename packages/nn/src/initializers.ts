import { ArgumentError, type DType, eye, full, qr, random, type Shape, ShapeError, type Tensor } from "@gradus/tensor";
import { nextKey } from "./seed.ts";
import { type Config, Registry, type Serializable, type Serialized } from "./serialize.ts";

/** Makes the first value of a weight. */
export abstract class Initializer implements Serializable {
  abstract call(shape: Shape, dtype: DType): Tensor;
  getConfig(): Config {
    return {};
  }
}

export interface SeedOption {
  /** The same seed gives the same weights, whatever `setRandomSeed` was given. */
  readonly seed?: number | null;
}

const registry = new Registry<Initializer>("initializer");

/** An initializer by Keras's name ("glorotUniform", "he_normal", "zeros"), or as it is. */
export type InitializerLike = string | Initializer | Serialized;
export const initializer = (given: InitializerLike): Initializer => registry.get(given);

const keyOf = (seed: number | null | undefined): Tensor => (seed === null || seed === undefined ? nextKey() : random.randomKey(seed));

/** The same number everywhere. */
export class Constant extends Initializer {
  static readonly className: string = "Constant";
  readonly value: number;
  constructor(value = 0) {
    super();
    this.value = value;
  }
  static fromConfig({ value = 0 }: Config): Initializer {
    return new Constant(value as number);
  }
  call(shape: Shape, dtype: DType): Tensor {
    return full([...shape], this.value, { dtype });
  }
  override getConfig(): Config {
    return { value: this.value };
  }
}

export class Zeros extends Constant {
  static override readonly className = "Zeros";
  constructor() {
    super(0);
  }
  static override fromConfig(): Initializer {
    return new Zeros();
  }
  override getConfig(): Config {
    return {};
  }
}

export class Ones extends Constant {
  static override readonly className = "Ones";
  constructor() {
    super(1);
  }
  static override fromConfig(): Initializer {
    return new Ones();
  }
  override getConfig(): Config {
    return {};
  }
}

/** The unit matrix times `gain`; two dimensions only (ShapeError). */
export class Identity extends Initializer {
  static readonly className = "Identity";
  readonly gain: number;
  constructor(gain = 1) {
    super();
    this.gain = gain;
  }
  static fromConfig({ gain = 1 }: Config): Initializer {
    return new Identity(gain as number);
  }
  call(shape: Shape, dtype: DType): Tensor {
    const [n, m] = matrixShape("Identity", shape);
    return eye(n, { columns: m, dtype }).mul(this.gain);
  }
  override getConfig(): Config {
    return { gain: this.gain };
  }
}

export interface RandomNormalOptions extends SeedOption {
  readonly mean?: number;
  readonly stddev?: number;
}

export class RandomNormal extends Initializer {
  static readonly className: string = "RandomNormal";
  readonly options: Required<RandomNormalOptions>;
  constructor({ mean = 0, stddev = 0.05, seed = null }: RandomNormalOptions = {}) {
    super();
    this.options = { mean, stddev, seed };
  }
  static fromConfig(config: Config): Initializer {
    return new RandomNormal(config);
  }
  call(shape: Shape, dtype: DType): Tensor {
    const { mean, stddev, seed } = this.options;
    return random.normal(keyOf(seed), shape, { loc: mean, scale: stddev, dtype });
  }
  override getConfig(): Config {
    return { ...this.options };
  }
}

/** A normal distribution whose values more than two standard deviations from the mean are drawn again. */
export class TruncatedNormal extends RandomNormal {
  static override readonly className = "TruncatedNormal";
  static override fromConfig(config: Config): Initializer {
    return new TruncatedNormal(config);
  }
  override call(shape: Shape, dtype: DType): Tensor {
    const { mean, stddev, seed } = this.options;
    return truncated(keyOf(seed), shape, dtype).mul(stddev).add(mean);
  }
}

const truncated = (key: Tensor, shape: Shape, dtype: DType): Tensor => random.truncatedNormal(key, shape, { lower: -2, upper: 2, dtype });

export interface RandomUniformOptions extends SeedOption {
  readonly minval?: number;
  readonly maxval?: number;
}

export class RandomUniform extends Initializer {
  static readonly className = "RandomUniform";
  readonly options: Required<RandomUniformOptions>;
  constructor({ minval = -0.05, maxval = 0.05, seed = null }: RandomUniformOptions = {}) {
    super();
    this.options = { minval, maxval, seed };
  }
  static fromConfig(config: Config): Initializer {
    return new RandomUniform(config);
  }
  call(shape: Shape, dtype: DType): Tensor {
    const { minval, maxval, seed } = this.options;
    return random.uniform(keyOf(seed), shape, { low: minval, high: maxval, dtype });
  }
  override getConfig(): Config {
    return { ...this.options };
  }
}

export interface VarianceScalingOptions extends SeedOption {
  readonly scale?: number;
  readonly mode?: "fanIn" | "fanOut" | "fanAvg";
  readonly distribution?: "truncatedNormal" | "untruncatedNormal" | "uniform";
}

/** Variance scale / n, n the number of inputs, outputs or their mean (Glorot & Bengio 2010; He et al. 2015). */
export class VarianceScaling extends Initializer {
  static readonly className: string = "VarianceScaling";
  readonly options: Required<VarianceScalingOptions>;
  constructor({ scale = 1, mode = "fanIn", distribution = "truncatedNormal", seed = null }: VarianceScalingOptions = {}) {
    super();
    if (!(scale > 0)) throw new ArgumentError("VarianceScaling", `scale is ${scale}`, "It must be positive");
    this.options = { scale, mode, distribution, seed };
  }
  static fromConfig(config: Config): Initializer {
    return new VarianceScaling(config);
  }
  call(shape: Shape, dtype: DType): Tensor {
    const { scale, mode, distribution, seed } = this.options;
    const { fanIn, fanOut } = fans(shape);
    const n = { fanIn, fanOut, fanAvg: (fanIn + fanOut) / 2 }[mode];
    const variance = scale / Math.max(1, n);
    const key = keyOf(seed);
    if (distribution === "uniform") {
      const limit = Math.sqrt(3 * variance);
      return random.uniform(key, shape, { low: -limit, high: limit, dtype });
    }
    if (distribution === "untruncatedNormal") return random.normal(key, shape, { scale: Math.sqrt(variance), dtype });
    // Cutting the tails at two standard deviations leaves 0.8796 of the deviation.
    return truncated(key, shape, dtype).mul(Math.sqrt(variance) / 0.87962566103423978);
  }
  override getConfig(): Config {
    return { ...this.options };
  }
}

/** Numbers of inputs and outputs of a weight: the last two axes, times the size of the window before them. */
function fans(shape: Shape): { fanIn: number; fanOut: number } {
  if (shape.length === 0) return { fanIn: 1, fanOut: 1 };
  if (shape.length === 1) return { fanIn: shape[0]!, fanOut: shape[0]! };
  const window = shape.slice(0, -2).reduce((a, b) => a * b, 1);
  return { fanIn: shape.at(-2)! * window, fanOut: shape.at(-1)! * window };
}

/** Names of the scaled initializers: scale, mode, distribution. */
const scaled = {
  GlorotUniform: [1, "fanAvg", "uniform"],
  GlorotNormal: [1, "fanAvg", "truncatedNormal"],
  HeUniform: [2, "fanIn", "uniform"],
  HeNormal: [2, "fanIn", "truncatedNormal"],
  LecunUniform: [1, "fanIn", "uniform"],
  LecunNormal: [1, "fanIn", "truncatedNormal"],
} as const;

function scaledClass(className: keyof typeof scaled) {
  const [scale, mode, distribution] = scaled[className];
  return class extends VarianceScaling {
    static override readonly className = className;
    constructor({ seed = null }: SeedOption = {}) {
      super({ scale, mode, distribution, seed });
    }
    static override fromConfig(config: Config): Initializer {
      return new this(config as SeedOption);
    }
    override getConfig(): Config {
      return { seed: this.options.seed };
    }
  };
}

/** Uniform in ±√(6 / (inputs + outputs)): the default of most layers (Glorot & Bengio 2010). */
export const GlorotUniform = scaledClass("GlorotUniform");
export const GlorotNormal = scaledClass("GlorotNormal");
/** Uniform in ±√(6 / inputs): for relu (He et al. 2015). */
export const HeUniform = scaledClass("HeUniform");
export const HeNormal = scaledClass("HeNormal");
export const LecunUniform = scaledClass("LecunUniform");
export const LecunNormal = scaledClass("LecunNormal");

export interface OrthogonalOptions extends SeedOption {
  readonly gain?: number;
}

/** Rows or columns at right angles, of length `gain`; axes before the last are taken together (Saxe et al. 2014). */
export class Orthogonal extends Initializer {
  static readonly className = "Orthogonal";
  readonly options: Required<OrthogonalOptions>;
  constructor({ gain = 1, seed = null }: OrthogonalOptions = {}) {
    super();
    this.options = { gain, seed };
  }
  static fromConfig(config: Config): Initializer {
    return new Orthogonal(config);
  }
  call(shape: Shape, dtype: DType): Tensor {
    const { gain, seed } = this.options;
    if (shape.length < 2) throw new ShapeError("Orthogonal", `needs two dimensions or more, received [${shape.join(", ")}]`);
    const columns = shape.at(-1)!;
    const rows = shape.slice(0, -1).reduce((a, b) => a * b, 1);
    const [large, small] = [Math.max(rows, columns), Math.min(rows, columns)];
    const { Q, R } = qr(random.normal(keyOf(seed), [large, small]));
    // The signs make the distribution uniform over all orthogonal matrices (Mezzadri 2007).
    const signs = R.diagonal().sign();
    const matrix = Q.mul(signs);
    return (rows < columns ? matrix.T : matrix)
      .reshape([...shape])
      .mul(gain)
      .astype(dtype);
  }
  override getConfig(): Config {
    return { ...this.options };
  }
}

function matrixShape(name: string, shape: Shape): [number, number] {
  if (shape.length !== 2) throw new ShapeError(name, `needs two dimensions, received [${shape.join(", ")}]`);
  return [shape[0]!, shape[1]!];
}

registry.register(Constant, "constant");
registry.register(Zeros, "zeros");
registry.register(Ones, "ones");
registry.register(Identity, "identity");
registry.register(RandomNormal, "random_normal");
registry.register(TruncatedNormal, "truncated_normal");
registry.register(RandomUniform, "random_uniform");
registry.register(VarianceScaling, "variance_scaling");
registry.register(GlorotUniform, "glorot_uniform");
registry.register(GlorotNormal, "glorot_normal");
registry.register(HeUniform, "he_uniform");
registry.register(HeNormal, "he_normal");
registry.register(LecunUniform, "lecun_uniform");
registry.register(LecunNormal, "lecun_normal");
registry.register(Orthogonal, "orthogonal");
