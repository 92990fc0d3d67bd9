// rmsprop with momentum, centered, over eight weight matrices. Read: p, the states, and the gradient twice; written: p, the states.
import { synchronize } from "../../src/tensor/device.js";
import { rmsprop } from "../../src/tensor/ops/optimizer.js";
import { scope } from "../../src/tensor/scope.js";
import { bench } from "../support/runner.js";
import { gradientParameters, parameterShape } from "./optimizer-parameters.js";

const parameters = gradientParameters(8, ["square", "buffer", "mean"]);

await bench({
  op: "rmsprop",
  variant: "momentum, centered, clipped",
  shape: [parameters.length, ...parameterShape],
  dtype: "f32",
  bytes: 10 * parameters.length * parameterShape[0] * parameterShape[1] * 4,
  run: async () => {
    scope(
      () => void rmsprop(parameters, { alpha: 0.99, eps: 1e-8, momentum: 0.9, centered: true, maxNorm: 1 }),
    );
    await synchronize();
  },
});
