// What another thread needs to build the same tokenizer: plain data, cheap to send.

import type { BertTokenizerOptions } from "./bert.js";

/** A BERT tokenizer: its vocabulary, one token per line, and its options. */
export interface TokenizerDefinition {
  class: "BertTokenizer";
  vocabulary: string;
  options: BertTokenizerOptions;
}
