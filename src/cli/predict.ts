// `athanor predict TASK`: a trained model's answers, row by row as they come.
import { type Command, Option } from "commander";
import { AthanorError } from "../errors.js";
import type { TaskEntry } from "../tasks/entry.js";
import { taskEntries } from "../tasks/registry.js";
import { Trainer } from "../training/index.js";
import { chunks } from "./chunks.js";
import { LeftOut, type PredictingParts, predictRows } from "./left-out.js";
import { type OutputKind, openOutput } from "./prediction-output.js";
import { checkColumns } from "./rows.js";
import { fileRows, STDIN, STDIN_NAME, stdinRows } from "./stream-rows.js";
import { addTrainedOptions, openTrained, type Trained, type TrainedValues } from "./trained.js";

interface PredictValues extends TrainedValues {
  output?: string;
  to?: OutputKind;
  keep?: boolean;
  scores?: boolean;
}

// Enough rows for the tokenizer's threads; answers come before the next ones are read.
const CHUNK = 256;
// From a pipe that pauses, what has come is answered.
const PAUSE_MS = 50;

/** Adds `predict` with a command per task. */
export function addPredictCommand(program: Command): void {
  const predict = program.command("predict").description("a trained model's answers for rows");
  for (const entry of taskEntries) {
    const command = predict.command(entry.name).description(entry.summary);
    command.argument(
      "[files...]",
      "rows; none or - is standard input, JSON Lines unless --format says other",
    );
    command.usage("--model FOLDER [FILE...] [options]");
    addTrainedOptions(command, entry);
    const output = (flags: string, description: string) =>
      new Option(flags, description).helpGroup("Output:");
    command
      .addOption(output("--output <file>", "where predictions go (default: standard output)"))
      .addOption(
        output("--to <kind>", "what they are written as (default: by the file, else jsonl)").choices([
          "jsonl",
          "csv",
        ]),
      )
      .addOption(output("--keep", "the columns of the rows too"))
      .addOption(output("--scores", "all scores and candidates, not only the best"));
    command.addHelpText(
      "after",
      `\nExample:\n  athanor predict ${entry.name} --model my-model rows.csv --output predictions.jsonl`,
    );
    command.action((files: string[], values: PredictValues) => runPredict(entry, files, values));
  }
}

async function runPredict(entry: TaskEntry, files: string[], values: PredictValues): Promise<void> {
  const trained = await openTrained(entry, values);
  const sources = files.length === 0 ? [STDIN] : files;
  const output = await openOutput(values);
  const { seed, batchSize: evalBatchSize = 32, limit = Number.POSITIVE_INFINITY } = values;
  const { model, tokenizer, task } = trained;
  const trainer = new Trainer({ model, tokenizer, task, args: { evalBatchSize, seed } });
  const leftOut = new LeftOut((line) => console.error(line));
  const predicting = { trainer, task, context: { model, tokenizer }, leftOut };
  let read = 0;
  try {
    for (const file of sources) {
      if (read >= limit) break;
      read += await predictFile(file, limit - read, { entry, trained, predicting, output, values });
    }
  } finally {
    await output.close();
  }
  leftOut.end();
}

interface PredictParts {
  entry: TaskEntry;
  trained: Trained;
  predicting: PredictingParts;
  output: Awaited<ReturnType<typeof openOutput>>;
  values: PredictValues;
}

/** Predicts the rows of one file, at most `limit`, and returns how many were read. */
async function predictFile(file: string, limit: number, parts: PredictParts): Promise<number> {
  const { entry, trained, predicting, output, values } = parts;
  const { settings, model } = trained;
  const { leftOut } = predicting;
  const name = file === STDIN ? STDIN_NAME : file;
  const source =
    file === STDIN ? stdinRows(values, leftOut) : fileRows(file, entry, settings, values, leftOut);
  let read = 0;
  for await (const chunk of chunks(source, Math.min(CHUNK, limit), PAUSE_MS)) {
    const wanted = chunk.slice(0, limit - read);
    if (read === 0) checkColumns(wanted, name, entry, settings, "none");
    const { rows, results } = await predictRows(wanted, predicting, { name, first: read });
    await output.write(results, rows, { entry, model });
    read += wanted.length;
    if (read >= limit) break;
  }
  if (read === 0) throw new AthanorError("ERR_DATA", `${name}: must have at least one row, got none`);
  return read;
}
