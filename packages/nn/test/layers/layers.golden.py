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
depthwise(2, [7, 6], 3, 3, 1, padding="same", strides=2)
depthwise(2, [7, 6], 2, [2, 3], 1, padding="same", dilationRate=2)
depthwise(2, [9, 8], 2, 6, 1, padding="same")
depthwise(1, [7], 5, 3, 1, padding="causal", dilationRate=2)
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

# Normalisation
x, g, b, m, v = torch.randn(4, 3, 5), torch.randn(5), torch.randn(5), torch.randn(5), torch.rand(5) + 0.5
case("BatchNormalization", {}, lambda x, g, b, m, v: last(F.batch_norm(first(x), m, v, g, b, eps=1e-3)), [x], [g, b], [m, v])
case("BatchNormalization", {"center": False, "scale": False}, lambda x, m, v: last(F.batch_norm(first(x), m, v, eps=1e-3)), [x], [], [m, v])
case("BatchNormalization", {}, lambda x, g, b, m, v: last(F.batch_norm(first(x), None, None, g, b, training=True, eps=1e-3)), [x], [g, b], [m, v], training=True)
images = torch.randn(3, 4, 3, 2)
case("BatchNormalization", {"axis": 1, "epsilon": 1e-5}, lambda x, g, b, m, v: F.batch_norm(x, None, None, g, b, training=True), [images], [g[:4], b[:4]], [m[:4], v[:4]], training=True)
case("LayerNormalization", {}, lambda x, g, b: F.layer_norm(x, [5], g, b, eps=1e-3), [x], [g, b])
case("LayerNormalization", {"axis": [2, 1], "epsilon": 1e-5}, lambda x, g, b: F.layer_norm(x, [3, 5], g, b), [x], [torch.randn(3, 5), torch.randn(3, 5)])
case("LayerNormalization", {"axis": 1, "scale": False}, lambda x, b: last(F.layer_norm(last(x), [3], None, b, eps=1e-3)), [x], [b[:3]])
case("LayerNormalization", {"rmsScaling": True}, lambda x, g: x / torch.sqrt(x.var(-1, unbiased=False, keepdim=True) + 1e-3) * g, [x], [g])
case("RMSNormalization", {}, lambda x, g: x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-6) * g, [x], [g])
case("RMSNormalization", {"axis": 1, "epsilon": 0.1}, lambda x, g: x / torch.sqrt((x * x).mean(1, keepdim=True) + 0.1) * g[:, None], [x], [g[:3]])
x = torch.randn(2, 3, 4, 6)
g, b = torch.randn(6), torch.randn(6)
case("GroupNormalization", {"groups": 3}, lambda x, g, b: last(F.group_norm(first(x), 3, g, b, eps=1e-3)), [x], [g, b])
case("GroupNormalization", {"groups": -1}, lambda x, g, b: last(F.instance_norm(first(x), None, None, g, b, eps=1e-3)), [x], [g, b])
case("GroupNormalization", {"groups": 2, "axis": 2, "epsilon": 1e-5}, lambda x, g, b: F.group_norm(x.movedim(2, 1), 2, g, b).movedim(1, 2), [x], [g[:4], b[:4]])
case("UnitNormalization", {}, lambda x: F.normalize(x, dim=-1), [x])
case("UnitNormalization", {"axis": [1, 2]}, lambda x: x / torch.sqrt((x * x).sum((1, 2), keepdim=True)), [x])

# Activations
x = torch.randn(2, 3, 4) * 3
case("ReLU", {}, F.relu, [x])
case("ReLU", {"maxValue": 2, "negativeSlope": 0.1, "threshold": 1}, lambda x: torch.where(x < 1, 0.1 * (x - 1), x.clamp(max=2)), [x])
case("ReLU", {"maxValue": 6}, F.relu6, [x])
case("LeakyReLU", {}, lambda x: F.leaky_relu(x, 0.3), [x])
case("PReLU", {"sharedAxes": [1]}, lambda x, a: F.prelu(first(x), a.reshape(-1)).movedim(1, -1), [x], [torch.randn(1, 4)])
case("PReLU", {}, lambda x, a: torch.where(x > 0, x, x * a), [x], [torch.randn(3, 4)])
case("ELU", {"alpha": 0.7}, lambda x: F.elu(x, 0.7), [x])
case("Softmax", {}, lambda x: F.softmax(x, -1), [x])
case("Softmax", {"axis": 1}, lambda x: F.softmax(x, 1), [x])
case("Activation", {"activation": "gelu"}, F.gelu, [x])

# Shapes
x = torch.randn(2, 3, 4, 2)
case("Flatten", {}, lambda x: x.flatten(1), [x])
case("Flatten", {"dataFormat": "channelsFirst"}, lambda x: last(x).flatten(1), [x])
case("Reshape", {"targetShape": [6, -1]}, lambda x: x.reshape(2, 6, 4), [x])
case("Permute", {"dims": [3, 1, 2]}, lambda x: x.permute(0, 3, 1, 2), [x])
case("RepeatVector", {"n": 3}, lambda x: x[:, None].repeat(1, 3, 1), [x[:, 0, 0]])
case("ZeroPadding1D", {"padding": [1, 2]}, lambda x: F.pad(x, [0, 0, 1, 2]), [x[:, 0]])
case("ZeroPadding1D", {}, lambda x: F.pad(x, [0, 0, 1, 1]), [x[:, 0]])
case("ZeroPadding2D", {"padding": [[1, 2], [0, 3]]}, lambda x: F.pad(x, [0, 0, 0, 3, 1, 2]), [x])
case("ZeroPadding2D", {"padding": [1, 2], "dataFormat": "channelsFirst"}, lambda x: F.pad(x, [2, 2, 1, 1]), [x])
case("ZeroPadding3D", {"padding": 1}, lambda x: F.pad(x, [0, 0, 1, 1, 1, 1, 1, 1]), [x[..., None]])
case("Cropping1D", {"cropping": [1, 0]}, lambda x: x[:, 1:], [x[:, 0]])
case("Cropping2D", {"cropping": [[0, 1], [2, 1]]}, lambda x: x[:, :2, 2:3], [x])
case("Cropping2D", {"cropping": [1, 0], "dataFormat": "channelsFirst"}, lambda x: x[:, :, 1:3], [x])
case("Cropping3D", {"cropping": [[1, 1], [1, 0], [0, 1]]}, lambda x: x[:, 1:2, 1:, :1], [x[..., None]])
case("UpSampling1D", {"size": 3}, lambda x: x.repeat_interleave(3, 1), [x[:, 0]])
case("UpSampling2D", {}, lambda x: last(F.interpolate(first(x), scale_factor=2, mode="nearest")), [x])
case("UpSampling2D", {"size": [2, 3], "interpolation": "bilinear"}, lambda x: last(F.interpolate(first(x).contiguous(), scale_factor=(2, 3), mode="bilinear")), [x])
case("UpSampling2D", {"size": [1, 3], "dataFormat": "channelsFirst"}, lambda x: x.repeat_interleave(3, 3), [x])
case("UpSampling3D", {"size": [1, 2, 1]}, lambda x: x.repeat_interleave(2, 2), [x[..., None]])

# Several inputs
x, y, z = torch.randn(2, 3, 4), torch.randn(2, 3, 4), torch.randn(2, 3, 1)
case("Add", {}, lambda *xs: sum(xs), [x, y, z])
case("Add", {}, lambda x, y: x + y[:, None], [x, y[:, 0]])
case("Subtract", {}, lambda x, y: x - y, [x, y])
case("Multiply", {}, lambda x, y, z: x * y * z, [x, y, z])
case("Average", {}, lambda x, y, z: (x + y + z) / 3, [x, y, z])
case("Maximum", {}, torch.maximum, [x, y])
case("Minimum", {}, torch.minimum, [x, y])
case("Concatenate", {}, lambda *xs: torch.cat(xs, -1), [x, y, z])
case("Concatenate", {"axis": 1}, lambda *xs: torch.cat(xs, 1), [x, y[:, :2]])
case("Dot", {"axes": 2}, lambda x, y: x @ y.transpose(1, 2), [x, y])
case("Dot", {"axes": [2, 1]}, lambda x, y: torch.einsum("bij,bj->bi", x, y), [x, y[:, 0]])
case("Dot", {"axes": -1, "normalize": True}, lambda x, y: F.cosine_similarity(x, y, -1)[:, None], [x[:, 0], y[:, 0]])
case("Dot", {"axes": 1}, lambda x, y: torch.einsum("bijk,bil->bjkl", x, y), [torch.randn(2, 3, 2, 2), y])
w, b = torch.randn(4, 2), torch.randn(2)
case("TimeDistributed", {"layer": {"className": "Dense", "config": {"units": 2, "activation": "tanh", "dtype": "float64"}}}, lambda x, w, b: torch.tanh(x @ w + b), [x], [w, b])

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "layers.golden.json"), "w") as file:
    json.dump({"cases": cases}, file)
