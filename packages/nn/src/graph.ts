import { ArgumentError, type Tensor } from "@gradus/tensor";
import { InputLayer } from "./input.ts";
import type { Layer } from "./layer.ts";
import { type LayerCall, replaceSymbols, type SymbolicTensor, symbolsIn } from "./symbolic.ts";

/** Symbolic tensors in an array or by name, as a model's inputs and outputs are given. */
export type Symbols = SymbolicTensor | readonly SymbolicTensor[] | { readonly [name: string]: SymbolicTensor };

/** The layer calls between some inputs and outputs, in the order of evaluation. */
export class LayerGraph {
  readonly inputs: readonly SymbolicTensor[];
  readonly outputs: readonly SymbolicTensor[];
  readonly calls: readonly LayerCall[];
  /** The form in which `run` gives results. */
  private readonly outputForm: Symbols;

  /** Throws ArgumentError when an output depends on an input that is not listed. */
  constructor(inputs: Symbols, outputs: Symbols) {
    this.inputs = symbolsIn(inputs);
    this.outputs = symbolsIn(outputs);
    this.outputForm = outputs;
    if (!this.inputs.length || !this.outputs.length)
      throw new ArgumentError("Model", "inputs and outputs must be symbolic tensors", "Start with Input([...]) and call layers on it");
    const order: LayerCall[] = [];
    const seen = new Set<LayerCall>();
    const given = new Set(this.inputs);
    const visit = (x: SymbolicTensor, user: string): void => {
      const call = x.source!.call;
      if (given.has(x) || seen.has(call)) return;
      seen.add(call);
      if (call.layer instanceof InputLayer)
        throw new ArgumentError(
          "Model",
          `the outputs depend on input "${x.name}" (through ${user}), which is not among the inputs`,
          "Add it to `inputs`",
        );
      for (const input of call.inputs) visit(input, String(call.layer));
      order.push(call);
    };
    for (const output of this.outputs) visit(output, "the outputs");
    this.calls = order;
  }

  /** Layers in the order of their first use, the inputs' first. */
  get layers(): Layer[] {
    return [...new Set([...this.inputs.map((x) => x.source!.call), ...this.calls].map((call) => call.layer))];
  }

  /** Calls every layer with the inputs' values. */
  run(values: readonly Tensor[]): unknown {
    const known = new Map<SymbolicTensor, unknown>(this.inputs.map((x, i) => [x, values[i]]));
    for (const call of this.calls) {
      const result = call.layer.invoke(replaceSymbols(call.args, (x) => known.get(x)) as unknown[]);
      const results = call.outputs.length === 1 ? [firstTensor(result)] : Object.values(result as object);
      call.outputs.forEach((x, i) => {
        known.set(x, results[i]);
      });
    }
    return replaceSymbols(this.outputForm, (x) => known.get(x));
  }
}

const firstTensor = (result: unknown): unknown => (Array.isArray(result) ? result[0] : result);
