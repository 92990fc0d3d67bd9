"""PyTorch and Transformers as an engine of the benchmark driver: reads requests, answers each with a line of JSON.

The requests are those of benchmarks/engines/tasks.ts. Ops are in torch_ops.py, BERT in torch_models.py.
"""
import json
import sys
import time

import numpy
import torch

import torch_models
import torch_ops


def load(task, threads):
    torch.set_num_threads(threads)
    module = torch_models if task["kind"] in ("inference", "training") else torch_ops
    return module.load(task)


def main():
    loaded = None
    for line in sys.stdin:
        try:
            request = json.loads(line)
            if request["command"] == "load":
                loaded = None
                loaded = load(request["task"], request["threads"])
                answer = {"ok": True, "note": f"capability {torch.backends.cpu.get_cpu_capability()}"}
            elif request["command"] == "output":
                numpy.asarray(loaded.output(), dtype=numpy.float32).tofile(request["file"])
                answer = {"ok": True}
            else:
                start = time.perf_counter()
                loss = loaded.run(request["repeats"], request["index"])
                answer = {"ms": (time.perf_counter() - start) * 1e3 / request["repeats"]}
                if loss is not None:
                    answer["loss"] = loss
        except Exception as error:  # the driver reports it as "not available"
            answer = {"error": {"code": type(error).__name__, "message": str(error)[:500]}}
        print(json.dumps(answer), flush=True)


main()
