// The columns of multiple choice: SWAG's, CODAH's, lists of choices, or named ones.
import type { DataRow } from "../../training/task.js";
import { columnOf, rowFault, textOf } from "../rows.js";

export const TASK = "multipleChoice";

/** Names of columns, where they are not found by themselves. */
export interface ChoiceColumns {
  /** The text before every choice: "sent1" (SWAG), "prompt" (CODAH) or "context". */
  contextColumn?: string;
  /** What every choice goes on from: "sent2" (SWAG) or "question", where a row has it. */
  beginningColumn?: string;
  /** A list of choices; "choices" where a row has it. */
  choicesColumn?: string;
  /** One column per choice; "ending0", "ending1", ... where rows have them. */
  endingColumns?: readonly string[];
  /** The number of the right choice, from 0; default "label". */
  labelColumn?: string;
}

const CONTEXTS = ["sent1", "prompt", "context"] as const;
const BEGINNINGS = ["sent2", "question"] as const;

/** The pairs of a row, one per choice. @throws ERR_DATA naming row and column */
export function choiceTexts(row: DataRow, index: number, columns: ChoiceColumns): [string, string][] {
  if (typeof row !== "object" || row === null) throw rowFault(TASK, index, undefined, "an object", row);
  const context = textOf(TASK, row, index, contextColumn(row, index, columns));
  const { beginningColumn = BEGINNINGS.find((name) => columnOf(row, name) !== undefined) } = columns;
  const beginning = beginningColumn === undefined ? "" : textOf(TASK, row, index, beginningColumn);
  return endings(row, index, columns).map((ending) => {
    return [context, beginning === "" ? ending : `${beginning} ${ending}`];
  });
}

function contextColumn(row: DataRow, index: number, { contextColumn: given }: ChoiceColumns): string {
  const found = given ?? CONTEXTS.find((name) => columnOf(row, name) !== undefined);
  if (found !== undefined) return found;
  const needed = `an object with a column ${CONTEXTS.join(", ")} (or contextColumn)`;
  throw rowFault(TASK, index, undefined, needed, row);
}

function endings(row: DataRow, index: number, columns: ChoiceColumns): string[] {
  const { choicesColumn = "choices", endingColumns } = columns;
  const list = columnOf(row, choicesColumn);
  if (endingColumns === undefined && (columns.choicesColumn !== undefined || list !== undefined)) {
    if (!Array.isArray(list) || list.length < 2)
      throw rowFault(TASK, index, choicesColumn, "a list of at least two texts", list, row);
    return list.map((ending) => {
      if (typeof ending === "string" && ending.trim() !== "") return ending;
      throw rowFault(TASK, index, choicesColumn, "a list of texts that are not empty", ending);
    });
  }
  const names = endingColumns ?? numbered(row);
  if (names.length < 2) {
    const needed = 'an object with a list of "choices" or the columns ending0, ending1, ...';
    throw rowFault(TASK, index, undefined, needed, row);
  }
  return names.map((name) => textOf(TASK, row, index, name));
}

/** ending0, ending1, ... up to the first that the row lacks; a table of ragged rows leaves the last ones empty. */
function numbered(row: DataRow): string[] {
  const names: string[] = [];
  for (;;) {
    const name = `ending${names.length}`;
    const value = columnOf(row, name);
    if (value === undefined || value === null || value === "") return names;
    names.push(name);
  }
}

/** The number of the right choice, also as text. @throws ERR_DATA naming row and column */
export function labelOf(
  row: DataRow,
  index: number,
  { labelColumn = "label" }: ChoiceColumns,
  choices: number,
): number {
  const value = columnOf(row, labelColumn);
  const label = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (Number.isInteger(label) && (label as number) >= 0 && (label as number) < choices)
    return label as number;
  throw rowFault(TASK, index, labelColumn, `the number of a choice, from 0 to ${choices - 1}`, value, row);
}

/**
 * The columns of CODAH's files, which have no header.
 *
 * @example
 * const rows = await readCsv("train.tsv", { separator: "\t", quote: false, columns: CODAH_COLUMNS });
 */
export const CODAH_COLUMNS: string[] = [
  ...["category", "prompt", "ending0", "ending1", "ending2", "ending3", "label"],
];
