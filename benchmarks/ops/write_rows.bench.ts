// write_rows: a step's 128 rows of keys.
import { synchronize } from "../../src/tensor/device.js";
import { bench } from "../support/runner.js";
import { bytesOf, sizes, writing } from "./decoding-workloads.js";

const write = writing();
await bench({
  op: "write_rows",
  shape: [sizes.sources * sizes.beams, sizes.heads * sizes.size],
  dtype: "f32",
  bytes: bytesOf.write,
  run: async () => {
    write();
    await synchronize();
  },
});
