"""Inputs for benchmarks/ops/numerics.ts, and the table of its results beside PyTorch's float32, both against PyTorch's
float64 on the same inputs. Files are raw little-endian float32 or int32.

    numerics.py FOLDER write
    numerics.py FOLDER compare
"""
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

folder, task = sys.argv[1:]
torch.manual_seed(20240)


def path(name):
    return os.path.join(folder, name + ".bin")


def grid(low, high):
    """A million even points, and points that shrink towards 0 on both sides."""
    even = torch.linspace(low, high, 1_000_000)
    shrinking = high * torch.exp(-torch.linspace(0, 40, 20_000))
    return torch.cat([even, shrinking, -shrinking.clamp(max=-low)])


ids = torch.randint(0, 500, (20_000,)).int()
labels = torch.randint(0, 30522, (64,)).int()
# Name, length, standard deviation of q and k, causal. 12 heads of 64.
attentions = [
    ("attention 384, sd 1", 384, 1.0, False), ("attention 384, sd 3", 384, 3.0, False),
    ("attention 1024, sd 1, causal", 1024, 1.0, True),
]
shapes = {
    "grid": (-1,), "exp_grid": (-1,), "positive_grid": (-1,), "near_scores": (2000, 128), "scores": (2000, 128), "logits": (64, 30522), "rows": (1000, 768),
    "far_rows": (1000, 768), "dy": (1000, 768), "dscores": (2000, 128), "norm_weight": (768,), "norm_bias": (768,),
    "hidden": (64, 768), "words": (30522, 768), "words_bias": (30522,), "p": (-1,), "g": (-1,),
    "gate": (500, 4096), "dlookup": (20_000, 64),
}
inputs = {
    "grid": lambda: grid(-20, 20), "exp_grid": lambda: grid(-87, 88),
    "scores": lambda: 5 * torch.randn(2000, 128), "logits": lambda: 3 * torch.randn(64, 30522),
    "rows": lambda: torch.randn(1000, 768), "far_rows": lambda: 50 + torch.randn(1000, 768),
    "dy": lambda: torch.randn(1000, 768), "dscores": lambda: torch.randn(2000, 128),
    "norm_weight": lambda: torch.randn(768), "norm_bias": lambda: torch.randn(768),
    "hidden": lambda: torch.randn(64, 768), "words": lambda: 0.05 * torch.randn(30522, 768),
    "words_bias": lambda: torch.randn(30522), "p": lambda: torch.randn(1_000_000), "g": lambda: torch.randn(1_000_000),
    "gate": lambda: 3 * torch.randn(500, 4096), "dlookup": lambda: torch.randn(20_000, 64),
    "positive_grid": lambda: torch.linspace(1e-3, 30, 1_000_000), "near_scores": lambda: torch.randn(2000, 128),
}
for name, length, deviation, _ in attentions:
    for part, scale in (("q", deviation), ("k", deviation), ("v", 1.0), ("do", 1.0)):
        shapes[f"{name} {part}"] = (length, 768)
        inputs[f"{name} {part}"] = lambda n=length, s=scale: s * torch.randn(n, 768)


def elementwise(f, name):
    def run(t):
        x = t[name].clone().requires_grad_()
        y = f(x)
        y.sum().backward()
        return [y, x.grad]
    return run


def rowwise(f, names, upstream):
    def run(t):
        leaves = [t[name].clone().requires_grad_() for name in names]
        y = f(*leaves)
        y.backward(t[upstream] if upstream else None)
        return [y] + [leaf.grad for leaf in leaves]
    return run


def adamw(t):
    p = t["p"].clone().requires_grad_()
    p.grad = t["g"].clone()
    optimizer = torch.optim.AdamW([p], lr=1e-3, weight_decay=0.01)
    for _ in range(3):
        optimizer.step()
    return [p]


def layer_norm(x, w, b):
    return F.layer_norm(x, (768,), w, b, 1e-12)


def rms_norm(x, w):
    return F.rms_norm(x, (768,), w, 1e-6)


def projected(x, w, b):
    return F.cross_entropy(x @ w.T + b, labels.long())


def gated(x):
    g, u = x.chunk(2, dim=1)
    return F.gelu(g, approximate="tanh") * u


def attend(causal):
    def run(q, k, v):
        q, k, v = [t.reshape(1, -1, 12, 64).transpose(1, 2) for t in (q, k, v)]
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2).reshape(-1, 768)
    return run


# Name, PyTorch's side, and what its results are called. In the order of numerics.ts.
cases = {
    "exp": (elementwise(torch.exp, "exp_grid"), ["y", "dx"]),
    "tanh": (elementwise(torch.tanh, "grid"), ["y", "dx"]),
    "sigmoid": (elementwise(torch.sigmoid, "grid"), ["y", "dx"]),
    "gelu": (elementwise(F.gelu, "grid"), ["y", "dx"]),
    "gelu_tanh": (elementwise(lambda x: F.gelu(x, approximate="tanh"), "grid"), ["y", "dx"]),
    "silu": (elementwise(F.silu, "grid"), ["y", "dx"]),
    "log": (elementwise(torch.log, "positive_grid"), ["y", "dx"]),
    "sqrt": (elementwise(torch.sqrt, "positive_grid"), ["y", "dx"]),
    "gated_gelu_tanh": (rowwise(lambda x: gated(x).sum(), ["gate"], None), ["sum", "dx"]),
    "softmax": (rowwise(lambda x: F.softmax(x, -1), ["scores"], "dscores"), ["y", "dx"]),
    "softmax, sd 1": (rowwise(lambda x: F.softmax(x, -1), ["near_scores"], "dscores"), ["y", "dx"]),
    "log_softmax": (rowwise(lambda x: F.log_softmax(x, -1), ["scores"], "dscores"), ["y", "dx"]),
    "layer_norm": (rowwise(layer_norm, ["rows", "norm_weight", "norm_bias"], "dy"), ["y", "dx", "dweight", "dbias"]),
    "layer_norm, mean 50": (
        rowwise(layer_norm, ["far_rows", "norm_weight", "norm_bias"], "dy"), ["y", "dx", "dweight", "dbias"]),
    "rms_norm": (rowwise(rms_norm, ["rows", "norm_weight"], "dy"), ["y", "dx", "dweight"]),
    "cross_entropy": (rowwise(lambda x: F.cross_entropy(x, labels.long()), ["logits"], None), ["loss", "dx"]),
    "linear_cross_entropy": (
        rowwise(projected, ["hidden", "words", "words_bias"], None), ["loss", "dx", "dweight", "dbias"]),
    "adamw, 3 steps": (adamw, ["p"]),
    **{
        name: (rowwise(attend(causal), [f"{name} {part}" for part in "qkv"], f"{name} do"), ["o", "dq", "dk", "dv"])
        for name, _, _, causal in attentions
    },
    "embedding": (
        rowwise(lambda w: F.embedding(ids.long(), w), ["lookup_table"], "dlookup"), ["y", "dweight"]),
}

if task == "write":
    for name, make in inputs.items():
        make().float().numpy().tofile(path(name))
    ids.numpy().tofile(path("ids"))
    labels.numpy().tofile(path("labels"))
    sys.exit()

tensors = {name: torch.from_numpy(np.fromfile(path(name), np.float32)).reshape(shapes[name]) for name in inputs}
tensors["lookup_table"] = tensors["words"].reshape(-1, 64)[:500]
ids = torch.from_numpy(np.fromfile(path("ids"), np.int32))
labels = torch.from_numpy(np.fromfile(path("labels"), np.int32))
doubles = {name: t.double() for name, t in tensors.items()}
columns = ["function", "result", "ours, absolute", "PyTorch", "ours, of largest", "PyTorch", "mean square, ours / PyTorch"]
print(f"| {' | '.join(columns)} |\n| {' | '.join('---' for _ in columns)} |")
for name, (run, results) in cases.items():
    exact, theirs = run(doubles), run(tensors)
    for i, result in enumerate(results):
        e = exact[i].detach().flatten()
        ours = torch.from_numpy(np.fromfile(path(f"{name}.{i}"), np.float32)).double()
        differences = [x - e for x in (ours, theirs[i].detach().double().flatten())]
        errors = [d.abs().max().item() for d in differences]
        squares = [d.square().mean().sqrt().item() for d in differences]
        ratio = squares[0] / squares[1] if squares[1] > 0 else 1.0
        largest = e.abs().max().item()
        scaled = [error / largest for error in errors]
        print(f"| {name} | {result} | {errors[0]:.1e} | {errors[1]:.1e} | {scaled[0]:.1e} | {scaled[1]:.1e} | {ratio:.2f} |")
