// The questions of one element of a SQuAD file: of an article with paragraphs, or of a flat object that is one.

import type { Row } from "./rows.js";
import { shown } from "./text-source.js";

/** A question. `answers` lists texts and starts (UTF-16 units into `context`); both empty where there is no answer. */
export interface SquadRow {
  id: string;
  title: string;
  context: string;
  question: string;
  answers: { text: string[]; answer_start: number[] };
}

/** What becomes of an answer that does not stand where it should. */
export type Misplaced = "keep" | "move" | "bad";

/** Notes what is wrong at a path within the element, or throws. */
type Report = (path: string, reason: string) => void;

interface Context {
  title: string;
  text: string;
  /** How many code points take two units of the text. */
  astral: boolean;
}

interface Answer {
  text: string;
  start: number;
}

const ASTRAL = /[\u{10000}-\u{10ffff}]/u;

/** All questions of an element that are as they should be; the others are reported. */
export function questionsOf(element: Row, misplaced: Misplaced, report: Report): Row[] {
  const rows: (Row | undefined)[] = [];
  const title = typeof element.title === "string" ? element.title : "";
  if (!Object.hasOwn(element, "paragraphs")) {
    const context = contextOf(element, title, "", report);
    if (context !== undefined) rows.push(questionOf(element, context, "", misplaced, report));
    return rows.filter((row) => row !== undefined);
  }
  for (const [paragraph, at] of objects(element, "paragraphs", "", report)) {
    const context = contextOf(paragraph, title, at, report);
    if (context === undefined) continue;
    for (const [question, path] of objects(paragraph, "qas", at, report)) {
      rows.push(questionOf(question, context, path, misplaced, report));
    }
  }
  return rows.filter((row) => row !== undefined);
}

/** The objects of a list, each with its path. */
function objects(parent: Row, name: string, at: string, report: Report): [Row, string][] {
  const path = join(at, name);
  const list = parent[name];
  if (!Array.isArray(list)) {
    report(path, `needs a list, got ${came(list)}`);
    return [];
  }
  const found: [Row, string][] = [];
  list.forEach((entry: unknown, i) => {
    if (isObject(entry)) found.push([entry, `${path}[${i}]`]);
    else report(`${path}[${i}]`, `needs an object, got ${came(entry)}`);
  });
  return found;
}

function contextOf(parent: Row, title: string, at: string, report: Report): Context | undefined {
  const text = parent.context;
  if (typeof text === "string") return { title, text, astral: ASTRAL.test(text) };
  report(join(at, "context"), `needs a text, got ${came(text)}`);
  return undefined;
}

function questionOf(
  entry: Row,
  context: Context,
  at: string,
  misplaced: Misplaced,
  report: Report,
): Row | undefined {
  const { id, question } = entry;
  // A number is an id as good as any; the reference programs compare ids as text.
  const idFits = (typeof id === "string" && id !== "") || typeof id === "number";
  if (!idFits || typeof question !== "string") {
    const [name, value] = idFits ? ["question", question] : ["id", id];
    report(join(at, name as string), `needs a text, got ${came(value)}`);
    return undefined;
  }
  const answers =
    entry.is_impossible === true ? [] : answersOf(entry.answers, context, join(at, "answers"), report);
  const placed = answers && placedAnswers(answers, context, join(at, "answers"), misplaced, report);
  if (placed === undefined) return undefined;
  return {
    id: String(id),
    title: context.title,
    context: context.text,
    question,
    answers: { text: placed.map(({ text }) => text), answer_start: placed.map(({ start }) => start) },
  };
}

/** The answers, in either of their two forms: a list of objects, or an object of two lists. */
function answersOf(value: unknown, context: Context, at: string, report: Report): Answer[] | undefined {
  const columns = isObject(value) ? [value.text, value.answer_start] : undefined;
  if (columns && !(columns.every(Array.isArray) && columns[0].length === columns[1].length)) {
    report(at, `needs lists text and answer_start of one length, got ${came(value)}`);
    return undefined;
  }
  if (columns === undefined && !Array.isArray(value)) {
    report(at, `needs the answers, a list (empty where there are none), got ${came(value)}`);
    return undefined;
  }
  const [texts, starts] = (columns ?? [
    (value as unknown[]).map((entry) => isObject(entry) && entry.text),
    (value as unknown[]).map((entry) => isObject(entry) && entry.answer_start),
  ]) as [unknown[], unknown[]];
  const answers: Answer[] = [];
  for (const [i, text] of texts.entries()) {
    const start = starts[i];
    if (typeof text !== "string" || !Number.isSafeInteger(start)) {
      const needed = "needs a text and a whole number answer_start";
      report(`${at}[${i}]`, `${needed}, got ${came(text)} and ${came(start)}`);
      return undefined;
    }
    answers.push({ text, start: unitsBefore(context, start as number) });
  }
  return answers;
}

function placedAnswers(
  answers: Answer[],
  context: Context,
  at: string,
  misplaced: Misplaced,
  report: Report,
): Answer[] | undefined {
  const placed: Answer[] = [];
  for (const [i, answer] of answers.entries()) {
    const stands = answer.start >= 0 && context.text.startsWith(answer.text, answer.start);
    if (stands || misplaced === "keep") {
      placed.push(answer);
    } else if (misplaced === "move") {
      const start = nearest(context.text, answer);
      if (start !== -1) placed.push({ text: answer.text, start });
    } else {
      const there = context.text.slice(Math.max(0, answer.start), answer.start + answer.text.length);
      report(`${at}[${i}]`, `needs ${shown(answer.text)} at its answer_start, got ${shown(there)}`);
      return undefined;
    }
  }
  return placed;
}

/** The place nearest to an answer's start at which its text stands, or -1. */
function nearest(context: string, { text, start }: Answer): number {
  const from = Math.max(0, start);
  const before = context.lastIndexOf(text, from);
  const after = context.indexOf(text, from);
  if (before === -1 || after === -1) return Math.max(before, after);
  return from - before <= after - from ? before : after;
}

/** The UTF-16 units before a code point of the context. */
function unitsBefore({ text, astral }: Context, codePoints: number): number {
  if (!astral || codePoints < 0) return codePoints;
  let units = 0;
  for (let left = codePoints; left > 0; left--) {
    if (units >= text.length) return units + left;
    units += (text.codePointAt(units) as number) > 0xffff ? 2 : 1;
  }
  return units;
}

function isObject(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function join(at: string, name: string): string {
  return at === "" ? name : `${at}.${name}`;
}

function came(value: unknown): string {
  return value === undefined || value === false ? "nothing" : shown(value);
}
