// Our element-wise and row kernels beside PyTorch's same functions, in processes of their own that take turns: this
// one starts `peers/elementwise.py` with the Python given, asks it for one sample of a case, takes one of its own,
// and so on. Prints a table: medians, GB/s of what must be read and written at least, share of the bandwidth that a
// copy on all threads reaches in the same run, and the ratio to PyTorch.
//   node dist/benchmarks/ops/elementwise-peer.js PYTHON [samples] [case ...]
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setThreads, synchronize } from "../../src/tensor/device.js";
import { add, exp, gelu, geluTanh, mul, tanh } from "../../src/tensor/ops/elementwise.js";
import { gatedSilu } from "../../src/tensor/ops/gated.js";
import { embedding } from "../../src/tensor/ops/linear.js";
import { crossEntropy } from "../../src/tensor/ops/loss.js";
import { dropout, layerNorm, rmsNorm } from "../../src/tensor/ops/norm.js";
import { adamw } from "../../src/tensor/ops/optimizer.js";
import { softmax } from "../../src/tensor/ops/reduce.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { randomData, randomIntegers } from "../../tests/support/random.js";
import { describeMachine, summarise } from "../support/runner.js";

const [python, samples = "25", ...chosen] = process.argv.slice(2);
if (!python) throw new Error("usage: elementwise-peer.js PYTHON [samples] [case ...]");
setThreads(2);

interface Case {
  /** As in elementwise.py. */
  name: string;
  /** Floats that must be read and written at least. */
  floats: number;
  run: () => void;
}

const leaf = (shape: number[], seed: number) =>
  tensor(randomData(shape, seed), shape, { requiresGrad: true });
const [rows, width, inner] = [1024, 768, 3072];
const n = rows * width;
const [x, residual, weight, bias] = [
  leaf([rows, width], 1),
  leaf([rows, width], 2),
  leaf([width], 3),
  leaf([width], 4),
];
const wide = leaf([rows, inner], 5);
const gate = leaf([rows, 4096], 6);
const scores = leaf([12_288, 128], 7);
const logits = leaf([160, 30_522], 8);
const labels = tensor(randomIntegers([160], 9, 0, 30_522), [160]);
const words = leaf([30_522, width], 10);
const ids = tensor(randomIntegers([rows], 11, 0, 30_522), [rows]);
const [dy, dwide, dscores] = [x, wide, scores].map((t, i) => tensor(randomData(t.shape, 20 + i), t.shape));
const dgate = tensor(randomData([rows, 2048], 23), [rows, 2048]);
const parameter = leaf([20_000_000], 12);
parameter.grad = tensor(randomData([20_000_000], 13), [20_000_000]);
const [m, v] = [new Float32Array(20_000_000), new Float32Array(20_000_000)].map((data) =>
  tensor(data, [20_000_000]),
);
const slot = { parameter, m, v, lr: 1e-3, weightDecay: 0.01 };
const options = { beta1: 0.9, beta2: 0.999, eps: 1e-8, step: 1 };

const forward = (f: () => Tensor) => () => scope(() => void noGrad(f));
/** Forward and backward; the gradients go at once. */
const both = (f: () => Tensor, upstream: Tensor | undefined, leaves: Tensor[]) => () => {
  scope(() => f().backward(upstream));
  for (const t of leaves) t.grad = null;
};
const norm = () => layerNorm(x, weight, bias);
const fused = () => layerNorm(x, weight, bias, { residual });
const dropped = () => layerNorm(x, weight, bias, { residual, dropout: 0.1 });

const cases: Case[] = [
  { name: "copy", floats: 2 * rows * inner, run: forward(() => mul(wide, 1)) },
  { name: "add", floats: 3 * n, run: forward(() => add(x, residual)) },
  { name: "exp", floats: 2 * rows * inner, run: forward(() => exp(wide)) },
  { name: "tanh", floats: 2 * rows * inner, run: forward(() => tanh(wide)) },
  { name: "tanh backward", floats: 5 * rows * inner, run: both(() => tanh(wide), dwide, [wide]) },
  { name: "gelu", floats: 2 * rows * inner, run: forward(() => gelu(wide)) },
  { name: "gelu backward", floats: 5 * rows * inner, run: both(() => gelu(wide), dwide, [wide]) },
  { name: "gelu tanh", floats: 2 * rows * inner, run: forward(() => geluTanh(wide)) },
  { name: "gelu tanh backward", floats: 5 * rows * inner, run: both(() => geluTanh(wide), dwide, [wide]) },
  { name: "gated silu", floats: 3 * rows * 2048, run: forward(() => gatedSilu(gate)) },
  { name: "gated silu backward", floats: 8 * rows * 2048, run: both(() => gatedSilu(gate), dgate, [gate]) },
  { name: "softmax", floats: 2 * 12_288 * 128, run: forward(() => softmax(scores)) },
  { name: "softmax backward", floats: 5 * 12_288 * 128, run: both(() => softmax(scores), dscores, [scores]) },
  { name: "layer_norm", floats: 2 * n, run: forward(norm) },
  { name: "layer_norm backward", floats: 5 * n, run: both(norm, dy, [x, weight, bias]) },
  { name: "residual + layer_norm", floats: 3 * n, run: forward(fused) },
  {
    name: "residual + layer_norm backward",
    floats: 7 * n,
    run: both(fused, dy, [x, residual, weight, bias]),
  },
  { name: "dropout + residual + layer_norm", floats: 3 * n, run: forward(dropped) },
  {
    name: "dropout + residual + layer_norm backward",
    floats: 8 * n,
    run: both(dropped, dy, [x, residual, weight, bias]),
  },
  { name: "rms_norm", floats: 2 * n, run: forward(() => rmsNorm(x, weight)) },
  { name: "rms_norm backward", floats: 5 * n, run: both(() => rmsNorm(x, weight), dy, [x, weight]) },
  { name: "dropout", floats: 2 * n, run: forward(() => dropout(x, 0.1)) },
  { name: "cross_entropy", floats: 160 * 30_522, run: forward(() => crossEntropy(logits, labels)) },
  {
    name: "cross_entropy backward",
    floats: 3 * 160 * 30_522,
    run: both(() => crossEntropy(logits, labels), undefined, [logits]),
  },
  { name: "embedding", floats: 2 * n, run: forward(() => embedding([{ table: words, ids }])) },
  {
    name: "embedding backward",
    floats: 3 * n + 30_522 * width,
    run: both(() => embedding([{ table: words, ids }]), dy, [words]),
  },
  {
    name: "adamw",
    floats: 7 * 20_000_000,
    run: () => scope(() => void adamw([slot], options)),
  },
  {
    name: "clipping + adamw",
    floats: 8 * 20_000_000, // the gradients once more, for their norm
    run: () => scope(() => void adamw([slot], { ...options, maxNorm: 1 })),
  },
];

const peer = spawn(python, [new URL("../../../benchmarks/peers/elementwise.py", import.meta.url).pathname], {
  stdio: ["pipe", "pipe", "inherit"],
});
const lines = createInterface({ input: peer.stdout })[Symbol.asyncIterator]();

/** Milliseconds of one run of the peer. */
async function askPeer(name: string): Promise<number> {
  peer.stdin.write(`${name}\n`);
  const { value, done } = await lines.next();
  if (done) throw new Error("elementwise.py ended");
  return Number(value);
}

async function sample(run: () => void): Promise<number> {
  const repeats = 5;
  const begin = performance.now();
  for (let i = 0; i < repeats; i++) run();
  await synchronize();
  return (performance.now() - begin) / repeats;
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 2));
console.log(JSON.stringify(describeMachine()));
console.log(
  "| function | ours, ms | GB/s | of copy | PyTorch, ms | PyTorch / ours |\n| --- | --- | --- | --- | --- | --- |",
);
let copyRate = 0;
for (const { name, floats, run } of cases) {
  if (chosen.length > 0 && name !== "copy" && !chosen.some((part) => name.includes(part))) continue;
  await sample(run);
  await askPeer(name);
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let i = 0; i < Number(samples); i++) {
    ours.push(await sample(run));
    await pause();
    theirs.push(await askPeer(name));
    await pause();
  }
  const [us, them] = [summarise(ours).median_ms, summarise(theirs).median_ms];
  const rate = (4 * floats) / (us * 1e6);
  if (name === "copy") copyRate = rate;
  const columns = [
    us.toFixed(3),
    rate.toFixed(1),
    (rate / copyRate).toFixed(2),
    them.toFixed(3),
    (them / us).toFixed(2),
  ];
  console.log(`| ${name} | ${columns.join(" | ")} |`);
}
peer.stdin.end();
