import { ArgumentError, type DType, type Tensor } from "@gradus/tensor";
import { Layer, layerRegistry } from "./layer.ts";
import type { Config } from "./serialize.ts";
import { type Dims, LayerCall, SymbolicTensor } from "./symbolic.ts";

export interface InputOptions {
  /** Shape of one example, without the batch; null where any size goes. */
  readonly shape: Dims;
  readonly batchSize?: number | null;
  readonly dtype?: DType;
  readonly name?: string;
}

/** Where data enters a graph of layers. Made by `Input`. */
export class InputLayer extends Layer {
  static override readonly className = "InputLayer";
  readonly value: SymbolicTensor;

  constructor({ shape, batchSize = null, dtype = "float32", name }: InputOptions) {
    super({ dtype, ...(name === undefined ? {} : { name }) });
    if (!Array.isArray(shape) || shape.some((n) => n !== null && !(Number.isInteger(n) && n > 0)))
      throw new ArgumentError("Input", `the shape is ${JSON.stringify(shape)}`, "Give sizes of one example, null where any size goes");
    const call = new LayerCall(this, []);
    this.value = new SymbolicTensor([batchSize, ...shape], dtype, this.name, { call, index: 0 });
    call.outputs.push(this.value);
    this.built = true;
  }

  static fromConfig(config: Config): Layer {
    return new InputLayer(config as unknown as InputOptions);
  }

  override call(x: Tensor): Tensor {
    return x;
  }

  override getConfig(): Config {
    const [batchSize, ...shape] = this.value.shape;
    return { name: this.name, shape, batchSize, dtype: this.dtype };
  }
}

/**
 * The start of a graph of layers: `Input([28, 28])` or `Input({ shape: [28, 28], name: "image" })`.
 * @example
 * const x = Input([4]);
 * const y = new Dense(8, { activation: "relu" })(x);
 * new Model({ inputs: x, outputs: new Dense(1)(y) }).summary();
 */
export function Input(shape: Dims | InputOptions, options: Omit<InputOptions, "shape"> = {}): SymbolicTensor {
  const given = Array.isArray(shape) ? { ...options, shape } : (shape as InputOptions);
  return new InputLayer(given).value;
}

layerRegistry.register(InputLayer);
