// A JSON reader for files from strangers. Unlike JSON.parse it refuses a name that appears twice (two readers
// could then see two different documents), limits nesting, keeps objects in Maps (no name is special), and
// hands out the members of the outermost object one at a time, so that a large document need not block.

/** A JSON value; objects are Maps. */
export type JsonValue = null | boolean | number | string | JsonValue[] | Map<string, JsonValue>;

/** What is wrong with a document, and where (a character position from 0). */
export class JsonFault extends Error {
  constructor(what: string, at: number) {
    super(`${what} at character ${at}`);
    this.name = "JsonFault";
  }
}

const MAX_DEPTH = 32;
const SPACE = /[ \t\r\n]*/y;
// Up to the next quote or backslash. A regular expression for the whole string, escapes and all, would
// exhaust its stack on a very long one.
const PLAIN = /[^"\\]*/y;
const SCALAR = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;

/**
 * The members of the object that `text` holds, in order. Throws JsonFault at the first thing that is not
 * JSON, also after the last member has been handed out: run it to its end before trusting any of them.
 *
 * @example for (const [name, value] of jsonMembers('{"a": [1]}')) console.log(name, value); // a [ 1 ]
 */
export function* jsonMembers(text: string): Generator<[string, JsonValue], void, undefined> {
  const reader = new Reader(text);
  reader.take("{");
  yield* reader.members();
  reader.end();
}

class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 1;

  constructor(text: string) {
    this.#text = text;
  }

  take(sign: string): void {
    if (!this.#has(sign)) throw this.#fault(`needs ${sign}`);
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) throw this.#fault("needs nothing after the outermost object");
  }

  /** The members of an object whose opening brace is taken. */
  *members(): Generator<[string, JsonValue], void, undefined> {
    if (this.#has("}")) return;
    const seen = new Set<string>();
    do {
      this.#space();
      const at = this.#at;
      if (this.#text[at] !== '"') throw this.#fault("needs a name in quotes");
      const name = this.#string();
      if (seen.has(name)) throw new JsonFault(`the name ${JSON.stringify(name)} appears twice`, at);
      seen.add(name);
      this.take(":");
      yield [name, this.#value()];
    } while (this.#has(","));
    this.take("}");
  }

  #value(): JsonValue {
    this.#space();
    const sign = this.#text[this.#at];
    if (sign === '"') return this.#string();
    if (sign === "{" || sign === "[") {
      if (++this.#depth > MAX_DEPTH) throw this.#fault(`needs at most ${MAX_DEPTH} levels of nesting`);
      this.#at++;
      const value = sign === "{" ? new Map(this.members()) : this.#items();
      this.#depth--;
      return value;
    }
    const word = this.#match(SCALAR);
    if (word === undefined) throw this.#fault("needs a value");
    return JSON.parse(word) as JsonValue;
  }

  #items(): JsonValue[] {
    const items: JsonValue[] = [];
    if (this.#has("]")) return items;
    do items.push(this.#value());
    while (this.#has(","));
    this.take("]");
    return items;
  }

  #string(): string {
    const start = this.#at++;
    this.#match(PLAIN);
    while (this.#text[this.#at] === "\\") {
      this.#at += 2;
      this.#match(PLAIN);
    }
    if (this.#text[this.#at] !== '"') throw new JsonFault("needs a closing quote for the string", start);
    this.#at++;
    const value = parsedString(this.#text.slice(start, this.#at));
    if (value === undefined) throw new JsonFault("needs a string with valid escapes and characters", start);
    return value;
  }

  #has(sign: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    this.#match(SPACE);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #fault(what: string): JsonFault {
    const came = this.#at < this.#text.length ? JSON.stringify(this.#text[this.#at]) : "the end of the text";
    return new JsonFault(`${what}, got ${came}`, this.#at);
  }
}

/** What a JSON string stands for; undefined for wrong escapes, raw control characters, half characters. */
function parsedString(quoted: string): string | undefined {
  try {
    const value = JSON.parse(quoted) as string;
    return /\p{Surrogate}/u.test(value) ? undefined : value;
  } catch {
    return undefined;
  }
}
