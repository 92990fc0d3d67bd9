// Cuts pieces of text into lines, for the readers of formats that are made of lines.

import type { BadRows } from "./bad-rows.js";
import { MAX_ROW_LENGTH, PendingText } from "./rows.js";

/** The lines of one file, numbered from 1. They end in LF or CRLF, and come without it. */
export class Lines {
  readonly #bad: BadRows;
  readonly #pending = new PendingText();
  #number = 1;

  constructor(bad: BadRows) {
    this.#bad = bad;
  }

  /** Visits the lines completed by a piece. `final` comes once, with the last (possibly empty) piece. */
  push(piece: string, final: boolean, visit: (line: string, number: number) => void): void {
    const text = this.#pending.add(piece, final);
    if (text === undefined) return;
    let at = 0;
    while (at < text.length) {
      const newline = text.indexOf("\n", at);
      if (newline === -1 && !final) break;
      const end = newline === -1 ? text.length : newline;
      visit(text.slice(at, end > at && text[end - 1] === "\r" ? end - 1 : end), this.#number++);
      at = end + 1;
    }
    if (text.length - at > MAX_ROW_LENGTH) {
      const reason = `needs lines of at most ${MAX_ROW_LENGTH} characters, got a longer one`;
      throw this.#bad.error(this.#number, undefined, reason);
    }
    this.#pending.keep(text.slice(at));
  }
}
