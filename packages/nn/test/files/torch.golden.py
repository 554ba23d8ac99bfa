"""Networks of PyTorch: their state dicts in .safetensors files, an input, and what they give.

Run: python3 torch.golden.py (python3-torch). With --check FILE, instead loads FILE, a state dict that Gradus wrote, into the
network named by the file, and prints what it gives for the input.
"""

import json
import pathlib
import struct
import sys

import numpy as np
import torch
from torch import nn

here = pathlib.Path(__file__).parent


def save_file(tensors, path):
    """What safetensors.torch.save_file writes; Debian does not have that package."""
    types = {torch.float32: "F32", torch.int64: "I64"}
    header, body = {}, b""
    for name, t in tensors.items():
        data = t.contiguous().numpy().tobytes()
        header[name] = {"dtype": types[t.dtype], "shape": list(t.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def load_file(path):
    """What safetensors.torch.load_file gives."""
    data = pathlib.Path(path).read_bytes()
    (n,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + n])
    header.pop("__metadata__", None)
    result = {}
    for name, entry in header.items():
        assert entry["dtype"] == "F32", (name, entry["dtype"])
        begin, end = entry["data_offsets"]
        values = np.frombuffer(data[8 + n + begin : 8 + n + end], np.float32).reshape(entry["shape"])
        result[name] = torch.from_numpy(values.copy())
    return result


class Pictures(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.PReLU(4), nn.MaxPool2d(2))
        self.depth = nn.Conv2d(4, 8, 3, groups=4)
        self.up = nn.ConvTranspose2d(8, 3, 2, stride=2)
        self.norm = nn.GroupNorm(3, 3)
        self.fc = nn.Linear(3, 5)

    def forward(self, x):
        x = self.norm(self.up(self.depth(self.features(x))))
        return self.fc(x.mean((2, 3)))


class Texts(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 6)
        self.lstm = nn.LSTM(6, 4, batch_first=True, bidirectional=True)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8, eps=1e-3)
        self.gru = nn.GRU(8, 5, batch_first=True)
        self.rnn = nn.RNN(5, 3, batch_first=True)

    def forward(self, x):
        x = self.lstm(self.embed(x))[0]
        x = self.norm(x + self.attention(x, x, x)[0])
        return self.rnn(self.gru(x)[0])[0][:, -1]


def networks():
    torch.manual_seed(1)
    pictures, texts = Pictures().eval(), Texts().eval()
    bn = pictures.features[1]
    nn.init.uniform_(pictures.features[2].weight)
    for p in (bn.weight, bn.bias, bn.running_mean, pictures.norm.weight, pictures.norm.bias, texts.norm.weight, texts.norm.bias):
        nn.init.normal_(p.data)
    nn.init.uniform_(bn.running_var, 0.5, 2)
    nn.init.normal_(texts.attention.in_proj_bias)
    return {
        "pictures": (pictures, torch.randn(3, 2, 8, 8)),
        "texts": (texts, torch.tensor([[1, 5, 2, 10], [3, 0, 7, 7]])),
    }


if __name__ == "__main__":
    found = networks()
    if sys.argv[1:2] == ["--check"]:
        name = pathlib.Path(sys.argv[2]).stem
        network, x = found[name]
        for p in network.parameters():
            nn.init.zeros_(p.data)
        network.load_state_dict(load_file(sys.argv[2]))
        print(json.dumps(network(x).flatten().tolist()))
    else:
        golden = {}
        for name, (network, x) in found.items():
            save_file(network.state_dict(), here / f"{name}.safetensors")
            y = network(x).detach()
            golden[name] = {
                "input": {"shape": list(x.shape), "data": x.flatten().tolist()},
                "out": {"shape": list(y.shape), "data": y.flatten().tolist()},
            }
        (here / "torch.golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
