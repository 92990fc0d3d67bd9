// The languages of sources and targets, for tokenizers whose texts carry a code (mBART, mBART-50), and how generation
// begins with that of the target: `_build_translation_inputs` of Transformers' tokenizers.
import { AthanorError } from "../../errors.js";
import type { GenerationConfig } from "../../generation/options.js";
import { checkLanguage, someOf } from "../../tokenizers/options.js";
import type { Tokenizer } from "../../tokenizers/tokenizer.js";
import type { TrainableModel } from "../../training/task.js";
import type { GenerationSettings } from "./generating.js";

/** For tokenizers with languages: mBART's and mBART-50's. */
export interface LanguageOptions {
  /** The code of the sources' language, such as "en_XX". Default: that of the tokenizer. */
  srcLang?: string;
  /**
   * The code of the language to translate into, with which generation begins. Default: that of the tokenizer, else the
   * one that the model's generation_config.json begins with.
   */
  tgtLang?: string;
}

/** Their names. */
export const languageOptions = ["srcLang", "tgtLang"] as const;

export interface TextLanguages {
  source: string;
  target: string;
  /** Options of `generate` by which a text begins with the target's code. */
  start: GenerationSettings;
}

interface Parts {
  model: Pick<TrainableModel, "config" | "generationConfig">;
  tokenizer: Tokenizer;
}

/** @throws ERR_ARGUMENT for codes that the tokenizer does not have */
export function checkLanguages(who: string, tokenizer: Tokenizer, options: LanguageOptions): void {
  for (const name of languageOptions) {
    const code = options[name];
    if (code !== undefined) checkLanguage(who, name, code, tokenizer.languages?.codes ?? []);
  }
}

/**
 * The languages of sources and targets; undefined where the tokenizer has none. `options` are those of a translation;
 * without, texts are written in the language that they are made of.
 *
 * @throws ERR_ARGUMENT for unknown codes, for codes where the tokenizer has no languages, and where nothing says what to
 *   translate into
 */
export function textLanguages(
  who: string,
  { model, tokenizer }: Parts,
  options: LanguageOptions | undefined,
): TextLanguages | undefined {
  const { languages } = tokenizer;
  if (options) checkLanguages(who, tokenizer, options);
  if (languages === null) return undefined;
  const { codes } = languages;
  const source = options?.srcLang ?? languages.srcLang;
  const { forcedBosTokenId, decoderStartTokenId }: GenerationConfig = model.generationConfig ?? {};
  const codeOf = (id: unknown) =>
    codes.find((code) => typeof id === "number" && tokenizer.tokenToId(code) === id);
  const forced = codeOf(forcedBosTokenId);
  const said = options?.tgtLang ?? languages.tgtLang ?? forced ?? codeOf(decoderStartTokenId);
  const target = said ?? (options === undefined ? source : undefined);
  if (target === undefined)
    throw new AthanorError("ERR_ARGUMENT", `${who}: tgtLang must be one of ${someOf(codes)}, got none`);
  const id = tokenizer.tokenToId(target) as number;
  // mBART-50's texts begin with the code, which follows the decoder's start. mBART's end with it: their decoder reads it
  // first; another language that the model forces after it is in the way.
  const codeFirst = tokenizer.encode("", { language: target }).ids[0] === id;
  if (codeFirst) return { source, target, start: { forcedBosTokenId: id } };
  if (model.config.model_type !== "mbart") return { source, target, start: {} };
  return {
    source,
    target,
    start: { decoderStartTokenId: id, ...(forced !== undefined && { forcedBosTokenId: id }) },
  };
}
