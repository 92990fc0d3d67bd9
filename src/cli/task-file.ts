// task.json, beside a model that a command has trained: which task it was trained for and with what options, so
// that `evaluate` and `predict` read rows as `train` did.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../models/atomic-file.js";
import type { TaskEntry, TaskSettings } from "../tasks/entry.js";

const FILE = "task.json";

export async function saveTaskFile(folder: string, entry: TaskEntry, options: TaskSettings): Promise<void> {
  const text = JSON.stringify({ task: entry.name, options }, null, 2);
  await writeFileAtomic(join(folder, FILE), `${text}\n`);
}

/** The options a folder's model was trained with; none for another task, a folder without the file, or no folder. */
export async function savedSettings(folder: string | undefined, entry: TaskEntry): Promise<TaskSettings> {
  if (folder === undefined) return {};
  try {
    const { task, options } = JSON.parse(await readFile(join(folder, FILE), "utf8"));
    if (task !== entry.name || typeof options !== "object" || options === null) return {};
    const known = entry.options.filter(({ name }) => Object.hasOwn(options, name));
    return Object.fromEntries(known.map(({ name }) => [name, options[name]]));
  } catch {
    return {};
  }
}

/** The name of the task that a folder's model was trained for; undefined where no task.json says so. */
export async function savedTask(folder: string): Promise<string | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, FILE), "utf8")).task;
  } catch {
    return undefined;
  }
}
