// `athanor search TASK`: hyper-parameters searched over training runs, the best of which is trained again and saved.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { AthanorError } from "../errors.js";
import {
  type Parameters,
  type SamplerName,
  type SearchEvent,
  type SearchResult,
  type SearchSpace,
  search,
  type Trial,
} from "../search/index.js";
import { removeJournal } from "../search/journal.js";
import { checkTarget, directionOf } from "../search/run-trial.js";
import { dimensionsOf } from "../search/space.js";
import type { TaskEntry } from "../tasks/entry.js";
import { taskEntries } from "../tasks/registry.js";
import { prepareEngine } from "./common-options.js";
import { EXIT, usage } from "./errors.js";
import { Progress } from "./progress.js";
import { isOfModel, JOURNAL_FILE, MODEL_PARAMETERS, type SearchParts, searchParts } from "./search-parts.js";
import { shownValue, tableOf } from "./table.js";
import { addTaskOptions, count } from "./task-options.js";
import { trainAndSave } from "./train.js";
import { addTrainOptions, type TrainValues } from "./train-options.js";
import { checkOutput, removeCheckpoints } from "./train-parts.js";

interface SearchValues extends TrainValues {
  space: string;
  trials?: number;
  sampler: SamplerName;
  pruner: "median" | "none";
  retrain: boolean;
}

/** Adds `search` with a command per task. */
export function addSearchCommand(program: Command): void {
  const group = (flags: string, description: string) => new Option(flags, description).helpGroup("Search:");
  const command = program.command("search").description("search good hyper-parameters for a task");
  for (const entry of taskEntries) {
    const own = command.command(entry.name).description(entry.summary);
    own.usage("--train FILE --eval FILE --space FILE --trials N --output FOLDER [options]");
    addTaskOptions(own, entry);
    own.addOption(
      group("--space <file>", "the parameters to search, as JSON (docs/search.md)").makeOptionMandatory(),
    );
    own.addOption(group("--trials <n>", "how many, those before --resume included").argParser(count));
    own.addOption(
      group("--sampler <name>", "how they are chosen").choices(["tpe", "random", "grid"]).default("tpe"),
    );
    own.addOption(group("--pruner <name>", "which end early").choices(["median", "none"]).default("median"));
    own.addOption(group("--no-retrain", "do not train again with the best"));
    addTrainOptions(own);
    own.addHelpText("after", `\nRows: ${entry.rows}.\n\n${SPACE_EXAMPLE}`);
    own.action((values: SearchValues) => runSearch(entry, values));
  }
}

const SPACE_EXAMPLE = `A space names arguments of the Trainer, and of the model ${MODEL_PARAMETERS.join(", ")}:
  { "learningRate": { "type": "logUniform", "low": 1e-5, "high": 1e-3 },
    "dropout": { "type": "choice", "values": [0, 0.1, 0.2] } }`;

async function runSearch(entry: TaskEntry, values: SearchValues): Promise<void> {
  const { trials, sampler, pruner, seed, resume = false } = values;
  prepareEngine(values);
  const space = await readSpace(values.space);
  const progress = new Progress(process.stderr);
  const say = (line: string) => progress.line(line);
  await checkOutput(values);
  const journal = journalIn(values);
  const parts = await searchParts(entry, values, say);
  const plain = parts.trainerOf({});
  checkTarget(
    plain,
    dimensionsOf(space).filter(({ name }) => !isOfModel(name)),
  );
  // Only now, when nothing was found wrong, is an earlier search given up.
  if (values.overwrite) {
    await removeJournal(journal);
    await removeCheckpoints(values.output);
  }
  const found = await interruptible(journal, say, (signal) =>
    search(parts.trainerOf, space, {
      ...{ trials, sampler, pruner, seed, journal, resume, signal, direction: directionOf(plain) },
      onEvent: (event) => report(event, plain.args.metric, say),
    }),
  );
  const metrics = values.retrain ? await trainBest(entry, values, parts, found.best, progress) : undefined;
  show(found, metrics, values, entry.name);
}

/** As `train` would, over what an earlier run left of it. */
async function trainBest(
  entry: TaskEntry,
  values: SearchValues,
  parts: SearchParts,
  { number, parameters }: Trial,
  progress: Progress,
): Promise<Record<string, number> | undefined> {
  progress.line(`training again with the parameters of trial ${number}`);
  const [model, args] = [await parts.modelOf(parameters), parts.argsWith(parameters)];
  const { settings, task, rows, tokenizer } = parts;
  const training = { entry, settings, task, parts: rows, model, tokenizer, args, progress };
  const next = "the trials are over, --resume trains again from the beginning";
  return (await interrupted(next, () => trainAndSave(training, values.output))).metrics;
}

/** `work`; an end by Ctrl-C says what is left. */
async function interrupted<T>(left: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if ((error as AthanorError).code !== "ERR_ABORTED") throw error;
    throw new AthanorError("ERR_ABORTED", `search: stopped by Ctrl-C; ${left}`, { cause: error });
  }
}

async function readSpace(file: string): Promise<SearchSpace> {
  let space: SearchSpace;
  try {
    space = JSON.parse(await readFile(file, "utf8"));
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new AthanorError("ERR_ARGUMENT", `${file}: needs a space as JSON, got ${code ?? message}`, {
      cause,
    });
  }
  dimensionsOf(space);
  return space;
}

/** The file that keeps the trials. Two searches in one folder would be taken for one. */
function journalIn({ output, resume, overwrite }: TrainValues): string {
  const file = join(output, JOURNAL_FILE);
  if (!existsSync(file) || resume || overwrite) return file;
  throw usage("--output must be a folder without a search, or come with --resume or --overwrite", file);
}

/** Ctrl-C ends the search at once; the trials that are over are kept. */
async function interruptible<T>(
  journal: string,
  say: (line: string) => void,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  const onSignal = () => {
    if (abort.signal.aborted) process.exit(EXIT.interrupted);
    say("stopping; the trial under way is given up (Ctrl-C again stops at once)");
    abort.abort();
  };
  process.on("SIGINT", onSignal);
  const left = `${journal} has the trials so far, --resume goes on from there`;
  try {
    return await interrupted(left, () => work(abort.signal));
  } finally {
    process.off("SIGINT", onSignal);
  }
}

function report(event: SearchEvent, metric: string, say: (line: string) => void): void {
  if (event.type === "evaluation") return;
  if (event.type === "start") {
    say(`trial ${event.number} of ${event.trials} | ${listed(event.parameters)}`);
    return;
  }
  const { trial, best } = event;
  const value = trial.value === undefined ? "" : ` | ${metric} ${shownValue(trial.value)}`;
  const failure = trial.error ? ` | ${trial.error.code}: ${trial.error.message}` : "";
  const leader = best ? ` | best ${shownValue(best.value!)} of trial ${best.number}` : "";
  say(`trial ${trial.number} ${trial.state}${value}${failure}${leader} | ${trial.seconds.toFixed(1)} s`);
}

function listed(parameters: Parameters): string {
  return Object.entries(parameters)
    .map(
      ([name, value]) => `${name} ${typeof value === "number" ? shownValue(value) : JSON.stringify(value)}`,
    )
    .join(", ");
}

function show(
  { best, trials, importance, table }: SearchResult,
  metrics: Record<string, number> | undefined,
  { json, output }: SearchValues,
  task: string,
): void {
  if (json) {
    console.log(JSON.stringify({ task, output, best, importance, trials, metrics }));
    return;
  }
  console.log(`${table}\n\nImportance:\n${tableOf(importance)}`);
  if (!metrics) return;
  console.log(`\nTrained again with trial ${best.number}:\n${tableOf(metrics)}\n\nSaved to ${output}`);
}
