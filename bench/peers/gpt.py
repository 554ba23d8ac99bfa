"""A GPT-2 that tokens.ts wrote to a folder, in PyTorch on the CPU, with keys and values kept: python3 gpt.py FOLDER
Prints milliseconds of one token after the prompt, peak memory, and the token's logits."""
import json
import resource
import struct
import sys
import time

import torch
import torch.nn.functional as F

folder = sys.argv[1]
config, task = (json.load(open(f"{folder}/{name}.json")) for name in ("config", "task"))
width, heads, context = config["n_embd"], config["n_head"], config["n_positions"]
torch.set_grad_enabled(False)


def safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = bytearray(file.read())
    return {
        name: torch.frombuffer(data, dtype=torch.float32, offset=entry["data_offsets"][0], count=torch.Size(entry["shape"]).numel()).view(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__"
    }


weights = {name.removeprefix("transformer."): array for name, array in safetensors(f"{folder}/model.safetensors").items()}
table, places = weights["wte.weight"], weights["wpe.weight"]
pair = lambda name: (weights[f"{name}.weight"], weights[f"{name}.bias"])


def product(name):
    """As torch.nn.Linear has it; the file's matrices are [in, out]."""
    weight, bias = pair(name)
    return weight.T.contiguous(), bias


blocks = [
    dict(
        norm1=pair(f"h.{i}.ln_1"),
        qkv=product(f"h.{i}.attn.c_attn"),
        out=product(f"h.{i}.attn.c_proj"),
        norm2=pair(f"h.{i}.ln_2"),
        up=product(f"h.{i}.mlp.c_fc"),
        down=product(f"h.{i}.mlp.c_proj"),
        keys=torch.zeros(heads, context, width // heads),
        values=torch.zeros(heads, context, width // heads),
    )
    for i in range(config["n_layer"])
]
last = pair("ln_f")
# What was copied above is not needed twice.
del weights


def normed(x, norm):
    return F.layer_norm(x, (width,), *norm, config["layer_norm_epsilon"])


def step(token, place):
    x = table[token] + places[place]
    for b in blocks:
        q, k, v = F.linear(normed(x, b["norm1"]), *b["qkv"]).view(3, heads, 1, width // heads)
        b["keys"][:, place : place + 1] = k
        b["values"][:, place : place + 1] = v
        scores = q @ b["keys"][:, : place + 1].transpose(1, 2) / (width // heads) ** 0.5
        mixed = (scores.softmax(-1) @ b["values"][:, : place + 1]).reshape(width)
        x = x + F.linear(mixed, *b["out"])
        x = x + F.linear(F.gelu(F.linear(normed(x, b["norm2"]), *b["up"]), approximate="tanh"), *b["down"])
    return F.linear(normed(x, last), table)


def median(f, runs=15):
    for _ in range(3):
        f()
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        f()
        times.append(1000 * (time.perf_counter() - begin))
    return sorted(times)[runs // 2]


for place, token in enumerate(task["prompt"]):
    step(token, place)
run = lambda: step(task["next"], len(task["prompt"]))
outputs = run().tolist()
ms = median(run)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(dict(ms=ms, peak_mb=round(peak), outputs=outputs, detail=f"torch {torch.__version__}")))
