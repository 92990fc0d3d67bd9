// BERT's special tokens: [CLS] A [SEP] with type 0, then B [SEP] with type 1.

import type { Fields } from "../fields.js";
import { TemplatePostProcessor } from "./template.js";

/** `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`, with the ids of the two special tokens. */
export function bertPostProcessor(cls: number, sep: number): TemplatePostProcessor {
  const single = [
    { id: cls, typeId: 0 },
    { sequence: 0, typeId: 0 },
    { id: sep, typeId: 0 },
  ] as const;
  return new TemplatePostProcessor(single, [...single, { sequence: 1, typeId: 1 }, { id: sep, typeId: 1 }]);
}

/** BertProcessing of tokenizer.json. */
export function readBertProcessing(fields: Fields): TemplatePostProcessor {
  return bertPostProcessor(idOf(fields, "cls"), idOf(fields, "sep"));
}

/** The id of a special token that is given as `[token, id]`. */
export function idOf(fields: Fields, name: string): number {
  const value = fields.array(name);
  const id = value[1];
  if (value.length !== 2 || typeof value[0] !== "string" || !Number.isSafeInteger(id) || (id as number) < 0) {
    throw fields.wrong(name, "a token and its id");
  }
  return id as number;
}
