// Tasks: columns in -> examples, and outputs -> predictions -> metrics.

export { classWeights, labelNames } from "./labels.js";
export { type Block, type GroupOptions, groupTexts } from "./masked-language-modeling/group-texts.js";
export type { FilledMask, MaskCandidate } from "./masked-language-modeling/predictions.js";
export type { WordsOf } from "./masked-language-modeling/words.js";
export {
  type MaskedLanguageModelingOptions,
  type MaskedLanguagePrediction,
  maskedLanguageModeling,
} from "./masked-language-modeling.js";
export { type MultipleChoice, type MultipleChoiceOptions, multipleChoice } from "./multiple-choice.js";
export { type PreTrainingOptions, type PreTrainingPrediction, preTraining } from "./pre-training.js";
export type { AnswerCandidate, NullScore, QuestionAnswer } from "./question-answering/answers.js";
export type { MisplacedAnswer, MisplacedAnswers } from "./question-answering/questions.js";
export { type QuestionAnsweringOptions, questionAnswering } from "./question-answering.js";
export { glueModel } from "./text-classification/glue.js";
export type { ClassMetric } from "./text-classification/metrics.js";
export {
  type TextClassification,
  type TextClassificationOptions,
  textClassification,
} from "./text-classification.js";
export type { Aggregation, Entity } from "./token-classification/entities.js";
export type { TagMetric } from "./token-classification/scores.js";
export type { TaggedWord } from "./token-classification/words.js";
export {
  type TokenClassification,
  type TokenClassificationOptions,
  tokenClassification,
} from "./token-classification.js";
