// Pipelines that answer: out of a text, by one of several choices, and in the place of a mask.
import {
  AutoModelForMaskedLM,
  AutoModelForMultipleChoice,
  AutoModelForQuestionAnswering,
} from "../models/index.js";
import {
  type MaskedLanguagePrediction,
  type MultipleChoice,
  maskedLanguageModeling,
  multipleChoice,
  type QuestionAnswer,
  questionAnswering,
} from "../tasks/index.js";
import { type CallOptions, checkedTopK, inputFault, type PipelineKind, results, textInput } from "./kind.js";

const ANSWERS = "question-answering";
const MASKS = "fill-mask";
const CHOICES = "multiple-choice";

export interface AskedQuestion {
  question: string;
  context: string;
}

export interface QuestionAnsweringCall extends CallOptions {
  /** How many answers, best first. Without it the best alone, and no list. */
  topK?: number;
  /** Most tokens of an answer; default 15, as in Transformers. */
  maxAnswerLen?: number;
  /** Tokens of a window, and those that windows share. */
  maxSeqLen?: number;
  docStride?: number;
  /** Whether "" may be the answer: models trained on SQuAD 2. Default false. */
  handleImpossibleAnswer?: boolean;
}

export interface FoundAnswer {
  /** Probability among the best answers. */
  score: number;
  /** Range in the context, in UTF-16 units. */
  start: number;
  end: number;
  answer: string;
}

export const questionAnsweringKind: PipelineKind<
  AskedQuestion,
  QuestionAnsweringCall,
  FoundAnswer | FoundAnswer[]
> = {
  auto: AutoModelForQuestionAnswering,
  async run(parts, inputs, { topK, maxAnswerLen = 15, maxSeqLen, docStride, ...options }) {
    const rows = inputs.map((input, i) => {
      if (typeof input !== "object" || input === null)
        throw inputFault(ANSWERS, i, "{ question, context }", input);
      return {
        question: textInput(ANSWERS, input.question, i),
        context: textInput(ANSWERS, input.context, i),
      };
    });
    const count = topK === undefined ? undefined : checkedTopK(ANSWERS, topK);
    const { handleImpossibleAnswer = false, ...call } = options;
    const task = questionAnswering({
      ...{ maxAnswerLength: maxAnswerLen, maxLength: maxSeqLen, stride: docStride },
      version: handleImpossibleAnswer ? 2 : 1,
    });
    const found = (await results(parts, task, rows, call)) as QuestionAnswer[];
    const shown = ({
      score,
      start,
      end,
      text,
    }: {
      score: number;
      start: number;
      end: number;
      text: string;
    }) => {
      return { score, start, end, answer: text };
    };
    return found.map((answer) =>
      count === undefined ? shown(answer) : answer.candidates.slice(0, count).map(shown),
    );
  },
};

export interface FillMaskCall extends CallOptions {
  /** Tokens for each mask, best first; default 5. */
  topK?: number;
}

export interface FilledToken {
  /** Probability. */
  score: number;
  token: number;
  token_str: string;
  /** The text with it. */
  sequence: string;
}

export const fillMaskKind: PipelineKind<string, FillMaskCall, FilledToken[] | FilledToken[][]> = {
  auto: AutoModelForMaskedLM,
  async run(parts, inputs, { topK = 5, ...options }) {
    checkedTopK(MASKS, topK);
    const rows = inputs.map((input, i) => ({ text: textInput(MASKS, input, i) }));
    const task = maskedLanguageModeling({ topK });
    const found = (await results(parts, task, rows, options)) as MaskedLanguagePrediction[];
    return found.map(({ masks }) => {
      const lists = masks.map(({ candidates }) =>
        candidates.map(({ score, tokenId, token, sequence }) => {
          return { score, token: tokenId, token_str: token, sequence };
        }),
      );
      // As in Transformers: a list for each mask only where there are several.
      return lists.length === 1 ? lists[0] : lists;
    });
  },
};

export interface ChoiceQuestion {
  context: string;
  /** A question, or the beginning of a sentence that the choices end. */
  question?: string;
  /** Two or more. */
  choices: readonly string[];
}

/** Transformers has no such pipeline: the fields are those of the task. */
export const multipleChoiceKind: PipelineKind<ChoiceQuestion, CallOptions, MultipleChoice> = {
  auto: AutoModelForMultipleChoice,
  async run(parts, inputs, options) {
    const rows = inputs.map((input, i) => {
      if (typeof input !== "object" || input === null)
        throw inputFault(CHOICES, i, "{ context, question, choices }", input);
      const { context, question, choices } = input;
      if (!Array.isArray(choices) || choices.length < 2)
        throw inputFault(CHOICES, i, "one with at least two choices", choices);
      return {
        context: textInput(CHOICES, context, i),
        ...(question !== undefined && { question: textInput(CHOICES, question, i) }),
        choices: choices.map((choice) => textInput(CHOICES, choice, i)),
      };
    });
    return (await results(parts, multipleChoice(), rows, options)) as MultipleChoice[];
  },
};
