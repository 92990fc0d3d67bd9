// `athanor report RUN`: a run's curves, mistakes and attention as one HTML file.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { requireOneStack } from "../embeddings/layer-choice.js";
import { AthanorError } from "../errors.js";
import { writeFileAtomic } from "../models/atomic-file.js";
import type { Example } from "../models/index.js";
import { type AttentionRow, type ReportParts, readRunLog, reportHtml } from "../report/index.js";
import { type JournalContents, readJournal } from "../search/index.js";
import type { TaskEntry } from "../tasks/entry.js";
import { taskEntries } from "../tasks/registry.js";
import { noGrad, scope } from "../tensor/scope.js";
import { type DataRow, Trainer } from "../training/index.js";
import { addCommonOptions, type CommonValues } from "./common-options.js";
import { usage } from "./errors.js";
import { inFiles } from "./prepared-task.js";
import { readSource } from "./rows.js";
import { JOURNAL_FILE } from "./search-parts.js";
import { savedTask } from "./task-file.js";
import { count } from "./task-options.js";
import { openTrained, type Trained } from "./trained.js";

interface ReportValues extends CommonValues {
  output?: string;
  log?: string;
  rows?: string[];
  attention?: number[];
  limit?: number;
  batchSize?: number;
}

// The names of more tokens cannot be read, and the page grows with the square.
const MOST_TOKENS = 64;

/** Adds `report`. */
export function addReportCommand(program: Command): void {
  const report = program.command("report").description("a training run as one HTML file with curves");
  const rows = (flags: string, description: string) => new Option(flags, description).helpGroup("Rows:");
  report
    .argument("<run>", "the folder that `athanor train`, `athanor search` or a Trainer wrote")
    .usage("RUN [--rows FILE... [--attention 0,1]] [options]")
    .option("--output <file>", "the page (default: RUN/report.html)")
    .option("--log <file>", "the run's events (default: RUN/log.jsonl)")
    .addOption(rows("--rows <files...>", "rows with labels: a confusion matrix of the trained model"))
    .addOption(
      rows("--attention <rows>", "attention maps of these rows, numbers from 0 with commas").argParser(
        numbers,
      ),
    )
    .addOption(rows("--limit <n>", "only the first rows").argParser(count))
    .addOption(rows("--batch-size <n>", "rows per batch (default: 32)").argParser(count));
  addCommonOptions(report);
  report.addHelpText("after", "\nExample:\n  athanor report my-model --rows test.csv --attention 0,7");
  report.action((run: string, values: ReportValues) => runReport(run, values));
}

function numbers(text: string): number[] {
  const values = text.split(",").map(Number);
  if (text.trim() !== "" && values.every((value) => Number.isInteger(value) && value >= 0)) return values;
  throw usage("--attention must be numbers of rows from 0 with commas between", text);
}

async function runReport(folder: string, values: ReportValues): Promise<void> {
  const { output = join(folder, "report.html"), log, rows, attention } = values;
  if (attention && !rows) throw usage("--attention needs --rows", "none");
  const search = await searchOf(folder);
  // A search that has trained nothing again has no run.
  const isAlone = search !== undefined && log === undefined && !existsSync(join(folder, "run.json"));
  const run = isAlone ? undefined : await readRunLog(folder, log);
  const parts: ReportParts = { run, search, ...(rows && (await rowParts(folder, rows, values))) };
  const page = await reportHtml(parts);
  await writeFileAtomic(output, page);
  console.log(`${output} (${Math.ceil(Buffer.byteLength(page) / 1024)} kB)`);
}

async function searchOf(folder: string): Promise<JournalContents | undefined> {
  const journal = join(folder, JOURNAL_FILE);
  return existsSync(journal) ? await readJournal(journal) : undefined;
}

async function rowParts(
  folder: string,
  files: string[],
  values: ReportValues,
): Promise<Omit<ReportParts, "run">> {
  const entry = await entryOf(folder);
  const trained = await openTrained(entry, { ...values, model: folder, seed: 42 });
  const { format, columns, limit } = values;
  const reading = { format, columns, limit, labels: "required" } as const;
  const source = await readSource(files, entry, trained.settings, reading);
  const { rows } = source;
  const classes = await inFiles(source, () => classPairs(entry, trained, rows, values.batchSize));
  const attention: AttentionRow[] = [];
  for (const number of values.attention ?? []) {
    if (number >= rows.length) {
      throw usage(`--attention must be rows from 0 to ${rows.length - 1}`, String(number));
    }
    attention.push(await attentionOf(trained, rows[number], number));
  }
  return { ...(classes && { classes }), attention };
}

async function entryOf(folder: string): Promise<TaskEntry> {
  const name = await savedTask(folder);
  const entry = taskEntries.find((entry) => entry.name === name);
  if (entry) return entry;
  throw new AthanorError(
    "ERR_DATA",
    `${folder}: --rows needs a folder with a model and task.json, as \`athanor train\` leaves it, got ${name ?? "no task.json"}`,
  );
}

async function classPairs(
  entry: TaskEntry,
  { model, tokenizer, task, settings }: Trained,
  rows: readonly DataRow[],
  evalBatchSize = 32,
) {
  if (!entry.classPairs) return undefined;
  const context = { model, tokenizer, labels: "required" as const, purpose: "evaluate" as const };
  const examples = await task.prepare(rows, { ...context, rest: async () => {} });
  const results = await new Trainer({ model, tokenizer, task, args: { evalBatchSize } }).predict(rows);
  return entry.classPairs({ results, examples, rows, model, settings });
}

/** Of the row's first example, in the form that a prediction sees: its first window, or its first choice. */
async function attentionOf(
  { model, tokenizer, task }: Trained,
  row: DataRow,
  number: number,
): Promise<AttentionRow> {
  requireOneStack("--attention", model.parts);
  const context = { model, tokenizer, labels: "none" as const, purpose: "predict" as const };
  const [first] = await task.prepare([row], { ...context, rest: async () => {} });
  const example: Example = first.choices?.[0] ?? first;
  const ids = Array.from(example.inputIds!);
  if (ids.length > MOST_TOKENS) {
    throw usage(`--attention takes rows of at most ${MOST_TOKENS} tokens`, `${ids.length} in row ${number}`);
  }
  const batch = model.collate([first.choices ? { choices: [example] } : example]);
  model.eval();
  const layers: AttentionRow["layers"] = [];
  const attentions = scope(
    () =>
      noGrad(() => model.forward(batch, { attentions: true })).attentions?.map(([sequence]) => sequence) ??
      [],
  );
  for (const tensor of attentions) {
    layers.push({ heads: tensor.shape[0], weights: (await tensor.data()) as Float32Array });
    tensor.dispose();
  }
  batch.dispose();
  const tokens = ids.map((id) => tokenizer.idToToken(id) ?? String(id));
  return { title: `Row ${number}`, tokens, layers };
}
