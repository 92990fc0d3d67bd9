"""The ops of a decoding step in PyTorch, as Transformers' generate calls them, for benchmarks/ops/decoding-peer.ts: the
name of a workload per line of standard input, answered with the seconds of its second run.

    python decoding.py THREADS SIZES_JSON
"""
import json
import sys
import time

import torch
from torch.nn.functional import log_softmax, scaled_dot_product_attention
from transformers import LogitsProcessorList
from transformers.generation import logits_process as processors

threads, sizes = int(sys.argv[1]), json.loads(sys.argv[2])
torch.set_num_threads(threads)
torch.manual_seed(1)
sources, beams = sizes["sources"], sizes["beams"]
rows, words, past = sources * beams, sizes["words"], sizes["past"]

# A cache holds (rows, heads, tokens, size); the source's keys are repeated for each beam.
def attention(tokens):
    q = torch.randn(rows, sizes["heads"], 1, sizes["size"])
    k, v = (torch.randn(rows, sizes["heads"], tokens, sizes["size"]) for _ in range(2))
    return lambda: scaled_dot_product_attention(q, k, v)


logits = torch.randn(rows, words) * 3
scores = torch.randn(rows)
history = torch.randint(0, words, (rows, past))


def beam_step():
    total = log_softmax(logits, dim=-1).view(sources, beams, words) + scores.view(sources, beams, 1)
    return torch.topk(total.view(sources, -1), k=2 * beams)


def processing(*chain):
    chain = LogitsProcessorList(chain)
    return lambda: chain(history, logits)


workloads = {
    "self attention": attention(past),
    "self attention, shared past": attention(past),
    "cross attention": attention(sizes["source"]),
    "top-k": lambda: torch.topk(logits, 2 * beams),
    "beam step": beam_step,
    "sampling": processing(
        processors.TemperatureLogitsWarper(0.7), processors.TopKLogitsWarper(50), processors.TopPLogitsWarper(0.9)
    ),
    "nucleus": processing(processors.TopPLogitsWarper(0.9)),
    "penalty and n-grams": processing(
        processors.RepetitionPenaltyLogitsProcessor(1.2), processors.NoRepeatNGramLogitsProcessor(3)
    ),
}


@torch.no_grad()
def sample(run):
    run()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
for request in sys.stdin:
    print(json.dumps({"seconds": sample(workloads[request.strip()])}), flush=True)
