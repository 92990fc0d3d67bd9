// What is tried: random draws fill the space evenly, the grid is complete, TPE finds minima sooner.
import { expect, test } from "@jest/globals";
import { type Parameters, type SearchSpace, search } from "../../src/search/index.js";
import { branin, braninSpace, logSphere, logSphereSpace } from "./functions.js";

const seeds = Array.from({ length: 8 }, (_, seed) => seed);

test.each([
  // The bounds lie between the means over 20 other seeds: 1.24 and 0.53; 5.0 and 1.75.
  { name: "Branin", target: branin, space: braninSpace, bound: 0.8 },
  { name: "a sphere over six orders of magnitude", target: logSphere, space: logSphereSpace, bound: 3 },
])("TPE beats random search at 60 trials each: $name", async ({ target, space, bound }) => {
  const mean = async (sampler: "tpe" | "random") => {
    let sum = 0;
    for (const seed of seeds) sum += (await search(target, space, { trials: 60, sampler, seed })).best.value!;
    return sum / seeds.length;
  };
  const [tpe, random] = [await mean("tpe"), await mean("random")];
  expect(tpe).toBeLessThan(bound);
  expect(random).toBeGreaterThan(bound);
});

const mixed: SearchSpace = {
  rate: { type: "logUniform", low: 1e-4, high: 1 },
  layers: { type: "integer", low: 1, high: 4 },
  optimizer: { type: "choice", values: ["adamw", "sgd"] },
  momentum: { type: "uniform", low: 0, high: 0.9, when: { optimizer: "sgd" } },
  nesterov: { type: "choice", values: [true, false], when: { optimizer: "sgd", layers: [1, 2] } },
};

async function tried(sampler: "tpe" | "random", count: number, seed = 3): Promise<Parameters[]> {
  const all: Parameters[] = [];
  const note = (parameters: Parameters) => {
    all.push(parameters);
    const { rate, momentum = 0.5 } = parameters as Record<string, number>;
    return (Math.log10(rate) + 2) ** 2 + (momentum - 0.4) ** 2;
  };
  await search(note, mixed, { trials: count, sampler, seed });
  return all;
}

test("random draws are even on each parameter's line, and conditions hold", async () => {
  const all = await tried("random", 2000);
  const share = (holds: (parameters: Parameters) => boolean) => all.filter(holds).length / all.length;
  expect(share(({ rate }) => (rate as number) < 1e-2)).toBeCloseTo(0.5, 1);
  for (const n of [1, 2, 3, 4])
    expect(Math.abs(share(({ layers }) => layers === n) - 0.25)).toBeLessThan(0.04);
  for (const { rate, layers, optimizer, ...rest } of all) {
    expect(rate).toBeGreaterThanOrEqual(1e-4);
    expect(rate).toBeLessThanOrEqual(1);
    expect([1, 2, 3, 4]).toContain(layers);
    const names =
      optimizer === "adamw" ? [] : (layers as number) <= 2 ? ["momentum", "nesterov"] : ["momentum"];
    expect(Object.keys(rest)).toEqual(names);
  }
});

test("TPE keeps conditions, too, and gathers where the objective is small", async () => {
  const all = await tried("tpe", 80);
  for (const { optimizer, ...rest } of all) expect("momentum" in rest).toBe(optimizer === "sgd");
  const near = (trials: Parameters[]) =>
    trials.filter(({ rate }) => Math.abs(Math.log10(rate as number) + 2) < 0.5).length;
  expect(near(all.slice(40))).toBeGreaterThan(2 * near(all.slice(0, 10)));
  expect(near(all.slice(40))).toBeGreaterThan(25);
});

test("the same seed tries the same, another one does not", async () => {
  const first = await tried("tpe", 30);
  expect(await tried("tpe", 30)).toEqual(first);
  expect(await tried("tpe", 30, 4)).not.toEqual(first);
});

test("a grid has every combination once, and ends the search", async () => {
  const space: SearchSpace = {
    rate: { type: "logUniform", low: 1e-4, high: 1e-2, points: 3 },
    layers: { type: "integer", low: 1, high: 2 },
    optimizer: { type: "choice", values: ["adamw", "sgd"] },
    momentum: { type: "uniform", low: 0, high: 0.9, points: 2, when: { optimizer: "sgd" } },
  };
  const seen: Parameters[] = [];
  const note = (parameters: Parameters) => seen.push(parameters);
  const { trials } = await search(note, space, { sampler: "grid" });
  expect(trials).toHaveLength(3 * 2 * 3);
  expect(new Set(seen.map((one) => JSON.stringify(one))).size).toBe(18);
  expect(new Set(seen.map(({ rate }) => (rate as number).toPrecision(6)))).toEqual(
    new Set(["0.000100000", "0.00100000", "0.0100000"]),
  );
  expect(seen[2]).toMatchObject({ optimizer: "sgd", momentum: 0.9, layers: 1 });
  expect((await search(note, space, { sampler: "grid", trials: 4 })).trials).toHaveLength(4);
});
