// Reads tests/fixtures/metrics and compares numbers as the issue of these metrics asks: to 1e-9, NaN with NaN.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect } from "@jest/globals";

// From dist/tests/metrics/ to tests/fixtures/metrics/ of the repository
const folder = new URL("../../../tests/fixtures/metrics/", import.meta.url);

/** The whole of a fixture file. */
// biome-ignore lint/suspicious/noExplicitAny: every file has its own form
export function fixture(name: string): any {
  return JSON.parse(gunzipSync(readFileSync(new URL(`${name}.json.gz`, folder))).toString("utf8"));
}

/** The fixtures write NaN as a string. */
export type Expected = number | "NaN";

/** Collects differences above the tolerance, so that a failure shows them all at once. */
export class Differences {
  readonly #tolerance: number;
  readonly #found: string[] = [];
  #compared = 0;

  constructor(tolerance = 1e-9) {
    this.#tolerance = tolerance;
  }

  add(where: string, got: number | undefined, expected: Expected): void {
    this.#compared++;
    const wanted = Number(expected);
    if (
      got !== undefined &&
      (Number.isNaN(wanted) ? Number.isNaN(got) : Math.abs(got - wanted) <= this.#tolerance)
    ) {
      return;
    }
    this.#found.push(`${where}: got ${got}, expected ${expected}`);
  }

  addAll(where: string, got: readonly number[], expected: readonly Expected[]): void {
    expect(got).toHaveLength(expected.length);
    expected.forEach((value, i) => {
      this.add(`${where}[${i}]`, got[i], value);
    });
  }

  /** Fails for any difference, and for fewer comparisons than there must have been. */
  expectNone(least: number): void {
    expect(this.#found).toEqual([]);
    expect(this.#compared).toBeGreaterThanOrEqual(least);
  }
}

const CAMEL: Record<string, string> = { smooth_method: "smooth", pos_label: "positiveLabel" };

/** Options of the original programs in our spelling. */
export function camelOptions(options: Record<string, unknown>): Record<string, never> {
  const camel = (name: string) =>
    CAMEL[name] ?? name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [camel(name), value as never]));
}

/** Runs something that must fail, and gives code and message. */
export function errorOf(run: () => unknown): { code: string; message: string } {
  try {
    run();
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return { code, message };
  }
  throw new Error("expected an error, got none");
}

/** Expects ERR_ARGUMENT with a message that contains `part`. */
export function expectRefusal(run: () => unknown, part: string): void {
  expect(errorOf(run)).toEqual({ code: "ERR_ARGUMENT", message: expect.stringContaining(part) });
}
