"""T5's tokenizer in Hugging Face tokenizers, one run per line read from standard input. Prints milliseconds.

    python sentencepiece_peer.py FOLDER_WITH_SPIECE_MODEL TEXT
"""

import json
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import tokenizers
from transformers import T5Tokenizer

described = T5Tokenizer.from_pretrained(sys.argv[1]).backend_tokenizer.to_str()
with open(sys.argv[2], encoding="utf-8", newline="\n") as handle:
    lines = handle.read().split("\n")


def read_all(encodings):
    total = 0
    for e in encodings:
        total += len(e.ids) + len(e.type_ids) + len(e.attention_mask) + len(e.special_tokens_mask)
        total += len(e.offsets) + len(e.tokens) + len(e.word_ids) + len(e.sequence_ids)
    return total


print(json.dumps({"tokenizers": tokenizers.__version__}), flush=True)
for _ in sys.stdin:
    tokenizer = tokenizers.Tokenizer.from_str(described)
    start = time.perf_counter()
    read_all(tokenizer.encode_batch(lines))
    print(json.dumps({"ms": (time.perf_counter() - start) * 1e3}), flush=True)
