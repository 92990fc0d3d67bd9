// random: one weight matrix of BERT-base.
import { synchronize } from "../../src/tensor/device.js";
import { normal, truncatedNormal, uniform } from "../../src/tensor/ops.js";
import { scope } from "../../src/tensor/scope.js";
import { bench } from "../support/runner.js";

const shape = [3072, 768];
for (const [variant, make] of [
  ["uniform", () => uniform(shape)],
  ["normal", () => normal(shape)],
  ["truncated normal", () => truncatedNormal(shape)],
] as const) {
  await bench({
    op: "random",
    variant,
    shape,
    dtype: "f32",
    bytes: shape[0] * shape[1] * 4,
    run: async () => {
      scope(() => void make());
      await synchronize();
    },
  });
}
