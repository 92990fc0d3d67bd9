"""Ops in PyTorch, on the same numbers as benchmarks/engines/athanor-ops.ts."""
import numpy
import torch
import torch.nn.functional as F


def hashed(shape, seed, scale, requires_grad=False):
    """Numbers in [-scale, scale): `hashed` of benchmarks/engines/tasks.ts."""
    count = int(numpy.prod(shape))
    h = numpy.arange(count, dtype=numpy.uint32) + numpy.uint32(seed * 0x9E3779B1 & 0xFFFFFFFF)
    h *= numpy.uint32(0x85EBCA6B)
    h = (h ^ (h >> numpy.uint32(16))) * numpy.uint32(0xC2B2AE35)
    h ^= h >> numpy.uint32(13)
    values = ((h >> numpy.uint32(8)) / 8388608.0 - 1) * scale
    return torch.from_numpy(values.astype(numpy.float32).reshape(shape)).requires_grad_(requires_grad)


def integers(count, below):
    return (torch.arange(count) * 7919 + 13) % below


class ForwardRuns:
    def __init__(self, forward):
        self.forward = forward
        self.run(2, 0)

    def run(self, repeats, _):
        with torch.no_grad():
            for turn in range(repeats):
                self.forward(turn)

    def output(self):
        with torch.no_grad():
            return self.forward(0).reshape(-1)


class BackwardRuns:
    """The forward pass runs once and its graph is kept: what is timed is the gradient alone."""

    def __init__(self, forward, leaves):
        self.leaves = leaves
        self.y = forward(0)
        shape = tuple(self.y.shape)
        self.upstream = hashed(shape or (1,), 99, 1).reshape(shape)
        self.run(2, 0)

    def run(self, repeats, _):
        for _ in range(repeats):
            for leaf in self.leaves:
                leaf.grad = None
            self.y.backward(self.upstream, retain_graph=True)

    def output(self):
        return self.leaves[0].grad.reshape(-1)


class AdamwRuns:
    def __init__(self, count, size):
        self.parameters = [hashed((size,), i + 1, 1, True) for i in range(count)]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=1e-3, weight_decay=0.01, fused=True)
        for i, parameter in enumerate(self.parameters):
            parameter.grad = hashed((size,), 500 + i, 1)
        self.run(2, 0)
        self.after_two = self.parameters[0].detach().clone()  # engines take different numbers of steps

    def run(self, repeats, _):
        for _ in range(repeats):
            self.optimizer.step()

    def output(self):
        return self.after_two


def load(task):
    if task["kind"] == "op" and task["op"] == "adamw":
        return AdamwRuns(*task["shape"])
    make = {"linear": linear, "attention": attention, "op": row_op}[task["kind"]]
    forward, leaves = make(task)
    return ForwardRuns(forward) if task["pass"] == "forward" else BackwardRuns(forward, leaves)


def linear(task):
    rows, inputs, outputs, count = task["rows"], task["inputs"], task["outputs"], task["weights"]
    x = hashed((rows, inputs), 1, 1, task["pass"] == "dx")
    weights = [hashed((outputs, inputs), 2 + i, 0.05, task["pass"] == "dw") for i in range(count)]
    bias = hashed((outputs,), 1000, 1) if task["pass"] == "forward" else None
    if task.get("dtype") == "bf16":
        raise NotImplementedError("float32 activations with bfloat16 weights are not an operation of PyTorch")
    return lambda turn: F.linear(x, weights[turn % count], bias), [x] if task["pass"] == "dx" else [weights[0]]


def attention(task):
    batch, length, heads = task["batch"], task["length"], task["heads"]
    width = heads * 64
    leaves = [hashed((batch * length, width), seed, 1, task["pass"] == "backward") for seed in (1, 2, 3)]

    def forward(_):
        q, k, v = [t.view(batch, length, heads, 64).transpose(1, 2) for t in leaves]
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch * length, width)

    return forward, leaves


def row_op(task):
    op, (rows, width), graded = task["op"], task["shape"], task["pass"] == "backward"
    if op == "embedding":
        tables = [hashed((size, width), i + 1, 1, graded) for i, size in enumerate((30522, 512, 2))]
        ids = [integers(rows, 30522), integers(rows, 128), integers(rows, 2)]
        return lambda _: sum(F.embedding(i, table) for i, table in zip(ids, tables)), tables
    x = hashed((rows, width), 1, 2, graded)
    if op == "gelu":
        return lambda _: F.gelu(x), [x]
    if op == "softmax":
        return lambda _: F.softmax(x, -1), [x]
    if op == "cross_entropy":
        labels = integers(rows, width)
        return lambda _: F.cross_entropy(x, labels), [x]
    weight, bias = hashed((width,), 2, 1, graded), hashed((width,), 3, 1, graded)
    if op == "layer_norm":
        return lambda _: F.layer_norm(x, (width,), weight, bias, 1e-12), [x, weight, bias]
    residual = hashed((rows, width), 4, 1, graded)
    forward = lambda _: F.layer_norm(x + residual, (width,), weight, bias, 1e-12)
    return forward, [x, residual, weight, bias]
