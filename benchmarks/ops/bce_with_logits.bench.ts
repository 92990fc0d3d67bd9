import { bceWithLogits } from "../../src/tensor/ops/loss.js";
import { tensor } from "../../src/tensor/tensor.js";
import { randomIntegers } from "../../tests/support/random.js";
import { benchOp } from "../support/op.js";

// Multi-label classification with many labels.
const shape = [4096, 128];
const n = shape[0] * shape[1];
const target = tensor(Float32Array.from(randomIntegers(shape, 1, 0, 2)), shape);
await benchOp({
  op: "bce_with_logits",
  shapes: [shape],
  fn: (logits) => bceWithLogits(logits, target),
  floats: { forward: 2 * n, both: 5 * n },
});
