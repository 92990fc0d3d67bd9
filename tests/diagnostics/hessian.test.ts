// Eigenvalues of Hessians that are known: of quadratics, and of a softmax regression against a dense Hessian.
import { describe, expect, test } from "@jest/globals";
import { symmetricEigen } from "../../src/diagnostics/eigen.js";
import { hessianSpectrum } from "../../src/diagnostics/index.js";
import { Rest } from "../../src/training/rest.js";
import { errorOf } from "../data/temporary.js";
import { randomData } from "../support/random.js";
import { bitsOf } from "../training/support.js";
import { denseHessian, quadratic, softmaxRegression, symmetricWith } from "./functions.js";

/** The relative distance, against the largest magnitude. */
function distance(found: readonly number[], wanted: readonly number[]): number {
  const scale = Math.max(...wanted.map(Math.abs));
  return Math.max(...found.map((value, i) => Math.abs(value - wanted[i]) / scale));
}

test("small symmetric matrices: the eigenvalues they were made with, and their vectors", async () => {
  const wanted = [9, 4, 4, 0.5, 0, -1, -7];
  const flat = symmetricWith(wanted, 3);
  const matrix = wanted.map((_, i) => Array.from(flat.subarray(i * 7, i * 7 + 7)));
  const { values, vectors } = await symmetricEigen(matrix, new Rest());
  expect(distance(values, wanted)).toBeLessThan(1e-13);
  for (const [k, vector] of vectors.entries()) {
    const product = matrix.map((row) => row.reduce((sum, value, j) => sum + value * vector[j], 0));
    expect(Math.hypot(...product.map((value, i) => value - values[k] * vector[i]))).toBeLessThan(1e-12);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 12);
  }
});

test("matrices that are not small leave the event loop its turns", async () => {
  const size = 120;
  const flat = symmetricWith(
    Array.from({ length: size }, (_, i) => 1 / (i + 1)),
    7,
  );
  const matrix = Array.from({ length: size }, (_, i) => Array.from(flat.subarray(i * size, (i + 1) * size)));
  let [turns, over] = [0, false];
  const turn = () => {
    turns++;
    if (!over) setImmediate(turn);
  };
  turn();
  const { values } = await symmetricEigen(matrix, new Rest());
  over = true;
  expect(values[0]).toBeCloseTo(1, 12);
  expect(turns).toBeGreaterThan(4);
});

describe("a quadratic has the eigenvalues of its matrix", () => {
  test.each<[string, number[]]>([
    ["positive", [50, 20, 8, 4, 2, 1, 0.5, 0.2, 0.1, 0.05]],
    ["of both signs", [12, 3, 1, 0.5, 0, 0, -0.5, -2]],
    ["large", [3e4, 2e4, 1e4, 1, -5e3]],
    ["tiny", [3e-5, 2e-5, 1e-5, 1e-8, -5e-6]],
    ["one", [4]],
  ])("%s", async (_, eigenvalues) => {
    const subject = quadratic(
      symmetricWith(eigenvalues, 5),
      Array.from(randomData([eigenvalues.length], 8, 2)),
    );
    const before = await bitsOf(new Map(subject.parameters));
    const found = await hessianSpectrum(subject, { count: 3 });
    expect(await bitsOf(new Map(subject.parameters))).toEqual(before);
    expect(found.parameters).toBe(eigenvalues.length);
    const wanted = [...eigenvalues.slice(0, 3), eigenvalues.at(-1)!];
    expect(distance([...found.largest, found.smallest], wanted)).toBeLessThan(0.002);
    expect(found.residuals.largest).toBeLessThan(0.005 * Math.max(...eigenvalues.map(Math.abs)));
    expect(found.uncertainty).toBeLessThan(0.01);
  });
});

test("of equal eigenvalues one is found for sure", async () => {
  const subject = quadratic(symmetricWith([5, 5, 5, 1, 1, -2, -2], 5), [1, 2, 3, 4, 5, 6, 7]);
  const { largest, smallest } = await hessianSpectrum(subject);
  expect(distance([largest[0], smallest], [5, -2])).toBeLessThan(0.002);
  for (const value of largest) {
    expect(Math.min(...[5, 1, -2].map((one) => Math.abs(value - one)))).toBeLessThan(0.01);
  }
});

test.each([1, 2, 3])("softmax regression, seed %i: within 1 %% of the dense Hessian's", async (seed) => {
  const subject = softmaxRegression(seed);
  const dense = (await symmetricEigen(denseHessian(subject.exact, subject.weights), new Rest())).values;
  const before = await bitsOf(new Map(subject.parameters));
  const { largest, smallest, residuals } = await hessianSpectrum(subject, { count: 4 });
  expect(await bitsOf(new Map(subject.parameters))).toEqual(before);
  for (let i = 0; i < 4; i++) expect(Math.abs(largest[i] / dense[i] - 1)).toBeLessThan(0.01);
  // Softmax does not change when all its logits do: the smallest eigenvalue is 0.
  expect(Math.abs(dense.at(-1)!)).toBeLessThan(1e-6);
  expect(Math.abs(smallest)).toBeLessThan(0.01 * dense[0]);
  expect(residuals.largest).toBeLessThan(0.01 * dense[0]);
});

test("only the parameters that are asked for, and none that is frozen", async () => {
  const block = [3, 1, 0.5, 0.25].flatMap((value, i, all) => all.map((_, j) => (i === j ? value : 0)));
  const subject = quadratic(block, [1, 1, 1, 1]);
  const { largest, smallest, parameters } = await hessianSpectrum(subject, { parameters: /second/ });
  expect(parameters).toBe(2);
  expect(distance([largest[0], smallest], [0.5, 0.25])).toBeLessThan(0.002);
  subject.w[1].requiresGrad = false;
  expect((await hessianSpectrum(subject)).largest[1]).toBeCloseTo(1, 2);
  const refusal = (options: object) => errorOf(() => hessianSpectrum(subject, options));
  expect(await refusal({ parameters: /second/ })).toEqual({
    code: "ERR_ARGUMENT",
    message: "diagnose: parameters must be trained, at least one of them, got all frozen",
  });
  expect(await refusal({ parameters: /third/ })).toEqual({
    code: "ERR_ARGUMENT",
    message: "diagnose: parameters must be at least one, got none whose name matches /third/",
  });
  for (const options of [{ count: 0 }, { iterations: 1.5 }, { tolerance: 0 }, { tolerance: 1 }]) {
    expect(await refusal(options)).toMatchObject({ code: "ERR_ARGUMENT" });
  }
});
