// Every stage that a tokenizer.json can name, by its `type`. The only list: a new stage is one line here.

import { readWordPieceDecoder } from "./decoders/wordpiece.js";
import { badTokenizer, type Fields } from "./fields.js";
import { readUnigram } from "./models/unigram.js";
import { readWordPiece } from "./models/wordpiece.js";
import { readBertNormalizer } from "./normalizers/bert.js";
import { readPrecompiled } from "./normalizers/precompiled.js";
import { readBertProcessing } from "./post-processors/bert.js";
import { readTemplateProcessing } from "./post-processors/template.js";
import { readBertPreTokenizer } from "./pre-tokenizers/bert.js";
import type { Decoder, Model, Normalizer, PostProcessor, PreTokenizer, StageReader } from "./stages.js";

type Readers<T> = Readonly<Record<string, StageReader<T>>>;

const NORMALIZERS: Readers<Normalizer> = {
  BertNormalizer: readBertNormalizer,
  Precompiled: readPrecompiled,
};

const PRE_TOKENIZERS: Readers<PreTokenizer> = {
  BertPreTokenizer: readBertPreTokenizer,
};

const MODELS: Readers<Model> = {
  WordPiece: readWordPiece,
  Unigram: readUnigram,
};

const POST_PROCESSORS: Readers<PostProcessor> = {
  BertProcessing: readBertProcessing,
  TemplateProcessing: readTemplateProcessing,
};

const DECODERS: Readers<Decoder> = {
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
