// sgd with momentum over eight weight matrices. Read: p, the buffer, and the gradient twice; written: p, the
// buffer.
import { synchronize } from "../../src/tensor/device.js";
import { sgd } from "../../src/tensor/ops/optimizer.js";
import { scope } from "../../src/tensor/scope.js";
import { bench } from "../support/runner.js";
import { gradientParameters, parameterShape } from "./optimizer-parameters.js";

const parameters = gradientParameters(8, ["buffer"]).map((parameter) => ({ ...parameter, first: false }));

await bench({
  op: "sgd",
  variant: "momentum, clipped",
  shape: [parameters.length, ...parameterShape],
  dtype: "f32",
  bytes: 6 * parameters.length * parameterShape[0] * parameterShape[1] * 4,
  run: async () => {
    scope(() => void sgd(parameters, { momentum: 0.9, maxNorm: 1 }));
    await synchronize();
  },
});
