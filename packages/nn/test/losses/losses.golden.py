"""Writes losses.golden.json: values, and gradients of Σ value · weight by the predictions, from PyTorch in double precision.
Run: python3 losses.golden.py"""
import json
import os

import torch
import torch.nn.functional as F

torch.manual_seed(11)
torch.set_default_dtype(torch.float64)
cases = []
eps = 1e-7


def flat(x):
    return {"shape": list(x.shape), "data": x.detach().double().reshape(-1).tolist()}


def case(name, f, target, prediction, **options):
    p = prediction.clone().requires_grad_()
    out = f(target, p)
    weight = torch.randn(out.shape)
    (g,) = torch.autograd.grad((out * weight).sum(), p)
    cases.append({"name": name, "options": options, "target": flat(target), "prediction": flat(prediction), "values": flat(out), "weight": flat(weight), "gradient": flat(g)})


t, p = torch.randn(5, 3), torch.randn(5, 3)
u = torch.rand(5, 3) * 3
case("meanSquaredError", lambda t, p: F.mse_loss(p, t, reduction="none").mean(-1), t, p)
case("meanSquaredError", lambda t, p: F.mse_loss(p, t, reduction="none").mean(-1), torch.randn(2, 4, 3), torch.randn(2, 4, 3))
case("meanAbsoluteError", lambda t, p: F.l1_loss(p, t, reduction="none").mean(-1), t, p)
case("meanAbsolutePercentageError", lambda t, p: 100 * ((t - p) / t).abs().mean(-1), t, p)
case("meanSquaredLogarithmicError", lambda t, p: (torch.log1p(p) - torch.log1p(t)).square().mean(-1), u, torch.rand(5, 3) * 2)
case("huber", lambda t, p: F.huber_loss(p, t, reduction="none").mean(-1), t * 2, p)
case("huber", lambda t, p: F.huber_loss(p, t, reduction="none", delta=0.4).mean(-1), t, p, delta=0.4)
case("logCosh", lambda t, p: torch.log(torch.cosh(p - t)).mean(-1), t * 3, p)
case("cosineSimilarity", lambda t, p: -F.cosine_similarity(p, t, -1), t, p)
case("cosineSimilarity", lambda t, p: -F.cosine_similarity(p, t, 0), t, p, axis=0)
case("poisson", lambda t, p: F.poisson_nll_loss(p, t, log_input=False, reduction="none", eps=eps).mean(-1), u, torch.rand(5, 3) + 0.1)

b, q = (torch.rand(5, 3) > 0.5).double(), torch.rand(5, 3) * 0.9 + 0.05
x = torch.randn(5, 3) * 4
case("binaryCrossentropy", lambda t, p: F.binary_cross_entropy(p, t, reduction="none").mean(-1), b, q)
case("binaryCrossentropy", lambda t, p: F.binary_cross_entropy_with_logits(p, t, reduction="none").mean(-1), b, x, fromLogits=True)
case("binaryCrossentropy", lambda t, p: F.binary_cross_entropy_with_logits(p, t * 0.8 + 0.1, reduction="none").mean(-1), b, x, fromLogits=True, labelSmoothing=0.2)
case("binaryCrossentropy", lambda t, p: F.binary_cross_entropy(p, t, reduction="none").mean(0), b, q, axis=0)


def binary_focal(t, p, alpha=None, gamma=2.0):
    bce = F.binary_cross_entropy(p, t, reduction="none")
    right = t * p + (1 - t) * (1 - p)
    weight = 1 if alpha is None else t * alpha + (1 - t) * (1 - alpha)
    return (weight * (1 - right) ** gamma * bce).mean(-1)


case("binaryFocalCrossentropy", binary_focal, b, q)
case("binaryFocalCrossentropy", lambda t, p: binary_focal(t, p, 0.3, 1.5), b, q, applyClassBalancing=True, alpha=0.3, gamma=1.5)
case("binaryFocalCrossentropy", lambda t, p: binary_focal(t, torch.sigmoid(p)), b, x, fromLogits=True)

classes = torch.tensor([0, 3, 1, 2, 3, 1])
logits = torch.randn(6, 4) * 3
hot = F.one_hot(classes, 4).double()
probabilities = torch.rand(6, 4) + 0.1  # rows that do not sum to 1 are brought to it
share = lambda p, axis=-1: p / p.sum(axis, keepdim=True)
nll = lambda t, p, axis=-1: -(t * torch.log(share(p, axis))).sum(axis)
case("categoricalCrossentropy", nll, hot, probabilities)
case("categoricalCrossentropy", lambda t, p: F.cross_entropy(p, t, reduction="none"), hot, logits, fromLogits=True)
case("categoricalCrossentropy", lambda t, p: F.cross_entropy(p, t, reduction="none", label_smoothing=0.1), hot, logits, fromLogits=True, labelSmoothing=0.1)
case("categoricalCrossentropy", lambda t, p: nll(t, p, 1), share(torch.rand(2, 4, 3), 1), torch.rand(2, 4, 3) + 0.1, axis=1)
case("categoricalCrossentropy", lambda t, p: F.cross_entropy(p, t, reduction="none"), share(torch.rand(2, 4, 3), 1), torch.randn(2, 4, 3), axis=1, fromLogits=True)
case("sparseCategoricalCrossentropy", lambda t, p: nll(hot, p), classes, probabilities)
case("sparseCategoricalCrossentropy", lambda t, p: F.cross_entropy(p, classes, reduction="none"), classes.reshape(6, 1), logits, fromLogits=True)
case("sparseCategoricalCrossentropy", lambda t, p: F.cross_entropy(p, t, reduction="none", ignore_index=3), classes, logits, fromLogits=True, ignoreClass=3)
places = torch.randint(0, 4, (2, 3))
case("sparseCategoricalCrossentropy", lambda t, p: F.cross_entropy(p, t, reduction="none"), places, torch.randn(2, 4, 3), fromLogits=True, axis=1)
case("sparseCategoricalCrossentropy", lambda t, p: F.nll_loss(torch.log(share(p, 1)), t, reduction="none"), places, torch.rand(2, 4, 3) + 0.1, axis=1)


def focal(t, p, alpha=0.25, gamma=2.0):
    s = share(p)
    return -(alpha * (1 - s) ** gamma * t * torch.log(s)).sum(-1)


case("categoricalFocalCrossentropy", focal, hot, probabilities)
case("categoricalFocalCrossentropy", lambda t, p: focal(t * 0.9 + 0.025, p.softmax(-1), 0.5, 1.0), hot, torch.randn(6, 4), fromLogits=True, labelSmoothing=0.1, alpha=0.5, gamma=1.0)
case("klDivergence", lambda t, p: F.kl_div(torch.log(p), t, reduction="none").sum(-1), share(torch.rand(5, 4)), share(torch.rand(5, 4) + 0.1))

signs = b * 2 - 1
case("hinge", lambda t, p: (1 - signs * p).clamp(min=0).mean(-1), b, p)
case("hinge", lambda t, p: (1 - t * p).clamp(min=0).mean(-1), signs, p)
case("squaredHinge", lambda t, p: (1 - t * p).clamp(min=0).square().mean(-1), signs, p)
case("categoricalHinge", lambda t, p: (1 + ((1 - t) * p).max(-1).values - (t * p).sum(-1)).clamp(min=0), hot, torch.randn(6, 4))
case("dice", lambda t, p: 1 - 2 * (t * p).sum() / (t.sum() + p.sum()), b, q)
case("dice", lambda t, p: 1 - 2 * (t * p).sum((1, 2)) / (t.sum((1, 2)) + p.sum((1, 2))), (torch.rand(2, 4, 4) > 0.5).double(), torch.rand(2, 4, 4), axis=[1, 2])
case("tversky", lambda t, p: 1 - (t * p).sum() / ((t * p).sum() + 0.3 * (t * (1 - p)).sum() + 0.7 * (p * (1 - t)).sum()), b, q, alpha=0.3, beta=0.7)

labels = torch.tensor([[1, 2, 2, 0], [3, 1, 0, 0], [0, 0, 0, 0], [4, 4, 4, 1]])
spelled = torch.randn(4, 9, 5) * 2
ctc = lambda t, p: F.ctc_loss(p.log_softmax(-1).transpose(0, 1), t, torch.full((4,), 9), (t != 0).sum(-1), reduction="none")
case("ctc", ctc, labels, spelled)

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "losses.golden.json"), "w") as f:
    json.dump({"cases": cases}, f)
print(len(cases), "cases")
