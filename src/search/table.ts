// The trials of a search as a table for people, and the best of them.
import { AthanorError, type ErrorCode } from "../errors.js";
import { type Direction, rankTrials, type Trial } from "./trial.js";

/** The best of those that are complete. @throws the first failure's code when all failed */
export function requireComplete(trials: readonly Trial[], direction: Direction): Trial {
  const [best] = rankTrials(trials, direction);
  if (best?.state === "complete") return best;
  const { code = "ERR_DATA", message = "none" } = trials.find(({ error }) => error)?.error ?? {};
  throw new AthanorError(
    code as ErrorCode,
    `search: at least one trial must be complete, got ${trials.length} that failed; the first one: ${message}`,
  );
}

/** A line for each trial, the best first: its number, state, value, parameters, seconds. */
export function trialTable(trials: readonly Trial[], direction: Direction): string {
  const names = [...new Set(trials.flatMap(({ parameters }) => Object.keys(parameters)))];
  const header = ["trial", "state", "value", ...names, "seconds"];
  const rows = rankTrials(trials, direction).map((trial) => {
    const { number, state, value, parameters, seconds, error } = trial;
    const shown = names.map((name) => (Object.hasOwn(parameters, name) ? cell(parameters[name]) : "-"));
    const how = state === "failed" ? (error?.code ?? state) : state;
    return [String(number), how, value === undefined ? "-" : cell(value), ...shown, seconds.toFixed(1)];
  });
  const lines = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines
    .map((line) =>
      line
        .map((text, column) => text.padEnd(widths[column]))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Numbers with four significant digits, whole ones as they are. */
function cell(value: unknown): string {
  if (typeof value !== "number") return typeof value === "string" ? value : JSON.stringify(value);
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}
