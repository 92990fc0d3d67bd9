// From samples to medians: which samples count, and what of.
import { describe, expect, test } from "@jest/globals";
import { bestOf, type Sample, summarised } from "../../benchmarks/compare/summary.js";
import type { Runner, Workload } from "../../benchmarks/compare/workload.js";

const peaks = { fma1: 50, fma: 100, fma256: 48, read1: 20, read: 40 };
const runner: Runner = {
  engine: "athanor",
  task: { kind: "linear", pass: "forward", rows: 1, inputs: 1, outputs: 1, weights: 1 },
};
const summary = (samples: Sample[], workload: Partial<Workload>) => {
  const full: Workload = { name: "gemm/x", runners: [runner], ...workload };
  return summarised(samples, runner, full, bestOf(samples, full, peaks));
};

describe("samples", () => {
  test("beside a low check are kept but not used", () => {
    const samples = [
      { ms: 1, check: 99 },
      { ms: 2, check: 98 },
      { ms: 3, check: 101 },
      { ms: 50, check: 52 },
    ];
    const result = summary(samples, { flops: 1e8 });
    expect(result).toMatchObject({ median_ms: 2, spread_ms: [1, 3], samples: 4, disturbed: 1 });
    expect(result.gflop_s).toBe(50);
    expect(result.share).toBe(0.495); // of the best check, 101
    expect(result.all).toEqual([
      [1, 0.98],
      [2, 0.97],
      [3, 1],
      [50, 0.515],
    ]);
  });

  test("are all used when all were disturbed, and said to be", () => {
    const result = summary([{ ms: 5, check: 30 }], {});
    expect(result).toMatchObject({ median_ms: 5, samples: 1, disturbed: 1 });
  });

  test("bound by memory are compared with what it gave just then", () => {
    const samples: Sample[] = [
      { ms: 1, check: 100, reads: [40, 40] },
      { ms: 2, check: 100, reads: [20, 20] },
      { ms: 2, check: 100, reads: [21, 19] },
      { ms: 9, check: 100, reads: [40, 20] }, // changed meanwhile
    ];
    const result = summary(samples, { bytes: 30e6 });
    expect(result).toMatchObject({ disturbed: 1, gb_s: 15, share: 0.75, read_gb_s: 20 });
  });

  test("of unequal work count by the time for a real token", () => {
    const samples = [
      { ms: 10, check: 100 },
      { ms: 40, check: 100 },
      { ms: 22, check: 100 },
    ];
    const result = summary(samples, { tokens: [100, 200] });
    expect(result.median_ms).toBe(30); // of 15, 30 and 33 ms for 150 tokens
    expect(result.tokens_s).toBe(5000);
  });

  test("held to AVX2 have the peak of its vectors", () => {
    const result = summary([{ ms: 1, check: 100 }], { flops: 24e6, narrow: true });
    expect(result.share).toBe(0.5);
  });
});
