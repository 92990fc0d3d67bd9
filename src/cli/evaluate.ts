// `athanor evaluate TASK`: loss and metrics of a trained model on rows with labels.
import type { Command } from "commander";
import type { TaskEntry } from "../tasks/entry.js";
import { taskEntries } from "../tasks/registry.js";
import { Trainer } from "../training/index.js";
import { preparedTask } from "./prepared-task.js";
import { readSource } from "./rows.js";
import { tableOf } from "./table.js";
import { addTrainedOptions, openTrained, type TrainedValues } from "./trained.js";

interface EvaluateValues extends TrainedValues {
  json?: boolean;
}

/** Adds `evaluate` with a command per task. */
export function addEvaluateCommand(program: Command): void {
  const evaluate = program.command("evaluate").description("loss and metrics of a trained model");
  for (const entry of taskEntries) {
    const command = evaluate.command(entry.name).description(entry.summary);
    command.argument("<files...>", "rows with labels").usage("--model FOLDER FILE... [options]");
    addTrainedOptions(command, entry);
    command.option("--json", "the metrics as one line of JSON");
    command.addHelpText("after", `\nExample:\n  athanor evaluate ${entry.name} --model my-model test.csv`);
    command.action((files: string[], values: EvaluateValues) => runEvaluate(entry, files, values));
  }
}

async function runEvaluate(entry: TaskEntry, files: string[], values: EvaluateValues): Promise<void> {
  const { model, tokenizer, settings, task } = await openTrained(entry, values);
  const { format, columns, limit, json, seed, batchSize: evalBatchSize = 32 } = values;
  const source = await readSource(files, entry, settings, { format, columns, limit, labels: "required" });
  const { rows } = source;
  const prepared = await preparedTask(task, { evaluate: source }, { model, tokenizer });
  const args = { evalBatchSize, seed };
  const metrics = await new Trainer({ model, tokenizer, task: prepared, eval: rows, args }).evaluate();
  console.log(
    json
      ? JSON.stringify({ rows: rows.length, ...metrics })
      : tableOf({ rows: String(rows.length), ...metrics }),
  );
}
