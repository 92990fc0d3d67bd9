"""PyTorch's side of benchmarks/ops/elementwise-peer.ts: for each line with the name of a case, runs it a few times
and prints the milliseconds of one run. Two threads, as the other side."""
import sys
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(2)
torch.manual_seed(1)
rows, width, inner = 1024, 768, 3072


def leaf(*shape):
    return torch.randn(*shape, requires_grad=True)


x, residual, weight, bias = leaf(rows, width), leaf(rows, width), leaf(width), leaf(width)
wide, gate, scores, logits, words = leaf(rows, inner), leaf(rows, 4096), leaf(12288, 128), leaf(160, 30522), leaf(30522, width)
labels, ids = torch.randint(0, 30522, (160,)), torch.randint(0, 30522, (rows,))
dy, dwide, dscores, dgate = torch.randn(rows, width), torch.randn(rows, inner), torch.randn(12288, 128), torch.randn(rows, 2048)
parameter = leaf(20_000_000)
parameter.grad = torch.randn(20_000_000)
optimizer = torch.optim.AdamW([parameter], lr=1e-3, weight_decay=0.01, fused=True)


def forward(f):
    def run():
        with torch.no_grad():
            f()
    return run


def both(f, upstream, leaves):
    def run():
        f().backward(upstream)
        for t in leaves:
            t.grad = None
    return run


def gated():
    g, u = gate.chunk(2, dim=1)
    return F.silu(g) * u


def norm():
    return F.layer_norm(x, (width,), weight, bias)


def fused():
    return F.layer_norm(x + residual, (width,), weight, bias)


def dropped():
    return F.layer_norm(x + F.dropout(residual, 0.1), (width,), weight, bias)


def rms():
    return F.rms_norm(x, (width,), weight, 1e-6)


def clipped_step():
    torch.nn.utils.clip_grad_norm_([parameter], 1.0)
    optimizer.step()


cases = {
    "copy": forward(lambda: wide * 1),
    "add": forward(lambda: x + residual),
    "exp": forward(lambda: torch.exp(wide)),
    "tanh": forward(lambda: torch.tanh(wide)),
    "tanh backward": both(lambda: torch.tanh(wide), dwide, [wide]),
    "gelu": forward(lambda: F.gelu(wide)),
    "gelu backward": both(lambda: F.gelu(wide), dwide, [wide]),
    "gelu tanh": forward(lambda: F.gelu(wide, approximate="tanh")),
    "gelu tanh backward": both(lambda: F.gelu(wide, approximate="tanh"), dwide, [wide]),
    "gated silu": forward(gated),
    "gated silu backward": both(gated, dgate, [gate]),
    "softmax": forward(lambda: F.softmax(scores, -1)),
    "softmax backward": both(lambda: F.softmax(scores, -1), dscores, [scores]),
    "layer_norm": forward(norm),
    "layer_norm backward": both(norm, dy, [x, weight, bias]),
    "residual + layer_norm": forward(fused),
    "residual + layer_norm backward": both(fused, dy, [x, residual, weight, bias]),
    "dropout + residual + layer_norm": forward(dropped),
    "dropout + residual + layer_norm backward": both(dropped, dy, [x, residual, weight, bias]),
    "rms_norm": forward(rms),
    "rms_norm backward": both(rms, dy, [x, weight]),
    "dropout": forward(lambda: F.dropout(x, 0.1)),
    "cross_entropy": forward(lambda: F.cross_entropy(logits, labels)),
    "cross_entropy backward": both(lambda: F.cross_entropy(logits, labels), None, [logits]),
    "embedding": forward(lambda: F.embedding(ids, words)),
    "embedding backward": both(lambda: F.embedding(ids, words), dy, [words]),
    "adamw": optimizer.step,
    "clipping + adamw": clipped_step,
}

repeats = 5
for line in sys.stdin:
    run = cases[line.strip()]
    begin = time.perf_counter()
    for _ in range(repeats):
        run()
    print((time.perf_counter() - begin) * 1e3 / repeats, flush=True)
