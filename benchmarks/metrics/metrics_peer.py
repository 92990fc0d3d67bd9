"""The same work in the original programs, one run per line read from standard input. Prints seconds and score.

    python metrics_peer.py TEXTS_JSON

The first line printed names the version of the original behind each workload, or null where it is not installed.
"""
import importlib.metadata
import json
import logging
import sys
import time

with open(sys.argv[1], encoding="utf-8") as handle:
    texts = json.load(handle)
ours, theirs = texts["ours"], texts["theirs"]
logging.getLogger("sacrebleu").setLevel(logging.ERROR)


def load(name):
    """The package, or None."""
    try:
        return __import__(name)
    except ImportError:
        return None


def version(package, name):
    return package and f"{name} {importlib.metadata.version(name.replace('_', '-'))}"


sacrebleu = load("sacrebleu")
rouge_score = load("rouge_score")
seqeval = load("seqeval")


def forget():
    """Empties sacreBLEU's caches of tokenized lines, so that every run does the work of a first one."""
    if sacrebleu is None:
        return
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
    from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp
    from sacrebleu.tokenizers.tokenizer_ter import TercomTokenizer

    for tokenizer in (Tokenizer13a, TokenizerRegexp, TercomTokenizer):
        tokenizer.__call__.cache_clear()


def rouge_l():
    from rouge_score import rouge_scorer

    scorer = rouge_scorer.RougeScorer(["rougeL"])
    return sum(scorer.score(t, o)["rougeL"].fmeasure for o, t in zip(ours, theirs)) / len(ours)


def entity_f1():
    from seqeval.metrics import f1_score

    return f1_score([t.split(" ") for t in theirs], [o.split(" ") for o in ours])


def corpus_score(metric):
    return metric.corpus_score(ours, [theirs]).score


work = {
    "bleu": (version(sacrebleu, "sacrebleu"), lambda: corpus_score(sacrebleu.BLEU())),
    "chrf": (version(sacrebleu, "sacrebleu"), lambda: corpus_score(sacrebleu.CHRF())),
    "chrf++": (version(sacrebleu, "sacrebleu"), lambda: corpus_score(sacrebleu.CHRF(word_order=2))),
    "ter": (version(sacrebleu, "sacrebleu"), lambda: corpus_score(sacrebleu.TER())),
    "rougeL": (version(rouge_score, "rouge_score"), rouge_l),
    "seqeval": (version(seqeval, "seqeval"), entity_f1),
}
print(json.dumps({name: original for name, (original, _) in work.items()}), flush=True)
for request in sys.stdin:
    forget()
    start = time.perf_counter()
    score = work[request.strip()][1]()
    print(json.dumps({"seconds": time.perf_counter() - start, "score": score}), flush=True)
