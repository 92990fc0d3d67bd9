// A task whose rows are prepared before the run begins: a fault in the last evaluation row then shows at once, not
// after the first epoch, and names its file.
import { AthanorError } from "../errors.js";
import type { Example, Model } from "../models/index.js";
import type { AnyTask } from "../tasks/entry.js";
import type { Tokenizer } from "../tokenizers/index.js";
import type { DataRow, PrepareContext } from "../training/index.js";
import type { RowSource } from "./rows.js";

type Purpose = "train" | "evaluate";

/** The task with the examples of these rows at hand. Rejects as `prepare` does, with the files' names in front. */
export async function preparedTask(
  task: AnyTask,
  sources: Partial<Record<Purpose, RowSource>>,
  parts: { model: Model; tokenizer: Tokenizer },
): Promise<AnyTask> {
  const examples: Partial<Record<Purpose, Example[]>> = {};
  for (const [purpose, source] of Object.entries(sources) as [Purpose, RowSource][]) {
    const context = { ...parts, purpose, labels: "required" as const, rest: async () => {} };
    examples[purpose] = await inFiles(source, () => task.prepare(source.rows, context));
  }
  return Object.assign(Object.create(task) as AnyTask, {
    prepare: async (rows: readonly DataRow[], context: PrepareContext) => {
      const purpose = context.purpose as Purpose;
      const own = sources[purpose]?.rows === rows ? examples[purpose] : undefined;
      return own ?? (await task.prepare(rows, context));
    },
  });
}

/** What `work` gives; its ERR_DATA gets the file and line in front, or the files' names where it names no row. */
export async function inFiles<T>(source: RowSource, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = error as AthanorError;
    if (code !== "ERR_DATA") throw error;
    const row = source.rows[Number(/\brow (\d+)\b/.exec(message)?.[1])];
    const found = row && (await source.find(row));
    // Numbers are those of the rows as the files have them, before they were split.
    const told = found ? message.replace(/\brow \d+\b/, `row ${found.number}`) : message;
    const place = found?.place ?? source.files.join(", ");
    throw new AthanorError(code, `${place}: ${told}`, { cause: error });
  }
}
