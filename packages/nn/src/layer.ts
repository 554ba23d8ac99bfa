import {
  ArgumentError,
  type DType,
  GradusError,
  type Shape,
  ShapeError,
  StateError,
  Tensor,
  type Variable,
  variable,
} from "@gradus/tensor";
import { callable } from "./callable.ts";
import { type Constraint, type ConstraintLike, constraint } from "./constraints.ts";
import { callContext, withContext } from "./context.ts";
import { type InitializerLike, initializer } from "./initializers.ts";
import { maskOf, setMask } from "./masking.ts";
import { type Regularizer, type RegularizerLike, regularizer } from "./regularizers.ts";
import { SeedGenerator } from "./seed.ts";
import { type Config, Registry, type Serializable, snakeCase } from "./serialize.ts";
import { callSymbolically, type Dims, type LayerCall, type SymbolicTensor, showDims, symbolsIn } from "./symbolic.ts";

export interface LayerOptions {
  /** Default: Keras's, such as "dense_1". */
  readonly name?: string;
  readonly trainable?: boolean;
  /** Type of the weights; default float32. */
  readonly dtype?: DType;
  /** Shape of one example, where this is the first layer of a Sequential model. */
  readonly inputShape?: Dims;
}

export interface CallOptions {
  /** Behave as in training; inherited from the call around this one, false outside of any. */
  readonly training?: boolean;
  /** Which places count, as bool [batch, time]; default: what earlier layers attached to the input. */
  readonly mask?: Tensor | null;
}

/** A weight with what training must know of it. */
export interface Weight {
  readonly name: string;
  readonly variable: Variable;
  readonly trainable: boolean;
  readonly regularizer: Regularizer | null;
  readonly constraint: Constraint | null;
}

export interface WeightOptions {
  readonly initializer?: InitializerLike;
  readonly trainable?: boolean;
  readonly regularizer?: RegularizerLike | null | undefined;
  readonly constraint?: ConstraintLike | null | undefined;
  readonly dtype?: DType;
}

/** What a layer may be called on. */
export type LayerInput = Tensor | SymbolicTensor;

/** Calling a layer: on one tensor or several (an array), options last. Symbolic tensors give symbolic results. */
type LayerFunction = <T extends LayerInput>(inputs: T | readonly T[] | { readonly [name: string]: T }, ...more: unknown[]) => T;

/**
 * A step of a network: weights, and a function of tensors. Subclasses make their weights in `build`, when the shape of the
 * first input is known, and compute in `call`. Layers held in properties (also in arrays and plain objects) are found by
 * themselves: their weights are this layer's too.
 * @example
 * import { Layer } from "@gradus/nn";
 * import { array, type Tensor, type Variable } from "@gradus/tensor";
 *
 * class Scale extends Layer {
 *   factor!: Variable;
 *   override build() {
 *     this.factor = this.addWeight("factor", [], { initializer: "ones" });
 *   }
 *   override call(x: Tensor) {
 *     return x.mul(this.factor);
 *   }
 * }
 * new Scale()(array([1, 2, 3]))
 */
export abstract class Layer extends callable<LayerFunction>() implements Serializable {
  static readonly className: string = "Layer";
  override readonly name: string;
  readonly dtype: DType;
  private learns: boolean;
  readonly inputShape: Dims | null;
  built = false;
  /** Uses of this layer in graphs of layers. */
  readonly calls: LayerCall[] = [];
  /** Whether masks of the input are handed on with the output. */
  protected readonly passesMask: boolean = false;
  protected readonly activityRegularizer: Regularizer | null = null;
  private readonly ownWeights: Weight[] = [];

  constructor(options: LayerOptions = {}) {
    super();
    const { name, trainable = true, dtype = "float32" } = options;
    this.name = name ?? uniqueName((new.target as unknown as { className: string }).className);
    if (typeof this.name !== "string" || !this.name) throw new ArgumentError("layer", `the name is ${JSON.stringify(name)}`, "Give a text");
    this.learns = trainable;
    this.dtype = dtype;
    this.inputShape = options.inputShape ?? null;
  }

  /** Whether training changes the weights of this layer. Setting it, at any time, sets it for the layers in it as well, as in Keras. */
  get trainable(): boolean {
    return this.learns;
  }
  set trainable(value: boolean) {
    this.learns = value;
    for (const layer of this.layers) layer.trainable = value;
  }

  /** The symbolic result of this layer's first use in a graph; StateError if there is none. */
  get output(): SymbolicTensor {
    return this.firstCall("output").outputs[0]!;
  }
  /** The symbolic input of this layer's first use in a graph. */
  get input(): SymbolicTensor {
    return this.firstCall("input").inputs[0]!;
  }
  private firstCall(wanted: string): LayerCall {
    const [call] = this.calls;
    if (!call) throw new StateError(wanted, `${this} was not called on an Input yet`, "Call it on one, or build the model first");
    return call;
  }

  /** Makes the weights for inputs of this shape (null: any size); called once, before the first `call`. */
  build(_inputShape: Dims, ..._more: Dims[]): void {}

  /** Computes the result. Several inputs come as an array. */
  // biome-ignore lint/suspicious/noExplicitAny: layers take one tensor, several, or trees of them
  abstract override call(inputs: any, options: CallOptions): any;

  /** The mask of the result; by default the input's, where the layer hands masks on. */
  protected computeMask(_inputs: unknown, mask: Tensor | null): Tensor | null {
    return this.passesMask ? mask : null;
  }

  /** A new weight, filled by its initializer. */
  protected addWeight(name: string, shape: Shape, options: WeightOptions = {}): Variable {
    const { initializer: init = "glorotUniform", trainable = true, dtype = this.dtype } = options;
    const value = initializer(init).call(shape, dtype);
    return this.track(name, variable(value, { name: `${this.name}/${name}` }), { ...options, trainable });
  }

  /** Makes a variable count as a weight of this layer. */
  protected track(name: string, weight: Variable, options: WeightOptions = {}): Variable {
    this.ownWeights.push({
      name,
      variable: weight,
      trainable: options.trainable ?? true,
      regularizer: options.regularizer ? regularizer(options.regularizer) : null,
      constraint: options.constraint ? constraint(options.constraint) : null,
    });
    return weight;
  }

  /** Adds to the loss that training minimises: inside of `call`. */
  protected addLoss(loss: Tensor): void {
    callContext()?.losses.push(loss);
  }

  /** Layers inside of this one, in the order of the properties that hold them. */
  get layers(): Layer[] {
    return [...new Set(Object.values(this).flatMap((value) => layersIn(value)))].filter((layer) => layer !== this);
  }

  /** @internal Properties that hold layers, or arrays of them. */
  get namedProperties(): [string, Layer | readonly Layer[]][] {
    return Object.entries(this).flatMap(([name, value]): [string, Layer | readonly Layer[]][] => {
      if (value instanceof Layer) return [[name, value]];
      const inner = layersIn(value);
      return inner.length ? [[name, inner]] : [];
    });
  }

  /** @internal Weights that this layer made itself, trainable ones first: the order of Keras's files. */
  get ownVariables(): Variable[] {
    const own = (trainable: boolean) => this.ownWeights.filter((w) => w.trainable === trainable).map((w) => w.variable);
    return [...own(true), ...own(false)];
  }

  /** The weights with their paths, such as "encoder/dense/kernel": those of this layer, then of the layers in it. */
  namedWeights(path = this.name): [string, Weight][] {
    return [
      ...this.ownWeights.map((w): [string, Weight] => [`${path}/${w.name}`, this.trainable ? w : { ...w, trainable: false }]),
      ...uniquelyNamed(this.layers).flatMap(([name, layer]) =>
        layer.namedWeights(`${path}/${name}`).map(([p, w]): [string, Weight] => [p, this.trainable ? w : { ...w, trainable: false }]),
      ),
    ];
  }

  private collected(trainable: boolean): Variable[] {
    return [...new Set(this.namedWeights().flatMap(([, w]) => (w.trainable === trainable ? [w.variable] : [])))];
  }
  get trainableWeights(): Variable[] {
    return this.collected(true);
  }
  get nonTrainableWeights(): Variable[] {
    return this.collected(false);
  }
  /** Trainable weights first, as in Keras. */
  get weights(): Variable[] {
    return [...this.trainableWeights, ...this.nonTrainableWeights];
  }

  /** States of the random generators in this layer and the layers in it: no weights, but part of a run. */
  get seedStates(): Variable[] {
    const own = Object.values(this).flatMap((value) => (value instanceof SeedGenerator ? [value.state] : []));
    return [...new Set([...own, ...this.layers.flatMap((layer) => layer.seedStates)])];
  }

  /** The values of `weights`. */
  getWeights(): Tensor[] {
    return this.weights.map((w) => w.mul(1));
  }

  /** Sets `weights`; nothing is changed when one does not fit (ShapeError). */
  setWeights(values: readonly Tensor[]): void {
    const { weights } = this;
    if (values.length !== weights.length)
      throw new ArgumentError(
        "setWeights",
        `${this} has ${weights.length} weights, received ${values.length}`,
        this.built ? undefined : "Build the layer first",
      );
    values.forEach((value, i) => {
      const weight = weights[i]!;
      if (value.shape.join() !== weight.shape.join())
        throw new ShapeError("setWeights", `${weight.name} has shape [${weight.shape.join(", ")}], received [${value.shape.join(", ")}]`);
    });
    values.forEach((value, i) => {
      weights[i]!.assign(value.astype(weights[i]!.dtype));
    });
  }

  countParams(): number {
    if (!this.built) throw new StateError("countParams", `${this} has no weights yet`, "Call it on an input first");
    return this.weights.reduce((n, w) => n + w.size, 0);
  }

  /** What the constructor must be given to make this layer again. */
  getConfig(): Config {
    return { name: this.name, trainable: this.trainable, ...(this.dtype === "float32" ? {} : { dtype: this.dtype }) };
  }

  override toString(): string {
    const { className } = this.constructor as typeof Layer;
    return `${className} "${this.name}"`;
  }

  /** Builds the layer for inputs of these shapes if that has not been done. */
  ensureBuilt(...shapes: Dims[]): void {
    if (this.built) return;
    this.build(shapes[0] ?? [], ...shapes.slice(1));
    this.built = true;
  }

  /** @internal What calling the layer does. */
  invoke(args: readonly unknown[]): unknown {
    if (symbolsIn(args).length) return callSymbolically(this, args, (given) => this.invoke(given));
    const { inputs, options } = this.splitArguments(args);
    const outer = callContext();
    const context = {
      training: options.training ?? outer?.training ?? false,
      losses: outer?.losses ?? [],
      ...(outer?.observe ? { observe: outer.observe } : {}),
    };
    return withContext(context, () => this.named(inputs, () => this.compute(inputs, options)));
  }

  private compute(inputs: Tensor | readonly Tensor[], options: CallOptions): unknown {
    const list = inputs instanceof Tensor ? [inputs] : inputs.filter((x): x is Tensor => x instanceof Tensor);
    this.ensureBuilt(...list.map((x) => x.shape));
    const mask = options.mask === undefined ? (list.map(maskOf).find((m) => m) ?? null) : options.mask;
    const output = this.call(inputs, { ...options, mask });
    const outputMask = this.computeMask(inputs, mask);
    const first = output instanceof Tensor ? output : Array.isArray(output) && output[0] instanceof Tensor ? output[0] : null;
    if (outputMask && first) setMask(first, outputMask);
    if (this.activityRegularizer && first) this.addLoss(this.activityRegularizer.call(first).div(first.shape[0] ?? 1));
    callContext()!.observe?.(this, output, list, { ...options, mask });
    return output;
  }

  /** `layer(x, options)`, `layer([x, y], options)` and `layer(x, y, options)`. */
  protected splitArguments(args: readonly unknown[]): { inputs: Tensor | readonly Tensor[]; options: CallOptions } {
    const last = args.at(-1);
    const hasOptions = args.length > 1 && typeof last === "object" && last !== null && !(last instanceof Tensor) && !Array.isArray(last);
    const given = hasOptions ? args.slice(0, -1) : args;
    const inputs = given.length === 1 ? given[0] : given;
    if (!(inputs instanceof Tensor) && !(Array.isArray(inputs) && inputs.some((x) => x instanceof Tensor)))
      throw new ArgumentError(
        String(this),
        `called on ${inputs === undefined ? "nothing" : typeof inputs}`,
        "Call it on a tensor, an Input, or an array of them",
      );
    return { inputs: inputs as Tensor | readonly Tensor[], options: (hasOptions ? last : {}) as CallOptions };
  }

  /** Makes errors from inside name this layer and what came. */
  private named<T>(inputs: Tensor | readonly Tensor[], body: () => T): T {
    try {
      return body();
    } catch (error) {
      if (!(error instanceof GradusError) || named.has(error)) throw error;
      const came = (inputs instanceof Tensor ? [inputs] : inputs).map((x) =>
        x instanceof Tensor ? `${x.dtype}${showDims(x.shape)}` : String(x),
      );
      const own = error.message.startsWith(`${this}: `);
      error.message = `${own ? "" : `${this}: `}${error.message}. It was called on ${came.join(", ")}`;
      named.add(error);
      throw error;
    }
  }

  /** Throws ShapeError unless the input has this many dimensions, counting the batch. */
  protected expectRank(x: Tensor | { shape: Dims }, rank: number, meaning: string): void {
    this.expectOne(x);
    if (x.shape.length !== rank) throw new ShapeError(String(this), `expects ${rank} dimensions ${meaning}, received ${showDims(x.shape)}`);
  }

  /** Throws ShapeError unless an axis has the size the weights were made for. */
  protected expectSize(x: Tensor, axis: number, size: number): void {
    this.expectOne(x);
    const found = x.shape.at(axis);
    if (found !== size)
      throw new ShapeError(
        String(this),
        `was built for size ${size} on axis ${axis}, received ${showDims(x.shape)}`,
        "A layer keeps the shape of its first input: make a new layer for another one",
      );
  }

  private expectOne(x: unknown): void {
    if (Array.isArray(x)) throw new ArgumentError(String(this), `takes one tensor, received an array of ${x.length}`);
  }

  /** A size that weights need: throws ShapeError where the input leaves it open. */
  protected sizeOfAxis(shape: Dims, axis: number): number {
    const n = shape.at(axis);
    if (n === undefined) throw new ShapeError(String(this), `needs an axis ${axis}, received ${showDims(shape)}`);
    if (n === null) throw new ShapeError(String(this), `needs the size of axis ${axis} to be known, received ${showDims(shape)}`);
    return n;
  }
}

const named = new WeakSet<GradusError>();

/** Layers in a property's value: itself, or in arrays and plain objects. */
function layersIn(value: unknown): Layer[] {
  if (value instanceof Layer) return [value];
  if (Array.isArray(value)) return value.flatMap(layersIn);
  if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype)
    return Object.values(value).flatMap(layersIn);
  return [];
}

/** Layers with names that differ: the second "dense" becomes "dense_1". */
function uniquelyNamed(layers: readonly Layer[]): [string, Layer][] {
  const taken = new Set<string>();
  return layers.map((layer) => {
    let { name } = layer;
    for (let i = 1; taken.has(name); i++) name = `${layer.name}_${i}`;
    taken.add(name);
    return [name, layer];
  });
}

const counts = new Map<string, number>();

function uniqueName(className: string): string {
  const base = snakeCase(className);
  const n = counts.get(base) ?? 0;
  counts.set(base, n + 1);
  return n ? `${base}_${n}` : base;
}

/** Forgets which names automatic naming has given, so that the next "dense" is plain again. */
export function resetNames(): void {
  counts.clear();
}

/** Layers that files may name. Own ones are added with `layerRegistry.register(MyLayer)`. */
export const layerRegistry = new Registry<Layer>("layer");
