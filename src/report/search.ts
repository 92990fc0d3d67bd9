// The trials of a search: values in their order, values against each parameter, importance, and a table.
import {
  type JournalContents,
  type ParameterValue,
  parameterImportance,
  type SearchParameter,
  type Trial,
} from "../search/index.js";
import { isBetter, rankTrials } from "../search/trial.js";
import type { Chart } from "./charts.js";
import { escaped, factTable, shown } from "./html.js";

// Of longer searches the best; the charts have all.
const MOST_ROWS = 100;

/** Trials, the best value so far, and a chart for each parameter. */
export function searchCharts({ trials, space, direction }: JournalContents): Chart[] {
  const counted = trials.filter(({ value }) => value !== undefined);
  if (counted.length === 0) return [];
  let best: number | null = null;
  const bestSoFar = counted.map(({ state, value }) => {
    if (state === "complete" && (best === null || isBetter(value!, best, direction))) best = value!;
    return best;
  });
  const x = counted.map(({ number }) => number);
  const series = [
    ...byState(counted, (trial) => trial.value!),
    { name: "best so far", y: bestSoFar, points: false },
  ];
  const byTrial: Chart = { title: "Value by trial", axis: "trial", x, series };
  return [byTrial, ...Object.entries(space).map(([name, spec]) => parameterChart(name, spec, counted))];
}

/** Places on the x axis; of a choice the numbers of its values, which the title tells. */
function parameterChart(name: string, spec: SearchParameter, trials: readonly Trial[]): Chart {
  const own = trials.filter(({ parameters }) => Object.hasOwn(parameters, name));
  const place = ({ parameters }: Trial) => placeOf(spec, parameters[name]);
  const sorted = [...own].sort((a, b) => place(a) - place(b));
  const values =
    spec.type === "choice" ? ` (${spec.values.map((value, i) => `${i}: ${shown(value)}`).join(", ")})` : "";
  return {
    title: `${name}${values}`,
    axis: name,
    x: sorted.map(place),
    series: byState(sorted, (trial) => trial.value!),
    logarithmicX: spec.type === "logUniform" || (spec.type === "integer" && spec.log === true),
  };
}

function placeOf(spec: SearchParameter, value: ParameterValue): number {
  if (spec.type !== "choice") return value as number;
  return spec.values.findIndex((one) => JSON.stringify(one) === JSON.stringify(value));
}

function byState(trials: readonly Trial[], of: (trial: Trial) => number): Chart["series"] {
  const states = (["complete", "pruned"] as const).filter((state) =>
    trials.some((trial) => trial.state === state),
  );
  return states.map((name) => ({
    name,
    y: trials.map((trial) => (trial.state === name ? Number(of(trial).toPrecision(5)) : null)),
    points: "only" as const,
  }));
}

/** How trials ended, and the importance of each parameter as a bar. */
export function searchSummary({ trials, space, direction }: JournalContents): string {
  const count = (state: Trial["state"]) => trials.filter((trial) => trial.state === state).length;
  const [best] = rankTrials(trials, direction);
  const facts = factTable({
    trials: `${trials.length}: ${count("complete")} complete, ${count("pruned")} pruned, ${count("failed")} failed`,
    ...(best?.state === "complete" && { best: `${shown(best.value)} in trial ${best.number}` }),
    ...(best?.state === "complete" && best.parameters),
  });
  const importance = Object.entries(parameterImportance(trials, space, direction));
  const bars = importance.map(([name, share]) => {
    const bar = `<span class="bar" style="width: ${(200 * share).toFixed(0)}px"></span>`;
    return `<tr><th>${escaped(name)}</th><td>${bar} ${share.toFixed(3)}</td></tr>`;
  });
  return `${facts}<h3>Importance of parameters</h3><table class="facts">${bars.join("\n")}</table>`;
}

/** The best first. */
export function trialRows({ trials, space, direction }: JournalContents): string {
  const names = Object.keys(space);
  const head = ["trial", "state", "value", ...names, "seconds"].map((name) => `<th>${escaped(name)}</th>`);
  const rows = rankTrials(trials, direction)
    .slice(0, MOST_ROWS)
    .map(({ number, state, value, parameters, seconds, error }) => {
      const own = names.map((name) => (Object.hasOwn(parameters, name) ? shown(parameters[name]) : ""));
      const cells = [
        number,
        error?.code ?? state,
        value === undefined ? "" : shown(value),
        ...own,
        seconds.toFixed(1),
      ];
      const title = error ? ` title="${escaped(error.message)}"` : "";
      return `<tr${title}>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join("")}</tr>`;
    });
  const omitted = trials.length - rows.length;
  const note = omitted > 0 ? `<p>The best ${rows.length}; ${omitted} are left out.</p>` : "";
  return `<details open><summary>Trials</summary>${note}<div class="wide"><table class="trials"><tr>${head.join("")}</tr>
${rows.join("\n")}</table></div></details>`;
}
