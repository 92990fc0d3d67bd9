// Which rows of a tensor are free: row numbers are handed out singly or as ranges, the lowest first, and taken back.

interface Range {
  begin: number;
  end: number;
}

export class RowPool {
  /** Disjoint, ascending, with gaps between them. */
  #ranges: Range[];
  #capacity: number;
  #free: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#free = capacity;
    this.#ranges = capacity > 0 ? [{ begin: 0, end: capacity }] : [];
  }

  get capacity(): number {
    return this.#capacity;
  }

  /** How many rows are free. */
  get free(): number {
    return this.#free;
  }

  /** The lowest free rows, ascending; undefined where there are fewer. */
  take(count: number): Int32Array | undefined {
    if (count > this.#free) return undefined;
    const rows = new Int32Array(count);
    let taken = 0;
    let used = 0; // ranges emptied
    for (const range of this.#ranges) {
      while (taken < count && range.begin < range.end) rows[taken++] = range.begin++;
      if (range.begin < range.end) break;
      used++;
    }
    this.#ranges.splice(0, used);
    this.#free -= count;
    return rows;
  }

  /** The first of `count` rows one after another; undefined where no gap is that long. */
  takeRange(count: number): number | undefined {
    const at = this.#ranges.findIndex(({ begin, end }) => end - begin >= count);
    if (at < 0) return undefined;
    const range = this.#ranges[at];
    const { begin } = range;
    range.begin += count;
    if (range.begin === range.end) this.#ranges.splice(at, 1);
    this.#free -= count;
    return begin;
  }

  /** Takes back rows that were handed out, in any order. */
  give(rows: Iterable<number>): void {
    const returned = Int32Array.from(rows).sort();
    const ranges = [...this.#ranges];
    for (let i = 0; i < returned.length; ) {
      const begin = returned[i];
      let end = begin + 1;
      i++;
      while (i < returned.length && returned[i] === end) {
        end++;
        i++;
      }
      ranges.push({ begin, end });
    }
    this.#ranges = merged(ranges);
    this.#free += returned.length;
  }

  giveRange(begin: number, count: number): void {
    if (count === 0) return;
    this.#ranges = merged([...this.#ranges, { begin, end: begin + count }]);
    this.#free += count;
  }

  /** Adds the rows up to a larger capacity. */
  extend(capacity: number): void {
    const before = this.#capacity;
    this.#capacity = capacity;
    this.giveRange(before, capacity - before);
  }
}

function merged(ranges: Range[]): Range[] {
  ranges.sort((a, b) => a.begin - b.begin);
  const result: Range[] = [];
  for (const range of ranges) {
    const last = result[result.length - 1];
    if (last && last.end === range.begin) last.end = range.end;
    else result.push({ ...range });
  }
  return result;
}
