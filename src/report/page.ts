// A run as one HTML file that needs nothing else: curves by uPlot, whose code goes into the page, and tables.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { type AttentionRow, attentionSection } from "./attention-maps.js";
import { type Chart, chartsOf } from "./charts.js";
import { type ClassPairs, confusionTable } from "./confusion.js";
import { escaped, factTable, scriptJson } from "./html.js";
import type { RunLog } from "./run-log.js";

export interface ReportParts {
  run: RunLog;
  /** True and predicted classes of rows, for a confusion matrix. */
  classes?: ClassPairs;
  attention?: readonly AttentionRow[];
}

/** The page. */
export async function reportHtml({ run, classes, attention = [] }: ReportParts): Promise<string> {
  const charts = chartsOf(run);
  const { code, style } = await plotLibrary();
  const title = `${run.manifest.task}: ${run.folder}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>${style}
${STYLE}</style>
</head>
<body>
<h1>${escaped(title)}</h1>
${summary(run)}
<div id="charts">${charts.map(({ title }) => `<figure><figcaption>${escaped(title)}</figcaption><div></div></figure>`).join("\n")}</div>
${classes ? `<h2>Confusion matrix</h2><div class="wide">${confusionTable(classes)}</div>` : ""}
${attention.length > 0 ? `<h2>Attention</h2>${attention.map(attentionSection).join("\n")}` : ""}
<h2>Run</h2>
${details(run)}
<script>${code}</script>
<script id="data" type="application/json">${scriptJson(charts.map(plotData))}</script>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

function summary({ manifest }: RunLog): string {
  const { status, error, steps, totalSteps, epoch, tokens, seconds, loss, best, metrics, startedAt } =
    manifest;
  return factTable({
    status: error ? `${status}: ${error.message}` : status,
    steps: `${steps} of ${totalSteps}`,
    epochs: epoch,
    tokens,
    seconds,
    "training loss": loss,
    ...(best && { [`best ${best.metric}`]: `${Number(best.value.toPrecision(5))} at step ${best.step}` }),
    ...Object.fromEntries(
      Object.entries(metrics ?? {}).map(([name, value]) => [`evaluation: ${name}`, value]),
    ),
    started: startedAt,
  });
}

function details({ manifest }: RunLog): string {
  const { model, data, args, versions, machine } = manifest;
  const { architecture, parameters, config } = model;
  const blocks: [string, Record<string, unknown>][] = [
    ["Model", { architecture, parameters, ...config }],
    ["Data", data],
    ["Arguments", args],
    ["Machine", { ...machine, ...versions }],
  ];
  return blocks
    .map(([name, facts]) => `<details><summary>${name}</summary>${factTable(facts)}</details>`)
    .join("\n");
}

function plotData({ x, series, logarithmic }: Chart) {
  return {
    logarithmic: logarithmic === true,
    data: [x, ...series.map(({ y }) => y)],
    series: series.map(({ name, points }) => ({ name, points: points === true })),
  };
}

async function plotLibrary(): Promise<{ code: string; style: string }> {
  const { resolve } = createRequire(import.meta.url);
  const [code, style] = await Promise.all(
    ["uplot/dist/uPlot.iife.min.js", "uplot/dist/uPlot.min.css"].map((file) =>
      readFile(resolve(file), "utf8"),
    ),
  );
  return { code, style };
}

// In the reader's browser. distr 3 is a logarithmic axis.
const SCRIPT = `
const colors = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22"];
const charts = JSON.parse(document.getElementById("data").textContent);
const figures = document.querySelectorAll("#charts figure > div");
const plots = charts.map(({ data, series, logarithmic }, i) => new uPlot({
  width: figures[i].clientWidth, height: 260,
  scales: { x: { time: false }, y: { distr: logarithmic ? 3 : 1 } },
  axes: [{}, { size: 70, values: (_, ticks) => ticks.map((t) => t === null ? "" : String(Number(t.toPrecision(3)))) }],
  series: [{ label: "step" }, ...series.map(({ name, points }, k) => ({
    label: name, stroke: colors[k % colors.length], width: 1.5, spanGaps: true,
    dash: k < colors.length ? undefined : [6, 3], points: { show: points || data[0].length < 30 },
    value: (_, v) => v === null ? "" : String(v),
  }))],
}, data, figures[i]));
addEventListener("resize", () => plots.forEach((plot, i) => plot.setSize({ width: figures[i].clientWidth, height: 260 })));
`;

const STYLE = `
body { font: 14px/1.45 system-ui, sans-serif; margin: 1.5em auto; max-width: 1200px; padding: 0 1em; color: #222; }
#charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 1em; }
figure { margin: 0; min-width: 0; } figcaption { font-weight: 600; }
table { border-collapse: collapse; } th { text-align: left; font-weight: 500; }
.facts td, .facts th { padding: 1px 1em 1px 0; vertical-align: top; overflow-wrap: anywhere; } .facts th { color: #666; white-space: nowrap; }
.matrix { font-size: 12px; } .matrix td { min-width: 1.8em; text-align: right; padding: 1px 3px; border: 1px solid #eee; }
.matrix th { padding-right: 6px; white-space: nowrap; } .matrix .score { text-align: right; border: 0; padding-left: 1em; }
.matrix .column span { writing-mode: vertical-rl; transform: rotate(180deg); }
.wide { overflow-x: auto; }
.map { font-size: 11px; max-width: 100%; height: auto; } .map image, .heads img { image-rendering: pixelated; }
.heads { display: flex; flex-wrap: wrap; gap: 6px; } .heads img { border: 1px solid #ccc; }
summary { cursor: pointer; }
`;
