// NumPy's legacy generator behind `numpy.random.seed` and `numpy.random.choice`, which rouge_score's bootstrap
// uses: the Mersenne Twister (Matsumoto and Nishimura 1998), seeded by Knuth's linear recurrence.

const SIZE = 624;
const SHIFT = 397;

/** `numpy.random.RandomState(seed)`, as far as it is needed here. */
export class Mt19937 {
  readonly #key = new Uint32Array(SIZE);
  #at = SIZE;

  /** `seed` is an integer from 0 to 2^32 - 1. */
  constructor(seed: number) {
    let word = seed >>> 0;
    for (let i = 0; i < SIZE; i++) {
      this.#key[i] = word;
      word = (Math.imul(word ^ (word >>> 30), 1812433253) + i + 1) >>> 0;
    }
  }

  /** The next 32 bits. */
  uint32(): number {
    if (this.#at === SIZE) this.#twist();
    let word = this.#key[this.#at++];
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  }

  /** A uniform integer below `limit`: masked bits, drawn again while too large, as `randint` does. */
  below(limit: number): number {
    if (limit === 1) return 0; // NumPy draws nothing for a range of one value
    const mask = 0xffffffff >>> Math.clz32(limit - 1);
    for (;;) {
      const value = (this.uint32() & mask) >>> 0;
      if (value < limit) return value;
    }
  }

  #twist(): void {
    const key = this.#key;
    for (let i = 0; i < SIZE; i++) {
      const bits = (key[i] & 0x80000000) | (key[(i + 1) % SIZE] & 0x7fffffff);
      key[i] = key[(i + SHIFT) % SIZE] ^ (bits >>> 1) ^ (bits & 1 ? 0x9908b0df : 0);
    }
    this.#at = 0;
  }
}
