"""Writes dit.golden.json: what a diffusion transformer, written here with PyTorch's functions after the paper (Peebles & Xie 2023) and
under the names of its authors' code, gives with weights that both sides compute from a formula. Run: python3 dit.golden.py (python3-torch)"""
import json
import math
import pathlib
import sys

import torch
import torch.nn.functional as F

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parents[1] / "test"))
from formula import formula, uniform  # noqa: E402

torch.set_default_dtype(torch.float64)

CASES = [
    dict(name="classes", inChannels=4, outChannels=8, patch=2, width=24, layers=2, heads=3, ratio=4, classes=5, contextWidth=None, height=8, wide=6),
    dict(name="words", inChannels=3, outChannels=3, patch=1, width=16, layers=2, heads=2, ratio=2, classes=None, contextWidth=10, height=4, wide=5),
]


def shapes(c):
    w, p = c["width"], c["patch"]
    found = {}

    def linear(name, a, b):
        found[f"{name}.weight"], found[f"{name}.bias"] = (b, a), (b,)

    found["x_embedder.proj.weight"], found["x_embedder.proj.bias"] = (w, c["inChannels"], p, p), (w,)
    linear("t_embedder.mlp.0", 256, w)
    linear("t_embedder.mlp.2", w, w)
    if c["classes"]:
        found["y_embedder.embedding_table.weight"] = (c["classes"], w)
    for i in range(c["layers"]):
        linear(f"blocks.{i}.attn.qkv", w, 3 * w)
        linear(f"blocks.{i}.attn.proj", w, w)
        if c["contextWidth"]:
            linear(f"blocks.{i}.cross_attn.to_q", w, w)
            linear(f"blocks.{i}.cross_attn.to_k", c["contextWidth"], w)
            linear(f"blocks.{i}.cross_attn.to_v", c["contextWidth"], w)
            linear(f"blocks.{i}.cross_attn.to_out.0", w, w)
        linear(f"blocks.{i}.mlp.fc1", w, c["ratio"] * w)
        linear(f"blocks.{i}.mlp.fc2", c["ratio"] * w, w)
        linear(f"blocks.{i}.adaLN_modulation.1", w, 6 * w)
    linear("final_layer.linear", w, p * p * c["outChannels"])
    linear("final_layer.adaLN_modulation.1", w, 2 * w)
    return found


def run(c, W, x, t, classes, context):
    lin = lambda name, v: F.linear(v, W[f"{name}.weight"], W[f"{name}.bias"])
    w, p, heads = c["width"], c["patch"], c["heads"]

    def mixed(q, k, v):
        split = lambda a: a.reshape(a.shape[0], a.shape[1], heads, w // heads).transpose(1, 2)
        q, k, v = split(q), split(k), split(v)
        scores = q @ k.transpose(2, 3) / math.sqrt(w // heads)
        return (scores.softmax(-1) @ v).transpose(1, 2).reshape(q.shape[0], -1, w)

    def modulated(h, shift, scale):
        return F.layer_norm(h, (w,), eps=1e-6) * (1 + scale[:, None]) + shift[:, None]

    frequencies = torch.exp(-math.log(10000) * torch.arange(128) / 128)
    angles = t[:, None].double() * frequencies
    vector = lin("t_embedder.mlp.2", F.silu(lin("t_embedder.mlp.0", torch.cat([angles.cos(), angles.sin()], -1))))
    if c["classes"]:
        vector = vector + W["y_embedder.embedding_table.weight"][classes]
    signal = F.silu(vector)

    h = F.conv2d(x, W["x_embedder.proj.weight"], W["x_embedder.proj.bias"], stride=p)
    B, _, rows, columns = h.shape
    h = h.flatten(2).transpose(1, 2)
    omega = 1 / 10000 ** (torch.arange(w // 4) / (w / 4))
    codes = []
    for i in range(rows):
        for j in range(columns):
            codes.append(torch.cat([(j * omega).sin(), (j * omega).cos(), (i * omega).sin(), (i * omega).cos()]))
    h = h + torch.stack(codes)
    for i in range(c["layers"]):
        block = f"blocks.{i}"
        shift1, scale1, gate1, shift2, scale2, gate2 = lin(f"{block}.adaLN_modulation.1", signal).chunk(6, 1)
        q, k, v = lin(f"{block}.attn.qkv", modulated(h, shift1, scale1)).chunk(3, -1)
        h = h + gate1[:, None] * lin(f"{block}.attn.proj", mixed(q, k, v))
        if c["contextWidth"]:
            q, k, v = (lin(f"{block}.cross_attn.to_{n}", s) for n, s in (("q", h), ("k", context), ("v", context)))
            h = h + lin(f"{block}.cross_attn.to_out.0", mixed(q, k, v))
        inner = F.gelu(lin(f"{block}.mlp.fc1", modulated(h, shift2, scale2)), approximate="tanh")
        h = h + gate2[:, None] * lin(f"{block}.mlp.fc2", inner)
    shift, scale = lin("final_layer.adaLN_modulation.1", signal).chunk(2, 1)
    h = lin("final_layer.linear", modulated(h, shift, scale))
    h = h.reshape(B, rows, columns, p, p, c["outChannels"])
    return torch.einsum("nhwpqc->nchpwq", h).reshape(B, c["outChannels"], rows * p, columns * p)


cases = []
for c in CASES:
    named = shapes(c)
    W = {name: formula(name, named[name], i + 1) for i, name in enumerate(sorted(named))}
    x = torch.from_numpy(2 * uniform(2 * c["inChannels"] * c["height"] * c["wide"], 1000) - 1).float().double()
    x = x.reshape(2, c["inChannels"], c["height"], c["wide"])
    context = torch.from_numpy(2 * uniform(2 * 3 * 10, 1001) - 1).float().double().reshape(2, 3, 10)
    out = run(c, W, x, torch.tensor([7, 20]), torch.tensor([4, 1]), context)
    cases.append(dict(config=c, names={n: list(s) for n, s in sorted(named.items())}, out=[float(f"{v:.9g}") for v in out.flatten().tolist()]))
(here / "dit.golden.json").write_text(json.dumps(dict(cases=cases)) + "\n")
