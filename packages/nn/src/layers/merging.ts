import { ArgumentError, concatenate, einsum, l2Normalize, onesLike, ShapeError, Tensor } from "@gradus/tensor";
import { Layer, type LayerOptions, layerRegistry } from "../layer.ts";
import { maskOf } from "../masking.ts";
import type { Config } from "../serialize.ts";
import { type Dims, showDims } from "../symbolic.ts";
import { axisOf, withFirst } from "./arguments.ts";

/** A layer of several inputs, called on an array of them. */
abstract class Merging extends Layer {
  override call(inputs: Tensor | readonly Tensor[]): Tensor {
    if (inputs instanceof Tensor || inputs.length < 2 || !inputs.every((x) => x instanceof Tensor))
      throw new ArgumentError(String(this), "needs several inputs", "Call it on an array of at least two, such as layer([a, b])");
    return this.merge(inputs);
  }

  protected abstract merge(inputs: readonly Tensor[]): Tensor;
}

/**
 * Element by element. Sizes of 1 stretch, and inputs of fewer axes get some after the batch: [batch, channels] goes with
 * [batch, height, width, channels].
 */
abstract class Elementwise extends Merging {
  protected override merge(inputs: readonly Tensor[]): Tensor {
    const shapes = inputs.map((x) => showDims(x.shape)).join(" and ");
    const [batch] = inputs[0]!.shape;
    if (inputs.some((x) => x.shape[0] !== batch && x.shape[0] !== 1 && batch !== 1))
      throw new ShapeError(String(this), `batches differ: ${shapes}`);
    const rank = Math.max(...inputs.map((x) => x.ndim));
    const aligned = inputs.map((x) =>
      x.ndim === rank ? x : x.reshape([x.shape[0] ?? 1, ...new Array<number>(rank - x.ndim).fill(1), ...x.shape.slice(1)]),
    );
    for (let axis = 1; axis < rank; axis++)
      if (new Set(aligned.map((x) => x.shape[axis]!).filter((n) => n !== 1)).size > 1)
        throw new ShapeError(String(this), `shapes do not fit each other: ${shapes}`, `Axis ${axis - rank} must have one size, or 1`);
    return this.combine(aligned);
  }

  protected abstract combine(inputs: readonly Tensor[]): Tensor;

  /** A place counts where it does in one of the inputs, as in Keras; everywhere when one has no mask. */
  protected override computeMask(inputs: readonly Tensor[]): Tensor | null {
    const masks = inputs.map(maskOf);
    return masks.every((mask) => mask !== null) ? masks.reduce((a, b) => a.logicalOr(b)) : null;
  }
}

/**
 * The sum of its inputs: `new Add()([x, y])`.
 * @example
 * new Add()([[[1, 2]], [[10, 20]]].map((x) => array(x)))
 */
export class Add extends Elementwise {
  static override readonly className = "Add";
  static fromConfig(config: Config): Layer {
    return new Add(config);
  }
  protected override combine(inputs: readonly Tensor[]): Tensor {
    return inputs.reduce((a, b) => a.add(b));
  }
}

/**
 * The first input minus the second.
 * @example
 * new Subtract()([array([[5, 6]]), array([[1, 2]])])
 */
export class Subtract extends Elementwise {
  static override readonly className = "Subtract";
  static fromConfig(config: Config): Layer {
    return new Subtract(config);
  }
  protected override combine(inputs: readonly Tensor[]): Tensor {
    if (inputs.length !== 2) throw new ArgumentError(String(this), `takes two inputs, received ${inputs.length}`);
    return inputs[0]!.sub(inputs[1]!);
  }
}

/**
 * The product of its inputs.
 * @example
 * new Multiply()([array([[1, 2]]), array([[10, 20]])])
 */
export class Multiply extends Elementwise {
  static override readonly className = "Multiply";
  static fromConfig(config: Config): Layer {
    return new Multiply(config);
  }
  protected override combine(inputs: readonly Tensor[]): Tensor {
    return inputs.reduce((a, b) => a.mul(b));
  }
}

/**
 * The mean of its inputs.
 * @example
 * new Average()([array([[1, 2]]), array([[3, 4]])])
 */
export class Average extends Elementwise {
  static override readonly className = "Average";
  static fromConfig(config: Config): Layer {
    return new Average(config);
  }
  protected override combine(inputs: readonly Tensor[]): Tensor {
    return inputs.reduce((a, b) => a.add(b)).div(inputs.length);
  }
}

/**
 * The largest of its inputs, place by place.
 * @example
 * new Maximum()([array([[1, 9]]), array([[3, 4]])])
 */
export class Maximum extends Elementwise {
  static override readonly className = "Maximum";
  static fromConfig(config: Config): Layer {
    return new Maximum(config);
  }
  protected override combine(inputs: readonly Tensor[]): Tensor {
    return inputs.reduce((a, b) => a.maximum(b));
  }
}

/**
 * The smallest of its inputs, place by place.
 * @example
 * new Minimum()([array([[1, 9]]), array([[3, 4]])])
 */
export class Minimum extends Elementwise {
  static override readonly className = "Minimum";
  static fromConfig(config: Config): Layer {
    return new Minimum(config);
  }
  protected override combine(inputs: readonly Tensor[]): Tensor {
    return inputs.reduce((a, b) => a.minimum(b));
  }
}

export interface ConcatenateOptions extends LayerOptions {
  /** Default the last. */
  readonly axis?: number;
}

/**
 * Its inputs one after the other along an axis; their other sizes must be equal.
 * @example
 * new Concatenate()([array([[1, 2]]), array([[3]])])
 */
export class Concatenate extends Merging {
  static override readonly className = "Concatenate";
  readonly axis: number;

  constructor(axis?: number | ConcatenateOptions, options: ConcatenateOptions = {}) {
    const given = withFirst("axis", axis, options);
    super(given);
    this.axis = given.axis ?? -1;
  }

  static fromConfig(config: Config): Layer {
    return new Concatenate(config);
  }

  protected override merge(inputs: readonly Tensor[]): Tensor {
    const axis = axisOf(String(this), this.axis, inputs[0]!.shape);
    const others = (shape: Dims): string => shape.map((n, i) => (i === axis ? "any" : n)).join();
    if (inputs.some((x) => others(x.shape) !== others(inputs[0]!.shape)))
      throw new ShapeError(
        String(this),
        `shapes ${inputs.map((x) => showDims(x.shape)).join(" and ")} differ elsewhere than on axis ${this.axis}`,
      );
    return concatenate(inputs, { axis });
  }

  /** Joined like the inputs along time; along features, a place counts where it does in all of them. */
  protected override computeMask(inputs: readonly Tensor[]): Tensor | null {
    const masks = inputs.map(maskOf);
    const known = masks.filter((mask) => mask !== null);
    if (!known.length) return null;
    const axis = axisOf(String(this), this.axis, inputs[0]!.shape);
    if (axis >= known[0]!.ndim) return known.reduce((a, b) => a.logicalAnd(b));
    const everywhere = (x: Tensor): Tensor => onesLike(x.reshape([...x.shape.slice(0, known[0]!.ndim), -1]).get("...", 0)).astype("bool");
    return concatenate(
      inputs.map((x, i) => masks[i] ?? everywhere(x)),
      { axis },
    );
  }

  override getConfig(): Config {
    return { axis: this.axis, ...super.getConfig() };
  }
}

export interface DotOptions extends LayerOptions {
  /** The axis of both inputs, or of each, that is summed over. */
  readonly axes?: number | readonly [number, number];
  /** Gives vectors along the axes length 1 first: cosines. */
  readonly normalize?: boolean;
}

/**
 * Products of two inputs summed over an axis of each, example by example: [b, m, k] and [b, n, k] with axes 2 → [b, m, n]; two lines of vectors → [b, 1].
 * @example
 * new Dot(1)([array([[1, 2]]), array([[3, 4]])])
 */
export class Dot extends Merging {
  static override readonly className = "Dot";
  readonly axes: number | readonly [number, number];
  readonly normalize: boolean;

  constructor(axes: number | readonly [number, number], options: DotOptions = {}) {
    super(options);
    const list = typeof axes === "number" ? [axes] : axes;
    if (!Array.isArray(list) || (typeof axes !== "number" && list.length !== 2) || list.some((n) => !Number.isInteger(n) || n === 0))
      throw new ArgumentError(
        String(this),
        `axes is ${JSON.stringify(axes)}`,
        "Give an axis of both inputs or one of each, but not the batch (0)",
      );
    this.axes = axes;
    this.normalize = options.normalize ?? false;
  }

  static fromConfig({ axes, ...options }: Config): Layer {
    return new Dot(axes as number, options);
  }

  protected override merge(inputs: readonly Tensor[]): Tensor {
    if (inputs.length !== 2) throw new ArgumentError(String(this), `takes two inputs, received ${inputs.length}`);
    const [a, b] = inputs as [Tensor, Tensor];
    const [axisA, axisB] = (typeof this.axes === "number" ? [this.axes, this.axes] : this.axes).map((axis, i) =>
      axisOf(String(this), axis, inputs[i]!.shape),
    ) as [number, number];
    if (a.shape[0] !== b.shape[0] || a.shape[axisA] !== b.shape[axisB])
      throw new ShapeError(
        String(this),
        `axis ${axisA} of ${showDims(a.shape)} and axis ${axisB} of ${showDims(b.shape)} cannot be summed over together`,
        "The batches and the two axes must have equal sizes",
      );
    const [x, y] = this.normalize
      ? [l2Normalize(a, { axis: axisA, epsilon: 1e-6 }), l2Normalize(b, { axis: axisB, epsilon: 1e-6 })]
      : [a, b];
    const labels = (t: Tensor, axis: number, first: number) =>
      t.shape.map((_, i) => (i === 0 ? "a" : i === axis ? "b" : String.fromCharCode(first + i)));
    const [left, right] = [labels(x, axisA, 99), labels(y, axisB, 110)]; // from "c" and "n" on
    const free = [...left, ...right].filter((label) => label !== "a" && label !== "b");
    const y1 = einsum(`${left.join("")},${right.join("")}->a${free.join("")}`, x, y);
    return free.length ? y1 : y1.expandDims({ axis: 1 });
  }

  override getConfig(): Config {
    return { axes: this.axes, normalize: this.normalize, ...super.getConfig() };
  }
}

for (const layer of [Add, Subtract, Multiply, Average, Maximum, Minimum, Concatenate]) layerRegistry.register(layer);
layerRegistry.register(Dot);
