import { ArgumentError } from "@gradus/tensor";

/** What distinguishes one decoder-only transformer from another. */
export interface GptConfig {
  /** Number of tokens that the network knows. */
  readonly vocabulary: number;
  /** The most tokens it sees at once. */
  readonly context: number;
  /** Features of a token on its way through the network (d_model). */
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Heads of keys and values, each serving as many query heads (Ainslie et al. 2023); as many as `heads` in GPT. */
  readonly keyValueHeads: number;
  /** Features of a head. */
  readonly headWidth: number;
  /** Features inside the feed-forward part. */
  readonly hidden: number;
  /** How a token's place comes in: learned vectors (GPT), or rotations of queries and keys (Su et al. 2021). */
  readonly positions: "learned" | "rotary";
  readonly rotary: RotaryConfig;
  /** Layer normalisation, or by the root of the mean square alone (Zhang and Sennrich 2019). */
  readonly norm: "layer" | "rms";
  readonly epsilon: number;
  /** Activation of the feed-forward part; "geluTanh" is GPT-2's approximation. */
  readonly activation: "gelu" | "geluTanh" | "relu" | "silu";
  /** Whether a second matrix gates the first: with silu this is SwiGLU (Shazeer 2020). */
  readonly gated: boolean;
  /** Which products have a bias: "qkv" (Qwen-2) means those of queries, keys and values. */
  readonly bias: "all" | "qkv" | "none";
  /** Whether the output layer is the table of tokens (Press and Wolf 2017). */
  readonly tied: boolean;
}

/** Rotary positions: pair i of a head turns by place / base^(i / pairs). */
export interface RotaryConfig {
  readonly base: number;
  /** Longer contexts: all angles divided by `factor`, or only slow ones, as in Llama 3.1. */
  readonly scaling: RotaryScaling | null;
}

export type RotaryScaling =
  | { readonly kind: "linear"; readonly factor: number }
  | {
      readonly kind: "llama3";
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalContext: number;
    };

/** Blocks as in GPT-2 (Radford et al. 2019, §2.3) of any size. */
function gpt(layers: number, heads: number, width: number, context = 1024, vocabulary = 50257): GptConfig {
  return {
    ...{ vocabulary, context, width, layers, heads, keyValueHeads: heads, headWidth: width / heads, hidden: 4 * width },
    ...{ positions: "learned", rotary: { base: 10_000, scaling: null }, norm: "layer", epsilon: 1e-5 },
    ...{ activation: "geluTanh", gated: false, bias: "all", tied: true },
  };
}

/** Blocks as in Llama (Touvron et al. 2023): rotary positions, RMSNorm, SwiGLU, no biases. */
function llama(sizes: Partial<GptConfig> & Pick<GptConfig, "layers" | "heads" | "width" | "hidden">): GptConfig {
  return {
    ...gpt(sizes.layers, sizes.heads, sizes.width, 4096, 32_000),
    ...{ positions: "rotary", norm: "rms", activation: "silu", gated: true, bias: "none", tied: false },
    ...sizes,
  };
}

/** GPT-3's sizes: layers, heads, d_model of table 2.1 in Brown et al. (2020). Attention is dense in every layer here. */
const table21: Readonly<Record<string, readonly [layers: number, heads: number, width: number]>> = {
  "gpt3-small": [12, 12, 768],
  "gpt3-medium": [24, 16, 1024],
  "gpt3-large": [24, 16, 1536],
  "gpt3-xl": [24, 24, 2048],
  "gpt3-2.7b": [32, 32, 2560],
  "gpt3-6.7b": [32, 32, 4096],
  "gpt3-13b": [40, 40, 5140],
  "gpt3-175b": [96, 96, 12288],
};

/** The table gives each head's width by itself: 24 heads of 128 in 2048 features (XL), 40 of 128 in 5140 (13B). */
const headWidths: Readonly<Record<string, number>> = { "gpt3-xl": 128, "gpt3-13b": 128 };

/**
 * Networks by name: `small` and `baby` for characters; GPT-2's four sizes; GPT-3's eight; Llama's, SmolLM's and Qwen-2's. The
 * vocabulary of the first two is that of the text they are trained on.
 */
export const configs: Readonly<Record<string, GptConfig>> = {
  small: gpt(4, 4, 128, 64, 65),
  baby: gpt(6, 6, 384, 256, 65),
  gpt2: gpt(12, 12, 768),
  "gpt2-medium": gpt(24, 16, 1024),
  "gpt2-large": gpt(36, 20, 1280),
  "gpt2-xl": gpt(48, 25, 1600),
  ...Object.fromEntries(
    Object.entries(table21).map(([name, [layers, heads, width]]) => {
      const config = gpt(layers, heads, width, 2048);
      return [name, { ...config, headWidth: headWidths[name] ?? config.headWidth }];
    }),
  ),
  "llama2-7b": llama({ layers: 32, heads: 32, width: 4096, hidden: 11_008 }),
  "llama3-8b": llama({
    ...{ layers: 32, heads: 32, width: 4096, hidden: 14_336, keyValueHeads: 8, context: 8192, vocabulary: 128_256 },
    rotary: { base: 500_000, scaling: null },
  }),
  "smollm-135m": llama({
    ...{ layers: 30, heads: 9, width: 576, hidden: 1536, keyValueHeads: 3, context: 2048, vocabulary: 49_152, tied: true },
  }),
  "smollm-360m": llama({
    ...{ layers: 32, heads: 15, width: 960, hidden: 2560, keyValueHeads: 5, context: 2048, vocabulary: 49_152, tied: true },
  }),
  "qwen2-0.5b": llama({
    ...{ layers: 24, heads: 14, width: 896, hidden: 4864, keyValueHeads: 2, context: 32_768, vocabulary: 151_936, tied: true },
    ...{ bias: "qkv", epsilon: 1e-6, rotary: { base: 1_000_000, scaling: null } },
  }),
};

/** A configuration by name, with changes. ArgumentError names those there are, or says what does not fit. */
export function configOf(name: string, changes: Partial<GptConfig> = {}): GptConfig {
  if (!Object.hasOwn(configs, name))
    throw new ArgumentError("configOf", `there is no network ${JSON.stringify(name)}`, `Use one of ${Object.keys(configs).join(", ")}`);
  return checkConfig({ ...configs[name]!, ...changes });
}

/** Gives the configuration back if its numbers fit each other; ArgumentError says which do not. */
export function checkConfig(config: GptConfig): GptConfig {
  const fail = (problem: string, fix?: string): never => {
    throw new ArgumentError("GptConfig", problem, fix);
  };
  const counts = ["vocabulary", "context", "width", "layers", "heads", "keyValueHeads", "headWidth", "hidden"] as const;
  for (const name of counts)
    if (!(Number.isSafeInteger(config[name]) && config[name] >= 1)) fail(`${name} is ${config[name]}`, "Give a positive integer");
  const { heads, keyValueHeads, headWidth, positions, rotary, epsilon } = config;
  if (heads % keyValueHeads) fail(`${heads} heads do not divide among ${keyValueHeads} heads of keys and values`);
  if (positions === "rotary" && headWidth % 2) fail(`headWidth is ${headWidth}`, "Rotary positions turn pairs: give an even number");
  if (!(Number.isFinite(rotary.base) && rotary.base > 0)) fail(`the base of rotary positions is ${rotary.base}`, "Give a positive number");
  if (!(Number.isFinite(epsilon) && epsilon >= 0)) fail(`epsilon is ${epsilon}`, "Give a number from 0 on");
  return config;
}

/** Weights of the network, those of a tied output layer counted once. */
export function countWeights(config: GptConfig): number {
  const { vocabulary, context, width, layers, heads, keyValueHeads, headWidth, hidden, bias } = config;
  const [queries, keys] = [heads * headWidth, keyValueHeads * headWidth];
  const qkv = queries + 2 * keys;
  const inner = config.gated ? 2 * hidden : hidden;
  const biases = (bias === "none" ? 0 : qkv) + (bias === "all" ? 2 * width + inner : 0);
  const norm = config.norm === "layer" ? 2 * width : width;
  const block = width * qkv + queries * width + width * inner + hidden * width + biases + 2 * norm;
  const table = vocabulary * width;
  return (config.tied ? table : 2 * table) + (config.positions === "learned" ? context * width : 0) + layers * block + norm;
}
