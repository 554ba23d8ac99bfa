"""Writes optimizers.golden.json: weights after 20 steps. From torch.optim where its rule is Keras's (epsilon tiny where it is
added elsewhere), else from plain double-precision loops of the rule in Keras's documentation. Run: python3 optimizers.golden.py"""
import json
import math
import os

import numpy as np
import torch

torch.manual_seed(5)
torch.set_default_dtype(torch.float64)
X, Y = torch.randn(8, 6), torch.randn(8, 3)
START = [torch.randn(6, 3), torch.randn(3)]
STEPS = 20
tiny = 1e-14


def gradients(weights):
    w, b = [torch.tensor(np.asarray(x)).requires_grad_() for x in weights]
    loss = ((torch.tanh(X @ w + b) - Y) ** 2).mean() * 4
    return [g.numpy() for g in torch.autograd.grad(loss, [w, b])]


def with_torch(make, clip=None):
    weights = [x.clone().requires_grad_() for x in START]
    opt = make(weights)
    for _ in range(STEPS):
        for x, g in zip(weights, gradients([x.detach().numpy() for x in weights])):
            x.grad = torch.tensor(g)
        if clip:
            clip(weights)
        opt.step()
    return [x.detach().numpy() for x in weights]


def plain(rule, decay=0.0, lr=0.05, each=lambda g, t: g):
    """rule(w, g, state, t) gives the new weight."""
    weights = [x.numpy().copy() for x in START]
    states = [{} for _ in weights]
    for t in range(1, STEPS + 1):
        found = each(gradients(weights), t)
        for i, g in enumerate(found):
            weights[i] = rule(weights[i] * (1 - lr * decay), g, states[i], t)
    return weights


def get(state, key, like, value=0.0):
    return state.setdefault(key, np.full_like(like, value))


lr = 0.05


def adam(eps=1e-7, b1=0.9, b2=0.999, rate=lr):
    def rule(w, g, s, t):
        s["m"] = get(s, "m", w) * b1 + g * (1 - b1)
        s["v"] = get(s, "v", w) * b2 + g * g * (1 - b2)
        return w - rate * math.sqrt(1 - b2**t) / (1 - b1**t) * s["m"] / (np.sqrt(s["v"]) + eps)
    return rule


def rmsprop(rho=0.9, momentum=0.0, eps=1e-7, centered=False):
    def rule(w, g, s, t):
        s["v"] = rho * get(s, "v", w) + (1 - rho) * g * g
        d = s["v"]
        if centered:
            s["a"] = rho * get(s, "a", w) + (1 - rho) * g
            d = d - s["a"] ** 2
        s["m"] = momentum * get(s, "m", w) + lr * g / np.sqrt(d + eps)
        return w - s["m"]
    return rule


def adagrad(w, g, s, t):
    s["n"] = get(s, "n", w, 0.1) + g * g
    return w - lr * g / np.sqrt(s["n"] + 1e-7)


def adamax(w, g, s, t):
    s["m"] = 0.9 * get(s, "m", w) + 0.1 * g
    s["u"] = np.maximum(0.999 * get(s, "u", w), np.abs(g))
    return w - lr / (1 - 0.9**t) * s["m"] / (s["u"] + 1e-7)


def nadam(w, g, s, t):
    u = lambda i: 0.9 * (1 - 0.5 * 0.96**i)
    s["p"] = s.get("p", 1.0) * u(t)
    s["m"] = 0.9 * get(s, "m", w) + 0.1 * g
    s["v"] = 0.999 * get(s, "v", w) + 0.001 * g * g
    m = u(t + 1) * s["m"] / (1 - s["p"] * u(t + 1)) + (1 - u(t)) * g / (1 - s["p"])
    return w - lr * m / (np.sqrt(s["v"] / (1 - 0.999**t)) + 1e-7)


def ftrl(power=-0.5, l1=0.0, l2=0.0, shrink=0.0, beta=0.0):
    def rule(w, g, s, t):
        old = get(s, "n", w, 0.1)
        new = old + g * g
        s["z"] = get(s, "z", w) + g + 2 * shrink * w - (new**-power - old**-power) / lr * w
        s["n"] = new
        return (np.clip(s["z"], -l1, l1) - s["z"]) / (new**-power / lr + 2 * (l2 + beta / (2 * lr)))
    return rule


def lion(w, g, s, t):
    m = get(s, "m", w)
    s["m"] = 0.99 * m + 0.01 * g
    return w - lr * np.sign(0.9 * m + 0.1 * g)


def muon(nesterov=True, steps=6):
    by_adam = adam(rate=lr * 0.1)

    def rule(w, g, s, t):
        if w.ndim < 2:
            return by_adam(w, g, s, t)
        s["m"] = 0.95 * get(s, "m", w) + g
        x = g + 0.95 * s["m"] if nesterov else s["m"]
        x = x.T if w.shape[0] > w.shape[1] else x
        x = x / (np.linalg.norm(x) + 1e-7)
        for _ in range(steps):
            a = x @ x.T
            x = 3.4445 * x + (-4.775 * a + 2.0315 * a @ a) @ x
        x = x.T if w.shape[0] > w.shape[1] else x
        return w - lr * x * math.sqrt(max(1, w.shape[0] / w.shape[1]))
    return rule


def clip_each(limit):
    def f(gs, t):
        return [g * min(1, limit / np.linalg.norm(g)) for g in gs]
    return f


def clip_global(limit):
    def f(gs, t):
        n = math.sqrt(sum((g * g).sum() for g in gs))
        return [g * min(1, limit / n) for g in gs]
    return f


def ema(momentum, overwrite):
    weights = [x.numpy().copy() for x in START]
    means = [np.zeros_like(w) for w in weights]
    for t in range(1, STEPS + 1):
        for i, g in enumerate(gradients(weights)):
            weights[i] = weights[i] - lr * g
            k = momentum if t > 1 else 0
            means[i] = k * means[i] + (1 - k) * weights[i]
            if overwrite and t % overwrite == 0:
                weights[i] = means[i]
    return means


def accumulated(every):
    weights = [x.numpy().copy() for x in START]
    sums = [0 * w for w in weights]
    states = [{} for _ in weights]
    rule = adam()
    for t in range(1, STEPS + 1):
        sums = [s + g for s, g in zip(sums, gradients(weights))]
        if t % every == 0:
            weights = [rule(w, s / every, state, t // every) for w, s, state in zip(weights, sums, states)]
            sums = [0 * w for w in weights]
    return weights


O = torch.optim
cases = []


def case(name, result, **options):
    cases.append({"name": name, "options": {"learningRate": lr, **options}, "weights": [np.asarray(w).reshape(-1).tolist() for w in result]})


case("SGD", with_torch(lambda w: O.SGD(w, lr)))
case("SGD", with_torch(lambda w: O.SGD(w, lr, momentum=0.9)), momentum=0.9)
case("SGD", with_torch(lambda w: O.SGD(w, lr, momentum=0.9, nesterov=True)), momentum=0.9, nesterov=True)
case("RMSprop", with_torch(lambda w: O.RMSprop(w, lr, alpha=0.9, eps=tiny)), epsilon=tiny)
case("RMSprop", with_torch(lambda w: O.RMSprop(w, lr, alpha=0.8, eps=tiny, momentum=0.7)), rho=0.8, momentum=0.7, epsilon=tiny)
case("RMSprop", plain(rmsprop()))
case("RMSprop", plain(rmsprop(momentum=0.5, centered=True)), momentum=0.5, centered=True)
case("Adagrad", with_torch(lambda w: O.Adagrad(w, lr, initial_accumulator_value=0.1, eps=tiny)), epsilon=tiny)
case("Adagrad", plain(adagrad))
case("Adadelta", with_torch(lambda w: O.Adadelta(w, lr, rho=0.95, eps=1e-7)))
case("Adam", with_torch(lambda w: O.Adam(w, lr, eps=tiny)), epsilon=tiny)
case("Adam", with_torch(lambda w: O.Adam(w, lr, eps=tiny, betas=(0.8, 0.9), amsgrad=False)), epsilon=tiny, beta1=0.8, beta2=0.9)
case("Adam", plain(adam()))
case("AdamW", with_torch(lambda w: O.AdamW(w, lr, eps=tiny, weight_decay=0.004)), epsilon=tiny)
case("AdamW", with_torch(lambda w: O.AdamW(w, lr, eps=tiny, weight_decay=0.3)), epsilon=tiny, weightDecay=0.3)
case("Adamax", with_torch(lambda w: O.Adamax(w, lr, eps=tiny)), epsilon=tiny)
case("Adamax", plain(adamax))
# PyTorch 1.13's NAdam multiplies its momentum product by mu twice (put right in 2.0), so only the plain rule is used.
case("Nadam", plain(nadam))
case("Ftrl", plain(ftrl()))
case("Ftrl", plain(ftrl(-0.4, 0.02, 0.03, 0.01, 0.1)), learningRatePower=-0.4, l1RegularizationStrength=0.02, l2RegularizationStrength=0.03, l2ShrinkageRegularizationStrength=0.01, beta=0.1)
case("Lion", plain(lion))
case("Muon", plain(muon(), decay=0.1))
case("Muon", plain(muon(False, 4)), nesterov=False, nsSteps=4, weightDecay=None)
case("SGD", with_torch(lambda w: O.SGD(w, lr), lambda w: torch.nn.utils.clip_grad_value_(w, 0.1)), clipvalue=0.1)
case("SGD", plain(lambda w, g, s, t: w - lr * g, each=clip_each(0.3)), clipnorm=0.3)
case("SGD", plain(lambda w, g, s, t: w - lr * g, each=clip_global(0.3)), globalClipnorm=0.3)
case("SGD", plain(lambda w, g, s, t: w - lr * g, decay=0.2), weightDecay=0.2)
case("SGD", ema(0.9, None), useEma=True, emaMomentum=0.9)
case("SGD", ema(0.9, 4), useEma=True, emaMomentum=0.9, emaOverwriteFrequency=4)
case("Adam", accumulated(4), gradientAccumulationSteps=4)
# A large second gradient is what amsgrad remembers: PyTorch's maximum is over uncorrected moments, as Keras's.
case("Adam", with_torch(lambda w: O.Adam(w, lr, eps=tiny, betas=(0.9, 0.7), amsgrad=True)), epsilon=tiny, beta2=0.7, amsgrad=True)

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "optimizers.golden.json"), "w") as f:
    json.dump({"x": X.reshape(-1).tolist(), "y": Y.reshape(-1).tolist(), "start": [w.reshape(-1).tolist() for w in START], "cases": cases}, f)
print(len(cases), "cases")
