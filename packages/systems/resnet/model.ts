import {
  Activation,
  Add,
  BatchNormalization,
  Conv2D,
  Dense,
  GlobalAveragePooling2D,
  Input,
  Lambda,
  l2,
  MaxPooling2D,
  Model,
  type SymbolicTensor,
  ZeroPadding2D,
} from "@gradus/nn";
import { pad, type Tensor } from "@gradus/tensor";
import type { ResNetConfig } from "./config.ts";

type X = SymbolicTensor;

export interface ResNetOptions {
  /** Weight decay λ of the paper, §3.4: every step takes λ times the learning rate from each kernel. Default 0. */
  readonly weightDecay?: number;
}

/**
 * A residual network (He et al. 2016): pictures [B, size, size, 3], normalised, to logits [B, classes]. Its layers have the names of
 * torchvision's modules, so that weights of either side fit the other (weights.ts). Sub-models up to a layer:
 * `new Model({ inputs: net.inputs, outputs: net.getLayer("layer3.2").output })`.
 */
export function resnet(config: ResNetConfig, { weightDecay = 0 }: ResNetOptions = {}): Model {
  const { blocks, widths, stem, block, preactivation, imageSize, classes } = config;
  const net = new Parts(config, weightDecay);
  const image = Input([imageSize, imageSize, 3], { name: "image" });
  let x: X = stem === "large" ? net.conv("conv1", 64, 7, 2, image) : net.conv("conv1", widths[0]!, 3, 1, image);
  x = net.relu("relu", net.norm("bn1", x));
  if (stem === "large") x = new MaxPooling2D(3, { strides: 2, name: "maxpool" })(new ZeroPadding2D(1, { name: "maxpool.pad" })(x));
  for (const [stage, count] of blocks.entries())
    for (let k = 0; k < count; k++) {
      const name = `layer${stage + 1}.${k}`;
      const stride = stage > 0 && k === 0 ? 2 : 1;
      if (preactivation) x = net.preactivated(name, widths[stage]!, stride, x, stage === 0 && k === 0);
      else x = net.residual(name, widths[stage]!, stride, x);
    }
  if (preactivation) x = net.relu("relu.last", net.norm("bn.last", x));
  const pooled = new GlobalAveragePooling2D({ name: "avgpool" })(x);
  const outputs = new Dense(classes, { name: "fc", ...net.decay })(pooled);
  return new Model({ inputs: image, outputs, name: `resnet_${block}` });
}

/** Layers and blocks of one network, with what they share. */
class Parts {
  readonly config: ResNetConfig;
  readonly decay: { readonly kernelRegularizer?: ReturnType<typeof l2> };

  constructor(config: ResNetConfig, weightDecay: number) {
    this.config = config;
    // The gradient of λ/2 · |w|² is λ w.
    this.decay = weightDecay ? { kernelRegularizer: l2(weightDecay / 2) } : {};
  }

  /** Zeros on all sides, as PyTorch pads: at stride 2, "same" would put them after the picture only. */
  conv(name: string, channels: number, size: number, stride: number, x: X): X {
    const options = { strides: stride, useBias: false, kernelInitializer: "heNormal", name, ...this.decay } as const;
    if (stride === 1 || size === 1) return new Conv2D(channels, size, { ...options, padding: "same" })(x);
    return new Conv2D(channels, size, options)(new ZeroPadding2D((size - 1) / 2, { name: `${name}.pad` })(x));
  }

  norm(name: string, x: X): X {
    return new BatchNormalization({ epsilon: 1e-5, momentum: 0.9, name })(x);
  }

  relu(name: string, x: X): X {
    return new Activation("relu", { name })(x);
  }

  /** Channels at the end of a block. */
  width(width: number): number {
    return this.config.block === "bottleneck" ? 4 * width : width;
  }

  /** The convolutions of a block: channels, size and stride of each. */
  convolutions(width: number, stride: number): readonly (readonly [channels: number, size: number, stride: number])[] {
    if (this.config.block === "basic")
      return [
        [width, 3, stride],
        [width, 3, 1],
      ];
    const first = this.config.strideAt === "1x1";
    return [
      [width, 1, first ? stride : 1],
      [width, 3, first ? 1 : stride],
      [4 * width, 1, 1],
    ];
  }

  /** y = relu(F(x) + shortcut(x)), equations (1) and (2); without a shortcut a plain block. */
  residual(name: string, width: number, stride: number, x: X): X {
    const list = this.convolutions(width, stride);
    const f = list.reduce((y, [channels, size, s], i) => {
      const z = this.norm(`${name}.bn${i + 1}`, this.conv(`${name}.conv${i + 1}`, channels, size, s, y));
      return i < list.length - 1 ? this.relu(`${name}.relu${i + 1}`, z) : z;
    }, x);
    if (this.config.shortcut === "none") return this.relu(name, f);
    return this.relu(name, new Add({ name: `${name}.add` })([f, this.shortcut(name, this.width(width), stride, x)]));
  }

  /**
   * y = F(x) + shortcut(x), where F begins with normalisation and activation (He et al. 2016b, figure 4e). The `first` block gets x
   * activated for both ways, right after conv1, as the appendix there has it. Projections are convolutions of the activated x without
   * normalisation, as in the authors' code (KaimingHe/resnet-1k-layers); where option A pads with zeros, x itself is padded.
   */
  preactivated(name: string, width: number, stride: number, x: X, first: boolean): X {
    const [start, ...rest] = this.convolutions(width, stride);
    const active = first ? x : this.relu(`${name}.relu1`, this.norm(`${name}.bn1`, x));
    const f = rest.reduce(
      (y, c, i) => this.conv(`${name}.conv${i + 2}`, ...c, this.relu(`${name}.relu${i + 2}`, this.norm(`${name}.bn${i + 2}`, y))),
      this.conv(`${name}.conv1`, ...start!, active),
    );
    const { shortcut } = this.config;
    if (shortcut === "none") return f;
    const channels = this.width(width);
    const grows = stride > 1 || x.shape.at(-1) !== channels;
    if (shortcut === "projection" && grows) return new Add({ name })([f, this.conv(`${name}.downsample.0`, channels, 1, stride, active)]);
    return new Add({ name })([f, this.shortcut(name, channels, stride, x)]);
  }

  /** x itself; where the shape changes, every second row and column with channels of zeros, or a projection. */
  shortcut(name: string, channels: number, stride: number, x: X): X {
    const from = x.shape.at(-1)!;
    if (from === channels && stride === 1) return x;
    if (this.config.shortcut === "projection")
      return this.norm(`${name}.downsample.1`, this.conv(`${name}.downsample.0`, channels, 1, stride, x));
    const before = (channels - from) >> 1;
    const zeros = [
      [0, 0],
      [0, 0],
      [0, 0],
      [before, channels - from - before],
    ] as const;
    return new Lambda((t: Tensor) => pad(t.get(":", `::${stride}`, `::${stride}`), zeros), { name: `${name}.shortcut` })(x);
  }
}
