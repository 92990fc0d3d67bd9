// embedding at BERT-base's sizes: word + position + type, and the dense gradients of all three tables.
import { synchronize } from "../../src/tensor/device.js";
import { embedding } from "../../src/tensor/ops.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";
import { randomData, randomIntegers } from "../../tests/support/random.js";
import { bench } from "../support/runner.js";

const [tokens, width] = [2048, 768];
const sizes = [30522, 512, 2];
const tables = sizes.map((rows, i) => randomData([rows, width], i));
const ids = sizes.map((rows, i) => randomIntegers([tokens], i, 0, rows));
const lookups = sizes.map((rows, i) => ({
  table: tensor(tables[i], [rows, width], { requiresGrad: true }),
  ids: tensor(ids[i], [tokens]),
}));
const upstream = tensor(randomData([tokens, width], 9), [tokens, width]);
const row = width * 4;

await bench({
  op: "embedding",
  variant: "forward",
  shape: [...sizes, tokens, width],
  dtype: "f32",
  bytes: 4 * tokens * row,
  run: async () => {
    scope(() => noGrad(() => void embedding(lookups)));
    await synchronize();
  },
  baseline: {
    name: "JavaScript loop",
    run: () => {
      const y = new Float32Array(tokens * width);
      for (let i = 0; i < tokens; i++) {
        const [a, b, c] = ids.map((list) => list[i] * width);
        for (let k = 0; k < width; k++)
          y[i * width + k] = tables[0][a + k] + tables[1][b + k] + tables[2][c + k];
      }
    },
  },
});

await bench({
  op: "embedding",
  variant: "forward and backward",
  shape: [...sizes, tokens, width],
  dtype: "f32",
  bytes: (7 * tokens + 30522 + 512 + 2) * row,
  run: async () => {
    scope(() => embedding(lookups).backward(upstream));
    for (const { table } of lookups) table.grad = null;
    await synchronize();
  },
});
