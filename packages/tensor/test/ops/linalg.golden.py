"""Writes linalg.golden.json: arguments in float64 and what NumPy makes of them. Run: python3 linalg.golden.py"""
import json
import os

import numpy as np

random = np.random.default_rng(11)
cases = []


def stored(x):
    x = np.asarray(x)
    return {"shape": list(x.shape), "data": [float(v) for v in x.ravel()]}


def number(x):
    return {np.inf: "Infinity", -np.inf: "-Infinity"}.get(x, x) if isinstance(x, float) else x


def add(name, arguments, result, **options):
    results = result if isinstance(result, (tuple, list)) else [result]
    cases.append({
        "name": name,
        "arguments": [stored(x) if isinstance(x, np.ndarray) else x for x in arguments],
        "options": {k: number(v) for k, v in options.items()},
        "results": [stored(x) for x in results],
    })


def normal(*shape):
    return random.standard_normal(shape).round(4)  # keeps the file short


la = np.linalg
for shape in [(1, 1), (4, 4), (2, 3, 3), (2, 1, 2, 2), (0, 2, 2), (0, 0)]:
    a = normal(*shape)
    s = a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1])
    add("cholesky", [s], la.cholesky(s))
    add("cholesky", [s], np.swapaxes(la.cholesky(s), -1, -2), upper=True)
    add("eigvalsh", [a], la.eigvalsh(a))
    add("inv", [a], la.inv(a))
    add("det", [a], la.det(a))
    add("slogdet", [a], la.slogdet(a))
    b = normal(*shape[:-1], 2)
    add("solve", [a, b], la.solve(a, b))
    for n in [0, 1, 2, 5, -1, -3]:
        add("matrixPower", [a, n], la.matrix_power(a, n))

a = normal(3, 3)
b = normal(3)
add("solve", [a, b], la.solve(a, b))
b = normal(4, 3, 2)
add("solve", [a, b], la.solve(a, b))
a, b = normal(5, 1, 3, 3), normal(2, 3, 2)
add("solve", [a, b], la.solve(a, b[None]))
b = normal(3)
add("solve", [a, b], la.solve(a, np.broadcast_to(b[:, None], (5, 1, 3, 1)))[..., 0])
for p in ([0, 1, 2], [1, 0, 2], [2, 0, 1], [2, 1, 0]):
    add("det", [np.eye(3)[p]], la.det(np.eye(3)[p]))
add("det", [np.array([[1.0, 2.0], [2.0, 4.0]])], 0.0)
big = 1e20 * normal(20, 20)
add("slogdet", [big], la.slogdet(big))

low_rank = normal(5, 2) @ normal(2, 4)
for a in [normal(3, 3), normal(5, 3), normal(3, 5), normal(2, 4, 3), low_rank, np.zeros((3, 2)), np.zeros((0, 3))]:
    m, n = a.shape[-2:]
    add("svdvals", [a], la.svd(a, compute_uv=False))
    add("pinv", [a], la.pinv(a, rcond=max(m, n) * 2.0**-52))
    rank = np.asarray(la.matrix_rank(a)) if a.size else np.asarray(0)
    add("matrixRank", [a], rank)
    for order in ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf]:
        if a.size:
            add("matrixNorm", [a], la.norm(a, order, axis=(-2, -1)), ord=order)
            add("matrixNorm", [a], la.norm(a, order, axis=(-2, -1), keepdims=True), ord=order, keepdims=True)
    if a.ndim == 2 and a.size:
        for b in [normal(m), normal(m, 2)]:
            x, _, rank, s = la.lstsq(a, b, rcond=max(m, n) * 2.0**-52)
            residuals = ((b - a @ x) ** 2).sum(0).reshape(-1)
            add("lstsq", [a, b], (x, residuals, np.asarray(rank), s))
graded = np.diag([1.0, 1e-3, 1e-6])
add("matrixRank", [graded], np.asarray(la.matrix_rank(graded, tol=1e-5)), rtol=1e-5)
add("pinv", [graded], la.pinv(graded, rcond=1e-5), rtol=1e-5)

x = normal(2, 3, 4)
for order in [1, 2, 3, 0.5, 0, -1, -2, np.inf, -np.inf]:
    add("vectorNorm", [x], la.norm(x.ravel(), order), ord=order)
    for axis in [0, -1]:
        add("vectorNorm", [x], la.norm(x, order, axis=axis), ord=order, axis=axis)
        add("norm", [x], la.norm(x, order, axis=axis, keepdims=True), ord=order, axis=axis, keepdims=True)
add("vectorNorm", [x], la.norm(x.transpose(1, 0, 2).reshape(3, 8), axis=1), axis=[0, 2])
add("norm", [x], la.norm(x))
add("norm", [x], la.norm(x, keepdims=True), keepdims=True)
for order in ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf]:
    add("norm", [x[0]], la.norm(x[0], order), ord=order)
    add("norm", [x], la.norm(x, order, axis=(0, 2)), ord=order, axis=[0, 2])
    add("norm", [x], la.norm(x, order, axis=(2, 0), keepdims=True), ord=order, axis=[2, 0], keepdims=True)
add("norm", [x], la.norm(x, axis=(1, 2)), axis=[1, 2])
add("norm", [x[0, 0]], la.norm(x[0, 0], 3), ord=3)

for a, b in [(normal(3), normal(3)), (normal(4, 3), normal(3)), (normal(2, 1, 3), normal(4, 3))]:
    add("cross", [a, b], np.cross(a, b))
a, b = normal(3, 4), normal(3, 4)
add("cross", [a, b], np.cross(a, b, axis=0), axis=-2)
for shape in [(3, 3), (2, 4), (4, 2), (2, 3, 4), (0, 3)]:
    a = normal(*shape)
    for offset in [0, 1, -1, 2, -3, 5, -5]:
        add("diagonal", [a], np.diagonal(a, offset, -2, -1), offset=offset)
        add("trace", [a], np.trace(a, offset, -2, -1), offset=offset)
add("diagonal", [x], np.diagonal(x), axis1=0, axis2=1)
add("trace", [x], np.trace(x, 1, 2, 0), offset=1, axis1=2, axis2=0)
a, b = normal(3), normal(4)
add("outer", [a, b], np.outer(a, b))
add("matrixTranspose", [x], np.swapaxes(x, -1, -2))
for a, b in [(normal(2, 3), normal(3, 2)), (normal(3), normal(2, 2)), (normal(2, 2, 2), normal(3)), (normal(2), normal(3))]:
    add("kron", [a, b], np.kron(a, b))
for shapes in [[(2, 3), (3, 4)], [(10, 2), (2, 9), (9, 3), (3, 4)], [(3,), (3, 4), (4, 2)], [(2, 3), (3, 5), (5,)], [(4,), (4, 3), (3,)], [(3,), (3,)]]:
    arrays = [normal(*shape) for shape in shapes]
    add("multiDot", arrays, la.multi_dot(arrays))
for lower in [False, True]:
    for transpose in [False, True]:
        for unit in [False, True]:
            a, b = normal(2, 3, 3), normal(3, 2)
            t = np.tril(a) if lower else np.triu(a)
            if unit:
                t[..., range(3), range(3)] = 1
            t = np.swapaxes(t, -1, -2) if transpose else t
            add("triangularSolve", [a, b], la.solve(t, np.broadcast_to(b, (2, 3, 2))), lower=lower, transpose=transpose, unitDiagonal=unit)

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "linalg.golden.json")
with open(path, "w") as file:
    json.dump({"numpy": np.__version__, "cases": cases}, file)
