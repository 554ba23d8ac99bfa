"""Weights that both sides of a golden test compute: here for the scripts that ask PyTorch, in formula.ts for the tests."""
import numpy as np
import torch


def uniform(count, stream):
    """Numbers in [0, 1), element i of a stream: an integer hash, the same in formula.ts."""
    x = (np.arange(count, dtype=np.uint64) * 2654435761 + stream * 2246822519 + 374761393) & 0xFFFFFFFF
    x ^= x >> np.uint64(16)
    x = (x * 73244475) & 0xFFFFFFFF
    x ^= x >> np.uint64(16)
    x = (x * 73244475) & 0xFFFFFFFF
    x ^= x >> np.uint64(16)
    return x.astype(np.float64) / 2**32


def formula(name, shape, stream):
    u = uniform(int(np.prod(shape)), stream).reshape(shape)
    if name.endswith("running_mean") or name.endswith("bias"):
        v = 0.2 * u - 0.1
    elif name.endswith("running_var"):
        v = 0.5 + u
    elif len(shape) == 1:
        v = 0.4 + 0.4 * u
    else:
        v = (2 * u - 1) * np.sqrt(6 / np.prod(shape[1:]))
    return torch.from_numpy(v.astype(np.float32).astype(np.float64))
