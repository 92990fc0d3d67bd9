// Finds one record in comma or tab separated text (RFC 4180): fields in quotes may hold separators, line ends
// and doubled quotes; a quote inside an unquoted field stands for itself, as other readers have it.
// Written here, and not left to a library, because errors need the true line and position (also after quoted
// CRLF line ends), and because after a bad row the very next line must be read again.

/** How a file is written. */
export interface Dialect {
  /** One character between two fields. */
  separator: string;
  /** The quote character, or "" where quotes mean nothing. */
  quote: string;
}

/** A whole record: its fields (none on a blank line), where the next one begins, how many lines it took. */
export interface CsvRecord {
  fields: string[];
  end: number;
  lines: number;
}

/** A fault at a position in the text. */
export interface CsvFault {
  at: number;
  reason: string;
}

/**
 * The record that begins at `start`, a fault in it, or undefined when its end is not in `text` yet. A fault
 * is only reported once the record's first line is whole, so that reading can go on at the next line.
 *
 * @example scanRecord('a,"b ""c"""\n', 0, true, { separator: ",", quote: '"' }) // fields: a | b "c"
 */
export function scanRecord(
  text: string,
  start: number,
  final: boolean,
  dialect: Dialect,
): CsvRecord | CsvFault | undefined {
  const newline = text.indexOf("\n", start);
  if (newline === -1 && !final) return undefined;
  const line = withoutReturn(text.slice(start, newline === -1 ? text.length : newline));
  if (dialect.quote !== "" && line.includes(dialect.quote)) return scanQuoted(text, start, final, dialect);
  const end = newline === -1 ? text.length : newline + 1;
  return { fields: line === "" ? [] : line.split(dialect.separator), end, lines: 1 };
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

function scanQuoted(
  text: string,
  start: number,
  final: boolean,
  dialect: Dialect,
): CsvRecord | CsvFault | undefined {
  const { separator, quote } = dialect;
  const fields: string[] = [];
  let lines = 1;
  for (let at = start; ; ) {
    let after: number;
    if (text[at] === quote) {
      const field = scanQuotedField(text, at, quote);
      if (field === undefined) return final ? unclosed(at) : undefined;
      after = field.end;
      // Without the next character, a quote may still turn out doubled, and "\r" be half of a line end.
      const needed = text[after] === "\r" ? after + 2 : after + 1;
      if (needed > text.length && !final) return undefined;
      fields.push(field.value);
      lines += countNewlines(field.value);
    } else {
      after = endOfPlainField(text, at, separator);
      if (after === text.length && !final) return undefined;
      fields.push(text[after] === separator ? text.slice(at, after) : withoutReturn(text.slice(at, after)));
    }
    if (text[after] === separator) {
      at = after + 1;
      continue;
    }
    if (text[after] === "\r" && (after + 1 === text.length || text[after + 1] === "\n")) after++;
    if (after >= text.length || text[after] === "\n") {
      return { fields, end: Math.min(after + 1, text.length), lines };
    }
    const came = JSON.stringify(text[after]);
    return { at: after, reason: `a closing quote needs a separator or a line end after it, got ${came}` };
  }
}

function unclosed(at: number): CsvFault {
  return { at, reason: "an opening quote needs a closing one, got the end of the file" };
}

/** The value of the field whose opening quote is at `at`; undefined when no closing quote is in sight. */
function scanQuotedField(
  text: string,
  at: number,
  quote: string,
): { value: string; end: number } | undefined {
  let value = "";
  for (let from = at + 1; ; ) {
    const close = text.indexOf(quote, from);
    if (close === -1) return undefined;
    if (text[close + 1] !== quote) return { value: value + text.slice(from, close), end: close + 1 };
    value += text.slice(from, close + 1);
    from = close + 2;
  }
}

function endOfPlainField(text: string, at: number, separator: string): number {
  let end = at;
  while (end < text.length && text[end] !== separator && text[end] !== "\n") end++;
  return end;
}

/** How many line feeds `text` holds between two positions. */
export function countNewlines(text: string, from = 0, to = text.length): number {
  let count = 0;
  for (let at = text.indexOf("\n", from); at !== -1 && at < to; at = text.indexOf("\n", at + 1)) count++;
  return count;
}
