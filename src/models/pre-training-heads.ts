// The heads with which families were pre-trained, beyond the masked language model: which of two sentences came
// first (BERT, ALBERT), which tokens were replaced (ELECTRA).
import { AthanorError } from "../errors.js";
import { Linear } from "../nn/layers.js";
import { add } from "../tensor/ops/elementwise.js";
import { cast } from "../tensor/ops/shape.js";
import {
  type BatchLabels,
  collateTokenLabels,
  collected,
  type Example,
  integerLabels,
  noLabels,
} from "./batch.js";
import type { ClassifierKind } from "./classifiers.js";
import { headInit, type ModelConfig } from "./config.js";
import type { HeadKind } from "./head.js";
import {
  collateLanguageModelLabels,
  LanguageModelHead,
  type LanguageModelLayout,
} from "./language-model-head.js";

/** The question about a pair of sentences. */
export interface SentencePairQuestion {
  label: "nextSentenceLabel" | "sentenceOrderLabel";
  /** Name of the output (B, classes). */
  logits: "seqRelationshipLogits" | "sopLogits";
  classifier: ClassifierKind;
  classes: (config: ModelConfig) => number;
}

/** Masked language model and a question about the pair, whose losses are added. */
export function preTraining(layout: LanguageModelLayout, question: SentencePairQuestion): HeadKind {
  const { label, classifier, classes } = question;
  return {
    pooler: classifier.pooler,
    make(store, encoder, config) {
      const head = new LanguageModelHead(store, encoder, config, layout);
      const answer = classifier.make(store, encoder, config, classes(config));
      return {
        lossOptions: ["labelSmoothing"],
        collate: (examples, device) => collateBoth(examples, label, device),
        forward(encoded, batch, training, loss) {
          const output = head.outputs(encoded.hidden, batch, ["logits", "predictionLogits"], loss);
          const scores = answer(encoded, batch, training); // (B, classes)
          if (output.loss) output.loss = add(output.loss, loss.crossEntropy(scores, batch.extra[label]));
          return Object.assign(output, { [question.logits]: scores });
        },
      };
    },
  };
}

function collateBoth(
  examples: readonly Example[],
  name: SentencePairQuestion["label"],
  device: string,
): BatchLabels {
  const pairs = collected(examples, name, (example) => example[name]);
  const { tensors, lossCount } = collateLanguageModelLabels(examples, device);
  if (!pairs !== !tensors.labels) {
    throw new AthanorError("ERR_ARGUMENT", `collate: pre-training needs both labels and ${name}, or neither`);
  }
  if (!pairs) return noLabels;
  return { tensors: { ...tensors, [name]: integerLabels(pairs, name, device) }, lossCount };
}

/** The question about the pair alone; its label may also be called `labels`. */
export function sentencePair({ label, classifier, classes }: SentencePairQuestion): HeadKind {
  return {
    pooler: classifier.pooler,
    make(store, encoder, config) {
      const answer = classifier.make(store, encoder, config, classes(config));
      return {
        lossOptions: ["labelSmoothing", "classWeights"],
        collate(examples, device) {
          const of = (example: Example) => example[label] ?? (example.labels as number | undefined);
          const labels = collected(examples, label, of);
          if (!labels) return noLabels;
          return { tensors: { labels: integerLabels(labels, label, device) }, lossCount: labels.length };
        },
        forward(encoded, batch, training, loss) {
          const logits = answer(encoded, batch, training); // (B, classes)
          return { loss: batch.labels && loss.crossEntropy(logits, batch.labels), logits };
        },
      };
    },
  };
}

/** ELECTRA's discriminator (section 2 of its paper): one logit per token, above 0 for a replaced one. */
export const replacedTokens: HeadKind = {
  pooler: false,
  make(store, encoder, config) {
    const name = "discriminator_predictions";
    const { hidden: size, activation } = encoder.sizes;
    const dense = new Linear(store, `${name}.dense`, size, size, headInit(config));
    const output = new Linear(store, `${name}.dense_prediction`, size, 1, headInit(config));
    return {
      collate: collateReplaced,
      forward({ hidden }, batch, _, loss) {
        const logits = output.forward(dense.forward(hidden, activation)).reshape([-1]); // (T)
        return { loss: batch.labels && loss.bceWithLogits(logits, batch.labels), logits };
      },
    };
  },
};

/** 1 for a replaced token, 0 for one of the text; every token counts. */
function collateReplaced(examples: readonly Example[], device: string): BatchLabels {
  const { tensors, lossCount } = collateTokenLabels(examples, device);
  if (!tensors.labels) return noLabels;
  examples.forEach(({ labels }, b) => {
    const wrong = Array.from(labels as ArrayLike<number>).find(
      (label) => Number(label) !== 0 && Number(label) !== 1,
    );
    if (wrong !== undefined) {
      throw new AthanorError(
        "ERR_ARGUMENT",
        `collate: example ${b}: labels must be 0 (as in the text) or 1 (replaced), got ${wrong}`,
      );
    }
  });
  const labels = cast(tensors.labels, "f32"); // (T)
  tensors.labels.dispose();
  return { tensors: { labels }, lossCount };
}
