// BERT's special tokens: [CLS] A [SEP] with type 0, then B [SEP] with type 1.

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
