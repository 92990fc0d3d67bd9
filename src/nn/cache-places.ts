// Who holds which rows of a key/value cache: sources, and the hypotheses of each. Nothing but indices.

/** A source's place in the cache: its cross-attention rows and all rows of its hypotheses. */
export class CacheSource {
  /** Hypotheses that go on. */
  readonly sequences = new Set<CacheSequence>();
  /** Rows of the self-attention pool that belong to this source. */
  readonly owned = new Set<number>();
  released = false;

  /** @internal */
  constructor(
    readonly crossBegin: number,
    readonly crossLength: number,
  ) {}
}

/** The past of one hypothesis: the rows of its tokens, in order. Nothing but indices. */
export class CacheSequence {
  #rows: Int32Array;
  length: number;

  /** @internal */
  constructor(
    readonly source: CacheSource,
    rows = new Int32Array(16),
    length = 0,
  ) {
    this.#rows = rows;
    this.length = length;
    source.sequences.add(this);
  }

  get rows(): Int32Array {
    return this.#rows.subarray(0, this.length);
  }

  /** Another hypothesis with the same past. */
  fork(): CacheSequence {
    return new CacheSequence(this.source, this.#rows.slice(), this.length);
  }

  /** This hypothesis ends; rows that no other one shares can be used again. */
  drop(): void {
    this.source.sequences.delete(this);
  }

  /** @internal */
  append(rows: Int32Array): void {
    if (this.length + rows.length > this.#rows.length) {
      const larger = new Int32Array(2 * (this.length + rows.length));
      larger.set(this.rows);
      this.#rows = larger;
    }
    this.#rows.set(rows, this.length);
    this.length += rows.length;
  }
}
