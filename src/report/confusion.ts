// A confusion matrix as a table whose cells are as dark as their share of the row.
import { confusionMatrix } from "../metrics/index.js";
import { escaped } from "./html.js";

/** Names of classes, predicted and true, in the same order. */
export interface ClassPairs {
  predicted: string[];
  actual: string[];
}

// A table of more is not read; of BANKING77's 77 classes these are the ones that are mistaken most.
const MOST_CLASSES = 40;

/** The matrix, and beside it precision and recall of each class. */
export function confusionTable(pairs: ClassPairs): string {
  const { labels, matrix } = confusionMatrix(pairs.predicted, pairs.actual);
  const shown = labels.length > MOST_CLASSES ? mostMistaken(matrix) : labels.map((_, i) => i);
  const names = labels.map((label) => escaped(label));
  const head = shown.map((i) => `<th class="column"><span>${names[i]}</span></th>`).join("");
  const rows = shown.map((i) => {
    const total = sum(matrix[i]);
    const cells = shown.map((j) => cell(matrix[i][j], total, `${names[i]} taken for ${names[j]}`, i === j));
    const given = sum(matrix.map((row) => row[i]));
    const scores = [share(matrix[i][i], given), share(matrix[i][i], total), String(total)];
    return `<tr><th>${names[i]}</th>${cells.join("")}${scores.map((score) => `<td class="score">${score}</td>`).join("")}</tr>`;
  });
  const omitted = labels.length - shown.length;
  const note =
    omitted > 0 ? `<p>The ${shown.length} classes with most mistakes; ${omitted} are left out.</p>` : "";
  const scores = ["precision", "recall", "rows"].map((name) => `<th class="score">${name}</th>`).join("");
  return `${note}<table class="matrix"><tr><th>true \\ predicted</th>${head}${scores}</tr>\n${rows.join("\n")}</table>`;
}

function cell(count: number, total: number, title: string, right: boolean): string {
  const part = total === 0 ? 0 : count / total;
  const color = right ? "30, 130, 76" : "192, 57, 43";
  const text = count === 0 ? "" : String(count);
  const light = part > 0.6 ? "; color: #fff" : "";
  return `<td style="background: rgba(${color}, ${part.toFixed(2)})${light}" title="${title}: ${count}">${text}</td>`;
}

function mostMistaken(matrix: readonly number[][]): number[] {
  const mistakes = matrix.map((row, i) => sum(row) + sum(matrix.map((other) => other[i])) - 2 * row[i]);
  const order = mistakes.map((_, i) => i).sort((a, b) => mistakes[b] - mistakes[a] || a - b);
  return order.slice(0, MOST_CLASSES).sort((a, b) => a - b);
}

function share(part: number, all: number): string {
  return all === 0 ? "" : (part / all).toFixed(3);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
