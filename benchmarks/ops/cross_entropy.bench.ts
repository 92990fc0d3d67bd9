import { crossEntropy } from "../../src/tensor/ops/loss.js";
import { tensor } from "../../src/tensor/tensor.js";
import { randomIntegers } from "../../tests/support/random.js";
import { benchOp } from "../support/op.js";

// Masked language modelling, and a small classifier; the backward pass reads the logits once more.
for (const [rows, classes] of [
  [256, 30_522],
  [4096, 9],
]) {
  const n = rows * classes;
  const labels = tensor(randomIntegers([rows], 1, 0, classes), [rows]);
  for (const labelSmoothing of [0, 0.1]) {
    await benchOp({
      op: "cross_entropy",
      variant: `label smoothing ${labelSmoothing}`,
      shapes: [[rows, classes]],
      fn: (logits) => crossEntropy(logits, labels, { labelSmoothing }),
      floats: { forward: n, both: 3 * n },
    });
  }
}
