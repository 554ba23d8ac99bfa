"""Parts of AlphaFold 2 in PyTorch on the CPU: python3 fold.py evoformer|structure forward|train FILE (python3-torch).
FILE is a .safetensors of weights under their official names, blocks of a stack apart, and of inputs under in/NAME.
Prints milliseconds, peak memory, and a few outputs, or the losses of the first training steps; FILE.gradients are the first step's."""
import json
import math
import re
import resource
import sys
import time

import torch
import torch.nn.functional as F

from arrays import safetensors, save


class Scope:
    """Arrays whose names begin alike."""

    def __init__(self, arrays, path=""):
        self.arrays, self.path = arrays, path

    def __call__(self, name):
        return Scope(self.arrays, f"{self.path}{name}/")

    def __getitem__(self, name):
        return self.arrays[f"{self.path}{name}"]


def linear(x, w):
    return F.linear(x, w["weights"].T, w["bias"])


def norm(x, w):
    return F.layer_norm(x, x.shape[-1:], w["scale"], w["offset"], 1e-5)


def attention(x, w, bias=None):
    """Gated attention along the last but one axis: [B, T, c]; bias [heads, T, T]."""
    c, heads, width = w["query_w"].shape
    split = lambda name: (x @ w[name].view(c, -1)).view(*x.shape[:-1], heads, width).transpose(1, 2)
    q, k, v = split("query_w") * width**-0.5, split("key_w"), split("value_w")
    scores = q @ k.transpose(-1, -2)
    if bias is not None:
        scores = scores + bias
    y = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
    gate = torch.sigmoid(F.linear(x, w["gating_w"].view(c, -1).T, w["gating_b"].view(-1)))
    return F.linear(y * gate, w["output_w"].view(heads * width, -1).T, w["output_b"])


def transition(x, w):
    return linear(F.relu(linear(norm(x, w("input_layer_norm")), w("transition1"))), w("transition2"))


def outer_product_mean(m, w):
    x = norm(m, w("layer_norm_input"))
    left, right = linear(x, w("left_projection")), linear(x, w("right_projection"))
    products = torch.einsum("sic,sjd->ijcd", left, right).flatten(2)
    return F.linear(products, w["output_w"].flatten(0, 1).T, w["output_b"]) / (m.shape[0] + 1e-3)


def triangle_multiplication(z, w, outgoing):
    x = norm(z, w("layer_norm_input"))
    edge = lambda side: linear(x, w(f"{side}_projection")) * torch.sigmoid(linear(x, w(f"{side}_gate")))
    left, right = edge("left").permute(2, 0, 1), edge("right").permute(2, 0, 1)
    sums = left @ right.transpose(1, 2) if outgoing else right.transpose(1, 2) @ left
    sums = norm(sums.permute(1, 2, 0), w("center_layer_norm"))
    return linear(sums, w("output_projection")) * torch.sigmoid(linear(x, w("gating_linear")))


def triangle_attention(z, w):
    x = norm(z, w("query_norm"))
    return attention(x, w("attention"), (x @ w["feat_2d_weights"]).permute(2, 0, 1))


def evoformer_block(m, z, w):
    row = w("msa_row_attention_with_pair_bias")
    bias = (norm(z, row("feat_2d_norm")) @ row["feat_2d_weights"]).permute(2, 0, 1)
    m = m + attention(norm(m, row("query_norm")), row("attention"), bias)
    column = w("msa_column_attention")
    m = m + attention(norm(m.transpose(0, 1), column("query_norm")), column("attention")).transpose(0, 1)
    m = m + transition(m, w("msa_transition"))
    z = z + outer_product_mean(m, w("outer_product_mean"))
    z = z + triangle_multiplication(z, w("triangle_multiplication_outgoing"), True)
    z = z + triangle_multiplication(z, w("triangle_multiplication_incoming"), False)
    z = z + triangle_attention(z, w("triangle_attention_starting_node"))
    z = z + triangle_attention(z.transpose(0, 1), w("triangle_attention_ending_node")).transpose(0, 1)
    return m, z + transition(z, w("pair_transition"))


def rotation(q):
    w, x, y, z = q.unbind(-1)
    rows = [
        w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z,
    ]  # fmt: skip
    return torch.stack(rows, -1).view(*w.shape, 3, 3)


def multiply(a, b):
    scalar = a[..., :1] * b[..., :1] - (a[..., 1:] * b[..., 1:]).sum(-1, keepdim=True)
    vector = a[..., :1] * b[..., 1:] + b[..., :1] * a[..., 1:] + torch.cross(a[..., 1:], b[..., 1:], dim=-1)
    return torch.cat([scalar, vector], -1)


def invariant_point_attention(s, z, rot, trans, w):
    r, heads = s.shape[0], w["trainable_point_weights"].shape[0]
    split = lambda name: linear(s, w(name)).view(r, heads, -1)

    def points(name):
        local = linear(s, w(name)).view(r, 3, heads, -1).permute(0, 2, 3, 1)
        return local @ rot.transpose(1, 2)[:, None] + trans[:, None, None]

    q, kv = split("q_scalar"), split("kv_scalar")
    width = q.shape[-1]
    k, v = kv.split(width, -1)
    qp, kvp = points("q_point_local"), points("kv_point_local")
    count = qp.shape[2]
    kp, vp = kvp[:, :, :count], kvp[:, :, count:]
    scores = torch.einsum("ihc,jhc->hij", q, k) * math.sqrt(1 / (3 * width))
    scores = scores + math.sqrt(1 / 3) * linear(z, w("attention_2d")).permute(2, 0, 1)
    far = (qp[:, None] - kp[None]).square().sum((-1, -2)).permute(2, 0, 1)
    weight = F.softplus(w["trainable_point_weights"]) * (0.5 * math.sqrt(1 / (3 * 4.5 * count)))
    a = (scores - far * weight[:, None, None]).softmax(-1)
    found = (torch.einsum("hij,jhpx->ihpx", a, vp) - trans[:, None, None]) @ rot[:, None]
    out = [
        torch.einsum("hij,jhc->ihc", a, v).flatten(1),
        *(x.flatten(1) for x in found.unbind(-1)),
        (found.square().sum(-1) + 1e-8).sqrt().flatten(1),
        torch.einsum("hij,ijc->ihc", a, z).flatten(1),
    ]
    return linear(torch.cat(out, -1), w("output_projection"))


def structure_module(single, pair, w, layers=8):
    initial = norm(single, w("single_layer_norm"))
    z = norm(pair, w("pair_layer_norm"))
    s = linear(initial, w("initial_projection"))
    f = w("fold_iteration")
    r = s.shape[0]
    quat, trans = torch.tensor([[1.0, 0, 0, 0]]).repeat(r, 1), torch.zeros(r, 3)
    frames = []
    for _ in range(layers):
        rot = rotation(quat)
        s = norm(s + invariant_point_attention(s, z, rot, trans, f("invariant_point_attention")), f("attention_layer_norm"))
        inner = F.relu(linear(F.relu(linear(s, f("transition"))), f("transition_1")))
        s = norm(s + linear(inner, f("transition_2")), f("transition_layer_norm"))
        update = linear(s, f("affine_update"))
        trans = trans + (rot @ update[:, 3:, None])[..., 0]
        quat = multiply(quat, torch.cat([torch.ones(r, 1), update[:, :3]], 1))
        quat = quat / quat.norm(dim=-1, keepdim=True)
        frames.append((rotation(quat), trans * 10))
        t = f("rigid_sidechain")
        a = linear(F.relu(s), t("input_projection")) + linear(F.relu(initial), t("input_projection_1"))
        for block in ("", "_1"):
            a = a + linear(F.relu(linear(F.relu(a), t(f"resblock1{block}"))), t(f"resblock2{block}"))
        raw = linear(F.relu(a), t("unnormalized_angles")).view(r, 7, 2)
        angles = raw / raw.square().sum(-1, keepdim=True).clamp(min=1e-12).sqrt()
        quat = quat.detach()
    return frames, angles


def frames_from_points(back, origin, beside):
    unit = lambda v: v / (v.square().sum(-1, keepdim=True) + 1e-8).sqrt()
    e0 = unit(origin - back)
    v = beside - origin
    e1 = unit(v - e0 * (e0 * v).sum(-1, keepdim=True))
    return torch.stack([e0, e1, torch.cross(e0, e1, dim=-1)], -1), origin * 10


def backbone_fape(frames, rot, trans):
    local = lambda R, t: (t[None] - t[:, None]) @ R
    n, losses = rot.shape[0], []
    for R, t in frames:
        distance = ((local(R, t) - local(rot, trans)).square().sum(-1) + 1e-4).sqrt().clamp(max=10)
        losses.append(distance.sum() / 10 / (n + 1e-4) ** 2)
    return sum(losses) / len(losses)


def timed(run):
    start = time.perf_counter()
    return run(), time.perf_counter() - start


def median(run, first):
    """As median.ts: `first` are the seconds of the very first call."""
    slow = first > 5
    warm, i = time.perf_counter(), 0
    while i < (0 if slow else 3) or time.perf_counter() - warm < 0.5:
        run()
        i += 1
    times, begin = [], time.perf_counter()
    while len(times) < (1 if slow else 15) or time.perf_counter() - begin < 1 and len(times) < 400:
        t = time.perf_counter()
        run()
        times.append(time.perf_counter() - t)
    return sorted(times)[len(times) // 2] * 1e3


def peak_memory():
    """As memory.ts."""
    try:
        with open("/proc/self/status") as status:
            return round(int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) / 1024)
    except OSError:
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


part, kind, path = sys.argv[1:]
arrays = safetensors(path)
given = {name[3:]: x for name, x in arrays.items() if name.startswith("in/")}
weights = {name: x.clone() for name, x in arrays.items() if not name.startswith("in/")}
scope = Scope(weights)


def loss():
    if part == "evoformer":
        m, z = evoformer_block(given["m"], given["z"], scope)
        return m.square().mean() + z.square().mean()
    frames, _ = structure_module(given["s"], given["z"], scope)
    return backbone_fape(frames, *frames_from_points(given["back"], given["origin"], given["beside"]))


def forward():
    if part == "evoformer":
        m, z = evoformer_block(given["m"], given["z"], scope)
        return torch.cat([m.mean(0).flatten(), z.mean(0).flatten()])
    frames, angles = structure_module(given["s"], given["z"], scope)
    return torch.cat([frames[-1][1].flatten(), angles.flatten()])


if kind == "train":
    for x in weights.values():
        x.requires_grad_()
    optimizer = torch.optim.SGD(weights.values(), 1e-4)

    def step():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        return value.item()

    value, first = timed(step)
    save({name: torch.zeros_like(x) if x.grad is None else x.grad for name, x in weights.items()}, f"{path}.gradients")
    outputs = [value, step(), step()]
    ms = median(step, first)
else:
    with torch.inference_mode():
        value, first = timed(forward)
        outputs = value.tolist()
        ms = median(forward, first)
print(json.dumps({"ms": ms, "peak_mb": peak_memory(), "outputs": outputs, "detail": f"PyTorch {torch.__version__}"}))
