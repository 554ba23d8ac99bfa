import { expect, test } from "vitest";
import { target } from "../backends/wasm/index.ts";
import { linearise } from "../graph/graph.ts";
import { make, type Node } from "../graph/node.ts";
import { plan } from "./plan.ts";

const planned = (inputs: readonly Node[], outputs: readonly Node[]) =>
  plan({ nodes: linearise([...inputs, ...outputs]), inputs, outputs, inPlace: outputs.map(() => -1) }, target);

test("a dense layer is one kernel, and its product has no memory", () => {
  const [x, w, b] = [make.parameter([64, 32], "float32"), make.parameter([32, 48], "float32"), make.parameter([48], "float32")];
  const product = make.contract(x, w, { batch: [[], []], contract: [[1], [0]] });
  const y = make.unary("tanh", make.binary("add", product, make.expand(make.reshape(b, [1, 48]), [64, 48])));
  const { kernels, arenaBytes } = planned([x, w, b], [y]);
  expect(kernels.map((k) => k.kind)).toEqual(["chain"]);
  expect(arenaBytes).toBe(0);
});

test("what goes across rows stays apart", () => {
  const [x, w] = [make.parameter([64, 32], "float32"), make.parameter([32, 48], "float32")];
  const product = make.contract(x, w, { batch: [[], []], contract: [[1], [0]] });
  const { kernels } = planned([x, w], [make.reduce("reduceSum", make.unary("tanh", product), [0])]);
  expect(kernels.map((k) => k.kind)).toEqual(["contraction", "loop"]);
});

test("a result that others write in part keeps its memory", () => {
  const [x, w, y] = [make.parameter([64, 32], "float32"), make.parameter([32, 48], "float32"), make.parameter([64, 48], "float32")];
  const product = make.contract(x, w, { batch: [[], []], contract: [[1], [0]] });
  const beside = make.concat([make.unary("neg", product), make.unary("sin", y)], 1);
  const { kernels, arenaBytes } = planned([x, w, y], [make.unary("tanh", beside)]);
  expect(kernels.map((k) => k.kind)).toEqual(["loop", "chain"]);
  expect(arenaBytes).toBe(64 * 96 * 4);
});

test("small layers follow each other in one chain, also past the loss, and the gradients of weights stay apart", () => {
  const [x, target] = [make.parameter([64, 16], "float32"), make.parameter([64, 8], "float32")];
  const [w1, w2] = [make.parameter([16, 24], "float32"), make.parameter([24, 8], "float32")];
  const matmul = (a: Node, b: Node) => make.contract(a, b, { batch: [[], []], contract: [[1], [0]] });
  const hidden = make.unary("tanh", matmul(x, w1));
  const off = make.binary("sub", matmul(hidden, w2), target);
  const loss = make.reduce("reduceSum", make.binary("mul", off, off), [1]);
  const back = matmul(off, make.permute(w2, [1, 0]));
  const cotangent = make.binary(
    "mul",
    back,
    make.binary("sub", make.expand(make.constant(1, [1, 1], "float32"), [64, 24]), make.binary("mul", hidden, hidden)),
  );
  const gradient = make.contract(x, cotangent, { batch: [[], []], contract: [[0], [0]] });
  const { kernels } = planned([x, target, w1, w2], [loss, gradient]);
  const chains = kernels.filter((k) => k.kind === "chain");
  expect(chains).toHaveLength(1);
  expect(chains[0]!.stages.filter((s) => s.kernel.kind === "contraction")).toHaveLength(3);
  expect(kernels.filter((k) => k.kind === "contraction")).toHaveLength(1);
});

test("layers with large weights stay apart, since each wants its weights near", () => {
  const [x, w1, w2] = [make.parameter([64, 128], "float32"), make.parameter([128, 128], "float32"), make.parameter([128, 128], "float32")];
  const matmul = (a: Node, b: Node) => make.contract(a, b, { batch: [[], []], contract: [[1], [0]] });
  const { kernels } = planned([x, w1, w2], [make.unary("tanh", matmul(make.unary("tanh", matmul(x, w1)), w2))]);
  expect(kernels.map((k) => k.kind)).toEqual(["chain", "chain"]);
});
