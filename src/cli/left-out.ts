// Rows that `predict` leaves out: each is told with its place, and the command ends as a failure.
import type { BadRowOptions, SkipReport } from "../data/index.js";
import { AthanorError } from "../errors.js";
import type { Trainer } from "../training/index.js";
import type { DataRow, PrepareContext, Task } from "../training/task.js";

// A file of another kind has nothing but bad rows.
const TOLD = 20;

/** The rows left out of a command's work. */
export class LeftOut {
  /** Where rows stand in their files. */
  readonly places = new WeakMap<object, string>();
  /** How readers note what they cannot read. */
  readonly reading: BadRowOptions = {
    onBadRow: "skip",
    onSkip: (report) => this.#unreadable(report),
    rowPlaces: this.places,
  };
  count = 0;
  /** How many rows were not left out. */
  kept = 0;

  /** @param say gets a line about each of the first ones */
  constructor(private readonly say: (line: string) => void) {}

  add({ code, message }: AthanorError): void {
    this.count++;
    if (this.count <= TOLD) this.say(`${code}: ${message}; left out`);
    if (this.count === TOLD + 1) this.say("further rows are left out without a word");
  }

  /** @throws ERR_DATA when there were any */
  end(): void {
    if (this.count === 0) return;
    const rows = this.count === 1 ? "1 row was" : `${this.count} rows were`;
    throw new AthanorError("ERR_DATA", `predict: ${rows} left out, ${this.kept} predicted`);
  }

  #unreadable({ count, reasons }: SkipReport): void {
    for (const { message } of reasons) this.add(new AthanorError("ERR_DATA", message));
    this.count += count - reasons.length;
  }
}

/** What predicting needs. */
export interface PredictingParts {
  trainer: Trainer;
  task: Task;
  context: Pick<PrepareContext, "model" | "tokenizer">;
  leftOut: LeftOut;
}

/**
 * The results of rows, and the rows they are of: those that the task refuses are left out.
 *
 * @param name of the file, for messages about rows without a place
 * @param first the number of the first row, which errors count from
 */
export async function predictRows<Row extends DataRow>(
  rows: readonly Row[],
  { trainer, task, context, leftOut }: PredictingParts,
  { name, first }: { name: string; first: number },
): Promise<{ rows: readonly Row[]; results: unknown[] }> {
  let refused: AthanorError;
  try {
    const results = await trainer.predict(rows);
    leftOut.kept += rows.length;
    return { rows, results };
  } catch (error) {
    refused = error as AthanorError;
    if (refused.code !== "ERR_DATA") throw error;
  }
  // One bad row makes all of them fail: each is tried alone.
  const alone = { ...context, labels: "none", purpose: "predict", rest: async () => {} } as const;
  const good: Row[] = [];
  for (const [i, row] of rows.entries()) {
    try {
      await task.prepare([row], alone);
      good.push(row);
    } catch (error) {
      const { code, message } = error as AthanorError;
      if (code !== "ERR_DATA") throw error;
      const place = leftOut.places.get(row) ?? name;
      const moved = message.replace(/\brow 0\b/, `row ${first + i}`);
      leftOut.add(new AthanorError(code, `${place}: ${moved}`, { cause: error }));
    }
  }
  if (good.length === rows.length) {
    throw new AthanorError(refused.code, `${name}: ${refused.message}`, { cause: refused });
  }
  const results = await trainer.predict(good);
  leftOut.kept += good.length;
  return { rows: good, results };
}
