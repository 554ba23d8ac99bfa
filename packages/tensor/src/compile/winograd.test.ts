import { expect, test } from "vitest";
import { target } from "../backends/wasm/index.ts";
import { linearise } from "../graph/graph.ts";
import { make } from "../graph/node.ts";
import { plan } from "./plan.ts";

/** The kernels' kinds of a convolution of padded [N, H + 2, W + 2, C] images. */
function kinds(N: number, H: number, C: number, F: number, stride = 1): string[] {
  const x = make.parameter([N, H + 2, H + 2, C], "float32");
  const w = make.parameter([3, 3, C, F], "float32");
  const windows = make.windows(x, { axes: [1, 2], size: [3, 3], stride: [stride, stride], dilation: [1, 1] });
  const y = make.contract(windows, w, {
    batch: [[], []],
    contract: [
      [4, 5, 3],
      [0, 1, 2],
    ],
  });
  return plan({ nodes: linearise([x, w, y]), inputs: [x, w], outputs: [y], inPlace: [-1] }, target).kernels.map((k) => k.kind);
}

test("large convolutions of 3 x 3 at stride 1 go through Winograd's transforms", () => {
  expect(kinds(8, 32, 16, 16)).toEqual(["loop", "chain"]);
});

test("small ones, few channels, other strides and sizes do not", () => {
  for (const [N, H, C, F, stride] of [
    [1, 8, 16, 16, 1],
    [8, 32, 3, 16, 1],
    [8, 32, 16, 16, 2],
    [8, 30, 16, 16, 1],
  ] as const)
    expect(kinds(N, H, C, F, stride)).toEqual(["contraction"]);
});
