// Which Auto class loads a model fixture: its folder says so.
import {
  type AutoClass,
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  AutoModelForMultipleChoice,
  AutoModelForNextSentencePrediction,
  AutoModelForPreTraining,
  AutoModelForQuestionAnswering,
  AutoModelForSeq2SeqLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
} from "../../src/models/auto.js";

const autoClasses: [RegExp, AutoClass][] = [
  [/^gpt2-lm/, AutoModelForCausalLM],
  [/^(t5|mt5|bart|mbart|marian)-(?!model)|bert-pair$/, AutoModelForSeq2SeqLM],
  [/-model$/, AutoModel],
  [/-pretraining$/, AutoModelForPreTraining],
  [/-masked-lm(-untied)?$/, AutoModelForMaskedLM],
  [/-causal-lm(-cross)?$/, AutoModelForCausalLM],
  [/-next-sentence$/, AutoModelForNextSentencePrediction],
  [/-sequence(-[a-z-]+)?$/, AutoModelForSequenceClassification],
  [/-token$/, AutoModelForTokenClassification],
  [/-multiple-choice$/, AutoModelForMultipleChoice],
  [/-question-answering$/, AutoModelForQuestionAnswering],
];

export function autoClassOf(fixture: string): AutoClass {
  const found = autoClasses.find(([pattern]) => pattern.test(fixture));
  if (!found) throw new Error(`${fixture}: no Auto class is known for a fixture of this name`);
  return found[1];
}
