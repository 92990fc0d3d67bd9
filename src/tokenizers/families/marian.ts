// Marian's tokenizer (OPUS-MT): a SentencePiece model for the source language, one for the target language,
// and one vocabulary for both (`separate_vocabs`: one each). `target: true` encodes target text. Source:
// transformers 5.18, models/marian/tokenization_marian.py, without its optional punctuation normalizer, which
// it does not apply either.

import { AddedTokens } from "../added-tokens.js";
import type { BuiltTokenizer } from "../definition.js";
import { configFiles } from "../files.js";
import { MarianModel } from "../models/marian.js";
import { SentencePieceModel } from "../models/sentencepiece.js";
import { readTokens } from "../models/vocabulary.js";
import { TemplatePostProcessor } from "../post-processors/template.js";
import { readSentencePiece } from "../sentencepiece/model-file.js";
import {
  type EncodingStages,
  missingToken,
  PLAIN_SETTINGS,
  type SourceToken,
  type TokenizerSettings,
  withIds,
} from "../source.js";
import type { Json, TemplatePiece } from "../stages.js";
import { Tokenizer } from "../tokenizer.js";
import type { Family } from "./family.js";
import { MarianDecoder, MarianNormalizer, MarianPreTokenizer } from "./marian-stages.js";
import { type CommonOptions, checkFamilyOptions, type OptionKind } from "./options.js";
import { folderSettings, folderTokens } from "./settings.js";

/** Options of Marian's tokenizer: those of tokenizer_config.json. */
export interface MarianTokenizerOptions extends CommonOptions {
  /** Default `</s>`. */
  eosToken?: string;
  /** Default `<unk>`. Must be in the vocabulary. */
  unkToken?: string;
  /** Default `<pad>`. */
  padToken?: string;
}

/** What a Marian tokenizer is built from: plain data, for other threads too. */
export interface MarianDefinition {
  kind: "marian";
  sourceSpm: Uint8Array;
  targetSpm: Uint8Array;
  /** Ids by token. */
  vocab: Json;
  /** Those of the target language, where it has its own. */
  targetVocab: Json | null;
  added: readonly SourceToken[];
  settings: TokenizerSettings;
}

const OWN_OPTIONS: Readonly<Record<string, OptionKind>> = {
  eosToken: "token",
  unkToken: "token",
  padToken: "token",
};
const SPECIAL = { eos: "</s>", unk: "<unk>", pad: "<pad>" };

/** Marian. */
export const marianFamily: Family = {
  classes: ["MarianTokenizer"],
  modelTypes: ["marian"],
  files: ["source.spm", "target.spm", "vocab.json"],
  async load(folder, options) {
    checkFamilyOptions("AutoTokenizer", options, OWN_OPTIONS);
    const defaults = { ...PLAIN_SETTINGS, className: "MarianTokenizer", modelMaxLength: 512 };
    const named = folderTokens(folder, options, SPECIAL);
    const separate = folder.config.separate_vocabs === true;
    return marianTokenizer({
      kind: "marian",
      sourceSpm: await folder.bytes("source.spm"),
      targetSpm: await folder.bytes("target.spm"),
      vocab: await folder.json("vocab.json"),
      targetVocab: separate ? await folder.json("target_vocab.json") : null,
      added: named.tokens,
      settings: { ...folderSettings(folder, options, defaults), special: named.special },
    });
  },
};

function marianTokenizer(definition: MarianDefinition): Tokenizer {
  const built = buildMarian(definition);
  const { sourceSpm, targetSpm, vocab, targetVocab } = definition;
  return new Tokenizer({
    ...built,
    definition: () => definition,
    files: () => ({
      "source.spm": sourceSpm,
      "target.spm": targetSpm,
      "vocab.json": JSON.stringify(vocab),
      ...(targetVocab === null ? {} : { "target_vocab.json": JSON.stringify(targetVocab) }),
      ...configFiles(built.stages.added.all, built.settings),
    }),
  });
}

/**
 * Builds the stages. Throws ERR_TOKENIZER: a model that cannot be read, a vocabulary without the special
 * tokens.
 */
export function buildMarian(definition: MarianDefinition): BuiltTokenizer {
  const { settings } = definition;
  const sourceVocabulary = readTokens("vocab.json", definition.vocab);
  const targetVocabulary =
    definition.targetVocab === null
      ? sourceVocabulary
      : readTokens("target_vocab.json", definition.targetVocab);
  const unk = settings.special.unk ?? SPECIAL.unk;
  const [source, target] = [definition.sourceSpm, definition.targetSpm].map(
    (bytes) => new SentencePieceModel(readSentencePiece(bytes)),
  );
  const model = new MarianModel(source, sourceVocabulary, targetVocabulary, unk);
  const added = new AddedTokens(withIds(definition.added, model), null);
  const eos = settings.special.eos ?? SPECIAL.eos;
  const eosId = added.idOf(eos) ?? model.tokenToId(eos);
  if (eosId === undefined) throw missingToken("MarianTokenizer", eos, model.size);
  const stages = encodingStages(source, model, eosId);
  const targetModel = new MarianModel(target, targetVocabulary, targetVocabulary, unk);
  const special = new Set(added.all.filter((token) => token.special).map((token) => token.content));
  // The reference decodes with the model of the source, unless the vocabularies differ
  const decoder = new MarianDecoder(definition.targetVocab === null ? source : target, special);
  return {
    stages: { ...stages, decoder, added },
    target: encodingStages(target, targetModel, eosId),
    settings,
  };
}

function encodingStages(pieces: SentencePieceModel, model: MarianModel, eosId: number): EncodingStages {
  const text = (sequence: 0 | 1): TemplatePiece => ({ sequence, typeId: 0 });
  const eos: TemplatePiece = { id: eosId, typeId: 0 };
  return {
    normalizer: new MarianNormalizer(pieces),
    preTokenizer: new MarianPreTokenizer(),
    model,
    postProcessor: new TemplatePostProcessor([text(0), eos], [text(0), text(1), eos]),
  };
}
