// `athanor diagnose TASK`: why a run that left this model does not get on.
import { type Command, Option } from "commander";
import {
  type Diagnosis,
  diagnose,
  type LearningRateRange,
  learningRateRange,
  modelSubject,
} from "../diagnostics/index.js";
import type { TaskEntry } from "../tasks/entry.js";
import { taskEntries } from "../tasks/registry.js";
import { usage } from "./errors.js";
import { inFiles } from "./prepared-task.js";
import { readSource } from "./rows.js";
import { shownValue, tableOf } from "./table.js";
import { count, number } from "./task-options.js";
import { addTrainedOptions, openTrained, type TrainedValues } from "./trained.js";

interface DiagnoseValues extends TrainedValues {
  learningRate?: number;
  eigenvalues?: number;
  iterations?: number;
  parameters?: string;
  range?: boolean;
  json?: boolean;
}

// A product with the Hessian passes over all rows twice, and there are some fifty.
const ROWS = 256;

/** Adds `diagnose` with a command per task. */
export function addDiagnoseCommand(program: Command): void {
  const group = (flags: string, description: string) =>
    new Option(flags, description).helpGroup("Diagnosis:");
  const command = program
    .command("diagnose")
    .description("why a training run stalls: gradient, noise, curvature");
  for (const entry of taskEntries) {
    const own = command.command(entry.name).description(entry.summary);
    own.argument("<files...>", "training rows").usage("--model FOLDER FILE... [options]");
    addTrainedOptions(own, entry);
    own.addOption(
      group("--learning-rate <x>", "the run's, to see whether it is too large").argParser(number),
    );
    own.addOption(group("--eigenvalues <n>", "how many of the largest (default: 3)").argParser(count));
    own.addOption(group("--iterations <n>", "most of Lanczos (default: 40)").argParser(count));
    own.addOption(group("--parameters <pattern>", "only those whose names match (a regular expression)"));
    own.addOption(group("--range", "a learning-rate range test, too"));
    own.option("--json", "all that was found as one line of JSON");
    const example = `athanor diagnose ${entry.name} --model my-model train.csv --learning-rate 5e-5`;
    own.addHelpText(
      "after",
      `\nThe first ${ROWS} rows, unless --limit says otherwise.\n\nExample:\n  ${example}`,
    );
    own.action((files: string[], values: DiagnoseValues) => runDiagnose(entry, files, values));
  }
}

async function runDiagnose(entry: TaskEntry, files: string[], values: DiagnoseValues): Promise<void> {
  const { dtype = "f32", format, columns, limit = ROWS, batchSize = 32, seed, json } = values;
  if (dtype !== "f32") throw usage("diagnose needs --dtype f32", dtype);
  const parameters = patternOf(values.parameters);
  const { model, tokenizer, settings, task } = await openTrained(entry, values);
  const source = await readSource(files, entry, settings, { format, columns, limit, labels: "required" });
  const { rows } = source;
  const context = { model, tokenizer, labels: "required", purpose: "train", rest: async () => {} } as const;
  const examples = await inFiles(source, () => task.prepare(rows, context));
  const subject = modelSubject({ model, examples, batchSize, vary: task.vary?.bind(task), seed });
  const { learningRate, iterations, eigenvalues } = values;
  const diagnosis = await diagnose(subject, {
    count: eigenvalues,
    iterations,
    learningRate,
    parameters,
    seed,
  });
  const range = values.range ? await learningRateRange(subject, { parameters }) : undefined;
  console.log(json ? JSON.stringify({ rows: rows.length, ...diagnosis, range }) : shown(diagnosis, range));
}

function patternOf(text: string | undefined): RegExp | undefined {
  if (text === undefined) return undefined;
  try {
    return new RegExp(text);
  } catch {
    throw usage("--parameters must be a regular expression", text);
  }
}

function shown(diagnosis: Diagnosis, range: LearningRateRange | undefined): string {
  const { verdict, reason, loss, gradientNorm, noise, layers, hessian } = diagnosis;
  const { noiseScale = "needs three batches" } = noise ?? {};
  const facts = tableOf({
    ...{ loss, "gradient norm": gradientNorm },
    "noise scale (rows)": typeof noiseScale === "number" ? Number(noiseScale.toPrecision(3)) : noiseScale,
    "largest eigenvalues": hessian.largest.map(shownValue).join(", "),
    "smallest eigenvalue": hessian.smallest,
    "products uncertain by": hessian.uncertainty,
  });
  const norms = tableOf(Object.fromEntries(layers.map(({ name, norm }) => [name, norm])));
  const parts = [`${verdict}: ${reason}`, facts, `Gradient norms:\n${norms}`];
  if (range) {
    const { steepest, lowest, diverged = "never" } = range;
    const rates = { "steepest fall": steepest, "lowest loss": lowest, diverged };
    parts.push(`Learning rates:\n${tableOf(rates)}`);
  }
  return parts.join("\n\n");
}
