// A task whose rows are prepared before the run begins: a fault in the last evaluation row then shows at once, not
// after the first epoch, and names its file.
import { AthanorError } from "../errors.js";
import type { Example, Model } from "../models/index.js";
import type { AnyTask } from "../tasks/entry.js";
import type { Tokenizer } from "../tokenizers/index.js";
import type { DataRow, PrepareContext } from "../training/index.js";

/** Rows and the files they are from. */
export interface RowSource {
  rows: readonly DataRow[];
  files: readonly string[];
}

type Purpose = "train" | "evaluate";

/** The task with the examples of these rows at hand. Rejects as `prepare` does, with the files' names in front. */
export async function preparedTask(
  task: AnyTask,
  sources: Partial<Record<Purpose, RowSource>>,
  parts: { model: Model; tokenizer: Tokenizer },
): Promise<AnyTask> {
  const examples: Partial<Record<Purpose, Example[]>> = {};
  for (const [purpose, { rows, files }] of Object.entries(sources) as [Purpose, RowSource][]) {
    const context = { ...parts, purpose, labels: "required" as const, rest: async () => {} };
    examples[purpose] = await inFiles(files, () => task.prepare(rows, context));
  }
  return Object.assign(Object.create(task) as AnyTask, {
    prepare: async (rows: readonly DataRow[], context: PrepareContext) => {
      const purpose = context.purpose as Purpose;
      const own = sources[purpose]?.rows === rows ? examples[purpose] : undefined;
      return own ?? (await task.prepare(rows, context));
    },
  });
}

/** What `work` gives; its ERR_DATA gets the files' names in front. */
export async function inFiles<T>(files: readonly string[], work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = error as AthanorError;
    if (code !== "ERR_DATA") throw error;
    throw new AthanorError(code, `${files.join(", ")}: ${message}`, { cause: error });
  }
}
