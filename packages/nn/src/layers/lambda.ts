import { ArgumentError, type Tensor } from "@gradus/tensor";
import { type CallOptions, Layer, type LayerOptions } from "../layer.ts";
import type { Config } from "../serialize.ts";

export type LambdaFunction<Inputs extends Tensor | readonly Tensor[] = Tensor> = (inputs: Inputs, options: CallOptions) => unknown;

/**
 * A function of tensors as a layer: `new Lambda((x) => x.mul(2))`. Files cannot hold it: `getConfig` throws ArgumentError.
 * For weights or for saving, subclass `Layer` and register it.
 * @example
 * new Lambda((x) => x.square())(array([1, 2, 3]))
 */
export class Lambda<Inputs extends Tensor | readonly Tensor[] = Tensor> extends Layer {
  static override readonly className = "Lambda";
  private readonly body: LambdaFunction<Inputs>;

  constructor(body: LambdaFunction<Inputs>, options: LayerOptions = {}) {
    super(options);
    if (typeof body !== "function") throw new ArgumentError(String(this), `the body is ${typeof body}`, "Give a function of the inputs");
    this.body = body;
  }

  override call(inputs: Tensor | readonly Tensor[], options: CallOptions): unknown {
    return this.body(inputs as Inputs, options);
  }

  override getConfig(): Config {
    throw new ArgumentError(
      "getConfig",
      `${this} holds a function, which a description cannot`,
      "Subclass Layer and register it with layerRegistry instead",
    );
  }
}
