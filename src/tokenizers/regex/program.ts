// Regular expressions as programs of a machine that tries one path after the other.

import { badTokenizer } from "../fields.js";
import type { CharacterTest } from "./sets.js";
import type { Greed, Node, Place } from "./syntax.js";

/** A character of the set must come, and is passed. */
export const SET = 0;
/** Goes on at `a`; if that fails, at `b`. `fork` numbers these instructions. */
export const FORK = 1;
/** Goes on at `a`. */
export const JUMP = 2;
/** The place must be of this kind. */
export const PLACE = 3;
/** The program from the next instruction to its END must match here (or not), or before here; on at `a`. */
export const LOOK = 4;
/** The program from the next instruction to its END is matched once and for all; on at `a`. */
export const ATOMIC = 5;
/** Success. */
export const END = 6;

/** One step of the machine. */
export type Instruction =
  | { op: typeof SET; test: CharacterTest }
  | { op: typeof FORK; a: number; b: number; fork: number }
  | { op: typeof JUMP; a: number }
  | { op: typeof PLACE; place: Place }
  | { op: typeof LOOK; a: number; lengths: readonly number[] | null; isNegative: boolean }
  | { op: typeof ATOMIC; a: number }
  | { op: typeof END };

/** A program. */
export interface Program {
  instructions: Instruction[];
  /** The number of FORK instructions. */
  forks: number;
}

const MOST_INSTRUCTIONS = 20_000;

/** Compiles an expression. Throws ERR_TOKENIZER when it is too large. */
export function compile(node: Node, source: string): Program {
  const compiler = new Compiler(source);
  compiler.add(node);
  compiler.push({ op: END });
  return { instructions: compiler.instructions, forks: compiler.forks };
}

class Compiler {
  readonly instructions: Instruction[] = [];
  forks = 0;
  readonly #source: string;

  constructor(source: string) {
    this.#source = source;
  }

  push<T extends Instruction>(instruction: T): T {
    if (this.instructions.length >= MOST_INSTRUCTIONS) {
      throw badTokenizer("pattern", "small enough: its counts multiply", this.#source);
    }
    this.instructions.push(instruction);
    return instruction;
  }

  add(node: Node): void {
    switch (node.kind) {
      case "set":
        this.push({ op: SET, test: node.test });
        break;
      case "place":
        this.push({ op: PLACE, place: node.place });
        break;
      case "sequence":
        for (const part of node.parts) this.add(part);
        break;
      case "choice":
        this.#choice(node.options);
        break;
      case "repeat":
        this.#repeat(node.part, node.least, node.most, node.greed);
        break;
      case "look": {
        const lengths = node.isBehind ? this.#lengths(node.part) : null;
        const look = this.push({ op: LOOK, a: 0, lengths, isNegative: node.isNegative });
        this.#inner(node.part, look);
        break;
      }
      case "atomic":
        this.#inner(node.part, this.push({ op: ATOMIC, a: 0 }));
        break;
    }
  }

  get #next(): number {
    return this.instructions.length;
  }

  #fork() {
    return this.push({ op: FORK, a: 0, b: 0, fork: this.forks++ });
  }

  #inner(part: Node, outer: { a: number }): void {
    this.add(part);
    this.push({ op: END });
    outer.a = this.#next;
  }

  #choice(options: readonly Node[]): void {
    const ends: { a: number }[] = [];
    for (const [index, option] of options.entries()) {
      if (index === options.length - 1) {
        this.add(option);
        break;
      }
      const fork = this.#fork();
      fork.a = this.#next;
      this.add(option);
      ends.push(this.push({ op: JUMP, a: 0 }));
      fork.b = this.#next;
    }
    for (const end of ends) end.a = this.#next;
  }

  #repeat(part: Node, least: number, most: number, greed: Greed): void {
    if (greed === "possessive") {
      this.add({ kind: "atomic", part: { kind: "repeat", part, least, most, greed: "greedy" } });
      return;
    }
    for (let i = 0; i < least; i++) this.add(part);
    const isLazy = greed === "lazy";
    if (most === Number.POSITIVE_INFINITY) {
      const fork = this.#fork();
      const at = this.#next - 1;
      const body = this.#next;
      this.add(part);
      this.push({ op: JUMP, a: at });
      this.#aim(fork, body, this.#next, isLazy);
      return;
    }
    const forks: [{ a: number; b: number }, number][] = [];
    for (let i = least; i < most; i++) {
      const fork = this.#fork();
      forks.push([fork, this.#next]);
      this.add(part);
    }
    for (const [fork, body] of forks) this.#aim(fork, body, this.#next, isLazy);
  }

  #aim(fork: { a: number; b: number }, body: number, after: number, isLazy: boolean): void {
    fork.a = isLazy ? after : body;
    fork.b = isLazy ? body : after;
  }

  // How many characters a part can have, for looking behind.
  #lengths(node: Node): number[] {
    const found = lengthsOf(node);
    if (found === null || found.size > 64) {
      throw badTokenizer("pattern", "of a known length where it looks behind", this.#source);
    }
    return [...found];
  }
}

function lengthsOf(node: Node): Set<number> | null {
  switch (node.kind) {
    case "set":
      return new Set([1]);
    case "place":
    case "look":
      return new Set([0]);
    case "atomic":
      return lengthsOf(node.part);
    case "choice":
      return union(node.options.map(lengthsOf));
    case "sequence":
      return node.parts.map(lengthsOf).reduce(sums, new Set([0]));
    case "repeat": {
      if (node.most > 64) return null;
      const one = lengthsOf(node.part);
      let all: Set<number> | null = new Set([0]);
      const found: (Set<number> | null)[] = [];
      for (let count = 0; count <= node.most; count++) {
        if (count >= node.least) found.push(all);
        all = sums(all, one);
      }
      return union(found);
    }
  }
}

function union(sets: readonly (Set<number> | null)[]): Set<number> | null {
  const all = new Set<number>();
  for (const set of sets) {
    if (set === null) return null;
    for (const length of set) all.add(length);
  }
  return all;
}

function sums(a: Set<number> | null, b: Set<number> | null): Set<number> | null {
  if (a === null || b === null || a.size * b.size > 4096) return null;
  return new Set([...a].flatMap((x) => [...b].map((y) => x + y)));
}
