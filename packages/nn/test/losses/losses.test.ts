import { isclose, type Tensor, tensor, valueAndGrad, zeros } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import * as nn from "../../src/index.ts";
import golden from "./losses.golden.json" with { type: "json" };

type Flat = { shape: number[]; data: number[] };
const load = ({ shape, data }: Flat): Tensor => tensor(Float32Array.from(data)).reshape(shape);

const losses: Record<keyof typeof golden, nn.Loss> = {
  mse: new nn.MeanSquaredError(),
  mae: new nn.MeanAbsoluteError(),
  mape: new nn.MeanAbsolutePercentageError(),
  msle: new nn.MeanSquaredLogarithmicError(),
  huber: new nn.Huber(),
  log_cosh: new nn.LogCosh(),
  poisson: new nn.Poisson(),
  cosine_similarity: new nn.CosineSimilarity(),
  kld: new nn.KLDivergence(),
  bce: new nn.BinaryCrossentropy(),
  "bce logits": new nn.BinaryCrossentropy({ fromLogits: true }),
  "bce smooth": new nn.BinaryCrossentropy({ fromLogits: true, labelSmoothing: 0.2 }),
  cce: new nn.CategoricalCrossentropy(),
  "cce logits": new nn.CategoricalCrossentropy({ fromLogits: true }),
  "cce smooth": new nn.CategoricalCrossentropy({ fromLogits: true, labelSmoothing: 0.2 }),
  scce: new nn.SparseCategoricalCrossentropy(),
  "scce logits": new nn.SparseCategoricalCrossentropy({ fromLogits: true }),
  "scce ignore": new nn.SparseCategoricalCrossentropy({ fromLogits: true, ignoreClass: -1 }),
  hinge: new nn.Hinge(),
  squared_hinge: new nn.SquaredHinge(),
  categorical_hinge: new nn.CategoricalHinge(),
  "binary focal": new nn.BinaryFocalCrossentropy({ fromLogits: true }),
  "categorical focal": new nn.CategoricalFocalCrossentropy({ fromLogits: true }),
  dice: new nn.Dice(),
  tversky: new nn.Tversky({ alpha: 0.7, beta: 0.3 }),
};

describe("losses equal PyTorch's, with their gradients", () => {
  test.each(Object.keys(golden) as (keyof typeof golden)[])("%s", async (name) => {
    const { y, p, loss, gradient } = golden[name];
    const config = JSON.parse(JSON.stringify(losses[name].getConfig()));
    const again = nn.lossRegistry.deserialize({
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
      new nn.MeanSquaredError({ reduction }).call(y, p, w);
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
    const cases: [nn.Loss, Tensor, Tensor][] = [
      [new nn.BinaryCrossentropy(), hard, hard.neg().add(1)],
      [new nn.CategoricalCrossentropy(), hard, hard.neg().add(1)],
      [new nn.BinaryCrossentropy({ fromLogits: true }), hard, hard.mul(-1e4).add(5e3)],
      [new nn.CategoricalCrossentropy({ fromLogits: true }), hard, hard.mul(-1e4)],
      [new nn.SparseCategoricalCrossentropy(), tensor([1, 0]), hard.neg().add(1)],
      [new nn.LogCosh(), hard.mul(1e4), hard.mul(-1e4)],
    ];
    for (const [l, y, p] of cases) {
      const [value, g] = valueAndGrad((x: Tensor) => l.call(y, x))(p) as [Tensor, Tensor];
      expect(Number.isFinite(await value.item())).toBe(true);
      expect(await g.isfinite().all().item()).toBe(1);
    }
  });
  test("shapes that would broadcast are refused, a missing last axis of one is not", () => {
    expect(() => nn.meanSquaredError(zeros([4, 3]), zeros([4, 1]))).toThrow(/targets have shape \[4, 3\], predictions \[4, 1\]/);
    expect(() => nn.sparseCategoricalCrossentropy(zeros([4, 3]), zeros([4, 3]))).toThrow(/class numbers of shape \[4\]/);
    expect(() => nn.categoricalCrossentropy(zeros([4]), zeros([4, 3]))).toThrow(/sparse_categorical_crossentropy/);
    expect(nn.meanSquaredError(zeros([4]), zeros([4, 1])).shape).toEqual([4]);
  });
});
