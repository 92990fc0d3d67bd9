// The heads of each family, by what differs: names of parameters, where dropout is, what the classifier reads.
// Sources: the modeling files of Transformers 5.18.0.
import { AthanorError } from "../errors.js";
import { activationOf } from "../nn/activation.js";
import type { Activation } from "../tensor/ops/linear.js";
import { causalLM } from "./causal-language-model.js";
import { type ClassifierKind, firstTokenClassifier, pooledClassifier } from "./classifiers.js";
import { labelCount, type ModelConfig, numberOf } from "./config.js";
import { dropoutEntry, type FamilyHeads, hiddenDropout, noDropout } from "./head.js";
import {
  bare,
  multipleChoice,
  questionAnswering,
  sequenceClassification,
  tokenClassification,
} from "./heads.js";
import { type LanguageModelLayout, maskedLM } from "./language-model-head.js";
import {
  preTraining,
  replacedTokens,
  type SentencePairQuestion,
  sentencePair,
} from "./pre-training-heads.js";

const classifierDropout = dropoutEntry("classifier_dropout");

const bertLanguageModel: LanguageModelLayout = {
  transform: "cls.predictions.transform.dense",
  norm: "cls.predictions.transform.LayerNorm",
  bias: "cls.predictions.bias",
  decoder: "cls.predictions.decoder",
};
const nextSentence: SentencePairQuestion = {
  label: "nextSentenceLabel",
  logits: "seqRelationshipLogits",
  classifier: pooledClassifier("cls.seq_relationship", noDropout),
  classes: () => 2,
};
const bertClassifier = pooledClassifier("classifier", classifierDropout);

export const bertHeads: FamilyHeads = {
  Model: bare,
  ForPreTraining: preTraining(bertLanguageModel, nextSentence),
  ForMaskedLM: maskedLM(bertLanguageModel),
  LMHeadModel: causalLM(bertLanguageModel),
  ForNextSentencePrediction: sentencePair(nextSentence),
  ForSequenceClassification: sequenceClassification(bertClassifier),
  ForTokenClassification: tokenClassification(classifierDropout),
  ForMultipleChoice: multipleChoice(bertClassifier),
  ForQuestionAnswering: questionAnswering(noDropout),
};

/** RoBERTa's classification head, with another activation ELECTRA's. */
function denseClassifier(activation: Activation): ClassifierKind {
  return firstTokenClassifier((config, encoder) => {
    const p = classifierDropout(config, encoder);
    const [dense, output] = ["classifier.dense", "classifier.out_proj"];
    return { dense, activation, output, before: p, after: p };
  });
}

export const robertaHeads: FamilyHeads = {
  Model: bare,
  ForPreTraining: "ForMaskedLM",
  ForMaskedLM: maskedLM({
    transform: "lm_head.dense",
    norm: "lm_head.layer_norm",
    bias: "lm_head.bias",
    decoder: "lm_head.decoder",
    activation: "gelu",
  }),
  ForSequenceClassification: sequenceClassification(denseClassifier("tanh")),
  ForTokenClassification: tokenClassification(classifierDropout),
  ForMultipleChoice: multipleChoice(pooledClassifier("classifier", hiddenDropout)),
  ForQuestionAnswering: questionAnswering(noDropout),
};

const distilbertClassifier = firstTokenClassifier((config) => ({
  dense: "pre_classifier",
  activation: "relu",
  output: "classifier",
  before: 0,
  after: numberOf(config, "seq_classif_dropout", 0.2, 0, 1),
}));

export const distilbertHeads: FamilyHeads = {
  Model: bare,
  ForPreTraining: "ForMaskedLM",
  ForMaskedLM: maskedLM({
    transform: "vocab_transform",
    norm: "vocab_layer_norm",
    bias: "vocab_projector.bias",
    decoder: "vocab_projector",
  }),
  ForSequenceClassification: sequenceClassification(distilbertClassifier),
  ForTokenClassification: tokenClassification(hiddenDropout),
  ForMultipleChoice: multipleChoice(distilbertClassifier),
  ForQuestionAnswering: questionAnswering(dropoutEntry("qa_dropout", 0.1)),
};

const albertDropout = dropoutEntry("classifier_dropout_prob", 0.1);
const albertLanguageModel: LanguageModelLayout = {
  transform: "predictions.dense",
  norm: "predictions.LayerNorm",
  bias: "predictions.bias",
  decoder: "predictions.decoder",
};
const albertClassifier = pooledClassifier("classifier", albertDropout);

export const albertHeads: FamilyHeads = {
  Model: bare,
  ForPreTraining: preTraining(albertLanguageModel, {
    label: "sentenceOrderLabel",
    logits: "sopLogits",
    classifier: pooledClassifier("sop_classifier.classifier", albertDropout),
    classes: labelCount,
  }),
  ForMaskedLM: maskedLM(albertLanguageModel),
  ForSequenceClassification: sequenceClassification(albertClassifier),
  ForTokenClassification: tokenClassification(albertDropout),
  ForMultipleChoice: multipleChoice(albertClassifier),
  ForQuestionAnswering: questionAnswering(noDropout),
};

/** ELECTRA's summary of a sequence for multiple choice, as its config describes it. */
const electraSummary = firstTokenClassifier((config) => {
  requireFirst(config);
  const dropout = (name: string, fallback: number) => numberOf(config, name, fallback, 0, 1);
  const { summary_activation: activation = "gelu", summary_use_proj: projected = true } = config;
  return {
    dense: projected ? "sequence_summary.summary" : undefined,
    activation: activation ? activationOf(activation, "summary_activation") : "none",
    output: "classifier",
    before: dropout("summary_first_dropout", 0),
    after: dropout("summary_last_dropout", 0.1),
  };
});

// The last token or the mean would be those of the padded sequence in Transformers.
function requireFirst(config: ModelConfig): void {
  const type = config.summary_type ?? "first";
  if (type !== "first") {
    throw new AthanorError(
      "ERR_CHECKPOINT",
      `config: summary_type must be "first", got ${JSON.stringify(type)}`,
    );
  }
}

export const electraHeads: FamilyHeads = {
  Model: bare,
  ForPreTraining: replacedTokens,
  ForMaskedLM: maskedLM({
    transform: "generator_predictions.dense",
    norm: "generator_predictions.LayerNorm",
    bias: "generator_lm_head.bias",
    decoder: "generator_lm_head",
    activation: "gelu",
  }),
  ForSequenceClassification: sequenceClassification(denseClassifier("gelu")),
  ForTokenClassification: tokenClassification(classifierDropout),
  ForMultipleChoice: multipleChoice(electraSummary),
  ForQuestionAnswering: questionAnswering(noDropout),
};
