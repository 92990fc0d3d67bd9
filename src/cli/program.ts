// The program `athanor`: its commands, and what they share.
import { Command } from "commander";
import { packageVersion } from "../package-version.js";
import { addConvertCommand } from "./convert.js";
import { addDiagnoseCommand } from "./diagnose.js";
import { addEvaluateCommand } from "./evaluate.js";
import { addPredictCommand } from "./predict.js";
import { addReportCommand } from "./report.js";
import { addSearchCommand } from "./search.js";
import { addTasksCommand } from "./tasks.js";
import { addTrainCommand } from "./train.js";

const ABOUT = `Trains transformer models on your rows, and uses them.

A task says how rows become examples and what a model's outputs mean; \`athanor tasks\` lists them, and
\`athanor train TASK --help\` has the options of each.`;

/** The program, ready to parse; errors of the command line throw CommanderError after their message. */
export function makeProgram(): Command {
  const program = new Command("athanor");
  program.description(ABOUT).version(packageVersion(), "--version", "the version");
  program.exitOverride().configureHelp({ showGlobalOptions: false, helpWidth: helpWidth() });
  program.showHelpAfterError("(--help shows the options)");
  addTrainCommand(program);
  addEvaluateCommand(program);
  addPredictCommand(program);
  addReportCommand(program);
  addSearchCommand(program);
  addDiagnoseCommand(program);
  addTasksCommand(program);
  addConvertCommand(program);
  for (const command of [program, ...allCommands(program)]) {
    command.helpOption("--help", "this text").helpCommand(false).copyInheritedSettings(program);
  }
  return program;
}

function* allCommands(command: Command): Generator<Command> {
  for (const child of command.commands) {
    yield child;
    yield* allCommands(child);
  }
}

/** On a pipe too, lines that a person can read. */
function helpWidth(): number {
  return Math.min(process.stdout.columns ?? 110, 120);
}
