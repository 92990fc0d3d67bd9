"""Transformers' generate for benchmarks/generation/main.ts: one JSON line in, one out.

    python torch_peer.py FOLDER THREADS

In: {"sources": [[ids]], "options": {...}}; out: {"seconds", "sequences", "scores"}. Sources are padded to the longest, as
Transformers needs it; the padding is not timed.
"""
import json
import sys
import time

import torch
import transformers


def load(folder):
    config = transformers.AutoConfig.from_pretrained(folder)
    auto = transformers.AutoModelForSeq2SeqLM if config.is_encoder_decoder else transformers.AutoModelForCausalLM
    return auto.from_pretrained(folder).eval()


def main():
    folder, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    model = load(folder)
    pad = model.config.pad_token_id or 0
    for line in sys.stdin:
        request = json.loads(line)
        sources = request["sources"]
        longest = max(map(len, sources))
        ids = torch.tensor([s + [pad] * (longest - len(s)) for s in sources])
        mask = torch.tensor([[1] * len(s) + [0] * (longest - len(s)) for s in sources])
        with torch.inference_mode():
            start = time.perf_counter()
            out = model.generate(input_ids=ids, attention_mask=mask, do_sample=False, return_dict_in_generate=True,
                                 output_scores=request["options"].get("num_beams", 1) > 1, **request["options"])
            seconds = time.perf_counter() - start
        scores = getattr(out, "sequences_scores", None)
        print(json.dumps({"seconds": seconds, "sequences": out.sequences.tolist(),
                          "scores": scores.tolist() if scores is not None else None}), flush=True)


if __name__ == "__main__":
    main()
