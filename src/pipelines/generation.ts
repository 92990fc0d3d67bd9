// Pipelines that generate text: continuations, translations, summaries, answers of text-to-text models.
import { AthanorError } from "../errors.js";
import type { GenerateOptions } from "../generation/index.js";
import { AutoModelForCausalLM, AutoModelForSeq2SeqLM } from "../models/index.js";
import {
  checkLanguages,
  type LanguageOptions,
  languageOptions,
  type TextLanguages,
  textLanguages,
} from "../tasks/generation/languages.js";
import { idsOf } from "../training/task.js";
import { type CallOptions, type PipelineKind, type PipelineParts, textInput } from "./kind.js";

/** Options of `model.generate`; `batchRows` says how many hypotheses are computed at once. */
export interface GenerationCall extends Omit<CallOptions, "batchSize">, GenerateOptions {
  /** What stands before every input, as "summarize: " for T5; default "". */
  prefix?: string;
}

export interface TextGenerationCall extends GenerationCall {
  /** Whether the prompt is part of the text; default true, as in Transformers. */
  returnFullText?: boolean;
}

/** The languages may be given when the pipeline is made, too. */
export interface TranslationCall extends GenerationCall, LanguageOptions {}

export interface GeneratedTextEntry {
  generated_text: string;
}

export interface TranslationEntry {
  translation_text: string;
}

export interface SummaryEntry {
  summary_text: string;
}

/** Lists have one entry for each of numReturnSequences. */
export const textGenerationKind: PipelineKind<string, TextGenerationCall, GeneratedTextEntry[]> = {
  auto: AutoModelForCausalLM,
  async run(parts, inputs, { returnFullText = true, ...options }) {
    const { prompts, groups } = await generated("text-generation", parts, inputs, options);
    const text = (ids: Int32Array) => parts.tokenizer.decode(ids, { skipSpecialTokens: true });
    return groups.map((group, i) => {
      const prompt = idsOf(prompts[i]).length;
      return group.map((ids) => {
        if (!returnFullText) return { generated_text: text(ids.subarray(prompt)) };
        // The prompt as it was given, and what the text is longer for the rest.
        const before = text(ids.subarray(0, prompt));
        return { generated_text: inputs[i] + text(ids).slice(before.length) };
      });
    });
  },
};

/** What a kind makes of a tokenizer's languages, and the options that are left for `generate`. */
type TakeLanguages<Options> = (
  parts: PipelineParts,
  options: Options,
) => { languages?: TextLanguages; rest: GenerationCall };

function textToText<Entry, Options extends GenerationCall = GenerationCall>(
  kind: string,
  entry: (text: string) => Entry,
  take: TakeLanguages<Options> = (_, rest) => ({ rest }),
): PipelineKind<string, Options, Entry[]> {
  return {
    auto: AutoModelForSeq2SeqLM,
    async run(parts, inputs, options) {
      const { languages, rest } = take(parts, options);
      const { groups } = await generated(kind, parts, inputs, { ...languages?.start, ...rest }, languages);
      const text = (ids: Int32Array) => parts.tokenizer.decode(ids, { skipSpecialTokens: true }).trim();
      return groups.map((group) => group.map((ids) => entry(text(ids))));
    },
  };
}

export const textToTextKind = textToText("text2text-generation", (generated_text): GeneratedTextEntry => {
  return { generated_text };
});

const TRANSLATION = "pipeline translation";

/** With a tokenizer of languages, texts carry their code and translations begin with that of theirs. */
export const translationKind: PipelineKind<string, TranslationCall, TranslationEntry[]> = {
  ...textToText(
    "translation",
    (translation_text): TranslationEntry => ({ translation_text }),
    (parts, { srcLang, tgtLang, ...rest }: TranslationCall) => {
      return { languages: textLanguages(TRANSLATION, parts, { srcLang, tgtLang }), rest };
    },
  ),
  lasting: languageOptions,
  check: ({ tokenizer }, lasting) => checkLanguages(TRANSLATION, tokenizer, lasting),
};

export const summarizationKind = textToText("summarization", (summary_text): SummaryEntry => {
  return { summary_text };
});

async function generated(
  kind: string,
  { model, tokenizer }: PipelineParts,
  inputs: readonly string[],
  { prefix = "", ...options }: GenerationCall,
  languages?: TextLanguages,
) {
  if (typeof prefix !== "string")
    throw new AthanorError("ERR_ARGUMENT", `pipeline ${kind}: prefix must be a text, got ${typeof prefix}`);
  const texts = inputs.map((input, i) => prefix + textInput(kind, input, i));
  const how = { truncation: false, language: languages?.source } as const;
  const prompts = await tokenizer.encodeBatchAsync(texts, how);
  const settings = { ...(options.stopStrings && { tokenizer }), ...options };
  const { sequences } = await model.generate(prompts, settings);
  const each = sequences.length / inputs.length;
  return { prompts, groups: inputs.map((_, i) => sequences.slice(i * each, (i + 1) * each)) };
}
