"""BERT and GPT-2 in Transformers: inference as its users run it (padded to the longest of a batch), and training steps."""
import json

import torch
import torch.nn.functional as F
import transformers

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def padded(rows):
    """What DataCollatorWithPadding makes of a batch: a rectangle as wide as the longest row."""
    ids = rows["ids"]
    longest = max(len(row) for row in ids)
    fill = lambda values: torch.tensor([list(row) + [0] * (longest - len(row)) for row in values])
    batch = {
        "input_ids": fill(ids),
        "attention_mask": fill([[1] * len(row) for row in ids]),
        "token_type_ids": fill(rows.get("types") or [[0] * len(row) for row in ids]),
    }
    if "labels" in rows:
        batch["labels"] = torch.tensor(rows["labels"])
    if "starts" in rows:
        batch["start_positions"] = torch.tensor(rows["starts"])
        batch["end_positions"] = torch.tensor(rows["ends"])
    return batch


def read_batches(file):
    with open(file, encoding="utf-8") as handle:
        return [padded(rows) for rows in json.load(handle)]


def language_batch(batch):
    """What DataCollatorForLanguageModeling makes of it: labels are the tokens, padding left out."""
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    return {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"], "labels": labels}


WITHOUT_DROPOUT = {
    "bert": {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
    "gpt2": {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0},
}


class Inference:
    def __init__(self, task):
        if task["dtype"] != "f32":
            raise NotImplementedError(f"this peer runs in float32, not in {task['dtype']}")
        self.model = transformers.AutoModel.from_pretrained(task["folder"], dtype=torch.float32).eval()
        self.batches = read_batches(task["batches"])
        self.run(1, 0)

    def run(self, repeats, _):
        with torch.inference_mode():
            for _ in range(repeats):
                for batch in self.batches:
                    self.model(**batch)

    def output(self):
        parts = []
        with torch.inference_mode():
            for batch in self.batches:
                result = self.model(**batch)
                real = batch["attention_mask"].bool()
                parts += [result.last_hidden_state[real].reshape(-1), result.pooler_output.reshape(-1)]
        return torch.cat(parts).numpy()


def own_loss(model, batch):
    return model(**batch).loss


def real_span_loss(model, batch):
    """The question answering loss with padding left out of its softmax, as Athanor's; Transformers counts it.

    Only the steps without dropout use it, where losses are compared: what is timed is Transformers' own.
    """
    batch = dict(batch)
    starts, ends = batch.pop("start_positions"), batch.pop("end_positions")
    result = model(**batch)
    padding = batch["attention_mask"] == 0
    mean = lambda logits, labels: F.cross_entropy(logits.masked_fill(padding, -torch.inf), labels)
    return (mean(result.start_logits, starts) + mean(result.end_logits, ends)) / 2


class Training:
    def __init__(self, task):
        heads = {
            "classification": transformers.AutoModelForSequenceClassification,
            "question-answering": transformers.AutoModelForQuestionAnswering,
            "causal-language-modeling": transformers.AutoModelForCausalLM,
        }
        language = task["head"] == "causal-language-modeling"
        rates = {} if task["dropout"] else WITHOUT_DROPOUT["gpt2" if language else "bert"]
        torch.manual_seed(1)
        self.model = heads[task["head"]].from_pretrained(task["folder"], dtype=torch.float32, **rates).train()
        without_decay = lambda name: name.endswith("bias") or "LayerNorm" in name or ".ln_" in name
        named = list(self.model.named_parameters())
        groups = [
            {"params": [p for name, p in named if not without_decay(name)], "weight_decay": 0.01},
            {"params": [p for name, p in named if without_decay(name)], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=task["learningRate"], fused=True)
        self.loss = real_span_loss if task["head"] == "question-answering" and not task["dropout"] else own_loss
        self.batches = read_batches(task["batches"])
        if language:
            self.batches = [language_batch(batch) for batch in self.batches]

    def run(self, _, index):
        loss = self.loss(self.model, self.batches[index % len(self.batches)])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.item()


def load(task):
    return Inference(task) if task["kind"] == "inference" else Training(task)
