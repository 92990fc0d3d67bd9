// process_logits: what concerns the history, and what sampling does to whole rows. Logits change in place, so that every
// run makes a copy first.
import { synchronize } from "../../src/tensor/device.js";
import type { ProcessLogitsOptions } from "../../src/tensor/ops.js";
import { scope } from "../../src/tensor/scope.js";
import { bench } from "../support/runner.js";
import { bytesOf, processing, sizes } from "./decoding-workloads.js";

const variants: [string, ProcessLogitsOptions, number | undefined][] = [
  ["nothing: the copy alone", {}, 2 * bytesOf.logits],
  ["penalty and 3-grams", { repetitionPenalty: 1.2, noRepeatNgramSize: 3 }, undefined],
  ["log-softmax", { logSoftmax: "first" }, undefined],
  ["top-k 50, top-p 0.9", { topK: 50, topP: 0.9 }, undefined],
  ["top-p 0.9", { topP: 0.9 }, undefined],
];
for (const [variant, options, bytes] of variants) {
  const process = processing(options);
  await bench({
    op: "process_logits",
    variant,
    shape: [sizes.sources * sizes.beams, sizes.words],
    dtype: "f32",
    bytes,
    run: async () => {
      scope(process);
      await synchronize();
    },
  });
}
