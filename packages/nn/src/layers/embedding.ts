import { ArgumentError, DTypeError, embedding, type Tensor, type Variable } from "@gradus/tensor";
import { type ConstraintLike, constraint } from "../constraints.ts";
import { type InitializerLike, initializer } from "../initializers.ts";
import { Layer, type LayerOptions, layerRegistry } from "../layer.ts";
import { type RegularizerLike, regularizer } from "../regularizers.ts";
import { type Config, serialize } from "../serialize.ts";

export interface EmbeddingOptions extends LayerOptions {
  readonly embeddingsInitializer?: InitializerLike;
  readonly embeddingsRegularizer?: RegularizerLike | null;
  readonly embeddingsConstraint?: ConstraintLike | null;
  /** Number 0 is padding: later layers get a mask that leaves it out. */
  readonly maskZero?: boolean;
}

/**
 * A vector for each of `inputDim` numbers, integers [...] → [..., outputDim]. Numbers outside are refused where they are known.
 * @example
 * new Embedding(100, 8)(array([[3, 1, 4]], { dtype: "int32" })).shape
 */
export class Embedding extends Layer {
  static override readonly className = "Embedding";
  readonly inputDim: number;
  readonly outputDim: number;
  embeddings!: Variable;
  private readonly options: EmbeddingOptions;

  constructor(inputDim: number, outputDim: number, options: EmbeddingOptions = {}) {
    super(options);
    for (const [name, n] of Object.entries({ inputDim, outputDim }))
      if (!Number.isInteger(n) || n < 1) throw new ArgumentError("Embedding", `${name} is ${n}`, "Give a positive integer");
    this.inputDim = inputDim;
    this.outputDim = outputDim;
    this.options = options;
  }

  static fromConfig({ inputDim, outputDim, ...options }: Config): Layer {
    return new Embedding(inputDim as number, outputDim as number, options);
  }

  override build(): void {
    const { embeddingsInitializer = "uniform", embeddingsRegularizer, embeddingsConstraint } = this.options;
    this.embeddings = this.addWeight("embeddings", [this.inputDim, this.outputDim], {
      initializer: embeddingsInitializer === "uniform" ? "random_uniform" : embeddingsInitializer,
      regularizer: embeddingsRegularizer,
      constraint: embeddingsConstraint,
    });
  }

  override call(ids: Tensor): Tensor {
    if (ids.dtype === "bool") throw new DTypeError(String(this), "expects whole numbers, received bool");
    return embedding(this.embeddings, ids.astype("int32"));
  }

  protected override computeMask(inputs: Tensor): Tensor | null {
    return this.options.maskZero ? inputs.notEqual(0) : null;
  }

  override getConfig(): Config {
    const { embeddingsInitializer = "uniform", embeddingsRegularizer, embeddingsConstraint, maskZero = false } = this.options;
    return {
      inputDim: this.inputDim,
      outputDim: this.outputDim,
      ...super.getConfig(),
      embeddingsInitializer: serialize(initializer(embeddingsInitializer === "uniform" ? "random_uniform" : embeddingsInitializer)),
      embeddingsRegularizer: embeddingsRegularizer ? serialize(regularizer(embeddingsRegularizer)) : null,
      embeddingsConstraint: embeddingsConstraint ? serialize(constraint(embeddingsConstraint)) : null,
      maskZero,
    };
  }
}

layerRegistry.register(Embedding);
