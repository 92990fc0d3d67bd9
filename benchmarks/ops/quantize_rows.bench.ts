// quantize_rows of a weight matrix: done once, when a model is loaded with int8 weights.
import { synchronize } from "../../src/tensor/device.js";
import { quantizeRows } from "../../src/tensor/ops.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";
import { randomData } from "../../tests/support/random.js";
import { bench } from "../support/runner.js";

const shape = [3072, 768];
const x = tensor(randomData(shape, 1), shape);
await bench({
  op: "quantize_rows",
  shape,
  dtype: "f32",
  bytes: shape[0] * shape[1] * 5,
  run: async () => {
    scope(() => noGrad(() => void quantizeRows(x)));
    await synchronize();
  },
});
