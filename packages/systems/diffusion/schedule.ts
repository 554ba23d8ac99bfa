import { ArgumentError, type Tensor, take, tensor } from "@gradus/tensor";

/**
 * How noise grows: linearly (Ho et al. 2020, §4), linearly in the root (Rombach et al. 2022, as released), by a cosine (Nichol &
 * Dhariwal 2021, equation 17), or on straight lines from pictures to noise (rectified flow: Liu et al. 2023).
 */
export const scheduleKinds = ["scaled-linear", "linear", "cosine", "flow"] as const;
export type ScheduleKind = (typeof scheduleKinds)[number];

/**
 * What a network is asked for: the noise ε, the picture x₀, the velocity v = α ε - σ x₀ (Salimans & Ho 2022), or the direction from
 * picture to noise, ε - x₀.
 */
export const predictions = ["epsilon", "sample", "v", "flow"] as const;
export type Prediction = (typeof predictions)[number];

export interface ScheduleOptions {
  /** Default "scaled-linear". */
  readonly kind?: ScheduleKind;
  /** Times that training knows; default 1000. */
  readonly steps?: number;
  /** First and last variance β of the linear kinds; default 0.00085 and 0.012, or 0.0001 and 0.02 for "linear". */
  readonly betaStart?: number;
  readonly betaEnd?: number;
  /** Default "epsilon", or "flow" for the flow. */
  readonly prediction?: Prediction;
  /** Of a flow: more than 1 spends more of the time on much noise (Esser et al. 2024, equation 23). Default 1. */
  readonly shift?: number;
}

/** No schedule has as many. */
export const mostSteps = 100_000;

/** A picture and the noise on it. */
export interface Parts {
  readonly original: Tensor;
  readonly epsilon: Tensor;
}

/**
 * What is left of a picture at each time t = 0 .. steps - 1: x_t = α_t x₀ + σ_t ε, ε from the standard normal distribution. It knows no
 * network and no sampler. ArgumentError for settings that make no schedule.
 */
export class Schedule {
  readonly kind: ScheduleKind;
  readonly steps: number;
  readonly prediction: Prediction;
  /** α_t, the share of the picture: √ᾱ_t in the papers on diffusion. */
  readonly signal: Float64Array;
  /** σ_t, the share of the noise: √(1 - ᾱ_t). */
  readonly noise: Float64Array;
  private readonly shift: number;

  constructor(options: ScheduleOptions = {}) {
    const { kind = "scaled-linear", steps = 1000, shift = 1 } = options;
    if (!Number.isInteger(steps) || steps < 1 || steps > mostSteps)
      throw new ArgumentError("Schedule", `steps is ${steps}`, `Give a whole number from 1 to ${mostSteps}, such as 1000`);
    this.kind = kind;
    this.steps = steps;
    if (!(shift > 0 && Number.isFinite(shift))) throw new ArgumentError("Schedule", `shift is ${shift}`, "Give a positive number");
    this.shift = shift;
    this.prediction = options.prediction ?? (kind === "flow" ? "flow" : "epsilon");
    if (!predictions.includes(this.prediction))
      throw new ArgumentError("Schedule", `prediction is ${JSON.stringify(this.prediction)}`, `Use "epsilon", "sample", "v" or "flow"`);
    // At the end of a flow nothing is left of the picture: the noise does not tell it, and v is of shares that keep the variance.
    if (kind === "flow" && (this.prediction === "epsilon" || this.prediction === "v"))
      throw new ArgumentError("Schedule", `a flow is asked for ${this.prediction}`, `Its prediction is "flow" or "sample"`);
    if (kind === "flow") {
      this.noise = Float64Array.from({ length: steps }, (_, t) => this.flowNoise(t));
      this.signal = this.noise.map((s) => 1 - s);
    } else {
      let product = 1;
      const cumulative = betas(kind, steps, options).map((beta) => (product *= 1 - beta));
      this.signal = cumulative.map(Math.sqrt);
      this.noise = cumulative.map((a) => Math.sqrt(1 - a));
    }
  }

  /** ᾱ_t, the product of 1 - β up to t (Ho et al. 2020, equation 4). */
  get alphasCumprod(): Float64Array {
    return this.signal.map((a) => a * a);
  }

  /** Noise as a share of the picture, σ_t / α_t: the σ of Karras et al. 2022. */
  get sigmas(): Float64Array {
    return this.noise.map((s, t) => s / this.signal[t]!);
  }

  /** σ of a flow at a time that may lie between the schedule's; 0 at t = -1. */
  flowNoise(t: number): number {
    const s = (t + 1) / this.steps;
    return (this.shift * s) / (1 + (this.shift - 1) * s);
  }

  /** x_t of pictures [B, ...] with noise of the same shape, at times int32 [B]. */
  addNoise(original: Tensor, noise: Tensor, t: Tensor): Tensor {
    return original.mul(at(this.signal, t, original)).add(noise.mul(at(this.noise, t, original)));
  }

  /** v = α_t ε - σ_t x₀. */
  velocity(original: Tensor, noise: Tensor, t: Tensor): Tensor {
    return noise.mul(at(this.signal, t, original)).sub(original.mul(at(this.noise, t, original)));
  }

  /** What the network should have said about `addNoise(original, noise, t)`. */
  target(original: Tensor, noise: Tensor, t: Tensor): Tensor {
    switch (this.prediction) {
      case "epsilon":
        return noise;
      case "sample":
        return original;
      case "v":
        return this.velocity(original, noise, t);
      case "flow":
        return noise.sub(original);
    }
  }

  /** Takes x = α x₀ + σ ε apart by what the network said about it. */
  parts(x: Tensor, output: Tensor, alpha: number, sigma: number): Parts {
    switch (this.prediction) {
      case "epsilon":
        return { original: x.sub(output.mul(sigma)).div(alpha), epsilon: output };
      case "sample":
        return { original: output, epsilon: x.sub(output.mul(alpha)).div(sigma) };
      case "v":
        return { original: x.mul(alpha).sub(output.mul(sigma)), epsilon: output.mul(alpha).add(x.mul(sigma)) };
      case "flow":
        return { original: x.sub(output.mul(sigma)).div(alpha + sigma), epsilon: x.add(output.mul(alpha)).div(alpha + sigma) };
    }
  }
}

/** β_t, the variance of the noise that step t adds. */
function betas(kind: ScheduleKind, steps: number, options: ScheduleOptions): Float64Array {
  const linear = kind === "linear";
  const { betaStart = linear ? 1e-4 : 0.00085, betaEnd = linear ? 0.02 : 0.012 } = options;
  if (!(betaStart > 0 && betaStart <= betaEnd && betaEnd < 1))
    throw new ArgumentError(
      "Schedule",
      `betas run from ${betaStart} to ${betaEnd}`,
      "They must lie between 0 and 1, the first not above the last",
    );
  const between = (a: number, b: number, t: number): number => (steps === 1 ? a : a + ((b - a) * t) / (steps - 1));
  switch (kind) {
    case "linear":
      return Float64Array.from({ length: steps }, (_, t) => between(betaStart, betaEnd, t));
    case "scaled-linear":
      return Float64Array.from({ length: steps }, (_, t) => between(Math.sqrt(betaStart), Math.sqrt(betaEnd), t) ** 2);
    case "cosine": {
      const left = (t: number): number => Math.cos(((t / steps + 0.008) / 1.008) * (Math.PI / 2)) ** 2;
      return Float64Array.from({ length: steps }, (_, t) => Math.min(1 - left(t + 1) / left(t), 0.999));
    }
    default:
      throw new ArgumentError("Schedule", `kind is ${JSON.stringify(kind)}`, `Use "scaled-linear", "linear", "cosine" or "flow"`);
  }
}

/** A table's entries at times [B], to be multiplied with x [B, ...]. */
function at(table: Float64Array, t: Tensor, x: Tensor): Tensor {
  const entries = take(tensor(Float32Array.from(table)), t.astype("int32"), { axis: 0 });
  return entries.reshape([-1, ...x.shape.slice(1).map(() => 1)]);
}
