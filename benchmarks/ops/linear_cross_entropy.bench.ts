// BERT's masked-LM loss: 1024 rows of 768, 15 % of them labelled, 30522 classes; forward and backward against
// linear + cross_entropy over all rows, and against the same over the labelled rows gathered first.
import { synchronize } from "../../src/tensor/device.js";
import { linear } from "../../src/tensor/ops/linear.js";
import { crossEntropy, linearCrossEntropy } from "../../src/tensor/ops/loss.js";
import { gatherRows } from "../../src/tensor/ops/shape.js";
import { scope } from "../../src/tensor/scope.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { randomData, randomIntegers, uniform } from "../../tests/support/random.js";
import { bench } from "../support/runner.js";

const [rows, width, classes] = [1024, 768, 30_522];
const chosen = uniform(7);
const labels = randomIntegers([rows], 1, 0, classes).map((label) => (chosen() < 0.15 ? label : -100));
const labelled = [...labels.keys()].filter((row) => labels[row] !== -100);
const [x, weight, bias] = [[rows, width], [classes, width], [classes]].map((shape, i) =>
  tensor(
    randomData(shape, i + 1).map((v) => v * 0.05),
    shape,
    { requiresGrad: true },
  ),
);
const labelTensor = tensor(labels, [rows]);
const [rowTensor, rowLabels] = [
  tensor(Int32Array.from(labelled), [labelled.length]),
  tensor(
    labels.filter((label) => label !== -100),
    [labelled.length],
  ),
];

async function step(loss: () => Tensor): Promise<void> {
  scope(() => loss().backward());
  for (const leaf of [x, weight, bias]) leaf.grad = null;
  await synchronize();
}

const fused = () => linearCrossEntropy(x, weight, labelTensor, { bias });
const composed = () => crossEntropy(linear(x, weight, bias), labelTensor);
const gathered = () => crossEntropy(linear(gatherRows(x, rowTensor), weight, bias), rowLabels);
const common = { op: "linear_cross_entropy", shape: [rows, width, classes], dtype: "f32" };
await bench({
  ...common,
  variant: "15 % labelled, forward and backward",
  flops: 6 * labelled.length * width * classes, // three products; the logits are kept
  run: () => step(fused),
  baseline: { name: "linear + cross_entropy, all rows", run: () => step(composed) },
});
await bench({
  ...common,
  variant: "15 % labelled, forward and backward",
  run: () => step(fused),
  baseline: { name: "linear + cross_entropy, labelled rows", run: () => step(gathered) },
});
