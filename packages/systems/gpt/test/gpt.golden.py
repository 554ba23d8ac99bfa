"""Writes gpt.golden.json: logits, losses and gradients of GPT-2, Llama, Qwen-2, BERT and DistilBERT, as modules written here after the
papers under Hugging Face's names, in float64, with weights that both sides compute from a formula. Run: python3 gpt.golden.py"""
import json
import math
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parents[1] / "test"))
from formula import formula, uniform  # noqa: E402

torch.set_default_dtype(torch.float64)


def fill(net):
    """Streams are numbered in the order of the names, sorted."""
    state = net.state_dict()
    for i, name in enumerate(sorted(state)):
        state[name] = formula(name, tuple(state[name].shape), i + 1)
    net.load_state_dict(state)
    return net


def holder(**modules):
    """A module that only holds others under their names."""
    m = nn.Module()
    for name, module in modules.items():
        setattr(m, name, module)
    return m


def attention(q, k, v, allowed):
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    return torch.softmax(scores.masked_fill(~allowed, float("-inf")), -1) @ v


def heads(x, n):
    return x.view(*x.shape[:2], n, -1).transpose(1, 2)


def merged(x):
    return x.transpose(1, 2).flatten(2)


def causal(t):
    return torch.ones(t, t, dtype=torch.bool).tril()


class Conv1D(nn.Module):
    """GPT-2's product, whose matrix is [in, out]."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x):
        return x @ self.weight + self.bias


def gelu_new(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


class GPT2(nn.Module):
    """Radford et al. 2019, section 2.3."""

    def __init__(self, c):
        super().__init__()
        d, inner = c["n_embd"], c.get("n_inner") or 4 * c["n_embd"]
        self.n = c["n_head"]
        self.act = {"gelu_new": gelu_new, "relu": F.relu, "gelu": F.gelu}[c["activation_function"]]
        norm = lambda: nn.LayerNorm(d, eps=c["layer_norm_epsilon"])
        block = lambda: holder(
            ln_1=norm(), attn=holder(c_attn=Conv1D(d, 3 * d), c_proj=Conv1D(d, d)),
            ln_2=norm(), mlp=holder(c_fc=Conv1D(d, inner), c_proj=Conv1D(inner, d)))
        self.transformer = holder(
            wte=nn.Embedding(c["vocab_size"], d), wpe=nn.Embedding(c["n_positions"], d),
            h=nn.ModuleList([block() for _ in range(c["n_layer"])]), ln_f=norm())
        if not c.get("tie_word_embeddings", True):
            self.lm_head = nn.Linear(d, c["vocab_size"], bias=False)

    def forward(self, ids):
        t = self.transformer
        x = t.wte(ids) + t.wpe(torch.arange(ids.shape[1]))
        for b in t.h:
            q, k, v = (heads(y, self.n) for y in b.attn.c_attn(b.ln_1(x)).chunk(3, -1))
            x = x + b.attn.c_proj(merged(attention(q, k, v, causal(ids.shape[1]))))
            x = x + b.mlp.c_proj(self.act(b.mlp.c_fc(b.ln_2(x))))
        x = t.ln_f(x)
        return self.lm_head(x) if hasattr(self, "lm_head") else x @ t.wte.weight.T


class RMSNorm(nn.Module):
    def __init__(self, d, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(d))
        self.eps = eps

    def forward(self, x):
        return self.weight * x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)


def inverse_frequencies(dim, base, scaling):
    f = 1 / base ** (torch.arange(0, dim, 2) / dim)
    kind = (scaling or {}).get("rope_type", (scaling or {}).get("type"))
    if kind == "linear":
        return f / scaling["factor"]
    if kind == "llama3":  # by wavelengths, as Llama 3.1's own code has it
        factor, low, high = scaling["factor"], scaling["low_freq_factor"], scaling["high_freq_factor"]
        context = scaling["original_max_position_embeddings"]
        out = []
        for x in f.tolist():
            wavelength = 2 * math.pi / x
            if wavelength < context / high:
                out.append(x)
            elif wavelength > context / low:
                out.append(x / factor)
            else:
                smooth = (context / wavelength - low) / (high - low)
                out.append((1 - smooth) * x / factor + smooth * x)
        return torch.tensor(out)
    return f


def rotate_half(x):
    a, b = x.chunk(2, -1)
    return torch.cat((-b, a), -1)


class Llama(nn.Module):
    """Touvron et al. 2023; with biases of q, k and v Qwen-2."""

    def __init__(self, c):
        super().__init__()
        d, inner = c["hidden_size"], c["intermediate_size"]
        self.n, self.kv = c["num_attention_heads"], c["num_key_value_heads"]
        size = c.get("head_dim") or d // self.n
        qkv, out = c["model_type"] == "qwen2" or c.get("attention_bias", False), c.get("attention_bias", False)
        mlp = c.get("mlp_bias", False)
        norm = lambda: RMSNorm(d, c["rms_norm_eps"])
        layer = lambda: holder(
            input_layernorm=norm(),
            self_attn=holder(
                q_proj=nn.Linear(d, self.n * size, bias=qkv), k_proj=nn.Linear(d, self.kv * size, bias=qkv),
                v_proj=nn.Linear(d, self.kv * size, bias=qkv), o_proj=nn.Linear(self.n * size, d, bias=out)),
            post_attention_layernorm=norm(),
            mlp=holder(gate_proj=nn.Linear(d, inner, bias=mlp), up_proj=nn.Linear(d, inner, bias=mlp), down_proj=nn.Linear(inner, d, bias=mlp)))
        self.model = holder(
            embed_tokens=nn.Embedding(c["vocab_size"], d), layers=nn.ModuleList([layer() for _ in range(c["num_hidden_layers"])]), norm=norm())
        if not c["tie_word_embeddings"]:
            self.lm_head = nn.Linear(d, c["vocab_size"], bias=False)
        self.frequencies = inverse_frequencies(size, c["rope_theta"], c.get("rope_scaling"))

    def forward(self, ids):
        time = ids.shape[1]
        angles = torch.arange(time)[:, None] * self.frequencies
        cos, sin = (f(torch.cat((angles, angles), -1)) for f in (torch.cos, torch.sin))
        turned = lambda x: x * cos + rotate_half(x) * sin
        x = self.model.embed_tokens(ids)
        for b in self.model.layers:
            y, a = b.input_layernorm(x), b.self_attn
            q, k, v = turned(heads(a.q_proj(y), self.n)), turned(heads(a.k_proj(y), self.kv)), heads(a.v_proj(y), self.kv)
            k, v = (z.repeat_interleave(self.n // self.kv, 1) for z in (k, v))
            x = x + a.o_proj(merged(attention(q, k, v, causal(time))))
            y, m = b.post_attention_layernorm(x), b.mlp
            x = x + m.down_proj(F.silu(m.gate_proj(y)) * m.up_proj(y))
        x = self.model.norm(x)
        return self.lm_head(x) if hasattr(self, "lm_head") else x @ self.model.embed_tokens.weight.T


class Bert(nn.Module):
    """Devlin et al. 2018: BertForMaskedLM, with the pooler that BertModel has."""

    def __init__(self, c):
        super().__init__()
        d, self.n = c["hidden_size"], c["num_attention_heads"]
        norm = lambda: nn.LayerNorm(d, eps=c["layer_norm_eps"])
        layer = lambda: holder(
            attention=holder(
                self=holder(query=nn.Linear(d, d), key=nn.Linear(d, d), value=nn.Linear(d, d)),
                output=holder(dense=nn.Linear(d, d), LayerNorm=norm())),
            intermediate=holder(dense=nn.Linear(d, c["intermediate_size"])),
            output=holder(dense=nn.Linear(c["intermediate_size"], d), LayerNorm=norm()))
        self.bert = holder(
            embeddings=holder(
                word_embeddings=nn.Embedding(c["vocab_size"], d), position_embeddings=nn.Embedding(c["max_position_embeddings"], d),
                token_type_embeddings=nn.Embedding(c["type_vocab_size"], d), LayerNorm=norm()),
            encoder=holder(layer=nn.ModuleList([layer() for _ in range(c["num_hidden_layers"])])),
            pooler=holder(dense=nn.Linear(d, d)))
        self.cls = holder(predictions=holder(transform=holder(dense=nn.Linear(d, d), LayerNorm=norm())))
        self.cls.predictions.bias = nn.Parameter(torch.empty(c["vocab_size"]))

    def forward(self, ids, mask, segments):
        e = self.bert.embeddings
        x = e.LayerNorm(e.word_embeddings(ids) + e.position_embeddings(torch.arange(ids.shape[1])) + e.token_type_embeddings(segments))
        hidden = [x]
        for b in self.bert.encoder.layer:
            s = getattr(b.attention, "self")
            found = attention(*(heads(p(x), self.n) for p in (s.query, s.key, s.value)), mask[:, None, None, :])
            x = b.attention.output.LayerNorm(x + b.attention.output.dense(merged(found)))
            x = b.output.LayerNorm(x + b.output.dense(F.gelu(b.intermediate.dense(x))))
            hidden.append(x)
        p = self.cls.predictions
        logits = p.transform.LayerNorm(F.gelu(p.transform.dense(x))) @ e.word_embeddings.weight.T + p.bias
        return hidden, logits, torch.tanh(self.bert.pooler.dense(x[:, 0]))


class DistilBert(nn.Module):
    """Sanh et al. 2019: DistilBertForMaskedLM."""

    def __init__(self, c):
        super().__init__()
        d, self.n = c["dim"], c["n_heads"]
        norm = lambda: nn.LayerNorm(d, eps=1e-12)
        layer = lambda: holder(
            attention=holder(q_lin=nn.Linear(d, d), k_lin=nn.Linear(d, d), v_lin=nn.Linear(d, d), out_lin=nn.Linear(d, d)),
            sa_layer_norm=norm(), ffn=holder(lin1=nn.Linear(d, c["hidden_dim"]), lin2=nn.Linear(c["hidden_dim"], d)), output_layer_norm=norm())
        self.distilbert = holder(
            embeddings=holder(
                word_embeddings=nn.Embedding(c["vocab_size"], d), position_embeddings=nn.Embedding(c["max_position_embeddings"], d), LayerNorm=norm()),
            transformer=holder(layer=nn.ModuleList([layer() for _ in range(c["n_layers"])])))
        self.vocab_transform, self.vocab_layer_norm = nn.Linear(d, d), norm()
        self.vocab_projector = nn.Linear(d, c["vocab_size"])
        self.vocab_projector.weight = self.distilbert.embeddings.word_embeddings.weight

    def state_dict(self):
        return {k: v for k, v in super().state_dict().items() if k != "vocab_projector.weight"}

    def load_state_dict(self, state):
        super().load_state_dict(state, strict=False)

    def forward(self, ids, mask, _):
        e = self.distilbert.embeddings
        x = e.LayerNorm(e.word_embeddings(ids) + e.position_embeddings(torch.arange(ids.shape[1])))
        hidden = [x]
        for b in self.distilbert.transformer.layer:
            a = b.attention
            found = attention(*(heads(p(x), self.n) for p in (a.q_lin, a.k_lin, a.v_lin)), mask[:, None, None, :])
            x = b.sa_layer_norm(x + a.out_lin(merged(found)))
            x = b.output_layer_norm(x + b.ffn.lin2(F.gelu(b.ffn.lin1(x))))
            hidden.append(x)
        return hidden, self.vocab_projector(self.vocab_layer_norm(F.gelu(self.vocab_transform(x)))), None


def numbers(t, digits=8):
    return [float(f"%.{digits}g" % x) for x in t.detach().reshape(-1).tolist()]


def gradients(net):
    """Two numbers for each: its length, and its product with a vector made from the formula."""
    state = net.state_dict()
    parameters = {n: w for n, w in net.named_parameters() if n in state}
    out = {}
    for i, name in enumerate(sorted(parameters)):
        w = parameters[name]
        probe = torch.from_numpy(2 * uniform(w.numel(), 2000 + i) - 1)
        out[name] = numbers(torch.stack([w.grad.norm(), (w.grad.reshape(-1) * probe).sum()]), 7)
    return out


def shapes(net):
    return {name: list(w.shape) for name, w in sorted(net.state_dict().items())}


vocabulary = 61
ids = lambda b, t, stream: torch.from_numpy((uniform(b * t, stream) * vocabulary).astype(np.int64)).reshape(b, t)

gpt2 = {
    "model_type": "gpt2", "vocab_size": vocabulary, "n_positions": 24, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_inner": None,
    "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5}
llama = {
    "model_type": "llama", "vocab_size": vocabulary, "max_position_embeddings": 24, "hidden_size": 32, "intermediate_size": 64,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_act": "silu", "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0, "tie_word_embeddings": False}
llama3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
decoders = {
    "GPT-2": (GPT2, gpt2),
    "GPT-2 of other sizes, its output layer apart": (GPT2, {**gpt2, "n_inner": 96, "activation_function": "relu", "layer_norm_epsilon": 1e-3, "tie_word_embeddings": False}),
    "Llama 2": (Llama, {**llama, "num_key_value_heads": 4}),
    "Llama 3.1": (Llama, {**llama, "head_dim": 16, "rope_scaling": llama3}),
    "SmolLM": (Llama, {**llama, "num_attention_heads": 6, "hidden_size": 48, "tie_word_embeddings": True, "rope_theta": 100000.0}),
    "Llama with biases and slower turns": (Llama, {**llama, "attention_bias": True, "mlp_bias": True, "rope_scaling": {"type": "linear", "factor": 4.0}}),
    "Mistral": (Llama, {**llama, "model_type": "mistral", "sliding_window": None, "num_key_value_heads": 1}),
    "Qwen-2": (Llama, {**llama, "model_type": "qwen2", "rope_theta": 1000000.0, "rms_norm_eps": 1e-6, "tie_word_embeddings": True, "use_sliding_window": False, "sliding_window": 8}),
}


def decoder(name, make, config):
    net = fill(make(config))
    x = ids(2, 13, 1000)
    logits = net(x[:, :-1])
    loss = F.cross_entropy(logits.reshape(-1, vocabulary), x[:, 1:].reshape(-1))
    loss.backward()
    # What it goes on with: the likeliest token, again and again, by whole passes.
    text = x[0, :5].tolist()
    for _ in range(15):
        text.append(int(net(torch.tensor([text]))[0, -1].argmax()))
    return {
        "name": name, "config": config, "shapes": shapes(net), "ids": x.tolist(), "logits": numbers(logits), "loss": float(loss),
        "gradients": gradients(net), "continued": text}


bert = {
    "model_type": "bert", "vocab_size": vocabulary, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 64, "hidden_act": "gelu", "max_position_embeddings": 16, "type_vocab_size": 2, "layer_norm_eps": 1e-12}
distilbert = {
    "model_type": "distilbert", "vocab_size": vocabulary, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64, "activation": "gelu",
    "max_position_embeddings": 16}


def encoder(name, make, config):
    net = fill(make(config))
    x, y = ids(3, 9, 1100), ids(3, 9, 1200)
    mask = torch.arange(9) < torch.tensor([[9], [6], [1]])
    segments = (torch.arange(9) >= torch.tensor([[4], [9], [9]])).long() if make is Bert else None
    hidden, logits, pooled = net(x, mask, segments)
    # Every second token that is there is guessed; the pooler, where there is one, takes part so that it has gradients.
    guessed = mask & (torch.arange(9) % 2 == 0)
    loss = F.cross_entropy(logits[guessed], y[guessed])
    if pooled is not None:
        loss = loss + pooled.square().mean()
    loss.backward()
    return {
        "name": name, "config": config, "shapes": shapes(net), "ids": x.tolist(), "targets": y.tolist(), "mask": mask.long().tolist(),
        "segments": None if segments is None else segments.tolist(), "guessed": guessed.long().tolist(),
        "hidden": [numbers(h) for h in hidden], "logits": numbers(logits), "pooled": None if pooled is None else numbers(pooled),
        "loss": float(loss), "gradients": gradients(net)}


json.dump({
    "decoders": [decoder(name, *d) for name, d in decoders.items()],
    "encoders": [encoder("BERT", Bert, bert), encoder("DistilBERT", DistilBert, distilbert)],
}, open(here / "gpt.golden.json", "w"))
