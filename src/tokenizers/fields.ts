// Reading parts of tokenizer.json: every access checks the kind of the value, and an error says where it was.

import { AthanorError } from "../errors.js";
import { describe } from "./options.js";
import type { Json } from "./stages.js";

/** An error in a tokenizer's files: who, what was needed, what came. */
export function badTokenizer(who: string, needed: string, came: unknown): AthanorError {
  return new AthanorError("ERR_TOKENIZER", `${who} must be ${needed}, got ${describe(came)}`);
}

/** An object of a tokenizer file, with the place it came from, such as `tokenizer.json: model`. */
export class Fields {
  readonly place: string;
  readonly json: Json;

  /** @throws AthanorError ERR_TOKENIZER: `value` is no object. */
  constructor(place: string, value: unknown) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw badTokenizer(place, "an object", value);
    }
    this.place = place;
    this.json = value as Json;
  }

  /** Whether the field is there and not null. */
  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** The value as it is; null counts as missing. */
  get(name: string): unknown {
    return Object.hasOwn(this.json, name) ? (this.json[name] ?? undefined) : undefined;
  }

  boolean(name: string, fallback?: boolean): boolean {
    return this.#value(name, fallback, "true or false", (value) => typeof value === "boolean");
  }

  string(name: string, fallback?: string): string {
    return this.#value(name, fallback, "a string", (value) => typeof value === "string");
  }

  /** One code point. */
  character(name: string, fallback?: string): string {
    return this.#value(name, fallback, "one character", isCharacter);
  }

  /** An integer from 0 to 2^31 - 1. */
  count(name: string, fallback?: number): number {
    return this.#value(name, fallback, "an integer from 0 to 2147483647", isCount);
  }

  number(name: string, fallback?: number): number {
    return this.#value(name, fallback, "a number", (value) => typeof value === "number");
  }

  /** One of a few strings. */
  choice<T extends string>(name: string, choices: readonly T[], fallback?: T): T {
    const needed = choices.map((choice) => JSON.stringify(choice)).join(" or ");
    return this.#value(name, fallback, needed, (value) => choices.includes(value as T));
  }

  array(name: string, fallback?: unknown[]): unknown[] {
    return this.#value(name, fallback, "an array", Array.isArray);
  }

  object(name: string): Fields {
    return new Fields(this.#placeOf(name), this.get(name));
  }

  /** The objects of an array. */
  objects(name: string): Fields[] {
    return this.array(name).map((value, index) => new Fields(`${this.#placeOf(name)}[${index}]`, value));
  }

  /** The error that a field is not what it must be. */
  wrong(name: string, needed: string): AthanorError {
    return badTokenizer(this.#placeOf(name), needed, this.get(name));
  }

  #placeOf(name: string): string {
    return `${this.place}.${name}`;
  }

  #value<T>(name: string, fallback: T | undefined, needed: string, test: (value: unknown) => boolean): T {
    const value = this.get(name);
    if (value === undefined && fallback !== undefined) return fallback;
    if (!test(value)) throw this.wrong(name, needed);
    return value as T;
  }
}

function isCharacter(value: unknown): boolean {
  return typeof value === "string" && value !== "" && String.fromCodePoint(value.codePointAt(0)!) === value;
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31;
}
