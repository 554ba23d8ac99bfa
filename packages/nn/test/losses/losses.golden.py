"""Losses and their gradients from PyTorch: python3 losses.golden.py > losses.golden.json"""

import json

import torch
import torch.nn.functional as F

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
B, C = 6, 4


def flat(t):
    return {"shape": list(t.shape), "data": [float("%.10g" % v) for v in t.detach().reshape(-1).tolist()]}


cases = {}


def case(name, y, p, f):
    p = p.clone().requires_grad_()
    value = f(y, p)
    value.backward()
    cases[name] = {"y": flat(y.double()), "p": flat(p), "loss": float("%.10g" % value.item()), "gradient": flat(p.grad)}


y, p = torch.randn(B, C), torch.randn(B, C)
positive, counts = torch.rand(B, C) + 0.2, torch.poisson(torch.rand(B, C) * 3)
case("mse", y, p, lambda y, p: F.mse_loss(p, y))
case("mae", y, p, lambda y, p: F.l1_loss(p, y))
case("mape", positive, p, lambda y, p: (100 * ((y - p) / y).abs()).mean())
case("msle", positive, p.abs(), lambda y, p: (torch.log1p(p) - torch.log1p(y)).square().mean())
case("huber", 2 * y, p, lambda y, p: F.huber_loss(p, y, delta=1.0))
case("log_cosh", 3 * y, p, lambda y, p: torch.log(torch.cosh(p - y)).mean())
case("poisson", counts, positive, lambda y, p: (p - y * torch.log(p + 1e-7)).mean())
case("cosine_similarity", y, p, lambda y, p: -F.cosine_similarity(p, y, dim=-1).mean())
probabilities = torch.softmax(torch.randn(B, C), -1)
targets = torch.softmax(torch.randn(B, C), -1)
onehot = F.one_hot(torch.randint(C, (B,)), C).double()
classes = onehot.argmax(-1)
bits = torch.randint(2, (B, C)).double()
case("kld", targets, probabilities, lambda y, p: (y * (y / p).log()).sum(-1).mean())
case("bce", bits, torch.rand(B, C) * 0.9 + 0.05, lambda y, p: F.binary_cross_entropy(p, y))
case("bce logits", bits, 3 * p, lambda y, p: F.binary_cross_entropy_with_logits(p, y))
case("bce smooth", bits, 3 * p, lambda y, p: F.binary_cross_entropy_with_logits(p, y * 0.8 + 0.1))
case("cce", onehot, probabilities, lambda y, p: -(y * (p / p.sum(-1, keepdim=True)).log()).sum(-1).mean())
case("cce logits", onehot, 3 * p, lambda y, p: F.cross_entropy(p, y.argmax(-1)))
case("cce smooth", onehot, 3 * p, lambda y, p: F.cross_entropy(p, y.argmax(-1), label_smoothing=0.2))
case("scce", classes, probabilities, lambda y, p: F.nll_loss((p / p.sum(-1, keepdim=True)).log(), y))
case("scce logits", classes, 3 * p, lambda y, p: F.cross_entropy(p, y))
ignored = torch.where(torch.arange(B) % 2 == 0, classes, torch.full_like(classes, -1))
case("scce ignore", ignored, 3 * p, lambda y, p: F.cross_entropy(p, y, ignore_index=-1, reduction="mean"))
case("hinge", 2 * bits - 1, p, lambda y, p: torch.relu(1 - y * p).mean())
case("squared_hinge", 2 * bits - 1, p, lambda y, p: torch.relu(1 - y * p).square().mean())
case("categorical_hinge", onehot, p, lambda y, p: torch.relu(((1 - y) * p).max(-1).values - (y * p).sum(-1) + 1).mean())


def focal(y, x):
    q = torch.sigmoid(x)
    right = y * q + (1 - y) * (1 - q)
    return ((1 - right) ** 2 * F.binary_cross_entropy_with_logits(x, y, reduction="none")).mean()


case("binary focal", bits, p, focal)
case("categorical focal", onehot, 3 * p, lambda y, x: -(0.25 * (1 - torch.softmax(x, -1)) ** 2 * y * torch.log_softmax(x, -1)).sum(-1).mean())
case("dice", bits, torch.rand(B, C), lambda y, p: 1 - 2 * (y * p).sum() / (y.sum() + p.sum() + 1e-7))
case("tversky", bits, torch.rand(B, C), lambda y, p: 1 - (y * p).sum() / ((y * p).sum() + 0.7 * (y * (1 - p)).sum() + 0.3 * ((1 - y) * p).sum() + 1e-7))
print(json.dumps(cases))
