"""Writes layers.golden.json: layers' values and gradients from PyTorch, in Keras's layouts. Run: python3 layers.golden.py"""
import json
import os

import torch
import torch.nn.functional as F

torch.manual_seed(5)
torch.set_default_dtype(torch.float64)


def stored(t):
    return {"shape": list(t.shape), "data": [float("%.11g" % x) for x in t.detach().reshape(-1).tolist()]}


cases = []


def case(layer, config, f, inputs, weights=(), fixed=(), training=False):
    """f(*inputs, *weights, *fixed) and the gradients of Σ f · cotangent; `fixed` are weights that are not trained."""
    inputs = [x.clone().requires_grad_() for x in inputs]
    weights = [w.clone().requires_grad_() for w in weights]
    out = f(*inputs, *weights, *fixed)
    cotangent = torch.randn(out.shape)
    grads = torch.autograd.grad((out * cotangent).sum(), inputs + weights)
    cases.append({
        "layer": layer, "config": config, "training": training,
        "inputs": [stored(x) for x in inputs], "weights": [stored(w) for w in [*weights, *fixed]],
        "out": stored(out), "cotangent": stored(cotangent),
        "inputGradients": [stored(g) for g in grads[:len(inputs)]], "weightGradients": [stored(g) for g in grads[len(inputs):]],
    })


first = lambda t: t.movedim(-1, 1)
last = lambda t: t.movedim(1, -1)
convs = [None, F.conv1d, F.conv2d, F.conv3d]
transposes = [None, F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d]


def pads(padding, sizes, kernel, strides, dilation):
    """TensorFlow's padding, as F.pad wants it."""
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
    if padding == "valid":
        pairs = [(0, 0) for _ in sizes]
    elif padding == "causal":
        pairs = [(s - 1, 0) for s in spans]
    else:
        totals = [max((-(-n // s) - 1) * s + span - n, 0) for n, s, span in zip(sizes, strides, spans)]
        pairs = [(t // 2, t - t // 2) for t in totals]
    return [p for pair in reversed(pairs) for p in pair]


def every(value, rank):
    return [value] * rank if isinstance(value, int) else value


def layout(x, config):
    """A channels-last example in the case's format, and how PyTorch's result gets there."""
    return (first(x), lambda y: y, lambda y: y) if config.get("dataFormat") == "channelsFirst" else (x, first, last)


def convolve(x, w, config, kernel, groups):
    rank = len(kernel)
    strides, dilation = every(config.get("strides", 1), rank), every(config.get("dilationRate", 1), rank)
    padded = F.pad(x, pads(config.get("padding", "valid"), x.shape[2:], kernel, strides, dilation))
    return convs[rank](padded, w, stride=strides, dilation=dilation, groups=groups)


def conv(rank, spatial, channels, filters, kernel, activation=lambda y: y, **config):
    groups = config.get("groups", 1)
    kernel = every(kernel, rank)
    x, inward, outward = layout(torch.randn(2, *spatial, channels), config)
    w, b = torch.randn(*kernel, channels // groups, filters), torch.randn(filters)
    bias = config.get("useBias", True)

    def f(x, w, b=0):
        y = convolve(inward(x), w.movedim(-1, 0).movedim(-1, 1), config, kernel, groups)
        return activation(outward(y + b.reshape(-1, *[1] * rank) if bias else y))

    case(f"Conv{rank}D", {"filters": filters, "kernelSize": kernel, **config}, f, [x], [w, b] if bias else [w])


conv(1, [7], 3, 4, 3)
conv(1, [7], 2, 3, 3, padding="causal", dilationRate=2)
conv(1, [8], 4, 6, [3], strides=[2], padding="same", groups=2, useBias=False)
conv(2, [5, 6], 3, 4, 3)
conv(2, [6, 5], 2, 3, [3, 2], strides=2, padding="same")
conv(2, [7, 6], 4, 4, [3, 3], strides=[2, 3], padding="same", groups=2, dataFormat="channelsFirst")
conv(2, [7, 7], 2, 3, [3, 2], dilationRate=[2, 3])
conv(2, [4, 4], 3, 2, 1)
conv(3, [4, 3, 4], 2, 3, [2, 2, 3], strides=[2, 1, 1], padding="same")
conv(3, [3, 3, 4], 2, 2, 2, dataFormat="channelsFirst")


def conv_transpose(rank, spatial, channels, filters, kernel, **config):
    kernel, strides, dilation = every(kernel, rank), every(config.get("strides", 1), rank), every(config.get("dilationRate", 1), rank)
    x, inward, outward = layout(torch.randn(2, *spatial, channels), config)
    w, b = torch.randn(*kernel, filters, channels), torch.randn(filters)
    extra = every(config["outputPadding"], rank) if "outputPadding" in config else None
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
    same = config.get("padding") == "same"
    if extra:  # keras.src.backend.common.backend_utils and deconv_output_length
        sizes = [(n - 1) * s + k - (2 * (k // 2) if same else 0) + e for n, s, k, e in zip(spatial, strides, spans, extra)]
    else:
        sizes = [n * s if same else n * s + max(k - s, 0) for n, s, k in zip(spatial, strides, spans)]

    def f(x, w, b):
        y = transposes[rank](inward(x), w.movedim(-1, 0).movedim(-1, 1), stride=strides, dilation=dilation)
        for axis, size in enumerate(sizes):
            surplus = y.shape[2 + axis] - size
            if surplus < 0:
                y = F.pad(y, [0, 0] * (rank - 1 - axis) + [0, -surplus])
            y = y.narrow(2 + axis, max(surplus, 0) // 2, size)
        return outward(y + b.reshape(-1, *[1] * rank))

    case(f"Conv{rank}DTranspose", {"filters": filters, "kernelSize": kernel, **config}, f, [x], [w, b])


conv_transpose(1, [4], 3, 2, 3, strides=2)
conv_transpose(1, [4], 2, 3, 2, strides=3, padding="same")
conv_transpose(2, [3, 4], 2, 3, 3, strides=2, padding="same")
conv_transpose(2, [3, 4], 2, 3, [4, 3], strides=2, padding="same", dataFormat="channelsFirst")
conv_transpose(2, [3, 3], 2, 2, 3, strides=2, padding="same", outputPadding=1)
conv_transpose(2, [3, 3], 2, 2, 2, strides=3, padding="valid", outputPadding=[1, 0])
conv_transpose(2, [3, 3], 2, 2, [3, 2], dilationRate=2)
conv_transpose(3, [2, 3, 2], 2, 3, 2, strides=2, padding="same")


def depthwise(rank, spatial, channels, kernel, multiplier, filters=None, **config):
    kernel = every(kernel, rank)
    x, inward, outward = layout(torch.randn(2, *spatial, channels), config)
    w = torch.randn(*kernel, channels, multiplier)
    config = {"kernelSize": kernel, "depthMultiplier": multiplier, **config}

    def deep(x, w):  # PyTorch orders filters by channel, then multiplier, as Keras
        return convolve(inward(x), w.movedim(-2, 0).movedim(-1, 1).reshape(channels * multiplier, 1, *kernel), config, kernel, channels)

    if filters is None:
        b = torch.randn(channels * multiplier)
        case(f"DepthwiseConv{rank}D", config, lambda x, w, b: outward(deep(x, w) + b.reshape(-1, *[1] * rank)), [x], [w, b])
    else:
        p, b = torch.randn(*[1] * rank, channels * multiplier, filters), torch.randn(filters)
        case(f"SeparableConv{rank}D", {"filters": filters, **config}, lambda x, w, p, b: outward(convs[rank](deep(x, w), p.movedim(-1, 0).movedim(-1, 1)) + b.reshape(-1, *[1] * rank)), [x], [w, p, b])


depthwise(1, [7], 3, 3, 2, padding="same", strides=2)
depthwise(2, [5, 6], 3, [3, 2], 1)
depthwise(2, [5, 6], 2, 3, 2, padding="same", strides=2, dataFormat="channelsFirst")
depthwise(1, [6], 3, 2, 2, filters=4, padding="causal")
depthwise(2, [5, 5], 3, 3, 2, filters=4, padding="same")


def pooling(rank, spatial, size, strides=None, padding="valid", **config):
    x, inward, outward = layout(torch.randn(2, *spatial, 3), config)
    sizes = every(size, rank)
    config = {"poolSize": size, "strides": strides, "padding": padding, **config}
    steps = every(strides or size, rank)
    widths = pads(padding, spatial, sizes, steps, [1] * rank)
    pool = [None, F.max_pool1d, F.max_pool2d, F.max_pool3d][rank]
    mean = [None, F.avg_pool1d, F.avg_pool2d, F.avg_pool3d][rank]
    case(f"MaxPooling{rank}D", config, lambda x: outward(pool(F.pad(inward(x), widths, value=-torch.inf), sizes, steps)), [x])
    count = lambda x: mean(F.pad(torch.ones_like(inward(x)), widths), sizes, steps)
    case(f"AveragePooling{rank}D", config, lambda x: outward(mean(F.pad(inward(x), widths), sizes, steps) / count(x)), [x])


pooling(1, [7], 2)
pooling(1, [7], 3, 2, "same")
pooling(2, [6, 7], 2)
pooling(2, [5, 6], [3, 2], 2, "same", dataFormat="channelsFirst")
pooling(3, [4, 4, 5], 2, 1)
pooling(3, [4, 3, 5], 2, padding="same")
for rank, spatial in [(1, [5]), (2, [3, 4]), (3, [2, 3, 2])]:
    for config in [{}, {"keepdims": True, "dataFormat": "channelsFirst"}]:
        x, inward, outward = layout(torch.randn(2, *spatial, 3), config)
        keep = config.get("keepdims", False)
        axes = tuple(range(2, 2 + rank))
        case(f"GlobalMaxPooling{rank}D", config, lambda x: inward(x).amax(axes, keepdim=keep), [x])
        case(f"GlobalAveragePooling{rank}D", config, lambda x: inward(x).mean(axes, keepdim=keep), [x])

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "layers.golden.json"), "w") as file:
    json.dump({"cases": cases}, file)
