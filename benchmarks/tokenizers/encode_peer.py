"""The same work in Hugging Face tokenizers, one run per line read from standard input. Prints seconds and tokens.

    python encode_peer.py TOKENIZER_JSON TEXT
"""
import json
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import tokenizers


def run(path, lines):
    """A fresh tokenizer encodes all lines in one batch; every field is read."""
    tokenizer = tokenizers.Tokenizer.from_file(path)
    start = time.perf_counter()
    tokens = 0
    for encoding in tokenizer.encode_batch(lines):
        for field in (encoding.type_ids, encoding.attention_mask, encoding.special_tokens_mask, encoding.offsets,
                      encoding.tokens, encoding.word_ids, encoding.sequence_ids):
            len(field)
        tokens += len(encoding.ids)
    return {"seconds": time.perf_counter() - start, "tokens": tokens}


with open(sys.argv[2], encoding="utf-8", newline="\n") as handle:
    text_lines = handle.read().split("\n")
print(json.dumps({"version": tokenizers.__version__}), flush=True)
for _ in sys.stdin:
    print(json.dumps(run(sys.argv[1], text_lines)), flush=True)
