// Data sets by name: repositories of the Hugging Face Hub, or folders laid out like them.

import { join } from "node:path";
import { AthanorError } from "../errors.js";
import { filesBelow, type HubOptions, pretrainedFolder, takeHubOptions } from "../hub/index.js";
import { Dataset } from "./dataset.js";
import type { TableOptions } from "./formats.js";
import { chooseDataFiles, type WantedData } from "./hub-files.js";
import type { Row } from "./rows.js";
import { shown } from "./text-source.js";

/** Options of `readDataset`: which part, the Hub's options, and how files are read. */
export interface ReadDatasetOptions extends TableOptions, HubOptions {
  /** Default "train". */
  split?: string;
  /** The configuration: the folder of its files, where a data set has several. */
  config?: string;
  /** Names of files instead of split and config; `*` stands for anything but a slash, `**` for anything. */
  dataFiles?: string | readonly string[];
}

const WHO = "readDataset";

/**
 * Reads a data set of the Hub by its name, or of a folder, into memory. The CSV, TSV, JSON, JSON Lines and Parquet
 * files of a split are known by their names (`config/train-00000-of-00002.parquet`, `test.jsonl`, `dev.csv`); where no
 * name speaks of splits, all are "train". `dataFiles` names them where that fails. Files are kept in the cache of
 * Hugging Face's libraries.
 *
 * Rejects with ERR_HUB as `fromPretrained` does, and for a split, config or file that is not there, saying what is;
 * ERR_DATA as `readTable`; ERR_ARGUMENT naming the option; ERR_ABORTED.
 *
 * @example
 * const train = await readDataset("nyu-mll/glue", { config: "cola", split: "train" });
 */
export async function readDataset<T extends object = Row>(
  name: string,
  options: ReadDatasetOptions = {},
): Promise<Dataset<T>> {
  if (typeof name !== "string" || name === "") {
    throw fault("name", "a repository of the Hub or a folder", name);
  }
  const { hub, rest } = takeHubOptions(WHO, options);
  const { split = "train", config, dataFiles, ...reading } = rest;
  const wanted: WantedData = { split: checkedName("split", split) };
  if (config !== undefined) wanted.config = checkedName("config", config);
  if (dataFiles !== undefined) wanted.dataFiles = checkedNames(dataFiles);
  const choose = (names: readonly string[]) => chooseDataFiles(names, wanted);
  const folder = await pretrainedFolder(WHO, name, { of: "dataset", what: "this split", choose }, hub);
  const names = await filesBelow(folder);
  if (names.length === 0) {
    throw new AthanorError(
      "ERR_DATA",
      `${WHO}: ${name}: needs a folder with files, got none (readTable reads a file)`,
    );
  }
  return await Dataset.read<T>(
    choose(names).map((file) => join(folder, file)),
    reading,
  );
}

function fault(option: string, needed: string, came: unknown): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `${WHO}: ${option} must be ${needed}, got ${shown(came)}`);
}

function checkedName(option: string, value: unknown): string {
  if (typeof value === "string" && value !== "") return value;
  throw fault(option, "a name", value);
}

function checkedNames(value: string | readonly string[]): readonly string[] {
  const names = typeof value === "string" ? [value] : value;
  if (Array.isArray(names) && names.length > 0 && names.every((name) => typeof name === "string"))
    return names;
  throw fault("dataFiles", "a name of files, or several", value);
}
