// Every stage that a tokenizer.json can name, by its `type`. The only list: a new stage is one line here.

import { readByteFallback } from "./decoders/byte-fallback.js";
import { readByteLevelDecoder } from "./decoders/byte-level.js";
import {
  readBpeDecoder,
  readCtc,
  readDecoderSequence,
  readFuse,
  readMetaspaceDecoder,
  readStripDecoder,
} from "./decoders/text.js";
import { readWordPieceDecoder } from "./decoders/wordpiece.js";
import { badTokenizer, type Fields } from "./fields.js";
import { readBpe } from "./models/bpe.js";
import { readUnigram } from "./models/unigram.js";
import { readWordLevel } from "./models/word-level.js";
import { readWordPiece } from "./models/wordpiece.js";
import { readBertNormalizer } from "./normalizers/bert.js";
import { readByteLevelNormalizer } from "./normalizers/byte-level.js";
import { readLowercase, readNmt, readStripAccents } from "./normalizers/characters.js";
import { readPrecompiled } from "./normalizers/precompiled.js";
import { readReplace } from "./normalizers/replace.js";
import { readNormalizerSequence } from "./normalizers/sequence.js";
import { readPrepend, readStrip } from "./normalizers/text.js";
import { readNfc, readNfd, readNfkc, readNfkd } from "./normalizers/unicode-forms.js";
import { readBertProcessing } from "./post-processors/bert.js";
import { readByteLevelProcessing, readRobertaProcessing } from "./post-processors/byte-level.js";
import { readPostProcessorSequence } from "./post-processors/sequence.js";
import { readTemplateProcessing } from "./post-processors/template.js";
import { readBertPreTokenizer } from "./pre-tokenizers/bert.js";
import {
  readCharDelimiterSplit,
  readDigits,
  readFixedLength,
  readPunctuation,
  readWhitespace,
  readWhitespaceSplit,
} from "./pre-tokenizers/by-class.js";
import { readByteLevelPreTokenizer } from "./pre-tokenizers/byte-level.js";
import { readMetaspace } from "./pre-tokenizers/metaspace.js";
import { readPreTokenizerSequence } from "./pre-tokenizers/sequence.js";
import { readSplit } from "./pre-tokenizers/split.js";
import type { Decoder, Model, Normalizer, PostProcessor, PreTokenizer, StageReader } from "./stages.js";

type Readers<T> = Readonly<Record<string, StageReader<T>>>;

const NORMALIZERS: Readers<Normalizer> = {
  BertNormalizer: readBertNormalizer,
  ByteLevel: readByteLevelNormalizer,
  Lowercase: readLowercase,
  NFC: readNfc,
  NFD: readNfd,
  NFKC: readNfkc,
  NFKD: readNfkd,
  Nmt: readNmt,
  Prepend: readPrepend,
  Replace: readReplace,
  Sequence: readNormalizerSequence,
  Strip: readStrip,
  StripAccents: readStripAccents,
  Precompiled: readPrecompiled,
};

const PRE_TOKENIZERS: Readers<PreTokenizer> = {
  BertPreTokenizer: readBertPreTokenizer,
  ByteLevel: readByteLevelPreTokenizer,
  CharDelimiterSplit: readCharDelimiterSplit,
  Digits: readDigits,
  FixedLength: readFixedLength,
  Metaspace: readMetaspace,
  Punctuation: readPunctuation,
  Sequence: readPreTokenizerSequence,
  Split: readSplit,
  Whitespace: readWhitespace,
  WhitespaceSplit: readWhitespaceSplit,
};

const MODELS: Readers<Model> = {
  BPE: readBpe,
  WordLevel: readWordLevel,
  WordPiece: readWordPiece,
  Unigram: readUnigram,
};

const POST_PROCESSORS: Readers<PostProcessor> = {
  BertProcessing: readBertProcessing,
  ByteLevel: readByteLevelProcessing,
  RobertaProcessing: readRobertaProcessing,
  Sequence: readPostProcessorSequence,
  TemplateProcessing: readTemplateProcessing,
};

const DECODERS: Readers<Decoder> = {
  BPEDecoder: readBpeDecoder,
  ByteFallback: readByteFallback,
  ByteLevel: readByteLevelDecoder,
  CTC: readCtc,
  Fuse: readFuse,
  Metaspace: readMetaspaceDecoder,
  Replace: readReplace,
  Sequence: readDecoderSequence,
  Strip: readStripDecoder,
  WordPiece: readWordPieceDecoder,
};

/** Makes a normalizer. Throws ERR_TOKENIZER for what it does not know. */
export const readNormalizer = (fields: Fields): Normalizer => read(NORMALIZERS, fields);
/** Makes a pre-tokenizer. */
export const readPreTokenizer = (fields: Fields): PreTokenizer => read(PRE_TOKENIZERS, fields);
/** Makes a post-processor. */
export const readPostProcessor = (fields: Fields): PostProcessor => read(POST_PROCESSORS, fields);
/** Makes a decoder. */
export const readDecoder = (fields: Fields): Decoder => read(DECODERS, fields);

/** Makes a model. Files of old have no `type`: what the model holds tells which one it is. */
export function readModel(fields: Fields): Model {
  return read(MODELS, fields, fields.has("type") ? fields.string("type") : modelType(fields));
}

function modelType(fields: Fields): string {
  if (fields.has("merges")) return "BPE";
  if (Array.isArray(fields.get("vocab"))) return "Unigram";
  return fields.has("continuing_subword_prefix") ? "WordPiece" : "WordLevel";
}

function read<T>(readers: Readers<T>, fields: Fields, type = fields.string("type")): T {
  if (!Object.hasOwn(readers, type)) {
    throw badTokenizer(`${fields.place}.type`, `one of ${Object.keys(readers).join(", ")}`, type);
  }
  return readers[type](fields, (nested) => read(readers, nested));
}
