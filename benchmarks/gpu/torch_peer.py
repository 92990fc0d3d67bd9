"""The PyTorch side of benchmarks/gpu/main.ts: reads one workload per line, answers with milliseconds per run.

Times are those of CUDA events. Attention takes the fastest of PyTorch's back-ends for the shape, over sequences
padded to the longest, with a mask where they differ.
"""
import json
import sys

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

torch.backends.cuda.matmul.allow_tf32 = False
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}
WARM_UPS = 5


def timed(run, runs):
    for _ in range(WARM_UPS):
        run()
    torch.cuda.synchronize()
    samples = []
    for _ in range(runs):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run()
        end.record()
        end.synchronize()
        samples.append(begin.elapsed_time(end))
    return samples


def with_backward(w, forward, leaves):
    """The forward pass alone, or with the gradients of all leaves."""
    if not w["backward"]:
        def run():
            with torch.no_grad():
                forward()
        return run
    upstream = torch.randn_like(forward())

    def run():
        for leaf in leaves:
            leaf.grad = None
        forward().backward(upstream)
    return run


def linear(w, make):
    s = w["sizes"]
    x, weight, bias = make(s["m"], s["k"]), make(s["n"], s["k"]), make(s["n"])
    if w.get("activation") == "gelu":
        return (lambda: F.gelu(F.linear(x, weight, bias))), [x, weight, bias]
    return (lambda: F.linear(x, weight, bias)), [x, weight, bias]


def attention_candidates(w, make):
    lengths, heads, size = w["lengths"], w["sizes"]["heads"], w["sizes"]["size"]
    longest = max(lengths)
    q, k, v = (make(len(lengths), heads, longest, size) for _ in range(3))
    mask = None
    if min(lengths) != longest:
        column = torch.arange(longest, device="cuda")
        mask = (column[None] < torch.tensor(lengths, device="cuda")[:, None])[:, None, None]
    backends = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION]
    for backend in backends:
        def forward(backend=backend):
            with sdpa_kernel(backend):
                return F.scaled_dot_product_attention(q, k, v, mask, is_causal=w["causal"] and mask is None)
        yield forward, [q, k, v]


def layer_norm(w, make):
    s = w["sizes"]
    x, weight, bias = make(s["rows"], s["width"]), make(s["width"]), make(s["width"])
    return (lambda: F.layer_norm(x, (s["width"],), weight, bias)), [x, weight, bias]


def cross_entropy(w, make):
    s = w["sizes"]
    x = make(s["rows"], s["width"])
    labels = torch.randint(s["width"], (s["rows"],), device="cuda")
    return (lambda: F.cross_entropy(x, labels)), [x]


def embedding(w, make):
    s = w["sizes"]
    table = make(s["rows"], s["width"])
    ids = torch.randint(s["rows"], (s["count"],), device="cuda")
    return (lambda: F.embedding(ids, table)), [table]


def copy(w, make):
    x = make(w["sizes"]["count"])
    y = torch.empty_like(x)
    return (lambda: y.copy_(x)), [x]


def adamw(w):
    parameter = torch.nn.Parameter(torch.randn(w["sizes"]["count"], device="cuda"))
    parameter.grad = torch.randn_like(parameter)
    optimizer = torch.optim.AdamW([parameter], lr=1e-3, fused=True)

    def run():
        torch.nn.utils.clip_grad_norm_([parameter], 1.0)
        optimizer.step()
    return run


def answer(w):
    if w["op"] == "versions":
        return {"versions": {"torch": torch.__version__, "cuda": torch.version.cuda}}

    def make(*shape):
        return torch.randn(*shape, device="cuda", dtype=DTYPES[w["dtype"]], requires_grad=w["backward"])

    if w["op"] == "adamw":
        return {"samples": timed(adamw(w), w["runs"])}
    if w["op"] == "attention":
        best, error = None, None
        for forward, leaves in attention_candidates(w, make):
            try:
                samples = timed(with_backward(w, forward, leaves), w["runs"])
            except RuntimeError as failure:  # a back-end that does not take this shape or mask
                error = str(failure)
                continue
            if best is None or sorted(samples)[len(samples) // 2] < sorted(best)[len(best) // 2]:
                best = samples
        return {"samples": best} if best else {"error": error}
    builders = {f.__name__: f for f in (linear, layer_norm, cross_entropy, embedding, copy)}
    forward, leaves = builders[w["op"]](w, make)
    return {"samples": timed(with_backward(w, forward, leaves), w["runs"])}


for line in sys.stdin:
    try:
        reply = answer(json.loads(line))
    except Exception as failure:  # noqa: BLE001 - the other side reports it and goes on
        reply = {"error": f"{type(failure).__name__}: {failure}"}
    torch.cuda.empty_cache()
    print(json.dumps(reply), flush=True)
