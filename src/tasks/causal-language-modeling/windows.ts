// Windows over a long text, for a perplexity that hardly depends on where a window begins.
import type { Example } from "../../models/batch.js";

export interface SlidingOptions {
  /** Tokens of a window. */
  length: number;
  /** Tokens from one window's beginning to the next one's. */
  stride: number;
}

/**
 * Windows that begin every `stride` tokens; a window's labels are -100 for what the one before has counted, so each
 * token but the text's first is predicted once. A causal model's first label of a window is never counted: windows
 * beside each other overlap by that one token.
 *
 * @param row of the examples
 */
export function slidingWindows(ids: Int32Array, { length, stride }: SlidingOptions, row: number): Example[] {
  const windows: Example[] = [];
  // The last token that was counted; the first one of a text has nothing before it.
  let counted = 0;
  for (let begin = 0; counted < ids.length - 1; begin = nextBegin(begin, counted, stride)) {
    const inputIds = ids.slice(begin, begin + length);
    const labels = inputIds.map((id, i) => (begin + i <= counted ? -100 : id));
    windows.push({ inputIds, labels, row });
    counted = begin + inputIds.length - 1;
  }
  return windows;
}

/** At most at the last counted token, which has to stand before the next one. */
function nextBegin(begin: number, counted: number, stride: number): number {
  return Math.min(begin + stride, counted);
}
