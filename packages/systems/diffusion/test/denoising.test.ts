import { setRandomSeed } from "@gradus/nn";
import { type Tensor, tensor } from "@gradus/tensor";
import { expect, test } from "vitest";
import type { Denoiser } from "../denoiser.ts";
import { Denoising } from "../denoising.ts";
import { Schedule } from "../schedule.ts";

/** Says that there is nothing: what it is off is the target itself. */
const silent = { forward: (noisy: Tensor) => noisy.mul(0) } as unknown as Denoiser;
const pictures = tensor(Float32Array.from({ length: 128 }, (_, i) => Math.sin(i))).reshape([8, 4, 4, 1]);

/** The loss at the only time of a schedule with this much noise, the random numbers the same each time. */
async function lossAt(beta: number, limits: { readonly snrLimit?: number; readonly snrLeast?: number }, prediction: "v" | "epsilon" = "v") {
  setRandomSeed(1);
  const schedule = new Schedule({ kind: "linear", steps: 1, betaStart: beta, betaEnd: beta, prediction });
  const model = new Denoising({ network: silent, text: null, schedule, encode: (z) => z, drop: 0, ...limits });
  return (await (model.call(pictures) as Tensor).item()) as number;
}

test.each(["v", "epsilon"] as const)(
  "predicting %s, little noise counts up to the limit, and strong noise from the least ratio on",
  async (prediction) => {
    for (const beta of [0.02, 0.3, 0.9, 0.99]) {
      const snr = (1 - beta) / beta;
      const plain = await lossAt(beta, { snrLimit: Infinity }, prediction);
      const share = async (limits: Parameters<typeof lossAt>[1]) => (await lossAt(beta, limits, prediction)) / plain;
      const unit = prediction === "v" ? snr + 1 : snr;
      expect(await share({}), `${beta}`).toBeCloseTo(Math.min(snr, 5) / unit, 4);
      expect(await share({ snrLeast: 1 }), `${beta}`).toBeCloseTo(Math.max(1, Math.min(snr, 5)) / unit, 4);
      expect(await share({ snrLeast: 2, snrLimit: 3 }), `${beta}`).toBeCloseTo(Math.max(2, Math.min(snr, 3)) / unit, 3);
    }
  },
);

test.each([{ snrLeast: -1 }, { snrLeast: 6 }, { snrLeast: NaN }])("ratios of noise such as %j are refused", async (limits) => {
  await expect(lossAt(0.5, limits)).rejects.toThrow(/snrLeast is/);
});
