// How trials end, what is told of them, which parameters mattered, and what is refused.
import { expect, test } from "@jest/globals";
import { AthanorError } from "../../src/errors.js";
import {
  type Parameters,
  parameterImportance,
  retrain,
  type SearchEvent,
  type SearchOptions,
  type SearchSpace,
  search,
  type TrialContext,
} from "../../src/search/index.js";
import { errorOf } from "../data/temporary.js";

const line: SearchSpace = { x: { type: "uniform", low: 0, high: 1 } };

test("failed trials are recorded and the search goes on", async () => {
  const target = ({ x }: Parameters, { number }: TrialContext) => {
    if (number === 0) throw new AthanorError("ERR_OUT_OF_MEMORY", "no room");
    if (number === 1) return Number.NaN;
    if (number === 2) return new Array(-number).length; // what JavaScript says of too large an array
    return x as number;
  };
  const { best, trials, table } = await search(target, line, { trials: 20 });
  expect(trials.slice(0, 3).map(({ state, error }) => [state, error?.code])).toEqual([
    ["failed", "ERR_OUT_OF_MEMORY"],
    ["failed", "ERR_DATA"],
    ["failed", "ERR_OUT_OF_MEMORY"],
  ]);
  expect(trials.slice(3).every(({ state }) => state === "complete")).toBe(true);
  expect(best.value).toBe(Math.min(...trials.slice(3).map(({ value }) => value!)));
  const lines = table.split("\n");
  expect(lines).toHaveLength(21);
  expect(lines[0]).toMatch(/^trial +state +value +x +seconds$/);
  expect(lines[1]).toMatch(new RegExp(`^${best.number} +complete`));
  expect(lines[18]).toMatch(/^0 +ERR_OUT_OF_MEMORY +- +0\.\d+/);
});

test("the median pruner ends what is worse than half of the others at the same place", async () => {
  const lasted: number[] = [];
  const target = async ({ x }: Parameters, { number, report }: TrialContext) => {
    for (let epoch = 1; epoch <= 5; epoch++) {
      lasted[number] = epoch;
      if (!(await report((x as number) + 1 / epoch, 100 * epoch))) return Number.NaN; // no longer counts
    }
    return (x as number) + 1 / 5;
  };
  const events: SearchEvent[] = [];
  const onEvent = (event: SearchEvent) => void events.push(event);
  const how: SearchOptions = { trials: 40, sampler: "random", pruner: "median", onEvent };
  const { trials, best } = await search(target, line, how);
  const pruned = trials.filter(({ state }) => state === "pruned");
  expect(trials.slice(0, 5).every(({ state }) => state === "complete")).toBe(true);
  expect(pruned.length).toBeGreaterThan(10);
  expect(pruned.length).toBeLessThan(30);
  for (const { number, value, evaluations, parameters } of pruned) {
    expect(lasted[number]).toBe(evaluations.length);
    expect(value).toBeCloseTo((parameters.x as number) + 1 / evaluations.length, 12);
    const others = trials
      .slice(0, number)
      .flatMap(({ evaluations: own }) => own[evaluations.length - 1]?.value ?? []);
    const better = others.filter((other) => other < value!).length;
    expect(better).toBeGreaterThanOrEqual(others.length / 2);
  }
  expect(best.parameters.x).toBe(Math.min(...trials.map(({ parameters }) => parameters.x as number)));
  const later = { ...how, prunerOptions: { warmupEvaluations: 5 } };
  expect((await search(target, line, later)).trials.every(({ state }) => state === "complete")).toBe(true);
  const count = (type: string) => events.filter((event) => event.type === type).length;
  const evaluations = trials.reduce((sum, { evaluations: { length } }) => sum + length, 0);
  expect(["start", "end"].map(count)).toEqual([80, 80]);
  expect(count("evaluation")).toBe(evaluations + 200);
});

test("the greatest is the best where it is asked for; every trial has a seed of its own", async () => {
  const seeds: number[] = [];
  const target = ({ x }: Parameters, { seed }: TrialContext) => {
    seeds.push(seed);
    return x as number;
  };
  const { best, trials } = await search(target, line, { trials: 15, direction: "maximize", seed: 5 });
  expect(best.value).toBe(Math.max(...trials.map(({ value }) => value!)));
  expect(new Set(seeds).size).toBe(15);
});

test("importance finds what mattered, on scales of any kind", async () => {
  const space: SearchSpace = {
    rate: { type: "logUniform", low: 1e-5, high: 1 },
    kind: { type: "choice", values: ["a", "b", "c"] },
    layers: { type: "integer", low: 1, high: 8 },
    unused: { type: "uniform", low: 0, high: 1 },
  };
  const target = ({ rate, kind }: Parameters) =>
    3 * (Math.log10(rate as number) + 3) ** 2 + (kind === "b" ? 0 : 2);
  const { importance, trials } = await search(target, space, { trials: 150, sampler: "random", seed: 1 });
  expect(Object.values(importance).reduce((a, b) => a + b)).toBeCloseTo(1, 12);
  expect(importance.rate).toBeGreaterThan(importance.kind);
  expect(importance.kind).toBeGreaterThan(0.05);
  expect(importance.layers + importance.unused).toBeLessThan(0.05);
  expect(parameterImportance(trials, space, "minimize")).toEqual(importance);
  const flat = await search(() => 1, space, { trials: 3 });
  expect(Object.values(flat.importance)).toEqual([0, 0, 0, 0]);
});

test("a signal ends the search; mistakes of the function end it, too", async () => {
  const abort = new AbortController();
  const target = async ({ x }: Parameters, { number }: TrialContext) => {
    if (number === 3) abort.abort(new Error("enough"));
    return x as number;
  };
  expect(await errorOf(() => search(target, line, { trials: 9, signal: abort.signal }))).toMatchObject({
    code: "ERR_ABORTED",
  });
  const broken = () => (undefined as unknown as { x: number }).x;
  await expect(search(broken, line, { trials: 9 })).rejects.toBeInstanceOf(TypeError);
  // So does whoever is told of a trial.
  const told = ({ type }: SearchEvent) => {
    if (type === "evaluation") throw new AthanorError("ERR_DATA", "cannot be told");
  };
  const telling = async ({ x }: Parameters, { report }: TrialContext) => {
    await report(x as number);
    return x as number;
  };
  expect(await errorOf(() => search(telling, line, { trials: 9, onEvent: told }))).toEqual({
    code: "ERR_DATA",
    message: "cannot be told",
  });
  // Node's own codes look like this package's.
  const misusing = () => Buffer.alloc("1" as unknown as number).length;
  expect(await errorOf(() => search(misusing, line, { trials: 9 }))).toMatchObject({
    code: "ERR_INVALID_ARG_TYPE",
  });
  const failing = () => {
    throw new AthanorError("ERR_OUT_OF_MEMORY", "no room");
  };
  expect(await errorOf(() => search(failing, line, { trials: 3 }))).toEqual({
    code: "ERR_OUT_OF_MEMORY",
    message: "search: at least one trial must be complete, got 3 that failed; the first one: no room",
  });
});

const one = (parameter: unknown) => ({ x: parameter }) as SearchSpace;

test.each<[string, unknown, object, string]>([
  ["an empty space", {}, {}, "space must be made of at least one parameter"],
  ["no space", [], {}, "space must be an object"],
  ["no type", one({ low: 0, high: 1 }), {}, "x.type must be one of uniform, logUniform, integer, choice"],
  [
    "bounds in the wrong order",
    one({ type: "uniform", low: 2, high: 1 }),
    {},
    "x.low must be below high, which is 1, got 2",
  ],
  ["a bound that is missing", one({ type: "uniform", low: 2 }), {}, "x.high must be a finite number"],
  ["half a layer", one({ type: "integer", low: 0.5, high: 2 }), {}, "x.low must be a whole number, got 0.5"],
  ["a logarithm of 0", one({ type: "logUniform", low: 0, high: 2 }), {}, "x.low must be above 0"],
  ["a field too many", one({ type: "uniform", low: 0, high: 2, step: 1 }), {}, "got step"],
  ["no values", one({ type: "choice", values: [] }), {}, "x.values must be an array of at least one value"],
  ["a value twice", one({ type: "choice", values: [1, 2, 1] }), {}, "different from each other, got 1"],
  [
    "a condition on nothing",
    one({ ...line.x, when: { y: 1 } }),
    {},
    "x.when must be about a parameter that comes before it, got y",
  ],
  [
    "a condition that never holds",
    { kind: { type: "choice", values: ["a"] }, x: { ...line.x, when: { kind: "b" } } },
    {},
    "x.when.kind must be a value that kind can have, got b",
  ],
  ["zero trials", line, { trials: 0 }, "trials must be a whole number from 1, got 0"],
  ["no number of trials", line, { trials: undefined }, "trials must be"],
  ["an unknown sampler", line, { sampler: "cma" }, "sampler must be one of tpe, random, grid, got cma"],
  ["no candidates", line, { samplerOptions: { candidates: 0 } }, "samplerOptions.candidates"],
  [
    "an unknown pruner",
    line,
    { pruner: "hyperband" },
    'pruner must be one of "median", "none", got hyperband',
  ],
  ["a pruner's option", line, { pruner: "median", prunerOptions: { startupTrials: 0 } }, "startupTrials"],
  ["a grid without points", line, { sampler: "grid" }, "x.points must be given for a grid"],
  ["a direction", line, { direction: "up" }, 'direction must be "minimize" or "maximize", got up'],
  ["a seed", line, { seed: -1 }, "seed must be a whole number from 0, got -1"],
])("%s is refused", async (_, space, options, message) => {
  const refused = await errorOf(() =>
    search(() => 0, space as SearchSpace, { trials: 3, ...options } as SearchOptions),
  );
  expect(refused).toEqual({ code: "ERR_ARGUMENT", message: expect.stringContaining(message) });
});

test("a target that is none is refused", async () => {
  expect(await errorOf(() => search({} as never, line, { trials: 1 }))).toMatchObject({
    code: "ERR_ARGUMENT",
  });
  const text = (() => "0") as never;
  expect(await errorOf(() => search(text, line, { trials: 1 }))).toEqual({
    code: "ERR_ARGUMENT",
    message: "search: target must be a function that gives a number or a Trainer, got one that gives string",
  });
  expect(await errorOf(() => retrain(() => 1, { number: 0, parameters: {} }))).toMatchObject({
    code: "ERR_ARGUMENT",
  });
});
