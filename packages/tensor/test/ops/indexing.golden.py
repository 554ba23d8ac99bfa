"""Writes indexing.golden.json: what NumPy makes of indices, searches and sets. Run: python3 indexing.golden.py"""
import json
import os

import numpy as np

random = np.random.default_rng(11)


def stored(a):
    a = np.asarray(a)
    return {"shape": list(a.shape), "data": [None if x != x else x for x in a.ravel().tolist()]}


def written(part):
    """An index as JSON: the reader turns it into what `get` takes."""
    if isinstance(part, slice):
        return {"slice": [part.start, part.stop, part.step]}
    if part is Ellipsis:
        return "..."
    if isinstance(part, np.ndarray):
        return {"mask" if part.dtype == bool else "array": stored(part)}
    return part


def random_slice(n):
    bound = lambda: None if random.random() < 0.3 else int(random.integers(-n - 2, n + 3))
    step = [None, 1, 2, 3, -1, -2, -3][random.integers(7)]
    return slice(bound(), bound(), step)


def random_index(shape):
    parts, axis = [], 0
    common = [(), (3,), (2, 1), (2, 3), (1,)]
    ellipsis = False
    while axis < len(shape):
        kind = random.choice(["integer", "slice", "array", "new", "ellipsis", "mask", "stop"], p=[0.2, 0.28, 0.25, 0.08, 0.07, 0.06, 0.06])
        n = shape[axis]
        if kind == "integer":
            parts.append(int(random.integers(-n, n)))
        elif kind == "slice":
            parts.append(random_slice(n))
        elif kind == "array":
            parts.append(random.integers(-n, n, common[random.integers(len(common))]))
        elif kind == "new":
            parts.append(None)
            continue
        elif kind == "ellipsis":
            if ellipsis:
                continue
            ellipsis = True
            parts.append(Ellipsis)
            axis += int(random.integers(0, len(shape) - axis + 1))
            continue
        elif kind == "mask":
            rank = int(random.integers(1, len(shape) - axis + 1))
            mask = random.random(shape[axis : axis + rank]) < 0.5
            parts.append(mask)
            axis += rank
            continue
        else:
            break
        axis += 1
    return tuple(parts)


indexing = []
fixed = [
    ((3, 4, 5), (slice(None), np.array([0, 2]), Ellipsis, np.array([1, 1]))),
    ((3, 4), (np.array([0, 1]), Ellipsis, np.array([1, 1]))),
    ((2, 3, 4), (slice(None), np.array([0]), Ellipsis, np.array([1]))),
    ((2, 3, 4), (0, slice(None), np.array([1, 2]))),
    ((2, 3, 4), (slice(None), 0, np.array([1, 2]))),
    ((2, 3, 4), (np.array([0, 1]), None, np.array([1, 2]))),
    ((2, 3), (np.array(True),)),
    ((2, 3), (np.array(False),)),
    ((2, 3, 4), (np.array([[0], [1]]), np.array([[0, 1, 2]]))),
    ((0, 3), (slice(None, None, -1),)),
    ((5,), (np.array([], dtype=int),)),
    ((), (Ellipsis, None)),
    ((2, 3), ()),
]
while len(indexing) < 260:
    shape, index = fixed.pop() if fixed else (tuple(random.integers(1, 5, random.integers(1, 5))), None)
    index = random_index(shape) if index is None else index
    x = np.arange(int(np.prod(shape))).reshape(shape)
    try:
        result = x[index]
    except IndexError:
        continue  # masks and arrays that do not broadcast
    added = x.astype(float)
    np.add.at(added, index, 1.5)
    multiplied = x.astype(float)
    np.multiply.at(multiplied, index, 1.5)
    indexing.append({
        "shape": [int(n) for n in shape], "index": [written(p) for p in index], "result": stored(result),
        "added": stored(added), "multiplied": stored(multiplied),
    })

searching = []
for shape in [(7,), (3, 5), (2, 3, 4)]:
    x = np.round(random.standard_normal(shape), 1)
    x.flat[1] = x.flat[0]
    x.flat[2] = np.nan
    for axis in [*range(-len(shape), len(shape)), None]:
        searching.append({"x": stored(x), "axis": axis, "sort": stored(np.sort(x, axis, kind="stable")), "argsort": stored(np.argsort(x, axis, kind="stable"))})

searchsorted = []
for n in [0, 1, 2, 5, 8, 13]:
    a = np.sort(random.integers(0, 6, n)).astype(float)
    if n > 5:
        a[-1] = np.nan
    order = random.permutation(n)
    for side in ["left", "right"]:
        v = np.array([[-1, 0, 1, 2.5], [3, 5, 6, np.nan]])
        searchsorted.append({"a": stored(a), "v": stored(v), "side": side, "result": stored(np.searchsorted(a, v, side)),
                             "shuffled": stored(a[order]), "sorter": stored(np.argsort(a[order], kind="stable"))})

sets = []
for size in [0, 1, 6, 20]:
    a, b = random.integers(-4, 5, size).astype(float), random.integers(-2, 8, 9).astype(float)
    if size > 6:
        a[3] = a[7] = b[2] = np.nan
    values, indices, inverse, counts = np.unique(a, return_index=True, return_inverse=True, return_counts=True, equal_nan=False)
    sets.append({
        "a": stored(a), "b": stored(b), "unique": stored(np.unique(a)),
        "all": [stored(values), stored(indices), stored(inverse), stored(counts)],
        "union": stored(np.union1d(a, b)), "intersect": stored(np.intersect1d(a, b)),
        "isin": stored(np.isin(a, b).astype(int)), "difference": stored(np.unique(a[~np.isin(a, b)])),
    })
rows = random.integers(0, 2, (8, 3))
along = []
for shape, axis in [((4,), 0), ((3, 4), 0), ((3, 4), 1), ((2, 3, 4), -2)]:
    x = random.standard_normal(shape)
    index = random.integers(0, shape[axis], [2 if i == axis % len(shape) else n for i, n in enumerate(shape)])
    put = x.copy()
    np.put_along_axis(put, index, 9.0, axis)
    along.append({"x": stored(x), "index": stored(index), "axis": axis, "taken": stored(np.take_along_axis(x, index, axis)), "put": stored(put)})

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "indexing.golden.json"), "w") as file:
    json.dump({
        "indexing": indexing, "searching": searching, "searchsorted": searchsorted, "sets": sets, "along": along,
        "uniqueRows": {"x": stored(rows), "rows": stored(np.unique(rows, axis=0)), "columns": stored(np.unique(rows, axis=1))},
    }, file)
