// A batch over threads: cut into parts, two parts per thread under way, results put together in order.

import { availableParallelism } from "node:os";
import type { TextOrPair } from "../batch.js";
import type { Encoding, TokenLookup } from "../encoding.js";
import type { BatchOptions } from "../options.js";
import { unpack } from "./pack.js";
import type { WorkerPool } from "./pool.js";

// In UTF-16 code units. Below: done before a thread has started. One text above: would block too long on its
// own.
const LEAST_TOTAL = 200_000;
const LONGEST_TEXT = 5_000;
// A part is sent and received in well under a millisecond each.
const PART_UNITS = 16_000;
const PART_TEXTS = 512;

/** Whether threads are faster than slices for these texts, or the only way not to block. */
export function isWorthThreads(texts: readonly TextOrPair[]): boolean {
  let total = 0;
  for (const entry of texts) {
    const units = unitsOf(entry);
    // An entry costs something even when it is empty
    total += units + 10;
    if (units > LONGEST_TEXT || total > LEAST_TOTAL) return true;
  }
  return false;
}

/**
 * Encodes on the threads of `pool`. `check` is called for each entry before it is sent, and throws what is
 * wrong with it.
 *
 * @throws AthanorError (rejection): see `WorkerPool.run`.
 */
export async function encodeOnThreads(
  pool: WorkerPool,
  texts: readonly TextOrPair[],
  options: BatchOptions,
  threads: number | undefined,
  check: (entry: TextOrPair, index: number) => void,
  lookup: TokenLookup,
): Promise<Encoding[]> {
  const most = threads ?? Math.min(4, Math.max(1, availableParallelism() - 1));
  const encodings: Encoding[] = new Array(texts.length);
  let next = 0;
  let failed = false;
  const lane = async (): Promise<void> => {
    while (next < texts.length && !failed) {
      const from = next;
      const part = takePart(texts, from);
      next += part.length;
      try {
        for (const [index, entry] of part.entries()) check(entry, from + index);
        const results = unpack(await pool.run(part, options, most), lookup);
        for (let i = 0; i < results.length; i++) encodings[from + i] = results[i];
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: 2 * most }, lane));
  return encodings;
}

function takePart(texts: readonly TextOrPair[], from: number): TextOrPair[] {
  let to = from;
  let units = 0;
  while (to < texts.length && to - from < PART_TEXTS && units < PART_UNITS) units += unitsOf(texts[to++]);
  return texts.slice(from, to);
}

// Anything that is no text counts nothing here and is refused later.
function unitsOf(entry: unknown): number {
  if (typeof entry === "string") return entry.length;
  return Array.isArray(entry) ? entry.reduce<number>((sum, part) => sum + unitsOf(part), 0) : 0;
}
