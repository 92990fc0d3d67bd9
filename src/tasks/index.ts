// Tasks: columns in -> examples, and outputs -> predictions -> metrics.

export type { AnswerCandidate, NullScore, QuestionAnswer } from "./question-answering/answers.js";
export type { MisplacedAnswer, MisplacedAnswers } from "./question-answering/questions.js";
export { type QuestionAnsweringOptions, questionAnswering } from "./question-answering.js";
export {
  type TextClassification,
  type TextClassificationOptions,
  textClassification,
} from "./text-classification.js";
