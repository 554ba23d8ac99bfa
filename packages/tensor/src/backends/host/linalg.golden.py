"""Writes linalg.golden.json: matrices and what NumPy makes of them. Run: python3 linalg.golden.py"""
import json
import os

import numpy as np

random = np.random.default_rng(7)


def listed(*arrays):
    return [{"shape": list(a.shape), "data": a.ravel().tolist()} for a in arrays]


def lu(a):
    """NumPy has no lu: partial pivoting, as LAPACK's dgetf2."""
    a = a.copy()
    m, n = a.shape
    order = np.arange(m)
    for k in range(min(m, n)):
        p = k + np.argmax(np.abs(a[k:, k]))
        a[[k, p]], order[[k, p]] = a[[p, k]], order[[p, k]]
        if a[k, k] != 0:
            a[k + 1 :, k] /= a[k, k]
            a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])
    return a, order.astype(float)


cases = []
for m, n in [(1, 1), (2, 2), (3, 3), (5, 3), (3, 5), (8, 8), (1, 4), (4, 1)]:
    a = random.standard_normal((m, n)).round(4)  # keeps the file short
    for mode in ["reduced", "complete"]:
        cases.append({"name": "qr", "options": {"mode": mode}, "inputs": listed(a), "results": listed(*np.linalg.qr(a, mode))})
    cases.append({"name": "lu", "options": {}, "inputs": listed(a), "results": listed(*lu(a))})
    cases.append({"name": "singularValues", "options": {}, "inputs": listed(a), "results": listed(np.linalg.svd(a, compute_uv=False))})
    if m == n:
        s = a @ a.T + np.eye(n)
        cases.append({"name": "cholesky", "options": {}, "inputs": listed(s), "results": listed(np.linalg.cholesky(s))})
        t = a + a.T
        cases.append({"name": "eigenvalues", "options": {}, "inputs": listed(t), "results": listed(np.linalg.eigvalsh(t))})
        b = random.standard_normal((n, 2))
        for lower in [False, True]:
            for transpose in [False, True]:
                for unit in [False, True]:
                    x = np.tril(a) if lower else np.triu(a)
                    if unit:
                        np.fill_diagonal(x, 1)
                    cases.append({
                        "name": "triangularSolve",
                        "options": {"lower": lower, "transpose": transpose, "unitDiagonal": unit},
                        "inputs": listed(a, b),
                        "results": listed(np.linalg.solve(x.T if transpose else x, b)),
                    })

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "linalg.golden.json")
with open(path, "w") as file:
    json.dump({"numpy": np.__version__, "cases": cases}, file)
