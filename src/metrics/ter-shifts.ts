// The edits of TER: a greedy search for the shift of words that saves most edits, repeated while one does, as
// Tercom does it and sacreBLEU 2.6.0 after it (sacrebleu/metrics/lib_ter.py). The limits and the order of
// preference among equal shifts are the reference's: they decide scores.

const MAX_SHIFT_SIZE = 10;
const MAX_SHIFT_DISTANCE = 50;
const MAX_CANDIDATES = 1000;
const BEAM_WIDTH = 25;
const UNREACHED = 2 ** 29;

type Operation = 0 | 1 | 2 | 3;
const KEEP: Operation = 0;
const SUBSTITUTE: Operation = 1;
const DELETE: Operation = 2; // a word of the hypothesis goes
const INSERT: Operation = 3; // a word of the reference comes

/** Words as numbers in; the number of edits, each shift counting one. */
export function editsWithShifts(hypothesis: Int32Array, reference: Int32Array): number {
  if (reference.length === 0) return hypothesis.length;
  const distance = new BeamDistance(hypothesis.length, reference);
  let words = hypothesis;
  let shifts = 0;
  let tried = 0;
  for (;;) {
    distance.measure(words);
    const best = bestShift(words, reference, distance, tried);
    tried = best.tried;
    if (tried >= MAX_CANDIDATES || best.saved <= 0) break;
    shifts++;
    words = best.words;
  }
  return shifts + distance.edits;
}

interface Shift {
  saved: number;
  length: number;
  start: number;
  target: number;
}

function bestShift(words: Int32Array, reference: Int32Array, distance: BeamDistance, triedBefore: number) {
  const { hypothesisWrong, referenceWrong, aligned } = distance.align();
  const shifted = new Int32Array(words.length);
  let tried = triedBefore;
  let best: Shift | undefined;
  for (const [start, from, length] of matchingRuns(words, reference)) {
    if (!anyWrong(hypothesisWrong, start, length) || !anyWrong(referenceWrong, from, length)) continue;
    if (aligned[from] >= start && aligned[from] < start + length) continue; // already in place
    let last = -1;
    for (let offset = -1; offset < length; offset++) {
      const target = from + offset === -1 ? 0 : aligned[from + offset] + 1;
      if (target === last) continue;
      last = target;
      shiftWords(words, start, length, target, shifted);
      const unchanged = Math.min(start, target);
      const saved = distance.edits - distance.ofShifted(shifted, unchanged);
      const shift = { saved, length, start, target };
      tried++;
      if (best === undefined || isBetter(shift, best)) best = shift;
    }
    if (tried >= MAX_CANDIDATES) break;
  }
  if (best === undefined) return { saved: 0, words, tried };
  shiftWords(words, best.start, best.length, best.target, shifted);
  return { saved: best.saved, words: shifted, tried };
}

// More edits saved, then longer, then from further left, then to further left
function isBetter(shift: Shift, best: Shift): boolean {
  if (shift.saved !== best.saved) return shift.saved > best.saved;
  if (shift.length !== best.length) return shift.length > best.length;
  if (shift.start !== best.start) return shift.start < best.start;
  return shift.target < best.target;
}

function anyWrong(wrong: Uint8Array, start: number, length: number): boolean {
  for (let i = start; i < start + length; i++) if (wrong[i] === 1) return true;
  return false;
}

/** Every run of words that both sides have, as starts in hypothesis and reference and length. */
function* matchingRuns(words: Int32Array, reference: Int32Array): Generator<[number, number, number]> {
  for (let start = 0; start < words.length; start++) {
    const first = Math.max(0, start - MAX_SHIFT_DISTANCE);
    const end = Math.min(reference.length, start + MAX_SHIFT_DISTANCE + 1);
    for (let from = first; from < end; from++) {
      const most = Math.min(MAX_SHIFT_SIZE, words.length - start, reference.length - from);
      for (let i = 0; i < most && words[start + i] === reference[from + i]; i++) yield [start, from, i + 1];
    }
  }
}

/** Moves `length` words at `start` to before the word at `target`. */
function shiftWords(
  words: Int32Array,
  start: number,
  length: number,
  target: number,
  into: Int32Array,
): void {
  const end = start + length;
  const run = words.subarray(start, end);
  into.set(words);
  if (target < start) {
    into.set(run, target);
    into.set(words.subarray(target, start), target + length);
  } else if (target > end) {
    into.set(words.subarray(end, target), start);
    into.set(run, target - length);
  } else {
    // A target within the run counts from the run's end, as the reference's slices do
    const jumped = words.subarray(end, length + target);
    into.set(jumped, start);
    into.set(run, start + jumped.length);
  }
}

/**
 * Word edit distance to one reference in a band around the diagonal. The rows of the words measured last are kept,
 * so that a shifted version is computed only from its first changed word on.
 */
class BeamDistance {
  edits = 0;
  readonly #reference: Int32Array;
  readonly #length: number;
  readonly #ratio: number;
  readonly #beam: number;
  readonly #costs: Int32Array; // (hypothesis + 1, reference + 1)
  readonly #operations: Uint8Array; // likewise
  readonly #spare: [Int32Array, Int32Array];

  constructor(length: number, reference: Int32Array) {
    const columns = reference.length + 1;
    this.#reference = reference;
    this.#length = length;
    this.#ratio = length === 0 ? 1 : reference.length / length;
    this.#beam = BEAM_WIDTH < this.#ratio / 2 ? Math.ceil(this.#ratio / 2 + BEAM_WIDTH) : BEAM_WIDTH;
    this.#costs = new Int32Array((length + 1) * columns).fill(UNREACHED);
    this.#operations = new Uint8Array((length + 1) * columns).fill(INSERT);
    for (let j = 0; j < columns; j++) this.#costs[j] = j;
    this.#spare = [new Int32Array(columns), new Int32Array(columns)];
  }

  measure(words: Int32Array): void {
    const columns = this.#reference.length + 1;
    for (let i = 1; i <= this.#length; i++) {
      const above = this.#costs.subarray((i - 1) * columns, i * columns);
      const row = this.#costs.subarray(i * columns, (i + 1) * columns);
      this.#fillRow(i, words[i - 1], above, row, this.#operations.subarray(i * columns, (i + 1) * columns));
    }
    this.edits = this.#costs[this.#costs.length - 1];
  }

  /** The distance of words that equal the measured ones up to `unchanged`. */
  ofShifted(words: Int32Array, unchanged: number): number {
    const columns = this.#reference.length + 1;
    let above = this.#costs.subarray(unchanged * columns, (unchanged + 1) * columns);
    for (let i = unchanged + 1; i <= this.#length; i++) {
      const row = this.#spare[i & 1];
      this.#fillRow(i, words[i - 1], above, row, null);
      above = row;
    }
    return above[columns - 1];
  }

  // Of equal ways, keeping or substituting wins, then deletion, then insertion
  #fillRow(i: number, word: number, above: Int32Array, row: Int32Array, operations: Uint8Array | null): void {
    const columns = this.#reference.length + 1;
    const diagonal = Math.floor(i * this.#ratio);
    const first = Math.max(0, diagonal - this.#beam);
    const end = i === this.#length ? columns : Math.min(columns, diagonal + this.#beam);
    row.fill(UNREACHED);
    for (let j = first; j < end; j++) {
      let cost = UNREACHED;
      let operation: Operation = KEEP;
      if (j > 0) {
        const same = word === this.#reference[j - 1];
        cost = above[j - 1] + (same ? 0 : 1);
        operation = same ? KEEP : SUBSTITUTE;
      }
      if (above[j] + 1 < cost) {
        cost = above[j] + 1;
        operation = DELETE;
      }
      if (j > 0 && row[j - 1] + 1 < cost) {
        cost = row[j - 1] + 1;
        operation = INSERT;
      }
      row[j] = cost;
      if (operations !== null) operations[j] = operation;
    }
  }

  /** Which words of either side the edits touch, and the last hypothesis word before each reference word's end. */
  align(): { hypothesisWrong: Uint8Array; referenceWrong: Uint8Array; aligned: Int32Array } {
    const columns = this.#reference.length + 1;
    const hypothesisWrong = new Uint8Array(this.#length);
    const referenceWrong = new Uint8Array(columns - 1);
    const aligned = new Int32Array(columns - 1);
    let i = this.#length;
    let j = columns - 1;
    while (i > 0 || j > 0) {
      const operation = this.#operations[i * columns + j];
      if (operation !== INSERT) i--;
      if (operation !== DELETE) j--;
      const wrong = operation === KEEP ? 0 : 1;
      if (operation !== INSERT) hypothesisWrong[i] = wrong;
      if (operation === DELETE) continue;
      referenceWrong[j] = wrong;
      aligned[j] = operation === INSERT ? i - 1 : i;
    }
    return { hypothesisWrong, referenceWrong, aligned };
  }
}
