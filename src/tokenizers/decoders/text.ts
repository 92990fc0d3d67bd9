// Decoders that work on the text of the tokens: Metaspace, BPEDecoder, Fuse, Strip, CTC, Sequence.

import type { Fields } from "../fields.js";
import { readMetaspaceFields } from "../pre-tokenizers/metaspace.js";
import type { Decoder } from "../stages.js";
import { withoutBlanks } from "./clean-up.js";

/** Metaspace of tokenizer.json: the mark is a blank; in the first token none, where one was put in front. */
export function readMetaspaceDecoder(fields: Fields): Decoder {
  const { replacement, scheme } = readMetaspaceFields(fields);
  const first = scheme === "never" ? " " : "";
  return {
    decode: (tokens) => tokens.map((token, i) => token.replaceAll(replacement, i === 0 ? first : " ")),
  };
}

/** BPEDecoder of tokenizer.json: the end of a word is a blank, but for the last word. */
export function readBpeDecoder(fields: Fields): Decoder {
  const suffix = fields.string("suffix", "</w>");
  return {
    decode: (tokens) =>
      tokens.map((token, i) => token.replaceAll(suffix, () => (i === tokens.length - 1 ? "" : " "))),
  };
}

/** Fuse of tokenizer.json: one text for the decoders that follow. */
export function readFuse(): Decoder {
  return { decode: (tokens) => [tokens.join("")] };
}

/** Strip of tokenizer.json: removes up to so many of a character at the ends of each token. */
export function readStripDecoder(fields: Fields): Decoder {
  const content = fields.character("content");
  const atStart = fields.count("start", 0);
  const atEnd = fields.count("stop", 0);
  return {
    decode: (tokens) =>
      tokens.map((token) => {
        let from = 0;
        let to = token.length;
        for (let i = 0; i < atStart && token.startsWith(content, from); i++) from += content.length;
        for (let i = 0; i < atEnd && to - content.length >= from && token.endsWith(content, to); i++) {
          to -= content.length;
        }
        return token.slice(from, to);
      }),
  };
}

/** CTC of tokenizer.json: repetitions and padding go, the delimiter of words is a blank. */
export function readCtc(fields: Fields): Decoder {
  const padToken = fields.string("pad_token", "<pad>");
  const delimiter = fields.string("word_delimiter_token", "|");
  const cleanUp = fields.boolean("cleanup", true);
  const change = (token: string): string => {
    const text = token.replaceAll(padToken, "");
    return cleanUp ? withoutBlanks(text, true).replaceAll(delimiter, " ") : text;
  };
  return {
    decode: (tokens) =>
      tokens
        .filter((token, i) => i === 0 || token !== tokens[i - 1])
        .map(change)
        .filter((text) => text !== ""),
  };
}

/** Sequence of tokenizer.json. */
export function readDecoderSequence(fields: Fields, nested: (fields: Fields) => Decoder): Decoder {
  const decoders = fields.objects("decoders").map(nested);
  return { decode: (tokens) => decoders.reduce((texts, decoder) => decoder.decode(texts), tokens) };
}
