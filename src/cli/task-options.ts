// The options of a task, from its row in the table to the command line and back.
import { type Command, InvalidArgumentError, Option } from "commander";
import type { TaskEntry, TaskOption, TaskSettings } from "../tasks/entry.js";

/** `maxLength` -> `--max-length`. */
export function optionFlag(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Adds the options of a task to its command. */
export function addTaskOptions(command: Command, entry: TaskEntry): void {
  for (const option of entry.options) command.addOption(commandOption(option));
}

function commandOption({ name, kind, description, default: standard }: TaskOption): Option {
  const flag = optionFlag(name);
  // The task itself fills the gaps, so that settings of a saved model are not hidden by defaults.
  const text = standard === undefined ? description : `${description} (default: ${standard})`;
  const group = "Options of the task:";
  if (kind === "flag") return new Option(flag, text).helpGroup(group);
  if (kind === "text") return new Option(`${flag} <name>`, text).helpGroup(group);
  if (kind === "list") return new Option(`${flag} <names>`, text).argParser(list).helpGroup(group);
  if (kind === "integer") return new Option(`${flag} <n>`, text).argParser(integer).helpGroup(group);
  if (kind === "number") return new Option(`${flag} <x>`, text).argParser(number).helpGroup(group);
  return new Option(`${flag} <word>`, text).choices(kind).helpGroup(group);
}

/** The settings of the task among the values that Commander has read. */
export function taskSettings(entry: TaskEntry, values: object): TaskSettings {
  const all = values as TaskSettings;
  const given = entry.options.filter(({ name }) => all[name] !== undefined);
  return Object.fromEntries(given.map(({ name }) => [name, all[name]]));
}

/** A parser of Commander's for texts with commas between. */
export function list(value: string): string[] {
  return value.split(",").map((part) => part.trim());
}

/** A parser of Commander's for whole numbers from 0. */
export function integer(value: string): number {
  if (/^\d+$/.test(value)) return Number(value);
  throw new InvalidArgumentError("It must be a whole number from 0.");
}

/** A parser of Commander's for whole numbers from 1. */
export function count(value: string): number {
  if (/^0*[1-9]\d*$/.test(value)) return Number(value);
  throw new InvalidArgumentError("It must be a whole number from 1.");
}

/** A parser of Commander's for numbers. */
export function number(value: string): number {
  if (value.trim() !== "" && Number.isFinite(Number(value))) return Number(value);
  throw new InvalidArgumentError("It must be a number.");
}
