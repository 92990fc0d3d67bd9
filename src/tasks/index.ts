// Tasks: columns in -> examples, and outputs -> predictions -> metrics.

export {
  type CausalLanguageModelingOptions,
  type ContinuedText,
  causalLanguageModeling,
} from "./causal-language-modeling.js";
export type { GenerationSettings } from "./generation/generating.js";
export type { GeneratedText, SequenceToSequenceOptions } from "./generation/sequence-to-sequence.js";
export { type Block, type GroupOptions, groupTexts } from "./masked-language-modeling/group-texts.js";
export type { FilledMask, MaskCandidate } from "./masked-language-modeling/predictions.js";
export type { WordsOf } from "./masked-language-modeling/words.js";
export {
  type MaskedLanguageModelingOptions,
  type MaskedLanguagePrediction,
  maskedLanguageModeling,
} from "./masked-language-modeling.js";
export { type ChoiceColumns, CODAH_COLUMNS } from "./multiple-choice/columns.js";
export { type MultipleChoice, type MultipleChoiceOptions, multipleChoice } from "./multiple-choice.js";
export { type PreTrainingOptions, type PreTrainingPrediction, preTraining } from "./pre-training.js";
export type { AnswerCandidate, NullScore, QuestionAnswer } from "./question-answering/answers.js";
export type { MisplacedAnswer, MisplacedAnswers } from "./question-answering/questions.js";
export { type QuestionAnsweringOptions, questionAnswering } from "./question-answering.js";
export { type SummarizationOptions, summarization } from "./summarization.js";
export { glueModelOptions } from "./text-classification/glue.js";
export { textLabelNames } from "./text-classification/labels.js";
export type { TextClassification } from "./text-classification/scores.js";
export { type TextClassificationOptions, textClassification } from "./text-classification.js";
export type { Aggregation, Entity } from "./token-classification/entities.js";
export { type AlignmentOptions, alignLabels, tokenLabelNames } from "./token-classification/labels.js";
export { withoutPositionDigits } from "./token-classification/position-digits.js";
export type { LabelledWord, TokenClassification } from "./token-classification/results.js";
export type { TokenClassificationOptions } from "./token-classification/settings.js";
export { tokenClassification } from "./token-classification.js";
export { type TranslationOptions, translation } from "./translation.js";
