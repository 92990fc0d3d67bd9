// reshape: a view, so what is measured is the cost of an op call: arguments, checks, handle, object.
import { ops } from "../../src/index.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { bench } from "../support/runner.js";

const calls = 1000;
const x = ops.normal([256, 256]);
await bench({
  op: "reshape",
  variant: `${calls} calls`,
  shape: [256, 256],
  dtype: "f32",
  run: async () => {
    noGrad(() =>
      scope(() => {
        for (let i = 0; i < calls; i++) x.reshape([128, 512]);
      }),
    );
  },
});
