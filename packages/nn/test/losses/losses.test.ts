import { readFileSync } from "node:fs";
import { compile, grad, type Tensor, tensor } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { activation } from "../../src/activations.ts";
import { losses } from "../../src/index.ts";
import { type LossFunction, loss, lossRegistry } from "../../src/losses/loss.ts";
import { setMask } from "../../src/masking.ts";
import { type Config, serialize } from "../../src/serialize.ts";

interface Stored {
  readonly shape: number[];
  readonly data: number[];
}
interface Case {
  readonly name: string;
  readonly options: Config;
  readonly target: Stored;
  readonly prediction: Stored;
  readonly values: Stored;
  readonly weight: Stored;
  readonly gradient: Stored;
}
const golden = JSON.parse(readFileSync(new URL("./losses.golden.json", import.meta.url), "utf8")) as { cases: Case[] };
const read = ({ shape, data }: Stored): Tensor => tensor(Float64Array.from(data)).reshape(shape);
const floats = (x: number[] | number[][], dtype: "float32" | "float64" = "float32"): Tensor => tensor(x, { dtype });

function expectClose(actual: Tensor, expected: Stored, tolerance: number): void {
  expect(actual.shape).toEqual(expected.shape);
  const data = actual.dataSync();
  const worst = Math.max(...expected.data.map((x, i) => Math.abs((data[i] as number) - x) / Math.max(1, Math.abs(x))));
  expect(worst).toBeLessThan(tolerance);
}

type AnyLoss = (t: Tensor, p: Tensor, options?: unknown) => Tensor;
const functions = Object.fromEntries(Object.entries(losses).filter(([, f]) => typeof f === "function")) as unknown as Record<
  string,
  AnyLoss
>;

describe("values and gradients agree with PyTorch", () => {
  golden.cases.forEach(({ name, options, target, prediction, values, weight, gradient }, i) => {
    test(`${name} ${JSON.stringify(options)} (${i})`, () => {
      const f: LossFunction = (t, p) => functions[name]!(t, p, options);
      const [t, p] = [read(target), read(prediction)];
      // Keras's 1e-7 beside denominators.
      expectClose(f(t, p), values, 3e-7);
      const slope = grad((x: Tensor) => f(t, x).mul(read(weight)).sum());
      expectClose(slope(p) as Tensor, gradient, 3e-6);
      expectClose(compile(slope)(p) as Tensor, gradient, 3e-6);
    });
  });
});

describe("classes", () => {
  const short = "mse mae mape msle huber logcosh cosine_similarity poisson bce kld hinge squared_hinge dice tversky ctc".split(" ");
  const long = [
    "categorical_crossentropy",
    "sparseCategoricalCrossentropy",
    "meanSquaredError",
    "binary_focal_crossentropy",
    "KLDivergence",
  ];
  test("are found by Keras's names", () => {
    for (const name of [...short, ...long, "MSE", "categorical_hinge", "categorical_focal_crossentropy"]) {
      const found = loss(name);
      const again = loss(serialize(found));
      expect(again.constructor).toBe(found.constructor);
      expect(again.getConfig()).toEqual(found.getConfig());
    }
    expect(() => loss("msee")).toThrow(/unknown loss "msee"/);
  });
  test("are functions, and so are those of one's own", () => {
    class Cubic extends losses.Loss {
      static override readonly className = "Cubic";
      constructor(options: losses.LossOptions = {}) {
        super("cubic", options);
      }
      override values(t: Tensor, p: Tensor): Tensor {
        return p.sub(t).abs().pow(3).mean({ axis: -1 });
      }
    }
    const cubic = new Cubic();
    expect(cubic([[0, 0]], [[1, 2]]).itemSync()).toBeCloseTo(4.5, 6);
    expect(new losses.MeanSquaredError()([[1], [2]], [[2], [4]], [1, 0]).itemSync()).toBeCloseTo(0.5, 6);
    expect([cubic.name, loss(cubic), Cubic.fromConfig({ reduction: "sum" }).reduction]).toEqual(["cubic", cubic, "sum"]);
  });
  test("keep their settings", () => {
    const config = new losses.CategoricalCrossentropy({ fromLogits: true, labelSmoothing: 0.1, name: "mine" }).getConfig();
    expect(config).toEqual({ name: "mine", reduction: "sumOverBatchSize", fromLogits: true, labelSmoothing: 0.1, axis: -1 });
    expect(lossRegistry.deserialize({ className: "Huber", config: { delta: 3 } }).getConfig().delta).toBe(3);
  });
  test("give what their function gives", () => {
    const [t, p] = [
      floats([
        [0, 1],
        [1, 0],
      ]),
      floats([
        [0.3, 0.6],
        [0.7, 0.2],
      ]),
    ];
    for (const [name, f] of Object.entries(functions)) {
      const made = /^[A-Z]/.test(name) || name === "ctc" || name.startsWith("sparse") ? null : loss(name);
      if (made) expect(made.call(t, p).itemSync(), name).toBeCloseTo(f(t, p).mean().itemSync(), 6);
    }
  });
});

describe("reductions", () => {
  const [t, p] = [floats([[0], [0], [0]]), floats([[1], [2], [3]])];
  const of = (reduction: losses.Reduction | null, weights: number[] | null = null): unknown =>
    new losses.MeanSquaredError({ reduction }).call(t, p, weights).tolistSync();
  test("are the mean over the batch, the sum, the weighted mean, or none", () => {
    expect(of("sumOverBatchSize")).toBeCloseTo(14 / 3, 6);
    expect(of("mean")).toBeCloseTo(14 / 3, 6);
    expect(of("sum")).toBe(14);
    expect(of("none")).toEqual([1, 4, 9]);
    expect(of(null)).toEqual([1, 4, 9]);
    expect(of("sum_over_batch_size" as losses.Reduction)).toBeCloseTo(14 / 3, 6);
  });
  test("count sample weights", () => {
    expect(of("sumOverBatchSize", [1, 0, 2])).toBeCloseTo(19 / 3, 6);
    expect(of("sum", [1, 0, 2])).toBe(19);
    expect(of("meanWithSampleWeight", [1, 0, 2])).toBeCloseTo(19 / 3, 6);
    expect(of("meanWithSampleWeight", [1, 0, 1])).toBeCloseTo(5, 6);
    expect(of("none", [1, 0, 2])).toEqual([1, 0, 18]);
  });
  test("leave masked places out", () => {
    const masked = (reduction: losses.Reduction, weights: number[] | null = null): unknown => {
      const prediction = floats([
        [[1], [2]],
        [[3], [4]],
      ] as unknown as number[][]);
      setMask(
        prediction,
        tensor([
          [true, false],
          [true, true],
        ]),
      );
      return new losses.MeanSquaredError({ reduction }).call(prediction.mul(0), prediction, weights).itemSync();
    };
    expect(masked("sumOverBatchSize")).toBeCloseTo(26 / 3, 6);
    expect(masked("sum")).toBe(26);
    expect(masked("sumOverBatchSize", [2, 1])).toBeCloseTo(27 / 3, 6);
    expect(masked("meanWithSampleWeight", [2, 1])).toBeCloseTo(27 / 4, 6);
  });
  test("leave places of the ignored class out of the mean", () => {
    const logits = floats([
      [1, 2],
      [3, 1],
      [0, 0],
    ]);
    const value = new losses.SparseCategoricalCrossentropy({ fromLogits: true, ignoreClass: -1 }).call([1, -1, 0], logits).itemSync();
    expect(value).toBeCloseTo((Math.log(1 + Math.exp(-1)) + Math.log(2)) / 2, 6);
  });
  test("say what is wrong", () => {
    expect(() => new losses.MeanSquaredError({ reduction: "avg" as never })).toThrow(/unknown reduction "avg"/);
    expect(() => of("sum", [1, 2])).toThrow(/weights .* of shape \[2\] do not fit values of shape \[3\]/);
    expect(() => losses.meanSquaredError(floats([[1, 2]]), floats([[1, 2, 3]]))).toThrow(
      /targets have shape \[1, 2\], predictions \[1, 3\]/,
    );
    expect(() =>
      losses.categoricalCrossentropy(
        [1, 2],
        floats([
          [1, 2, 3],
          [1, 2, 3],
        ]),
      ),
    ).toThrow(/sparseCategoricalCrossentropy/);
    expect(() => losses.sparseCategoricalCrossentropy(floats([[0, 1]]), floats([[1, 2]]))).toThrow(/One-hot targets/);
    expect(() => losses.binaryCrossentropy([1], [0.5], { labelSmoothing: 2 })).toThrow(/labelSmoothing is 2/);
  });
});

describe("stability", () => {
  test("probabilities straight from an activation are taken back to logits", () => {
    const cases: [string, (x: Tensor) => Tensor][] = [
      ["softmax", (p) => losses.categoricalCrossentropy(floats([[0, 1]]), p)],
      ["softmax", (p) => losses.sparseCategoricalCrossentropy([1], p)],
      ["sigmoid", (p) => losses.binaryCrossentropy(floats([[0, 1]]), p).mul(2)],
    ];
    for (const [name, f] of cases) {
      const logits = floats([[name === "softmax" ? 60 : -60, name === "softmax" ? 0 : -60]]);
      const through = (x: Tensor): Tensor => f(activation(name)(x)).sum();
      expect(through(logits).itemSync()).toBeCloseTo(60, 4);
      expect(Math.abs((grad(through)(logits) as Tensor).dataSync()[1] as number)).toBeCloseTo(1, 5);
      expect(compile(through)(logits).itemSync()).toBeCloseTo(60, 4);
      // Anything else is clipped.
      expect(f(activation(name)(logits).mul(1)).sum().itemSync()).toBeCloseTo(-Math.log(1e-7), 0);
    }
  });
  test("large and equal values give finite losses and gradients", () => {
    const extremes = floats([
      [1e4, -1e4, 0],
      [0, 0, 0],
    ]);
    const target = floats([
      [0, 1, 0],
      [0, 0, 0],
    ]);
    for (const name of Object.keys(functions)) {
      if (/^[A-Z]/.test(name) || name === "ctc") continue;
      const logits = name.includes("rossentropy") ? { fromLogits: true } : {};
      const t = name.startsWith("sparse") ? tensor([1, 0]) : target;
      const f = (x: Tensor): Tensor => functions[name]!(t, x, logits).sum();
      const p = name === "poisson" ? extremes.abs() : extremes;
      expect(f(p).isfinite().itemSync(), name).toBe(1);
      expect((grad(f)(p) as Tensor).isfinite().all().itemSync(), `gradient of ${name}`).toBe(1);
    }
  });
  test("labels that do not fit into the time have no probability", () => {
    expect(
      losses
        .ctc(
          [[1, 1, 2]],
          tensor([
            [
              [0.1, 0.2, 0.3],
              [0.1, 0.2, 0.3],
            ],
          ]),
        )
        .itemSync(),
    ).toBe(Number.POSITIVE_INFINITY);
  });
});
