import { isclose, type Tensor, tensor, valueAndGrad, zeros } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import * as nn from "../../src/index.ts";
import golden from "./losses.golden.json" with { type: "json" };

type Flat = { shape: number[]; data: number[] };
const load = ({ shape, data }: Flat): Tensor => tensor(Float32Array.from(data)).reshape(shape);

const losses: Record<keyof typeof golden, nn.losses.Loss> = {
  mse: new nn.losses.MeanSquaredError(),
  mae: new nn.losses.MeanAbsoluteError(),
  mape: new nn.losses.MeanAbsolutePercentageError(),
  msle: new nn.losses.MeanSquaredLogarithmicError(),
  huber: new nn.losses.Huber(),
  log_cosh: new nn.losses.LogCosh(),
  poisson: new nn.losses.Poisson(),
  cosine_similarity: new nn.losses.CosineSimilarity(),
  kld: new nn.losses.KLDivergence(),
  bce: new nn.losses.BinaryCrossentropy(),
  "bce logits": new nn.losses.BinaryCrossentropy({ fromLogits: true }),
  "bce smooth": new nn.losses.BinaryCrossentropy({ fromLogits: true, labelSmoothing: 0.2 }),
  cce: new nn.losses.CategoricalCrossentropy(),
  "cce logits": new nn.losses.CategoricalCrossentropy({ fromLogits: true }),
  "cce smooth": new nn.losses.CategoricalCrossentropy({ fromLogits: true, labelSmoothing: 0.2 }),
  scce: new nn.losses.SparseCategoricalCrossentropy(),
  "scce logits": new nn.losses.SparseCategoricalCrossentropy({ fromLogits: true }),
  "scce ignore": new nn.losses.SparseCategoricalCrossentropy({ fromLogits: true, ignoreClass: -1 }),
  hinge: new nn.losses.Hinge(),
  squared_hinge: new nn.losses.SquaredHinge(),
  categorical_hinge: new nn.losses.CategoricalHinge(),
  "binary focal": new nn.losses.BinaryFocalCrossentropy({ fromLogits: true }),
  "categorical focal": new nn.losses.CategoricalFocalCrossentropy({ fromLogits: true }),
  dice: new nn.losses.Dice(),
  tversky: new nn.losses.Tversky({ alpha: 0.7, beta: 0.3 }),
};

describe("losses equal PyTorch's, with their gradients", () => {
  test.each(Object.keys(golden) as (keyof typeof golden)[])("%s", async (name) => {
    const { y, p, loss, gradient } = golden[name];
    const config = JSON.parse(JSON.stringify(losses[name].getConfig()));
    const again = nn.losses.lossRegistry.deserialize({
      className: (losses[name].constructor as unknown as { className: string }).className,
      config,
    });
    for (const l of [losses[name], again]) {
      const [value, found] = valueAndGrad((x: Tensor) => l.call(load(y), x))(load(p)) as [Tensor, Tensor];
      expect(await value.item()).toBeCloseTo(loss, 4);
      const ok = await isclose(found, load(gradient), { rtol: 1e-4, atol: 1e-5 }).all().item();
      if (!ok) expect(await found.tolist()).toEqual(await load(gradient).tolist());
    }
  });
});

describe("losses", () => {
  test("weights and reductions combine as in Keras", async () => {
    const [y, p] = [
      zeros([3, 2]),
      tensor(
        [
          [1, 1],
          [2, 2],
          [3, 3],
        ],
        { dtype: "float32" },
      ),
    ];
    const w = tensor([1, 0, 2], { dtype: "float32" });
    const of = (reduction: "sum" | "none" | "sumOverBatchSize" | "meanWithSampleWeight") =>
      new nn.losses.MeanSquaredError({ reduction }).call(y, p, w);
    expect(await of("none").tolist()).toEqual([1, 0, 18]);
    expect(await of("sum").item()).toBe(19);
    expect(await of("sumOverBatchSize").item()).toBeCloseTo(19 / 3, 5);
    expect(await of("meanWithSampleWeight").item()).toBeCloseTo(19 / 3, 5);
  });
  test("probabilities of exactly 0 and 1 and large logits give finite losses and gradients", async () => {
    const hard = tensor(
      [
        [0, 1],
        [1, 0],
      ],
      { dtype: "float32" },
    );
    const cases: [nn.losses.Loss, Tensor, Tensor][] = [
      [new nn.losses.BinaryCrossentropy(), hard, hard.neg().add(1)],
      [new nn.losses.CategoricalCrossentropy(), hard, hard.neg().add(1)],
      [new nn.losses.BinaryCrossentropy({ fromLogits: true }), hard, hard.mul(-1e4).add(5e3)],
      [new nn.losses.CategoricalCrossentropy({ fromLogits: true }), hard, hard.mul(-1e4)],
      [new nn.losses.SparseCategoricalCrossentropy(), tensor([1, 0]), hard.neg().add(1)],
      [new nn.losses.LogCosh(), hard.mul(1e4), hard.mul(-1e4)],
    ];
    for (const [l, y, p] of cases) {
      const [value, g] = valueAndGrad((x: Tensor) => l.call(y, x))(p) as [Tensor, Tensor];
      expect(Number.isFinite(await value.item())).toBe(true);
      expect(await g.isfinite().all().item()).toBe(1);
    }
  });
  test("shapes that would broadcast are refused, a missing last axis of one is not", () => {
    expect(() => nn.losses.meanSquaredError(zeros([4, 3]), zeros([4, 1]))).toThrow(/targets have shape \[4, 3\], predictions \[4, 1\]/);
    expect(() => nn.losses.sparseCategoricalCrossentropy(zeros([4, 3]), zeros([4, 3]))).toThrow(/targets have shape \[4, 3\]/);
    expect(() => nn.losses.categoricalCrossentropy(zeros([4]), zeros([4, 3]))).toThrow(/sparseCategoricalCrossentropy/);
    expect(nn.losses.meanSquaredError(zeros([4]), zeros([4, 1])).shape).toEqual([4]);
  });
});
