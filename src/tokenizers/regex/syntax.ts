// Reads regular expressions in the syntax of Oniguruma (Ruby's), as far as tokenizers use it: no references to
// groups, no recursion.

import { badTokenizer } from "../fields.js";
import { CharacterSetReader } from "./character-set.js";
import type { CharacterTest } from "./sets.js";

/** Conditions on a place. */
export type Place =
  | "line start"
  | "line end"
  | "text start"
  | "text end"
  | "last line end"
  | "edge"
  | "no edge";

/** How a repetition goes on: as far as it can, as little as it can, or without ever giving back. */
export type Greed = "greedy" | "lazy" | "possessive";

/** A part of a regular expression. */
export type Node =
  | { kind: "set"; test: CharacterTest }
  | { kind: "place"; place: Place }
  | { kind: "sequence"; parts: Node[] }
  | { kind: "choice"; options: Node[] }
  | { kind: "repeat"; part: Node; least: number; most: number; greed: Greed }
  | { kind: "look"; part: Node; isBehind: boolean; isNegative: boolean }
  | { kind: "atomic"; part: Node };

const MOST_DEPTH = 200;
const PLACES: Record<string, Place> = {
  A: "text start",
  z: "text end",
  Z: "last line end",
  b: "edge",
  B: "no edge",
};

/** Reads an expression. Throws ERR_TOKENIZER for what it does not know. */
export function readPattern(source: string): Node {
  return new PatternReader(source).read();
}

class PatternReader {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  #ignoresCase = false;

  constructor(source: string) {
    this.#text = source;
  }

  read(): Node {
    const node = this.#choice();
    if (this.#at < this.#text.length) throw this.#error("balanced parentheses");
    return node;
  }

  #choice(): Node {
    if (++this.#depth > MOST_DEPTH) throw this.#error(`at most ${MOST_DEPTH} groups inside each other`);
    // A change of options ends with its group
    const before = this.#ignoresCase;
    const options = [this.#sequence()];
    while (this.#takes("|")) options.push(this.#sequence());
    this.#ignoresCase = before;
    this.#depth--;
    return options.length === 1 ? options[0] : { kind: "choice", options };
  }

  #sequence(): Node {
    const parts: Node[] = [];
    while (this.#at < this.#text.length && !"|)".includes(this.#text[this.#at])) {
      const part = this.#atom();
      if (part !== null) parts.push(this.#repeated(part));
    }
    return parts.length === 1 ? parts[0] : { kind: "sequence", parts };
  }

  #repeated(part: Node): Node {
    let node = part;
    for (;;) {
      const bounds = this.#bounds();
      if (bounds === null) return node;
      const { least, most, isCounted } = bounds;
      let greed: Greed = "greedy";
      if (this.#takes("?")) greed = "lazy";
      else if (!isCounted && this.#takes("+")) greed = "possessive";
      if (node.kind === "place" || node.kind === "look") throw this.#error("something that can be repeated");
      node = { kind: "repeat", part: node, least, most, greed };
    }
  }

  #bounds(): { least: number; most: number; isCounted: boolean } | null {
    const infinite = Number.POSITIVE_INFINITY;
    if (this.#takes("*")) return { least: 0, most: infinite, isCounted: false };
    if (this.#takes("+")) return { least: 1, most: infinite, isCounted: false };
    if (this.#takes("?")) return { least: 0, most: 1, isCounted: false };
    const found = /^\{(\d*)(,?)(\d*)\}/.exec(this.#text.slice(this.#at, this.#at + 24));
    // Without numbers the brace is a character like any other
    if (found === null || (found[1] === "" && found[3] === "")) return null;
    this.#at += found[0].length;
    const least = Number(found[1]);
    const most = found[2] === "" ? least : found[3] === "" ? infinite : Number(found[3]);
    if (most < least) throw this.#error("counts in order");
    return { least, most, isCounted: true };
  }

  #atom(): Node | null {
    const character = this.#text[this.#at];
    if (character === "(") return this.#group();
    if (character === "^" || character === "$") {
      this.#at++;
      return { kind: "place", place: character === "^" ? "line start" : "line end" };
    }
    if ("*+?".includes(character)) throw this.#error("something to repeat");
    if (character === "\\" && Object.hasOwn(PLACES, this.#text[this.#at + 1] ?? "")) {
      const place = PLACES[this.#text[this.#at + 1]];
      this.#at += 2;
      return { kind: "place", place };
    }
    const reader = new CharacterSetReader(this.#text, this.#at, this.#ignoresCase);
    const test = reader.read();
    this.#at = reader.at;
    return { kind: "set", test };
  }

  #group(): Node | null {
    this.#at++;
    const opening = /^\?(?:[:=!>]|<[=!]|<[\p{L}_][\w]*>|[imx-]+[:)])/u.exec(
      this.#text.slice(this.#at, this.#at + 64),
    );
    if (opening === null && this.#text[this.#at] === "?") throw this.#error("a group of a kind known here");
    const mark = opening?.[0] ?? "";
    this.#at += mark.length;
    if (/^\?[imx-]/.test(mark)) return this.#options(mark);
    const part = this.#inside();
    switch (mark) {
      case "?=":
      case "?!":
      case "?<=":
      case "?<!":
        return { kind: "look", part, isBehind: mark.includes("<"), isNegative: mark.endsWith("!") };
      case "?>":
        return { kind: "atomic", part };
      default:
        return part;
    }
  }

  // (?i:..) for a group, (?i) for the rest of the group around it.
  #options(mark: string): Node | null {
    const [on, off = ""] = mark.slice(1, -1).split("-");
    if (/[^i]/.test(on) || /[x]/.test(off)) throw this.#error("no option but i");
    const before = this.#ignoresCase;
    this.#ignoresCase = on.includes("i") || (before && !off.includes("i"));
    if (mark.endsWith(")")) return this.#isolated();
    const part = this.#inside();
    this.#ignoresCase = before;
    return part;
  }

  // In Ruby, (?i) also takes the alternatives that follow into its group.
  #isolated(): Node {
    return this.#choice();
  }

  #inside(): Node {
    const node = this.#choice();
    if (!this.#takes(")")) throw this.#error("balanced parentheses");
    return node;
  }

  #takes(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #error(needed: string) {
    return badTokenizer(`pattern at ${this.#at}`, needed, this.#text);
  }
}
