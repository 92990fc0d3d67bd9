// The post-processors of byte-level tokenizers: ByteLevel trims offsets, RobertaProcessing also adds RoBERTa's
// special tokens.

import type { Fields } from "../fields.js";
import type { OffsetTrim, PostProcessor } from "../stages.js";
import { idOf } from "./bert.js";
import { plainPostProcessor, TemplatePostProcessor } from "./template.js";

/** ByteLevel of tokenizer.json. */
export function readByteLevelProcessing(fields: Fields): PostProcessor {
  return plainPostProcessor(readTrim(fields));
}

/** RobertaProcessing of tokenizer.json: `<s> A </s>` and `<s> A </s></s> B </s>`, all of type 0. */
export function readRobertaProcessing(fields: Fields): PostProcessor {
  const cls = { id: idOf(fields, "cls"), typeId: 0 };
  const sep = { id: idOf(fields, "sep"), typeId: 0 };
  const single = [cls, { sequence: 0, typeId: 0 }, sep] as const;
  const pair = [...single, sep, { sequence: 1, typeId: 0 }, sep] as const;
  return new TemplatePostProcessor(single, pair, readTrim(fields));
}

function readTrim(fields: Fields): OffsetTrim | null {
  const addPrefixSpace = fields.boolean("add_prefix_space", true);
  return fields.boolean("trim_offsets", true) ? { addPrefixSpace } : null;
}
