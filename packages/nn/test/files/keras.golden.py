"""Writes small files as Keras writes them, and what the models in them give, computed by PyTorch.

The layout follows the descriptions in Keras's own saving code (keras/src/saving/saving_lib.py of Keras 3, and
keras/src/legacy/saving/legacy_h5_format.py for .h5 files). Run: python3 keras.golden.py (python3-torch, python3-h5py)
"""

import io
import json
import pathlib
import zipfile

import h5py
import numpy as np
import torch
from torch.nn import functional as F

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(1)
golden = {}


def array(*shape):
    return (rng.standard_normal(shape) * 0.5).astype(np.float32)


def t(x):
    return torch.from_numpy(np.asarray(x))


def policy():
    return {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}


def layer(class_name, name, nodes=None, module="keras.layers", **config):
    description = {
        "module": module,
        "class_name": class_name,
        "config": {"name": name, "trainable": True, "dtype": policy(), **config},
        "registered_name": None,
    }
    if nodes is not None:
        description |= {"name": name, "inbound_nodes": nodes}
    return description


def glorot():
    return {"module": "keras.initializers", "class_name": "GlorotUniform", "config": {"seed": None}, "registered_name": None}


def zeros():
    return {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": None}


def kernel_options():
    return {
        "use_bias": True,
        "kernel_initializer": glorot(),
        "bias_initializer": zeros(),
        "kernel_regularizer": None,
        "bias_regularizer": None,
        "kernel_constraint": None,
        "bias_constraint": None,
    }


def dense(name, units, activation="linear", nodes=None):
    return layer("Dense", name, nodes, units=units, activation=activation, **kernel_options(), quantization_config=None)


def input_layer(name, shape, nodes=None, dtype="float32"):
    description = layer("InputLayer", name, nodes, batch_shape=[None, *shape], sparse=False, ragged=False)
    del description["config"]["trainable"]
    description["config"]["dtype"] = dtype
    return description


def tensor(name, call=0, output=0):
    return {
        "class_name": "__keras_tensor__",
        "config": {"shape": [None], "dtype": "float32", "keras_history": [name, call, output]},
    }


def call(*args, **kwargs):
    return {"args": list(args), "kwargs": kwargs}


def save_keras(name, description, weights):
    """weights: the variables of each group; every group and the groups around it get "vars", as Keras makes them."""
    h5 = io.BytesIO()
    with h5py.File(h5, "w") as f:
        f.create_group("vars")
        for path, values in weights.items():
            group = f.require_group(path).require_group("vars")
            for i, value in enumerate(values):
                group[str(i)] = value
    with zipfile.ZipFile(here / name, "w", zipfile.ZIP_DEFLATED if name.startswith("graph") else zipfile.ZIP_STORED) as z:
        for file, content in [
            ("metadata.json", json.dumps({"keras_version": "3.12.0", "date_saved": "2026-11-23@12:00:00"})),
            ("config.json", json.dumps(description)),
            ("model.weights.h5", h5.getvalue()),
        ]:
            z.writestr(zipfile.ZipInfo(file, (2026, 1, 1, 0, 0, 0)), content)


def record(name, inputs, outputs):
    pack = lambda x: {"shape": list(x.shape), "data": [float(v) for v in np.asarray(x).ravel()]}
    golden[name] = {"inputs": [pack(x) for x in inputs], "outputs": [pack(x.detach().numpy()) for x in outputs]}


# A chain of layers, compiled.
w1, b1, w2, b2 = array(4, 8), array(8), array(8, 3), array(3)
gamma, beta, mean, variance = array(8), array(8), array(8), np.abs(array(8)) + 0.5
chain = {
    "module": "keras",
    "class_name": "Sequential",
    "config": {
        "name": "chain",
        "trainable": True,
        "dtype": policy(),
        "layers": [
            input_layer("measurements", [4]),
            dense("hidden", 8, "relu"),
            layer(
                "BatchNormalization", "norm", axis=-1, momentum=0.99, epsilon=0.001, center=True, scale=True,
                beta_initializer=zeros(), gamma_initializer={**zeros(), "class_name": "Ones"},
                moving_mean_initializer=zeros(), moving_variance_initializer={**zeros(), "class_name": "Ones"},
                beta_regularizer=None, gamma_regularizer=None, beta_constraint=None, gamma_constraint=None,
                synchronized=False, renorm=False, renorm_clipping=None, renorm_momentum=0.99,
            ),
            layer("Dropout", "drop", rate=0.25, seed=None, noise_shape=None),
            dense("classes", 3, "softmax"),
        ],
        "build_input_shape": [None, 4],
    },
    "registered_name": None,
    "build_config": {"input_shape": [None, 4]},
    "compile_config": {
        "optimizer": {
            "module": "keras.optimizers",
            "class_name": "Adam",
            "config": {
                "name": "adam", "learning_rate": 0.0020000000949949026, "weight_decay": None, "clipnorm": None,
                "global_clipnorm": None, "clipvalue": None, "use_ema": False, "ema_momentum": 0.99,
                "ema_overwrite_frequency": None, "loss_scale_factor": None, "gradient_accumulation_steps": None,
                "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-07, "amsgrad": False,
            },
            "registered_name": None,
        },
        "loss": "sparse_categorical_crossentropy",
        "loss_weights": None,
        "metrics": ["accuracy"],
        "weighted_metrics": None,
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": False,
    },
}
save_keras(
    "chain.keras",
    chain,
    {
        "layers/dense": [w1, b1],
        "layers/batch_normalization": [gamma, beta, mean, variance],
        "layers/dropout/seed_generator": [np.array([7, 0], np.uint32)],
        "layers/dense_1": [w2, b2],
        "optimizer": [np.int64(3), np.float32(0.002)],
    },
)
x = array(5, 4)
h = torch.relu(t(x) @ t(w1) + t(b1))
h = F.batch_norm(h, t(mean), t(variance), t(gamma), t(beta), eps=1e-3)
record("chain", [x], [torch.softmax(h @ t(w2) + t(b2), -1)])

# A graph: two inputs, a shared layer, a model within, attention, a recurrent layer in both directions, a mask.
emb = array(10, 6)
lf, rf, bf = array(6, 16), array(4, 16), array(16)
lb, rb, bb = array(6, 16), array(4, 16), array(16)
shared_w, shared_b = array(8, 8), array(8)
inner_w, inner_b = array(8, 8), array(8)
qk, qb, kk, kb, vk, vb = array(8, 2, 4), array(2, 4), array(8, 2, 4), array(2, 4), array(8, 2, 4), array(2, 4)
ok, ob = array(2, 4, 8), array(8)
conv_w, conv_b = array(3, 3, 1, 2), array(2)
out_w, out_b = array(8, 2), array(2)


def recurrent(name, back):
    return layer(
        "LSTM", name, units=4, return_sequences=True, return_state=False, go_backwards=back, stateful=False, unroll=False,
        zero_output_for_mask=True, activation="tanh", recurrent_activation="sigmoid", use_bias=True,
        kernel_initializer=glorot(),
        recurrent_initializer={**glorot(), "class_name": "OrthogonalInitializer", "config": {"seed": None, "gain": 1.0}},
        bias_initializer=zeros(), unit_forget_bias=True, kernel_regularizer=None, recurrent_regularizer=None,
        bias_regularizer=None, activity_regularizer=None, kernel_constraint=None, recurrent_constraint=None,
        bias_constraint=None, dropout=0.0, recurrent_dropout=0.0, seed=None,
    )


def functional(name, layers, inputs, outputs, nodes=None):
    description = {
        "module": "keras",
        "class_name": "Functional",
        "config": {"name": name, "trainable": True, "layers": layers, "input_layers": inputs, "output_layers": outputs},
        "registered_name": "Functional",
    }
    if nodes is not None:
        description |= {"name": name, "inbound_nodes": nodes}
    return description


inner = functional(
    "inner",
    [input_layer("inner_input", [None, 8], []), dense("inner_dense", 8, "gelu", [call(tensor("inner_input"))])],
    ["inner_input", 0, 0],
    ["inner_dense", 0, 0],
    [call(tensor("shared", 0))],
)
graph = functional(
    "graph",
    [
        input_layer("tokens", [None], [], "int32"),
        input_layer("image", [6, 6, 1], []),
        layer(
            "Embedding", "embedding", [call(tensor("tokens"))], input_dim=10, output_dim=6,
            embeddings_initializer={**glorot(), "class_name": "RandomUniform", "config": {"seed": None, "minval": -0.05, "maxval": 0.05}},
            embeddings_regularizer=None, activity_regularizer=None, embeddings_constraint=None, mask_zero=True,
        ),
        {**layer("NotEqual", "not_equal", [call(tensor("tokens"), 0)], module="keras.src.ops.numpy"), "registered_name": "NotEqual"},
        layer(
            "Bidirectional", "both", [call(tensor("embedding"), mask=tensor("not_equal"), training=False)],
            merge_mode="concat", layer=recurrent("forward_lstm", False), backward_layer=recurrent("backward_lstm", True),
        ),
        dense("shared", 8, "tanh", [call(tensor("both")), call(tensor("attention"))]),
        inner,
        layer(
            "MultiHeadAttention", "attention",
            [call(tensor("inner", 1), tensor("shared"), key=None, use_causal_mask=True)],
            num_heads=2, key_dim=4, value_dim=4, dropout=0.0, use_bias=True, output_shape=None, attention_axes=[1],
            flash_attention=None, kernel_initializer=glorot(), bias_initializer=zeros(), kernel_regularizer=None,
            bias_regularizer=None, activity_regularizer=None, kernel_constraint=None, bias_constraint=None, seed=None,
        ),
        layer(
            "Conv2D", "conv", [call(tensor("image"))], filters=2, kernel_size=[3, 3], strides=[2, 2], padding="same",
            data_format="channels_last", dilation_rate=[1, 1], groups=1, activation="relu", **kernel_options(),
            activity_regularizer=None,
        ),
        layer("GlobalAveragePooling1D", "average", [call(tensor("shared", 1))], data_format="channels_last", keepdims=False),
        layer("GlobalMaxPooling2D", "largest", [call(tensor("conv"))], data_format="channels_last", keepdims=False),
        dense("out", 2, "linear", [call(tensor("average"))]),
        layer("Add", "sum", [call([tensor("out"), tensor("largest")])]),
    ],
    [["tokens", 0, 0], ["image", 0, 0]],
    [["sum", 0, 0], ["largest", 0, 0]],
)
graph["build_config"] = {"input_shape": None}
save_keras(
    "graph.keras",
    graph,
    {
        "layers/embedding": [emb],
        "layers/bidirectional/forward_layer/cell": [lf, rf, bf],
        "layers/bidirectional/backward_layer/cell": [lb, rb, bb],
        "layers/dense": [shared_w, shared_b],
        "layers/functional/layers/dense": [inner_w, inner_b],
        "layers/multi_head_attention/query_dense": [qk, qb],
        "layers/multi_head_attention/key_dense": [kk, kb],
        "layers/multi_head_attention/value_dense": [vk, vb],
        "layers/multi_head_attention/output_dense": [ok, ob],
        "layers/conv2d": [conv_w, conv_b],
        "layers/dense_1": [out_w, out_b],
    },
)

tokens = np.array([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]], np.int32)
image = array(2, 6, 6, 1)


def lstm(x, w, u, b, back):
    h = c = torch.zeros(x.shape[0], 4)
    steps = range(x.shape[1])
    out = []
    for i in reversed(steps) if back else steps:
        z = x[:, i] @ t(w) + h @ t(u) + t(b)
        gi, gf, gc, go = z.split(4, -1)
        c = torch.sigmoid(gf) * c + torch.sigmoid(gi) * torch.tanh(gc)
        h = torch.sigmoid(go) * torch.tanh(c)
        out.append(h)
    # As Keras gives it: in the order of time again.
    return torch.stack(out[::-1] if back else out, 1)


e = t(emb)[torch.from_numpy(tokens).long()]
both = torch.cat([lstm(e, lf, rf, bf, False), lstm(e, lb, rb, bb, True)], -1)
first = torch.tanh(both @ t(shared_w) + t(shared_b))
within = F.gelu(first @ t(inner_w) + t(inner_b), approximate="none")
q = torch.einsum("abc,cde->adbe", within, t(qk)) + t(qb)[:, None]
k = torch.einsum("abc,cde->adbe", first, t(kk)) + t(kb)[:, None]
v = torch.einsum("abc,cde->adbe", first, t(vk)) + t(vb)[:, None]
scores = q @ k.transpose(-1, -2) / 2
scores = scores.masked_fill(~torch.tril(torch.ones(5, 5, dtype=torch.bool)), -torch.inf)
attended = torch.einsum("adbe,dec->abc", torch.softmax(scores, -1) @ v, t(ok)) + t(ob)
second = torch.tanh(attended @ t(shared_w) + t(shared_b))
padded = F.pad(t(image).permute(0, 3, 1, 2), (0, 1, 0, 1))  # "same" with stride 2 on 6: one below and right
conv = torch.relu(F.conv2d(padded, t(conv_w).permute(3, 2, 0, 1), t(conv_b), stride=2))
largest = conv.amax((2, 3))
record("graph", [tokens, image], [second.mean(1) @ t(out_w) + t(out_b) + largest, largest])


# Keras 2: an .h5 file, with a model within.
def save_h5(name, config, training, layers):
    with h5py.File(here / name, "w", track_order=False) as f:
        f.attrs["keras_version"] = b"2.15.0"
        f.attrs["backend"] = b"tensorflow"
        f.attrs["model_config"] = json.dumps(config).encode()
        if training:
            f.attrs["training_config"] = json.dumps(training).encode()
        group = f.create_group("model_weights")
        group.attrs["layer_names"] = [n.encode() for n in layers]
        group.attrs["keras_version"] = b"2.15.0"
        for n, weights in layers.items():
            g = group.create_group(n)
            g.attrs["weight_names"] = [w.encode() for w in weights]
            for w, value in weights.items():
                g.create_dataset(w, data=value)


def old(class_name, name, nodes=None, **config):
    description = {"class_name": class_name, "config": {"name": name, "trainable": True, "dtype": "float32", **config}}
    if nodes is not None:
        description |= {"name": name, "inbound_nodes": nodes}
    return description


def old_conv(name, filters, nodes=None, **config):
    return old(
        "Conv2D", name, nodes, filters=filters, kernel_size=[3, 3], strides=[1, 1], padding="valid",
        data_format="channels_last", dilation_rate=[1, 1], groups=1, activation="relu", use_bias=True,
        kernel_initializer={"class_name": "GlorotUniform", "config": {"seed": None}},
        bias_initializer={"class_name": "Zeros", "config": {}}, kernel_regularizer={"class_name": "L2", "config": {"l2": 0.01}},
        bias_regularizer=None, activity_regularizer=None, kernel_constraint=None, bias_constraint=None, **config,
    )


c1, d1, c2, d2 = array(3, 3, 2, 3), array(3), array(27, 4), array(4)
features = {
    "class_name": "Sequential",
    "config": {
        "name": "features",
        "layers": [
            {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 8, 8, 2], "dtype": "float32", "sparse": False, "ragged": False, "name": "conv_input"}},
            old_conv("conv", 3),
            old("MaxPooling2D", "pool", pool_size=[2, 2], padding="valid", strides=[2, 2], data_format="channels_last"),
            old("Flatten", "flat", data_format="channels_last"),
        ],
    },
}
earlier = {
    "class_name": "Functional",
    "config": {
        "name": "model",
        "trainable": True,
        "layers": [
            {
                "class_name": "InputLayer",
                "config": {"batch_input_shape": [None, 8, 8, 2], "dtype": "float32", "sparse": False, "ragged": False, "name": "input_1"},
                "name": "input_1",
                "inbound_nodes": [],
            },
            {**features, "name": "features", "inbound_nodes": [[["input_1", 0, 0, {}]]]},
            old(
                "Dense", "classes", [[["features", 1, 0, {}]]], units=4, activation="sigmoid", use_bias=True,
                kernel_initializer={"class_name": "GlorotUniform", "config": {"seed": None}},
                bias_initializer={"class_name": "Zeros", "config": {}}, kernel_regularizer=None, bias_regularizer=None,
                activity_regularizer=None, kernel_constraint=None, bias_constraint=None,
            ),
            old("Multiply", "product", [[["classes", 0, 0, {}], ["classes", 0, 0, {}]]]),
        ],
        "input_layers": [["input_1", 0, 0]],
        "output_layers": [["product", 0, 0]],
    },
}
training = {
    "loss": "binary_crossentropy",
    "metrics": [["mae"]],
    "weighted_metrics": None,
    "loss_weights": None,
    "optimizer_config": {"class_name": "SGD", "config": {"name": "SGD", "learning_rate": 0.01, "momentum": 0.9, "nesterov": True}},
}
save_h5(
    "earlier.h5",
    earlier,
    training,
    {
        "input_1": {},
        "features": {"conv/kernel:0": c1, "conv/bias:0": d1},
        "classes": {"classes/kernel:0": c2, "classes/bias:0": d2},
        "product": {},
    },
)
x = array(3, 8, 8, 2)
y = torch.relu(F.conv2d(t(x).permute(0, 3, 1, 2), t(c1).permute(3, 2, 0, 1), t(d1)))
y = F.max_pool2d(y, 2).permute(0, 2, 3, 1).reshape(3, -1)
y = torch.sigmoid(y @ t(c2) + t(d2))
record("earlier", [x], [y * y])

(here / "keras.golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
