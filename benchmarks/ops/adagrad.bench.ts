// adagrad over eight weight matrices. Read: p, the state, and the gradient twice; written: p, the state.
import { synchronize } from "../../src/tensor/device.js";
import { adagrad } from "../../src/tensor/ops/optimizer.js";
import { scope } from "../../src/tensor/scope.js";
import { bench } from "../support/runner.js";
import { gradientParameters, parameterShape } from "./optimizer-parameters.js";

const parameters = gradientParameters(8, ["sum"]);

await bench({
  op: "adagrad",
  variant: "clipped",
  shape: [parameters.length, ...parameterShape],
  dtype: "f32",
  bytes: 6 * parameters.length * parameterShape[0] * parameterShape[1] * 4,
  run: async () => {
    scope(() => void adagrad(parameters, { eps: 1e-10, maxNorm: 1 }));
    await synchronize();
  },
});
