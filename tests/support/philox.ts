// Philox4x32-10 written a second time, slowly (Salmon et al., SC11), to check the masks that the engine draws.

// Halves of a product of 32-bit numbers, by 16-bit digits.
function multiply(a: number, b: number): [low: number, high: number] {
  const [a0, a1, b0, b1] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const middle = a1 * b0 + Math.floor((a0 * b0) / 65536); // below 2^32
  const other = a0 * b1 + (middle % 65536);
  return [Math.imul(a, b) >>> 0, a1 * b1 + Math.floor(middle / 65536) + Math.floor(other / 65536)];
}

/** The four words of a block; `seed` (or its two halves), `call` and `block` are integers below 2^53. */
export function philox(seed: number | [low: number, high: number], call: number, block: number): number[] {
  let [c0, c1, c2, c3] = [
    block % 2 ** 32,
    Math.floor(block / 2 ** 32),
    call % 2 ** 32,
    Math.floor(call / 2 ** 32),
  ];
  let [k0, k1] = typeof seed === "number" ? [seed % 2 ** 32, Math.floor(seed / 2 ** 32)] : seed;
  for (let round = 0; round < 10; round++) {
    const [low0, high0] = multiply(0xd2511f53, c0);
    const [low1, high1] = multiply(0xcd9e8d57, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** 1 / (1 - p) where element `index` of the call is kept, else 0. Index is an integer below 2^53. */
export function dropoutFactor(seed: number, call: number, index: number, p: number): number {
  const threshold = Math.floor(Math.fround(p) * 2 ** 32);
  const words = philox(seed, call, Math.floor(index / 4));
  return words[index % 4] < threshold ? 0 : 1 / (1 - Math.fround(p));
}
