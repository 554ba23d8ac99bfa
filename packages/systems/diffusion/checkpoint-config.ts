import type { AutoencoderConfig } from "./autoencoder.ts";
import type { ClipTextConfig } from "./clip.ts";
import type { StableDiffusionConfig } from "./config.ts";
import { Fields, limits } from "./fields.ts";
import type { Json } from "./folder.ts";
import type { SamplerName } from "./samplers/index.ts";
import type { SamplerOptions } from "./samplers/sampler.ts";
import type { ScheduleOptions } from "./schedule.ts";
import type { UNetConfig } from "./unet.ts";

/**
 * The JSON files of a published model, read strictly: a setting that we do not compute is refused, since the pictures would only look a
 * little wrong.
 */

const operation = "loadStableDiffusion";
const { levels, layersPerBlock, width } = limits;

const [crossDown, plainDown, crossUp, plainUp] = ["CrossAttnDownBlock2D", "DownBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"] as const;

/** `unet/config.json`. */
export function unetConfigOf(json: Json): UNetConfig {
  const f = new Fields(operation, "unet/config.json", json);
  f.expect({
    ...{ _class_name: "UNet2DConditionModel", act_fn: "silu", center_input_sample: false, flip_sin_to_cos: true, freq_shift: 0 },
    ...{
      downsample_padding: 1,
      mid_block_scale_factor: 1,
      norm_eps: 1e-5,
      mid_block_type: "UNetMidBlock2DCrossAttn",
      time_embedding_type: "positional",
    },
    ...{ use_linear_projection: false, dual_cross_attention: false, resnet_time_scale_shift: "default", only_cross_attention: false },
    ...{ class_embed_type: undefined, num_class_embeds: undefined, addition_embed_type: undefined, encoder_hid_dim: undefined },
    ...{
      num_attention_heads: undefined,
      transformer_layers_per_block: 1,
      conv_in_kernel: 3,
      conv_out_kernel: 3,
      attention_type: "default",
    },
  });
  const channels = f.counts("block_out_channels", levels, width);
  const down = f.words("down_block_types", [crossDown, plainDown]);
  const up = f.words("up_block_types", [crossUp, plainUp]);
  if (down.length !== channels.length) f.refuse("down_block_types", `there are ${channels.length} levels`);
  const mirrored = down.map((type) => (type === crossDown ? crossUp : plainUp)).reverse();
  if (up.join() !== mirrored.join()) f.refuse("up_block_types", "the way up must mirror the way down");
  const heads = f.isList("attention_head_dim")
    ? f.counts("attention_head_dim", levels, limits.heads)
    : f.count("attention_head_dim", limits.heads, 8);
  if (typeof heads !== "number" && heads.length !== channels.length) f.refuse("attention_head_dim", `there are ${channels.length} levels`);
  return {
    inChannels: f.count("in_channels", width),
    outChannels: f.count("out_channels", width),
    channels,
    layersPerBlock: f.count("layers_per_block", layersPerBlock),
    attention: down.map((type) => type === crossDown),
    heads,
    contextWidth: f.count("cross_attention_dim", width),
    groups: f.count("norm_num_groups", width, 32),
  };
}

/** `vae/config.json`. */
export function autoencoderConfigOf(json: Json): AutoencoderConfig {
  const f = new Fields(operation, "vae/config.json", json);
  f.expect({
    ...{ _class_name: "AutoencoderKL", act_fn: "silu", shift_factor: undefined, latents_mean: undefined, mid_block_add_attention: true },
    ...{ use_quant_conv: true, use_post_quant_conv: true },
  });
  const channels = f.counts("block_out_channels", levels, width);
  for (const [name, type] of [
    ["down_block_types", "DownEncoderBlock2D"],
    ["up_block_types", "UpDecoderBlock2D"],
  ] as const)
    if (f.words(name, [type]).length !== channels.length) f.refuse(name, `there are ${channels.length} levels`);
  const inChannels = f.count("in_channels", width);
  if (f.count("out_channels", width) !== inChannels) f.refuse("out_channels", `pictures have ${inChannels} channels`);
  return {
    inChannels,
    latentChannels: f.count("latent_channels", width),
    channels,
    layersPerBlock: f.count("layers_per_block", layersPerBlock),
    groups: f.count("norm_num_groups", width, 32),
    scalingFactor: f.number("scaling_factor", 1e-4, 1e4, 0.18215), // older files do not say it
  };
}

/** `text_encoder/config.json`. */
export function textConfigOf(json: Json): ClipTextConfig {
  const f = new Fields(operation, "text_encoder/config.json", json);
  f.expect({ model_type: "clip_text_model", layer_norm_eps: 1e-5 });
  const vocabulary = f.count("vocab_size", limits.vocabulary, 49408);
  const end = f.count("eos_token_id", limits.vocabulary, vocabulary - 1);
  return {
    vocabulary,
    context: f.count("max_position_embeddings", limits.context, 77),
    width: f.count("hidden_size", width),
    layers: f.count("num_hidden_layers", limits.layers),
    heads: f.count("num_attention_heads", limits.heads),
    hidden: f.count("intermediate_size", width),
    activation: f.word("hidden_act", { quick_gelu: "quickGelu", gelu: "gelu" } as const, "quick_gelu"),
    end: end === 2 ? vocabulary - 1 : end, // Stable Diffusion 1.5's file says 2, and means the last token
  };
}

const samplerNames: Readonly<Record<string, SamplerName>> = {
  DDIMScheduler: "ddim",
  DDPMScheduler: "ddpm",
  DPMSolverMultistepScheduler: "dpm++2m",
  EulerAncestralDiscreteScheduler: "euler-ancestral",
  EulerDiscreteScheduler: "euler",
  LMSDiscreteScheduler: "lms",
  PNDMScheduler: "pndm",
};

/** `scheduler/scheduler_config.json`. */
export function schedulerConfigOf(json: Json): Pick<StableDiffusionConfig, "schedule" | "sampler" | "samplerOptions"> {
  const f = new Fields(operation, "scheduler/scheduler_config.json", json);
  f.expect({
    ...{ trained_betas: undefined, clip_sample: false, thresholding: false, rescale_betas_zero_snr: false, skip_prk_steps: true },
    ...{ algorithm_type: "dpmsolver++", solver_order: 2, solver_type: "midpoint", final_sigmas_type: "zero", variance_type: "fixed_small" },
    ...{ use_exponential_sigmas: false, use_beta_sigmas: false, use_lu_lambdas: false },
    ...{ use_flow_sigmas: false, interpolation_type: "linear", timestep_type: "discrete" },
  });
  const schedule = {
    kind: f.word("beta_schedule", { scaled_linear: "scaled-linear", linear: "linear", squaredcos_cap_v2: "cosine" } as const),
    steps: f.count("num_train_timesteps", limits.times, 1000),
    betaStart: f.number("beta_start", 0, 1),
    betaEnd: f.number("beta_end", 0, 1),
    prediction: f.word("prediction_type", { epsilon: "epsilon", v_prediction: "v", sample: "sample" } as const, "epsilon"),
  } satisfies ScheduleOptions;
  const samplerOptions: SamplerOptions = {
    stepsOffset: f.index("steps_offset", schedule.steps - 1, 0),
    finalAlphaOne: f.flag("set_alpha_to_one", json["_class_name"] === "DDIMScheduler"), // diffusers' defaults
    karras: f.flag("use_karras_sigmas", false),
    ...(json["timestep_spacing"] === undefined
      ? {}
      : { spacing: f.word("timestep_spacing", { leading: "leading", trailing: "trailing", linspace: "linspace" } as const) }),
  };
  return { schedule, sampler: f.word("_class_name", samplerNames, "PNDMScheduler"), samplerOptions };
}
