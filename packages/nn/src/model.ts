import { ArgumentError, type Source, StateError, Tensor, type Variable } from "@gradus/tensor";
import { saveKeras } from "./files/keras/save.ts";
import { loadWeights } from "./files/load.ts";
import { modelBytes, saveModel, saveWeights } from "./files/native.ts";
import { LayerGraph, type Symbols } from "./graph.ts";
import { Input, InputLayer, type InputOptions } from "./input.ts";
import { Layer, type LayerOptions, layerRegistry } from "./layer.ts";
import { type Config, type Serialized, serialize } from "./serialize.ts";
import { type SummaryOptions, summary } from "./summary.ts";
import { type Dims, type LayerCall, SymbolicTensor, showDims, symbolsIn } from "./symbolic.ts";
import type { Data } from "./training/data.ts";
import type { History } from "./training/history.ts";
import {
  type CompileSettings,
  type EvaluateOptions,
  type FitOptions,
  type PredictOptions,
  Trainer,
  type TrainingEvent,
} from "./training/trainer.ts";

export interface ModelOptions extends LayerOptions {
  readonly inputs?: Symbols;
  readonly outputs?: Symbols;
}

/**
 * Layers that are trained together. Three ways to make one: `new Sequential([...])`; a graph of layers,
 * `new Model({ inputs, outputs })`; or a subclass that holds layers in its properties and computes in `call`.
 * @example
 * const x = Input([4]);
 * const hidden = new Dense(4, { activation: "relu" })(x);
 * const model = new Model({ inputs: x, outputs: new Add()([x, hidden]) });
 * model.summary();
 */
export class Model extends Layer {
  static override readonly className: string = "Model";
  protected graph: LayerGraph | null = null;
  private training: Trainer | null = null;

  constructor(options: ModelOptions = {}) {
    super(options);
    const { inputs, outputs } = options;
    if ((inputs === undefined) !== (outputs === undefined))
      throw new ArgumentError("Model", "a graph of layers needs both inputs and outputs", "Or subclass Model and define call()");
    if (inputs !== undefined && outputs !== undefined) {
      this.graph = new LayerGraph(inputs, outputs);
      this.built = true;
    }
  }

  override call(inputs: Tensor | readonly Tensor[] | Record<string, Tensor>, _options?: unknown): unknown {
    if (!this.graph) throw new StateError(String(this), "has no call()", "Define it in the subclass, or give inputs and outputs");
    return this.graph.run(this.arrange(inputs));
  }

  /** Inputs may also come as an object, by their names. */
  protected override splitArguments(args: readonly unknown[]) {
    const [first, ...rest] = args;
    if (!this.graph || typeof first !== "object" || first === null || Object.getPrototypeOf(first) !== Object.prototype)
      return super.splitArguments(args);
    const given = first as Record<string, unknown>;
    const names = this.graph.inputs.map((x) => x.name);
    if (names.some((name) => !(given[name] instanceof Tensor)) || Object.keys(given).length !== names.length)
      throw new ArgumentError(String(this), `expects the inputs ${names.join(", ")}, received ${Object.keys(given).join(", ") || "none"}`);
    return super.splitArguments([names.map((name) => given[name]), ...rest]);
  }

  /** Values in the order of the graph's inputs: from one, an array, or an object by the inputs' names. */
  private arrange(inputs: Tensor | readonly Tensor[] | Record<string, Tensor>): readonly Tensor[] {
    const wanted = this.graph!.inputs;
    const values =
      inputs instanceof Tensor
        ? [inputs]
        : Array.isArray(inputs)
          ? (inputs as readonly Tensor[])
          : wanted.map((x) => (inputs as Record<string, Tensor>)[x.name]!);
    if (values.length !== wanted.length || values.some((x) => !(x instanceof Tensor)))
      throw new ArgumentError(
        String(this),
        `expects ${wanted.length} inputs (${wanted.map((x) => x.name).join(", ")}), received ${values.filter((x) => x instanceof Tensor).length}`,
      );
    values.forEach((x, i) => {
      const expected = wanted[i]!.shape;
      if (x.shape.length !== expected.length || expected.some((n, axis) => n !== null && n !== x.shape[axis]))
        throw new ArgumentError(String(this), `input "${wanted[i]!.name}" should be ${showDims(expected)}, received ${showDims(x.shape)}`);
    });
    return values;
  }

  override get layers(): Layer[] {
    return this.graph ? this.graph.layers : super.layers;
  }

  /** Symbolic inputs and outputs, for sub-models: `new Model({ inputs: m.inputs, outputs: m.getLayer("x").output })`. */
  get inputs(): readonly SymbolicTensor[] {
    return this.needGraph("inputs").inputs;
  }
  get outputs(): readonly SymbolicTensor[] {
    return this.needGraph("outputs").outputs;
  }
  override get input(): SymbolicTensor {
    return this.inputs[0]!;
  }
  override get output(): SymbolicTensor {
    return this.outputs[0]!;
  }
  /** @internal Whether the layers and their calls are known, so that a description can hold them. */
  get isGraph(): boolean {
    return this.graph !== null;
  }
  private needGraph(wanted: string): LayerGraph {
    if (!this.graph)
      throw new StateError(
        wanted,
        `${this} is not a graph of layers`,
        "Build a Sequential model by calling it, or make a Model with inputs and outputs",
      );
    return this.graph;
  }

  /** A layer by name or by place (negative from the end). ArgumentError names the layers there are. */
  getLayer(which: string | number): Layer {
    const found = typeof which === "number" ? this.layers.at(which) : this.layers.find((layer) => layer.name === which);
    if (!found)
      throw new ArgumentError(
        "getLayer",
        `no layer ${JSON.stringify(which)} in ${this}`,
        `It has ${this.layers.map((layer) => layer.name).join(", ")}`,
      );
    return found;
  }

  /** A table of layers, shapes of their results and numbers of weights, as text. */
  summaryText(options: SummaryOptions = {}): string {
    return summary(this, options);
  }
  /** Prints `summaryText`. */
  summary(options: SummaryOptions = {}): void {
    console.log(this.summaryText(options));
  }

  /** Chooses how to train: `compile({ optimizer: "adam", loss: "mse", metrics: ["mae"] })`. */
  compile(settings: CompileSettings = {}): this {
    this.training = new Trainer(this, settings);
    return this;
  }

  /** @internal */
  get trainer(): Trainer {
    if (!this.training)
      throw new StateError("fit", `${this} is not compiled`, `Call model.compile({ optimizer: "adam", loss: "mse" }) first`);
    return this.training;
  }
  get optimizer() {
    return this.trainer.optimizer;
  }
  /** Set by callbacks: training ends after the batch or epoch at hand. */
  get stopTraining(): boolean {
    return this.trainer.stopTraining;
  }
  set stopTraining(stop: boolean) {
    this.trainer.stopTraining = stop;
  }

  /** Trains for some epochs and returns what was measured in each. */
  async fit(x: Data, y?: Data | null, options: FitOptions = {}): Promise<History> {
    return this.trainer.fit(x, y ?? null, options);
  }
  /** `fit` as a stream of events, for pages: progress within an epoch, the end of each epoch, the end. Leaving the loop stops training. */
  fitEvents(x: Data, y?: Data | null, options: FitOptions = {}): AsyncGenerator<TrainingEvent, History> {
    return this.trainer.events(x, y ?? null, options);
  }
  /** Loss and metrics on other data, by name. */
  async evaluate(x: Data, y?: Data | null, options: EvaluateOptions = {}): Promise<Record<string, number>> {
    return this.trainer.evaluate(x, y ?? null, options);
  }
  /** The model's results, batch by batch. */
  async predict(x: Data, options: PredictOptions = {}): Promise<Tensor> {
    this.training ??= new Trainer(this, {});
    return this.training.predict(x, options);
  }
  /** One update on one batch; resolves to loss and metrics of that batch. */
  async trainOnBatch(x: Data, y?: Data | null, sampleWeight?: Tensor | null): Promise<Record<string, number>> {
    return this.trainer.trainOnBatch(x, y ?? null, sampleWeight ?? null);
  }

  /**
   * Writes layers, weights and the state of training to a file, all or nothing: Gradus's own format, or Keras 3's (without
   * the optimizer's state) where the name ends in ".keras". See `loadModel`.
   */
  save(path: string): Promise<void> {
    return path.endsWith(".keras") ? saveKeras(this, path) : saveModel(this, path);
  }
  /** What `save` writes, as bytes: for pages. */
  toBytes(): Promise<Uint8Array> {
    return modelBytes(this);
  }
  saveWeights(path: string): Promise<void> {
    return saveWeights(this, path);
  }
  /** Weights of a model of the same layers. FormatError names all that does not fit, and then nothing is changed. */
  loadWeights(source: Source): Promise<void> {
    return loadWeights(this, source);
  }

  /** @internal How the model was compiled, as plain JSON; null if it was not, or not in words a file can hold. */
  trainingConfig(): unknown {
    return this.training?.describe() ?? null;
  }
  /** @internal */
  trainingState(): readonly Variable[] {
    return this.training?.optimizer.variables ?? [];
  }
  /** @internal Compiles the model as `trainingConfig` says, its optimizer with the given state. */
  restoreTraining(config: unknown, state: readonly Tensor[]): void {
    this.compile(config as CompileSettings);
    const { optimizer } = this;
    optimizer.build(this.trainableWeights);
    optimizer.restore(state);
  }

  override getConfig(): Config {
    if (!this.graph) return super.getConfig();
    return { ...super.getConfig(), ...describeGraph(this.graph) };
  }

  static fromConfig(config: Config): Layer {
    const { inputs, outputs } = rebuildGraph(config);
    return new Model({ name: config.name as string, inputs, outputs });
  }
}

/**
 * A chain of layers: `new Sequential([new Dense(8, { activation: "relu" }), new Dense(1)])`.
 * @example
 * const x = linspace(-1, 1, 100).reshape([-1, 1]);
 * const model = new Sequential([new Dense(16, { activation: "tanh" }), new Dense(1)]);
 * model.compile({ optimizer: new Adam(0.02), loss: "mse" });
 * await model.fit(x, x.square(), { epochs: 50, verbose: 0 });
 * plot(line(x.squeeze(), (await model.predict(x)).squeeze(), { label: "network" }), line(x.squeeze(), x.square().squeeze(), { label: "x²" }))
 */
export class Sequential extends Model {
  static override readonly className = "Sequential";
  private readonly chain: Layer[] = [];

  constructor(layers: readonly (Layer | SymbolicTensor)[] = [], options: LayerOptions = {}) {
    super(options);
    for (const layer of layers) this.add(layer);
  }

  /** Appends a layer (or, first of all, an Input). Returns the model. */
  add(layer: Layer | SymbolicTensor): this {
    if (layer instanceof SymbolicTensor) {
      if (this.chain.length || this.graph) throw new ArgumentError(String(this), "an Input can only come first");
      this.start(layer);
      return this;
    }
    if (!(layer instanceof Layer))
      throw new ArgumentError(String(this), `cannot add ${layer === null ? "null" : typeof layer}`, "Add layers, such as new Dense(8)");
    this.chain.push(layer);
    if (this.graph) {
      this.graph = new LayerGraph(this.graph.inputs, layer(this.graph.outputs[0]!));
      this.built = true;
    } else if (layer.inputShape) this.start(Input(layer.inputShape));
    return this;
  }

  /** Takes the last layer off. */
  pop(): Layer | undefined {
    const layer = this.chain.pop();
    const input = this.graph?.inputs[0];
    if (input) this.start(input);
    return layer;
  }

  /** Puts the graph together from its input on. */
  private start(input: SymbolicTensor): void {
    const output = this.chain.reduce((x, layer) => layer(x), input);
    this.graph = new LayerGraph(input, output);
    this.built = this.chain.length > 0;
  }

  override build(shape: Dims): void {
    if (!this.chain.length) throw new StateError(String(this), "has no layers", "Add some, such as model.add(new Dense(8))");
    if (!this.graph) this.start(Input({ shape: shape.slice(1) }));
  }

  override call(inputs: Tensor | readonly [Tensor]): unknown {
    const [first] = inputs instanceof Tensor ? [inputs] : inputs;
    return this.chain.reduce<Tensor>((x, layer) => layer(x), first);
  }

  override get layers(): Layer[] {
    return [...this.chain];
  }

  override getConfig(): Config {
    const { name, trainable } = super.getConfig();
    const input = this.graph?.inputs[0]?.source?.call.layer.getConfig() ?? null;
    return { name, trainable, input, layers: this.chain.map((layer) => serialize(layer)) };
  }

  static override fromConfig({ layers, input, name, trainable }: Config): Layer {
    const list = (layers as Serialized[]).map((layer) => layerRegistry.deserialize(layer));
    const model = new Sequential([...(input ? [Input(input as unknown as InputOptions)] : []), ...list], {
      ...(name === undefined ? {} : { name: name as string }),
    });
    if (trainable === false) model.trainable = false;
    return model;
  }
}

/** A symbolic tensor in a description: which call of which layer, which of its results. */
interface Reference {
  readonly layer: string;
  readonly call: number;
  readonly output: number;
}

function describeGraph(graph: LayerGraph): Config {
  const within = [...graph.inputs.map((x) => x.source!.call), ...graph.calls];
  const callsOf = (layer: Layer): LayerCall[] => within.filter((call) => call.layer === layer);
  const names = new Map(graph.layers.map((layer) => [layer, layer.name]));
  if (new Set(names.values()).size !== names.size)
    throw new ArgumentError("getConfig", "two layers of the model have the same name", "Give every layer a name of its own");
  const reference = (x: SymbolicTensor): Reference => {
    const { call, index } = x.source!;
    return { layer: call.layer.name, call: callsOf(call.layer).indexOf(call), output: index };
  };
  const spell = (tree: unknown): unknown => {
    if (tree instanceof SymbolicTensor) return { reference: reference(tree) };
    if (Array.isArray(tree)) return tree.map(spell);
    if (tree instanceof Tensor)
      throw new ArgumentError(
        "getConfig",
        "a layer was called with a fixed tensor, which a description cannot hold",
        "Make it an Input or a weight",
      );
    if (typeof tree === "object" && tree !== null) return Object.fromEntries(Object.entries(tree).map(([k, v]) => [k, spell(v)]));
    return tree;
  };
  return {
    layers: graph.layers.map((layer) => ({ ...serialize(layer), name: layer.name, calls: callsOf(layer).map((call) => spell(call.args)) })),
    inputs: graph.inputs.map(reference),
    outputs: graph.outputs.map(reference),
  };
}

function rebuildGraph(config: Config): { inputs: Symbols; outputs: Symbols } {
  type Described = Serialized & { readonly name: string; readonly calls: readonly unknown[][] };
  const described = config.layers as readonly Described[];
  const layers = new Map(described.map((d) => [d.name, layerRegistry.deserialize(d)]));
  const results = new Map<string, SymbolicTensor[]>();
  const key = (layer: string, call: number): string => `${call}:${layer}`;
  for (const [name, layer] of layers) if (layer instanceof InputLayer) results.set(key(name, 0), [layer.value]);
  const find = ({ layer, call, output }: Reference): SymbolicTensor | undefined => results.get(key(layer, call))?.[output];
  const spell = (tree: unknown): unknown => {
    if (Array.isArray(tree)) return tree.map(spell);
    if (typeof tree !== "object" || tree === null) return tree;
    if ("reference" in tree) return find(tree.reference as Reference);
    return Object.fromEntries(Object.entries(tree).map(([k, v]) => [k, spell(v)]));
  };
  const ready = (tree: unknown): boolean => {
    if (typeof tree !== "object" || tree === null) return true;
    if ("reference" in tree) return find(tree.reference as Reference) !== undefined;
    return Object.values(tree).every(ready);
  };
  let pending = described
    .flatMap((d) => d.calls.map((args, call) => ({ name: d.name, args, call })))
    .filter((c) => !results.has(key(c.name, c.call)));
  while (pending.length) {
    const next = pending.filter((c) => ready(c.args) && (c.call === 0 || results.has(key(c.name, c.call - 1))));
    if (!next.length)
      throw new ArgumentError("Model", `the description's layers ${pending.map((c) => c.name).join(", ")} depend on nothing that is there`);
    for (const { name, args, call } of next) results.set(key(name, call), symbolsIn(layers.get(name)!.invoke(spell(args) as unknown[])));
    pending = pending.filter((c) => !next.includes(c));
  }
  const all = (references: unknown): SymbolicTensor[] => (references as Reference[]).map((r) => find(r)!);
  const one = (xs: SymbolicTensor[]): Symbols => (xs.length === 1 ? xs[0]! : xs);
  return { inputs: one(all(config.inputs)), outputs: one(all(config.outputs)) };
}

layerRegistry.register(Model);
layerRegistry.register(Sequential);
