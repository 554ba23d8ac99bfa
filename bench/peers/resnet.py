"""A network of networks.ts in PyTorch on the CPU: python3 resnet.py CONFIG FOLDER (python3-torch; python3-torchvision for resnet50).
Prints milliseconds, peak memory, and the logits, or the losses of the first training steps."""
import json
import re
import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

from arrays import safetensors


class Block(nn.Module):
    """Two 3 x 3 convolutions and a shortcut padded with zeros (He et al. 2016, option A)."""

    def __init__(self, channels, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.stride, self.side = stride, (width - channels) // 2

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.stride > 1:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.side, self.side))
        return F.relu(y + x)


class ResNet20(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1, self.layer2, self.layer3 = (
            nn.Sequential(Block(channels, width, width // channels), Block(width, width, 1), Block(width, width, 1))
            for channels, width in ((16, 16), (16, 32), (32, 64))
        )
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


def network(config):
    if config == "resnet20":
        return ResNet20()
    import torchvision
    return getattr(torchvision.models, config)()


def median(run):
    """As median.ts."""
    warm, i = time.perf_counter(), 0
    while i < 3 or time.perf_counter() - warm < 0.5:
        run()
        i += 1
    times, begin = [], time.perf_counter()
    while len(times) < 15 or time.perf_counter() - begin < 1 and len(times) < 400:
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


def training(net, x, y, decay=1e-4):
    """A step of the network as it is trained, and the loss with the decay's part, as Keras and Gradus tell it."""
    kernels = [p for p in net.parameters() if p.ndim > 1]
    rest = [p for p in net.parameters() if p.ndim == 1]
    optimizer = torch.optim.SGD([{"params": kernels, "weight_decay": decay}, {"params": rest}], 0.1, 0.9)

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    def told():
        penalty = sum((p.detach() ** 2).sum().item() for p in kernels) * decay / 2
        return step() + penalty

    return step, [told() for _ in range(3)]


def main():
    config, folder = sys.argv[1:]
    net = network(config)
    net.load_state_dict(safetensors(f"{folder}/weights.safetensors"), strict=False)
    data = safetensors(f"{folder}/data.safetensors")
    x = data["x"].permute(0, 3, 1, 2).contiguous()
    if "y" in data:
        step, outputs = training(net, x, data["y"].long())
        ms = median(step)
    else:
        net.eval()
        with torch.inference_mode():
            outputs = net(x).flatten().tolist()
            ms = median(lambda: net(x))
    print(json.dumps({"ms": ms, "peak_mb": peak_memory(), "outputs": outputs, "detail": f"PyTorch {torch.__version__}"}))


if __name__ == "__main__":
    main()
