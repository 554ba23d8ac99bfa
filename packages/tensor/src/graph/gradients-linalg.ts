import { ArgumentError } from "../errors.ts";
import type { GradientRule } from "./gradients.ts";
import {
  asColumns,
  asRows,
  diagonalMatrix,
  diagonalOf,
  factorShapes,
  matmul,
  takeRows,
  transpose,
  triangle,
  triangularSolve,
  unpack,
} from "./linalg.ts";
import { make, type Node } from "./node.ts";
import type { LinalgName } from "./primitives.ts";

/*
 * Gradients of the factorisations. Below, x̄ is the cotangent of x, ∘ the elementwise product. Sources:
 *   Giles 2008, "An extended collection of matrix derivative results for forward and reverse mode AD"
 *   Murray 2016, "Differentiation of the Cholesky decomposition" (arXiv:1602.07527)
 *   Townsend 2016, "Differentiating the singular value decomposition"
 *   Walter & Lehmann 2018, "Algorithmic differentiation of linear algebra functions" (arXiv:1001.1654)
 *   Roberts & Roberts 2020, "QR and LQ decomposition matrix backpropagation algorithms" (arXiv:2009.10071)
 *   de Hoog, Anderssen & Lukas 2011, "Differentiation of matrix functionals using triangular factorization"
 */

const add = (a: Node, b: Node): Node => make.binary("add", a, b);
const sub = (a: Node, b: Node): Node => make.binary("sub", a, b);
const mul = (a: Node, b: Node): Node => make.binary("mul", a, b);
const neg = (x: Node): Node => make.unary("neg", x);
const constant = (value: number, like: Node): Node => make.constant(value, like.shape, like.dtype);
const symmetric = (x: Node): Node => mul(add(x, transpose(x)), constant(0.5, x));

/** a / b, where 0 / 0 counts as 0: what nothing depends on carries no gradient. */
function quotient(a: Node, b: Node): Node {
  const zero = constant(0, a);
  const free = make.binary("and", make.compare("eq", a, zero), make.compare("eq", b, zero));
  return make.where(free, zero, make.binary("div", a, make.where(free, constant(1, a), b)));
}

type TriangleOptions = Record<"lower" | "unitDiagonal" | "transpose", boolean>;

function shapesOf(node: Node<"linalg">): number[][] {
  return factorShapes(
    node.attrs.name,
    node.inputs.map((x) => x.shape),
    node.attrs,
  );
}

/** Results and their cotangents. */
function parts(g: Node, node: Node<"linalg">): { results: Node[]; cotangents: Node[] } {
  return { results: unpack(node, shapesOf(node)), cotangents: unpack(g, shapesOf(node)) };
}

/** Columns from..to of [..., m, n]. */
function columns(x: Node, from: number, to: number): Node {
  const rank = x.shape.length;
  return make.slice(
    x,
    x.shape.map((_, i) => (i === rank - 1 ? from : 0)),
    x.shape.map(() => 1),
    [...x.shape.slice(0, -1), to - from],
  );
}

/** Q R = X with X of full column rank: X̄ = (Q̄ + Q copyltu(R R̄ᵀ - Q̄ᵀ Q)) R⁻ᵀ (Walter & Lehmann 2018). */
function qrBack(q: Node, r: Node, qBar: Node, rBar: Node): Node {
  const m = sub(matmul(r, transpose(rBar)), matmul(transpose(qBar), q));
  const copyltu = add(triangle(m, "below", 1), transpose(triangle(m, "below", 0)));
  const inner = add(qBar, matmul(q, copyltu));
  return transpose(triangularSolve(r, transpose(inner), { lower: false })); // (R⁻¹ innerᵀ)ᵀ
}

/**
 * One rule per factorisation. For symmetric matrices (cholesky, eigh) the gradient is symmetric, as if A were averaged
 * with its transpose. Vectors of equal eigenvalues or singular values are not unique and have no derivative: gradients
 * through them are infinite or NaN, while those through the values alone stay right.
 */
export const linalgGradients: Record<LinalgName, GradientRule<"linalg">> = {
  /** Ā = sym(L⁻ᵀ Φ(Lᵀ L̄) L⁻¹), Φ taking the lower triangle and half the diagonal (Murray 2016). */
  cholesky: (g, node) => {
    const {
      results: [l],
      cotangents: [lBar],
    } = parts(g, node) as { results: [Node]; cotangents: [Node] };
    const phi = triangle(matmul(transpose(l), lBar), "below", 0.5);
    const left = triangularSolve(l, phi, { lower: true, transpose: true });
    return [symmetric(triangularSolve(l, transpose(left), { lower: true, transpose: true }))];
  },

  /** Of A[p] = L U, square: Ā[p] = L⁻ᵀ (tril(Lᵀ L̄, -1) + triu(Ū Uᵀ)) U⁻ᵀ (de Hoog, Anderssen & Lukas 2011). */
  lu: (g, node) => {
    const [m, n] = node.inputs[0]!.shape.slice(-2);
    if (m !== n) throw new ArgumentError("lu", `the gradient is for square matrices, this one is ${m} by ${n}`);
    const {
      results: [lu, order],
      cotangents: [bar],
    } = parts(g, node) as { results: [Node, Node]; cotangents: [Node, Node] };
    const l = add(triangle(lu, "below", 0), diagonalMatrix(constant(1, order)));
    const u = triangle(lu, "above", 1);
    const middle = add(
      triangle(matmul(transpose(l), triangle(bar, "below", 0)), "below", 0),
      triangle(matmul(triangle(bar, "above", 1), transpose(u)), "above", 1),
    );
    const left = triangularSolve(l, middle, { lower: true, transpose: true, unitDiagonal: true });
    const both = transpose(triangularSolve(u, transpose(left), { lower: false })); // (U⁻¹ leftᵀ)ᵀ
    return [takeRows(both, make.argsort(order, order.shape.length - 1))];
  },

  /** Reduced form of tall and square matrices, and A = [X Y] = Q [U V] of wide ones, where V = Qᵀ Y (Roberts & Roberts 2020). */
  qr: (g, node) => {
    const a = node.inputs[0]!;
    const [m, n] = a.shape.slice(-2) as [number, number];
    if (m > n && node.attrs.mode === "complete")
      throw new ArgumentError(
        "qr",
        `mode "complete" of ${m} by ${n} has no gradient: the last ${m - n} columns of Q are not unique`,
        `Use mode "reduced"`,
      );
    const {
      results: [q, r],
      cotangents: [qBar, rBar],
    } = parts(g, node) as { results: [Node, Node]; cotangents: [Node, Node] };
    if (m >= n) return [qrBack(q, r, qBar, rBar)];
    const [u, y] = [columns(r, 0, m), columns(a, m, n)];
    const [uBar, vBar] = [columns(rBar, 0, m), columns(rBar, m, n)];
    const xBar = qrBack(q, u, add(qBar, matmul(y, transpose(vBar))), uBar);
    return [make.concat([xBar, matmul(q, vBar)], a.shape.length - 1)];
  },

  /** Ā = sym(V (diag(w̄) + F ∘ Vᵀ V̄) Vᵀ), F_ij = 1 / (w_j - w_i) and F_ii = 0 (Giles 2008, §3.1). */
  eigh: (g, node) => {
    const {
      results: [w, v],
      cotangents: [wBar, vBar],
    } = parts(g, node) as { results: [Node, Node]; cotangents: [Node, Node] };
    const n = w.shape.at(-1)!;
    const vtv = matmul(transpose(v), vBar);
    const turn = quotient(sub(vtv, diagonalMatrix(diagonalOf(vtv))), sub(asRows(w, n), asColumns(w, n)));
    const inner = add(diagonalMatrix(wBar), turn);
    return [symmetric(matmul(matmul(v, inner), transpose(v)))];
  },

  /**
   * Ā = U (F ∘ (Uᵀ Ū - Ūᵀ U) S + S F ∘ (Vᵀ V̄ - V̄ᵀ V) + diag(s̄)) Vᵀ + (I - U Uᵀ) Ū S⁻¹ Vᵀ + U S⁻¹ V̄ᵀ (I - V Vᵀ),
   * F_ij = 1 / (s_j² - s_i²) and F_ii = 0 (Townsend 2016).
   */
  svd: (g, node) => {
    const [m, n] = node.inputs[0]!.shape.slice(-2) as [number, number];
    if (m !== n && node.attrs.fullMatrices)
      throw new ArgumentError(
        "svd",
        `full matrices of ${m} by ${n} have no gradient: the last ${Math.abs(m - n)} singular vectors are not unique`,
        "Pass { fullMatrices: false }",
      );
    const { results, cotangents } = parts(g, node);
    const [u, s, vh] = results as [Node, Node, Node];
    const [uBar, sBar, vhBar] = cotangents as [Node, Node, Node];
    const k = Math.min(m, n);
    const [si, sj] = [asColumns(s, k), asRows(s, k)];
    const difference = mul(sub(sj, si), add(sj, si));
    const [utu, vtv] = [matmul(transpose(u), uBar), matmul(vh, transpose(vhBar))];
    const turnU = mul(quotient(sub(utu, transpose(utu)), difference), sj);
    const turnV = mul(si, quotient(sub(vtv, transpose(vtv)), difference));
    let inner = matmul(add(add(turnU, turnV), diagonalMatrix(sBar)), vh);
    if (n > k) inner = add(inner, quotient(sub(vhBar, matmul(transpose(vtv), vh)), asColumns(s, n)));
    let result = matmul(u, inner);
    if (m > k) result = add(result, matmul(quotient(sub(uBar, matmul(u, utu)), asRows(s, m)), vh));
    return [result];
  },

  /** B̄ = op(A)⁻ᵀ X̄ and op(A)‾ = -B̄ Xᵀ, in the triangle that is read (Giles 2008). */
  triangularSolve: (g, node) => {
    const a = node.inputs[0]!;
    const { lower, unitDiagonal, transpose: transposed } = node.attrs as unknown as TriangleOptions;
    const {
      results: [x],
      cotangents: [xBar],
    } = parts(g, node) as { results: [Node]; cotangents: [Node] };
    const bBar = triangularSolve(a, xBar, { lower, unitDiagonal, transpose: !transposed });
    const full = transposed ? matmul(x, transpose(bBar)) : matmul(bBar, transpose(x));
    return [triangle(neg(full), lower ? "below" : "above", unitDiagonal ? 0 : 1), bBar];
  },
};
