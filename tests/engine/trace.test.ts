// The trace of commands, which audits and profiles use.
import { expect, test } from "@jest/globals";
import { getEngine } from "../../src/native/load.js";
import { synchronize } from "../../src/tensor/device.js";
import { linear } from "../../src/tensor/ops/linear.js";
import { sum } from "../../src/tensor/ops/reduce.js";
import { tensor } from "../../src/tensor/tensor.js";

test("lists commands with the bytes of their views, and nothing once it is off", async () => {
  const { native } = getEngine();
  const x = tensor(new Float32Array(6), [2, 3]);
  const weight = tensor(new Float32Array(12), [4, 3], { requiresGrad: true });
  native.trace(true);
  const loss = sum(linear(x, weight));
  await synchronize();
  const forward = native.trace(true);
  loss.backward();
  await synchronize();
  const backward = native.trace(false);
  expect(forward.map(([op, read, written]) => [op, read, written])).toEqual([
    ["linear", 4 * (6 + 12), 4 * 8],
    ["sum", 4 * 8, 4],
  ]);
  expect(forward.every(([, , , milliseconds]) => milliseconds > 0)).toBe(true);
  expect(backward.map(([op]) => op)).toEqual(["backward", "sum", "linear"]);
  expect(backward[2].slice(1, 3)).toEqual([4 * (8 + 6), 4 * 12]);
  linear(x, weight);
  expect(native.trace(false)).toEqual([]);
});
