// Options that several commands have.
import { type Command, Option } from "commander";
import { setThreads } from "../tensor/device.js";
import type { Device } from "../tensor/tensor.js";
import { count, list } from "./task-options.js";

export interface CommonValues {
  device?: Device;
  threads?: number;
  format?: string;
  columns?: string[];
  verbose?: boolean;
}

const FORMATS = ["csv", "tsv", "jsonl", "json", "text", "conll", "conllu", "parquet", "squad"];

/** The kind of files, device, threads, and how much is said. */
export function addCommonOptions(command: Command): void {
  command
    .addOption(
      new Option("--format <kind>", "kind of the files, where their names do not tell")
        .choices(FORMATS)
        .helpGroup("Data:"),
    )
    .addOption(
      new Option("--columns <names>", "names of the columns, with commas, where files do not tell")
        .argParser(list)
        .helpGroup("Data:"),
    )
    .addOption(new Option("--device <name>", "cpu, cuda, cuda:1, ... (default: auto)").helpGroup("Machine:"))
    .addOption(
      new Option("--threads <n>", "threads that compute (default: one per core)")
        .argParser(count)
        .helpGroup("Machine:"),
    )
    .option("--verbose", "show where an error came from");
}

export function prepareEngine({ threads }: CommonValues): void {
  if (threads !== undefined) setThreads(threads);
}
