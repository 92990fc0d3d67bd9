// attention at BERT-base's head count, q, k and v being column ranges of one packed projection. The backward pass
// alone is the difference of the two lines: five products of the forward pass's two.
import { synchronize } from "../../src/tensor/device.js";
import { attention } from "../../src/tensor/ops/attention.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { randomData } from "../../tests/support/random.js";
import { bench } from "../support/runner.js";

const [heads, size] = [12, 64];
const width = heads * size;
const workloads: { batch: number; time: number; causal?: boolean; dropout?: number; relative?: boolean }[] = [
  { batch: 8, time: 128 },
  { batch: 8, time: 128, dropout: 0.1 },
  { batch: 8, time: 128, relative: true },
  { batch: 8, time: 384 },
  { batch: 2, time: 1024, causal: true },
  { batch: 32, time: 16 },
];

for (const { batch, time, causal = false, dropout = 0, relative = false } of workloads) {
  const rows = batch * time;
  const offsets = tensor(
    Int32Array.from({ length: batch + 1 }, (_, b) => b * time),
    [batch + 1],
  );
  const packed = tensor(randomData([rows, 3 * width], 1), [rows, 3 * width]);
  const [q, k, v] = [0, 1, 2].map((i) => packed.slice(i * width, (i + 1) * width, 1).detach());
  for (const t of [q, k, v]) t.requiresGrad = true;
  const upstream = tensor(randomData([rows, width], 2), [rows, width]);
  const table = tensor(randomData([32, heads], 3), [32, heads], { requiresGrad: true });
  const relativeBias = relative ? { table, bidirectional: true } : null;
  const attend = (): Tensor => attention(q, k, v, { heads, offsets, causal, dropout, relativeBias });
  const flops = (4 * batch * time * time * width) / (causal ? 2 : 1);
  const name = [causal && "causal", dropout && `dropout ${dropout}`, relative && "relative bias"].filter(
    Boolean,
  );
  const common = { op: "attention", shape: [batch, time, heads, size], dtype: "f32" };
  await bench({
    ...common,
    variant: [...name, "forward"].join(", "),
    flops,
    run: async () => {
      scope(() => noGrad(() => void attend()));
      await synchronize();
    },
  });
  await bench({
    ...common,
    variant: [...name, "forward and backward"].join(", "),
    flops: 3.5 * flops,
    run: async () => {
      scope(() => attend().backward(upstream));
      for (const t of [q, k, v, table]) t.grad = null;
      await synchronize();
    },
  });
}
