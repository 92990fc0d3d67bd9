// NumPy's default generator, so that seeded resampling gives the reference's own numbers: PCG64 (O'Neill 2014,
// "PCG", section 6.3: a 128-bit linear congruential step, output XSL-RR) seeded by SeedSequence (entropy pool of
// four 32-bit words), with `choice` and boolean `integers` as numpy.random.Generator draws them.

const MULTIPLIER = [0x9fccf645, 0x4385df64, 0x1fc65da4, 0x2360ed05]; // least significant 32 bits first

/** `numpy.random.default_rng(seed)`, as far as it is needed here. */
export class Pcg64 {
  // 128-bit numbers as four 32-bit limbs, least significant first
  readonly #state = new Uint32Array(4);
  readonly #increment = new Uint32Array(4);
  #high = 0;
  #highLeft = false;

  /** `seed` is an integer from 0 to 2^32 - 1. */
  constructor(seed: number) {
    // Eight words; NumPy reads them as 64-bit numbers, the high half of each 128-bit number first
    const words = seedWords(seed);
    const start = [words[2], words[3], words[0], words[1]];
    const stream = [words[6], words[7], words[4], words[5]];
    for (let i = 0; i < 4; i++) {
      const carried = i === 0 ? 1 : stream[i - 1] >>> 31;
      this.#increment[i] = (stream[i] << 1) | carried;
    }
    this.#step();
    addTo(this.#state, start);
    this.#step();
  }

  /** The next 32 bits: each 64-bit output gives its low half, then its high half. */
  uint32(): number {
    if (this.#highLeft) {
      this.#highLeft = false;
      return this.#high;
    }
    this.#step();
    const state = this.#state;
    const low = (state[0] ^ state[2]) >>> 0;
    const high = (state[1] ^ state[3]) >>> 0;
    const turn = state[3] >>> 26; // rotate the folded state right by the top six bits
    const [a, b] = turn & 32 ? [high, low] : [low, high];
    const by = turn & 31;
    this.#high = (by === 0 ? b : (b >>> by) | (a << (32 - by))) >>> 0;
    this.#highLeft = true;
    return (by === 0 ? a : (a >>> by) | (b << (32 - by))) >>> 0;
  }

  /** A uniform integer below `limit` (at most 2^32), by Lemire's multiplication as NumPy has it. */
  below(limit: number): number {
    if (limit === 1) return 0; // NumPy draws nothing for a range of one value
    for (;;) {
      const value = this.uint32();
      const low = Math.imul(value, limit) >>> 0;
      if (low >= limit || low >= (2 ** 32 - limit) % limit) return multiplyHigh(value, limit);
    }
  }

  /** Fills `indices` with uniform integers below `limit`: one row of `choice(limit, replace=True)`. */
  fillBelow(indices: Int32Array, limit: number): void {
    for (let i = 0; i < indices.length; i++) indices[i] = this.below(limit);
  }

  /** Fair coins, 32 from each draw, as `integers(2, dtype=bool)` gives them in one call. */
  coins(): () => boolean {
    let bits = 0;
    let left = 0;
    return () => {
      if (left === 0) {
        bits = this.uint32();
        left = 32;
      }
      const coin = (bits & 1) === 1;
      bits >>>= 1;
      left--;
      return coin;
    };
  }

  #step(): void {
    multiplyBy(this.#state, MULTIPLIER);
    addTo(this.#state, this.#increment);
  }
}

/** The high 32 bits of a product of two 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const low = (a & 0xffff) * (b & 0xffff);
  const cross = (a >>> 16) * (b & 0xffff) + (low >>> 16);
  const other = (a & 0xffff) * (b >>> 16) + (cross & 0xffff);
  return ((a >>> 16) * (b >>> 16) + Math.floor(cross / 65536) + Math.floor(other / 65536)) >>> 0;
}

function addTo(sum: Uint32Array, other: ArrayLike<number>): void {
  let carry = 0;
  for (let i = 0; i < 4; i++) {
    const total = sum[i] + other[i] + carry;
    sum[i] = total;
    carry = total >= 2 ** 32 ? 1 : 0;
  }
}

const product = new Uint32Array(4);

/** `number *= factor` modulo 2^128. */
function multiplyBy(number: Uint32Array, factor: readonly number[]): void {
  product.fill(0);
  for (let i = 0; i < 4; i++) {
    let carry = 0;
    for (let j = 0; i + j < 4; j++) {
      const low = (Math.imul(number[i], factor[j]) >>> 0) + product[i + j] + carry;
      product[i + j] = low;
      carry = multiplyHigh(number[i], factor[j]) + Math.floor(low / 2 ** 32);
    }
  }
  number.set(product);
}

// numpy.random.SeedSequence(seed).generate_state(4, uint64), as eight 32-bit words
function seedWords(seed: number): number[] {
  const POOL = 4;
  let hash = 0x43b0d7e5;
  const hashed = (value: number) => {
    let word = value ^ hash;
    hash = Math.imul(hash, 0x931e8875);
    word = Math.imul(word, hash);
    return (word ^ (word >>> 16)) >>> 0;
  };
  const mixed = (x: number, y: number) => {
    const word = Math.imul(x, 0xca01f9dd) - Math.imul(y, 0x4973f715);
    return (word ^ (word >>> 16)) >>> 0;
  };
  const pool = Array.from({ length: POOL }, (_, i) => hashed(i === 0 ? seed : 0));
  for (let from = 0; from < POOL; from++) {
    for (let to = 0; to < POOL; to++) {
      if (from !== to) pool[to] = mixed(pool[to], hashed(pool[from]));
    }
  }
  let output = 0x8b51f9dd;
  return Array.from({ length: 8 }, (_, i) => {
    let word = pool[i % POOL] ^ output;
    output = Math.imul(output, 0x58f38ded);
    word = Math.imul(word, output);
    return (word ^ (word >>> 16)) >>> 0;
  });
}
