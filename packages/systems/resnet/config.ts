import { ArgumentError } from "@gradus/tensor";

/** What distinguishes one residual network from another. */
export interface ResNetConfig {
  /** Blocks in each stage; every stage after the first halves the picture. */
  readonly blocks: readonly number[];
  /** Channels of the 3 × 3 convolutions in each stage. */
  readonly widths: readonly number[];
  /** Two 3 × 3 convolutions, or 1 × 1, 3 × 3, 1 × 1 with four times as many channels at the end (figure 5). */
  readonly block: "basic" | "bottleneck";
  /** A 3 × 3 convolution, or one of 7 × 7 and max pooling, each with stride 2 (table 1). */
  readonly stem: "small" | "large";
  /** Where channels grow, shortcuts pad with zeros (option A) or project (option B of §3.3). "none" makes a plain network. */
  readonly shortcut: "zeros" | "projection" | "none";
  /** Which convolution of a bottleneck has the stride: the 1 × 1 of the paper, or torchvision's 3 × 3 ("ResNet v1.5"). */
  readonly strideAt: "1x1" | "3x3";
  /** Normalisation and activation come before each convolution but the first (He et al. 2016b, "Identity mappings"). */
  readonly preactivation: boolean;
  /** Side of the square pictures it was made for. */
  readonly imageSize: number;
  readonly classes: number;
}

/** Blocks of each stage, by depth (table 1). */
const imagenetBlocks: Readonly<Record<number, readonly number[]>> = {
  18: [2, 2, 2, 2],
  34: [3, 4, 6, 3],
  50: [3, 4, 6, 3],
  101: [3, 4, 23, 3],
  152: [3, 8, 36, 3],
};

/** Figure 5 and table 1. */
const imagenet = (depth: number, changes: Partial<ResNetConfig> = {}): ResNetConfig => ({
  ...{ blocks: imagenetBlocks[depth]!, widths: [64, 128, 256, 512], block: depth < 50 ? "basic" : "bottleneck", stem: "large" },
  ...{ shortcut: "projection", strideAt: "3x3", preactivation: false, imageSize: 224, classes: 1000, ...changes },
});

/** §4.2: 6 n + 2 layers. */
function cifar(depth: number, shortcut: ResNetConfig["shortcut"] = "zeros", preactivation = false): ResNetConfig {
  const n = (depth - 2) / 6;
  return {
    ...{ blocks: [n, n, n], widths: [16, 32, 64], block: "basic", stem: "small", shortcut, strideAt: "3x3" },
    ...{ preactivation, imageSize: 32, classes: 10 },
  };
}

const imagenetDepths = Object.keys(imagenetBlocks).map(Number);
const cifarDepths = [20, 32, 44, 56, 110];

/**
 * The networks by name: resnet18 to resnet152 as torchvision has them, `resnet50-paper` with the paper's stride placement,
 * resnet20 to resnet110 for CIFAR-10, `plain20` without shortcuts, `preresnet20` and `preresnet50` with activation first, each of all depths.
 */
export const configs: Readonly<Record<string, ResNetConfig>> = {
  ...Object.fromEntries(
    imagenetDepths.flatMap((depth) => [
      [`resnet${depth}`, imagenet(depth)],
      // Blocks of two convolutions have their stride at one place only.
      ...(depth < 50 ? [] : [[`resnet${depth}-paper`, imagenet(depth, { strideAt: "1x1" })]]),
      [`preresnet${depth}`, imagenet(depth, { preactivation: true })],
    ]),
  ),
  ...Object.fromEntries(
    cifarDepths.flatMap((depth) => [
      [`resnet${depth}`, cifar(depth)],
      [`plain${depth}`, cifar(depth, "none")],
      [`preresnet${depth}`, cifar(depth, "zeros", true)],
    ]),
  ),
};

/** A configuration by name, with other classes or picture sizes if wanted. ArgumentError names those there are. */
export function configOf(name: string, changes: Partial<Pick<ResNetConfig, "classes" | "imageSize">> = {}): ResNetConfig {
  if (!Object.hasOwn(configs, name))
    throw new ArgumentError("configOf", `there is no network ${JSON.stringify(name)}`, `Use one of ${Object.keys(configs).join(", ")}`);
  return { ...configs[name]!, ...changes };
}
