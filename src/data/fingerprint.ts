// A hash of rows by their content, the same wherever they come from: SHA-256 over a text in which every value shows
// its type and its end, so that different rows have different texts.

import { createHash } from "node:crypto";
import { types } from "node:util";
import { AthanorError } from "../errors.js";
import { Slices } from "./rows.js";
import { shown } from "./text-source.js";

const ROWS_PER_UPDATE = 64;

/**
 * The hash of rows, 64 hexadecimal digits: equal for equal columns in equal order with equal values. Values may be
 * all that JSON has, and bigints, dates, typed arrays, maps, sets, undefined, NaN. The event loop gets its turn.
 *
 * Rejects with ERR_DATA, naming the row from 0, for a value without content to hash, such as a function.
 *
 * @example
 * const before = await fingerprint(rows); // "5f0c..."
 */
export async function fingerprint(rows: Iterable<object>): Promise<string> {
  const hash = createHash("sha256");
  const slices = new Slices();
  let texts: string[] = [];
  let index = 0;
  for (const row of rows) {
    texts.push(rowText(row, index++));
    if (texts.length < ROWS_PER_UPDATE) continue;
    hash.update(texts.join("\n")).update("\n");
    texts = [];
    await slices.rest();
  }
  return hash.update(texts.join("\n")).update(`\n${index}`).digest("hex");
}

function rowText(row: object, index: number): string {
  try {
    return contentText(row);
  } catch (cause) {
    const came = cause instanceof RangeError ? "a value that contains itself" : (cause as Error).message;
    throw new AthanorError("ERR_DATA", `fingerprint: row ${index} needs values with content, got ${came}`, {
      cause,
    });
  }
}

/** The text of a value. Throws for functions, symbols, and values nested without end. */
export function contentText(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint":
      return `${value}n`;
    case "boolean":
    case "undefined":
      return String(value);
    case "object":
      return value === null ? "null" : objectText(value);
    default:
      throw new TypeError(shown(value));
  }
}

function objectText(value: object): string {
  if (Array.isArray(value)) return `[${value.map(contentText).join(",")}]`;
  if (types.isDate(value)) return `date(${value.getTime()})`;
  if (types.isMap(value)) return `map${contentText([...value])}`;
  if (types.isSet(value)) return `set${contentText([...value])}`;
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    const type = (value as { [Symbol.toStringTag]?: string })[Symbol.toStringTag] ?? "DataView";
    return `${type}(${bytes.toString("base64")})`;
  }
  if (types.isAnyArrayBuffer(value)) return `buffer(${Buffer.from(value).toString("base64")})`;
  const entries = Object.entries(value).map(
    ([name, entry]) => `${JSON.stringify(name)}:${contentText(entry)}`,
  );
  return `{${entries.join(",")}}`;
}
