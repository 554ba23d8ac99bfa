"""A U-Net of diffusion.ts in PyTorch on the CPU, or one attention: python3 diffusion.py CONFIG FOLDER (python3-torch)
CONFIG is JSON, the names of weights are those of diffusers' UNet2DConditionModel. Prints milliseconds, peak memory, and what came out:
the network's output, or the losses of the first training steps."""
import json
import math
import sys

import torch
import torch.nn.functional as F
from torch import nn

from arrays import safetensors
from resnet import median, peak_memory


def attention(q, k, v):
    """[B, heads, T, d], as PyTorch 1.13 has it: it keeps all scores."""
    return (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).softmax(-1) @ v


class Resnet(nn.Module):
    def __init__(self, a, b, time, groups):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(groups, a, 1e-5), nn.Conv2d(a, b, 3, 1, 1)
        self.time_emb_proj = nn.Linear(time, b)
        self.norm2, self.conv2 = nn.GroupNorm(groups, b, 1e-5), nn.Conv2d(b, b, 3, 1, 1)
        if a != b:
            self.conv_shortcut = nn.Conv2d(a, b, 1)

    def forward(self, x, time):
        h = self.conv1(F.silu(self.norm1(x))) + self.time_emb_proj(F.silu(time))[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x)


class Attention(nn.Module):
    def __init__(self, width, context, heads):
        super().__init__()
        self.heads = heads
        self.to_q, self.to_k, self.to_v = (nn.Linear(n, width, bias=False) for n in (width, context, context))
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x, context):
        split = lambda t: t.view(t.shape[0], t.shape[1], self.heads, -1).transpose(1, 2)
        mixed = attention(split(self.to_q(x)), split(self.to_k(context)), split(self.to_v(context)))
        return self.to_out[0](mixed.transpose(1, 2).flatten(2))


class Geglu(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.proj = nn.Linear(width, 8 * width)

    def forward(self, x):
        value, gate = self.proj(x).chunk(2, -1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.net = nn.Sequential(Geglu(width), nn.Identity(), nn.Linear(4 * width, width))

    def forward(self, x):
        return self.net(x)


class Block(nn.Module):
    def __init__(self, width, context, heads):
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.attn1, self.attn2 = Attention(width, width, heads), Attention(width, context, heads)
        self.ff = FeedForward(width)

    def forward(self, x, context):
        n = self.norm1(x)
        x = x + self.attn1(n, n)
        x = x + self.attn2(self.norm2(x), context)
        return x + self.ff(self.norm3(x))


class Transformer(nn.Module):
    def __init__(self, width, context, heads, groups):
        super().__init__()
        self.norm = nn.GroupNorm(groups, width, 1e-6)
        self.proj_in, self.proj_out = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)
        self.transformer_blocks = nn.ModuleList([Block(width, context, heads)])

    def forward(self, x, context):
        B, C, H, W = x.shape
        h = self.proj_in(self.norm(x)).flatten(2).transpose(1, 2)
        h = self.transformer_blocks[0](h, context).transpose(1, 2).reshape(B, C, H, W)
        return x + self.proj_out(h)


class Conv(nn.Module):
    def __init__(self, width, stride):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride, 1)

    def forward(self, x):
        return self.conv(x if self.conv.stride[0] == 2 else F.interpolate(x, scale_factor=2.0))


class Level(nn.Module):
    def __init__(self, sizes, width, transformer, resize):
        super().__init__()
        time, groups = sizes["time"], sizes["groups"]
        self.resnets = nn.ModuleList([Resnet(a, width, time, groups) for a in sizes["inputs"]])
        if transformer:
            self.attentions = nn.ModuleList([transformer(width) for _ in range(sizes.get("transformers", len(self.resnets)))])
        if resize:
            setattr(self, resize, nn.ModuleList([Conv(width, 2 if resize == "downsamplers" else 1)]))


class UNet(nn.Module):
    def __init__(self, c):
        super().__init__()
        channels, layers, groups = c["channels"], c["layersPerBlock"], c["groups"]
        first, last, time = channels[0], len(channels) - 1, 4 * channels[0]
        make = lambda width: Transformer(width, c["contextWidth"], c["heads"], groups)
        self.first = first
        self.conv_in = nn.Conv2d(c["inChannels"], first, 3, 1, 1)
        self.time_embedding = nn.ModuleDict(dict(linear_1=nn.Linear(first, time), linear_2=nn.Linear(time, time)))
        sizes = lambda inputs: dict(inputs=inputs, time=time, groups=groups)
        self.down_blocks, self.up_blocks = nn.ModuleList(), nn.ModuleList()
        for i, width in enumerate(channels):
            inputs = [channels[max(i - 1, 0)]] + [width] * (layers - 1)
            self.down_blocks.append(Level(sizes(inputs), width, c["attention"][i] and make, "downsamplers" if i < last else None))
        self.mid_block = Level(dict(sizes([channels[-1]] * 2), transformers=1), channels[-1], make, None)
        for i in range(last, -1, -1):
            width = channels[i]
            below = [channels[min(i + 1, last)]] + [width] * layers
            beside = [width] * layers + [channels[max(i - 1, 0)]]
            inputs = [a + b for a, b in zip(below, beside)]
            self.up_blocks.append(Level(sizes(inputs), width, c["attention"][i] and make, "upsamplers" if i > 0 else None))
        self.conv_norm_out = nn.GroupNorm(groups, first, 1e-5)
        self.conv_out = nn.Conv2d(first, c["outChannels"], 3, 1, 1)

    def forward(self, x, t, context):
        half = self.first // 2
        angles = t[:, None] * 10000 ** (-torch.arange(half) / half)
        time = self.time_embedding["linear_1"](torch.cat([angles.cos(), angles.sin()], -1))
        time = self.time_embedding["linear_2"](F.silu(time))
        h = self.conv_in(x)
        skips = [h]
        for level in self.down_blocks:
            for k, resnet in enumerate(level.resnets):
                h = resnet(h, time)
                if hasattr(level, "attentions"):
                    h = level.attentions[k](h, context)
                skips.append(h)
            if hasattr(level, "downsamplers"):
                h = level.downsamplers[0](h)
                skips.append(h)
        h = self.mid_block.resnets[0](h, time)
        h = self.mid_block.resnets[1](self.mid_block.attentions[0](h, context), time)
        for level in self.up_blocks:
            for k, resnet in enumerate(level.resnets):
                h = resnet(torch.cat([h, skips.pop()], 1), time)
                if hasattr(level, "attentions"):
                    h = level.attentions[k](h, context)
            if hasattr(level, "upsamplers"):
                h = level.upsamplers[0](h)
        return self.conv_out(F.silu(self.conv_norm_out(h)))


config, folder = json.loads(sys.argv[1]), sys.argv[2]
data = safetensors(f"{folder}/data.safetensors")
if config["kind"] == "attention":
    with torch.inference_mode():
        outputs = attention(data["q"], data["k"], data["v"]).flatten()[:1000].tolist()
        ms = median(lambda: attention(data["q"], data["k"], data["v"]))
else:
    net = UNet(config["unet"])
    net.load_state_dict(safetensors(f"{folder}/weights.safetensors"))
    x, noise = (data[name].permute(0, 3, 1, 2).contiguous() for name in ("x", "noise"))
    run = lambda: net(x, data["t"], data["context"])
    if config["kind"] == "train":
        optimizer = torch.optim.Adam(net.parameters(), 1e-4)

        def step():
            optimizer.zero_grad()
            loss = F.mse_loss(run(), noise)
            loss.backward()
            optimizer.step()
            return loss.item()

        outputs = [step() for _ in range(3)]
        ms = median(step)
    else:
        with torch.inference_mode():
            outputs = run().permute(0, 2, 3, 1).flatten().tolist()
            ms = median(run)
print(json.dumps({"ms": ms, "peak_mb": peak_memory(), "outputs": outputs, "detail": f"PyTorch {torch.__version__}"}))
