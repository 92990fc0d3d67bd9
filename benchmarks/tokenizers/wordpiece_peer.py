"""The same work in Hugging Face tokenizers, one run per line read from standard input. Prints seconds and tokens.

    python wordpiece_peer.py VOCAB_TXT TEXT
"""
import json
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import tokenizers
from tokenizers import BertWordPieceTokenizer

tokenizer = BertWordPieceTokenizer(sys.argv[1], lowercase=True)
with open(sys.argv[2], encoding="utf-8", newline="\n") as handle:
    text = handle.read()
lines = text.split("\n")
work = {
    "lines": lambda: sum(len(tokenizer.encode(line).ids) for line in lines),
    "batch": lambda: sum(len(encoding.ids) for encoding in tokenizer.encode_batch(lines)),
    "whole": lambda: len(tokenizer.encode(text).ids),
}
print(json.dumps({"tokenizers": tokenizers.__version__}), flush=True)
for request in sys.stdin:
    start = time.perf_counter()
    tokens = work[request.strip()]()
    print(json.dumps({"seconds": time.perf_counter() - start, "tokens": tokens}), flush=True)
