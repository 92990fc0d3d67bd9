// Tasks: columns in -> examples, and outputs -> predictions -> metrics.

export { type Block, type GroupOptions, groupTexts } from "./masked-language-modeling/group-texts.js";
export type { FilledMask, MaskCandidate } from "./masked-language-modeling/predictions.js";
export type { WordsOf } from "./masked-language-modeling/words.js";
export {
  type MaskedLanguageModelingOptions,
  type MaskedLanguagePrediction,
  maskedLanguageModeling,
} from "./masked-language-modeling.js";
export { type PreTrainingOptions, type PreTrainingPrediction, preTraining } from "./pre-training.js";
export type { AnswerCandidate, NullScore, QuestionAnswer } from "./question-answering/answers.js";
export type { MisplacedAnswer, MisplacedAnswers } from "./question-answering/questions.js";
export { type QuestionAnsweringOptions, questionAnswering } from "./question-answering.js";
export {
  type TextClassification,
  type TextClassificationOptions,
  textClassification,
} from "./text-classification.js";
