// The patterns of Split and Replace: a text as it stands, or a regular expression.

import { badTokenizer, type Fields } from "../fields.js";
import { Pattern } from "./pattern.js";

/** Reads `{ "String": .. }` or `{ "Regex": .. }`. Throws ERR_TOKENIZER for anything else. */
export function readPatternField(fields: Fields, name: string): Pattern {
  const value = fields.get(name);
  // Older files have the text alone
  if (typeof value === "string") return Pattern.literal(value);
  const pattern = fields.object(name);
  if (pattern.has("String")) return Pattern.literal(pattern.string("String"));
  if (pattern.has("Regex")) return new Pattern(pattern.string("Regex"));
  throw badTokenizer(pattern.place, 'an object with "String" or "Regex"', value);
}
