// Verdicts on losses that were made to be at a minimum, a saddle point, a plateau, a slope, or under too large a step.
import { expect, test } from "@jest/globals";
import { diagnose, type Subject } from "../../src/diagnostics/index.js";
import { ops, scope, tensor } from "../../src/index.js";
import { errorOf } from "../data/temporary.js";
import { randomData } from "../support/random.js";
import { bitsOf } from "../training/support.js";
import { functionOf, quadratic, symmetricWith } from "./functions.js";

const bowl = symmetricWith([8, 4, 2, 1, 0.5, 0.25], 2);
const pass = symmetricWith([8, 4, 2, 1, 0.5, -0.25], 2);
const nearZero = Array.from(randomData([6], 4, 1e-4));
const away = Array.from(randomData([6], 4));

/** A linear network of two layers, y = w2 w1 x, whose weights are 0: a saddle point; the target is 1 for x = 1. */
function linearNetwork(at: number): Subject {
  return functionOf([at, at], (w) => {
    const error = ops.sub(ops.mul(w.slice(0, 1, 1), w.slice(1, 2, 1)), 1);
    return ops.sum(ops.mul(error, error));
  });
}

/** Saturated: sigmoid(w) where it should be 1. */
const saturated = functionOf([-14, 1], (w) => {
  const error = ops.sub(ops.sigmoid(w.slice(0, 1, 1)), 1);
  return ops.sum(ops.mul(error, error));
});

/** x² - y² / 2 at 0, where there is no gradient at all. */
const exactPass = functionOf([0, 0], (w) => {
  const [x, y] = [w.slice(0, 1, 1), w.slice(1, 2, 1)];
  return ops.sum(ops.sub(ops.mul(x, x), ops.mul(ops.mul(y, y), 0.5)));
});

test.each<[string, () => Subject, object, Record<string, unknown>]>([
  ["the bottom of a bowl", () => quadratic(bowl, nearZero), {}, { verdict: "minimum" }],
  [
    "a bowl beside a small step",
    () => quadratic(bowl, nearZero),
    { learningRate: 0.2 },
    { verdict: "minimum" },
  ],
  [
    "a bowl under too large a step",
    () => quadratic(bowl, away),
    { learningRate: 0.26 },
    { verdict: "step too large" },
  ],
  ["the side of a bowl", () => quadratic(bowl, away), { learningRate: 0.2 }, { verdict: "slope" }],
  [
    "a mountain pass",
    () => quadratic(pass, nearZero),
    {},
    { verdict: "saddle point", escapeRoute: { fell: true } },
  ],
  ["a pass exactly", () => exactPass, {}, { verdict: "saddle point", escapeRoute: { fell: true } }],
  ["a linear network without weights", () => linearNetwork(0), {}, { verdict: "saddle point" }],
  ["the same one once it has learnt", () => linearNetwork(1), {}, { verdict: "minimum" }],
  ["the same one on its way", () => linearNetwork(0.5), {}, { verdict: "slope" }],
  ["a saturated unit", () => saturated, {}, { verdict: "plateau" }],
])("%s", async (_, make, options, wanted) => {
  const subject = make();
  const before = await bitsOf(new Map(subject.parameters));
  const diagnosis = await diagnose(subject, options);
  expect(diagnosis).toMatchObject(wanted);
  expect(await bitsOf(new Map(subject.parameters))).toEqual(before);
});

test("the way out of a saddle point is the one of most negative curvature", async () => {
  const { escapeRoute, hessian, loss, reason } = await diagnose(linearNetwork(0), {});
  // L = (ab - 1)²: eigenvalues ±2 at 0, along a = b the loss is (d²/2 - 1)².
  expect(hessian.largest[0]).toBeCloseTo(2, 2);
  expect(hessian.smallest).toBeCloseTo(-2, 2);
  expect(loss).toBe(1);
  expect(escapeRoute!.loss).toBeCloseTo((escapeRoute!.distance ** 2 / 2 - 1) ** 2, 4);
  expect(escapeRoute!.distance).toBe(1);
  expect(reason).toMatch(
    /^gradient norm 0; eigenvalues from -2 to 2; .* falls from 1 to 0\.25 at a distance of 1$/,
  );
});

test("a step whose gradient is all but noise leads nowhere", async () => {
  // Rows pull by 23.5 to one side or by 16.5 to the other, as many to each.
  const w = tensor([0], [1, 1], { requiresGrad: true });
  const pulls = Array.from({ length: 64 }, (_, i) => tensor([3.5 + (i % 2 === 0 ? 20 : -20)], [1, 1]));
  const subject: Subject = {
    ...{ parameters: new Map([["w", w]]), batches: 64 },
    loss: (i) => scope(() => ops.add(ops.sum(ops.mul(w, pulls[i])), ops.sum(ops.mul(w, w)))),
  };
  const { verdict, noise, reason } = await diagnose(subject);
  // tr(Σ) = 400 · 64 / 63, |G|² = 3.5² - 400 / 63.
  expect(noise!.noiseScale).toBeCloseTo(406.35 / 5.901, 1);
  expect(verdict).toBe("plateau");
  expect(reason).toContain("noise scale");
  expect((await diagnose(subject, { batchSize: 4096 })).verdict).toBe("slope");
});

test("what cannot be diagnosed is refused", async () => {
  const subject = quadratic(bowl, away);
  const refusal = (more: object, options = {}) => errorOf(() => diagnose({ ...subject, ...more }, options));
  const argument = { code: "ERR_ARGUMENT" };
  expect(await refusal({ batches: 0 })).toMatchObject(argument);
  expect(await refusal({ parameters: new Map() })).toMatchObject(argument);
  expect(await refusal({ parameters: {} })).toMatchObject(argument);
  expect(await refusal({ loss: 1 })).toMatchObject(argument);
  expect(await refusal({ rows: [1, 2] })).toMatchObject(argument);
  expect(await refusal({ loss: () => tensor([1], [1]) })).toMatchObject(argument);
  expect(await refusal({ loss: () => undefined })).toEqual({
    code: "ERR_ARGUMENT",
    message: "diagnose: loss must be a function that gives a Tensor, or { loss, weight }, got undefined",
  });
  for (const weight of [0, -1, Number.NaN]) {
    const weighted = { loss: () => ({ loss: subject.loss(0), weight }) };
    expect(await refusal(weighted)).toEqual({
      code: "ERR_ARGUMENT",
      message: `diagnose: weight must be above 0, got ${weight}`,
    });
  }
  expect(await refusal({}, { learningRate: 0 })).toMatchObject(argument);
  expect(await refusal({}, { learningRate: Number.NaN })).toMatchObject(argument);
  const infinite = { loss: () => scope(() => ops.log(ops.mul(ops.sum(subject.w[0]), 0))) };
  expect(await refusal(infinite)).toMatchObject({ code: "ERR_DATA" });
  expect(await refusal({}, { signal: AbortSignal.abort() })).toMatchObject({ code: "ERR_ABORTED" });
});
