// cached_attention: a decoding step's attention to its past and to the source.
import { synchronize } from "../../src/tensor/device.js";
import { scope } from "../../src/tensor/scope.js";
import { bench } from "../support/runner.js";
import { bytesOf, crossAttention, selfAttention, sizes } from "./decoding-workloads.js";

const rows = sizes.sources * sizes.beams;
const variants: [string, () => unknown, number, number][] = [
  ["pasts of their own", selfAttention(0), bytesOf.self, sizes.past],
  ["three quarters of the past shared", selfAttention(48), bytesOf.self, sizes.past],
  ["source", crossAttention(), bytesOf.cross, sizes.source],
];
for (const [variant, attend, bytes, keys] of variants) {
  await bench({
    op: "cached_attention",
    variant,
    shape: [rows, keys, sizes.heads, sizes.size],
    dtype: "f32",
    bytes,
    flops: 4 * rows * keys * sizes.heads * sizes.size,
    run: async () => {
      scope(() => void attend());
      await synchronize();
    },
  });
}
