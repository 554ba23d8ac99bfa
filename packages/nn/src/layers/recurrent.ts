import { ArgumentError, concat, dropout, split, stack, type Tensor, type Variable, where, zeros } from "@gradus/tensor";
import { type ActivationLike, activation, activationName } from "../activations.ts";
import { type Constraint, type ConstraintLike, constraint } from "../constraints.ts";
import { isTraining } from "../context.ts";
import { type Initializer, type InitializerLike, initializer } from "../initializers.ts";
import { type CallOptions, Layer, type LayerInput, layerRegistry } from "../layer.ts";
import { type Regularizer, type RegularizerLike, regularizer } from "../regularizers.ts";
import { SeedGenerator } from "../seed.ts";
import { type Config, type Serialized, serialize } from "../serialize.ts";
import type { Dims } from "../symbolic.ts";
import { KernelLayer, type KernelOptions } from "./dense.ts";

export interface RecurrentOptions extends KernelOptions {
  readonly recurrentInitializer?: InitializerLike;
  readonly recurrentRegularizer?: RegularizerLike | null;
  readonly recurrentConstraint?: ConstraintLike | null;
  /** Share of the inputs that is dropped, the same ones at all times (Gal & Ghahramani 2016). */
  readonly dropout?: number;
  /** The same for the state that goes from one time to the next. */
  readonly recurrentDropout?: number;
  readonly seed?: number | null;
  /** Give the output at every time, [batch, time, units], instead of the last one. */
  readonly returnSequences?: boolean;
  /** Also give the last state(s): `[output, ...states]`. */
  readonly returnState?: boolean;
  /** From the last time to the first. */
  readonly goBackwards?: boolean;
  /** Where the mask is false give zeros instead of the output before. */
  readonly zeroOutputForMask?: boolean;
}

export interface RecurrentCallOptions extends CallOptions {
  readonly initialState?: Tensor | readonly Tensor[] | null;
}

/** Calling a recurrent layer gives one tensor, or with `returnState` an array that starts with it. */
type RecurrentFunction = <T extends LayerInput>(inputs: T | readonly T[], options?: RecurrentCallOptions) => T & readonly T[];
const CallableRecurrent = KernelLayer as unknown as abstract new (options: KernelOptions) => RecurrentFunction & KernelLayer;

/**
 * A layer that walks over time, [batch, time, features] → [batch, units]. The graph is laid out in time (every step its own
 * nodes), and what the inputs contribute at all times is one matrix product. Where a mask is false, state and output stay.
 */
export abstract class Recurrent extends CallableRecurrent {
  readonly units: number;
  readonly returnSequences: boolean;
  readonly returnState: boolean;
  readonly goBackwards: boolean;
  kernel!: Variable;
  recurrentKernel!: Variable;
  bias: Variable | null = null;
  /** Gates: blocks of `units` columns in kernel and bias. */
  protected abstract readonly gates: number;
  /** State tensors carried over time. */
  protected abstract readonly states: number;
  private readonly zeroOutputForMask: boolean;
  private readonly rates: { readonly dropout: number; readonly recurrentDropout: number };
  private readonly seeds: SeedGenerator | null;
  private readonly recurrent: {
    readonly initializer: Initializer;
    readonly regularizer: Regularizer | null;
    readonly constraint: Constraint | null;
  };
  private readonly seed: number | null;

  constructor(units: number, options: RecurrentOptions, defaults: ActivationLike = "tanh") {
    super({ ...options, activation: options.activation === undefined ? defaults : options.activation });
    if (!Number.isInteger(units) || units < 1) throw new ArgumentError(String(this), `units is ${units}`, "Give a positive integer");
    this.units = units;
    this.returnSequences = options.returnSequences ?? false;
    this.returnState = options.returnState ?? false;
    this.goBackwards = options.goBackwards ?? false;
    this.zeroOutputForMask = options.zeroOutputForMask ?? false;
    this.rates = { dropout: rate("dropout", options.dropout), recurrentDropout: rate("recurrentDropout", options.recurrentDropout) };
    this.seed = options.seed ?? null;
    this.seeds = this.rates.dropout || this.rates.recurrentDropout ? new SeedGenerator(this.seed) : null;
    this.recurrent = {
      initializer: initializer(options.recurrentInitializer ?? "orthogonal"),
      regularizer: options.recurrentRegularizer ? regularizer(options.recurrentRegularizer) : null,
      constraint: options.recurrentConstraint ? constraint(options.recurrentConstraint) : null,
    };
  }

  override build(shape: Dims): void {
    this.expectRank({ shape }, 3, "[batch, time, features]");
    const columns = this.gates * this.units;
    this.kernel = this.addKernel([this.sizeOfAxis(shape, -1), columns]);
    this.recurrentKernel = this.addWeight("recurrent_kernel", [this.units, columns], this.recurrent);
    this.bias = this.makeBias(columns);
  }

  protected makeBias(columns: number): Variable | null {
    return this.addBias(columns);
  }

  /** What the inputs contribute at all times: [batch, time, gates · units]. */
  protected project(x: Tensor): Tensor {
    const y = x.matmul(this.kernel);
    return this.bias ? y.add(this.bias) : y;
  }

  /** One step: the inputs' part [batch, gates · units] and the state before give the state after; its first entry is the output. */
  protected abstract step(projected: Tensor, state: readonly Tensor[], recurrent: (h: Tensor) => Tensor): readonly Tensor[];

  override call(inputs: Tensor | readonly Tensor[], options: RecurrentCallOptions): Tensor | readonly Tensor[] {
    const [x, ...more] = Array.isArray(inputs) ? (inputs as readonly Tensor[]) : [inputs as Tensor];
    this.expectRank(x!, 3, "[batch, time, features]");
    this.expectSize(x!, -1, this.kernel.shape[0]!);
    const [batch, time] = x!.shape as [number, number, number];
    let state = this.startState(batch, options.initialState ?? (more.length ? more : null));
    const training = isTraining() && this.seeds !== null;
    const drop = (t: Tensor, share: number): Tensor => (training && share ? dropout(this.seeds!.next(), t, share) : t);
    // One mask for all times: the dropped inputs are the same at every step.
    const kept = training && this.rates.dropout ? drop(onesLike(x!, batch), this.rates.dropout).expandDims({ axis: 1 }) : null;
    const keptState = training && this.rates.recurrentDropout ? drop(onesLike(state[0]!, batch), this.rates.recurrentDropout) : null;
    const projected = this.project(kept ? x!.mul(kept) : x!);
    const recurrent = (h: Tensor): Tensor => (keptState ? h.mul(keptState) : h).matmul(this.recurrentKernel);
    const outputs: Tensor[] = [];
    for (let i = 0; i < time; i++) {
      const t = this.goBackwards ? time - 1 - i : i;
      const next = this.step(projected.get(":", t), state, recurrent);
      const place = options.mask ? options.mask.get(":", t).expandDims({ axis: -1 }) : null;
      const before = state;
      state = place ? next.map((s, k) => where(place, s, before[k]!)) : next;
      const output = place && this.zeroOutputForMask ? where(place, state[0]!, 0) : state[0]!;
      outputs.push(output);
    }
    const result = this.returnSequences ? stack(outputs, { axis: 1 }) : (outputs.at(-1) ?? state[0]!);
    return this.returnState ? [result, ...state] : result;
  }

  /** States at the start: zeros, or what the caller gives. */
  private startState(batch: number, given: Tensor | readonly Tensor[] | null): readonly Tensor[] {
    if (given === null) return Array.from({ length: this.states }, () => zeros([batch, this.units], { dtype: this.dtype }));
    const list = Array.isArray(given) ? (given as readonly Tensor[]) : [given as Tensor];
    if (list.length !== this.states || list.some((s) => s.shape.join() !== `${batch},${this.units}`))
      throw new ArgumentError(
        String(this),
        `the initial state should be ${this.states} of [${batch}, ${this.units}], received ${list.map((s) => `[${s.shape.join(", ")}]`).join(", ")}`,
      );
    return list;
  }

  protected override computeMask(_inputs: unknown, mask: Tensor | null): Tensor | null {
    return this.returnSequences ? mask : null;
  }

  override getConfig(): Config {
    const optional = (value: Regularizer | Constraint | null) => (value ? serialize(value) : null);
    return {
      units: this.units,
      ...super.getConfig(),
      recurrentInitializer: serialize(this.recurrent.initializer),
      recurrentRegularizer: optional(this.recurrent.regularizer),
      recurrentConstraint: optional(this.recurrent.constraint),
      ...this.rates,
      seed: this.seed,
      returnSequences: this.returnSequences,
      returnState: this.returnState,
      goBackwards: this.goBackwards,
      zeroOutputForMask: this.zeroOutputForMask,
    };
  }
}

/** Ones shaped [batch, features]. */
const onesLike = (x: Tensor, batch: number): Tensor => zeros([batch, x.shape.at(-1)!], { dtype: x.dtype }).add(1);

function rate(name: string, value = 0): number {
  if (!(value >= 0 && value < 1)) throw new ArgumentError("recurrent layer", `${name} is ${value}`, "Give a share from 0 to below 1");
  return value;
}

/**
 * h' = activation(x·W + h·U + b) (Elman 1990).
 * @example
 * new SimpleRNN(8)(zeros([2, 10, 3])).shape
 */
export class SimpleRNN extends Recurrent {
  static readonly className = "SimpleRNN";
  protected override readonly gates = 1;
  protected override readonly states = 1;

  constructor(units: number, options: RecurrentOptions = {}) {
    super(units, options);
  }
  static fromConfig({ units, ...options }: Config): Layer {
    return new SimpleRNN(units as number, options);
  }

  protected override step(projected: Tensor, [h]: readonly Tensor[], recurrent: (h: Tensor) => Tensor): readonly Tensor[] {
    return [this.activation(projected.add(recurrent(h!)))];
  }
}

export interface GatedOptions extends RecurrentOptions {
  /** Of the gates; default sigmoid. */
  readonly recurrentActivation?: ActivationLike;
}

export interface LSTMOptions extends GatedOptions {
  /** The forget gate's bias starts at 1 (Jozefowicz et al. 2015). Default true. */
  readonly unitForgetBias?: boolean;
}

/**
 * Long short-term memory, gates in Keras's order: input, forget, cell, output (Hochreiter & Schmidhuber 1997; Gers et al. 2000).
 * @example
 * new LSTM(8, { returnSequences: true })(zeros([2, 10, 3])).shape
 */
export class LSTM extends Recurrent {
  static readonly className = "LSTM";
  protected override readonly gates = 4;
  protected override readonly states = 2;
  private readonly gateActivation: ReturnType<typeof activation>;
  private readonly gateName: ActivationLike;
  private readonly unitForgetBias: boolean;

  constructor(units: number, options: LSTMOptions = {}) {
    super(units, options);
    this.gateName = options.recurrentActivation ?? "sigmoid";
    this.gateActivation = activation(this.gateName);
    this.unitForgetBias = options.unitForgetBias ?? true;
  }
  static fromConfig({ units, ...options }: Config): Layer {
    return new LSTM(units as number, options);
  }

  protected override makeBias(columns: number): Variable | null {
    const bias = this.addBias(columns);
    if (!bias || !this.unitForgetBias) return bias;
    const u = this.units;
    bias.assign(concat([bias.get(`:${u}`), zeros([u], { dtype: this.dtype }).add(1), bias.get(`${2 * u}:`)]));
    return bias;
  }

  protected override step(projected: Tensor, [h, c]: readonly Tensor[], recurrent: (h: Tensor) => Tensor): readonly Tensor[] {
    const [i, f, g, o] = split(projected.add(recurrent(h!)), 4, { axis: -1 }) as [Tensor, Tensor, Tensor, Tensor];
    const cell = this.gateActivation(f)
      .mul(c!)
      .add(this.gateActivation(i).mul(this.activation(g)));
    return [this.gateActivation(o).mul(this.activation(cell)), cell];
  }

  override getConfig(): Config {
    return { ...super.getConfig(), recurrentActivation: activationName(this.gateName), unitForgetBias: this.unitForgetBias };
  }
}

export interface GRUOptions extends GatedOptions {
  /** Apply the reset gate after the matrix product, as cuDNN does, with a second bias. Default true. */
  readonly resetAfter?: boolean;
}

/**
 * Gated recurrent unit, gates in Keras's order: update, reset, candidate (Cho et al. 2014).
 * @example
 * new GRU(8)(zeros([2, 10, 3])).shape
 */
export class GRU extends Recurrent {
  static readonly className = "GRU";
  protected override readonly gates = 3;
  protected override readonly states = 1;
  private readonly gateActivation: ReturnType<typeof activation>;
  private readonly gateName: ActivationLike;
  private readonly resetAfter: boolean;

  constructor(units: number, options: GRUOptions = {}) {
    super(units, options);
    this.gateName = options.recurrentActivation ?? "sigmoid";
    this.gateActivation = activation(this.gateName);
    this.resetAfter = options.resetAfter ?? true;
  }
  static fromConfig({ units, ...options }: Config): Layer {
    return new GRU(units as number, options);
  }

  protected override makeBias(columns: number): Variable | null {
    if (!this.useBias || !this.resetAfter) return this.addBias(columns);
    return this.addWeight("bias", [2, columns], {
      initializer: this.biasInitializer,
      regularizer: this.biasRegularizer,
      constraint: this.biasConstraint,
    });
  }

  protected override project(x: Tensor): Tensor {
    const y = x.matmul(this.kernel);
    if (!this.bias) return y;
    return y.add(this.resetAfter ? this.bias.get(0) : this.bias);
  }

  protected override step(projected: Tensor, [h]: readonly Tensor[], recurrent: (h: Tensor) => Tensor): readonly Tensor[] {
    const [xz, xr, xh] = split(projected, 3, { axis: -1 }) as [Tensor, Tensor, Tensor];
    const u = this.units;
    let candidate: Tensor;
    let z: Tensor;
    if (this.resetAfter) {
      const product = recurrent(h!);
      const [hz, hr, hh] = split(this.bias ? product.add(this.bias.get(1)) : product, 3, { axis: -1 }) as [Tensor, Tensor, Tensor];
      z = this.gateActivation(xz.add(hz));
      candidate = this.activation(xh.add(this.gateActivation(xr.add(hr)).mul(hh)));
    } else {
      const gate = (from: number, of: Tensor): Tensor => of.matmul(this.recurrentKernel.get(":", `${from * u}:${(from + 1) * u}`));
      z = this.gateActivation(xz.add(gate(0, h!)));
      candidate = this.activation(xh.add(gate(2, this.gateActivation(xr.add(gate(1, h!))).mul(h!))));
    }
    return [candidate.add(z.mul(h!.sub(candidate)))];
  }

  override getConfig(): Config {
    return { ...super.getConfig(), recurrentActivation: activationName(this.gateName), resetAfter: this.resetAfter };
  }
}

export interface BidirectionalOptions {
  readonly name?: string;
  /** How the two directions become one: side by side by default; null gives both. */
  readonly mergeMode?: "concat" | "sum" | "mul" | "ave" | null;
  /** Another layer for the way back; by default one made like the first. */
  readonly backwardLayer?: Recurrent;
}

/**
 * A recurrent layer over time in both directions.
 * @example
 * new Bidirectional(new LSTM(8))(zeros([2, 10, 3])).shape
 */
export class Bidirectional extends Layer {
  static override readonly className = "Bidirectional";
  readonly forwardLayer: Recurrent;
  readonly backwardLayer: Recurrent;
  private readonly mergeMode: "concat" | "sum" | "mul" | "ave" | null;

  constructor(layer: Recurrent, options: BidirectionalOptions = {}) {
    super(options.name === undefined ? {} : { name: options.name });
    const { mergeMode = "concat", backwardLayer } = options;
    if (layer.returnState)
      throw new ArgumentError(String(this), "the layer gives its states, which two directions cannot share", "Make it without returnState");
    this.forwardLayer = layer;
    this.mergeMode = mergeMode;
    this.backwardLayer = backwardLayer ?? mirrored(layer);
    if (this.backwardLayer.goBackwards === layer.goBackwards)
      throw new ArgumentError(String(this), "both layers walk in the same direction", "Make the backward layer with goBackwards");
  }

  static fromConfig({ layer, backwardLayer, ...options }: Config): Layer {
    const make = (given: unknown) => layerRegistry.deserialize(given as Serialized) as Recurrent;
    return new Bidirectional(make(layer), {
      ...options,
      ...(backwardLayer ? { backwardLayer: make(backwardLayer) } : {}),
    } as BidirectionalOptions);
  }

  override call(x: Tensor, { mask = null }: CallOptions): Tensor | readonly Tensor[] {
    const there = this.forwardLayer(x, { mask }) as Tensor;
    const walked = this.backwardLayer(x, { mask }) as Tensor;
    const back = this.backwardLayer.returnSequences ? walked.flip({ axis: 1 }) : walked;
    if (this.mergeMode === null) return [there, back];
    if (this.mergeMode === "concat") return concat([there, back], { axis: -1 });
    if (this.mergeMode === "mul") return there.mul(back);
    const sum = there.add(back);
    return this.mergeMode === "ave" ? sum.div(2) : sum;
  }

  protected override computeMask(_inputs: unknown, mask: Tensor | null): Tensor | null {
    return this.forwardLayer.returnSequences ? mask : null;
  }

  override getConfig(): Config {
    return {
      name: this.name,
      layer: serialize(this.forwardLayer),
      backwardLayer: serialize(this.backwardLayer),
      mergeMode: this.mergeMode,
    };
  }
}

/** A layer of the same settings that walks the other way. */
function mirrored(layer: Recurrent): Recurrent {
  const { className, config } = serialize(layer);
  return layerRegistry.deserialize({
    className,
    config: { ...config, name: `backward_${layer.name}`, goBackwards: !layer.goBackwards },
  }) as Recurrent;
}

for (const layer of [SimpleRNN, LSTM, GRU, Bidirectional]) layerRegistry.register(layer);
