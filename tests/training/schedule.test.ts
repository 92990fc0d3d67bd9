import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { type Schedule, type ScheduleName, schedules } from "../../src/training/index.js";

interface Case {
  schedule: ScheduleName;
  options: Record<string, number>;
  factors: number[];
}

// From dist/tests/training/ to tests/fixtures/training/ of the repository.
const file = new URL("../../../tests/fixtures/training/schedules.json", import.meta.url);
const fixture: { cases: Case[] } = JSON.parse(readFileSync(file, "utf8"));

function make({ schedule, options }: Case): Schedule {
  return (schedules[schedule] as (options: object) => Schedule)(options);
}

test.each(fixture.cases.map((c) => [`${c.schedule} ${JSON.stringify(c.options)}`, c] as const))(
  "transformers 5.18 gives the same factors: %s",
  (_, c) => {
    const schedule = make(c);
    c.factors.forEach((factor, step) => {
      // Both compute in double; the last digits of cos and pow belong to the C library.
      expect(Math.abs(schedule(step) - factor)).toBeLessThanOrEqual(1e-14);
    });
  },
);

test("every schedule has a fixture", () => {
  const seen = new Set(fixture.cases.map(({ schedule }) => schedule));
  expect([...seen].sort()).toEqual(Object.keys(schedules).sort());
});

test("options that are no numbers are refused", () => {
  for (const totalSteps of [undefined, -1, Number.NaN, "10"]) {
    const options = { totalSteps } as { totalSteps: number };
    expect(() => schedules.linear(options)).toThrow(expect.objectContaining({ code: "ERR_ARGUMENT" }));
  }
});
