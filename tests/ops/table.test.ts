// Every op of the table has a test, a benchmark, and a gradient or the reason why it has none.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { opNames } from "../../src/native/load.js";

// Ops that share the file of their family; all others have a file of their own name. The file must name them.
const families: Record<string, string> = {
  mean: "sum",
  log_softmax: "softmax",
  logsumexp: "softmax",
};

const root = new URL("../../../", import.meta.url);
const pathOf = (file: string) => fileURLToPath(new URL(file, root));

describe.each(opNames())("$name", ({ name, gradient, reason }) => {
  const file = families[name] ?? name;

  test("has a test", () => {
    const path = pathOf(`tests/ops/${file}.test.ts`);
    expect([path, existsSync(path)]).toEqual([path, true]);
    if (file !== name) expect(readFileSync(path, "utf8")).toMatch(new RegExp(`\\b${name}\\b`));
  });

  test("has a gradient, or says why not", () => {
    expect(gradient || (reason ?? "").length > 0).toBe(true);
  });

  test("has a benchmark", () => {
    const path = pathOf(`benchmarks/ops/${name}.bench.ts`);
    expect([path, existsSync(path)]).toEqual([path, true]);
  });
});

test("the table names every op once", () => {
  const names = opNames().map((op) => op.name);
  expect(names.length).toBeGreaterThan(0);
  expect(new Set(names).size).toBe(names.length);
});

test("families name ops of the table", () => {
  const names = opNames().map((op) => op.name);
  expect(Object.keys(families).filter((name) => !names.includes(name))).toEqual([]);
});
