// Which tokens of one or two texts stay when there is room for `room` of them, and the windows over what is
// cut off. The rules, odd cases included, are those of the tokenizers library.

import { AthanorError } from "../errors.js";

/** Which text gives way. */
export type TruncationStrategy = "longest_first" | "only_first" | "only_second";

/** The side at which tokens are removed, or padding is added. */
export type Side = "left" | "right";

/** How to cut. `stride` is the overlap of neighbouring windows, in tokens. */
export interface Truncation {
  strategy: TruncationStrategy;
  stride: number;
  side: Side;
}

/** Token ranges `[start, end)` of the first and of the second text. */
export interface Window {
  first: readonly [number, number];
  second: readonly [number, number];
}

/**
 * The windows over two texts (without a second one: of 0 tokens). The first window is the truncated text, the
 * others are the overflow.
 *
 * @param compared the lengths by which "longest_first" finds the longer text.
 * @param room the number of tokens that fit, without added special tokens.
 * @throws AthanorError ERR_ARGUMENT: the text that must give way is too short; stride not below the length
 *   of a window.
 */
export function truncationWindows(
  [first, second]: readonly number[],
  compared: readonly number[],
  room: number,
  pair: boolean,
  how: Truncation,
): Window[] {
  const excess = first + second - room;
  if (excess <= 0) return [{ first: [0, first], second: [0, second] }];
  let keepFirst = first;
  let keepSecond = second;
  if (room === 0) {
    keepFirst = 0;
    keepSecond = 0;
  } else if (how.strategy === "only_first") {
    keepFirst = shorten("first", first, excess);
  } else if (how.strategy === "only_second") {
    keepSecond = shorten("second", second, excess);
  } else if (pair) {
    [keepFirst, keepSecond] = shareRoom(compared[0], compared[1], room);
  } else {
    keepFirst = room;
  }
  const firsts = windowsOver(first, keepFirst, how);
  const seconds = windowsOver(second, keepSecond, how);
  // The truncated text itself, then every further window of the first text with all of the second, then the
  // first with the further windows of the second.
  const windows: Window[] = [{ first: firsts[0], second: seconds[0] }];
  for (const a of firsts.slice(1)) for (const b of seconds) windows.push({ first: a, second: b });
  for (const b of seconds.slice(1)) windows.push({ first: firsts[0], second: b });
  return windows;
}

function shorten(name: string, length: number, excess: number): number {
  if (length > excess) return length - excess;
  throw new AthanorError(
    "ERR_ARGUMENT",
    `truncation only_${name}: the ${name} text must have more than the ${excess} tokens to remove, ` +
      `got ${length}`,
  );
}

// The longer text gives way until both are equal, then both do; what is odd goes to the longer one.
function shareRoom(first: number, second: number, room: number): [number, number] {
  const short = Math.min(first, second);
  let low = short;
  let high = short > room ? short : Math.max(short, room - short);
  if (low + high > room) {
    low = Math.floor(room / 2);
    high = low + (room % 2);
  }
  return first > second ? [high, low] : [low, high];
}

function windowsOver(length: number, keep: number, how: Truncation): (readonly [number, number])[] {
  if (keep >= length) return [[0, length]];
  if (keep === 0) {
    return [
      [0, 0],
      [0, length],
    ];
  }
  if (how.stride >= keep) {
    throw new AthanorError(
      "ERR_ARGUMENT",
      `truncation: stride must be less than the ${keep} tokens that fit beside the special ones, ` +
        `got ${how.stride}`,
    );
  }
  const step = keep - how.stride;
  const windows: [number, number][] = [];
  if (how.side === "right") {
    for (let start = 0; ; start += step) {
      windows.push([start, Math.min(start + keep, length)]);
      if (start + keep >= length) return windows;
    }
  }
  for (let end = length; ; end -= step) {
    windows.push([Math.max(end - keep, 0), end]);
    if (end - keep <= 0) return windows;
  }
}
