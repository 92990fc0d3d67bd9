// top_k: the 8 best words of 128 rows, and a step of beam search.
import { synchronize } from "../../src/tensor/device.js";
import { scope } from "../../src/tensor/scope.js";
import { bench } from "../support/runner.js";
import { beamStep, bytesOf, choosing, sizes } from "./decoding-workloads.js";

const variants: [string, () => void][] = [
  ["8 of each row", choosing()],
  ["log-softmax, scores, 8 of 4 beams", beamStep()],
];
for (const [variant, choose] of variants) {
  await bench({
    op: "top_k",
    variant,
    shape: [sizes.sources * sizes.beams, sizes.words],
    dtype: "f32",
    bytes: bytesOf.logits,
    run: async () => {
      scope(choose);
      await synchronize();
    },
  });
}
