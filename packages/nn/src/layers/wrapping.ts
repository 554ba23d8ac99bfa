import { ArgumentError, ShapeError, type Tensor } from "@gradus/tensor";
import { Layer, type LayerOptions, layerRegistry } from "../layer.ts";
import { type Config, type Serialized, serialize } from "../serialize.ts";
import { showDims } from "../symbolic.ts";

/** A layer around another one, whose weights are its own too. */
export abstract class Wrapper extends Layer {
  static override readonly className: string = "Wrapper";
  readonly layer: Layer;

  constructor(layer: Layer, options: LayerOptions = {}) {
    super(options);
    if (!(layer instanceof Layer))
      throw new ArgumentError(String(this), `cannot wrap ${layer === null ? "null" : typeof layer}`, "Give a layer");
    this.layer = layer;
  }

  override getConfig(): Config {
    return { layer: serialize(this.layer), ...super.getConfig() };
  }
}

/** Applies a layer to every time by itself, all with the same weights: [batch, time, ...] → [batch, time, ...']. */
export class TimeDistributed extends Wrapper {
  static override readonly className = "TimeDistributed";
  protected override readonly passesMask = true;

  static fromConfig({ layer, ...options }: Config): Layer {
    return new TimeDistributed(layerRegistry.deserialize(layer as Serialized), options);
  }

  override call(x: Tensor): Tensor {
    if (x.ndim < 3) throw new ShapeError(String(this), `expects [batch, time, ...], received ${showDims(x.shape)}`);
    const [batch, time, ...rest] = x.shape as [number, number, ...number[]];
    const y = this.layer(x.reshape([batch * time, ...rest]));
    return y.reshape([batch, time, ...y.shape.slice(1)]);
  }
}

layerRegistry.register(TimeDistributed);
