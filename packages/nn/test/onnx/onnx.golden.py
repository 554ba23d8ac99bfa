"""A network of PyTorch exported to ONNX by PyTorch, an input, and what it gives.

Run: python3 onnx.golden.py (python3-torch)
"""

import json
import pathlib

import torch
from torch import nn

here = pathlib.Path(__file__).parent
torch.manual_seed(2)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1, stride=2), nn.BatchNorm2d(4), nn.LeakyReLU(0.1), nn.MaxPool2d(2))
        self.up = nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1)
        self.lstm = nn.LSTM(12, 5, batch_first=True, bidirectional=True)
        self.attention = nn.TransformerEncoderLayer(10, 2, 16, batch_first=True)
        self.out = nn.Linear(10, 3)

    def forward(self, x):
        x = self.up(self.conv(x))
        n, c, h, w = x.shape
        x = x.permute(0, 2, 1, 3).reshape(n, h, c * w)
        x = self.attention(self.lstm(x)[0])
        return torch.softmax(self.out(x.mean(1)), -1), x[:, ::2]


network = Network()
for m in network.modules():
    if isinstance(m, nn.BatchNorm2d):
        nn.init.uniform_(m.running_var, 0.5, 2)
        nn.init.normal_(m.running_mean)
network.eval()
x = torch.randn(2, 2, 8, 8)
torch.onnx.export(
    network, x, str(here / "torch.onnx"), opset_version=16, input_names=["image"], output_names=["classes", "states"],
    dynamic_axes={"image": {0: "batch"}}, do_constant_folding=True,
)
pack = lambda t: {"shape": list(t.shape), "data": t.flatten().tolist()}
golden = {"input": pack(x), "outputs": [pack(y.detach()) for y in network(x)]}
(here / "onnx.golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
