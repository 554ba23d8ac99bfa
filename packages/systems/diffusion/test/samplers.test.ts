import { random, randomKey, type Tensor, tensor } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { type Prediction, type SamplerName, type SamplerOptions, Schedule, sampler, samplerNames } from "../index.ts";
import { sigmaAt } from "../samplers/noise-levels.ts";
import { difference, fixture, missing, why } from "./fixtures.ts";

const files: Record<string, [SamplerName, SamplerOptions]> = {
  scheduler_ddpm: ["ddpm", {}],
  scheduler_ddim_eta0: ["ddim", {}],
  scheduler_ddim_eta1: ["ddim", { eta: 1 }],
  scheduler_ddim_trailing: ["ddim", { spacing: "trailing" }],
  scheduler_euler_linspace: ["euler", {}],
  scheduler_euler_leading: ["euler", { spacing: "leading" }],
  scheduler_euler_karras: ["euler", { karras: true }],
  scheduler_euler_ancestral: ["euler-ancestral", {}],
  scheduler_dpmpp2m_linspace: ["dpm++2m", {}],
  scheduler_dpmpp2m_leading: ["dpm++2m", { spacing: "leading" }],
  scheduler_dpmpp2m_karras: ["dpm++2m", { karras: true }],
  scheduler_lms_linspace: ["lms", {}],
  scheduler_lms_leading: ["lms", { spacing: "leading" }],
  scheduler_pndm: ["pndm", {}],
};

describe.skipIf(missing)(`held to diffusers ${why}`, () => {
  test("the schedule has its betas, products and noise levels, adds noise and gives velocities as it does", async () => {
    const { get } = await fixture("schedule");
    const schedule = new Schedule();
    expect(await difference([...schedule.alphasCumprod], get("out/alphas_cumprod"))).toBeLessThan(5e-5);
    expect(await difference([...schedule.sigmas], get("out/train_sigmas"))).toBeLessThan(5e-5);
    const [original, noise, t] = [get("in/original"), get("in/noise"), get("in/timesteps")];
    expect(await difference(schedule.addNoise(original, noise, t), get("out/add_noise"))).toBeLessThan(5e-5);
    expect(await difference(schedule.velocity(original, noise, t), get("out/velocity"))).toBeLessThan(5e-5);
  });

  test.each(Object.entries(files))("%s gives its times, inputs and samples at every step", async (file, [name, options]) => {
    const { get, arrays } = await fixture(file);
    const tolerance = options.karras && name === "euler" ? 3e-4 : 5e-5;
    for (const steps of [10, 20]) {
      const out = (key: string): Tensor => get(`out/n${steps}/${key}`);
      const has = (key: string): boolean => arrays.has(`out/n${steps}/${key}`);
      const s = sampler(name, new Schedule(), steps, options);
      const whole = out("timesteps").dtype === "int32";
      expect(await difference(s.timesteps, out("timesteps"))).toBeLessThan(whole ? 1e-12 : tolerance);
      if (has("sigmas")) expect(await difference((s as unknown as { sigmas: number[] }).sigmas, out("sigmas"))).toBeLessThan(tolerance);
      expect(Math.abs(s.initNoiseSigma - (await out("init_noise_sigma").get(0).item()))).toBeLessThan(1e-4);
      let sample = get("in/initial_noise").mul(s.initNoiseSigma);
      expect(await difference(sample, out("initial_sample"))).toBeLessThan(tolerance);
      let worst = 0;
      for (const i of s.timesteps.keys()) {
        const input = s.scaleModelInput(sample, i);
        const output = input.mul(0.1).add(Math.fround(0.05 * Math.sin(s.timesteps[i]!)));
        const noise = s.stochastic ? get(`in/variance_noise/n${steps}`).get(i) : undefined;
        const step = s.step(sample, output, i, noise);
        worst = Math.max(worst, await difference(input, out("model_input").get(i)), await difference(output, out("model_output").get(i)));
        worst = Math.max(worst, await difference(step.previous, out("prev_sample").get(i)));
        if (has("pred_original_sample")) worst = Math.max(worst, await difference(step.original, out("pred_original_sample").get(i)));
        sample = step.previous;
      }
      expect(worst).toBeLessThan(tolerance);
    }
  });
});

/** A network that has seen one picture only and knows the noise on it exactly. */
function oracle(schedule: Schedule, picture: Tensor) {
  return (x: Tensor, alpha: number, sigma: number): Tensor => {
    const epsilon = x.sub(picture.mul(alpha)).div(sigma);
    switch (schedule.prediction) {
      case "epsilon":
        return epsilon;
      case "sample":
        return picture;
      case "v":
        return epsilon.mul(alpha).sub(picture.mul(sigma));
      case "flow":
        return epsilon.sub(picture);
    }
  };
}

const picture = random.uniform(randomKey(3), [1, 2, 2, 3], { low: -1, high: 1 });
const noiseAt = (i: number): Tensor => random.normal(randomKey(100 + i), [1, 2, 2, 3]);

describe("with a network that knows the picture", () => {
  const cases = samplerNames.flatMap((name): (readonly [SamplerName, Prediction])[] =>
    name === "flow" ? [[name, "flow"] as const] : (["epsilon", "v", "sample"] as const).map((p) => [name, p] as const),
  );
  test.each(cases)("%s arrives at it from any noise, the network asked for %s", async (name, prediction) => {
    const schedule = new Schedule(name === "flow" ? { kind: "flow", shift: 3 } : { prediction });
    const network = oracle(schedule, picture);
    const s = sampler(name, schedule, 12);
    let sample = noiseAt(0).mul(s.initNoiseSigma);
    for (const [i, t] of s.timesteps.entries()) {
      const x = s.scaleModelInput(sample, i);
      const low = Math.floor(t);
      const between = (table: Float64Array): number => table[low]! + (t - low) * ((table[low + 1] ?? table[low]!) - table[low]!);
      // Between whole times the ratio of noise to picture is what samplers interpolate.
      const level = between(schedule.sigmas);
      const sigma = schedule.kind === "flow" ? schedule.flowNoise(t) : level / Math.sqrt(1 + level ** 2);
      const alpha = schedule.kind === "flow" ? 1 - sigma : 1 / Math.sqrt(1 + level ** 2);
      const { previous, original } = s.step(sample, network(x, alpha, sigma), i, noiseAt(i + 1));
      if (i < s.timesteps.length - 1) expect(await difference(original, picture)).toBeLessThan(2e-4);
      sample = previous;
    }
    // DDIM and PNDM stop at the schedule's first time, where a little noise is left.
    const left = ["ddim", "pndm"].includes(name) ? 0.2 : 2e-4;
    expect(await difference(sample, picture)).toBeLessThan(left);
  });
});

test.each(samplerNames.filter((name) => !["ddpm", "euler-ancestral"].includes(name)))(
  "%s goes from each of its times to the next, however they lie",
  async (name) => {
    const schedule = new Schedule(name === "flow" ? { kind: "flow", prediction: "sample" } : { prediction: "sample" });
    for (const spacing of ["leading", "trailing", "linspace"] as const) {
      // 7 does not divide 1000: what goes a 7th of the way misses times of other spacings than `leading`.
      const way = sampler(name, schedule, 7, { spacing });
      let sample = way.addNoise(picture, noiseAt(0), 0);
      for (const i of way.timesteps.keys()) {
        sample = way.step(sample, picture, i).previous;
        if (i + 1 < way.timesteps.length) expect(await difference(sample, way.addNoise(picture, noiseAt(0), i + 1))).toBeLessThan(1e-4);
      }
    }
  },
);

/** Numbers m + s z, of a normal distribution: all that a network could know of them, and where each noise z leads, are known exactly. */
const [m, s0] = [0.3, 0.5];
function knowing(schedule: Schedule) {
  return (x: Tensor, alpha: number, sigma: number): Tensor => {
    const off = x.sub(alpha * m).div(alpha ** 2 * s0 ** 2 + sigma ** 2);
    const [original, epsilon] = [off.mul(alpha * s0 ** 2).add(m), off.mul(sigma)];
    const said = { epsilon, sample: original, v: epsilon.mul(alpha).sub(original.mul(sigma)), flow: epsilon.sub(original) };
    return said[schedule.prediction];
  };
}

/** How far a sampler ends from where the exact solution does, whatever of the picture is left at the time it starts from. */
async function off(name: SamplerName, schedule: Schedule, steps: number, options: SamplerOptions = {}): Promise<number> {
  const z = tensor([-2, -1, 0, 0.5, 1.5]);
  const way = sampler(name, schedule, steps, { finalAlphaOne: true, ...options });
  const shares = (t: number): readonly [number, number] => {
    if (schedule.kind === "flow") return [1 - schedule.flowNoise(t), schedule.flowNoise(t)];
    const level = sigmaAt(schedule.sigmas, t);
    return [1 / Math.sqrt(level ** 2 + 1), level / Math.sqrt(level ** 2 + 1)];
  };
  let sample = z.mul(way.initNoiseSigma);
  const [alpha, sigma] = shares(way.timesteps[0]!);
  const expected = way
    .scaleModelInput(sample, 0)
    .sub(alpha * m)
    .mul(s0 / Math.sqrt(alpha ** 2 * s0 ** 2 + sigma ** 2))
    .add(m);
  for (const [i, t] of way.timesteps.entries())
    sample = way.step(sample, knowing(schedule)(way.scaleModelInput(sample, i), ...shares(t)), i).previous;
  return difference(sample, expected);
}

describe("on data of a normal distribution", () => {
  test.each([
    ["ddim", {}, "first"],
    ["euler", {}, "first"],
    ["flow", { kind: "flow" }, "first"],
    ["flow", { kind: "flow", shift: 3 }, "first"],
    ["flow", { kind: "flow", prediction: "sample" }, "first"],
    ["dpm++2m", {}, "second"],
    ["lms", {}, "higher"],
    ["pndm", {}, "higher"],
  ] as const)(
    "%s with %o comes the nearer to the exact solution the more steps there are, as a method of the %s order",
    async (name, options, order) => {
      const schedule = new Schedule(name === "flow" ? options : { kind: "cosine", prediction: "v" });
      const spacing = { spacing: "leading" } as const;
      const [few, many] = [await off(name, schedule, 10, spacing), await off(name, schedule, 20, spacing)];
      // Half of the steps' length: half of the error or less.
      expect(few / many).toBeGreaterThan(order === "first" ? 1.7 : 3);
      if (order === "first") expect(few / many).toBeLessThan(2.4);
      expect(many).toBeLessThan(order === "first" ? 0.15 : 0.02);
    },
  );

  test.each(samplerNames.filter((name) => !["flow", "ddpm", "euler-ancestral"].includes(name)))(
    "%s in a single step starts from the last time, and comes to the mean",
    async (name) => {
      for (const spacing of ["leading", "trailing", "linspace"] as const) {
        const way = sampler(name, new Schedule(), 1, { spacing });
        expect(way.timesteps).toEqual([999]);
        const mean = await off(name, new Schedule(), 1, { spacing });
        expect(Math.abs(mean - 2 * s0)).toBeLessThan(0.05);
      }
    },
  );

  test("as many steps as there are times visit each once, and none is lost", async () => {
    const all = new Schedule({ steps: 60 });
    for (const spacing of ["leading", "trailing", "linspace"] as const) {
      for (const name of ["ddim", "euler", "pndm"] as const)
        expect(new Set(sampler(name, all, 60, { spacing, stepsOffset: 1 }).timesteps).size).toBe(60);
      const way = sampler("dpm++2m", all, 59, { spacing, stepsOffset: 1 });
      expect(new Set(way.timesteps).size).toBe(59);
      expect(await off("dpm++2m", all, 59, { spacing })).toBeLessThan(0.1);
    }
  });
});

describe("schedules", () => {
  test.each(["scaled-linear", "linear", "cosine", "flow"] as const)("%s leads from nearly the picture to nearly noise", (kind) => {
    const { signal, noise, steps } = new Schedule({ kind });
    expect(steps).toBe(1000);
    for (let t = 1; t < steps; t++) expect(noise[t]!).toBeGreaterThan(noise[t - 1]!);
    expect(noise[0]!).toBeLessThan(0.05);
    expect(signal.at(-1)!).toBeLessThan(0.08);
    if (kind !== "flow") for (const t of [0, 400, 999]) expect(signal[t]! ** 2 + noise[t]! ** 2).toBeCloseTo(1, 12);
  });

  test.each(["epsilon", "sample", "v", "flow"] as const)(
    "what a network asked for %s says gives back picture and noise",
    async (prediction) => {
      const schedule = new Schedule({ prediction, kind: prediction === "flow" ? "flow" : "cosine" });
      const t = 500;
      const times = tensor([t], { dtype: "int32" });
      const x = schedule.addNoise(picture, noiseAt(1), times);
      const { original, epsilon } = schedule.parts(x, schedule.target(picture, noiseAt(1), times), schedule.signal[t]!, schedule.noise[t]!);
      expect(await difference(original, picture)).toBeLessThan(1e-5);
      expect(await difference(epsilon, noiseAt(1))).toBeLessThan(1e-5);
    },
  );
});

describe("what makes no sense is refused", () => {
  test("by schedules", () => {
    expect(() => new Schedule({ steps: 0 })).toThrow("steps is 0");
    expect(() => new Schedule({ betaStart: 0.5, betaEnd: 0.1 })).toThrow("betas run from 0.5 to 0.1");
    expect(() => new Schedule({ kind: "sigmoid" as "linear" })).toThrow('kind is "sigmoid"');
    expect(() => new Schedule({ steps: 1e12 })).toThrow("steps is 1000000000000");
    for (const prediction of ["epsilon", "v"] as const)
      expect(() => new Schedule({ kind: "flow", prediction })).toThrow(`a flow is asked for ${prediction}`);
  });

  test("by samplers", () => {
    const schedule = new Schedule();
    expect(() => sampler("heun" as "euler", schedule, 10)).toThrow("Use one of ddim, ddpm");
    for (const name of samplerNames) {
      const own = name === "flow" ? new Schedule({ kind: "flow" }) : schedule;
      expect(() => sampler(name, own, 0)).toThrow("steps is 0");
      expect(() => sampler(name, own, 2.5)).toThrow("steps is 2.5");
      expect(() => sampler(name, own, 1001)).toThrow("Give a whole number from 1 to");
      const other = name === "flow" ? schedule : new Schedule({ kind: "flow" });
      expect(() => sampler(name, other, 10)).toThrow("schedule is");
    }
    for (const name of samplerNames.filter((n) => n !== "flow")) {
      expect(() => sampler(name, schedule, 10, { spacing: "odd" as "linspace" })).toThrow('spacing is "odd"');
      expect(() => sampler(name, schedule, 10, { stepsOffset: 0.5 })).toThrow("stepsOffset is 0.5");
    }
    for (const spacing of ["trailing", "linspace"] as const)
      expect(() => sampler("pndm", new Schedule({ kind: "cosine" }), 20, { spacing })).toThrow("would diverge");
    const s = sampler("ddpm", schedule, 10);
    expect(() => s.step(picture, picture, 0)).toThrow("given no noise");
  });

  test("and a sampler begins anew when it is taken back to an earlier step", async () => {
    for (const name of ["pndm", "lms", "dpm++2m"] as const) {
      const s = sampler(name, new Schedule(), 8);
      const run = (): Tensor => {
        let sample = noiseAt(0).mul(s.initNoiseSigma);
        for (const i of s.timesteps.keys()) sample = s.step(sample, s.scaleModelInput(sample, i).mul(0.3), i).previous;
        return sample;
      };
      expect(await difference(run(), run())).toBe(0);
    }
  });
});
