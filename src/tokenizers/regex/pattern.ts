// Matches regular expressions of a tokenizer.json. Such a file may come from anywhere, so that no pattern may
// take long: a way that failed from a place is not tried again from there, which makes the work proportional to
// the length of the text for patterns without lookaround, and the number of steps is bounded for all.
// (JavaScript's own expressions know neither bound, nor the syntax of these files.)

import { AthanorError } from "../../errors.js";
import type { NormalizedText } from "../normalized-text.js";
import {
  ATOMIC,
  compile,
  END,
  FORK,
  type Instruction,
  JUMP,
  LOOK,
  PLACE,
  type Program,
  SET,
} from "./program.js";
import { isWord } from "./sets.js";
import { type Place, readPattern } from "./syntax.js";

// Patterns in use take 5 to 30 steps per character.
const STEPS_PER_UNIT = 500;
const LEAST_STEPS = 1_000_000;

// What a step can return beside an instruction
const FAILED = -1;
const MATCHED = -2;

/** A regular expression. */
export class Pattern {
  readonly #source: string;
  readonly #program: Program;
  #text: NormalizedText | null = null;
  #from = 0;
  #to = 0;
  #steps = 0;
  // For each place and fork a bit: whether that way is known to fail
  #failed = new Uint32Array(0);
  // Ways that the current path has taken; they have not failed yet
  #taken: number[] = [];
  // Where a match must end; while one is set, what fails need not fail elsewhere. -1: anywhere
  #target = -1;

  /** @throws AthanorError ERR_TOKENIZER: not understood, or too large. */
  constructor(source: string) {
    this.#source = source;
    this.#program = compile(readPattern(source), source);
  }

  /** The pattern that matches a text as it stands. */
  static literal(text: string): Pattern {
    return new Pattern(text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"));
  }

  /**
   * Calls `found` for every match within `text[from, to)`, which is a text of its own, in order. A match may be
   * empty.
   *
   * @throws AthanorError ERR_TOKENIZER: it takes too many steps.
   */
  each(text: NormalizedText, from: number, to: number, found: (start: number, end: number) => void): void {
    this.#begin(text, from, to);
    let at = from;
    let previous = -1;
    while (at <= to) {
      const end = this.#match(0, at);
      // No empty match where one has just ended
      if (end >= 0 && !(end === at && at === previous)) {
        found(at, end);
        previous = end;
        if (end > at) {
          at = end;
          continue;
        }
      }
      at = this.#after(at);
    }
  }

  #begin(text: NormalizedText, from: number, to: number): void {
    this.#text = text;
    this.#from = from;
    this.#to = to;
    this.#steps = LEAST_STEPS + STEPS_PER_UNIT * (to - from);
    const words = Math.ceil(((to - from + 1) * this.#program.forks) / 32);
    if (words > this.#failed.length || this.#failed.length > (1 << 20) + words) {
      this.#failed = new Uint32Array(words);
    } else {
      this.#failed.fill(0, 0, words);
    }
  }

  #after(at: number): number {
    if (at >= this.#to) return at + 1;
    return at + (this.#text!.codePointAt(at, this.#to) > 0xffff ? 2 : 1);
  }

  // The end of the match of the program from `start` at a place, or -1. Two numbers per way left open: where
  // it goes on, and at which place; a third for how far #taken counts then.
  #match(start: number, place: number): number {
    const { instructions } = this.#program;
    const open: number[] = [];
    const bottom = this.#taken.length;
    let pc = start;
    let at = place;
    for (;;) {
      if (--this.#steps < 0) throw this.#tooLong();
      const next = this.#step(instructions[pc], pc, at, open);
      if (next >= 0) {
        pc = next;
        at = this.#place;
        continue;
      }
      if (next === MATCHED) {
        this.#releaseTaken(bottom);
        return at;
      }
      if (open.length === 0) {
        this.#taken.length = bottom;
        return -1;
      }
      this.#taken.length = open.pop()!;
      at = open.pop()!;
      pc = open.pop()!;
    }
  }

  #place = 0;

  // The next instruction, with its place in #place; FAILED or MATCHED.
  #step(instruction: Instruction, pc: number, at: number, open: number[]): number {
    this.#place = at;
    switch (instruction.op) {
      case SET: {
        if (at >= this.#to) return FAILED;
        const point = this.#text!.codePointAt(at, this.#to);
        if (!instruction.test(point)) return FAILED;
        this.#place = at + (point > 0xffff ? 2 : 1);
        return pc + 1;
      }
      case FORK:
        if (this.#isTaken(instruction.fork, at)) return FAILED;
        open.push(instruction.b, at, this.#taken.length);
        return instruction.a;
      case JUMP:
        return instruction.a;
      case PLACE:
        return this.#isPlace(instruction.place, at) ? pc + 1 : FAILED;
      case LOOK: {
        const isThere = this.#looks(instruction.lengths, pc + 1, at);
        this.#place = at;
        return isThere !== instruction.isNegative ? instruction.a : FAILED;
      }
      case ATOMIC: {
        const before = this.#target;
        this.#target = -1;
        const end = this.#match(pc + 1, at);
        this.#target = before;
        this.#place = end;
        return end < 0 ? FAILED : instruction.a;
      }
      case END:
        return this.#target < 0 || this.#target === at ? MATCHED : FAILED;
    }
  }

  // Whether a way has been taken from here; it has now.
  #isTaken(fork: number, at: number): boolean {
    if (this.#target >= 0) return false;
    const bit = (at - this.#from) * this.#program.forks + fork;
    const mask = 1 << (bit & 31);
    if ((this.#failed[bit >>> 5] & mask) !== 0) return true;
    this.#failed[bit >>> 5] |= mask;
    this.#taken.push(bit);
    return false;
  }

  // The path to a match has not failed: it may be taken again.
  #releaseTaken(bottom: number): void {
    for (let i = bottom; i < this.#taken.length; i++) {
      this.#failed[this.#taken[i] >>> 5] &= ~(1 << (this.#taken[i] & 31));
    }
    this.#taken.length = bottom;
  }

  #looks(lengths: readonly number[] | null, pc: number, at: number): boolean {
    const before = this.#target;
    this.#target = lengths === null ? -1 : at;
    const isThere = (lengths ?? [0]).some((length) => {
      const start = this.#before(at, length);
      return start >= 0 && this.#match(pc, start) >= 0;
    });
    this.#target = before;
    return isThere;
  }

  // The place so many characters before, or -1.
  #before(at: number, count: number): number {
    let place = at;
    for (let i = 0; i < count; i++) {
      if (place <= this.#from) return -1;
      const isPair = place - 2 >= this.#from && this.#text!.codePointAt(place - 2, place) > 0xffff;
      place -= isPair ? 2 : 1;
    }
    return place;
  }

  #isPlace(place: Place, at: number): boolean {
    const { units } = this.#text!;
    switch (place) {
      case "text start":
        return at === this.#from;
      case "text end":
        return at === this.#to;
      case "last line end":
        return at === this.#to || (at === this.#to - 1 && units[at] === 10);
      case "line start":
        return at === this.#from || (units[at - 1] === 10 && at < this.#to);
      case "line end":
        return at === this.#to || units[at] === 10;
      default:
        return (this.#isWordAt(at) !== this.#isWordAt(this.#before(at, 1))) === (place === "edge");
    }
  }

  #isWordAt(at: number): boolean {
    return at >= this.#from && at < this.#to && isWord(this.#text!.codePointAt(at, this.#to));
  }

  #tooLong(): AthanorError {
    this.#taken.length = 0;
    this.#target = -1;
    return new AthanorError(
      "ERR_TOKENIZER",
      `pattern ${JSON.stringify(this.#source.slice(0, 100))}: must take at most ${STEPS_PER_UNIT} steps per ` +
        `character, got more on a text of ${this.#to - this.#from}`,
    );
  }
}
