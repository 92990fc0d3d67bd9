// Causal language modelling: plain text in, blocks of tokens that each predict the next one; perplexity out. Predicting
// continues texts.
import { perplexity } from "../metrics/perplexity.js";
import { concatenated, type Example } from "../models/batch.js";
import { lengthLimit } from "../models/length-limit.js";
import type { DataRow, PrepareContext, Task } from "../training/task.js";
import { type SlidingOptions, slidingWindows } from "./causal-language-modeling/windows.js";
import {
  checkGeneration,
  type GenerationSettings,
  generated,
  generationOption,
  requireTokenizer,
  Texts,
  withTokenizer,
} from "./generation/generating.js";
import { BlockMaker } from "./masked-language-modeling/group-texts.js";
import {
  checkOptions,
  choiceOption,
  columnOf,
  flagOption,
  optionFault,
  rowFault,
  textOf,
  wholeOption,
} from "./rows.js";

const TASK = "causalLanguageModeling";
const OPTIONS = [
  "textColumn",
  "maxLength",
  "stride",
  "lineByLine",
  "remainder",
  "rowEnd",
  "generation",
] as const;

export interface CausalLanguageModelingOptions {
  /** Default "text". */
  textColumn?: string;
  /** Tokens of a block, at most what tokenizer and model take; default 1024. */
  maxLength?: number;
  /**
   * Evaluates text by windows that begin every `stride` tokens, each token counted once, with at least `maxLength - stride`
   * tokens before it where there are so many. Default: maxLength, windows beside each other.
   */
  stride?: number;
  /** Every row is an example of its own, cut at maxLength, instead of blocks of all rows. Default false. */
  lineByLine?: boolean;
  /** Tokens after the last full block are left out of training (default), or make a shorter block. */
  remainder?: "drop" | "keep";
  /** What stands between rows: readers of lines drop "\n". Default "" (as run_clm.py). */
  rowEnd?: string;
  /** Options of `model.generate` for predictions. Default: the model's generation_config.json. */
  generation?: GenerationSettings;
}

/** The result for a text that was continued; empty for what is evaluated. */
export interface ContinuedText {
  /** The text with its continuation. */
  text: string;
  /** All of them where several are asked for (numReturnSequences). */
  candidates: string[];
}

/**
 * The task of AutoModelForCausalLM. Rows are texts, laid one after another and cut into blocks (`groupTexts`). Evaluating
 * gives `perplexity`, exp of the mean loss over all tokens that have one before them in their window; none is left out.
 * Predicting continues each text by `model.generate`.
 *
 * Preparing rejects with ERR_DATA, naming the row from 0: no text; an empty one where it is to be continued.
 *
 * @throws ERR_ARGUMENT naming the option
 * @example
 * const task = causalLanguageModeling({ maxLength: 256, rowEnd: "\n" });
 * const trainer = new Trainer({ model, tokenizer, task, train: await readPlainText("shakespeare.txt") });
 * const [{ text }] = await trainer.predict([{ text: "ROMEO:" }]);
 */
export function causalLanguageModeling(options: CausalLanguageModelingOptions = {}): Task<ContinuedText> {
  const settings = checked(options);
  const texts = new Texts();
  return {
    name: "causal-language-modeling",
    async prepare(rows, context) {
      const tokenizer = requireTokenizer(TASK, context.tokenizer);
      checkGeneration(context.model, withTokenizer(settings.generation, tokenizer));
      const examples =
        context.labels === "none"
          ? await prompts(rows, context, settings)
          : await blocks(rows, context, settings);
      return texts.remember(examples, tokenizer);
    },
    predict: () => [], // respond() takes its place
    async respond(examples, model, context) {
      if (examples.some(({ labels }) => labels !== undefined))
        return examples.map(() => ({ text: "", candidates: [] }));
      const generation = withTokenizer(settings.generation, texts.tokenizerOf(TASK, examples[0]));
      const sequences = await generated(TASK, model, examples, generation, context);
      return sequences.map((group, i) => {
        const candidates = group.map((ids) => texts.of(TASK, examples[i], ids));
        return { text: candidates[0], candidates };
      });
    },
    metrics: (_results, _examples, _model, _rows, loss): Record<string, number> =>
      loss === undefined ? {} : { perplexity: perplexity(loss) },
  };
}

function checked(options: CausalLanguageModelingOptions) {
  checkOptions(TASK, options, OPTIONS);
  const { textColumn = "text", lineByLine = false, rowEnd = "", generation = {} } = options;
  if (typeof rowEnd !== "string") throw optionFault(TASK, "rowEnd", "a text", rowEnd);
  const maxLength = wholeOption(TASK, "maxLength", options.maxLength ?? 1024, 2);
  const stride = wholeOption(TASK, "stride", options.stride ?? maxLength, 1);
  if (stride > maxLength) throw optionFault(TASK, "stride", `at most maxLength, ${maxLength}`, stride);
  return {
    ...{ textColumn, lineByLine: flagOption(TASK, "lineByLine", lineByLine), rowEnd, maxLength, stride },
    remainder: choiceOption(TASK, "remainder", options.remainder ?? "drop", ["drop", "keep"] as const),
    generation: generationOption(TASK, generation),
  };
}

type Settings = ReturnType<typeof checked>;

const TEXTS_PER_CALL = 256;

/** The ids of texts, in the order of rows that are not blank. */
async function* encodedRows(
  rows: readonly DataRow[],
  { tokenizer, rest }: PrepareContext,
  { textColumn, rowEnd }: Settings,
): AsyncGenerator<{ ids: Int32Array; row: number }> {
  for (let begin = 0; begin < rows.length; begin += TEXTS_PER_CALL) {
    const texts = rows.slice(begin, begin + TEXTS_PER_CALL).map((row, i) => {
      const text = columnOf(Object(row), textColumn);
      if (typeof text !== "string") throw rowFault(TASK, begin + i, textColumn, "a text", text);
      return text + rowEnd;
    });
    const encodings = await tokenizer!.encodeBatchAsync(texts, { truncation: false });
    for (const [i, { ids }] of encodings.entries()) if (ids.length > 0) yield { ids, row: begin + i };
    await rest();
  }
}

async function blocks(
  rows: readonly DataRow[],
  context: PrepareContext,
  settings: Settings,
): Promise<Example[]> {
  const { lineByLine, remainder } = settings;
  const most = lengthLimit(context.tokenizer!, context.model, settings.maxLength);
  const evaluates = context.purpose === "evaluate";
  const sliding: SlidingOptions = { length: most, stride: Math.min(settings.stride, most) };
  const examples: Example[] = [];
  // A token alone predicts nothing.
  const take = (windows: readonly Example[]) => {
    for (const window of windows) if ((window.inputIds as Int32Array).length > 1) examples.push(window);
  };
  const maker = new BlockMaker(most, false);
  const all: Int32Array[] = [];
  for await (const { ids, row } of encodedRows(rows, context, settings)) {
    if (lineByLine) take(evaluates ? slidingWindows(ids, sliding, row) : [labelled(ids.slice(0, most), row)]);
    else if (evaluates) all.push(ids);
    else maker.add({ inputIds: ids }, row);
  }
  if (lineByLine) return examples;
  if (evaluates) take(slidingWindows(concatenated(all), sliding, 0));
  else take(maker.end(remainder).map(({ inputIds, row }) => labelled(inputIds, row)));
  return examples;
}

function labelled(inputIds: Int32Array, row: number): Example {
  return { inputIds, labels: inputIds, row };
}

/** Texts to continue: cut at their beginning, where a prompt matters least, so that there is room for new tokens. */
async function prompts(
  rows: readonly DataRow[],
  context: PrepareContext,
  settings: Settings,
): Promise<Example[]> {
  const texts = rows.map((row, i) => textOf(TASK, row, i, settings.textColumn));
  const { maxNewTokens } = settings.generation; // generate() checks it
  const room = Number.isSafeInteger(maxNewTokens) ? Number(maxNewTokens) : 1;
  const most = Math.max(1, lengthLimit(context.tokenizer!, context.model) - Math.max(1, room));
  const encodings = await context.tokenizer!.encodeBatchAsync(texts, { truncation: false });
  return encodings.map(({ ids }, row) => ({ inputIds: ids.length > most ? ids.slice(-most) : ids, row }));
}
