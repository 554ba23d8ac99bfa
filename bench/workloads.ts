import {
  add,
  batchNorm,
  compile,
  conv2d,
  embedding,
  gelu,
  layerNorm,
  matmul,
  maxPool2d,
  mean,
  moments,
  mul,
  pad,
  permuteDims,
  relu,
  reshape,
  scaledDotProductAttention,
  sigmoid,
  sigmoidCrossEntropy,
  slice,
  softmax,
  softmaxCrossEntropy,
  sqrt,
  sub,
  sum,
  type Tensor,
  tensor,
  type Variable,
  valueAndGrad,
  variable,
  zeros,
} from "@gradus/tensor";

/** One piece of work: `prepare` makes the data, and the function it returns does it once, completely. */
export interface Workload {
  readonly detail: string;
  readonly flops?: number;
  readonly prepare: () => () => void;
}

let seed = 1;
function uniform(shape: number[], low = 0, high = 1): Tensor {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    data[i] = low + (high - low) * (seed / 2 ** 32);
  }
  return reshape(tensor(data), shape).realize();
}
const integers = (shape: number[], below: number): Tensor => uniform(shape, 0, below).astype("int32").realize();

type Parameters = Record<string, Variable>;
const weight = (shape: number[], fan = shape[0]!): Variable => variable(uniform(shape, -(fan ** -0.5), fan ** -0.5));
const filter = (k: number, i: number, o: number): Variable => weight([k, k, i, o], k * k * i);

function linear(p: Parameters, name: string, i: number, o: number, bias = true): void {
  p[`${name}.w`] = weight([i, o]);
  if (bias) p[`${name}.b`] = weight([o], i);
}
function dense(p: Parameters, name: string, x: Tensor): Tensor {
  const y = matmul(x, p[`${name}.w`]!);
  return p[`${name}.b`] ? add(y, p[`${name}.b`]!) : y;
}
function norm(p: Parameters, name: string, d: number): void {
  p[`${name}.g`] = variable(add(zeros([d]), 1));
  p[`${name}.b`] = variable(zeros([d]));
}
const normalised = (p: Parameters, name: string, x: Tensor): Tensor => layerNorm(x, { scale: p[`${name}.g`]!, offset: p[`${name}.b`]! });

/** A call of one compiled function; its result is complete when the function returns. */
function call(detail: string, args: () => Tensor[], f: (...xs: Tensor[]) => Tensor, flops?: number): Workload {
  return {
    detail,
    ...(flops === undefined ? {} : { flops }),
    prepare: () => {
      const inputs = args();
      const run = compile(f);
      return () => run(...inputs).dispose();
    },
  };
}

type Optimizer = (p: Parameters, gradients: Tensor[]) => void;

function adam(lr: number, decay = 0): (p: Parameters) => Optimizer {
  return (p) => {
    const list = Object.values(p);
    const first = list.map((w) => variable(zeros([...w.shape])));
    const second = list.map((w) => variable(zeros([...w.shape])));
    const step = variable(tensor(0, { dtype: "float32" }));
    return (_, gradients) => {
      step.assign(add(step, 1));
      const correction1 = sub(1, tensor(0.9).pow(step));
      const correction2 = sub(1, tensor(0.999).pow(step));
      list.forEach((w, i) => {
        const g = gradients[i]!;
        const m = add(mul(first[i]!, 0.9), mul(g, 0.1));
        const v = add(mul(second[i]!, 0.999), mul(mul(g, g), 0.001));
        first[i]!.assign(m);
        second[i]!.assign(v);
        const update = m.div(correction1).div(add(sqrt(v.div(correction2)), 1e-8));
        w.assign(sub(decay ? mul(w, 1 - lr * decay) : w, mul(update, lr)));
      });
    };
  };
}

function sgd(lr: number, momentum: number, decay: number): (p: Parameters) => Optimizer {
  return (p) => {
    const list = Object.values(p);
    const velocity = list.map((w) => variable(zeros([...w.shape])));
    return (_, gradients) => {
      list.forEach((w, i) => {
        const v = add(mul(velocity[i]!, momentum), add(gradients[i]!, mul(w, decay)));
        velocity[i]!.assign(v);
        w.assign(sub(w, mul(v, lr)));
      });
    };
  };
}

/** A whole training step, compiled: forward, backward, update; the loss is read back. */
function train(
  detail: string,
  build: () => {
    p: Parameters;
    inputs: Tensor[];
    loss: (p: Parameters, ...xs: Tensor[]) => Tensor;
    optimizer: (p: Parameters) => Optimizer;
  },
): Workload {
  return {
    detail,
    prepare: () => {
      const { p, inputs, loss, optimizer } = build();
      const update = optimizer(p);
      const step = compile((...xs: Tensor[]) => {
        const [value, gradients] = valueAndGrad((...ys: Tensor[]) => loss(p, ...ys), { wrt: Object.values(p) })(...xs);
        update(p, gradients);
        return value;
      });
      return () => {
        const value = step(...inputs) as Tensor;
        value.itemSync();
        value.dispose();
      };
    },
  };
}

function mlp(sizes: number[], activation: (x: Tensor) => Tensor, batch: number, lr: number) {
  const p: Parameters = {};
  for (let i = 1; i < sizes.length; i++) linear(p, `l${i}`, sizes[i - 1]!, sizes[i]!);
  return {
    p,
    inputs: [uniform([batch, sizes[0]!]), uniform([batch, 1])],
    optimizer: adam(lr),
    loss: (q: Parameters, x: Tensor, y: Tensor) => {
      for (let i = 1; i < sizes.length; i++) {
        x = dense(q, `l${i}`, x);
        if (i < sizes.length - 1) x = activation(x);
      }
      const e = sub(x, y);
      return mean(mul(e, e));
    },
  };
}

function encoder() {
  const [B, T, d] = [512, 15, 8];
  const p: Parameters = { e: weight([26, d], 1) };
  linear(p, "qkv", d, 3 * d);
  for (const name of ["proj", "f1", "f2"]) linear(p, name, d, d);
  linear(p, "o", d, 1);
  norm(p, "n1", d);
  norm(p, "n2", d);
  return {
    p,
    inputs: [integers([B, T], 26), uniform([B, 1])],
    optimizer: adam(1e-3),
    loss: (q: Parameters, ids: Tensor, y: Tensor) => {
      let x = embedding(q.e!, ids);
      const h = dense(q, "qkv", x);
      const [query, key, value] = [0, 1, 2].map((i) => reshape(h.get("...", slice(i * d, (i + 1) * d)), [B, 1, T, d])) as [
        Tensor,
        Tensor,
        Tensor,
      ];
      const a = reshape(scaledDotProductAttention(query, key, value), [B, T, d]);
      x = normalised(q, "n1", add(x, dense(q, "proj", a)));
      x = normalised(q, "n2", add(x, dense(q, "f2", relu(dense(q, "f1", x)))));
      return mean(sigmoidCrossEntropy(dense(q, "o", mean(x, { axis: 1 })), y));
    },
  };
}

const blocks = [16, 32, 64].flatMap((o, s) => [0, 1, 2].map((k) => ({ o, i: k || !s ? o : o / 2, stride: k || !s ? 1 : 2 })));

function resnet20() {
  const p: Parameters = { c: filter(3, 3, 16) };
  norm(p, "n", 16);
  blocks.forEach(({ i, o }, j) => {
    p[`${j}.c1`] = filter(3, i, o);
    norm(p, `${j}.n1`, o);
    p[`${j}.c2`] = filter(3, o, o);
    norm(p, `${j}.n2`, o);
  });
  linear(p, "o", 64, 10);
  const logits = (q: Parameters, x: Tensor, training: boolean): Tensor => {
    const bn = (y: Tensor, name: string): Tensor => {
      const { mean: m, variance: v } = training
        ? moments(y, { axis: [0, 1, 2] })
        : { mean: zeros([y.shape[3]!]), variance: add(zeros([y.shape[3]!]), 1) };
      return batchNorm(y, m, v, { scale: q[`${name}.g`]!, offset: q[`${name}.b`]! });
    };
    const conv = (y: Tensor, w: Variable, stride = 1) =>
      conv2d(y, w, {
        stride,
        padding: [
          [1, 1],
          [1, 1],
        ],
      });
    x = relu(bn(conv(x, q.c!), "n"));
    blocks.forEach(({ i, o, stride }, j) => {
      const y = bn(conv(relu(bn(conv(x, q[`${j}.c1`]!, stride), `${j}.n1`)), q[`${j}.c2`]!), `${j}.n2`);
      const side = (o - i) / 2;
      const shortcut =
        stride === 1
          ? x
          : pad(x.get(":, ::2, ::2"), [
              [0, 0],
              [0, 0],
              [0, 0],
              [side, side],
            ]);
      x = relu(add(y, shortcut));
    });
    return dense(q, "o", mean(x, { axis: [1, 2] }));
  };
  return { p, logits };
}

function gpt(layers: number, heads: number, d: number, T: number, V: number, B: number) {
  const p: Parameters = { wte: weight([V, d], 1), wpe: weight([T, d], 1) };
  const hd = d / heads;
  for (let i = 0; i < layers; i++) {
    norm(p, `${i}.n1`, d);
    norm(p, `${i}.n2`, d);
    linear(p, `${i}.qkv`, d, 3 * d);
    linear(p, `${i}.p`, d, d);
    linear(p, `${i}.f1`, d, 4 * d);
    linear(p, `${i}.f2`, 4 * d, d);
  }
  norm(p, "n", d);
  linear(p, "o", d, V, false);
  return {
    p,
    inputs: [integers([B, T], V), integers([B * T], V)],
    optimizer: adam(1e-3, 0.01),
    loss: (q: Parameters, ids: Tensor, y: Tensor) => {
      let x = add(embedding(q.wte!, ids), q.wpe!);
      for (let i = 0; i < layers; i++) {
        const h = dense(q, `${i}.qkv`, normalised(q, `${i}.n1`, x));
        const [query, key, value] = [0, 1, 2].map((j) =>
          permuteDims(reshape(h.get("...", slice(j * d, (j + 1) * d)), [B, T, heads, hd]), [0, 2, 1, 3]),
        ) as [Tensor, Tensor, Tensor];
        const a = scaledDotProductAttention(query, key, value, { causal: true });
        x = add(x, dense(q, `${i}.p`, reshape(permuteDims(a, [0, 2, 1, 3]), [B, T, d])));
        x = add(x, dense(q, `${i}.f2`, gelu(dense(q, `${i}.f1`, normalised(q, `${i}.n2`, x)))));
      }
      return mean(softmaxCrossEntropy(reshape(dense(q, "o", normalised(q, "n", x)), [B * T, V]), y));
    },
  };
}

const rows = () => [uniform([4096, 1024])];

/** The workloads, under the names that the peers' scripts use. */
export const workloads: Record<string, Workload> = {
  ...Object.fromEntries(
    [256, 512, 1024, 2048].map((n) => [
      `matmul-${n}`,
      call(
        `f32 ${n}x${n} @ ${n}x${n}`,
        () => [uniform([n, n]), uniform([n, n])],
        (a, b) => matmul(a, b),
        2 * n ** 3,
      ),
    ]),
  ),
  "gelu-4m": call(
    "gelu (erf) over 4,000,000 f32",
    () => [uniform([4_000_000])],
    (x) => gelu(x),
  ),
  "softmax-4096x1024": call("softmax over the last axis, f32", rows, (x) => softmax(x)),
  "sum-axis0-4096x1024": call("sum over axis 0, f32", rows, (x) => sum(x, { axis: 0 })),
  "layernorm-4096x1024": call("layer norm over the last axis, f32", rows, (x) => layerNorm(x)),
  "mlp-1-8-8-1-b32": train("Linear 1-8-8-1, sigmoid, batch 32, MSE, Adam", () => mlp([1, 8, 8, 1], sigmoid, 32, 0.05)),
  "mlp-19-32x4-1-b64": train("Linear 19-32-32-32-32-1, relu, batch 64, MSE, Adam", () => mlp([19, 32, 32, 32, 32, 1], relu, 64, 0.01)),
  "cnn-ngon-b64": train("Conv 13x13x8 valid, maxpool 20, conv 1x1x4, 32x32x1, batch 64, Adam", () => ({
    p: { c1: filter(13, 1, 8), b1: weight([8], 169), c2: filter(1, 8, 4), b2: weight([4], 8) },
    inputs: [uniform([64, 32, 32, 1]), integers([64], 4)],
    optimizer: adam(1e-3),
    loss: (p: Parameters, x: Tensor, y: Tensor) => {
      const h = maxPool2d(add(conv2d(x, p.c1!), p.b1!), 20);
      return mean(softmaxCrossEntropy(reshape(add(conv2d(h, p.c2!), p.b2!), [64, 4]), y));
    },
  })),
  "encoder-d8-b512": train("transformer encoder, 1 layer, d 8, 1 head, length 15, batch 512, Adam", encoder),
  "resnet20-b128": train("ResNet-20, CIFAR 32x32x3, batch 128, SGD momentum (running statistics not kept)", () => {
    const { p, logits } = resnet20();
    return {
      p,
      inputs: [uniform([128, 32, 32, 3]), integers([128], 10)],
      optimizer: sgd(0.1, 0.9, 1e-4),
      loss: (q: Parameters, x: Tensor, y: Tensor) => mean(softmaxCrossEntropy(logits(q, x, true), y)),
    };
  }),
  "resnet20-b1-infer": {
    detail: "ResNet-20, one image, eval mode",
    prepare: () => {
      const { p, logits } = resnet20();
      const image = uniform([1, 32, 32, 3]);
      const run = compile((x: Tensor) => logits(p, x, false));
      return () => run(image).dispose();
    },
  },
  "gpt-small": train("GPT 4 layers, 4 heads, d 128, context 64, vocabulary 65, batch 12, AdamW", () => gpt(4, 4, 128, 64, 65, 12)),
  "gpt-baby": train("GPT 6 layers, 6 heads, d 384, context 256, vocabulary 65, batch 8, AdamW, no dropout", () =>
    gpt(6, 6, 384, 256, 65, 8),
  ),
};
