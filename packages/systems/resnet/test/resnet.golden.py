"""Writes resnet.golden.json: what torchvision's ResNets (and, for CIFAR-10, modules written here after the paper) give, forward and
gradients, with weights that both sides compute from a formula. Run: python3 resnet.golden.py (python3-torchvision)"""
import json
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parents[1] / "test"))
from formula import formula, uniform  # noqa: E402

torch.set_default_dtype(torch.float64)


def fill(net):
    """Streams are numbered in the order of the names, sorted."""
    state = net.state_dict()
    names = sorted(n for n in state if not n.endswith("num_batches_tracked"))
    for i, name in enumerate(names):
        state[name] = formula(name, tuple(state[name].shape), i + 1)
    net.load_state_dict(state)
    return net


class Basic(nn.Module):
    """Two 3 x 3 convolutions with a shortcut of option A, after the paper; `pre`: normalisation and activation first, which for the
    first block of the network have come before it splits (He et al. 2016b, appendix)."""

    def __init__(self, a, b, stride, residual, pre, first):
        super().__init__()
        self.conv1 = nn.Conv2d(a, b, 3, stride, 1, bias=False)
        if not (pre and first):
            self.bn1 = nn.BatchNorm2d(a if pre else b)
        self.conv2 = nn.Conv2d(b, b, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(b)
        self.residual, self.pre, self.first, self.stride, self.extra = residual, pre, first, stride, b - a

    def forward(self, x):
        if self.pre:
            active = x if self.first else F.relu(self.bn1(x))
            y = self.conv2(F.relu(self.bn2(self.conv1(active))))
        else:
            y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.residual:
            side = self.extra // 2
            y = y + F.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, side, side))
        return y if self.pre else F.relu(y)


class Cifar(nn.Module):
    def __init__(self, depth, residual=True, pre=False):
        super().__init__()
        n = (depth - 2) // 6
        self.pre = pre
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        widths = [16, 16, 32, 64]
        for s in range(3):
            blocks = [
                Basic(widths[s] if k == 0 else widths[s + 1], widths[s + 1], 2 if s and not k else 1, residual, pre, not s and not k)
                for k in range(n)
            ]
            setattr(self, f"layer{s + 1}", nn.Sequential(*blocks))
        if pre:
            self.bn = nn.ModuleDict({"last": nn.BatchNorm2d(64)})
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        if self.pre:
            x = F.relu(self.bn["last"](x))
        return self.fc(x.mean((2, 3)))


class Preactivated(nn.Module):
    """Normalisation and activation before each convolution (He et al. 2016b, figure 4e), of blocks as torchvision has them; projections
    are convolutions alone, of the activated input, as in the authors' code; `first`: the input is activated already."""

    def __init__(self, a, width, stride, bottleneck, first):
        super().__init__()
        b = 4 * width if bottleneck else width
        sizes = [(a, width, 1, 1), (width, width, 3, stride), (width, b, 1, 1)] if bottleneck else [(a, width, 3, stride), (width, b, 3, 1)]
        self.steps = len(sizes)
        for i, (c, d, size, s) in enumerate(sizes, 1):
            if not (first and i == 1):
                setattr(self, f"bn{i}", nn.BatchNorm2d(c))
            setattr(self, f"conv{i}", nn.Conv2d(c, d, size, s, size // 2, bias=False))
        self.downsample = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False)) if stride > 1 or a != b else None

    def forward(self, x):
        active = F.relu(self.bn1(x)) if hasattr(self, "bn1") else x
        y = self.conv1(active)
        for i in range(2, self.steps + 1):
            y = getattr(self, f"conv{i}")(F.relu(getattr(self, f"bn{i}")(y)))
        return y + (self.downsample(active) if self.downsample else x)


class PreImagenet(nn.Module):
    def __init__(self, blocks, bottleneck):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels = 64
        for s, count in enumerate(blocks):
            stage = []
            for k in range(count):
                stage.append(Preactivated(channels, 64 << s, 2 if s and not k else 1, bottleneck, not s and not k))
                channels = (256 if bottleneck else 64) << s
            setattr(self, f"layer{s + 1}", nn.Sequential(*stage))
        self.bn = nn.ModuleDict({"last": nn.BatchNorm2d(channels)})
        self.fc = nn.Linear(channels, 1000)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(F.relu(self.bn["last"](x)).mean((2, 3)))


class PaperBottleneck(torchvision.models.resnet.Bottleneck):
    """The stride at the first 1 x 1 convolution, as in the paper's figure and table."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.conv1.stride, self.conv2.stride = self.conv2.stride, self.conv1.stride


def paper(blocks):
    return torchvision.models.resnet.ResNet(PaperBottleneck, blocks)


networks = {
    **{f"resnet{d}": (lambda d=d: getattr(torchvision.models, f"resnet{d}")(), 64) for d in (18, 34, 50, 101, 152)},
    "resnet50-paper": (lambda: paper([3, 4, 6, 3]), 64),
    **{f"resnet{d}": (lambda d=d: Cifar(d), 32) for d in (20, 32, 44, 56, 110)},
    "plain20": (lambda: Cifar(20, residual=False), 32),
    "preresnet20": (lambda: Cifar(20, pre=True), 32),
    "preresnet18": (lambda: PreImagenet([2, 2, 2, 2], False), 64),
    "preresnet50": (lambda: PreImagenet([3, 4, 6, 3], True), 64),
}


def numbers(t, digits=9):
    return [float(f"%.{digits}g" % x) for x in t.detach().reshape(-1).tolist()]


def case(name, make, size, training):
    net = fill(make())
    net.train(training)
    x = torch.from_numpy((2 * uniform(2 * 3 * size * size, 1000) - 1).reshape(2, size, size, 3).astype(np.float32).astype(np.float64))
    logits = net(x.permute(0, 3, 1, 2))
    labels = torch.tensor([3, 7])
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    gradients = {}
    for i, (parameter, w) in enumerate(sorted(net.named_parameters())):
        # Two numbers for each: its length, and its product with a vector made from the formula.
        probe = torch.from_numpy(2 * uniform(w.numel(), 2000 + i) - 1)
        gradients[parameter] = numbers(torch.stack([w.grad.norm(), (w.grad.reshape(-1) * probe).sum()]), 7)
    return {"name": name, "size": size, "training": training, "logits": numbers(logits[:, :20]), "loss": float(loss), "gradients": gradients}


cases = [case(name, make, size, False) for name, (make, size) in networks.items()]
cases += [case(name, *networks[name], True) for name in ("resnet18", "resnet20")]

# torchvision's preprocessing of photographs of awkward sizes, and its classes' names.
from PIL import Image
from torchvision import transforms

preprocess = lambda resize: transforms.Compose([
    transforms.Resize(resize), transforms.CenterCrop(224), transforms.ToTensor(),
    transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
])
torch.set_default_dtype(torch.float32)
pictures = []
# Resized to 256 for torchvision's weights V1, to 232 for V2.
sizes = ((301, 257), (97, 131), (640, 480), (256, 256), (500, 333))
for width, height, resize in [(*s, 256) for s in sizes] + [(*s, 232) for s in sizes[:3]]:
    bytes_ = (uniform(width * height * 3, 3000 + width) * 256).astype(np.uint8).reshape(height, width, 3)
    out = preprocess(resize)(Image.fromarray(bytes_)).permute(1, 2, 0)
    pictures.append({"width": width, "height": height, "resize": resize, "sum": float(out.double().sum()), "first": numbers(out[0, :4]), "last": numbers(out[-1, -4:]), "middle": numbers(out[100, 57])})

json.dump({"cases": cases, "pictures": pictures}, open(here / "resnet.golden.json", "w"))
