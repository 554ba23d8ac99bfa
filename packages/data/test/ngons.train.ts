/**
 * Trains a small network on 10,000 n-gons from the generator and tests it on the course's file of 2,000. By hand, as it
 * takes minutes: node packages/data/test/ngons.train.ts [epochs]
 */
import {
  compile,
  conv2d,
  loadNpz,
  max,
  random,
  softmaxCrossEntropy,
  type Tensor,
  tensor,
  valueAndGrad,
  variable,
  zerosLike,
} from "@gradus/tensor";
import { type ArrayData, toTensor } from "@gradus/tensor/io";
import { Dataset, ngons } from "../src/index.ts";

const epochs = Number(process.argv[2] ?? 10);
const file = new URL("../../../../shared/data/course/ngons-test.npz", import.meta.url).pathname;
const batchSize = 50;

const layers = [
  [5, 5, 1, 16],
  [5, 5, 16, 32],
  [5, 5, 32, 48],
  [48, 4],
];
const weights = layers.map((shape, i) => {
  const inputs = shape.slice(0, -1).reduce((a, b) => a * b);
  return variable(random.normal(random.randomKey(i), shape).mul(Math.sqrt(2 / inputs)));
});
const biases = layers.map((shape) => variable(tensor(new Float32Array(shape.at(-1)!))));
const parameters = [...weights, ...biases];

/** Images [B, 32, 32, 1] to logits [B, 4]. */
function network(x: Tensor): Tensor {
  for (const [i, stride] of [1, 2, 1].entries()) x = conv2d(x, weights[i]!, { padding: "same", stride }).add(biases[i]!).relu();
  return max(x, { axis: [1, 2] })
    .matmul(weights[3]!)
    .add(biases[3]!);
}

/** Adam (Kingma & Ba 2015). */
const moments = parameters.map((p) => [variable(zerosLike(p)), variable(zerosLike(p))] as const);
const step = compile((x: Tensor, y: Tensor, rate: Tensor, t: Tensor) => {
  const [loss, gradients] = valueAndGrad(() => softmaxCrossEntropy(network(x.astype("float32").div(255)), y).mean(), { wrt: parameters })();
  parameters.forEach((p, i) => {
    const g = (gradients as Tensor[])[i]!;
    const [m, v] = moments[i]!;
    const [m1, v1] = [m.mul(0.9).add(g.mul(0.1)), v.mul(0.999).add(g.square().mul(0.001))];
    m.assign(m1);
    v.assign(v1);
    const [mHat, vHat] = [m1.div(tensor(1).sub(tensor(0.9).pow(t))), v1.div(tensor(1).sub(tensor(0.999).pow(t)))];
    p.assign(p.sub(rate.mul(mHat).div(vHat.sqrt().add(1e-8))));
  });
  return loss;
});
const predict = compile((x: Tensor) => network(x.astype("float32").div(255)).argmax({ axis: -1 }));

const withChannel = (images: ArrayData): ArrayData => ({ ...images, shape: [...images.shape, 1] });
const { images, labels } = ngons(10_000, { seed: 1 });
const train = Dataset.fromTensorSlices({ x: withChannel(images), y: labels })
  .shuffle(10_000, { seed: 2 })
  .batch(batchSize);
const { images: testImages, labels: testLabels } = await loadNpz(file);
const test = Dataset.fromTensorSlices({
  x: toTensor({ shape: [2000, 32, 32, 1], dtype: "uint8", data: await testImages!.data() }),
  y: testLabels!,
}).batch(100);

let t = 0;
for (let epoch = 0; epoch < epochs; epoch++) {
  const start = performance.now();
  let loss = 0;
  for await (const { x, y } of train) {
    const rate = 2e-3 * 0.5 * (1 + Math.cos((Math.PI * t) / (epochs * train.size!)));
    loss += (await step(x, y, tensor(rate, { dtype: "float32" }), tensor(++t, { dtype: "float32" })).item()) / train.size!;
  }
  let right = 0;
  for await (const { x, y } of test) {
    const [a, b] = [await predict(x).data(), await y.data()];
    right += a.filter((k: number, i: number) => k === b[i]).length;
  }
  console.log(
    `epoch ${epoch + 1}: loss ${loss.toFixed(4)}, ${(right / 20).toFixed(2)}% of the test file, ${((performance.now() - start) / 1000).toFixed(0)} s`,
  );
}
