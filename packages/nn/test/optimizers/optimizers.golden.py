"""Twenty updates of PyTorch's optimizers on a small problem: python3 optimizers.golden.py > optimizers.golden.json"""

import json

import torch

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
A, b, start = torch.randn(5, 3), torch.randn(5), torch.randn(3)
out = {"A": A.tolist(), "b": b.tolist(), "start": start.tolist(), "runs": {}}


def run(name, make, clip=None):
    w = start.clone().requires_grad_()
    optimizer = make([w])
    for _ in range(20):
        optimizer.zero_grad()
        (A @ w - b).square().mean().backward()
        if clip:
            clip([w])
        optimizer.step()
    out["runs"][name] = w.tolist()


O = torch.optim
run("SGD", lambda p: O.SGD(p, lr=0.05))
run("SGD momentum", lambda p: O.SGD(p, lr=0.05, momentum=0.9))
run("SGD nesterov", lambda p: O.SGD(p, lr=0.05, momentum=0.9, nesterov=True))
run("Adam", lambda p: O.Adam(p, lr=0.05, eps=1e-12))
run("Adam amsgrad", lambda p: O.Adam(p, lr=0.05, eps=1e-12, amsgrad=True))
run("AdamW", lambda p: O.AdamW(p, lr=0.05, eps=1e-12, weight_decay=0.1))
run("Adamax", lambda p: O.Adamax(p, lr=0.05, eps=1e-12))
run("Adagrad", lambda p: O.Adagrad(p, lr=0.05, initial_accumulator_value=0.1, eps=1e-12))
run("Adadelta", lambda p: O.Adadelta(p, lr=0.5, rho=0.95, eps=1e-6))
run("RMSprop", lambda p: O.RMSprop(p, lr=0.01, alpha=0.9, eps=1e-12))
run("RMSprop centered momentum", lambda p: O.RMSprop(p, lr=0.01, alpha=0.9, eps=1e-12, centered=True, momentum=0.5))
run("SGD clipnorm", lambda p: O.SGD(p, lr=0.05), lambda p: torch.nn.utils.clip_grad_norm_(p, 0.5))
run("SGD clipvalue", lambda p: O.SGD(p, lr=0.05), lambda p: torch.nn.utils.clip_grad_value_(p, 0.2))
print(json.dumps(out))
