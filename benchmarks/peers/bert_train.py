"""The peer of benchmarks/models/bert-train.bench.ts in PyTorch and Transformers: the same model, sizes and step.
    python benchmarks/peers/bert_train.py [steps] [batch] [length] [threads]
"""
import json
import statistics
import sys
import time

import torch
import transformers

steps, size, length, threads = [int(v) for v in sys.argv[1:]] + [20, 8, 128, 2][len(sys.argv) - 1:]
torch.set_num_threads(threads)
torch.manual_seed(1)
model = transformers.BertForSequenceClassification(transformers.BertConfig())
model.train()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5, weight_decay=0.01, fused=True)
ids = torch.tensor([[1000 + ((b * 7919 + i * 104729) % 20000) for i in range(length)] for b in range(size)])
labels = torch.tensor([b % 2 for b in range(size)])
seconds, losses = [], []
for step in range(steps + 2):
    begin = time.perf_counter()
    optimizer.zero_grad()
    loss = model(input_ids=ids, labels=labels).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
    if step >= 2:
        seconds.append(time.perf_counter() - begin)
print(json.dumps({
    "benchmark": "bert-base training step", "batch": size, "length": length, "dtype": "f32", "steps": steps,
    "medianSeconds": statistics.median(seconds), "spread": [min(seconds), max(seconds)],
    "tokensPerSecond": size * length / statistics.median(seconds), "firstLoss": losses[0], "lastLoss": losses[-1],
    "peer": f"torch {torch.__version__}, transformers {transformers.__version__}, {threads} threads",
    "attention": model.config._attn_implementation,
}))
