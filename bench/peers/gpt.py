"""GPT-2's small model in PyTorch on the CPU, with keys and values kept: python3 gpt.py LAYERS WIDTH HEADS VOCABULARY CONTEXT AFTER
Prints the milliseconds of one token after AFTER others, and of copying 256 MiB, as JSON lines."""
import json
import resource
import sys
import time

import torch
import torch.nn.functional as F

layers, width, heads, vocabulary, context, after = map(int, sys.argv[1:])
torch.manual_seed(1)
torch.set_grad_enabled(False)


def weights(*shape):
    return torch.randn(*shape) * 0.02


table, places = weights(vocabulary, width), weights(context, width)
norm = (torch.ones(width), torch.zeros(width))
blocks = [
    dict(
        qkv=(weights(3 * width, width), torch.zeros(3 * width)),
        out=(weights(width, width), torch.zeros(width)),
        up=(weights(4 * width, width), torch.zeros(4 * width)),
        down=(weights(width, 4 * width), torch.zeros(width)),
        keys=torch.zeros(heads, context, width // heads),
        values=torch.zeros(heads, context, width // heads),
    )
    for _ in range(layers)
]


def normed(x):
    return F.layer_norm(x, (width,), *norm, 1e-5)


def step(token, place):
    x = table[token] + places[place]
    for b in blocks:
        q, k, v = F.linear(normed(x), *b["qkv"]).view(3, heads, 1, width // heads)
        b["keys"][:, place : place + 1] = k
        b["values"][:, place : place + 1] = v
        scores = q @ b["keys"][:, : place + 1].transpose(1, 2) / (width // heads) ** 0.5
        mixed = (scores.softmax(-1) @ b["values"][:, : place + 1]).reshape(width)
        x = x + F.linear(mixed, *b["out"])
        x = x + F.linear(F.gelu(F.linear(normed(x), *b["up"])), *b["down"])
    return F.linear(normed(x), table)


def median(f, runs=15):
    for _ in range(3):
        f()
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        f()
        times.append(1000 * (time.perf_counter() - begin))
    return sorted(times)[runs // 2]


ms = median(lambda: step(17, after))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
source, target = torch.zeros(2**26), torch.zeros(2**26)
copy = median(lambda: target.copy_(source))
print(json.dumps(dict(ms=ms, peak_mb=round(peak), copy_ms=copy)))
