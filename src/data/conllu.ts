// CoNLL-U, the format of Universal Dependencies (universaldependencies.org/format.html): ten columns separated by
// tabs, comments before a sentence, words numbered from 1, ranges for tokens of several words, decimals for empty
// nodes.

import { type BadRowOptions, BadRows } from "./bad-rows.js";
import { type ColumnType, checkedTypes, convertRow, type TypedColumn } from "./column-types.js";
import { collectRows, type Row, type RowParser, textBatches } from "./rows.js";
import { Sentences, type TokenLine } from "./sentences.js";
import { type FileLike, pathOf, shown } from "./text-source.js";

/** Options of `readConllu`. */
export interface ConlluOptions extends BadRowOptions {
  /** Types of columns: a list of class names turns tags into their numbers. */
  types?: Record<string, ColumnType>;
}

/** A token of several words, such as German "zum" for "zu dem". */
export interface MultiwordToken {
  form: string;
  /** The words that it stands for: from `start` up to, without, `end`, counting from 0. */
  start: number;
  end: number;
}

/** A sentence of a CoNLL-U file; entry i of each list belongs to word i. `_` is null, but where it is the word. */
export interface ConlluRow {
  /** From the comments `# sent_id = ...` and `# text = ...`; null where there is none. */
  sent_id: string | null;
  text: string | null;
  tokens: string[];
  lemmas: (string | null)[];
  upos: (string | null)[];
  xpos: (string | null)[];
  feats: (string | null)[];
  /** The number of the head counting from 1, 0 for the root. */
  head: (number | null)[];
  deprel: (string | null)[];
  deps: (string | null)[];
  misc: (string | null)[];
  multiword: MultiwordToken[];
}

const NAMES = ["ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC"];
const COLUMNS = ["tokens", "lemmas", "upos", "xpos", "feats", "head", "deprel", "deps", "misc"] as const;
const COMMENT = /^#\s*(sent_id|text)\s*=\s*(.*)$/;

/**
 * Reads a CoNLL-U file, plain or gzipped: a row per sentence. Words are the syntactic ones; tokens of several
 * words are listed beside them, empty nodes left out.
 *
 * Rejects with ERR_DATA for a file that is missing, empty, not UTF-8 or a damaged gzip, and, unless
 * `onBadRow: "skip"` (which leaves out the sentence), for a line without ten fields, words out of order, a head
 * outside the sentence, or a value that is not of its column's type.
 *
 * @example
 * const [row] = await readConllu("en_ewt-ud-dev.conllu.gz"); // { tokens: ["From", ...], upos: ["ADP", ...], ... }
 */
export async function readConllu<T extends object = ConlluRow>(
  file: FileLike,
  options: ConlluOptions = {},
): Promise<T[]> {
  return (await collectRows(textBatches(file, new ConlluParser(file, options)))) as T[];
}

/** The parser behind `readConllu` and `readRows`. */
export class ConlluParser implements RowParser {
  readonly bad: BadRows;
  readonly #types: TypedColumn[];
  readonly #sentences: Sentences;

  constructor(file: FileLike, options: ConlluOptions) {
    this.bad = new BadRows(pathOf(file), options);
    this.#types = checkedTypes(options.types);
    this.#sentences = new Sentences(this.bad, (lines) => this.#row(lines));
  }

  push(piece: string, final: boolean): Row[] {
    return this.#sentences.push(piece, final);
  }

  #row(lines: TokenLine[]): Row | undefined {
    const sentence = emptySentence();
    for (const { text, line } of lines) {
      const fault = text.startsWith("#") ? comment(sentence, text) : addLine(sentence, text);
      if (fault === undefined) continue;
      this.bad.add(line, fault.column, `${fault.reason}: ${shown(text)}`);
      return undefined;
    }
    const { tokens, head, multiword } = sentence;
    if (tokens.length === 0) return undefined;
    const outside = head.findIndex((number) => number !== null && number > tokens.length);
    const open = multiword.find(({ end }) => end > tokens.length);
    if (outside !== -1 || open !== undefined) {
      const column = outside === -1 ? "ID" : "HEAD";
      const came = outside === -1 ? open?.end : head[outside];
      this.bad.add(lines[0].line, column, `needs words up to ${tokens.length}, the last one, got ${came}`);
      return undefined;
    }
    const row: Row = { ...sentence };
    return convertRow(row, this.#types, lines[0].line, this.bad) ? row : undefined;
  }
}

interface Fault {
  column?: string;
  reason: string;
}

function emptySentence(): ConlluRow {
  return {
    sent_id: null,
    text: null,
    tokens: [],
    lemmas: [],
    upos: [],
    xpos: [],
    feats: [],
    head: [],
    deprel: [],
    deps: [],
    misc: [],
    multiword: [],
  };
}

function comment(sentence: ConlluRow, text: string): undefined {
  const found = COMMENT.exec(text);
  if (found !== null) sentence[found[1] as "sent_id" | "text"] = found[2];
}

function addLine(sentence: ConlluRow, text: string): Fault | undefined {
  const fields = text.split("\t");
  if (fields.length !== NAMES.length) {
    return { reason: `needs ${NAMES.length} fields separated by tabs, got ${fields.length}` };
  }
  const empty = fields.indexOf("");
  if (empty !== -1) return { column: NAMES[empty], reason: "needs a value or _, got nothing" };
  const [id] = fields;
  const next = sentence.tokens.length + 1;
  if (/^\d+\.\d+$/.test(id)) return undefined;
  const range = /^(\d+)-(\d+)$/.exec(id);
  if (range !== null) {
    const [start, end] = [Number(range[1]), Number(range[2])];
    if (start !== next || end < start)
      return { column: "ID", reason: `needs a range from ${next}, got ${id}` };
    sentence.multiword.push({ form: fields[1], start: start - 1, end });
    return undefined;
  }
  if (id !== String(next)) return { column: "ID", reason: `needs word ${next} here, got ${shown(id)}` };
  return addWord(sentence, fields);
}

function addWord(sentence: ConlluRow, fields: string[]): Fault | undefined {
  const head = fields[6];
  if (head !== "_" && !/^\d+$/.test(head)) {
    return { column: "HEAD", reason: `needs the number of a word, got ${shown(head)}` };
  }
  // A word that is an underscore has itself as its lemma; anywhere else the sign means that nothing is given.
  const underscore = fields[1] === "_" && fields[2] === "_";
  COLUMNS.forEach((column, i) => {
    const field = fields[i + 1];
    const given = column === "tokens" || field !== "_" || (column === "lemmas" && underscore);
    const value = column === "head" && given ? Number(field) : field;
    (sentence[column] as unknown[]).push(given ? value : null);
  });
  return undefined;
}
