"""Sentence-Transformers and Transformers as engines of the comparison: answers "load" and "run" lines (see main.ts)."""

import json
import sys
import time

import sentence_transformers
import torch
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss, MultipleNegativesRankingLoss

transformers.utils.logging.disable_progress_bar()


def sentence_encoding(job, outputs):
    model = SentenceTransformer(job["folder"], device="cpu")
    model.encode(job["texts"], convert_to_numpy=True).tofile(outputs)

    def run():
        model.encode(job["texts"], batch_size=32, show_progress_bar=False)
        return {}

    return run, f"sentence-transformers {sentence_transformers.__version__}, torch {torch.__version__}"


def plain_encoding(job, outputs):
    """Batches in the order of the rows, padded to their longest, mean of the real tokens: as Transformers alone is used."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(job["folder"])
    model = transformers.AutoModel.from_pretrained(job["folder"]).eval()

    def encode():
        vectors = []
        with torch.inference_mode():
            for first in range(0, len(job["texts"]), 32):
                inputs = tokenizer(job["texts"][first : first + 32], padding=True, truncation=True, return_tensors="pt")
                mask = inputs["attention_mask"][..., None].float()
                hidden = model(**inputs).last_hidden_state
                vectors.append((hidden * mask).sum(1) / mask.sum(1))
        return torch.cat(vectors)

    encode().numpy().tofile(outputs)

    def run():
        encode()
        return {}

    return run, f"transformers {transformers.__version__}, torch {torch.__version__}"


def training(kind, job):
    model = SentenceTransformer(job["folder"], device="cpu")
    model.train()
    loss_of = MultipleNegativesRankingLoss(model) if kind == "ranking" else CosineSimilarityLoss(model)
    decayed, others = [], []
    for name, parameter in model.named_parameters():
        (others if name.endswith("bias") or "LayerNorm" in name else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=job["learningRate"], fused=True)
    batches = [
        (
            [model.preprocess([pair["texts"][side] for pair in batch]) for side in range(2)],
            torch.tensor([float(pair["score"]) for pair in batch]),
        )
        for batch in job["batches"]
    ]
    step = 0

    def run():
        nonlocal step
        features, scores = batches[step % len(batches)]
        step += 1
        loss = loss_of([dict(feature) for feature in features], scores)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return {"loss": loss.item()}

    return run, f"sentence-transformers {sentence_transformers.__version__}, torch {torch.__version__}"


def load(request):
    with open(request["job"], encoding="utf-8") as file:
        job = json.load(file)
    torch.set_num_threads(request["threads"])
    group, kind = request["workload"].split("/")
    if group == "step":
        return training(kind, job)
    encoding = plain_encoding if request["engine"] == "transformers" else sentence_encoding
    return encoding(job, request["outputs"])


work = None
for line in sys.stdin:
    request = json.loads(line)
    if request["command"] == "load":
        work, engine = load(request)
        answer = {"engine": engine}
    else:
        start = time.perf_counter()
        facts = work()
        answer = {**facts, "ms": 1000 * (time.perf_counter() - start)}
    print(json.dumps(answer), flush=True)
