// What becomes of the delimiters when a text is split at them.

import type { Spans } from "../token-list.js";

export const BEHAVIORS = [
  "Removed",
  "Isolated",
  "MergedWithPrevious",
  "MergedWithNext",
  "Contiguous",
] as const;

/** What becomes of delimiters. "Contiguous": neighbours of one kind are one piece. */
export type Behavior = (typeof BEHAVIORS)[number];

/** Turns stretches, delimiters and what is between them, into pieces. */
export class PieceBuilder {
  readonly #behavior: Behavior;
  #spans: Spans | null = null;
  #start = 0;
  #end = -1; // below #start: no piece is open
  #wasDelimiter = false;

  constructor(behavior: Behavior) {
    this.#behavior = behavior;
  }

  /** Begins a text; its pieces go to `spans`. */
  begin(spans: Spans): void {
    this.#spans = spans;
    this.#end = -1;
    this.#start = 0;
    this.#wasDelimiter = false;
  }

  /** Takes the next stretch `[start, end)`; all together they cover the text, and may be empty. */
  take(start: number, end: number, isDelimiter: boolean): void {
    const isJoined = this.#isJoined(isDelimiter);
    this.#wasDelimiter = isDelimiter;
    if (isDelimiter && this.#behavior === "Removed") {
      this.finish();
      return;
    }
    if (isJoined && this.#end >= this.#start) {
      this.#end = end;
      return;
    }
    this.finish();
    this.#start = start;
    this.#end = end;
  }

  /** Ends the text. */
  finish(): void {
    if (this.#end > this.#start) this.#spans!.push(this.#start, this.#end);
    this.#start = 0;
    this.#end = -1;
  }

  // Whether the next stretch belongs to the one before.
  #isJoined(isDelimiter: boolean): boolean {
    switch (this.#behavior) {
      case "Contiguous":
        return isDelimiter === this.#wasDelimiter;
      case "MergedWithPrevious":
        return isDelimiter && !this.#wasDelimiter;
      case "MergedWithNext":
        return !isDelimiter && this.#wasDelimiter;
      default:
        return false;
    }
  }
}
