// Longest common subsequences of token sequences given as numbers, by the usual table.

/** Reuses its table from pair to pair; memory is that of the largest pair with `positions`. */
export class LongestCommonSubsequence {
  #table = new Int32Array(0);

  /** The length, in two rows. */
  length(a: Int32Array, b: Int32Array): number {
    const columns = b.length + 1;
    if (this.#table.length < columns) this.#table = new Int32Array(columns);
    const row = this.#table.fill(0, 0, columns);
    for (const token of a) {
      let diagonal = 0; // the value above and to the left
      for (let j = 1; j < columns; j++) {
        const above = row[j];
        if (token === b[j - 1]) row[j] = diagonal + 1;
        else if (row[j - 1] > above) row[j] = row[j - 1];
        diagonal = above;
      }
    }
    return row[b.length];
  }

  /**
   * Marks in `taken` the positions of `a` on one longest subsequence. Of several it is the one rouge_score finds,
   * walking back from the ends and preferring to leave out a token of `a`: the union over sentences depends on it.
   */
  markPositions(a: Int32Array, b: Int32Array, taken: Uint8Array): void {
    const columns = b.length + 1;
    const size = (a.length + 1) * columns;
    if (this.#table.length < size) this.#table = new Int32Array(size);
    const table = this.#table;
    table.fill(0, 0, columns);
    for (let i = 1; i <= a.length; i++) {
      const at = i * columns;
      table[at] = 0;
      for (let j = 1; j < columns; j++) {
        const above = table[at - columns + j];
        if (a[i - 1] === b[j - 1]) table[at + j] = table[at - columns + j - 1] + 1;
        else table[at + j] = Math.max(above, table[at + j - 1]);
      }
    }
    let i = a.length;
    let j = b.length;
    while (i > 0 && j > 0) {
      if (a[i - 1] === b[j - 1]) {
        taken[i - 1] = 1;
        i--;
        j--;
      } else if (table[i * columns + j - 1] > table[(i - 1) * columns + j]) {
        j--;
      } else {
        i--;
      }
    }
  }
}
