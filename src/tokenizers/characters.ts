// Character classes outside BERT, with the answers for code points remembered in a table.

/** A class of code points that is slow to find out, remembered for those already asked for. */
class CharacterClass {
  // 0: not asked for yet, 1: no, 2: yes
  readonly #known = new Uint8Array(0x110000);
  readonly #pattern: RegExp;

  constructor(pattern: RegExp) {
    this.#pattern = pattern;
  }

  has(point: number): boolean {
    if (this.#known[point] === 0) {
      this.#known[point] = this.#pattern.test(String.fromCodePoint(point)) ? 2 : 1;
    }
    return this.#known[point] === 2;
  }
}

const wordCharacters = new CharacterClass(/[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u);

/** A letter, mark, decimal digit, connector or joiner: `\w` of the reference's regular expressions. */
export function isWordCharacter(point: number): boolean {
  return wordCharacters.has(point);
}

/** White_Space of Unicode, which has been the same since version 6.3; all of it below U+10000. */
export function isWhiteSpace(point: number): boolean {
  if (point < 0x80) return point === 0x20 || (point >= 9 && point <= 13);
  if (point < 0x1680) return point === 0x85 || point === 0xa0;
  return (
    point === 0x1680 ||
    (point >= 0x2000 && point <= 0x200a) ||
    point === 0x2028 ||
    point === 0x2029 ||
    point === 0x202f ||
    point === 0x205f ||
    point === 0x3000
  );
}
