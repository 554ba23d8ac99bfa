import { ArgumentError, FormatError } from "@gradus/tensor";
import { checkConfig, type GptConfig, type RotaryConfig, type RotaryScaling } from "../config.ts";
import { activationNameOf, activationOf, Fields } from "./fields.ts";

/** How a checkpoint names and lays out its arrays. */
export type Format = "gpt2" | "llama";

/** The network that a `config.json` describes. FormatError names fields that are missing, or that ask for what we do not compute. */
export function readConfig(operation: string, json: Readonly<Record<string, unknown>>): { config: GptConfig; format: Format } {
  const fields = new Fields(operation, json);
  const kind = fields.text("model_type");
  if (!["gpt2", "llama", "mistral", "qwen2"].includes(kind))
    fields.refuse("model_type", "such networks are not read", "gpt2, llama, mistral and qwen2 are");
  if (fields.get("quantization_config") !== undefined)
    fields.refuse("quantization_config", "codes are not read", "Take the model's float weights, and give bits: 8 or 4");
  const config = kind === "gpt2" ? readGpt2(fields) : readLlama(fields, kind);
  try {
    return { config: checkConfig(config), format: kind === "gpt2" ? "gpt2" : "llama" };
  } catch (error) {
    throw new FormatError(operation, `the numbers in config.json do not fit together: ${(error as Error).message}`);
  }
}

function readGpt2(fields: Fields): GptConfig {
  fields.expect(
    { scale_attn_weights: true, scale_attn_by_inverse_layer_idx: false },
    "attention is scaled by the root of the head's width",
  );
  fields.expect({ add_cross_attention: false }, "there is no text to attend to but the network's own");
  const [width, heads] = [fields.count("n_embd"), fields.count("n_head")];
  return {
    ...{ vocabulary: fields.count("vocab_size"), context: fields.count(["n_positions", "n_ctx"]), width, layers: fields.count("n_layer") },
    ...{ heads, keyValueHeads: heads, headWidth: headWidth(fields, "n_embd", width, heads), hidden: fields.count("n_inner", 4 * width) },
    ...{ positions: "learned", rotary: { base: 10_000, scaling: null } },
    ...{ norm: "layer", epsilon: fields.positive("layer_norm_epsilon", 1e-5) },
    ...{ activation: activationOf(fields, "activation_function", "gelu_new"), gated: false, bias: "all" },
    tied: fields.flag("tie_word_embeddings", true),
  };
}

function headWidth(fields: Fields, name: string, width: number, heads: number): number {
  if (width % heads) fields.refuse(name, `${heads} heads do not divide it`);
  return width / heads;
}

function readLlama(fields: Fields, kind: string): GptConfig {
  const context = fields.count("max_position_embeddings");
  // Mistral's window is 4096 where nothing is said.
  const window = kind === "mistral" && !fields.has("sliding_window") ? 4096 : fields.get("sliding_window");
  const slides = kind === "mistral" || (kind === "qwen2" && fields.flag("use_sliding_window", false));
  if (slides && window !== undefined && !((window as number) >= context))
    fields.refuse("sliding_window", "attention that sees a part of the context only is not computed");
  const types = fields.get("layer_types");
  if (types !== undefined && !(Array.isArray(types) && types.every((type) => type === "full_attention")))
    fields.refuse("layer_types", "every layer sees the whole context here");
  fields.expect({ partial_rotary_factor: 1, rope_interleaved: false }, "all features of a head turn, pairs being i and i + half");
  const [width, heads] = [fields.count("hidden_size"), fields.count("num_attention_heads")];
  return {
    ...{ vocabulary: fields.count("vocab_size"), context, width, layers: fields.count("num_hidden_layers"), heads },
    keyValueHeads: fields.count("num_key_value_heads", kind === "llama" ? heads : undefined),
    headWidth: fields.get("head_dim") === undefined ? headWidth(fields, "hidden_size", width, heads) : fields.count("head_dim"),
    ...{ hidden: fields.count("intermediate_size"), positions: "rotary", rotary: readRotary(fields) },
    ...{ norm: "rms", epsilon: fields.positive("rms_norm_eps", 1e-6) },
    ...{ activation: activationOf(fields, "hidden_act", "silu"), gated: true, bias: biasOf(fields, kind) },
    tied: fields.flag("tie_word_embeddings", false),
  };
}

function biasOf(fields: Fields, kind: string): GptConfig["bias"] {
  if (kind === "qwen2") return "qkv";
  if (kind === "mistral") return "none";
  const [attention, feedForward] = [fields.flag("attention_bias", false), fields.flag("mlp_bias", false)];
  if (attention !== feedForward)
    fields.refuse("attention_bias", `and mlp_bias ${feedForward}: products have biases in both parts of a block, or in none`);
  return attention ? "all" : "none";
}

/** `rope_theta` and `rope_scaling`, or both in `rope_parameters`. */
function readRotary(fields: Fields): RotaryConfig {
  const newer = fields.inner("rope_parameters");
  const base = (newer?.get("rope_theta") === undefined ? fields : newer).positive("rope_theta", 10_000);
  const name = newer ? "rope_parameters" : "rope_scaling";
  const scaling = newer ?? fields.inner(name);
  if (!scaling) return { base, scaling: null };
  scaling.expect({ partial_rotary_factor: 1 }, "all features of a head turn");
  const type = scaling.get("rope_type") ?? scaling.get("type");
  const factor = (): number => scaling.positive("factor");
  switch (type) {
    case undefined:
    case "default":
      return { base, scaling: null };
    case "linear":
      return { base, scaling: { kind: "linear", factor: factor() } };
    case "llama3": {
      const [low, high] = [scaling.positive("low_freq_factor"), scaling.positive("high_freq_factor")];
      if (!(high > low)) scaling.refuse("high_freq_factor", `it has to be above low_freq_factor, ${low}`);
      const originalContext = scaling.count("original_max_position_embeddings");
      return { base, scaling: { kind: "llama3", factor: factor(), lowFrequencyFactor: low, highFrequencyFactor: high, originalContext } };
    }
    default:
      return fields.refuse(name, "such scaling is not computed", "linear and llama3 are");
  }
}

/** The `config.json` of a network. ArgumentError for one that neither GPT-2's nor Llama's nor Qwen-2's format can describe. */
export function writeConfig(operation: string, config: GptConfig): { json: Record<string, unknown>; format: Format } {
  const { vocabulary, context, width, layers, heads, keyValueHeads, headWidth, hidden, positions, norm, epsilon, gated, bias, tied } =
    config;
  const refuse = (format: string, problem: string): never => {
    throw new ArgumentError(operation, `${format}'s format cannot say ${problem}`, "Save the model as Gradus's own: saveLanguageModel");
  };
  const common = { vocab_size: vocabulary, tie_word_embeddings: tied, torch_dtype: "float32" };
  if (positions === "learned") {
    if (norm !== "layer") refuse("GPT-2", "that normalisation is by the root of the mean square");
    if (gated) refuse("GPT-2", "that the feed-forward part is gated");
    if (bias !== "all") refuse("GPT-2", "that products have no biases");
    if (keyValueHeads !== heads) refuse("GPT-2", "that heads share keys and values");
    if (headWidth * heads !== width) refuse("GPT-2", `that ${heads} heads of ${headWidth} features belong to ${width}`);
    return {
      format: "gpt2",
      json: {
        ...{ model_type: "gpt2", architectures: ["GPT2LMHeadModel"], n_positions: context, n_ctx: context, n_embd: width },
        ...{
          n_layer: layers,
          n_head: heads,
          n_inner: hidden,
          activation_function: activationNameOf(config.activation),
          layer_norm_epsilon: epsilon,
          ...common,
        },
      },
    };
  }
  if (norm !== "rms") refuse("Llama", "that normalisation subtracts the mean");
  if (!gated) refuse("Llama", "that the feed-forward part is not gated");
  const qwen = bias === "qkv";
  if (qwen && headWidth * heads !== width) refuse("Qwen-2", `that ${heads} heads of ${headWidth} features belong to ${width}`);
  const { base, scaling } = config.rotary;
  return {
    format: "llama",
    json: {
      ...{ model_type: qwen ? "qwen2" : "llama", architectures: [qwen ? "Qwen2ForCausalLM" : "LlamaForCausalLM"] },
      ...{ max_position_embeddings: context, hidden_size: width, intermediate_size: hidden, num_hidden_layers: layers },
      ...{
        num_attention_heads: heads,
        num_key_value_heads: keyValueHeads,
        hidden_act: activationNameOf(config.activation, "gelu_pytorch_tanh"),
      },
      ...{ rms_norm_eps: epsilon, rope_theta: base, rope_scaling: scalingJSON(scaling), ...common },
      ...(qwen ? { use_sliding_window: false } : { head_dim: headWidth, attention_bias: bias === "all", mlp_bias: bias === "all" }),
    },
  };
}

function scalingJSON(scaling: RotaryScaling | null): Record<string, unknown> | null {
  if (!scaling) return null;
  if (scaling.kind === "linear") return { rope_type: "linear", factor: scaling.factor };
  return {
    ...{ rope_type: "llama3", factor: scaling.factor, low_freq_factor: scaling.lowFrequencyFactor },
    ...{ high_freq_factor: scaling.highFrequencyFactor, original_max_position_embeddings: scaling.originalContext },
  };
}
