// Entities in sequences of tags such as "B-PER": leniently, as conlleval and seqeval's default mode find them, or
// strictly under one scheme, as seqeval's strict mode does (seqeval/metrics/sequence_labeling.py, seqeval/scheme.py).

import { AthanorError } from "../errors.js";
import { refuse } from "./check.js";

/** Tagging schemes; BIOES and IOBES, BILOU and IOBLU are the same. */
export type TagScheme = "IOB1" | "IOB2" | "IOE1" | "IOE2" | "IOBES" | "BILOU";

/** A typed span: `place` tells it from every other span of its type. */
export interface TaggedEntity {
  type: string;
  place: string;
}

/** Seqeval's default mode: any letters, any order; the sequences count as one with an O between. */
export function findEntities(sequences: readonly (readonly string[])[]): TaggedEntity[] {
  const entities: TaggedEntity[] = [];
  let previous = { letter: "O", type: "" };
  let start = 0;
  let at = 0;
  const read = (tag: string) => {
    const current = splitTag(tag);
    if (ends(previous, current)) entities.push({ type: previous.type, place: `${start}:${at - 1}` });
    if (starts(previous, current)) start = at;
    previous = current;
    at++;
  };
  for (const sequence of sequences) {
    sequence.forEach(read);
    read("O");
  }
  return entities;
}

interface Tag {
  letter: string;
  type: string;
}

function splitTag(tag: string): Tag {
  const letter = firstLetter(tag);
  const rest = tag.slice(letter.length);
  return { letter, type: rest.slice(rest.indexOf("-") + 1) || "_" };
}

function firstLetter(tag: string): string {
  if (tag === "") refuse("seqeval", 'a tag must be "O" or a letter, "-" and a type', tag);
  return String.fromCodePoint(tag.codePointAt(0)!);
}

function ends(previous: Tag, current: Tag): boolean {
  if (previous.letter === "E" || previous.letter === "S") return true;
  if ("BI".includes(previous.letter) && "BSO".includes(current.letter)) return true;
  return !"O.".includes(previous.letter) && previous.type !== current.type;
}

function starts(previous: Tag, current: Tag): boolean {
  if (current.letter === "B" || current.letter === "S") return true;
  if ("ESO".includes(previous.letter) && "EI".includes(current.letter)) return true;
  return !"O.".includes(current.letter) && previous.type !== current.type;
}

/** "=": same type as before; "!": another; "*": either. */
type Condition = "=" | "!" | "*";
type Transition = readonly [before: string, now: string, type: Condition];

interface Rules {
  letters: string;
  starts: readonly Transition[];
  inside: readonly Transition[];
  /** After the last tag of an entity; without such a transition it is dropped. */
  ends: readonly Transition[];
}

const ANY = "IOBESUL";
const SCHEMES: Record<TagScheme, Rules> = {
  IOB1: {
    letters: "IOB",
    starts: [
      ["OB", "I", "*"],
      ["I", "I", "!"],
      ["IB", "B", "="],
    ],
    inside: [["BI", "I", "="]],
    ends: [
      ["IB", "I", "!"],
      ["IB", "O", "*"],
      ["I", "B", "*"],
      ["B", "B", "="],
    ],
  },
  IOE1: {
    letters: "IOE",
    starts: [
      ["OE", "I", "*"],
      ["I", "I", "!"],
      ["E", "E", "="],
    ],
    inside: [["I", "IE", "="]],
    ends: [
      ["I", "IE", "!"],
      ["I", "O", "*"],
      ["E", "IE", "="],
    ],
  },
  IOB2: {
    letters: "IOB",
    starts: [[ANY, "B", "*"]],
    inside: [["BI", "I", "="]],
    ends: [
      ["IB", "OB", "*"],
      ["IB", "I", "!"],
    ],
  },
  IOE2: {
    letters: "IOE",
    starts: [
      ["OE", "IE", "*"],
      ["I", "IE", "!"],
    ],
    inside: [["I", "IE", "="]],
    ends: [["E", ANY, "*"]],
  },
  IOBES: {
    letters: "IOBES",
    starts: [[ANY, "BS", "*"]],
    inside: [["BI", "IE", "="]],
    ends: [["SE", ANY, "*"]],
  },
  BILOU: {
    letters: "BILOU",
    starts: [[ANY, "BU", "*"]],
    inside: [["BI", "IL", "="]],
    ends: [["UL", ANY, "*"]],
  },
};

/** The names of the schemes. */
export const TAG_SCHEMES = Object.keys(SCHEMES) as TagScheme[];

/**
 * Seqeval's strict mode. ERR_ARGUMENT for a letter that the scheme lacks, as the reference raises. IOE1 keeps the
 * reference's gaps (it notes itself that some cases are wrong): a lone "E-X" is no entity.
 */
export function findStrictEntities(
  sequences: readonly (readonly string[])[],
  scheme: TagScheme,
): TaggedEntity[] {
  return sequences.flatMap((sequence, i) => {
    const tags = [...sequence.map((tag) => strictTag(tag, scheme)), { letter: "O", type: "_" }];
    return strictEntities(tags, SCHEMES[scheme], i);
  });
}

function strictEntities(tags: readonly Tag[], rules: Rules, sequence: number): TaggedEntity[] {
  const entities: TaggedEntity[] = [];
  let previous: Tag = { letter: "O", type: "_" };
  let at = 0;
  while (at < tags.length) {
    let end = at + 1;
    if (allowed(rules.starts, previous, tags[at])) {
      while (end < tags.length && allowed(rules.inside, tags[end - 1], tags[end])) end++;
      if (end < tags.length && allowed(rules.ends, tags[end - 1], tags[end])) {
        entities.push({ type: tags[at].type, place: `${sequence}:${at}:${end}` });
      }
    }
    at = end;
    previous = tags[at - 1];
  }
  return entities;
}

function allowed(transitions: readonly Transition[], previous: Tag, current: Tag): boolean {
  return transitions.some(
    ([before, now, type]) =>
      before.includes(previous.letter) &&
      now.includes(current.letter) &&
      (type === "*" || (type === "=") === (previous.type === current.type)),
  );
}

function strictTag(tag: string, scheme: TagScheme): Tag {
  const letter = firstLetter(tag);
  const { letters } = SCHEMES[scheme];
  if (!letters.includes(letter)) {
    refuse("seqeval", `a tag under ${scheme} must begin with one of ${letters.split("").join(", ")}`, tag);
  }
  return {
    letter,
    type:
      tag
        .slice(1)
        .replace(/^-+/, "")
        .replace(/(?<!-)-+$/, "") || "_",
  };
}

const DETECTED: readonly (readonly [TagScheme, readonly string[]])[] = [
  ["IOB2", ["BIO", "BI", "BO", "B"]],
  ["IOE2", ["EIO", "EI", "EO", "E"]],
  ["IOBES", ["BEIOS", "BEIS", "BEIO", "BEOS", "BEI", "BES", "BEO", "BE", "S"]],
  ["BILOU", ["BILOU", "BILU", "BILO", "BLOU", "BIL", "BLU", "BLO", "BL", "U"]],
];

/** The scheme that the letters of the tags suggest, as `seqeval.scheme.auto_detect`; ERR_ARGUMENT when none. */
export function detectScheme(sequences: readonly (readonly string[])[]): TagScheme {
  const letters = [...new Set(sequences.flat().map(firstLetter))].sort().join("");
  const found = DETECTED.find(([, sets]) => sets.includes(letters));
  if (found !== undefined) return found[0];
  throw new AthanorError(
    "ERR_ARGUMENT",
    `seqeval: scheme must be given when the letters of the true tags suggest none, got tags with ${letters}`,
  );
}
