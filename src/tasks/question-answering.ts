// Extractive question answering: a question and a context in, the piece of the context that answers it out. SQuAD 1 and
// 2, XQuAD, CMRC 2018. Long contexts become windows that overlap; an answer is chosen over all of them.
import { AthanorError } from "../errors.js";
import { lengthLimit } from "../models/length-limit.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";
import type { DataRow, OutputValues, PrepareContext, Task, TrainableModel } from "../training/task.js";
import {
  joinedAnswer,
  type NullScore,
  type QuestionAnswer,
  type WindowAnswers,
  windowAnswers,
} from "./question-answering/answers.js";
import {
  type Answer,
  type MisplacedAnswer,
  type MisplacedAnswers,
  placedAnswer,
  type Question,
  questionOf,
  TASK,
} from "./question-answering/questions.js";
import { answerScoreNames, answerScores } from "./question-answering/scores.js";
import { type Window, type WindowOptions, windowExample, windowsOf } from "./question-answering/windows.js";
import { checkOptions, choiceOption, headFault, wholeOption } from "./rows.js";

export interface QuestionAnsweringOptions {
  /** Column of the question's id; default "id". A row without it is known by its number. */
  idColumn?: string;
  /** Default "question". */
  questionColumn?: string;
  /** Default "context". */
  contextColumn?: string;
  /** `{ text: [...], answer_start: [...] }`, or a list of `{ text, answer_start }`; default "answers". */
  answersColumn?: string;
  /** Most tokens of a window, question included, at most what tokenizer and model take; default 384. */
  maxLength?: number;
  /** Tokens of context that neighbouring windows share; default 128, at most a third of the window. */
  stride?: number;
  /** Which text comes first; default "auto": the context where the tokenizer pads on the left. */
  pairOrder?: "auto" | "question-first" | "context-first";
  /** Starts and ends looked at in each window, and answers kept of each question; default 20. */
  nBest?: number;
  /** Most tokens of an answer; default 30. */
  maxAnswerLength?: number;
  /** 2: questions may have no answer, as in SQuAD 2. Default 1. */
  version?: 1 | 2;
  /** No answer when its score exceeds that of the best answer by more than this; default 0. */
  nullThreshold?: number;
  /**
   * Which window's score of "no answer" counts: the smallest ("min", default, as Transformers' scripts do), the
   * largest (as its well-known notebook does) or the last one's.
   */
  nullScore?: NullScore;
  /**
   * An answer to learn that does not stand at its `answer_start`: moved to the nearest place where it stands
   * ("realign", default; left out where there is none), left out ("skip"), ERR_DATA ("error"), or taken as it is
   * ("keep", what the reference does). Answers left out of training still count when evaluating.
   */
  misplaced?: MisplacedAnswers;
  /** Told about misplaced answers, after rows were prepared. */
  onMisplaced?: (answers: MisplacedAnswer[]) => void;
  /** What a question of nothing but blanks is: mostly a defect of the data, so "error" (ERR_DATA) is the default. */
  emptyQuestion?: "error" | "accept";
  /** How answers are scored: "en" (default) as SQuAD, "zh" as CMRC 2018. */
  language?: "en" | "zh";
}

const DEFAULT_LENGTH = 384;
const DEFAULT_STRIDE = 128;
// Long contexts still are enough for the tokenizer's threads, and few encodings are alive at once.
const QUESTIONS_PER_CALL = 128;

type Settings = ReturnType<typeof checked>;

/**
 * The task of AutoModelForQuestionAnswering. Training rows need answers; the first is learnt, all count when
 * evaluating: `exact` and `f1` in percent, for version 2 also by kind of question and with the best thresholds.
 * Predictions are one per row, with the range of characters in the context and the best candidates.
 *
 * The loss is a softmax over each window's own tokens. Preparing rejects with ERR_DATA, naming the row from 0: no
 * question, context or answers, a question that leaves no room in a window, a misplaced answer with "error".
 *
 * @example
 * const task = questionAnswering({ version: 2 });
 * const trainer = new Trainer({ model, tokenizer, task, train: await readSquad("train-v2.0.json") });
 * const [answer] = await trainer.predict([{ question: "Who?", context: "Ada wrote it." }]);
 */
export function questionAnswering(
  options: QuestionAnsweringOptions = {},
): Task<WindowAnswers, QuestionAnswer> {
  const settings = checked(options);
  return {
    name: "question-answering",
    outputs: ["startLogits", "endLogits"],
    prepare: (rows, context) => prepared(rows, context, settings),
    predict: (outputs, examples) => predicted(outputs, examples as Window[], settings),
    join(predictions, examples, rows): QuestionAnswer[] {
      const windows: WindowAnswers[][] = rows.map(() => []);
      const ids: string[] = rows.map((_, row) => String(row));
      (examples as Window[]).forEach(({ row, id }, i) => {
        windows[row].push(predictions[i]);
        if (id !== undefined) ids[row] = id;
      });
      return rows.map((row, i) => {
        const context = (row as Record<string, string>)[settings.columns.context];
        return joinedAnswer(ids[i], context, windows[i], settings);
      });
    },
    metricNames: () => answerScoreNames(settings.version),
    metrics: (answers, _examples, _model, rows) => answerScores(answers, rows, settings),
  };
}

const OPTIONS = [
  ...["idColumn", "questionColumn", "contextColumn", "answersColumn", "maxLength", "stride", "pairOrder"],
  ...["nBest", "maxAnswerLength", "version", "nullThreshold", "nullScore", "misplaced", "onMisplaced"],
  ...["emptyQuestion", "language"],
] as (keyof QuestionAnsweringOptions)[];

function checked(options: QuestionAnsweringOptions) {
  checkOptions(TASK, options, OPTIONS);
  const { version = 1, nullThreshold = 0, maxLength, stride } = options;
  if (version !== 1 && version !== 2) {
    throw new AthanorError("ERR_ARGUMENT", `${TASK}: version must be 1 or 2, got ${String(version)}`);
  }
  if (typeof nullThreshold !== "number" || Number.isNaN(nullThreshold)) {
    throw new AthanorError(
      "ERR_ARGUMENT",
      `${TASK}: nullThreshold must be a number, got ${String(nullThreshold)}`,
    );
  }
  const columns = {
    id: options.idColumn ?? "id",
    question: options.questionColumn ?? "question",
    context: options.contextColumn ?? "context",
    answers: options.answersColumn ?? "answers",
  };
  return {
    ...{ version, nullThreshold, columns, answersColumn: columns.answers, onMisplaced: options.onMisplaced },
    maxLength: maxLength === undefined ? undefined : wholeOption(TASK, "maxLength", maxLength, 1),
    stride: stride === undefined ? undefined : wholeOption(TASK, "stride", stride, 0),
    nBest: wholeOption(TASK, "nBest", options.nBest ?? 20, 1),
    maxAnswerLength: wholeOption(TASK, "maxAnswerLength", options.maxAnswerLength ?? 30, 1),
    pairOrder: choiceOption(TASK, "pairOrder", options.pairOrder ?? "auto", [
      "auto",
      "question-first",
      "context-first",
    ]),
    nullScore: choiceOption(TASK, "nullScore", options.nullScore ?? "min", ["min", "max", "last"]),
    misplaced: choiceOption(TASK, "misplaced", options.misplaced ?? "realign", [
      "realign",
      "skip",
      "error",
      "keep",
    ]),
    emptyQuestion: choiceOption(TASK, "emptyQuestion", options.emptyQuestion ?? "error", ["error", "accept"]),
    language: choiceOption(TASK, "language", options.language ?? "en", ["en", "zh"]),
  } as const;
}

async function prepared(
  rows: readonly DataRow[],
  context: PrepareContext,
  settings: Settings,
): Promise<Window[]> {
  const { tokenizer, labels, rest } = context;
  if (!tokenizer) throw new AthanorError("ERR_ARGUMENT", `${TASK}: tokenizer must be given, got none`);
  const purpose = context.purpose ?? (labels === "required" ? "train" : "predict");
  const shape = windowOptions(tokenizer, context.model, settings);
  const { contextFirst } = shape;
  const acceptEmpty = settings.emptyQuestion === "accept";
  const reports: MisplacedAnswer[] = [];
  const windows: Window[] = [];
  for (let begin = 0; begin < rows.length; begin += QUESTIONS_PER_CALL) {
    const questions: Question[] = [];
    const answers: (Answer | null | undefined)[] = [];
    for (const [i, row] of rows.slice(begin, begin + QUESTIONS_PER_CALL).entries()) {
      const question = questionOf(row, begin + i, settings.columns, { labels, acceptEmpty });
      const { misplaced, columns } = settings;
      const report = (answer: MisplacedAnswer) => reports.push(answer);
      const answer =
        labels === "required" ? placedAnswer(question, misplaced, columns.answers, report) : undefined;
      if (purpose === "train" && answer === undefined) continue;
      questions.push(question);
      answers.push(answer);
      if (i % 16 === 15) await rest();
    }
    for (const [i, encodings] of (await windowsOf(tokenizer, questions, shape)).entries()) {
      const content = { answer: answers[i], predicted: purpose !== "train", contextFirst };
      for (const encoding of encodings) {
        const window = windowExample(encoding, questions[i], tokenizer, content);
        // Labels are there for all of a batch or for none: a place outside the sequence is not counted.
        if (purpose === "evaluate" && answers[i] === undefined)
          Object.assign(window, { startPosition: -1, endPosition: -1 });
        windows.push(window);
      }
      await rest();
    }
  }
  if (reports.length > 0) settings.onMisplaced?.(reports);
  if (purpose === "train" && windows.length === 0 && reports.length > 0) {
    throw new AthanorError(
      "ERR_DATA",
      `${TASK}: rows must have an answer that stands in its context (with misplaced: "skip", at its answer_start), ` +
        `got ${rows.length} rows without`,
    );
  }
  return windows;
}

function windowOptions(tokenizer: Tokenizer, model: TrainableModel, settings: Settings): WindowOptions {
  const { pairOrder, stride } = settings;
  const most = lengthLimit(tokenizer, model);
  const maxLength = Math.min(settings.maxLength ?? DEFAULT_LENGTH, most);
  return {
    maxLength,
    stride: stride ?? Math.min(DEFAULT_STRIDE, Math.floor(maxLength / 3)),
    contextFirst: pairOrder === "auto" ? tokenizer.paddingSide === "left" : pairOrder === "context-first",
  };
}

function predicted(
  { startLogits, endLogits }: Record<string, OutputValues>,
  examples: readonly Window[],
  settings: Settings,
): WindowAnswers[] {
  if (!startLogits || !endLogits) {
    throw headFault(TASK, "AutoModelForQuestionAnswering with startLogits and endLogits");
  }
  let begin = 0;
  return examples.map((window) => {
    const end = begin + window.inputIds.length;
    const answers = windowAnswers(
      startLogits.data.subarray(begin, end),
      endLogits.data.subarray(begin, end),
      window,
      settings,
    );
    begin = end;
    return answers;
  });
}
