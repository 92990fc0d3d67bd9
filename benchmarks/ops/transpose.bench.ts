// transpose of a matrix (elements move) and of two outer dimensions (runs move).
import { synchronize } from "../../src/tensor/device.js";
import { transpose } from "../../src/tensor/ops.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";
import { randomData } from "../../tests/support/random.js";
import { bench } from "../support/runner.js";

for (const [shape, first, second] of [
  [[2048, 768], 0, 1],
  [[1024, 1024], 0, 1],
  [[128, 12, 64, 16], 0, 1],
] as const) {
  const data = randomData([...shape], 1);
  const x = tensor(data, shape);
  const [rows, columns] = shape;
  await bench({
    op: "transpose",
    shape: [...shape],
    dtype: "f32",
    bytes: 2 * data.byteLength,
    run: async () => {
      scope(() => noGrad(() => void transpose(x, first, second)));
      await synchronize();
    },
    baseline:
      shape.length > 2
        ? undefined
        : {
            name: "JavaScript loop",
            run: () => {
              const y = new Float32Array(data.length);
              for (let r = 0; r < rows; r++)
                for (let c = 0; c < columns; c++) y[c * rows + r] = data[r * columns + c];
            },
          },
  });
}
