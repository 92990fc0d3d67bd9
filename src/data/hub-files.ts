// Which files of a data set's repository hold a split: by their names, as most repositories have them
// (`CONFIG/train-00000-of-00002.parquet`, `data/test.jsonl`, `dev.csv`), or as the caller names them.

import { AthanorError } from "../errors.js";

/** Which files are wanted. */
export interface WantedData {
  /** "train", "validation", "test", or another name. */
  split: string;
  /** The folder of a configuration. */
  config?: string;
  /** Names of files, with `*` for anything but a slash and `**` for anything. */
  dataFiles?: readonly string[];
}

const DATA = /\.(csv|tsv|jsonl|ndjson|json|parquet)(\.gz)?$/i;
// What Hugging Face's own libraries lay beside the data.
const ABOUT = /(^|\/)(dataset_infos?|state)\.json$|(^|\/)\./;
const SHARD = /^(.+?)-(\d{5})-of-(\d{5})(?:-[0-9a-f]+)?$/;

// Words of file names, as the library `datasets` knows them.
const SPLITS: Record<string, readonly string[]> = {
  train: ["train", "training"],
  validation: ["validation", "valid", "dev", "val"],
  test: ["test", "testing", "eval", "evaluation"],
};

/** A file of a data set, taken apart. */
interface DataFile {
  name: string;
  folders: string[];
  /** Without extension and number of the shard. */
  stem: string;
  /** Undefined where the name has no such number. */
  shards: number | undefined;
}

/** The files that are wanted, of the names that are there. @throws ERR_HUB saying what there is */
export function chooseDataFiles(names: readonly string[], wanted: WantedData): string[] {
  if (wanted.dataFiles !== undefined) return wanted.dataFiles.flatMap((pattern) => matching(names, pattern));
  const all = names.filter((name) => DATA.test(name) && !ABOUT.test(name)).map(dataFile);
  if (all.length === 0) {
    throw lacking("the data set must hold CSV, TSV, JSON, JSON Lines or Parquet files", names);
  }
  const files = ofConfig(all, wanted.config);
  const found = files.filter((file) => holds(file, wanted.split));
  // Files that say nothing of splits are all there is to learn from.
  const plain = wanted.split === "train" && files.every((file) => knownSplit(file) === undefined);
  const chosen = found.length > 0 || !plain ? found : files;
  if (chosen.length === 0) {
    const splits = new Set(files.map((file) => knownSplit(file) ?? file.stem));
    throw lacking(`split must be one of the data set's (dataFiles names files)`, [...splits], wanted.split);
  }
  const configs = new Set(chosen.map(configOf));
  if (configs.size > 1) throw lacking("config must say which folder is meant", [...configs].sort());
  checkShards(chosen);
  return chosen.map(({ name }) => name).sort();
}

function dataFile(name: string): DataFile {
  const folders = name.split("/");
  const stem = folders.pop()!.replace(DATA, "");
  const [, whole = stem, , shards] = SHARD.exec(stem) ?? [];
  return { name, folders, stem: whole, shards: shards === undefined ? undefined : Number(shards) };
}

function lacking(needed: string, there: readonly string[], came?: string): AthanorError {
  const list = there.length > 12 ? `${there.slice(0, 12).join(", ")}, ...` : there.join(", ");
  const got = came === undefined ? list || "no files" : `${JSON.stringify(came)}: there is ${list}`;
  return new AthanorError("ERR_HUB", `${needed}, got ${got}`);
}

function matching(names: readonly string[], pattern: string): string[] {
  const parts = pattern.split(/(\*+)/).map((part) => {
    if (part.startsWith("*")) return part.length > 1 ? ".*" : "[^/]*";
    return part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  });
  const found = names.filter((name) => new RegExp(`^${parts.join("")}$`).test(name)).sort();
  if (found.length > 0) return found;
  throw lacking(`dataFiles must name files of the data set, and ${JSON.stringify(pattern)} is none`, names);
}

function ofConfig(files: readonly DataFile[], config: string | undefined): readonly DataFile[] {
  if (config === undefined) return files;
  const found = files.filter(({ folders }) => folders.includes(config));
  if (found.length > 0) return found;
  const configs = [...new Set(files.map(configOf))].filter((name) => name !== "").sort();
  throw lacking("config must be a folder of the data set", configs, config);
}

/** The folders that tell configurations apart. */
function configOf({ folders }: DataFile): string {
  return folders.filter((folder) => folder !== "data" && wordSplit(folder) === undefined).join("/");
}

/** The split that a word means. */
function wordSplit(word: string): string | undefined {
  return Object.keys(SPLITS).find((split) => SPLITS[split].includes(word.toLowerCase()));
}

/** The split that a file's name speaks of, else the nearest folder's. */
function knownSplit({ stem, folders, shards }: DataFile): string | undefined {
  // A shard's name is its split's: "validation_matched" is not "validation".
  const words = shards !== undefined ? [stem] : stem.split(/[^a-z]+/i);
  return [...words, ...folders.toReversed()].map(wordSplit).find((split) => split !== undefined);
}

function holds(file: DataFile, split: string): boolean {
  if (file.stem === split || file.folders.includes(split)) return true;
  return knownSplit(file) === (wordSplit(split) ?? split);
}

/** A split of which a part is cached is not the split. */
function checkShards(files: readonly DataFile[]): void {
  for (const { folders, stem, shards = 1, name } of files) {
    const same = (file: DataFile) => file.stem === stem && file.shards === shards;
    const parts = files.filter((file) => same(file) && file.folders.join("/") === folders.join("/"));
    if (shards > 1 && parts.length < shards) {
      throw lacking(`all ${shards} parts that ${name} is one of are needed`, [String(parts.length)]);
    }
  }
}
