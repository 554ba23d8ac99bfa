"""Writes nn.golden.json: values and gradients from PyTorch, channels last. Run: python3 nn.golden.py"""
import json
import os

import torch
import torch.nn.functional as F

torch.manual_seed(3)
torch.set_default_dtype(torch.float64)


def stored(t):
    t = t.detach()
    return {"shape": list(t.shape), "data": [round(x, 12) if x == x and abs(x) != float("inf") else ("inf" if x > 0 else "-inf") for x in t.double().reshape(-1).tolist()]}


def case(name, f, inputs, **options):
    """The value of f, and the gradients of Σ value · weight for its float inputs."""
    inputs = [x.clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
    out = f(*inputs)
    weight = torch.randn(out.shape)
    wanted = [x for x in inputs if x.requires_grad]
    grads = torch.autograd.grad((out * weight).sum(), wanted)
    return {"name": name, "options": options, "inputs": [stored(x) for x in inputs], "out": stored(out), "weight": stored(weight), "grads": [stored(g) for g in grads]}


cases = []
x = torch.tensor([-30.0, -6.5, -3.2, -2.2, -1.0, -0.3, -1e-3, 1e-3, 0.4, 1.0, 2.9, 3.1, 6.5, 30.0])
for name, f in {
    "relu": F.relu, "relu6": F.relu6, "leakyRelu": F.leaky_relu, "elu": F.elu, "selu": F.selu, "gelu": F.gelu,
    "sigmoid": torch.sigmoid, "logSigmoid": F.logsigmoid, "silu": F.silu, "softplus": lambda x: F.softplus(x, threshold=1e9), "softsign": F.softsign,
    "mish": F.mish, "hardSilu": F.hardswish,
    "hardSigmoid": lambda x: F.relu6(x + 3) / 6,  # F.hardsigmoid rounds 1/6 to float32 in its gradient
}.items():
    cases.append(case(name, f, [x]))
cases.append(case("gelu", lambda x: F.gelu(x, approximate="tanh"), [x], approximate=True))
cases.append(case("elu", lambda x: F.elu(x, 0.7), [x], alpha=0.7))
y = torch.randn(3, 4, 6) * 3
cases.append(case("glu", lambda y: F.glu(y, -1), [y]))
for axis in [0, 1, 2]:
    cases.append(case("softmax", lambda y: F.softmax(y, axis), [y], axis=axis))
    cases.append(case("logSoftmax", lambda y: F.log_softmax(y, axis), [y], axis=axis))
    cases.append(case("logsumexp", lambda y: torch.logsumexp(y, axis, keepdim=axis == 1), [y], axis=axis, keepdims=axis == 1))
cases.append(case("logsumexp", lambda y: torch.logsumexp(y, (0, 1, 2)), [y]))

first = lambda t: t.movedim(-1, 1)
last = lambda t: t.movedim(1, -1)
same = lambda n, span, s: (lambda total: (total // 2, total - total // 2))(max((-(-n // s) - 1) * s + span - n, 0))


def convolution(rank, N, spatial, C, kernel, filters, stride=1, padding="valid", dilation=1, groups=1):
    x = torch.randn(N, *spatial, C)
    w = torch.randn(*kernel, C // groups, filters)
    stride, dilation = ([v] * rank if isinstance(v, int) else v for v in (stride, dilation))
    pairs = [[0, 0]] * rank if padding == "valid" else padding
    if padding == "same":
        pairs = [same(n, (k - 1) * d + 1, s) for n, k, d, s in zip(spatial, kernel, dilation, stride)]
    flat = [p for pair in reversed(pairs) for p in pair]
    conv = [F.conv1d, F.conv2d, F.conv3d][rank - 1]

    def f(x, w):
        kernel_first = w.movedim(-1, 0).movedim(-1, 1)
        return last(conv(F.pad(first(x), flat), kernel_first, stride=stride, dilation=dilation, groups=groups))

    cases.append(case(f"conv{rank}d", f, [x, w], stride=stride, padding=padding, dilation=dilation, groups=groups))


convolution(1, 2, [7], 3, [3], 4)
convolution(1, 2, [8], 4, [3], 6, stride=2, padding="same", groups=2)
convolution(1, 1, [9], 2, [2], 3, dilation=3, padding=[[2, 1]])
convolution(2, 2, [5, 6], 3, [3, 3], 4)
convolution(2, 2, [6, 5], 3, [3, 2], 4, stride=2, padding="same")
convolution(2, 1, [7, 7], 4, [3, 3], 4, stride=[2, 3], padding=[[1, 2], [0, 1]], dilation=[1, 2], groups=2)
convolution(2, 2, [5, 5], 3, [3, 3], 6, padding="same", groups=3)
convolution(2, 2, [5, 5], 3, [1, 1], 2, stride=2)
convolution(2, 1, [4, 4], 1, [2, 2], 1, stride=3)
convolution(3, 1, [4, 3, 4], 2, [2, 2, 3], 3, stride=[2, 1, 1], padding="same")


def transposed(rank, N, spatial, C, kernel, filters, stride=1, padding="valid", dilation=1, groups=1, output=0):
    x = torch.randn(N, *spatial, C)
    w = torch.randn(*kernel, filters // groups, C)
    crop = 0 if padding == "valid" else padding[0][0]
    conv = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][rank - 1]

    def f(x, w):
        kernel_first = w.movedim(-1, 0).movedim(-1, 1)
        return last(conv(first(x), kernel_first, stride=stride, padding=crop, output_padding=output, dilation=dilation, groups=groups))

    cases.append(case(f"convTranspose{rank}d", f, [x, w], stride=stride, padding=padding, dilation=dilation, groups=groups, outputPadding=output))


transposed(1, 2, [4], 3, [3], 2, stride=2)
transposed(2, 2, [3, 4], 2, [3, 3], 3, stride=2, padding=[[1, 1], [1, 1]], output=1)
transposed(2, 1, [3, 3], 4, [3, 2], 4, groups=2, dilation=2)
transposed(3, 1, [2, 3, 2], 2, [2, 2, 2], 3, stride=2)

for rank, spatial, size, stride, padding in [(1, [7], 3, 2, 1), (2, [6, 7], 2, 2, 0), (2, [5, 6], 3, 2, 1), (3, [4, 4, 5], 2, 2, 0)]:
    x = torch.randn(2, *spatial, 3)
    pairs = [[padding, padding]] * rank
    pool = [F.max_pool1d, F.max_pool2d, F.max_pool3d][rank - 1]
    mean = [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d][rank - 1]
    cases.append(case(f"maxPool{rank}d", lambda x: last(pool(first(x), size, stride, padding)), [x], size=size, stride=stride, padding=pairs))
    for count in [True, False]:
        cases.append(case(f"averagePool{rank}d", lambda x: last(mean(first(x), size, stride, padding, count_include_pad=count)), [x], size=size, stride=stride, padding=pairs, countPadding=count))

x, g, b = torch.randn(4, 3, 6), torch.randn(6), torch.randn(6)
cases.append(case("layerNorm", lambda x, g, b: F.layer_norm(x, [6], g, b), [x, g, b]))
cases.append(case("groupNorm", lambda x, g, b: last(F.group_norm(first(x), 3, g, b)), [x, g, b], groups=3))
cases.append(case("rmsNorm", lambda x, g: x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-6) * g, [x, g]))
m, v = torch.randn(6), torch.rand(6) + 0.5
cases.append(case("batchNorm", lambda x, m, v, g, b: last(F.batch_norm(first(x), m.detach(), v.detach(), g, b)) + 0 * (m.sum() + v.sum()), [x, m, v, g, b], epsilon=1e-5))
cases.append(case("batchNormTraining", lambda x, g, b: last(F.batch_norm(first(x), None, None, g, b, training=True)), [x, g, b]))
cases.append(case("l2Normalize", lambda x: F.normalize(x, dim=-1), [x]))

q, k, v = torch.randn(2, 4, 5, 3), torch.randn(2, 4, 5, 3), torch.randn(2, 4, 5, 6)


def attention(q, k, v, attn_mask=None, is_causal=False, scale=None):
    """torch.nn.functional.scaled_dot_product_attention by the formula in its documentation (PyTorch 1.13 has none)."""
    scores = q @ k.transpose(-2, -1) * (scale or q.shape[-1] ** -0.5)
    if is_causal:
        attn_mask = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).tril()
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -torch.inf) if attn_mask.dtype == torch.bool else scores + attn_mask
    return scores.softmax(-1) @ v


cases.append(case("attention", lambda q, k, v: attention(q, k, v), [q, k, v]))
cases.append(case("attention", lambda q, k, v: attention(q, k, v, is_causal=True, scale=0.3), [q, k, v], causal=True, scale=0.3))
added = torch.randn(5, 5)
cases.append(case("attentionMask", lambda q, k, v, m: attention(q, k, v, attn_mask=m), [q, k, v, added]))
seen = torch.rand(4, 5, 5) < 0.6
seen |= torch.eye(5, dtype=torch.bool)
cases.append(case("attentionBool", lambda q, k, v, m: attention(q, k, v, attn_mask=m), [q, k, v, seen]))
k2, v2 = torch.randn(2, 2, 7, 3), torch.randn(2, 2, 7, 6)
cases.append(case("attention", lambda q, k, v: attention(q, k.repeat_interleave(2, 1), v.repeat_interleave(2, 1)), [q, k2, v2]))
cases.append(case("attention", lambda q, k, v: attention(q, k, v), [q[0, 0], k[0, 0], v[0, 0]]))

logits, labels = torch.randn(5, 4) * 3, torch.tensor([0, 3, 1, 1, 2])
targets = torch.softmax(torch.randn(5, 4), -1)
for reduction in ["mean", "sum", "none"]:
    cases.append(case("softmaxCrossEntropy", lambda x, y: F.cross_entropy(x, y, reduction=reduction), [logits, labels], reduction=reduction))
cases.append(case("softmaxCrossEntropy", lambda x, y: F.cross_entropy(x, y, label_smoothing=0.2), [logits, labels], labelSmoothing=0.2))
cases.append(case("softmaxCrossEntropy", lambda x, y: F.cross_entropy(x, y), [logits, targets]))
deep = torch.randn(2, 4, 3)
cases.append(case("softmaxCrossEntropy", lambda x, y: F.cross_entropy(x, y), [deep, torch.tensor([[0, 1, 3], [2, 2, 1]])], axis=1))
a, t = torch.randn(3, 4) * 2, torch.rand(3, 4)
cases.append(case("sigmoidCrossEntropy", F.binary_cross_entropy_with_logits, [a, t]))
cases.append(case("mse", F.mse_loss, [a, t]))
cases.append(case("mae", F.l1_loss, [a, t]))
cases.append(case("huber", lambda a, t: F.huber_loss(a, t, delta=0.8), [a, t], delta=0.8))
cases.append(case("embedding", lambda w, i: F.embedding(i, w), [torch.randn(6, 3), torch.tensor([[1, 5, 1], [0, 1, 2]])]))

image = torch.randn(2, 5, 7, 2)
for size in [[8, 3], [5, 7], [3, 14], [2, 2], [1, 9]]:
    for options in [{"method": "nearest"}, {"method": "bilinear"}, {"method": "bilinear", "antialias": True}, {"method": "bicubic"}, {"method": "bicubic", "antialias": True}, {"method": "bilinear", "alignCorners": True}]:
        extra = {} if options["method"] == "nearest" else {"align_corners": options.get("alignCorners", False), "antialias": options.get("antialias", False)}
        cases.append(case("resize", lambda x: last(F.interpolate(first(x).contiguous(), size, mode=options["method"], **extra)), [image], size=size, **options))

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "nn.golden.json"), "w") as file:
    json.dump({"cases": cases}, file)
