import { expect, test } from "vitest";
import { linearise } from "../graph/graph.ts";
import { make, type Node } from "../graph/node.ts";
import { plan } from "./plan.ts";

const planned = (inputs: readonly Node[], outputs: readonly Node[]) =>
  plan({ nodes: linearise([...inputs, ...outputs]), inputs, outputs, inPlace: outputs.map(() => -1) });

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
