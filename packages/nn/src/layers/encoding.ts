import { ArgumentError, oneHot, quantile, searchsorted, type Tensor, tensor } from "@gradus/tensor";
import { Layer, type LayerOptions, layerRegistry } from "../layer.ts";
import type { Config } from "../serialize.ts";
import { choice, integer } from "./arguments.ts";

type Encoding = "oneHot" | "multiHot" | "count";

/**
 * Categories as numbers: a 1 in the place of each (`oneHot`: [...] → [..., depth], an axis of size 1 at the end making room);
 * which occur along the last axis (`multiHot`), or how often (`count`): [..., n] → [..., depth].
 */
function encode(ids: Tensor, depth: number, mode: Encoding): Tensor {
  if (mode === "oneHot") {
    const places = ids.ndim > 1 && ids.shape.at(-1) === 1 ? ids.squeeze({ axis: -1 }) : ids;
    return oneHot(places, depth);
  }
  const each = oneHot(ids.ndim === 1 ? ids.expandDims({ axis: 1 }) : ids, depth);
  return mode === "count" ? each.sum({ axis: -2 }) : each.max({ axis: -2 });
}

export interface CategoryEncodingOptions extends LayerOptions {
  readonly outputMode?: Encoding;
}

/**
 * Integers 0..numTokens-1 as one-hot, multi-hot (the default) or counts: [batch, n] → [batch, numTokens].
 * @example
 * new CategoryEncoding(4, { outputMode: "oneHot" })(array([[2], [0]], { dtype: "int32" }))
 */
export class CategoryEncoding extends Layer {
  static override readonly className = "CategoryEncoding";
  readonly numTokens: number;
  readonly outputMode: Encoding;

  constructor(numTokens: number, options: CategoryEncodingOptions = {}) {
    super(options);
    this.numTokens = integer(String(this), "numTokens", numTokens);
    this.outputMode = choice<Encoding>(String(this), "outputMode", options.outputMode ?? "multiHot", ["oneHot", "multiHot", "count"]);
  }

  static fromConfig({ numTokens, ...options }: Config): Layer {
    return new CategoryEncoding(numTokens as number, options);
  }

  override call(x: Tensor): Tensor {
    return encode(x.astype("int32"), this.numTokens, this.outputMode).astype(this.dtype);
  }

  override getConfig(): Config {
    return { numTokens: this.numTokens, outputMode: this.outputMode, ...super.getConfig() };
  }
}

export interface DiscretizationOptions extends LayerOptions {
  /** Where one bin ends and the next starts, rising: n boundaries make n + 1 bins. Or `numBins`, and `adapt`. */
  readonly binBoundaries?: readonly number[] | null;
  readonly numBins?: number | null;
  readonly outputMode?: Encoding | "int";
}

/**
 * The number of the bin that each number falls into; a boundary belongs to the bin above it. int32, or encoded as in `CategoryEncoding`.
 * @example
 * new Discretization({ binBoundaries: [0, 10] })(array([[-5], [3], [99]]))
 */
export class Discretization extends Layer {
  static override readonly className = "Discretization";
  readonly numBins: number;
  readonly outputMode: Encoding | "int";
  private boundaries: readonly number[] | null;

  constructor(options: DiscretizationOptions = {}) {
    super(options);
    const { binBoundaries = null, numBins = null } = options;
    if (binBoundaries === null && numBins === null)
      throw new ArgumentError(String(this), "has no bins", "Give binBoundaries, or numBins and call adapt");
    if (binBoundaries?.some((b, i) => i > 0 && !(b >= binBoundaries[i - 1]!)))
      throw new ArgumentError(String(this), `binBoundaries is ${JSON.stringify(binBoundaries)}`, "They must not fall");
    this.numBins = binBoundaries ? binBoundaries.length + 1 : integer(String(this), "numBins", numBins!);
    this.boundaries = binBoundaries;
    this.outputMode = choice<Encoding | "int">(String(this), "outputMode", options.outputMode ?? "int", [
      "int",
      "oneHot",
      "multiHot",
      "count",
    ]);
  }

  static fromConfig(config: Config): Layer {
    return new Discretization(config);
  }

  get binBoundaries(): readonly number[] | null {
    return this.boundaries;
  }

  /** Chooses boundaries so that each bin holds an equal share of the data. Equal boundaries, of repeated values, are kept: bins between them stay empty. */
  async adapt(data: Tensor): Promise<void> {
    const shares = Array.from({ length: this.numBins - 1 }, (_, i) => (i + 1) / this.numBins);
    this.boundaries = shares.length ? [...(await quantile(data.flatten().astype("float32"), shares).data())].map(Number) : [];
  }

  override call(x: Tensor): Tensor {
    if (!this.boundaries) throw new ArgumentError(String(this), "has no boundaries yet", "Call adapt(data) first");
    const bins = this.boundaries.length
      ? searchsorted(tensor([...this.boundaries], { dtype: "float32" }), x.astype("float32"), { side: "right" })
      : x.mul(0).astype("int32");
    return this.outputMode === "int"
      ? bins.astype("int32")
      : encode(bins.astype("int32"), this.numBins, this.outputMode).astype(this.dtype);
  }

  override getConfig(): Config {
    return {
      binBoundaries: this.boundaries,
      numBins: this.boundaries ? null : this.numBins,
      outputMode: this.outputMode,
      ...super.getConfig(),
    };
  }
}

for (const layer of [CategoryEncoding, Discretization]) layerRegistry.register(layer);
