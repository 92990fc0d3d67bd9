// From a text to a text: what translation and summarization have in common. Sources and targets are as long as they
// are; the loss is over the target's tokens, answers are generated.
import type { Example } from "../../models/batch.js";
import { lengthLimit } from "../../models/length-limit.js";
import type { BatchOptions } from "../../tokenizers/options.js";
import type { Tokenizer } from "../../tokenizers/tokenizer.js";
import type { DataRow, PrepareContext, Task, TrainableModel } from "../../training/task.js";
import { flagOption, optionFault, wholeOption } from "../rows.js";
import {
  checkGeneration,
  type GenerationSettings,
  generated,
  generationOption,
  requireTokenizer,
  Texts,
  withTokenizer,
} from "./generating.js";
import { type LanguageOptions, type TextLanguages, textLanguages } from "./languages.js";

/** Options of translation and summarization. */
export interface SequenceToSequenceOptions {
  /** What stands before every source, as T5 was trained: "translate English to German: ", "summarize: ". Default "". */
  prefix?: string;
  /** Most tokens of a source, special ones included; longer ones are cut. Default: what tokenizer and model take. */
  maxSourceLength?: number;
  /** Most tokens of a target to learn from; longer ones are cut. Default as for sources. */
  maxTargetLength?: number;
  /** Options of `model.generate` for predictions: `{ numBeams: 4 }`. Default: the model's generation_config.json. */
  generation?: GenerationSettings;
  /** Whether an evaluation generates, for the scores of texts; false gives the loss alone. Default true. */
  generateInEvaluation?: boolean;
}

/** Their names. */
export const sequenceToSequenceOptions = [
  "prefix",
  "maxSourceLength",
  "maxTargetLength",
  "generation",
  "generateInEvaluation",
] as const;

/** What sets the two tasks apart. */
export interface TextPair {
  /** In messages. */
  name: string;
  /** Of a translation; where there are none, a text is written in the language of its source. */
  languages?: LanguageOptions;
  source(row: DataRow, index: number): string;
  /** Texts that are right; the first is learnt from. @throws ERR_DATA */
  targets(row: DataRow, index: number): string[];
  scores(texts: readonly string[], references: readonly string[][]): Record<string, number>;
}

/** The answer to one row. */
export interface GeneratedText {
  text: string;
  /** All sequences where several are asked for (numReturnSequences), the first one included. */
  candidates: string[];
}

const TEXTS_PER_CALL = 128;

export function sequenceToSequence(
  taskName: string,
  pair: TextPair,
  options: SequenceToSequenceOptions,
): Task<GeneratedText> {
  const { prefix = "", maxSourceLength, maxTargetLength, generation = {} } = options;
  const { generateInEvaluation = true } = options;
  for (const [name, value] of Object.entries({ maxSourceLength, maxTargetLength }))
    if (value !== undefined) wholeOption(pair.name, name, value, 1);
  const settings = generationOption(pair.name, generation);
  if (typeof prefix !== "string") throw optionFault(pair.name, "prefix", "a text", prefix);
  flagOption(pair.name, "generateInEvaluation", generateInEvaluation);
  const texts = new Texts();
  return {
    name: taskName,
    async prepare(rows, context) {
      const tokenizer = requireTokenizer(pair.name, context.tokenizer);
      checkGeneration(context.model, withTokenizer(settings, tokenizer));
      const languages = textLanguages(pair.name, { model: context.model, tokenizer }, pair.languages);
      const examples: Example[] = [];
      for (let first = 0; first < rows.length; first += TEXTS_PER_CALL) {
        const part = rows.slice(first, first + TEXTS_PER_CALL);
        const sources = part.map((row, i) => prefix + pair.source(row, first + i));
        const targets =
          context.labels === "required" ? part.map((row, i) => pair.targets(row, first + i)[0]) : undefined;
        const limits = { source: maxSourceLength, target: maxTargetLength, languages };
        for (const example of await encoded(tokenizer, context, sources, targets, limits))
          examples.push(example);
        await context.rest();
      }
      return texts.remember(examples, tokenizer);
    },
    predict: () => [], // respond() takes its place
    async respond(examples, model, context) {
      const labelled = examples.every(({ labels }) => labels !== undefined);
      if (labelled && !generateInEvaluation) return examples.map(() => ({ text: "", candidates: [] }));
      const tokenizer = texts.tokenizerOf(pair.name, examples[0]);
      const languages = textLanguages(pair.name, { model, tokenizer }, pair.languages);
      const all = { ...languages?.start, ...withTokenizer(settings, tokenizer) };
      const sequences = await generated(pair.name, model, examples, all, context);
      return sequences.map((group, i) => {
        const candidates = group.map((ids) => texts.of(pair.name, examples[i], ids).trim());
        return { text: candidates[0], candidates };
      });
    },
    metrics(results, _examples, _model, rows) {
      if (!generateInEvaluation) return {};
      const references = rows.map((row, i) => pair.targets(row, i));
      return pair.scores(
        results.map(({ text }) => text),
        references,
      );
    },
  };
}

interface Encoded {
  source?: number;
  target?: number;
  languages?: TextLanguages;
}

async function encoded(
  tokenizer: Tokenizer,
  { model }: PrepareContext,
  sources: readonly string[],
  targets: readonly string[] | undefined,
  { source, target, languages }: Encoded,
): Promise<Example[]> {
  const inputs = await idsOf(tokenizer, model, sources, source, { language: languages?.source });
  if (!targets) return inputs.map((inputIds) => ({ inputIds }));
  const how = { target: tokenizer.hasTarget, language: languages?.target };
  const labels = await idsOf(tokenizer, model, targets, target, how);
  return inputs.map((inputIds, i) => ({ inputIds, labels: labels[i] }));
}

async function idsOf(
  tokenizer: Tokenizer,
  model: TrainableModel,
  texts: readonly string[],
  wanted: number | undefined,
  side: Pick<BatchOptions, "target" | "language">,
): Promise<Int32Array[]> {
  const maxLength = lengthLimit(tokenizer, model, wanted);
  const how = Number.isFinite(maxLength) ? ({ truncation: "longest_first", maxLength } as const) : {};
  const encodings = await tokenizer.encodeBatchAsync([...texts], { ...how, ...side });
  return encodings.map(({ ids }) => ids);
}
