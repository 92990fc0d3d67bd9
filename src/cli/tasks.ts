// `athanor tasks`: what there is.
import type { Command } from "commander";
import { settingOf, type TaskEntry } from "../tasks/entry.js";
import { taskEntries } from "../tasks/registry.js";
import { optionFlag } from "./task-options.js";

/** Adds `tasks`. */
export function addTasksCommand(program: Command): void {
  program
    .command("tasks")
    .description("list the tasks")
    .option("--json", "as JSON, with all options")
    .action(({ json }: { json?: boolean }) => {
      console.log(
        json ? JSON.stringify(taskEntries.map(facts), null, 2) : taskEntries.map(shown).join("\n\n"),
      );
    });
}

function facts({ name, summary, rows, autoName, options, best }: TaskEntry) {
  const shownOptions = options.map(({ elsewhere: _, ...option }) => ({
    flag: optionFlag(option.name),
    ...option,
  }));
  return { name, summary, rows, model: autoName, metric: best({}).name, options: shownOptions };
}

function shown(entry: TaskEntry): string {
  const columns = entry.options.flatMap((option) => {
    // Without a default it is found by itself.
    if (option.column === undefined || settingOf(entry, {}, option.name) === undefined) return [];
    return [`${settingOf(entry, {}, option.name)}${/input|label/.test(option.column) ? "" : " (if there)"}`];
  });
  return [
    entry.name,
    `  ${entry.summary}`,
    `  rows:    ${entry.rows}`,
    `  columns: ${columns.join(", ")}`,
    `  model:   ${entry.autoName}, chosen by ${entry.best({}).name}${entry.bestElse ? ` (${entry.bestElse})` : ""}`,
  ].join("\n");
}
