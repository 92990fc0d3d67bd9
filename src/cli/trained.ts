// A trained model with its tokenizer and task, as `evaluate` and `predict` need them.
import { type Command, Option } from "commander";
import { AthanorError } from "../errors.js";
import type { Model } from "../models/index.js";
import type { AnyTask, TaskEntry, TaskSettings } from "../tasks/entry.js";
import type { Tokenizer } from "../tokenizers/index.js";
import { addCommonOptions, type CommonValues, prepareEngine } from "./common-options.js";
import { loadTokenizer } from "./model.js";
import { savedSettings, savedTask } from "./task-file.js";
import { addTaskOptions, count, integer, taskSettings } from "./task-options.js";

export interface TrainedValues extends CommonValues {
  model: string;
  tokenizer?: string;
  dtype?: "f32" | "bf16" | "int8";
  batchSize?: number;
  limit?: number;
  seed: number;
}

export interface Trained {
  settings: TaskSettings;
  model: Model;
  tokenizer: Tokenizer;
  task: AnyTask;
}

/** Adds the options of commands that use a trained model. */
export function addTrainedOptions(command: Command, entry: TaskEntry): void {
  addTaskOptions(command, entry);
  const model = (flags: string, description: string) => new Option(flags, description).helpGroup("Model:");
  command
    .addOption(
      model(
        "--model <name>",
        "the trained model: a folder, or a repository of the Hub",
      ).makeOptionMandatory(),
    )
    .addOption(model("--tokenizer <name>", "a folder, a repository or a vocab.txt (default: the model's)"))
    .addOption(
      model("--dtype <type>", "how weights are stored (default: f32)").choices(["f32", "bf16", "int8"]),
    )
    .addOption(model("--batch-size <n>", "rows per batch (default: 32)").argParser(count))
    .addOption(model("--seed <n>", "where a task draws anything").argParser(integer).default(42))
    .addOption(new Option("--limit <n>", "only the first rows").argParser(count).helpGroup("Data:"));
  addCommonOptions(command);
}

/** Loads the model; options that are not given are those it was trained with. */
export async function openTrained(entry: TaskEntry, values: TrainedValues): Promise<Trained> {
  prepareEngine(values);
  const { device, dtype, model: name, seed } = values;
  await checkTask(name, entry);
  const settings = { ...(await savedSettings(name, entry)), ...taskSettings(entry, values) };
  const task = entry.make(settings, (line) => console.error(line));
  const tokenizer = await loadTokenizer(values.tokenizer ?? name);
  const model = await entry.auto.fromPretrained(name, { device, dtype, seed });
  const { missing } = model.loadReport;
  if (missing.length === 0) return { settings, model, tokenizer, task };
  model.dispose();
  throw new AthanorError(
    "ERR_CHECKPOINT",
    `${name}: must be a model trained for ${entry.name}, got one without ${missing.join(", ")}`,
  );
}

/** Heads of two tasks may have the same names and say nothing of one another. @throws ERR_CHECKPOINT */
async function checkTask(name: string, entry: TaskEntry): Promise<void> {
  const task = await savedTask(name);
  // What pre-training learns can fill masks.
  const fits = task === undefined || task === entry.name || task === "pre-training";
  if (fits) return;
  const needed = `${name}: must be a model trained for ${entry.name}`;
  throw new AthanorError("ERR_CHECKPOINT", `${needed}, got one trained for ${task}`);
}
