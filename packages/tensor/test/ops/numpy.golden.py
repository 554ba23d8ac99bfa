"""Expected results from NumPy for creation, elementwise, statistics, manipulation and contraction functions.

    /usr/bin/python3 packages/tensor/test/ops/numpy.golden.py

writes numpy.golden.json: for every subject a list of calls {f, args, options, result}. An array is {dtype, shape, data}; NaN,
infinities and -0 are strings. NumPy's 64-bit defaults are brought to Gradus's 32-bit ones where no operand is float64.
"""

import json
import os

import numpy as np

np.seterr(all="ignore")
rng = np.random.default_rng(7)
nan, inf = np.nan, np.inf
subjects = {}
subject = None


def begin(name):
    global subject
    subject = subjects.setdefault(name, [])


def number(x):
    if isinstance(x, (bool, np.bool_)):
        return bool(x)
    x = x.item() if isinstance(x, np.generic) else x
    if x != x:
        return "nan"
    if x in (inf, -inf):
        return "inf" if x > 0 else "-inf"
    if x == 0 and np.signbit(x):
        return "-0"
    return x


def encode(x):
    if isinstance(x, (np.ndarray, np.generic)):
        x = np.asarray(x)
        return {"dtype": str(x.dtype), "shape": list(x.shape), "data": [number(v) for v in x.ravel()]}
    if isinstance(x, (list, tuple)):
        return [encode(v) for v in x]
    if isinstance(x, float):
        return number(x)
    return x


def double(x):
    if isinstance(x, np.ndarray):
        return x.dtype == np.float64
    return isinstance(x, (list, tuple)) and any(double(v) for v in x)


def narrow(x, wide):
    if isinstance(x, (list, tuple)):
        return [narrow(v, wide) for v in x]
    x = np.asarray(x)
    kinds = {"int64": np.int32, "uint64": np.uint32, "float64": np.float64 if wide else np.float32}
    return x.astype(kinds.get(str(x.dtype), x.dtype))


def case(f, args, result, options=None, **flags):
    """flags: signed (zeros must agree in sign), tolerance."""
    wide = double(args) or (options or {}).get("dtype") == "float64"
    subject.append({"f": f, "args": encode(list(args)), "options": encode_options(options), "result": encode(narrow(result, wide)), **flags})


def encode_options(options):
    return None if options is None else {k: encode(v) for k, v in options.items()}


def f32(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def ints(low, high, *shape, dtype=np.int32):
    return rng.integers(low, high, shape).astype(dtype)


# ----------------------------------------------------------------------------------------------------------------------
begin("creation")

for args in [(5,), (0,), (-3,), (2, 9), (9, 2), (2, 9, 3), (9, 2, -2), (0, 1, 0.25), (1, 2, 0.3), (-1.5, 4), (0, 10, 4), (5, -6, -5)]:
    case("arange", args, np.arange(*args))
case("arange", (5,), np.arange(5, dtype=np.float32), {"dtype": "float32"})
case("arange", (0, 1, 0.1), np.arange(0, 1, 0.1), {"dtype": "float64"})
case("arange", (3, 7), np.arange(3, 7, dtype=np.uint8), {"dtype": "uint8"})
for args, options in [((0, 1, 5), {}), ((0, 1, 5), {"endpoint": False}), ((2, -3, 7), {}), ((1, 4, 1), {}), ((1, 4, 0), {}), ((0.1, 0.7, 10), {}), ((0, 10, 3), {"dtype": "int32"}), ((0, 10, 4), {"dtype": "int32"}), ((-1, 1, 6), {"dtype": "float64"})]:
    case("linspace", args, np.linspace(*args, **options), options)
for args, options in [((0, 3, 4), {}), ((0, 3, 4), {"base": 2}), ((-1, 1, 5), {"endpoint": False}), ((0, 2, 5), {"dtype": "float64"})]:
    case("logspace", args, np.logspace(*args, **options), options)
for n, m, k in [(3, 3, 0), (3, 5, 1), (4, 2, -1), (2, 2, 5), (0, 3, 0)]:
    case("eye", (n,), np.eye(n, m, k), {"columns": m, "k": k})
    case("tri", (n,), np.tri(n, m, k), {"columns": m, "k": k})
case("identity", (3,), np.identity(3, np.int32), {"dtype": "int32"})
for x in [f32(3, 4), f32(2, 3, 3), ints(0, 9, 4, 2), np.ones((3, 3), bool), f32(0, 2), np.array([[nan, inf], [-inf, nan]], np.float32)]:
    for k in [-2, -1, 0, 1, 3]:
        case("tril", (x,), np.tril(x, k), {"k": k})
        case("triu", (x,), np.triu(x, k), {"k": k})
for x in [f32(3), f32(3, 4), f32(4, 2), ints(0, 9, 3, 3), f32(0), np.array([nan, inf], np.float32), np.array([True, False])]:
    for k in [-2, -1, 0, 1, 2, 5]:
        case("diag", (x,), np.diag(x, k), {"k": k})
for indexing in ["xy", "ij"]:
    for sizes in [(3,), (2, 3), (2, 3, 4), (0, 2)]:
        vectors = [f32(n) for n in sizes]
        case("meshgrid", (vectors,), np.meshgrid(*vectors, indexing=indexing), {"indexing": indexing})
case("indices", ([2, 3],), np.indices((2, 3)))
case("full", ([2, 3], 7), np.full((2, 3), 7))
case("full", ([2], 1.5), np.full(2, 1.5))
case("full", ([2], True), np.full(2, True))
case("full", ([2, 3], np.array([1, 2, 3], np.int32)), np.full((2, 3), [1, 2, 3]))
case("zeros", ([2, 0],), np.zeros((2, 0), np.float32))
case("ones", (3,), np.ones(3, np.uint8), {"dtype": "uint8"})

# ----------------------------------------------------------------------------------------------------------------------
begin("elementwise")

special = np.array([0.0, -0.0, 1, -1, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 3.7, -3.7, 100, -100, 1e-30, -1e-30, 1e30, -1e30, inf, -inf, nan, 0.1, 1e-4, 12.34], np.float32)
unary = {
    "abs": np.abs, "negative": np.negative, "positive": np.positive, "sign": np.sign, "square": np.square, "reciprocal": np.reciprocal,
    "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "round": np.round, "sqrt": np.sqrt, "cbrt": np.cbrt, "exp": np.exp,
    "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "log2": np.log2, "log10": np.log10, "asin": np.arcsin,
    "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh,
    "atanh": np.arctanh, "isfinite": np.isfinite, "isinf": np.isinf, "isnan": np.isnan, "signbit": np.signbit, "nanToNum": np.nan_to_num,
    "logicalNot": np.logical_not, "rsqrt": lambda x: 1 / np.sqrt(x),
}
signed = {"abs", "negative", "positive", "floor", "ceil", "trunc", "round", "sqrt", "reciprocal", "cbrt", "asinh", "atan", "tanh", "asin", "expm1", "log1p"}
for f, g in unary.items():
    for x in [special, f32(2, 3), np.float32(0.25) * np.ones((), np.float32), np.zeros((0, 3), np.float32)]:
        case(f, (x,), g(x.astype(np.float64)).astype(np.float32) if g(x).dtype == np.float32 and f != "nanToNum" else g(x), None, signed=f in signed)
    case(f, (special.astype(np.float64),), g(special.astype(np.float64)), None, signed=f in signed)
moderate = np.array([0.0, -0.0, 1, -1, 3.7, -3.7, 100, -100, inf, nan, 0.1], np.float32)
for f, g in {"sin": np.sin, "cos": np.cos, "tan": np.tan}.items():
    case(f, (moderate,), g(moderate.astype(np.float64)).astype(np.float32))
    case(f, (moderate.astype(np.float64),), g(moderate.astype(np.float64)))
from math import erf  # noqa: E402

case("erf", (special,), np.array([erf(v) for v in special.astype(np.float64)], np.float32))
small = np.array([-3, -1, 0, 1, 2, 7], np.int32)
for f in ["abs", "negative", "positive", "sign", "square", "floor", "ceil", "trunc", "round", "isfinite", "isinf", "isnan", "signbit", "logicalNot"]:
    case(f, (small,), np.array([False] * 6) if f == "signbit" and False else (small < 0 if f == "signbit" else {**unary}[f](small).astype(bool if f.startswith("is") or f == "logicalNot" else np.int32)))
for f in ["sqrt", "exp", "log1p", "atan", "reciprocal"]:
    case(f, (small,), unary[f](small.astype(np.float64)))
    case(f, (np.array([True, False]),), unary[f](np.array([1.0, 0.0])))
for decimals in [1, 2, -1, -2]:
    x = np.array([12.345, -0.55, 150, 250, -15.05, nan, inf], np.float64)
    case("round", (x,), np.round(x, decimals), {"decimals": decimals})
case("round", (np.array([14, 15, 25, -15, 35], np.int32),), np.round(np.array([14, 15, 25, -15, 35]), -1), {"decimals": -1})
case("nanToNum", (special,), np.nan_to_num(special, nan=-1, posinf=5, neginf=-5), {"nan": -1, "posinf": 5, "neginf": -5})

edge = np.array([0.0, -0.0, 1, -1, 2.5, -2.5, 3, -3, inf, -inf, nan], np.float32)
grid_a, grid_b = [g.ravel() for g in np.meshgrid(edge, edge)]
binary = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide, "floorDivide": np.floor_divide,
    "remainder": np.remainder, "pow": np.power, "maximum": np.maximum, "minimum": np.minimum, "atan2": np.arctan2, "hypot": np.hypot,
    "copysign": np.copysign, "logaddexp": np.logaddexp, "equal": np.equal, "notEqual": np.not_equal, "less": np.less,
    "lessEqual": np.less_equal, "greater": np.greater, "greaterEqual": np.greater_equal, "logicalAnd": np.logical_and,
    "logicalOr": np.logical_or, "logicalXor": np.logical_xor, "nextafter": np.nextafter,
}
for f, g in binary.items():
    # The standard wants a finite number floor-divided by infinity to be 0 or -1, the remainder likewise; NumPy agrees. NumPy's
    # x // 0 is an infinity, its inf // x is NaN: so does the standard.
    zero_signs = f in {"add", "multiply", "divide", "copysign", "atan2", "hypot"}
    case(f, (grid_a, grid_b), g(grid_a, grid_b), None, signed=zero_signs)
    case(f, (grid_a.astype(np.float64), grid_b.astype(np.float64)), g(grid_a.astype(np.float64), grid_b.astype(np.float64)), None, signed=zero_signs)
    a, b = f32(3, 1, 4), f32(2, 1)
    if f == "pow":
        a = np.abs(a)
    case(f, (a, b), g(a, b))
    case(f, (f32(0, 3), f32(1)), g(np.zeros((0, 3), np.float32), np.zeros(1, np.float32)))
    case(f, (np.float32(2.5) * np.ones((), np.float32), f32(2) * 0 + 2), g(np.float32(2.5), np.full(2, 2, np.float32)))
whole_a, whole_b = [g.ravel() for g in np.meshgrid(ints(-9, 9, 5), np.array([-4, -1, 0, 1, 3], np.int32))]
for f in ["add", "subtract", "multiply", "floorDivide", "remainder", "maximum", "minimum", "equal", "less", "greaterEqual"]:
    case(f, (whole_a, whole_b), binary[f](whole_a, whole_b))
    for dtype in [np.uint8, np.int8, np.int16, np.uint16, np.uint32]:
        x, y = ints(0, 120, 6, dtype=dtype), ints(1, 120, 6, dtype=dtype)
        case(f, (x, y), binary[f](x, y))
for f in ["divide", "hypot", "logaddexp", "atan2", "copysign"]:
    case(f, (whole_a, whole_b), binary[f](whole_a.astype(np.float64), whole_b.astype(np.float64)))
case("hypot", (np.array([1e30, 3e-30, 0, 1e-40], np.float32), np.array([1e30, 4e-30, 0, 0], np.float32)), np.array([np.sqrt(2) * 1e30, 5e-30, 0, 1e-40], np.float32))
case("logaddexp", (np.array([1000, -1000, 0], np.float32), np.array([1000, 5, -700], np.float32)), np.array([1000 + np.log(2), 5, 0], np.float32))
case("pow", (np.arange(-3, 4, dtype=np.int32), np.array(3, np.int32)), np.arange(-3, 4, dtype=np.int32) ** 3)
case("pow", (f32(4), 2), np.zeros(0)) if False else None
x = f32(5)
case("pow", (x, 2), x**2)
case("pow", (np.abs(x), 0.5), np.abs(x) ** np.float32(0.5))
bits_a, bits_b = ints(-1000, 1000, 8), ints(-1000, 1000, 8)
shift = ints(0, 20, 8)
for f, g in {"bitwiseAnd": np.bitwise_and, "bitwiseOr": np.bitwise_or, "bitwiseXor": np.bitwise_xor}.items():
    case(f, (bits_a, bits_b), g(bits_a, bits_b))
    case(f, (bits_a.astype(np.uint8), bits_b.astype(np.uint8)), g(bits_a.astype(np.uint8), bits_b.astype(np.uint8)))
    case(f, (bits_a > 0, bits_b > 0), g(bits_a > 0, bits_b > 0))
case("bitwiseLeftShift", (bits_a, shift), np.left_shift(bits_a, shift))
case("bitwiseRightShift", (bits_a, shift), np.right_shift(bits_a, shift))
case("bitwiseInvert", (bits_a,), ~bits_a)
case("bitwiseInvert", (bits_a > 0,), ~(bits_a > 0))
case("bitwiseInvert", (bits_a.astype(np.uint16),), ~bits_a.astype(np.uint16))
case("clip", (special, -1, 2), np.clip(special, -1, 2))
case("clip", (special, None, 0.5), np.clip(special, None, np.float32(0.5)))
case("clip", (bits_a, 0, None), np.clip(bits_a, 0, None))
case("clip", (f32(3, 2) * 0 + 5, np.array([1, 2], np.float32), 3), np.array([[3, 3]] * 3, np.float32))
case("where", (np.array([[True], [False]]), f32(3) * 0 + 1, 2), np.array([[1] * 3, [2] * 3], np.float32))
case("where", (np.array([0, 2, nan], np.float32), np.array([1, 2, 3], np.int32), np.array([0.5, 0.5, 0.5], np.float32)), np.array([0.5, 2, 3], np.float32))
near = np.array([1, 1 + 1e-6, 1.1, inf, -inf, nan, 0, 1e-9], np.float64)
for options in [{}, {"rtol": 0.2}, {"atol": 0.2, "rtol": 0}, {"equalNan": True}]:
    keywords = {("equal_nan" if k == "equalNan" else k): v for k, v in options.items()}
    case("isclose", (near[:, None], near[None, :]), np.isclose(near[:, None], near[None, :], **keywords), options)
    case("allclose", (near, near), np.asarray(np.allclose(near, near, **keywords)), options)
for source in ["bool", "uint8", "int8", "int16", "uint16", "int32", "uint32", "float32", "float64"]:
    values = np.array([0, 1, 3, 100]).astype(source)
    for target in ["bool", "uint8", "int8", "int16", "uint16", "int32", "uint32", "float16", "float32", "float64"]:
        result = values.astype(target)
        subject.append({"f": "astype", "args": [encode(values), target], "options": None, "result": encode(result)})

# ----------------------------------------------------------------------------------------------------------------------
begin("statistics")

axes = {1: [None, 0, -1], 2: [None, 0, 1, -1, [0, 1]], 3: [None, 1, -1, [0, 2], [-1, 0]], 0: [None]}


def key(axis):
    return tuple(axis) if isinstance(axis, list) else axis


def reductions(f, g, x, multiple=True, **extra):
    for axis in axes[x.ndim]:
        if isinstance(axis, list) and not multiple:
            continue
        for keepdims in [False, True]:
            options = {"keepdims": keepdims} if axis is None else {"axis": axis, "keepdims": keepdims}
            case(f, (x,), g(x, axis=key(axis), keepdims=keepdims), {**options, **extra})


with_nan = f32(3, 4)
with_nan[0, 1] = with_nan[2, 3] = nan
all_nan = np.array([[nan, nan], [1, nan]], np.float32)
arrays = [f32(5), f32(2, 3), f32(2, 3, 4), np.array(2.5, np.float32), ints(-5, 5, 3, 2), np.array([[True, False], [True, True]]), ints(0, 250, 2, 4, dtype=np.uint8), ints(-100, 100, 4, dtype=np.int16), f32(3, 2).astype(np.float64)]
for x in arrays + [with_nan]:
    for f, g in {"sum": np.sum, "prod": np.prod, "mean": np.mean, "var": np.var, "std": np.std, "max": np.max, "min": np.min, "all": np.all, "any": np.any}.items():
        if f == "prod" and x.dtype in (np.uint8, np.int16):
            continue
        if f in ("sum", "prod") and x.dtype.kind == "u":
            reductions(f, lambda x, g=g, **k: g(x, dtype=np.uint32, **k), x)
        else:
            reductions(f, g, x)
    if x.dtype != bool:
        reductions("ptp", lambda x, axis, keepdims: np.max(x, axis=axis, keepdims=keepdims) - np.min(x, axis=axis, keepdims=keepdims), x)
    reductions("argmax", np.argmax, x, multiple=False)
    reductions("argmin", np.argmin, x, multiple=False)
    reductions("median", np.median, x if x.dtype != bool else x.astype(np.int32))
    reductions("countNonzero", np.count_nonzero, x)
for x in [with_nan, all_nan, f32(2, 3), ints(0, 5, 4)]:
    for f, g in {"nansum": np.nansum, "nanmean": np.nanmean, "nanmax": np.nanmax, "nanmin": np.nanmin}.items():
        reductions(f, g, x)
for f, g in {"sum": np.sum, "prod": np.prod, "mean": np.mean, "var": np.var, "all": np.all, "any": np.any}.items():
    for shape in [(0,), (0, 3), (3, 0)]:
        reductions(f, g, np.zeros(shape, np.float32))
for correction in [1, 1.5, 10]:
    x = f32(4, 3)
    case("var", (x,), np.var(x, axis=0, ddof=correction), {"axis": 0, "correction": correction})
    case("std", (x,), np.std(x, axis=1, ddof=correction, keepdims=True), {"axis": 1, "correction": correction, "keepdims": True})
x = (f32(1000) + 10000).astype(np.float32)
case("var", (x,), np.var(x.astype(np.float64)).astype(np.float32), None, tolerance=1e-4)
case("sum", (f32(3),), np.zeros(())) if False else None
x = ints(0, 200, 300, dtype=np.uint8)
case("sum", (x,), np.sum(x, dtype=np.uint32))
case("sum", (x,), np.sum(x, dtype=np.float32), {"dtype": "float32"})
case("mean", (x,), np.mean(x))
case("sum", (np.array([1, inf, -inf], np.float32),), np.float32(nan))
case("max", (np.array([1, nan, inf], np.float32),), np.float32(nan))
case("argmax", (np.array([1, nan, inf, nan], np.float32),), np.int32(1))
case("argmin", (np.array([3, 1, 1], np.int32),), np.int32(1))
for x in [f32(4), f32(3, 4), with_nan, ints(-3, 4, 2, 3), ints(0, 9, 4, dtype=np.uint8), np.array([True, False, True]), np.zeros((0, 2), np.float32), np.array(3.0, np.float32)]:
    for axis in axes[x.ndim]:
        if isinstance(axis, list):
            continue
        options = {} if axis is None else {"axis": axis}
        unsigned = {"dtype": np.uint32} if x.dtype.kind == "u" else {}
        case("cumsum", (x,), np.cumsum(x, axis, **unsigned), options)
        case("cumprod", (x,), np.cumprod(x, axis, **unsigned), options)
        if x.dtype != bool:
            case("cummax", (x,), np.maximum.accumulate(x.ravel() if axis is None else x, 0 if axis is None else axis), options)
            case("cummin", (x,), np.minimum.accumulate(x.ravel() if axis is None else x, 0 if axis is None else axis), options)
x = f32(2, 3)
for axis in [0, 1]:
    joined = np.concatenate([np.zeros_like(x[:1]) if axis == 0 else np.zeros_like(x[:, :1]), np.cumsum(x, axis)], axis)
    case("cumulativeSum", (x,), joined, {"axis": axis, "includeInitial": True})
    joined = np.concatenate([np.ones_like(x[:1]) if axis == 0 else np.ones_like(x[:, :1]), np.cumprod(x, axis)], axis)
    case("cumulativeProd", (x,), joined, {"axis": axis, "includeInitial": True})
for x in [f32(6), f32(3, 4), ints(0, 9, 5), np.array([True, False, False])]:
    for n in [0, 1, 2]:
        case("diff", (x,), np.diff(x, n), {"n": n})
        case("diff", (x,), np.diff(x, n, axis=0), {"n": n, "axis": 0})
case("diff", (np.array([1, 4, 9], np.int32),), np.diff([1, 4, 9], prepend=0, append=[10, 20]), {"prepend": 0, "append": np.array([10, 20], np.int32)})
case("diff", (f32(1),), np.zeros(0, np.float32), {"n": 3})
shares = [0, 0.1, 0.25, 0.5, 0.77, 1]
methods = {"linear": "linear", "lower": "lower", "higher": "higher", "midpoint": "midpoint", "nearest": "nearest", "inverted_cdf": "invertedCdf", "averaged_inverted_cdf": "averagedInvertedCdf", "interpolated_inverted_cdf": "interpolatedInvertedCdf", "hazen": "hazen", "weibull": "weibull", "median_unbiased": "medianUnbiased", "normal_unbiased": "normalUnbiased"}
for theirs, ours in methods.items():
    for x in [f32(7), f32(10), f32(1)]:
        case("quantile", (x, shares), np.quantile(x.astype(np.float64), shares, method=theirs).astype(np.float32), {"method": ours})
for x in [f32(3, 4), f32(2, 3, 4), ints(0, 20, 5, 2)]:
    for axis in axes[x.ndim]:
        options = {} if axis is None else {"axis": axis}
        case("quantile", (x, 0.3), np.quantile(x, 0.3, axis=key(axis)), options)
        case("percentile", (x, [20, 90]), np.percentile(x, [20, 90], axis=key(axis), keepdims=True), {**options, "keepdims": True})
case("quantile", (with_nan, 0.5), np.quantile(with_nan, 0.5, axis=0), {"axis": 0})
case("median", (np.array([1, inf, inf, -inf], np.float32),), np.float32(inf))
x, w = f32(3, 4), np.abs(f32(3, 4))
case("average", (x,), np.average(x, weights=w), {"weights": w})
case("average", (x,), np.average(x, axis=1, weights=w[0]), {"weights": w[0], "axis": 1})
case("average", (x,), np.average(x, axis=0, weights=w, keepdims=True), {"weights": w, "axis": 0, "keepdims": True})
case("average", (x,), np.average(x, axis=0), {"axis": 0})
case("average", (ints(0, 9, 4) * 0 + np.arange(4, dtype=np.int32),), np.average(np.arange(4), weights=[1, 2, 3, 4]), {"weights": np.array([1, 2, 3, 4], np.int32)})
x, y = f32(3, 6), f32(2, 6)
case("cov", (x,), np.cov(x))
case("cov", (x,), np.cov(x, y), {"y": y})
case("cov", (x,), np.cov(x, rowvar=False), {"rowvar": False})
case("cov", (x[0],), np.cov(x[0]))
case("cov", (x,), np.cov(x, ddof=0), {"correction": 0})
case("cov", (x[0],), np.cov(x[0], x[1]), {"y": x[1]})
case("corrcoef", (x,), np.corrcoef(x))
case("corrcoef", (x[0],), np.corrcoef(x[0], x[1]), {"y": x[1]})
case("corrcoef", (x[0],), np.corrcoef(x[0]))
for x in [f32(50), f32(4, 5), ints(0, 20, 30), np.zeros(0, np.float32), np.full(3, 2, np.float32)]:
    wide = x.astype(np.float64)
    for options in [{}, {"bins": 4}, {"bins": 5, "range": (-1.0, 1.0)}, {"bins": 3, "density": True}, {"bins": np.array([-1, 0, 0.5, 3], np.float32)}]:
        if options.get("density") and x.size == 0:
            continue
        counts, edges = np.histogram(wide, **options)
        subject.append({"f": "histogram", "args": encode([x]), "options": encode_options(options), "result": [encode(counts.astype(np.float32) if options.get("density") else counts.astype(np.int32)), encode(edges.astype(np.float32))], "tolerance": 1e-5})
x, w = f32(20), np.abs(f32(20))
counts, edges = np.histogram(x.astype(np.float64), bins=4, weights=w)
subject.append({"f": "histogram", "args": encode([x]), "options": encode_options({"bins": 4, "weights": w}), "result": [encode(counts.astype(np.float32)), encode(edges.astype(np.float32))], "tolerance": 1e-5})
x = ints(0, 6, 12)
case("bincount", (x,), np.bincount(x))
case("bincount", (x,), np.bincount(x, minlength=9), {"minlength": 9})
case("bincount", (x,), np.bincount(x, weights=np.arange(12)).astype(np.float32), {"weights": np.arange(12, dtype=np.float32)})
case("bincount", (x,), np.bincount(x)[:3], {"length": 3})
case("bincount", (np.zeros(0, np.int32),), np.bincount(np.zeros(0, np.int32)))
for right in [False, True]:
    case("digitize", (np.array([0.2, 6.4, 3.0, 1.6, 1.0, 12], np.float32), np.array([0, 1, 2.5, 4, 10], np.float32)), np.digitize([0.2, 6.4, 3.0, 1.6, 1.0, 12], [0, 1, 2.5, 4, 10], right), {"right": right})

# ----------------------------------------------------------------------------------------------------------------------
begin("manipulation")

x = f32(2, 3, 4)
for shape in [[24], [6, 4], [-1], [4, -1, 2], [1, 2, 3, 4, 1]]:
    case("reshape", (x, shape), x.reshape(shape))
case("reshape", (np.zeros((0, 3), np.float32), [3, -1]), np.zeros((3, 0), np.float32))
case("reshape", (np.array(1.0, np.float32), [1, 1]), np.ones((1, 1), np.float32))
for y in [x, f32(0, 2), np.array(3, np.int32)]:
    case("flatten", (y,), y.ravel())
    case("transpose", (y,), y.T)
for order in [[0, 1, 2], [2, 0, 1], [-1, 0, 1], [1, 0, -1]]:
    case("permuteDims", (x, order), np.transpose(x, order))
    case("transpose", (x, order), np.transpose(x, order))
for a, b in [(0, 2), (-1, 0), (1, 1), ([0, 1], [2, 0]), ([0, 2], [-1, -2])]:
    case("moveaxis", (x, a, b), np.moveaxis(x, a, b))
for a, b in [(0, 2), (-1, 1), (1, 1)]:
    case("swapaxes", (x, a, b), np.swapaxes(x, a, b))
for axis in [0, 1, -1, 3, [0, 2], [-1, 0]]:
    case("expandDims", (x,), np.expand_dims(x, key(axis)), {"axis": axis})
y = f32(1, 3, 1, 2)
case("squeeze", (y,), np.squeeze(y))
for axis in [0, 2, -2, [0, 2]]:
    case("squeeze", (y,), np.squeeze(y, key(axis)), {"axis": axis})
for y, shape in [(f32(3), [2, 3]), (f32(2, 1), [4, 2, 5]), (np.array(1, np.int32), [2, 2]), (f32(1), [0])]:
    case("broadcastTo", (y, shape), np.broadcast_to(y, shape))
case("broadcastArrays", (f32(3) * 0, f32(2, 1) * 0), [np.zeros((2, 3), np.float32)] * 2)
a, b = f32(2, 3), f32(2, 3)
for axis in [0, 1, -1, None]:
    case("concat", ([a, b, a],), np.concatenate([a, b, a], axis), {"axis": axis})
case("concat", ([a, f32(0, 3)],), a)
case("concat", ([np.array([1, 2], np.int32), np.array([0.5], np.float32), np.array([True])],), np.array([1, 2, 0.5, 1], np.float32))
case("concat", ([np.array([1, 2], np.uint8), np.array([-1], np.int8)],), np.array([1, 2, -1], np.int16))
for axis in [0, 1, 2, -1, -3]:
    case("stack", ([a, b],), np.stack([a, b], axis), {"axis": axis})
case("stack", ([np.array(1, np.int32), np.array(2, np.int32)],), np.array([1, 2], np.int32))
for axis in [0, 1, -1]:
    case("unstack", (x,), [np.take(x, i, axis) for i in range(x.shape[axis])], {"axis": axis})
    case("split", (x[:, :2], 1), np.split(x[:, :2], 1, axis), {"axis": axis})
case("split", (x, 2), np.split(x, 2))
case("split", (x, 4), np.split(x, 4, 2), {"axis": 2})
for at in [[1], [1, 3], [0, 2, 9], [-1], [3, 1]]:
    case("split", (x, at), np.split(x, at, 2), {"axis": 2})
for n in [1, 2, 3, 4, 7]:
    case("arraySplit", (f32(7) * 0 + np.arange(7, dtype=np.float32), n), np.array_split(np.arange(7, dtype=np.float32), n))
case("hstack", ([a, b],), np.hstack([a, b]))
case("hstack", ([a[0], b[0]],), np.hstack([a[0], b[0]]))
case("vstack", ([a, b],), np.vstack([a, b]))
case("vstack", ([a[0], b],), np.vstack([a[0], b]))
for repeats in [2, [2], [1, 2], [2, 1, 3], [0, 2], [2, 1, 1, 1]]:
    case("tile", (a, repeats), np.tile(a, repeats))
for repeats, axis in [(2, None), (3, 0), (2, -1), (0, 1), ([1, 0, 2], 1), ([2, 3], 0), ([1, 2, 0, 1, 1, 3], None)]:
    case("repeat", (a, repeats), np.repeat(a, repeats, axis), {"axis": axis})
for shift, axis in [(1, None), (-2, None), (8, 1), (1, 0), ((1, 2), (0, 1)), (2, (0, 1)), ((1, 1), 1), (0, 0)]:
    case("roll", (a, shift), np.roll(a, shift, axis), {"axis": axis})
case("roll", (f32(0), 3), np.zeros(0, np.float32))
for axis in [None, 0, -1, [0, 1]]:
    case("flip", (a,), np.flip(a, key(axis)), {"axis": axis})
case("flip", (f32(0, 2),), np.zeros((0, 2), np.float32))
for k in [-1, 0, 1, 2, 3, 5]:
    case("rot90", (x,), np.rot90(x, k), {"k": k})
    case("rot90", (x,), np.rot90(x, k, (1, 2)), {"k": k, "axes": [1, 2]})
for width in [1, [1, 2], [[0, 1], [2, 0]], [[7, 8], [9, 11]]]:
    case("pad", (a, width), np.pad(a, width))
    case("pad", (a, width), np.pad(a, width, constant_values=-1.5), {"value": -1.5})
    for mode in ["edge", "reflect", "symmetric", "wrap"]:
        if mode == "wrap" and width == [[7, 8], [9, 11]]:
            continue  # wrong in NumPy before 1.25
        case("pad", (a, width), np.pad(a, width, mode), {"mode": mode})
case("pad", (a, [[0, 0], [4, 5]]), np.take(a, np.arange(-4, 8) % 3, 1), {"mode": "wrap"})
case("pad", (np.ones((1, 1), np.int32), 3), np.pad(np.ones((1, 1), np.int32), 3, "reflect"), {"mode": "reflect"})
case("pad", (np.array([True]), 1), np.array([False, True, False]))

# ----------------------------------------------------------------------------------------------------------------------
begin("contraction")

for s, t in [((3, 4), (4, 5)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 5)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((3, 4), (2, 4, 5)), ((2, 1, 3, 4), (5, 4, 2)), ((4,), (2, 4, 5)), ((2, 3, 4), (4,)), ((0, 4), (4, 2)), ((3, 0), (0, 2)), ((2, 0, 3), (2, 3, 1)), ((1, 3, 4), (6, 4, 2)), ((1, 1), (1, 1))]:
    a, b = f32(*s), f32(*t)
    case("matmul", (a, b), a @ b)
    case("matmul", (a.astype(np.float64), b.astype(np.float64)), a.astype(np.float64) @ b.astype(np.float64))
a, b = ints(-9, 9, 3, 4), ints(-9, 9, 4, 2)
case("matmul", (a, b), a @ b)
case("matmul", (a.astype(np.int8), b.astype(np.int8)), a.astype(np.int8) @ b.astype(np.int8))
case("matmul", (a, b.astype(np.float32)), a @ b.astype(np.float32))
for s, t in [((), (3,)), ((3,), (3,)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((2, 2, 3), (3, 4)), ((3,), (2, 3, 2)), ((), ())]:
    a, b = f32(*s) if s else np.array(2.5, np.float32), f32(*t) if t else np.array(-1.5, np.float32)
    case("dot", (a, b), np.dot(a, b))
for s, t in [((), (3,)), ((3,), (3,)), ((2, 3), (3,)), ((2, 3), (5, 4, 3))]:
    a, b = f32(*s) if s else np.array(2.5, np.float32), f32(*t)
    case("inner", (a, b), np.inner(a, b))
a, b = f32(2, 1, 3), f32(4, 3)
case("vecdot", (a, b), np.sum(a * b, -1))
a, b = f32(3, 4), f32(2, 3, 4)
case("vecdot", (a, b), np.sum(a * b, -2), {"axis": -2})
case("vecdot", (a[0], a[1]), np.sum(a[0] * a[1]))
a, b = f32(2, 3, 4), f32(4, 3, 5)
for axis in [0, 1, [[2], [0]], [[1, 2], [1, 0]], [[-1, -2], [0, 1]]]:
    case("tensordot", (a, b), np.tensordot(a, b, axis), {"axes": axis})
case("tensordot", (f32(2, 3, 4) * 0 + 1, f32(3, 4, 2) * 0 + 1), np.full((2, 2), 12, np.float32))


def einsum(equation, *shapes):
    xs = [f32(*s) if s else np.array(1.5, np.float32) for s in shapes]
    case("einsum", (equation, *xs), np.einsum(equation, *xs))


for call in [
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("ij->ji", (2, 3)), ("ij", (2, 3)), ("ba", (2, 3)), ("ii->i", (3, 3)), ("ii", (3, 3)),
    ("ii->", (3, 3)), ("ij->", (2, 3)), ("ij->j", (2, 3)), ("i,i->", (4,), (4,)), ("i,i->i", (4,), (4,)), ("i,j->ij", (2,), (3,)),
    ("i,j->ji", (2,), (3,)), ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)), ("bij,bjk->kib", (2, 3, 4), (2, 4, 5)), ("...ij,...jk->...ik", (2, 3, 4), (4, 5)),
    ("...ij,...jk", (2, 1, 3, 4), (5, 4, 2)), ("i...->...", (2, 3, 4)), ("i...", (2, 3)), ("...i->i...", (2, 3, 4)), ("...ii->...i", (2, 3, 3)),
    ("ij,kl->", (2, 3), (4, 5)), ("ijk,jil->kl", (2, 3, 4), (3, 2, 5)), ("ab,bc,cd->ad", (2, 3), (3, 4), (4, 5)), ("ab,bc,cd,de", (2, 3), (3, 4), (4, 5), (5, 2)),
    ("a,ab,abc->c", (2,), (2, 3), (2, 3, 4)), ("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5)), ("iij,jkk->ik", (2, 2, 3), (3, 4, 4)), (",ij->ij", (), (2, 3)),
    (",->", (), ()), ("i,->i", (3,), ()), ("ij,ij,ij->i", (2, 3), (2, 3), (2, 3)), ("iii->i", (3, 3, 3)), ("ij,j", (1, 3), (3,)), ("Ab,bC->AC", (2, 3), (3, 4)),
    ("i...,i...->...", (3, 2), (3, 2)), ("abc,cd,...->...abd", (2, 3, 4), (4, 5), (2,)), ("ij,ij->ij", (2, 3), (1, 3)), ("ij,jk->ik", (2, 0), (0, 3)), ("...,...->...", (3, 1), (4,)),
    ("bsi,nij,bsj->bsn", (2, 3, 4), (5, 4, 6), (2, 3, 6)),
]:
    einsum(*call)
einsum(" ij , jk -> ik ", (2, 3), (3, 4))
a, b = ints(-5, 5, 2, 3), ints(-5, 5, 3, 2)
case("einsum", ("ij,jk->ik", a, b), np.einsum("ij,jk->ik", a, b))

# ----------------------------------------------------------------------------------------------------------------------
here = os.path.dirname(os.path.abspath(__file__))
for name, cases in subjects.items():
    with open(os.path.join(here, f"{name}.golden.json"), "w") as out:
        out.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":"), allow_nan=False) for c in cases) + "\n]\n")
    print(name, len(cases))
