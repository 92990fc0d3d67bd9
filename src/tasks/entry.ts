// What the table of tasks (registry.ts) says of each: for commands, servers and forms, so that none of them names a
// task itself.
import type { TableOptions } from "../data/index.js";
import type { AutoClass, Example, Model, ModelConfig } from "../models/index.js";
import type { DataRow, Task } from "../training/task.js";
import type { LanguageOptions } from "./generation/languages.js";

/** What an option takes: any text, texts with commas between, a number, true or false, or one of a list of words. */
export type TaskOptionKind = "text" | "list" | "integer" | "number" | "flag" | readonly string[];

/** An option of a task, named as the task's factory has it. */
export interface TaskOption {
  /** In camelCase; commands spell it with dashes. */
  name: string;
  kind: TaskOptionKind;
  description: string;
  default?: string | number;
  /** The option names a column that rows must have: always, or where labels are needed; or may have, or may to predict. */
  column?: "input" | "label" | "optional" | "predicted";
  /** Further names of columns that the task looks for where the option is not given. */
  others?: readonly string[];
  /** Of the reading of rows, or of the model: not given to the factory. */
  elsewhere?: boolean;
}

/** Options by name, as they were given; those left out are absent. */
export type TaskSettings = Readonly<Record<string, TaskSetting | undefined>>;

export type TaskSetting = string | number | boolean | readonly string[];

/** A task of whatever predictions and results. */
// biome-ignore lint/suspicious/noExplicitAny: a table of tasks knows nothing of their predictions
export type AnyTask = Task<any, any>;

/** The metric by which a run's best checkpoint is chosen. */
export interface BestMetric {
  name: string;
  greaterIsBetter: boolean;
}

export interface ClassPairParts {
  /** Of the task, one per row. */
  // biome-ignore lint/suspicious/noExplicitAny: as for AnyTask
  results: readonly any[];
  examples: readonly Example[];
  rows: readonly DataRow[];
  model: Model;
  settings: TaskSettings;
}

/** All that is known of a task beside what it does. */
export interface TaskEntry {
  /** "text-classification": also the name in Transformers' pipelines, where those have the task. */
  name: string;
  /** One sentence. */
  summary: string;
  /** What a row holds, for people. */
  rows: string;
  /** Arguments after `athanor train NAME` that make sense, for help. */
  example: string;
  /** The Auto class of its models, and that class's name. */
  auto: AutoClass;
  autoName: string;
  options: readonly TaskOption[];
  /** The task. `say` gets lines about what it notices. Throws ERR_ARGUMENT for options that make no sense. */
  make(settings: TaskSettings, say?: (line: string) => void): AnyTask;
  /** The classes of a model, found in the rows; absent where a model has none. Throws ERR_DATA. */
  labels?(rows: readonly DataRow[], settings: TaskSettings): string[];
  /** Entries of the model's config that the options decide. */
  config?(settings: TaskSettings): Partial<ModelConfig>;
  /** Languages that a tokenizer with languages is loaded and saved with. */
  languages?(settings: TaskSettings): LanguageOptions;
  /** `labels`: those of the model, where it has any. */
  best(settings: TaskSettings, labels?: readonly string[]): BestMetric;
  /** Which metric it is instead for some options or labels, for people. */
  bestElse?: string;
  /** Defaults that depend on other options. */
  defaults?(settings: TaskSettings): TaskSettings;
  /** How its files are read, where their extension does not tell. */
  reading?(settings: TaskSettings, file: string): TableOptions;
  /**
   * Predicted and true classes of rows with labels, by name, one or more for each row; absent where a task has none, or
   * for options without a single class each. `examples` are those of the rows, with labels.
   */
  classPairs?(parts: ClassPairParts): { predicted: string[]; actual: string[] } | undefined;
  /** Fields of a result that only those want to see who ask for all of it. */
  details?: readonly string[];
}

/** The value of an option: as given, or its default. */
export function settingOf(
  entry: Pick<TaskEntry, "options" | "defaults">,
  settings: TaskSettings,
  name: string,
): TaskSetting | undefined {
  const standard = () => entry.options.find((option) => option.name === name)?.default;
  return settings[name] ?? entry.defaults?.(settings)[name] ?? standard();
}

/** A column that rows must have: one of these names. */
export interface NeededColumn {
  option: TaskOption;
  names: readonly string[];
}

/** The columns that rows must have. */
export function neededColumns(
  entry: TaskEntry,
  settings: TaskSettings,
  labels: "required" | "none",
): NeededColumn[] {
  return entry.options.flatMap((option) => {
    const { name, column, others = [] } = option;
    if (column !== "input" && !(column === "label" && labels === "required")) return [];
    const standard = String(settingOf(entry, settings, name));
    return [{ option, names: settings[name] === undefined ? [standard, ...others] : [standard] }];
  });
}

/** The columns that rows may have and that an option names: then they should be there. */
export function askedColumns(entry: TaskEntry, settings: TaskSettings): NeededColumn[] {
  return entry.options.flatMap((option) => {
    const given = settings[option.name];
    if (option.column !== "optional" || given === undefined) return [];
    return (Array.isArray(given) ? given : [given]).map((name) => ({ option, names: [String(name)] }));
  });
}

/** The settings that the task's factory takes. */
export function factoryOptions(entry: Pick<TaskEntry, "options">, settings: TaskSettings): TaskSettings {
  const own = entry.options.filter(({ name, elsewhere }) => !elsewhere && settings[name] !== undefined);
  return Object.fromEntries(own.map(({ name }) => [name, settings[name]]));
}
