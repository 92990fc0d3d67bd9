// What the algorithms that cut a text into pieces have in common.

/** How a character is marked that no piece holds. */
export const UNKNOWN_PIECE = -1;

/** Cuts text into pieces. */
export interface Segmenter {
  /** Segments `units[from, to)`; returns the number of pieces. Places count from `from`. */
  run(units: Uint16Array, from: number, to: number): number;
  /** The ids of the pieces that `run` found, the last one first. */
  readonly ids: Int32Array;
  /** The place where each of them begins. */
  readonly begins: Int32Array;
  /** Gives memory back that a very long text took. */
  clear(): void;
}

/** The number of units of the character at a place. */
export function stepAt(units: Uint16Array, at: number, to: number): number {
  const pair = (units[at] & 0xfc00) === 0xd800 && at + 1 < to && (units[at + 1] & 0xfc00) === 0xdc00;
  return pair ? 2 : 1;
}
