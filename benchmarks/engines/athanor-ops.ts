// Ops as tasks of the driver. Runs are queued as a model's forward pass queues them, and waited for at the end.
import { synchronize } from "../../src/tensor/device.js";
import * as ops from "../../src/tensor/ops.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { AdamW } from "../../src/training/optimizers/adamw.js";
import { type AttentionTask, hashed, type LinearTask, type Loaded, type OpTask } from "./tasks.js";

const queued = 64; // runs between two waits, well below what the queue takes

/** The function of a run, the tensors whose gradients a backward pass makes, what to free. */
interface Work {
  forward: (turn: number) => Tensor;
  leaves: Tensor[];
  held: Tensor[];
}

function leaf(shape: number[], seed: number, scale: number, requiresGrad = false): Tensor {
  return tensor(hashed(shape[0] * (shape[1] ?? 1), seed, scale), shape, { requiresGrad });
}

function integers(count: number, below: number): Tensor {
  return tensor(
    Int32Array.from({ length: count }, (_, i) => (i * 7919 + 13) % below),
    [count],
  );
}

export async function loadOpTask(task: LinearTask | AttentionTask | OpTask): Promise<Loaded> {
  if (task.kind === "op" && task.op === "adamw") return adamw(task);
  const work = workOf(task);
  return task.pass === "forward" ? forwardRuns(work) : backwardRuns(work);
}

function workOf(task: LinearTask | AttentionTask | OpTask): Work {
  if (task.kind === "linear") return linear(task);
  return task.kind === "attention" ? attention(task) : rowOp(task);
}

async function repeat(repeats: number, run: (turn: number) => void): Promise<void> {
  for (let i = 0; i < repeats; i++) {
    run(i);
    if (i % queued === queued - 1) await synchronize();
  }
  await synchronize();
}

async function forwardRuns({ forward, held }: Work): Promise<Loaded> {
  const run = async (repeats: number) => {
    await repeat(repeats, (turn) => scope(() => void noGrad(() => forward(turn))));
    return undefined;
  };
  await run(2);
  return {
    run,
    output: async () => (await scope(() => noGrad(() => forward(0))).data()) as Float32Array,
    dispose: () => free(held),
  };
}

// The forward pass runs once and its graph is kept: what is timed is the gradient alone.
async function backwardRuns({ forward, leaves, held }: Work): Promise<Loaded> {
  const y = forward(0);
  const upstream = leaf(y.shape.length === 0 ? [1] : y.shape, 99, 1).reshape(y.shape);
  const run = async (repeats: number) => {
    await repeat(repeats, () => {
      for (const t of leaves) t.grad = null;
      y.backward(upstream, { retainGraph: true });
    });
    return undefined;
  };
  await run(2);
  return {
    run,
    output: async () => (await leaves[0].grad!.data()) as Float32Array,
    dispose: () => free([...held, y, upstream]),
  };
}

function free(tensors: Tensor[]): void {
  for (const t of tensors) {
    if (t.requiresGrad && t.grad) t.grad = null;
    t.dispose();
  }
}

function linear(task: LinearTask): Work {
  const { rows, inputs, outputs, weights: count, pass, dtype } = task;
  const x = leaf([rows, inputs], 1, 1, pass === "dx");
  const weights = Array.from({ length: count }, (_, i) => {
    const weight = leaf([outputs, inputs], 2 + i, 0.05, pass === "dw");
    return dtype ? weight.to(dtype) : weight;
  });
  const bias = pass === "forward" ? leaf([outputs], 1000, 1) : null;
  return {
    forward: (turn) => ops.linear(x, weights[turn % count], bias),
    leaves: pass === "dx" ? [x] : [weights[0]],
    held: bias ? [x, bias, ...weights] : [x, ...weights],
  };
}

function attention({ batch, length, heads, pass }: AttentionTask): Work {
  const width = heads * 64;
  const rows = batch * length;
  const offsets = tensor(
    Int32Array.from({ length: batch + 1 }, (_, b) => b * length),
    [batch + 1],
  );
  // Column ranges of one packed projection, as the model's own attention has them.
  const parts = [1, 2, 3].map((seed) => leaf([rows, width], seed, 1));
  const packed = ops.concat(parts, 1);
  const leaves = [0, 1, 2].map((i) => packed.slice(i * width, (i + 1) * width, 1).detach());
  for (const t of leaves) t.requiresGrad = pass === "backward";
  const [q, k, v] = leaves;
  return {
    forward: () => ops.attention(q, k, v, { heads, offsets }),
    leaves,
    held: [...leaves, ...parts, packed, offsets],
  };
}

function rowOp({ op, shape, pass }: OpTask): Work {
  const [rows, width] = shape;
  const graded = pass === "backward";
  if (op === "embedding") return embedding(rows, width, graded);
  const x = leaf(shape, 1, 2, graded);
  if (op === "gelu") return { forward: () => ops.gelu(x), leaves: [x], held: [x] };
  if (op === "softmax") return { forward: () => ops.softmax(x), leaves: [x], held: [x] };
  if (op === "cross_entropy") {
    const labels = integers(rows, width);
    return { forward: () => ops.crossEntropy(x, labels), leaves: [x], held: [x, labels] };
  }
  const weight = leaf([width], 2, 1, graded);
  const bias = leaf([width], 3, 1, graded);
  const residual = op === "add_layer_norm" ? leaf(shape, 4, 1, graded) : null;
  const leaves = residual ? [x, residual, weight, bias] : [x, weight, bias];
  return { forward: () => ops.layerNorm(x, weight, bias, { eps: 1e-12, residual }), leaves, held: leaves };
}

// Word, position and type rows of BERT summed, for rows of 128 tokens.
function embedding(rows: number, width: number, graded: boolean): Work {
  const sizes = [30522, 512, 2];
  const tables = sizes.map((size, i) => leaf([size, width], i + 1, 1, graded));
  const ids = [integers(rows, 30522), integers(rows, 128), integers(rows, 2)];
  return {
    forward: () => ops.embedding(tables.map((table, i) => ({ table, ids: ids[i] }))),
    leaves: tables,
    held: [...tables, ...ids],
  };
}

// shape: how many parameters of how many elements
async function adamw({ shape: [count, size] }: OpTask): Promise<Loaded> {
  const parameters = new Map(
    Array.from({ length: count }, (_, i) => [`p${i}`, leaf([size], i + 1, 1, true)] as const),
  );
  const optimizer = new AdamW(parameters, { lr: 1e-3, weightDecay: 0.01 });
  let seed = 500;
  for (const parameter of parameters.values()) parameter.grad = leaf([size], seed++, 1);
  const run = async (repeats: number) => {
    await repeat(repeats, () => scope(() => void optimizer.step()));
    return undefined;
  };
  await run(2);
  const afterTwo = (await parameters.get("p0")!.data()) as Float32Array; // engines take different numbers of steps
  return {
    run,
    output: async () => afterTwo,
    dispose: () => free([...parameters.values()]),
  };
}
