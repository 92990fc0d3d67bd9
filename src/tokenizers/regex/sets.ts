// Sets of characters of regular expressions: what \s, \w, \p{..} and the like stand for, as Oniguruma (the
// engine of the tokenizers library) has them, with Unicode 16.

import {
  characterClasses,
  LETTER,
  MARK,
  NUMBER,
  PUNCTUATION,
  SYMBOL,
  WHITE_SPACE,
  WORD,
} from "../unicode/classes.js";

/** Whether a code point belongs to a set. */
export type CharacterTest = (point: number) => boolean;

const CATEGORIES: Record<string, number> = {
  L: LETTER,
  M: MARK,
  N: NUMBER,
  P: PUNCTUATION,
  S: SYMBOL,
};
const ASSIGNED = LETTER | MARK | NUMBER | PUNCTUATION | SYMBOL;

const LONG_NAMES: Record<string, string> = {
  letter: "L",
  mark: "M",
  number: "N",
  punctuation: "P",
  punct: "P",
  symbol: "S",
  separator: "Z",
  other: "C",
  alpha: "Alphabetic",
  lower: "Lowercase",
  upper: "Uppercase",
  space: "White_Space",
};

/** Remembers the answers of a test. */
export function remembered(test: CharacterTest): CharacterTest {
  // 0: not asked yet, 1: no, 2: yes
  const known = new Uint8Array(0x110000);
  return (point) => {
    if (known[point] === 0) known[point] = test(point) ? 2 : 1;
    return known[point] === 2;
  };
}

/** `\s`. */
export const isSpace: CharacterTest = (point) => (characterClasses()[point] & WHITE_SPACE) !== 0;

/** `\d`. */
export const isDigit: CharacterTest = remembered(
  (point) => (characterClasses()[point] & NUMBER) !== 0 && /\p{Nd}/u.test(String.fromCodePoint(point)),
);

// Numbers that are words to Oniguruma alone: superscripts and fractions of Latin-1.
const LATIN_NUMBERS = new Set([0xb2, 0xb3, 0xb9, 0xbc, 0xbd, 0xbe]);
const JOINERS = new Set([0x200c, 0x200d]);

/** `\w` in brackets. */
export const isWordInBrackets: CharacterTest = (point) =>
  (characterClasses()[point] & WORD) !== 0 && !JOINERS.has(point);

/** `\w` elsewhere. */
export const isWord: CharacterTest = (point) => isWordInBrackets(point) || LATIN_NUMBERS.has(point);

/** `\p{name}`, or null for a name that is not known. */
export function propertyTest(name: string): CharacterTest | null {
  const short = LONG_NAMES[name.toLowerCase().replaceAll(/[_ -]/g, "")] ?? name;
  if (Object.hasOwn(CATEGORIES, short)) {
    const flag = CATEGORIES[short];
    return (point) => (characterClasses()[point] & flag) !== 0;
  }
  const pattern = propertyPattern(short);
  if (pattern === null) return null;
  // The running Node may know characters that are younger
  return remembered((point) => {
    const isKnown = (characterClasses()[point] & (ASSIGNED | WHITE_SPACE)) !== 0 || /[CZ]/.test(short[0]);
    return isKnown && pattern.test(String.fromCodePoint(point));
  });
}

/** The characters that are the same but for their case. */
export function ignoringCase(test: CharacterTest): CharacterTest {
  return remembered((point) => {
    if (test(point)) return true;
    const character = String.fromCodePoint(point);
    return [character.toLowerCase(), character.toUpperCase(), folded(character)].some(
      (other) => isOneCharacter(other) && test(other.codePointAt(0)!),
    );
  });
}

// Characters with more than one lower or upper case, such as long s and the Kelvin sign
function folded(character: string): string {
  return character.toUpperCase().toLowerCase();
}

function isOneCharacter(text: string): boolean {
  return text.length > 0 && text.length === (text.codePointAt(0)! > 0xffff ? 2 : 1);
}

function propertyPattern(name: string): RegExp | null {
  for (const source of [`\\p{${name}}`, `\\p{Script=${name}}`]) {
    try {
      return new RegExp(source, "u");
    } catch {
      // Not that kind of name
    }
  }
  return null;
}
