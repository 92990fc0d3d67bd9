"""Scaled dot-product attention in PyTorch, for benchmarks/ops/attention-peer.bench.ts: one sample per line read from
standard input, answered with its seconds.

    python attention.py THREADS WORKLOADS_JSON

A workload is {lengths, heads, size, causal}. Rows of unequal length are padded to the longest, with a mask, as users of
the library do. q, k and v are views of one projection (batch, time, 3, heads, size); `--apart` makes them contiguous.
"""
import json
import sys
import time

import torch
from torch.nn.functional import scaled_dot_product_attention

threads, workloads = int(sys.argv[1]), json.loads(sys.argv[2])
torch.set_num_threads(threads)
torch.manual_seed(1)


def prepare(work):
    lengths, heads, size = work["lengths"], work["heads"], work["size"]
    batch, longest = len(lengths), max(lengths)
    packed = torch.randn(batch, longest, 3, heads, size)
    q, k, v = packed.permute(2, 0, 3, 1, 4).unbind(0)
    if "--apart" in sys.argv:
        q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
    mask = None
    if min(lengths) < longest:
        mask = (torch.arange(longest) < torch.tensor(lengths)[:, None])[:, None, None, :]
        if work["causal"]:
            mask = mask & torch.ones(longest, longest, dtype=torch.bool).tril()
    leaves = [t.detach().requires_grad_() for t in (q, k, v)]
    upstream = torch.randn(batch, longest, heads, size).transpose(1, 2)
    causal = work["causal"] and mask is None
    attend = lambda: scaled_dot_product_attention(*leaves, attn_mask=mask, is_causal=causal)
    return leaves, upstream, attend


prepared = [prepare(work) for work in workloads]


def sample(index, part, repeats):
    leaves, upstream, attend = prepared[index]
    total = 0.0
    for run in range(repeats + 1):
        if run == 1:
            total = 0.0  # the first one woke the threads up
        if part == "forward":
            with torch.no_grad():
                start = time.perf_counter()
                attend()
                total += time.perf_counter() - start
        else:
            output = attend()
            start = time.perf_counter()
            torch.autograd.grad(output, leaves, upstream)
            total += time.perf_counter() - start
    return total / repeats


print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
for request in sys.stdin:
    index, part, repeats = request.split()
    print(json.dumps({"seconds": sample(int(index), part, int(repeats))}), flush=True)
