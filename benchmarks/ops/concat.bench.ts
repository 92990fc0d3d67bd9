// concat along the columns and along the rows.
import { synchronize } from "../../src/tensor/device.js";
import { concat } from "../../src/tensor/ops.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";
import { randomData } from "../../tests/support/random.js";
import { bench } from "../support/runner.js";

const [rows, width] = [2048, 768];
const parts = [1, 2, 3].map((seed) => tensor(randomData([rows, width], seed), [rows, width]));
const data = [1, 2, 3].map((seed) => randomData([rows, width], seed));

for (const dim of [0, 1]) {
  await bench({
    op: "concat",
    variant: dim === 0 ? "rows" : "columns",
    shape: [3, rows, width],
    dtype: "f32",
    bytes: 6 * rows * width * 4,
    run: async () => {
      scope(() => noGrad(() => void concat(parts, dim)));
      await synchronize();
    },
    baseline: {
      name: "TypedArray.set",
      run: () => {
        const y = new Float32Array(3 * rows * width);
        for (let i = 0; i < 3; i++) {
          if (dim === 0) y.set(data[i], i * rows * width);
          else {
            for (let r = 0; r < rows; r++) {
              y.set(data[i].subarray(r * width, (r + 1) * width), (r * 3 + i) * width);
            }
          }
        }
      },
    },
  });
}
