"""Writes zero.golden.json: what AlphaZero's network, written here with PyTorch's functions after the paper, gives: logits, values, the
loss and its gradients, with weights that both sides compute from a formula. Run: python3 zero.golden.py (python3-torch)"""
import json
import pathlib
import sys

import torch
import torch.nn.functional as F

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parents[1] / "test"))
from formula import formula, uniform  # noqa: E402

torch.set_default_dtype(torch.float64)

CASES = [
    dict(name="connect4", rows=6, columns=7, planes=2, actions=7, movePlanes=0, filters=8, blocks=2, heads="dense"),
    dict(name="go5", rows=5, columns=5, planes=17, actions=26, movePlanes=1, filters=8, blocks=1, heads="dense"),
    dict(name="go5-pooled", rows=5, columns=5, planes=17, actions=26, movePlanes=1, filters=8, blocks=1, heads="pooled"),
    dict(name="chess", rows=8, columns=8, planes=119, actions=4672, movePlanes=73, filters=6, blocks=1, heads="dense"),
]


def shapes(c):
    """Names and shapes of the weights, in PyTorch's layout."""
    f, squares = c["filters"], c["rows"] * c["columns"]
    others = c["actions"] - squares * c["movePlanes"]
    found = {}

    def conv(name, a, b, k, bias=False):
        found[f"{name}.weight"] = (b, a, k, k)
        if bias:
            found[f"{name}.bias"] = (b,)

    def norm(name, n):
        for part in ("weight", "bias", "running_mean", "running_var"):
            found[f"{name}.norm.{part}"] = (n,)

    def dense(name, a, b):
        found[f"{name}.weight"], found[f"{name}.bias"] = (b, a), (b,)

    conv("stem", c["planes"], f, 3)
    norm("stem", f)
    for k in range(c["blocks"]):
        for part in (1, 2):
            conv(f"block{k}.{part}", f, f, 3)
            norm(f"block{k}.{part}", f)
    if c["movePlanes"] == 0 or (others and c["heads"] == "dense"):
        n = 2 if c["movePlanes"] else 8
        conv("policy", f, n, 1)
        norm("policy", n)
        dense("policy.moves", n * squares, c["actions"])
    else:
        conv("policy", f, f, 3)
        norm("policy", f)
        conv("policy.moves", f, c["movePlanes"], 3 if c["movePlanes"] > 1 else 1, bias=True)
        if others:
            dense("policy.others", 2 * f, others)
    n = 32 if c["heads"] == "pooled" else 1 if c["movePlanes"] else 4
    conv("value", f, n, 1)
    norm("value", n)
    hidden = min(256, 4 * f)
    dense("value.hidden", 2 * n if c["heads"] == "pooled" else n * squares, hidden)
    dense("value.result", hidden, 1)
    return found


def network(c, w, x, training):
    """x [B, planes, rows, columns] to logits [B, actions] and values [B, 1]."""

    def conv(name, y):
        k = w[f"{name}.weight"].shape[-1]
        return F.conv2d(y, w[f"{name}.weight"], w.get(f"{name}.bias"), padding=k // 2)

    def norm(name, y):
        n = f"{name}.norm"
        mean, var = w[f"{n}.running_mean"].detach().clone(), w[f"{n}.running_var"].detach().clone()
        return F.batch_norm(y, mean, var, w[f"{n}.weight"], w[f"{n}.bias"], training, 0.1, 1e-5)

    def linear(name, y):
        return F.linear(y, w[f"{name}.weight"], w[f"{name}.bias"])

    def flat(y):
        return y.permute(0, 2, 3, 1).flatten(1)

    def pool(y):
        return torch.cat([y.mean((2, 3)), y.amax((2, 3))], 1)

    y = F.relu(norm("stem", conv("stem", x)))
    for k in range(c["blocks"]):
        z = F.relu(norm(f"block{k}.1", conv(f"block{k}.1", y)))
        y = F.relu(y + norm(f"block{k}.2", conv(f"block{k}.2", z)))
    p = F.relu(norm("policy", conv("policy", y)))
    if "policy.moves.weight" in w and w["policy.moves.weight"].dim() == 2:
        logits = linear("policy.moves", flat(p))
    else:
        logits = flat(conv("policy.moves", p))
        if "policy.others.weight" in w:
            logits = torch.cat([logits, linear("policy.others", pool(p))], 1)
    v = F.relu(norm("value", conv("value", y)))
    v = pool(v) if c["heads"] == "pooled" else flat(v)
    value = torch.tanh(linear("value.result", F.relu(linear("value.hidden", v))))
    return logits, value


def case(c, training):
    w = {}
    for i, (name, shape) in enumerate(sorted(shapes(c).items())):
        w[name] = formula(name, shape, i + 1)
        w[name].requires_grad_("running" not in name)
    x = torch.from_numpy(uniform(3 * c["rows"] * c["columns"] * c["planes"], 1000)).reshape(3, c["rows"], c["columns"], c["planes"])
    target = torch.from_numpy(uniform(3 * c["actions"], 1001)).reshape(3, c["actions"])
    target = target / target.sum(1, keepdim=True)
    result = torch.tensor([[1.0], [-1.0], [0.0]])
    logits, value = network(c, w, (2 * x - 1).permute(0, 3, 1, 2), training)
    loss = F.cross_entropy(logits, target) + F.mse_loss(value, result)
    loss.backward()
    gradients = {}
    for i, (name, v) in enumerate(sorted(w.items())):
        if v.grad is not None:
            along = (v.grad.flatten() * (torch.from_numpy(uniform(v.numel(), 2000 + i)) - 0.5)).sum()
            gradients[name] = [v.grad.norm().item(), along.item()]
    kept = logits.detach().flatten()[:: max(1, logits.numel() // 60)].tolist()
    return dict(**c, training=training, logits=kept, value=value.flatten().tolist(), loss=loss.item(), gradients=gradients)


golden = [case(c, training) for c in CASES for training in (False, True)]
(here / "zero.golden.json").write_text(json.dumps(golden) + "\n")
