// Where JSON values begin and end, and where they are wrong. JSON.parse blocks for as long as its text is,
// and does not always say where it stumbled; these helpers cut a document into rows and find the place.

/** The position behind spaces, tabs and line ends. */
export function skipSpace(text: string, at: number): number {
  while (at < text.length && " \t\r\n".includes(text[at])) at++;
  return at;
}

/**
 * The position behind the value that begins at `at`, or -1 when its end is not in `text` yet. Only brackets
 * and strings are looked at: what lies between is for JSON.parse to judge.
 */
export function valueEnd(text: string, at: number, final: boolean): number {
  if (text[at] === '"') return stringEnd(text, at);
  if (text[at] !== "{" && text[at] !== "[") {
    const separator = /[\s,:{}[\]"]/g;
    separator.lastIndex = at + 1;
    const found = separator.exec(text);
    if (found !== null) return found.index;
    return final ? text.length : -1;
  }
  const mark = /["{}[\]]/g;
  mark.lastIndex = at;
  let depth = 0;
  for (let found = mark.exec(text); found !== null; found = mark.exec(text)) {
    const sign = found[0];
    if (sign === '"') {
      const end = stringEnd(text, found.index);
      if (end === -1) return -1;
      mark.lastIndex = end;
    } else if (sign === "{" || sign === "[") {
      depth++;
    } else if (--depth === 0) {
      return mark.lastIndex;
    }
  }
  return -1;
}

/** The position behind the string whose opening quote is at `at`, or -1. */
export function stringEnd(text: string, at: number): number {
  for (let close = text.indexOf('"', at + 1); close !== -1; close = text.indexOf('"', close + 1)) {
    let escapes = 0;
    while (text[close - 1 - escapes] === "\\") escapes++;
    if (escapes % 2 === 0) return close + 1;
  }
  return -1;
}

type Expected = "value" | "value or ]" | "name" | "name or }" | ":" | "end" | ", or ]" | ", or }";

const SCALAR = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;

/** Where and why a text is not one JSON value; undefined when it is one. */
export function jsonFault(text: string): { at: number; reason: string } | undefined {
  const open: string[] = [];
  let expected: Expected = "value";
  for (let at = skipSpace(text, 0); at < text.length; at = skipSpace(text, at)) {
    const sign = text[at];
    const came = { at, reason: `needs ${expected} here, got ${JSON.stringify(sign)}` };
    const closes = sign === "}" || sign === "]";
    if (closes && expected.endsWith(` ${sign}`)) {
      open.pop();
      expected = afterValue(open);
      at++;
    } else if (sign === '"' && (expected.startsWith("value") || expected.startsWith("name"))) {
      const end = stringEnd(text, at);
      if (!isJson(text.slice(at, end === -1 ? text.length : end))) {
        return { at, reason: "needs a string with a closing quote and no raw control characters" };
      }
      expected = expected.startsWith("name") ? ":" : afterValue(open);
      at = end;
    } else if ((sign === "{" || sign === "[") && expected.startsWith("value")) {
      open.push(sign);
      expected = sign === "{" ? "name or }" : "value or ]";
      at++;
    } else if (sign === ":" && expected === ":") {
      expected = "value";
      at++;
    } else if (sign === "," && expected.startsWith(", or")) {
      expected = open.at(-1) === "{" ? "name" : "value";
      at++;
    } else {
      SCALAR.lastIndex = at;
      if (!expected.startsWith("value") || !SCALAR.test(text)) return came;
      expected = afterValue(open);
      at = SCALAR.lastIndex;
    }
  }
  if (expected === "end") return undefined;
  return { at: text.length, reason: `needs ${expected} here, got the end of the text` };
}

function afterValue(open: string[]): Expected {
  if (open.length === 0) return "end";
  return open.at(-1) === "{" ? ", or }" : ", or ]";
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
