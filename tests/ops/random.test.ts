import { afterAll, describe, expect, test } from "@jest/globals";
import { setThreads } from "../../src/tensor/device.js";
import { normal, truncatedNormal, uniform } from "../../src/tensor/ops.js";
import { Generator, manualSeed } from "../../src/tensor/random.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { expectCode, expectSameBits } from "../support/ops.js";

const bits = (t: Tensor) => t.dataSync() as Float32Array;
afterAll(() => setThreads(2));

/** Philox4x32-10 in BigInt, from the paper: key (k0, k1), counter (c0, c1, c2, c3). */
function philox(seed: bigint, call: bigint, block: bigint): number[] {
  const low = 0xffffffffn;
  let [c0, c1, c2, c3] = [block & low, block >> 32n, call & low, call >> 32n];
  let [k0, k1] = [seed & low, seed >> 32n];
  for (let round = 0; round < 10; round++) {
    const [p0, p1] = [0xd2511f53n * c0, 0xcd9e8d57n * c2];
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & low, (p0 >> 32n) ^ c3 ^ k1, p0 & low];
    k0 = (k0 + 0x9e3779b9n) & low;
    k1 = (k1 + 0xbb67ae85n) & low;
  }
  return [c0, c1, c2, c3].map(Number);
}

function moments(x: Float32Array) {
  const mean = x.reduce((s, v) => s + v, 0) / x.length;
  const central = (power: number) => x.reduce((s, v) => s + (v - mean) ** power, 0) / x.length;
  const variance = central(2);
  return { mean, variance, skewness: central(3) / variance ** 1.5, kurtosis: central(4) / variance ** 2 };
}

describe("random", () => {
  test("Philox4x32-10 as published: key and counter zero (Random123's known answers)", () => {
    const words = philox(0n, 0n, 0n).map((w) => w.toString(16));
    expect(words).toEqual(["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]);
  });

  const [seed, calls] = [2 ** 40 + 12345, 2 ** 33 + 7];
  const word = (i: number) => philox(BigInt(seed), BigInt(calls), BigInt(i >> 2))[i & 3];

  test("uniform: each element is its word", () => {
    const y = bits(uniform([3, 7], -2, 3, { generator: new Generator(seed, calls) }));
    y.forEach((value, i) => {
      expect(value).toBe(Math.fround(-2 + 5 * ((word(i) >>> 8) / 2 ** 24)));
    });
  });

  const box = (w0: number, w1: number) => {
    const radius = Math.sqrt(-2 * Math.log((w0 + 1) / 2 ** 32));
    const angle = 6.283185307179586 * (w1 / 2 ** 32);
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  };

  test("normal: each pair is made of its two words", () => {
    const y = bits(normal([23], 1.5, 0.25, { generator: new Generator(seed, calls) }));
    y.forEach((value, i) => {
      const z = box(word(i & ~1), word(i | 1))[i & 1];
      expect(Math.abs(value - (1.5 + 0.25 * z))).toBeLessThan(2e-7);
    });
  });

  test("truncated normal: the first of its own block's values that fits", () => {
    const y = bits(truncatedNormal([200], 0, 1, { generator: new Generator(seed, calls) }));
    y.forEach((value, i) => {
      const w = philox(BigInt(seed), BigInt(calls), BigInt(i));
      const z = [...box(w[0], w[1]), ...box(w[2], w[3])].find((v) => Math.abs(v) <= 2);
      expect(Math.abs(value - z!)).toBeLessThan(2e-7);
    });
  });

  const n = 400_000;
  test("the distributions have their moments", () => {
    manualSeed(1);
    const u = moments(bits(uniform([n], 2, 6)));
    expect(Math.abs(u.mean - 4)).toBeLessThan(0.01);
    expect(Math.abs(u.variance - 16 / 12)).toBeLessThan(0.01);
    expect(Math.abs(u.kurtosis - 1.8)).toBeLessThan(0.02);
    const z = moments(bits(normal([n], -1, 2)));
    expect(Math.abs(z.mean + 1)).toBeLessThan(0.02);
    expect(Math.abs(z.variance - 4)).toBeLessThan(0.05);
    expect(Math.abs(z.skewness)).toBeLessThan(0.02);
    expect(Math.abs(z.kurtosis - 3)).toBeLessThan(0.05);
    // Variance of a standard normal cut at +-2: 1 - 4 phi(2) / (2 Phi(2) - 1).
    const cut = bits(truncatedNormal([n], 0, 3));
    expect(Math.abs(moments(cut).variance / 9 - 0.7737413)).toBeLessThan(0.01);
    expect(cut.every((v) => Math.abs(v) <= 6)).toBe(true);
  });

  test("uniform never reaches its end, even where rounding would", () => {
    const y = bits(uniform([n], 1, 1 + 2 ** -22));
    expect(y.every((v) => v >= 1 && v < 1 + 2 ** -22)).toBe(true);
    expect(bits(uniform([3], 5, 5))).toEqual(Float32Array.of(5, 5, 5));
  });

  test("shapes: scalar, empty, odd; a longer tensor begins like a shorter one", () => {
    const make = (shape: number[]) => normal(shape, 0, 1, { generator: new Generator(3) });
    expect(make([]).shape).toEqual([]);
    expect(bits(make([0, 5])).length).toBe(0);
    expectSameBits(bits(make([5])), bits(make([9, 2, 1, 3])).subarray(0, 5), "prefix");
  });

  test("the same seed gives the same bits, also with one thread; each call has its own", () => {
    const run = () => {
      manualSeed(42);
      return [bits(uniform([70_001])), bits(normal([70_001])), bits(truncatedNormal([70_001]))];
    };
    setThreads(2);
    const first = run();
    setThreads(1);
    run().forEach((data, i) => {
      expectSameBits(data, first[i], `kind ${i}`);
    });
    manualSeed(42);
    uniform([1]);
    expect(bits(uniform([70_001]))[0]).not.toBe(first[0][0]);
  });

  test.each<[string, () => unknown, string]>([
    ["std", () => normal([2], 0, -1), "std"],
    ["truncated std", () => truncatedNormal([2], 0, -1), "std"],
    ["range", () => uniform([2], 1, 0), "low"],
    ["NaN", () => uniform([2], Number.NaN, 0), "low"],
    ["shape", () => uniform([-1]), "shape"],
    ["rank", () => uniform([1, 1, 1, 1, 1]), "shape"],
    ["too large", () => uniform([2 ** 40, 2 ** 40]), "shape"],
    ["no shape", () => uniform(3 as never), "shape"],
  ])("misuse: %s", (_, fn, mention) => expectCode(fn, "ERR_ARGUMENT", mention));
});
