"""Numbers for sequence.test.ts from PyTorch, in our layouts: python3 sequence.golden.py > sequence.golden.json"""

import json

import torch

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
B, T, D, U = 2, 5, 3, 4


def flat(t):
    return {"shape": list(t.shape), "data": [float("%.9g" % v) for v in t.detach().reshape(-1).tolist()]}


def recurrent(name, cls, order):
    net = cls(D, U, batch_first=True)
    x = torch.randn(B, T, D, requires_grad=True)
    out, _ = net(x)
    w = torch.randn_like(out)
    (out * w).sum().backward()

    def gates(t):
        parts = t.chunk(len(order), 0)
        return torch.cat([parts[i] for i in order], 0)

    def ours(get):
        kernel = gates(get(net.weight_ih_l0)).T
        recurrent = gates(get(net.weight_hh_l0)).T
        bi, bh = gates(get(net.bias_ih_l0)), gates(get(net.bias_hh_l0))
        return [kernel, recurrent, torch.stack([bi, bh]) if name == "GRU" else bi]

    # One bias in our layers where PyTorch has two that are added: ours is their sum.
    weights = ours(lambda p: p.data)
    if name != "GRU":
        weights[2] = weights[2] + gates(net.bias_hh_l0.data)
    gradients = ours(lambda p: p.grad)
    return {"x": flat(x), "out": flat(out), "w": flat(w), "weights": [flat(p) for p in weights],
            "gradients": [flat(p) for p in gradients], "dx": flat(x.grad)}


def attention(causal):
    H, d, E = 2, 3, 6
    net = torch.nn.MultiheadAttention(E, H, batch_first=True)
    for p in net.parameters():
        torch.nn.init.normal_(p, 0, 0.5)
    x = torch.randn(B, T, E, requires_grad=True)
    mask = torch.triu(torch.ones(T, T, dtype=torch.bool), 1) if causal else None
    out, scores = net(x, x, x, attn_mask=mask, average_attn_weights=False)
    w = torch.randn_like(out)
    (out * w).sum().backward()

    def ours(get):
        q, k, v = get(net.in_proj_weight).chunk(3, 0)
        bq, bk, bv = get(net.in_proj_bias).chunk(3, 0)
        pairs = []
        for m, b in ((q, bq), (k, bk), (v, bv)):
            pairs += [m.T.reshape(E, H, d), b.reshape(H, d)]
        return pairs + [get(net.out_proj.weight).T.reshape(H, d, E), get(net.out_proj.bias)]

    return {"x": flat(x), "out": flat(out), "w": flat(w), "scores": flat(scores), "dx": flat(x.grad),
            "weights": [flat(p) for p in ours(lambda p: p.data)], "gradients": [flat(p) for p in ours(lambda p: p.grad)]}


print(json.dumps({
    "SimpleRNN": recurrent("SimpleRNN", torch.nn.RNN, [0]),
    "LSTM": recurrent("LSTM", torch.nn.LSTM, [0, 1, 2, 3]),
    "GRU": recurrent("GRU", torch.nn.GRU, [1, 0, 2]),  # PyTorch: reset, update, candidate
    "MultiHeadAttention": attention(False),
    "MultiHeadAttention, causal": attention(True),
}))
