// The largest errors of our kernels beside PyTorch's own for the same functions on the same inputs: a million even
// points and points shrinking towards 0 for functions of one number, random rows for the others. Prints the table of
// docs/numerics.md.
//   node dist/benchmarks/ops/numerics.js PYTHON
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attention } from "../../src/tensor/ops/attention.js";
import { exp, gelu, geluTanh, log, sigmoid, silu, sqrt, tanh } from "../../src/tensor/ops/elementwise.js";
import { gatedGeluTanh } from "../../src/tensor/ops/gated.js";
import { embedding } from "../../src/tensor/ops/linear.js";
import { crossEntropy, linearCrossEntropy } from "../../src/tensor/ops/loss.js";
import { layerNorm, rmsNorm } from "../../src/tensor/ops/norm.js";
import { adamw } from "../../src/tensor/ops/optimizer.js";
import { logSoftmax, softmax, sum } from "../../src/tensor/ops/reduce.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";

const [python] = process.argv.slice(2);
if (!python) throw new Error("usage: numerics.js PYTHON");
const script = new URL("../../../benchmarks/peers/numerics.py", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "athanor-numerics-"));
// Of its own buffer: Node reads small files into parts of a shared one.
const bytes = (name: string) => Uint8Array.from(readFileSync(join(folder, `${name}.bin`))).buffer;
const floats = (name: string) => new Float32Array(bytes(name));

function leaf(name: string, shape?: number[], count?: number): Tensor {
  const data = floats(name).subarray(0, count);
  return tensor(data, shape ?? [data.length], { requiresGrad: true });
}

async function write(name: string, results: (Tensor | null)[]): Promise<void> {
  for (const [i, result] of results.entries())
    writeFileSync(join(folder, `${name}.${i}.bin`), (await result!.data()) as Float32Array);
}

/** The result and the gradients of all leaves. */
async function measure(
  name: string,
  leaves: Tensor[],
  f: (...leaves: Tensor[]) => Tensor,
  upstream?: Tensor,
): Promise<void> {
  const y = f(...leaves);
  y.backward(upstream ?? tensor(new Float32Array(y.shape.reduce((n, size) => n * size, 1)).fill(1), y.shape));
  await write(name, [y, ...leaves.map((t) => t.grad)]);
}

try {
  execFileSync(python, [script, folder, "write"], { stdio: "inherit" });
  await measure("exp", [leaf("exp_grid")], exp);
  for (const [name, f] of Object.entries({ tanh, sigmoid, gelu, gelu_tanh: geluTanh, silu }))
    await measure(name, [leaf("grid")], f);
  for (const [name, f] of Object.entries({ log, sqrt })) await measure(name, [leaf("positive_grid")], f);
  await measure("gated_gelu_tanh", [leaf("gate", [500, 4096])], (x) => sum(gatedGeluTanh(x)));
  const [scores, rows, width] = [[2000, 128], [1000, 768], [768]];
  const dscores = tensor(floats("dscores"), scores);
  const dy = tensor(floats("dy"), rows);
  await measure("softmax", [leaf("scores", scores)], softmax, dscores);
  await measure("softmax, sd 1", [leaf("near_scores", scores)], softmax, dscores);
  await measure("log_softmax", [leaf("scores", scores)], logSoftmax, dscores);
  const norm = (x: Tensor, w: Tensor, b: Tensor) => layerNorm(x, w, b, { eps: 1e-12 });
  const parameters = () => [leaf("norm_weight", width), leaf("norm_bias", width)];
  await measure("layer_norm", [leaf("rows", rows), ...parameters()], norm, dy);
  await measure("layer_norm, mean 50", [leaf("far_rows", rows), ...parameters()], norm, dy);
  await measure("rms_norm", [leaf("rows", rows), leaf("norm_weight", width)], (x, w) => rmsNorm(x, w), dy);
  const labels = tensor(new Int32Array(bytes("labels")), [64]);
  await measure("cross_entropy", [leaf("logits", [64, 30_522])], (x) => crossEntropy(x, labels));
  await measure(
    "linear_cross_entropy",
    [leaf("hidden", [64, 768]), leaf("words", [30_522, 768]), leaf("words_bias")],
    (x, w, bias) => linearCrossEntropy(x, w, labels, { bias }),
  );
  const [p, g] = [leaf("p"), floats("g")];
  p.grad = tensor(g, [g.length]);
  const slot = {
    parameter: p,
    m: tensor(new Float32Array(g.length), [g.length]),
    lr: 1e-3,
    weightDecay: 0.01,
  };
  const v = tensor(new Float32Array(g.length), [g.length]);
  for (const step of [1, 2, 3]) adamw([{ ...slot, v }], { beta1: 0.9, beta2: 0.999, eps: 1e-8, step });
  await write("adamw, 3 steps", [p]);
  for (const [name, length, causal] of [
    ["attention 384, sd 1", 384, false],
    ["attention 384, sd 3", 384, false],
    ["attention 1024, sd 1, causal", 1024, true],
  ] as const) {
    const heads = [length, 12 * 64];
    const offsets = tensor(Int32Array.of(0, length), [2]);
    await measure(
      name,
      ["q", "k", "v"].map((part) => leaf(`${name} ${part}`, heads)),
      (q, k, v) => attention(q, k, v, { heads: 12, offsets, causal }),
      tensor(floats(`${name} do`), heads),
    );
  }
  const ids = tensor(new Int32Array(bytes("ids")), [20_000]);
  const dlookup = tensor(floats("dlookup"), [20_000, 64]);
  await measure(
    "embedding",
    [leaf("words", [500, 64], 500 * 64)],
    (table) => embedding([{ table, ids }]),
    dlookup,
  );
  execFileSync(python, [script, folder, "compare"], { stdio: "inherit" });
} finally {
  rmSync(folder, { recursive: true });
}
