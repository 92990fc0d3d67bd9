// The element-wise ops, reductions and rearrangements on bf16 elements: see support/bf16.ts.
import { describe, expect, test } from "@jest/globals";
import {
  add,
  concat,
  div,
  dropout,
  exp,
  gatedGelu,
  gatedGeluTanh,
  gatedRelu,
  gatedSilu,
  gelu,
  geluQuick,
  geluTanh,
  log,
  mean,
  mul,
  relu,
  sigmoid,
  silu,
  slice,
  split,
  sqrt,
  sub,
  sum,
  tanh,
  transpose,
  where,
} from "../../src/tensor/ops.js";
import { Generator } from "../../src/tensor/random.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { compareBf16, gpu } from "../support/bf16.js";
import { expectCode } from "../support/ops.js";

const functions = { exp, gelu, geluQuick, geluTanh, log, relu, sigmoid, silu, sqrt, tanh };
const arithmetic = { add, sub, mul, div };
const gates = { gatedGelu, gatedGeluTanh, gatedRelu, gatedSilu };
/** A bf16 number for a bf16 number, at least 1/2: fit for logarithms, roots and divisors. */
const positive = (x: number) => Math.max(0.5, Math.abs(x));

(gpu ? describe : describe.skip)("bf16 on CUDA", () => {
  test.each(Object.keys(functions) as (keyof typeof functions)[])("%s", (name) => {
    const prepare = name === "log" || name === "sqrt" ? positive : undefined;
    compareBf16([[7, 37]], [7, 37], ([x]) => functions[name](x), { prepare });
  });

  test.each(Object.keys(arithmetic) as (keyof typeof arithmetic)[])("%s with every broadcast", (name) => {
    const op = arithmetic[name];
    for (const part of [[6, 24], [24], [6, 1], [1]]) {
      compareBf16([[6, 24], part], [6, 24], ([a, b]) => op(a, b), { prepare: positive });
      compareBf16([part, [6, 24]], [6, 24], ([a, b]) => op(a, b), { prepare: positive });
    }
    compareBf16([[6, 24]], [6, 24], ([a]) => op(a, 1.7), { prepare: positive });
    compareBf16([[6, 24]], [6, 24], ([a]) => op(0.3, a), { prepare: positive });
  });

  test("where", () => {
    const chosen = (device: Tensor["device"]) =>
      tensor([1, 0, 0, 1, 1, 0, 1, 0, 1], [9], { device: device as "cpu", dtype: "u8" });
    compareBf16([[9], [9]], [9], ([a, b], device) => where(chosen(device), a, b));
    compareBf16([[1], [9]], [9], ([a, b], device) => where(chosen(device), a, b));
    compareBf16([[9]], [9], ([a], device) => where(chosen(device), a, 0.25));
  });

  test("dropout", () => {
    compareBf16([[5, 41]], [5, 41], ([x]) => dropout(x, 0.25, { generator: new Generator(3) }));
  });

  test.each(Object.keys(gates) as (keyof typeof gates)[])("%s", (name) => {
    compareBf16([[5, 48]], [5, 24], ([x]) => gates[name](x));
  });

  test("sum and mean", () => {
    compareBf16([[6, 5, 40]], [6, 5], ([x]) => sum(x, { dim: 2 }), { prepare: positive });
    compareBf16([[6, 5, 40]], [6, 40], ([x]) => sum(x, { dim: 1 }), { prepare: positive });
    compareBf16([[6, 5, 40]], [], ([x]) => mean(x), { prepare: positive });
  });

  test("a bf16 result is where backward starts", () => {
    const x = tensor([1, 2, 3], [3], { device: "cuda", dtype: "f32", requiresGrad: true });
    sum(mul(x.to("bf16"), 2)).backward();
    expect([x.grad?.dtype, [...(x.grad as Tensor).dataSync()]]).toEqual(["f32", [2, 2, 2]]);
  });

  test("rearrangements", () => {
    compareBf16([[6, 10]], [10, 6], ([x]) => transpose(x));
    compareBf16([[2, 3, 4, 6]], [2, 4, 3, 6], ([x]) => transpose(x, 1, 2));
    compareBf16([[6, 10]], [4, 15], ([x]) => x.reshape([4, 15]));
    compareBf16([[2, 6, 10]], [2, 3, 10], ([x]) => slice(x, 2, 5, 1));
    compareBf16([[6, 12]], [6, 4], ([x]) => mul(split(x, 3)[1], split(x, 3)[2]));
    compareBf16(
      [
        [3, 7],
        [2, 7],
      ],
      [5, 7],
      ([a, b]) => concat([a, b]),
    );
  });

  test("elements of one call are of one type", () => {
    const on = (dtype: "f32" | "bf16") => tensor([1, 2], [2], { device: "cuda", dtype });
    const condition = tensor([1, 0], [2], { device: "cuda", dtype: "u8" });
    expectCode(() => add(on("bf16"), on("f32")), "ERR_DTYPE", "b must be bf16, got f32");
    expectCode(() => where(condition, on("f32"), on("bf16")), "ERR_DTYPE", "b must be f32, got bf16");
  });
});

test("the CPU has no bf16 elements to compute with", () => {
  const x = tensor([1, 2], [2], { device: "cpu", dtype: "bf16" });
  for (const op of [gelu, (t: Tensor) => add(t, 1), (t: Tensor) => sum(t), gatedSilu]) {
    expectCode(() => op(x), "ERR_DTYPE", "must be f32, got bf16");
  }
});
