// Reads one character, one class such as \s or \p{L}, or one bracket expression of a regular expression.

import { badTokenizer } from "../fields.js";
import {
  type CharacterTest,
  ignoringCase,
  isDigit,
  isSpace,
  isWord,
  isWordInBrackets,
  propertyTest,
  remembered,
} from "./sets.js";

const CONTROLS: Record<string, number> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7, e: 27 };
const POSIX = /^\[:(\^?)([a-z]+):\]/;
const MOST_DEPTH = 50;

const CLASSES: Record<string, CharacterTest> = {
  s: isSpace,
  d: isDigit,
  w: isWord,
  h: (point) => point < 0x80 && /[0-9a-f]/i.test(String.fromCharCode(point)),
};

const isNoWord: CharacterTest = (point) => !isWord(point);

/** Reads a set of characters, starting at `at`. */
export class CharacterSetReader {
  /** Where reading goes on. */
  at: number;
  readonly #text: string;
  readonly #ignoresCase: boolean;
  #depth = 0;

  constructor(text: string, at: number, ignoresCase: boolean) {
    this.#text = text;
    this.at = at;
    this.#ignoresCase = ignoresCase;
  }

  /** The set that is next. Throws ERR_TOKENIZER for what is none. */
  read(): CharacterTest {
    const character = this.#text[this.at];
    if (character === ".") {
      this.at++;
      return (point) => point !== 10;
    }
    if (character === "[") return remembered(this.#cased(this.#bracket()));
    const item = this.#item();
    return typeof item === "number" ? this.#cased((point) => point === item) : item;
  }

  #cased(test: CharacterTest): CharacterTest {
    return this.#ignoresCase ? ignoringCase(test) : test;
  }

  // What is joined by && in brackets must all hold.
  #bracket(): CharacterTest {
    if (++this.#depth > MOST_DEPTH) throw this.#error("fewer brackets inside each other");
    this.at++;
    const isNegative = this.#takes("^");
    const all: CharacterTest[] = [];
    let some: CharacterTest[] = [];
    // Directly after the opening one, a closing bracket is a character
    for (let isFirst = true; isFirst || !this.#takes("]"); isFirst = false) {
      if (this.at >= this.#text.length) throw this.#error("a closing bracket");
      if (this.#takes("&&")) {
        all.push(anyOf(some));
        some = [];
      } else {
        some.push(this.#member());
      }
    }
    all.push(anyOf(some));
    this.#depth--;
    return (point) => all.every((test) => test(point)) !== isNegative;
  }

  #member(): CharacterTest {
    const posix = POSIX.exec(this.#text.slice(this.at, this.at + 16));
    if (posix !== null) {
      this.at += posix[0].length;
      return negated(this.#property(posix[2]), posix[1] !== "");
    }
    if (this.#text[this.at] === "[") return this.#bracket();
    const first = this.#item();
    // Oniguruma's \w is not the same in brackets
    if (first === isWord) return isWordInBrackets;
    if (first === isNoWord) return negated(isWordInBrackets, true);
    if (typeof first !== "number") return first;
    const isRange = this.#text[this.at] === "-" && !["]", undefined].includes(this.#text[this.at + 1]);
    if (!isRange) return (point) => point === first;
    const before = this.at++;
    const last = this.#text[this.at] === "[" ? null : this.#item();
    if (typeof last !== "number") {
      // The hyphen was one
      this.at = before;
      return (point) => point === first;
    }
    if (last < first) throw this.#error("ranges in order");
    return (point) => point >= first && point <= last;
  }

  // A code point, or a class.
  #item(): number | CharacterTest {
    const point = this.#text.codePointAt(this.at);
    if (point === undefined) throw this.#error("a character");
    this.at += point > 0xffff ? 2 : 1;
    return point === 0x5c ? this.#escape() : point;
  }

  #escape(): number | CharacterTest {
    const point = this.#text.codePointAt(this.at);
    if (point === undefined) throw this.#error("a character after the backslash");
    const name = String.fromCodePoint(point);
    this.at += name.length;
    const lower = name.toLowerCase();
    if (name === "W") return isNoWord;
    if (Object.hasOwn(CLASSES, lower)) return negated(CLASSES[lower], name !== lower);
    if (lower === "p") return this.#braced(name === "P");
    if (Object.hasOwn(CONTROLS, name)) return CONTROLS[name];
    if (name === "x" || name === "u") return this.#hexadecimal();
    if (name === "0") return 0;
    if (/[A-Za-z1-9]/.test(name)) throw this.#error("an escape known here");
    return point;
  }

  #braced(isNegative: boolean): CharacterTest {
    const found = /^\{(\^?)([A-Za-z0-9_ =-]+)\}/.exec(this.#text.slice(this.at, this.at + 64));
    if (found === null) throw this.#error("a property in braces");
    this.at += found[0].length;
    return negated(this.#property(found[2]), isNegative !== (found[1] !== ""));
  }

  #property(name: string): CharacterTest {
    const special: Record<string, CharacterTest> = {
      Word: isWord,
      word: isWordInBrackets,
      digit: isDigit,
      xdigit: CLASSES.h,
      alnum: (point) => isDigit(point) || propertyTest("Alphabetic")!(point),
    };
    const test = Object.hasOwn(special, name) ? special[name] : propertyTest(name);
    if (test === null) throw this.#error(`a property known here, not ${JSON.stringify(name)}`);
    return test;
  }

  #hexadecimal(): number {
    const rest = this.#text.slice(this.at, this.at + 12);
    const isLong = this.#text[this.at - 1] === "u";
    const found =
      /^\{([0-9A-Fa-f]{1,6})\}/.exec(rest) ??
      (isLong ? /^([0-9A-Fa-f]{4})/ : /^([0-9A-Fa-f]{1,2})/).exec(rest);
    const point = found === null ? Number.NaN : Number.parseInt(found[1], 16);
    if (!(point <= 0x10ffff)) throw this.#error("a code point in hexadecimal digits");
    this.at += found![0].length;
    return point;
  }

  #takes(text: string): boolean {
    if (!this.#text.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  #error(needed: string) {
    return badTokenizer(`pattern at ${this.at}`, needed, this.#text);
  }
}

function anyOf(tests: readonly CharacterTest[]): CharacterTest {
  return (point) => tests.some((test) => test(point));
}

function negated(test: CharacterTest, isNegative: boolean): CharacterTest {
  return isNegative ? (point) => !test(point) : test;
}
