// The trials of a search on the page.
import { expect, test } from "@jest/globals";
import { reportHtml } from "../../src/report/index.js";
import { searchCharts, searchSummary, trialRows } from "../../src/report/search.js";
import type { JournalContents, Trial } from "../../src/search/index.js";

const space: JournalContents["space"] = {
  rate: { type: "logUniform", low: 1e-4, high: 1 },
  kind: { type: "choice", values: ["<a>", "b"] },
  depth: { type: "integer", low: 1, high: 4, when: { kind: "b" } },
};

function trial(number: number, state: Trial["state"], more: Partial<Trial>): Trial {
  return {
    number,
    state,
    parameters: { rate: 0.01, kind: "b", depth: 2 },
    evaluations: [],
    seconds: 1,
    ...more,
  };
}

const trials = [
  trial(0, "complete", { value: 0.5 }),
  trial(1, "failed", { error: { code: "ERR_DATA", message: 'a "loss"' } }),
  trial(2, "complete", { value: 0.25, parameters: { rate: 0.001, kind: "<a>" } }),
  trial(3, "pruned", { value: 0.75 }),
  trial(4, "complete", { value: 0.875, parameters: { rate: 0.1, kind: "b", depth: 4 } }),
];
const search: JournalContents = { space, direction: "maximize", trials };

test("values by trial with the best so far, and against each parameter on its own axis", () => {
  const charts = searchCharts(search);
  expect(charts.map(({ title, axis, x }) => [title, axis, x])).toEqual([
    ["Value by trial", "trial", [0, 2, 3, 4]],
    ["rate", "rate", [0.001, 0.01, 0.01, 0.1]],
    ["kind (0: <a>, 1: b)", "kind", [0, 1, 1, 1]],
    ["depth", "depth", [2, 2, 4]],
  ]);
  expect(charts.map(({ logarithmicX }) => logarithmicX)).toEqual([undefined, true, false, false]);
  expect(charts[0].series.map(({ name, y }) => [name, y])).toEqual([
    ["complete", [0.5, 0.25, null, 0.875]],
    ["pruned", [null, null, 0.75, null]],
    ["best so far", [0.5, 0.5, 0.5, 0.875]],
  ]);
  expect(charts[3].series.map(({ y }) => y)).toEqual([
    [0.5, null, 0.875],
    [null, 0.75, null],
  ]);
  expect(searchCharts({ ...search, trials: [] })).toEqual([]);
});

test("the best first in the table; failures by their code", () => {
  const cells = [...trialRows(search).matchAll(/<tr[^>]*>(.*?)<\/tr>/g)].map(([, row]) =>
    [...row.matchAll(/<t[hd]>(.*?)<\/t[hd]>/g)].map(([, text]) => text),
  );
  expect(cells).toEqual([
    ["trial", "state", "value", "rate", "kind", "depth", "seconds"],
    ["4", "complete", "0.875", "0.1", "b", "4", "1.0"],
    ["0", "complete", "0.5", "0.01", "b", "2", "1.0"],
    ["2", "complete", "0.25", "0.001", "&lt;a&gt;", "", "1.0"],
    ["3", "pruned", "0.75", "0.01", "b", "2", "1.0"],
    ["1", "ERR_DATA", "", "0.01", "b", "2", "1.0"],
  ]);
  expect(trialRows(search)).toContain('<tr title="a &quot;loss&quot;">');
  expect(searchSummary(search)).toContain("5: 3 complete, 1 pruned, 1 failed");
  expect(searchSummary(search)).toContain("0.875 in trial 4");
});

test("a search alone is a page; nothing at all is refused", async () => {
  const page = await reportHtml({ search });
  expect(page.length).toBeLessThan(80_000);
  const [, json] = /<script id="data" type="application\/json">(.*?)<\/script>/s.exec(page)!;
  expect(JSON.parse(json)).toMatchObject([
    { axis: "trial", logarithmicX: false },
    { axis: "rate", logarithmicX: true, series: [{ name: "complete", points: "only" }, { name: "pruned" }] },
    {},
    {},
  ]);
  await expect(reportHtml({})).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
});
