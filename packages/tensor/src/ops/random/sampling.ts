import type { DType } from "../../dtype.ts";
import { ArgumentError, ShapeError } from "../../errors.ts";
import { add, div, mul, neg, restore, sub } from "../../graph/gradients.ts";
import { make, type Node } from "../../graph/node.ts";
import { asShape, broadcastShapes, type Shape, sameShape, showShape } from "../../shape.ts";
import { asTensor, broadcastNode, type TensorLike } from "../core.ts";
import { tails, wide } from "./keys.ts";

/** What several distributions are made of: arithmetic on nodes, checks of parameters, normal and exponential numbers, rejection. */

export const log = (x: Node) => make.unary("log", x);
export const log1p = (x: Node) => make.unary("log1p", x);
export const sqrt = (x: Node) => make.unary("sqrt", x);
export const exp = (x: Node) => make.unary("exp", x);
export const floor = (x: Node) => make.unary("floor", x);
export const less = (a: Node, b: Node | number) => make.compare("lt", a, constantLike(b, a));
export const lessEqual = (a: Node, b: Node | number) => make.compare("le", a, constantLike(b, a));
export const constantLike = (x: Node | number, like: Node): Node => (typeof x === "number" ? make.constant(x, like.shape, like.dtype) : x);
export const where = (c: Node, a: Node, b: Node | number) => make.where(c, a, constantLike(b, a));
export const polynomial = (coefficients: readonly number[], x: Node): Node =>
  coefficients.slice(0, -1).reduceRight((sum, c) => add(mul(sum, x), c), make.constant(coefficients.at(-1)!, x.shape, x.dtype) as Node);

// Rational approximations of the normal quantile: Wichura 1988, AS 241, PPND7 (error 1e-7) and PPND16 (1e-16).
const quantile7 = [
  [
    [3.3871327179, 50.434271938, 159.29113202, 59.10937472],
    [1, 17.895169469, 78.757757664, 67.1875636],
  ],
  [
    [1.4234372777, 2.75681539, 1.3067284816, 0.17023821103],
    [1, 0.7370016425, 0.12021132975],
  ],
  [
    [6.657905115, 3.081226386, 0.42868294337, 0.017337203997],
    [1, 0.24197894225, 0.012258202635],
  ],
] as const;
const quantile16 = [
  [
    [
      3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987, 67265.7709270087, 33430.57558358813,
      2509.0809287301227,
    ],
    [
      1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271, 28729.085735721943,
      5226.495278852854,
    ],
  ],
  [
    [
      1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684, 0.2417807251774506,
      0.022723844989269184, 0.0007745450142783414,
    ],
    [
      1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457, 0.0005475938084995345,
      1.0507500716444169e-9,
    ],
  ],
  [
    [
      6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124, 0.0012426609473880784,
      2.7115555687434876e-5, 2.0103343992922881e-7,
    ],
    [
      1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133, 1.8463183175100548e-5, 1.421511758316446e-7,
      2.0442631033899397e-15,
    ],
  ],
] as const;

/** The z > 0 that a standard normal number exceeds with probability p <= 1/2. */
export function normalTail(p: Node): Node {
  const [middle, outer, far] = p.dtype === "float64" ? quantile16 : quantile7;
  const rational = ([top, bottom]: readonly [readonly number[], readonly number[]], x: Node) =>
    div(polynomial(top, x), polynomial(bottom, x));
  const q = sub(0.5, p);
  const r = sqrt(neg(log(p)));
  const tail = where(less(r, 5), rational(outer, sub(r, 1.6)), rational(far, sub(r, 5)));
  return where(lessEqual(q, 0.425), mul(q, rational(middle, sub(0.180625, mul(q, q)))), tail);
}

/** Standard normal numbers as nodes. */
export function normalNode(key: Node, shape: Shape, dtype: DType): Node {
  const { p, upper } = tails(key, shape, wide(dtype));
  const z = normalTail(p);
  return make.cast(where(upper, z, neg(z)), dtype);
}

/** Standard exponential numbers: -log(1 - u), from whichever end of the unit interval u is near. */
export function exponentialNode(key: Node, shape: Shape, dtype: DType): Node {
  const { p, upper } = tails(key, shape, wide(dtype));
  return make.cast(where(upper, neg(log(p)), neg(log1p(neg(p)))), dtype);
}

export const gumbelNode = (key: Node, shape: Shape, dtype: DType): Node =>
  make.cast(neg(log(exponentialNode(key, shape, wide(dtype)))), dtype);

/** Parameters as nodes of one type and shape: the shape asked for, or their own. */
export function parameters(
  operation: string,
  shape: readonly number[] | undefined,
  dtype: DType,
  ...values: TensorLike[]
): { shape: Shape; nodes: Node[] } {
  const tensors = values.map((v) => asTensor(v, undefined, operation));
  const common = broadcastShapes(operation, ...tensors.map((t) => t.shape));
  const wanted = shape === undefined ? common : asShape(operation, shape);
  if (!sameShape(broadcastShapes(operation, common, wanted), wanted))
    throw new ShapeError(operation, `parameters of shape ${showShape(common)} do not broadcast to ${showShape(wanted)}`);
  return { shape: wanted, nodes: tensors.map((t) => broadcastNode(make.cast(t.node, dtype), wanted)) };
}

/** Refuses plain numbers outside a parameter's range; arrays are taken as they are. */
export function checkParameter(operation: string, name: string, value: TensorLike, fits: (x: number) => boolean, expected: string): void {
  if (typeof value === "number" && !fits(value)) throw new ArgumentError(operation, `${name} is ${value}`, `It must be ${expected}`);
}
export const positive = (operation: string, name: string, value: TensorLike) =>
  checkParameter(operation, name, value, (x) => x > 0, "positive");
export const notNegative = (operation: string, name: string, value: TensorLike) =>
  checkParameter(operation, name, value, (x) => x >= 0, "at least 0");
export const probability = (operation: string, name: string, value: TensorLike) =>
  checkParameter(operation, name, value, (x) => x >= 0 && x <= 1, "from 0 to 1");

/**
 * Along a new first axis of `rounds` proposals, the first that is accepted; `otherwise` where none is. All rounds are
 * drawn at once: no loop depends on values.
 */
export function firstAccepted(proposals: Node, accepted: Node, otherwise: Node): Node {
  const rounds = proposals.shape[0]!;
  const round = make.iota(proposals.shape, 0, "int32");
  const first = make.reduce("reduceMin", where(accepted, round, rounds), [0]);
  const chosen = make.compare("eq", round, restore(first, [0], proposals.shape));
  // A rejected proposal may be NaN or infinite, so select before summing.
  const value = make.reduce("reduceSum", where(chosen, proposals, 0), [0]);
  return where(less(first, rounds), value, otherwise);
}

export const repeated = (x: Node, rounds: number): Node => broadcastNode(x, [rounds, ...x.shape]);
export const stop = (x: Node): Node => make.alias({ kind: "stop" }, [x]);
