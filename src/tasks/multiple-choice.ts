// Multiple choice: a context and any number of choices in, the best one out. SWAG, CODAH, or columns of one's own; each
// choice is a pair of texts, and a softmax over a row's scores says which is the best.
import { AthanorError } from "../errors.js";
import type { Example } from "../models/batch.js";
import type { DataRow, OutputValues, PrepareContext, Task } from "../training/task.js";
import { columnOf, rowFault, shownValue, textOf, wholeOption } from "./rows.js";
import { bestOf, softmax } from "./scores.js";

export interface MultipleChoiceOptions {
  /** What all choices of a row have in common; default: "sent1" (SWAG), "prompt" (CODAH) or "context". */
  contextColumn?: string;
  /** What begins every choice, where a row has it; default "sent2" (SWAG) or "question". */
  questionColumn?: string;
  /** The choices: a list in one column, or the names of columns. Default "choices", or "ending0", "ending1", ... */
  choicesColumn?: string | readonly string[];
  /** Number of the right choice, from 0; default "label". */
  labelColumn?: string;
  /** Most tokens of a choice with its context, at most what tokenizer and model take. */
  maxLength?: number;
}

/** The result for one row. */
export interface MultipleChoice {
  /** Number of the best choice, from 0. */
  choice: number;
  /** Its probability. */
  score: number;
  /** The probabilities of all choices. */
  scores: Float32Array;
}

const TASK = "multipleChoice";
const CONTEXTS = ["sent1", "prompt", "context"];
const QUESTIONS = ["sent2", "question"];
const PAIRS_PER_CALL = 512;

/**
 * The task of AutoModelForMultipleChoice. Rows may have different numbers of choices, two at least. The metric is
 * `accuracy`.
 *
 * Preparing rejects with ERR_DATA, naming the row from 0: no context, fewer than two choices, a choice that is empty, a
 * label that is none of the choices' numbers.
 *
 * @example
 * const trainer = new Trainer({ model, tokenizer, task: multipleChoice(), train: await readCsv("swag/train.csv") });
 * const [{ choice }] = await trainer.predict([{ context: "She opened the door.", choices: ["It rained.", "One."] }]);
 */
export function multipleChoice(options: MultipleChoiceOptions = {}): Task<MultipleChoice> {
  const { labelColumn = "label", maxLength } = options;
  const most =
    maxLength === undefined ? Number.POSITIVE_INFINITY : wholeOption(TASK, "maxLength", maxLength, 1);
  return {
    name: "multiple-choice",
    async prepare(rows, context) {
      const pairs = rows.map((row, index) => pairsOf(row, index, options));
      const labels =
        context.labels === "required"
          ? rows.map((row, index) => labelOf(row, index, labelColumn, pairs[index].length))
          : undefined;
      const examples = await encoded(pairs, most, context);
      return examples.map((choices, i) => (labels ? { choices, labels: labels[i] } : { choices }));
    },
    predict: ({ logits }, examples) => predicted(logits, examples),
    metrics(results, examples) {
      const right = results.filter(({ choice }, i) => choice === examples[i].labels).length;
      return { accuracy: right / results.length };
    },
  };
}

function pairsOf(row: DataRow, index: number, options: MultipleChoiceOptions): [string, string][] {
  if (typeof row !== "object" || row === null) throw rowFault(TASK, index, undefined, "an object", row);
  const has = (name: string) => columnOf(row, name) !== undefined;
  const contextColumn = options.contextColumn ?? CONTEXTS.find(has) ?? "context";
  const questionColumn = options.questionColumn ?? QUESTIONS.find(has);
  const context = textOf(TASK, row, index, contextColumn);
  const question = questionColumn === undefined ? undefined : textOf(TASK, row, index, questionColumn);
  return choicesOf(row, index, options.choicesColumn).map((choice) => [
    context,
    question === undefined ? choice : `${question} ${choice}`,
  ]);
}

function choicesOf(row: DataRow, index: number, given: MultipleChoiceOptions["choicesColumn"]): string[] {
  const list = typeof given === "string" ? given : given === undefined ? "choices" : undefined;
  const value = list === undefined ? undefined : columnOf(row, list);
  if (value !== undefined || typeof given === "string") {
    const name = list as string;
    if (!Array.isArray(value) || value.length < 2) {
      throw rowFault(TASK, index, name, "a list of at least two choices", value);
    }
    return value.map((choice, i) => {
      if (typeof choice === "string" && choice.trim() !== "") return choice;
      throw rowFault(TASK, index, name, `a list of texts that are not empty (at ${i})`, choice);
    });
  }
  const names = Array.isArray(given) ? (given as readonly string[]) : endingsOf(row);
  if (names.length < 2) {
    const came = Object.keys(row).join(", ") || "nothing";
    throw new AthanorError(
      "ERR_DATA",
      `${TASK}: row ${index} must have choices: columns "ending0", "ending1", ... or a list "choices", got ${came}`,
    );
  }
  return names.map((name) => textOf(TASK, row, index, name));
}

/** The columns "ending0", "ending1", ... to the first that is missing or, as tables fill up short rows, empty. */
function endingsOf(row: DataRow): string[] {
  const names: string[] = [];
  for (;;) {
    const name = `ending${names.length}`;
    const value = columnOf(row, name);
    if (value === undefined || value === null || value === "") return names;
    names.push(name);
  }
}

function labelOf(row: DataRow, index: number, name: string, choices: number): number {
  const value = columnOf(row, name);
  const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (Number.isInteger(number) && (number as number) >= 0 && (number as number) < choices)
    return number as number;
  throw rowFault(TASK, index, name, `the number of a choice, 0 to ${choices - 1}`, value);
}

async function encoded(
  rows: readonly [string, string][][],
  most: number,
  { tokenizer, model, rest }: PrepareContext,
): Promise<Example[][]> {
  if (!tokenizer) throw new AthanorError("ERR_ARGUMENT", `${TASK}: tokenizer must be given, got none`);
  const maxLength = Math.min(most, tokenizer.modelMaxLength, model.maxLength ?? Number.POSITIVE_INFINITY);
  const how = Number.isFinite(maxLength) ? ({ truncation: "longest_first", maxLength } as const) : {};
  const pairs = rows.flat();
  const choices: Example[] = [];
  for (let first = 0; first < pairs.length; first += PAIRS_PER_CALL) {
    const encodings = await tokenizer.encodeBatchAsync(pairs.slice(first, first + PAIRS_PER_CALL), how);
    for (const { ids, typeIds } of encodings) {
      choices.push({ inputIds: ids, ...(typeIds.some((id) => id !== 0) && { tokenTypeIds: typeIds }) });
    }
    await rest();
  }
  let next = 0;
  return rows.map(({ length }) => {
    next += length;
    return choices.slice(next - length, next);
  });
}

function predicted(logits: OutputValues, examples: readonly Example[]): MultipleChoice[] {
  const counts = examples.map(({ choices }) => choices?.length ?? 0);
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (logits?.data.length !== total) {
    const came = shownValue(logits?.data.length);
    throw new AthanorError(
      "ERR_ARGUMENT",
      `${TASK}: model must give a number for each of ${total} choices (AutoModelForMultipleChoice), got ${came}`,
    );
  }
  let next = 0;
  return counts.map((count) => {
    const scores = softmax(logits.data.slice(next, next + count));
    next += count;
    const choice = bestOf(scores);
    return { choice, score: scores[choice], scores };
  });
}
