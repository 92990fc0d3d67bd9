// `athanor train TASK`: from rows in files to a model in a folder.
import { join } from "node:path";
import type { Command } from "commander";
import type { Model } from "../models/index.js";
import { LOG_FILE } from "../report/index.js";
import type { AnyTask, TaskEntry, TaskSettings } from "../tasks/entry.js";
import { taskEntries } from "../tasks/registry.js";
import type { Tokenizer } from "../tokenizers/index.js";
import {
  jsonlLog,
  Trainer,
  type TrainerCallback,
  type TrainingArgs,
  type TrainResult,
} from "../training/index.js";
import { prepareEngine } from "./common-options.js";
import { Interrupt } from "./interrupt.js";
import { preparedTask } from "./prepared-task.js";
import { Progress } from "./progress.js";
import { tableOf } from "./table.js";
import { savedSettings, saveTaskFile } from "./task-file.js";
import { addTaskOptions, taskSettings } from "./task-options.js";
import { addTrainOptions, type TrainValues, trainingArgs } from "./train-options.js";
import { checkOutput, readParts, removeCheckpoints, type TrainRows, trainedParts } from "./train-parts.js";

/** Adds `train` with a command per task. */
export function addTrainCommand(program: Command): void {
  const train = program.command("train").description("train a model for a task and save it");
  for (const entry of taskEntries) {
    const command = train.command(entry.name).description(entry.summary);
    command.usage("--train FILE --output FOLDER [options]");
    addTaskOptions(command, entry);
    addTrainOptions(command);
    const example = `athanor train ${entry.name} ${entry.example}`;
    command.addHelpText("after", `\nRows: ${entry.rows}.\n\nExample:\n  ${example}`);
    command.action((values: TrainValues) => runTrain(entry, values));
  }
}

async function runTrain(entry: TaskEntry, values: TrainValues): Promise<void> {
  const { output, json } = values;
  prepareEngine(values);
  const settings = { ...(await savedSettings(values.model, entry)), ...taskSettings(entry, values) };
  const progress = new Progress(process.stderr);
  const say = (line: string) => progress.line(line);
  const task = entry.make(settings, say);
  await checkOutput(values);
  const parts = await readParts(entry, settings, values);
  const { model, tokenizer, labels } = await trainedParts(entry, settings, values, parts, say);
  const args = trainingArgs(values, parts.eval && entry.best(settings, labels));
  const sources = { train: parts.train, ...(parts.eval && { evaluate: parts.eval }) };
  const prepared = await preparedTask(task, sources, { model, tokenizer });
  const training = { ...{ entry, settings, task: prepared, parts, model, tokenizer, args }, progress };
  const { result, metrics } = await trainAndSave(training, output);
  show(result, metrics, { task: entry.name, output }, json);
}

/** All that a run of training is made of. */
export interface Training {
  entry: TaskEntry;
  settings: TaskSettings;
  task: AnyTask;
  parts: TrainRows;
  model: Model;
  tokenizer: Tokenizer;
  args: TrainingArgs;
  progress: Progress;
}

/** Trains, shows how it goes, and saves what came out of it. Ctrl-C leaves a checkpoint. */
export async function trainAndSave(
  { entry, settings, task, parts, model, tokenizer, args, progress }: Training,
  output: string,
): Promise<{ result: TrainResult; metrics: Record<string, number> | undefined }> {
  const interrupt = new Interrupt((line) => progress.line(line));
  // Only a run that begins, when nothing was found wrong, gives up the checkpoints of an earlier one.
  const fresh: TrainerCallback = {
    onTrainBegin: async () => void (args.resume || (await removeCheckpoints(output))),
  };
  const trainer = new Trainer({
    ...{ model, tokenizer, task, train: parts.train.rows, eval: parts.eval?.rows, args },
    callbacks: [
      ...[...progress.callbacks, jsonlLog(join(output, LOG_FILE), { steps: true }), fresh],
      interrupt.callback,
    ],
  });
  const result = await interrupt.during((signal) => trainer.train({ signal }));
  // The weights are those of the best evaluation, which need not be the last one.
  const metrics = parts.eval && (await trainer.evaluate());
  await model.savePretrained(output);
  await tokenizer.save(output);
  await saveTaskFile(output, entry, settings);
  return { result, metrics };
}

function show(
  { steps, loss, seconds, tokensPerSecond, best }: TrainResult,
  metrics: Record<string, number> | undefined,
  about: { task: string; output: string },
  json: boolean | undefined,
): void {
  if (json) {
    const line = { ...about, steps, trainLoss: loss, seconds, tokensPerSecond, metrics, best };
    console.log(JSON.stringify(line));
    return;
  }
  const speed = Math.round(tokensPerSecond);
  console.log(tableOf({ steps: String(steps), "training loss": loss, seconds, "tokens per second": speed }));
  if (metrics) console.log(`\nEvaluation${best ? ` (best of step ${best.step})` : ""}:\n${tableOf(metrics)}`);
  console.log(`\nSaved to ${about.output}`);
}
