"""Golden values for reading and printing: python3 generate.py > numpy.golden.json (NumPy 1.24)."""
import base64, io, json
import numpy as np

rng = np.random.default_rng(5)
printed, files = [], []
for dtype in ["float32", "float64", "int32", "uint8", "bool"]:
    for shape in [(), (1,), (4,), (40,), (2, 3), (3, 30), (2, 2, 3), (1200,), (60, 30), (0,)]:
        for scale in [1, 1000, 1e-6] if "float" in dtype else [1]:
            a = (rng.standard_normal(shape) * 20 * scale).astype(dtype) if dtype != "bool" else rng.random(shape) < 0.5
            a = np.asarray(a)
            if "float" in dtype and scale == 1: a = np.round(a, 3).astype(dtype)
            printed.append(dict(dtype=dtype, shape=list(shape), data=[float(x) for x in a.ravel()], text=str(a)))
for a in [[np.nan, np.inf, -1.5], [1e10, 1, -3], [0.1, 1 / 3, 100.25], [1e-5, 1], [0.0, -0.0], [123456.789, 0.5]]:
    a = np.array(a, "float32")
    printed.append(dict(dtype="float32", shape=list(a.shape), data=[str(float(x)) for x in a], text=str(a)))
for dtype in ["<f4", ">f4", "<f8", ">i2", "<i8", "<u8", "|b1", "<f2", "|u1"]:
    for order in "CF":
        a = np.array(np.arange(6).reshape(2, 3) % 5, dtype=dtype, order=order)
        out = io.BytesIO(); np.save(out, a)
        files.append(dict(descr=dtype, order=order, values=[float(x) for x in a.ravel()], base64=base64.b64encode(out.getvalue()).decode()))
out = io.BytesIO(); np.savez_compressed(out, a=np.arange(300, dtype="f4"), b=np.eye(3))
print(json.dumps(dict(printed=printed, files=files, npz=base64.b64encode(out.getvalue()).decode())))
