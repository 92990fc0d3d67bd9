// What a training run needs before it begins: a folder for its results, rows, a model and its tokenizer.
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { split } from "../data/index.js";
import { AthanorError } from "../errors.js";
import type { LoadReport, Model } from "../models/index.js";
import type { TaskEntry, TaskSettings } from "../tasks/entry.js";
import type { Tokenizer } from "../tokenizers/index.js";
import { usage } from "./errors.js";
import { checkpointConfig, chooseLabels, loadTokenizer, makeModel, tokenizerName } from "./model.js";
import { nearestName } from "./nearest-name.js";
import { inFiles } from "./prepared-task.js";
import { type RowSource, readSource } from "./rows.js";
import type { TrainValues } from "./train-options.js";

export interface TrainRows {
  train: RowSource;
  eval?: RowSource;
}

/**
 * Makes the output folder. Checkpoints of two runs in one folder would be taken for one another's: those of an earlier
 * one are refused, or removed when the new run begins. Rejects with ERR_ARGUMENT, and ERR_CHECKPOINT for a folder that
 * cannot be made.
 */
export async function checkOutput({ output, resume, overwrite }: TrainValues): Promise<void> {
  if (resume && overwrite) throw usage("--resume and --overwrite exclude each other", "both");
  await makeFolder(output);
  const checkpoints = await checkpointsIn(output);
  if (checkpoints.length === 0 || resume || overwrite) return;
  const needed = `--output must be a folder without checkpoints, or come with --resume or --overwrite`;
  throw usage(needed, `${checkpoints.join(", ")} in ${output}`);
}

export async function removeCheckpoints(output: string): Promise<void> {
  for (const name of await checkpointsIn(output))
    await rm(join(output, name), { recursive: true, force: true });
}

async function checkpointsIn(output: string): Promise<string[]> {
  return (await readdir(output)).filter((name) => /^checkpoint-\d+$/.test(name));
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new AthanorError("ERR_CHECKPOINT", `${folder}: needs a folder that can be written, got ${code}`, {
      cause,
    });
  }
}

/** The rows to train on and to evaluate on. Rejects with ERR_DATA. */
export async function readParts(
  entry: TaskEntry,
  settings: TaskSettings,
  values: TrainValues,
): Promise<TrainRows> {
  const { train: files, eval: evalFiles, evalShare, limit, format, columns, seed, metric } = values;
  if (metric !== undefined && !evalFiles && evalShare === undefined) {
    throw usage("--metric needs rows to evaluate on: --eval FILE or --eval-share X", "neither");
  }
  if (evalFiles && evalShare !== undefined) throw usage("--eval and --eval-share exclude each other", "both");
  const read = (names: string[]) =>
    readSource(names, entry, settings, { format, columns, limit, labels: "required" });
  const source = await read(files);
  if (evalFiles) return { train: source, eval: await read(evalFiles) };
  if (evalShare === undefined) return { train: source };
  const { rows } = source;
  const share = evalShare > 0 && evalShare < 1;
  if (!share && !(Number.isInteger(evalShare) && evalShare > 0 && evalShare < rows.length)) {
    const needed = `a share between 0 and 1, or a number of rows below the ${rows.length} that there are`;
    throw usage(`--eval-share must be ${needed}`, String(evalShare));
  }
  const { train, test } = split(rows, { test: evalShare, seed });
  return { train: { ...source, rows: train }, eval: { ...source, rows: test } };
}

/** The model to train and its tokenizer; `say` gets a line about each. */
export async function trainedParts(
  entry: TaskEntry,
  settings: TaskSettings,
  values: TrainValues,
  rows: TrainRows,
  say: (line: string) => void,
): Promise<{ model: Model; tokenizer: Tokenizer; labels?: string[] }> {
  const tokenizer = await loadTokenizer(tokenizerName(values), entry.languages?.(settings));
  const checkpoint = await checkpointConfig(values);
  const found = await inFiles(rows.train, () => entry.labels?.(rows.train.rows, settings));
  const labels = chooseLabels(checkpoint, found);
  if (labels && rows.eval) await checkLabels(entry, settings, rows.eval, labels);
  const onReport = (report: LoadReport) => say(reportLine(report));
  const taskConfig = entry.config?.(settings) ?? {};
  const model = await makeModel(entry, values, { tokenizer, labels, checkpoint, taskConfig, onReport });
  const size = [...model.parameters().values()].reduce((sum, { size }) => sum + size, 0);
  const from = values.model ?? "fresh weights";
  const evaluated = rows.eval ? `, ${rows.eval.rows.length} to evaluate on` : "";
  const classes = labels ? `, ${labels.length} ${labels.length === 1 ? "label" : "labels"}` : "";
  say(`${rows.train.rows.length} rows to train on${evaluated}${classes}`);
  say(`${(size / 1e6).toFixed(1)} million parameters, from ${from}, on ${model.device}`);
  return { model, tokenizer, labels };
}

/** Each label of the evaluation rows must be one of the model's. @throws ERR_DATA naming those that are not */
async function checkLabels(
  entry: TaskEntry,
  settings: TaskSettings,
  source: RowSource,
  labels: readonly string[],
): Promise<void> {
  const found = (await inFiles(source, () => entry.labels?.(source.rows, settings))) ?? [];
  const unknown = found.find((label) => !labels.includes(label));
  if (unknown === undefined) return;
  const near = nearestName(unknown, labels);
  const hint = near === undefined ? "" : ` (did you mean "${near}"?)`;
  const known = labels.length > 12 ? `${labels.slice(0, 12).join(", ")}, ...` : labels.join(", ");
  throw new AthanorError(
    "ERR_DATA",
    `${source.files.join(", ")}: needs labels that the training rows have (${known}), got "${unknown}"${hint}`,
  );
}

function reportLine({ missing, unexpected, mismatched }: LoadReport): string {
  const parts = [
    ["fresh", missing],
    ["of another shape and fresh", mismatched.map(({ name }) => name)],
    ["not used", unexpected],
  ] as const;
  const said = parts.filter(([, names]) => names.length > 0);
  return `weights ${said.map(([what, names]) => `${what}: ${shortened(names)}`).join("; ")}`;
}

function shortened(names: readonly string[]): string {
  return names.length > 4 ? `${names.slice(0, 4).join(", ")} and ${names.length - 4} more` : names.join(", ");
}
