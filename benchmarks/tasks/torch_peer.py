"""The same training in PyTorch and Transformers: reads a job (benchmarks/tasks/job.ts) and answers requests.

The job holds the tokens and labels of every step and its learning rate, so that data order, masks and schedule are
the same by construction. What is here is what Transformers' Trainer does with them: batches padded to their longest
row, the model's own loss, gradients clipped, AdamW. The loss of question answering is taken over real tokens, as
Athanor's; Transformers' own counts padding.
"""
import json
import sys
import time

import numpy
import torch
import torch.nn.functional as F
import transformers

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

IGNORED = -100


def rectangle(rows, value):
    longest = max(len(row) for row in rows)
    return torch.tensor([list(row) + [value] * (longest - len(row)) for row in rows])


def tokens_of(examples):
    """What DataCollatorWithPadding makes of a batch."""
    ids = [example["ids"] for example in examples]
    batch = {"input_ids": rectangle(ids, 0), "attention_mask": rectangle([[1] * len(row) for row in ids], 0)}
    if "types" in examples[0]:
        batch["token_type_ids"] = rectangle([example["types"] for example in examples], 0)
    return batch


def token_labels(examples):
    return rectangle([example["labels"] for example in examples], IGNORED)


class Head:
    """A head's labels, its loss and number of labels that the loss counts, and the outputs a task predicts from."""

    def batch(self, examples):
        return {**tokens_of(examples), "labels": torch.tensor([example["labels"] for example in examples])}

    def loss(self, model, batch):
        result = model(**batch)
        return result.loss, self.counted(batch), result

    def counted(self, batch):
        return len(batch["labels"])

    def outputs(self, result, batch):
        return {"logits": result.logits}

    def generated(self, model, batch, options):
        """Sequences, for a task that answers with texts."""
        return []


class SequenceClassification(Head):
    auto = transformers.AutoModelForSequenceClassification


class TokenClassification(Head):
    auto = transformers.AutoModelForTokenClassification

    def batch(self, examples):
        return {**tokens_of(examples), "labels": token_labels(examples)}

    def counted(self, batch):
        return int((batch["labels"] != IGNORED).sum())

    def outputs(self, result, batch):
        return {"logits": result.logits[batch["attention_mask"].bool()]}


class MaskedLM(TokenClassification):
    auto = transformers.AutoModelForMaskedLM

    def outputs(self, result, batch):
        return {"labelLogits": result.logits[batch["labels"] != IGNORED]}


class PreTraining(MaskedLM):
    auto = transformers.AutoModelForPreTraining

    def batch(self, examples):
        batch = super().batch(examples)
        return {**batch, "next_sentence_label": torch.tensor([example["next"] for example in examples])}

    def outputs(self, result, batch):
        wanted = result.prediction_logits[batch["labels"] != IGNORED]
        return {"labelLogits": wanted, "seqRelationshipLogits": result.seq_relationship_logits}


class MultipleChoice(Head):
    auto = transformers.AutoModelForMultipleChoice

    def batch(self, examples):
        flat = tokens_of([choice for example in examples for choice in example["choices"]])
        batch = {name: values.view(len(examples), -1, values.shape[-1]) for name, values in flat.items()}
        return {**batch, "labels": torch.tensor([example["labels"] for example in examples])}

    def outputs(self, result, batch):
        return {"logits": result.logits.reshape(-1)}


class QuestionAnswering(Head):
    auto = transformers.AutoModelForQuestionAnswering

    def batch(self, examples):
        places = {
            name: torch.tensor([example.get(key, IGNORED) for example in examples])
            for name, key in (("starts", "start"), ("ends", "end"))
        }
        return {**tokens_of(examples), **places}

    def loss(self, model, batch):
        batch = dict(batch)
        starts, ends = batch.pop("starts"), batch.pop("ends")
        result = model(**batch)
        padding = batch["attention_mask"] == 0
        mean = lambda logits, labels: F.cross_entropy(logits.masked_fill(padding, -torch.inf), labels)
        return (mean(result.start_logits, starts) + mean(result.end_logits, ends)) / 2, len(starts), result

    def outputs(self, result, batch):
        real = batch["attention_mask"].bool()
        return {"startLogits": result.start_logits[real], "endLogits": result.end_logits[real]}


class CausalLM(TokenClassification):
    auto = transformers.AutoModelForCausalLM

    def counted(self, batch):
        return int((batch["labels"][:, 1:] != IGNORED).sum())

    def outputs(self, result, batch):
        return {}


class Seq2SeqLM(TokenClassification):
    auto = transformers.AutoModelForSeq2SeqLM

    def outputs(self, result, batch):
        return {}

    def generated(self, model, batch, options):
        source = {name: batch[name] for name in ("input_ids", "attention_mask")}
        return model.generate(**source, **options).tolist()


HEADS = {
    f"AutoModelFor{head.__name__}": head
    for head in (
        SequenceClassification,
        TokenClassification,
        MaskedLM,
        PreTraining,
        MultipleChoice,
        QuestionAnswering,
        CausalLM,
        Seq2SeqLM,
    )
}


def names_without_decay(model):
    """As Transformers' Trainer has it: biases by their name, norms by their class."""
    norms = [module for module in model.modules() if "Norm" in type(module).__name__]
    of_norms = {id(parameter) for module in norms for parameter in module.parameters()}
    return {name for name, p in model.named_parameters() if "bias" in name or id(p) in of_norms}


class Engine:
    def __init__(self, request):
        torch.set_num_threads(request["threads"])
        with open(request["job"], encoding="utf-8") as file:
            self.job = json.load(file)
        self.head = HEADS[self.job["head"]]()
        self.model = self.head.auto.from_pretrained(self.job["folder"], dtype=torch.float32).train()
        undecayed = names_without_decay(self.model)
        groups = [
            {
                "params": [p for name, p in self.model.named_parameters() if (name in undecayed) == out],
                "weight_decay": 0.0 if out else self.job["weightDecay"],
            }
            for out in (False, True)
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.999), eps=1e-8, fused=True)
        self.step = 0

    def batch(self, numbers):
        return self.head.batch([self.job["examples"][number] for number in numbers])

    def train(self, steps):
        losses = []
        start = time.perf_counter()
        for _ in range(steps):
            for group in self.optimizer.param_groups:
                group["lr"] = self.job["learningRates"][self.step]
            loss, _, _ = self.head.loss(self.model, self.batch(self.job["steps"][self.step]))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.job["maxGradNorm"])
            self.optimizer.step()
            self.optimizer.zero_grad()
            losses.append(loss.item())
            self.step += 1
        return {"losses": losses, "seconds": time.perf_counter() - start}

    def evaluate(self, file):
        self.model.eval()
        total, weight, batches, sequences = 0.0, 0, [], []
        numbers, size = self.job["evaluation"], self.job["evalBatchSize"]
        with open(file, "wb") as handle, torch.inference_mode():
            for first in range(0, len(numbers), size):
                batch = self.batch(numbers[first : first + size])
                loss, counted, result = self.head.loss(self.model, batch)
                if counted > 0:
                    total, weight = total + loss.item() * counted, weight + counted
                outputs = self.head.outputs(result, batch)
                for values in outputs.values():
                    handle.write(values.numpy().astype(numpy.float32).tobytes())
                batches.append([{"name": name, "shape": list(outputs[name].shape)} for name in outputs])
                sequences += self.head.generated(self.model, batch, self.job["generation"])
        return {"loss": total / max(1, weight), "batches": batches, "sequences": sequences}


def main():
    engine = None
    for line in sys.stdin:
        try:
            request = json.loads(line)
            if request["command"] == "load":
                engine = Engine(request)
                answer = {"engine": f"PyTorch {torch.__version__}, Transformers {transformers.__version__}"}
            elif request["command"] == "train":
                answer = engine.train(request["steps"])
            else:
                answer = engine.evaluate(request["file"])
        except Exception as error:  # the driver reports it
            answer = {"error": {"code": type(error).__name__, "message": str(error)[:500]}}
        print(json.dumps(answer), flush=True)


main()
