// Pipelines that generate text: continuations, translations, summaries, answers of text-to-text models.
import { AthanorError } from "../errors.js";
import type { GenerateOptions } from "../generation/index.js";
import { AutoModelForCausalLM, AutoModelForSeq2SeqLM } from "../models/index.js";
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

function textToText<Entry>(
  kind: string,
  entry: (text: string) => Entry,
): PipelineKind<string, GenerationCall, Entry[]> {
  return {
    auto: AutoModelForSeq2SeqLM,
    async run(parts, inputs, options) {
      const { groups } = await generated(kind, parts, inputs, options);
      const text = (ids: Int32Array) => parts.tokenizer.decode(ids, { skipSpecialTokens: true }).trim();
      return groups.map((group) => group.map((ids) => entry(text(ids))));
    },
  };
}

export const textToTextKind = textToText("text2text-generation", (generated_text): GeneratedTextEntry => {
  return { generated_text };
});

export const translationKind = textToText("translation", (translation_text): TranslationEntry => {
  return { translation_text };
});

export const summarizationKind = textToText("summarization", (summary_text): SummaryEntry => {
  return { summary_text };
});

async function generated(
  kind: string,
  { model, tokenizer }: PipelineParts,
  inputs: readonly string[],
  { prefix = "", ...options }: GenerationCall,
) {
  if (typeof prefix !== "string")
    throw new AthanorError("ERR_ARGUMENT", `pipeline ${kind}: prefix must be a text, got ${typeof prefix}`);
  const texts = inputs.map((input, i) => prefix + textInput(kind, input, i));
  const prompts = await tokenizer.encodeBatchAsync(texts, { truncation: false });
  const settings = { ...(options.stopStrings && { tokenizer }), ...options };
  const { sequences } = await model.generate(prompts, settings);
  const each = sequences.length / inputs.length;
  return { prompts, groups: inputs.map((_, i) => sequences.slice(i * each, (i + 1) * each)) };
}
