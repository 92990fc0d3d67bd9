import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import type { WorkloadResult } from "../../benchmarks/compare/result.js";
import { type ResultLine, report, resultsPage, verdictsOf } from "../../benchmarks/report.js";

const sample = readFileSync("tests/fixtures/benchmarks/compare.jsonl", "utf8");
const lines = sample
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as ResultLine);

function workload(name: string): WorkloadResult {
  return lines.find((line) => line.kind === "workload" && line.name === name) as WorkloadResult;
}

/** Cells of the table rows that begin with `name`. */
function rows(page: string, name: string): string[][] {
  return page
    .split("\n")
    .filter((line) => line.startsWith(`| ${name} |`))
    .map((line) => line.slice(2, -2).split(" | "));
}

describe("report of a comparison", () => {
  const page = report(lines);

  test("says of each target what was reached and whether it was met", () => {
    const [promised] = rows(page, "inference/banking77 random");
    // 1427 / 484.4 ms
    expect(promised).toEqual([
      "inference/banking77 random",
      "athanor",
      "onnxruntime",
      "2.95x",
      ">= 2.5x",
      "met",
    ]);
    const [speed, memory] = rows(page, "training/banking77 random");
    expect(speed.slice(2)).toEqual(["torch", "5.14x", ">= 3x", "met"]);
    expect(memory.slice(2)).toEqual(["torch, peak memory", "0.67x", "<= 0.6x", "missed"]);
  });

  test("against memory counts the share of its bandwidth", () => {
    const result = workload("gemm/forward 16x768x768");
    const [memory, bf16] = verdictsOf(result);
    expect(memory.ratio).toBe(result.engines[0].share);
    expect(memory.met).toBe(false);
    expect(bf16).toMatchObject({ ratio: undefined, met: undefined }); // that engine could not
  });

  test("an engine that was not available is shown with its error, its targets as not measured", () => {
    const table = rows(page, "inference/1x128");
    const [promise, engine] = table.filter(([, label]) => label === "athanor int8");
    expect(promise.slice(2)).toEqual(["onnxruntime int8", "-", ">= 1.2x", "not measured"]);
    expect(engine[2]).toMatch(/^not available: ERR_ARGUMENT: fromPretrained: dtype must be/);
  });

  test("nothing is claimed from disturbed samples alone", () => {
    const name = "avx2/gemm forward 1024x768x768";
    expect(workload(name).engines[1]).toMatchObject({ label: "torch", samples: 3, disturbed: 3 });
    const [promised, , peer] = rows(page, name);
    expect(promised.slice(3)).toEqual(["-", ">= 0.95x", "not measured"]);
    expect(peer[5]).toBe("0 of 3");
  });

  test("counts targets, compares losses without dropout, names commit and peaks", () => {
    expect(page).toContain("Targets: 2 met, 3 missed, 3 not measured.");
    expect(page).toMatch(
      /training\/banking77 random, dropout 0: losses agree \(largest difference 4\.8e-7\)/,
    );
    expect(page).toContain("Commit b6ed9e4, b6ed9e4+changes; 2026-11-25;");
  });

  test("losses that differ are called so", () => {
    const result = structuredClone(workload("training/banking77 random"));
    result.lossCheck!.torch[4] += 0.01;
    expect(report([lines[0], result])).toContain("losses DO NOT AGREE (largest difference 1.0e-2)");
  });

  test("a workload measured again replaces its first measurement", () => {
    const again = structuredClone(workload("inference/banking77 random"));
    again.engines[1].median_ms = again.engines[0].median_ms! * 2;
    const table = rows(report([...lines, again]), "inference/banking77 random");
    expect(table[0].slice(3)).toEqual(["2.00x", ">= 2.5x", "missed"]);
    expect(table).toHaveLength(4); // one target, three engines
  });
});

describe("RESULTS.md", () => {
  test("shows the newest file first, and older forms as lists", () => {
    const old = JSON.stringify({ benchmark: "a step", median_ms: 12, commit: "abc" });
    const page = resultsPage([
      { name: "2026-11-23-old", text: `${old}\n` },
      { name: "2026-11-25-compare", text: sample },
    ]);
    const headings = page.split("\n").filter((line) => line.startsWith("## "));
    expect(headings).toEqual(["## 2026-11-25-compare", "## 2026-11-23-old"]);
    expect(page).toContain("- **a step**: median_ms 12, commit abc");
  });

  test("shows our own benchmarks with their share of the peak", () => {
    const bench: ResultLine = {
      kind: "bench",
      program: "ops/linear",
      op: "linear",
      variant: "forward",
      shape: [128, 768, 768],
      median_ms: 0.5781,
      spread_ms: [0.5473, 0.5821],
      gflop_s: 261.2,
      share: 0.4531,
    };
    expect(rows(report([lines[0], bench]), "ops/linear")).toEqual([
      ["ops/linear", "linear, forward", "128x768x768", "0.578", "0.547 to 0.582", "261 GFLOP/s, 45% of peak"],
    ]);
  });
});
