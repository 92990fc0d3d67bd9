// The task heads over an encoder: what they declare, how they collate labels, their logits and loss. One table
// entry per head serves every encoder family.
import { AthanorError } from "../errors.js";
import { Linear } from "../nn/layers.js";
import type { ParameterStore } from "../nn/parameter.js";
import { add, mul } from "../tensor/ops/elementwise.js";
import { dropout } from "../tensor/ops/norm.js";
import { segmentCrossEntropy } from "../tensor/ops/segment.js";
import type { Tensor } from "../tensor/tensor.js";
import { tensor } from "../tensor/tensor.js";
import {
  type Batch,
  type BatchLabels,
  collateTokenLabels,
  collected,
  type Example,
  floatLabels,
  integerLabels,
  noLabels,
} from "./batch.js";
import { headInit, labelCount, type ModelConfig, numberOf } from "./config.js";
import type { Encoder, EncoderOutput } from "./encoder.js";
import { collateLanguageModelLabels, LanguageModelHead } from "./language-model-head.js";
import type { HeadLoss, LossOption } from "./loss-options.js";

/** Named outputs; `logits` is there for every head but the bare model and question answering. */
export type HeadOutput = Record<string, Tensor | undefined>;

export interface Head {
  /** Which options its loss has; none when left out. */
  readonly lossOptions?: readonly LossOption[];
  collate(examples: readonly Example[], device: string): BatchLabels;
  forward(encoded: EncoderOutput, batch: Batch, training: boolean, loss: HeadLoss): HeadOutput;
}

export interface HeadKind {
  /** Whether the encoder needs its pooler. */
  pooler: boolean;
  make(store: ParameterStore, encoder: Encoder, config: ModelConfig): Head;
}

function classifierDropout(config: ModelConfig, encoder: Encoder): number {
  return numberOf(config, "classifier_dropout", encoder.hiddenDropout, 0, 1);
}

function headDropout(x: Tensor, p: number, training: boolean): Tensor {
  return training && p > 0 ? dropout(x, p) : x;
}

const bare: HeadKind = {
  pooler: true,
  make: () => ({
    collate: () => noLabels,
    forward: ({ hidden, pooled }) => ({ lastHiddenState: hidden, poolerOutput: pooled }),
  }),
};

const maskedLM: HeadKind = {
  pooler: false,
  make(store, encoder, config) {
    const head = new LanguageModelHead(store, encoder, config);
    return {
      lossOptions: ["labelSmoothing"],
      collate: collateLanguageModelLabels,
      forward: ({ hidden }, batch, _, loss) => head.outputs(hidden, batch, ["logits"], loss),
    };
  },
};

const preTraining: HeadKind = {
  pooler: true,
  make(store, encoder, config) {
    const head = new LanguageModelHead(store, encoder, config);
    const relationship = new Linear(store, "cls.seq_relationship", encoder.hiddenSize, 2, headInit(config));
    return {
      lossOptions: ["labelSmoothing"],
      collate(examples, device) {
        const next = collected(examples, "nextSentenceLabel", (example) => example.nextSentenceLabel);
        const { tensors, lossCount } = collateLanguageModelLabels(examples, device);
        if (!next !== !tensors.labels) {
          throw new AthanorError(
            "ERR_ARGUMENT",
            "collate: pre-training needs both labels and nextSentenceLabel, or neither",
          );
        }
        if (!next) return noLabels;
        const nextSentenceLabel = integerLabels(next, "nextSentenceLabel", device);
        return { tensors: { ...tensors, nextSentenceLabel }, lossCount };
      },
      forward({ hidden, pooled }, batch, _, loss) {
        const output = head.outputs(hidden, batch, ["logits", "predictionLogits"], loss);
        const seqRelationshipLogits = relationship.forward(pooled as Tensor); // (B, 2)
        if (output.loss) {
          const nextSentence = loss.crossEntropy(seqRelationshipLogits, batch.extra.nextSentenceLabel);
          output.loss = add(output.loss, nextSentence);
        }
        return Object.assign(output, { seqRelationshipLogits });
      },
    };
  },
};

const nextSentence: HeadKind = {
  pooler: true,
  make(store, encoder, config) {
    const relationship = new Linear(store, "cls.seq_relationship", encoder.hiddenSize, 2, headInit(config));
    return {
      lossOptions: ["labelSmoothing", "classWeights"],
      collate(examples, device) {
        const of = (example: Example) => example.nextSentenceLabel ?? (example.labels as number | undefined);
        const next = collected(examples, "nextSentenceLabel", of);
        if (!next) return noLabels;
        return {
          tensors: { labels: integerLabels(next, "nextSentenceLabel", device) },
          lossCount: next.length,
        };
      },
      forward({ pooled }, batch, _, loss) {
        const logits = relationship.forward(pooled as Tensor); // (B, 2)
        return { loss: batch.labels && loss.crossEntropy(logits, batch.labels), logits };
      },
    };
  },
};

type Problem = "regression" | "single_label_classification" | "multi_label_classification";

/** As Transformers: what the config says, else one output is regression, integers are classes, rows are bits. */
function problemOf(
  config: ModelConfig,
  labels: readonly (number | ArrayLike<number>)[],
  classes: number,
): Problem {
  if (config.problem_type) {
    const known = ["regression", "single_label_classification", "multi_label_classification"];
    if (!known.includes(config.problem_type)) {
      throw new AthanorError(
        "ERR_CHECKPOINT",
        `config: problem_type must be one of ${known.join(", ")}, got ${config.problem_type}`,
      );
    }
    return config.problem_type;
  }
  if (classes === 1) return "regression";
  return labels.every((label) => typeof label === "number" || typeof label === "bigint")
    ? "single_label_classification"
    : "multi_label_classification";
}

const sequenceClassification: HeadKind = {
  pooler: true,
  make(store, encoder, config) {
    const classes = labelCount(config);
    const p = classifierDropout(config, encoder);
    const classifier = new Linear(store, "classifier", encoder.hiddenSize, classes, headInit(config));
    return {
      lossOptions: ["labelSmoothing", "classWeights", "posWeight"],
      collate(examples, device): BatchLabels {
        const values = collected(examples, "labels", (example) => example.labels);
        if (!values) return noLabels;
        const lossCount = values.length;
        if (problemOf(config, values, classes) !== "single_label_classification") {
          return { tensors: { labels: floatLabels(values, classes, device) }, lossCount };
        }
        const numbers = values.map((label) => (typeof label === "object" ? label[0] : label));
        return { tensors: { labels: integerLabels(numbers, "labels", device) }, lossCount };
      },
      forward({ pooled }, batch, training, loss): HeadOutput {
        const logits = classifier.forward(headDropout(pooled as Tensor, p, training)); // (B, classes)
        const { labels } = batch;
        if (!labels) return { logits };
        if (labels.dtype === "i32") return { loss: loss.crossEntropy(logits, labels), logits };
        const regression = config.problem_type ? config.problem_type === "regression" : classes === 1;
        return { loss: regression ? loss.mse(logits, labels) : loss.bceWithLogits(logits, labels), logits };
      },
    };
  },
};

const tokenClassification: HeadKind = {
  pooler: false,
  make(store, encoder, config) {
    const p = classifierDropout(config, encoder);
    const classifier = new Linear(
      store,
      "classifier",
      encoder.hiddenSize,
      labelCount(config),
      headInit(config),
    );
    return {
      lossOptions: ["labelSmoothing", "classWeights"],
      collate: collateTokenLabels,
      forward({ hidden }, batch, training, loss) {
        const logits = classifier.forward(headDropout(hidden, p, training)); // (T, classes)
        return { loss: batch.labels && loss.crossEntropy(logits, batch.labels), logits };
      },
    };
  },
};

const multipleChoice: HeadKind = {
  pooler: true,
  make(store, encoder, config) {
    const p = classifierDropout(config, encoder);
    const classifier = new Linear(store, "classifier", encoder.hiddenSize, 1, headInit(config));
    return {
      // Here `examples` are the rows with their choices; the sequences are the choices.
      collate(examples, device): BatchLabels {
        const bounds = new Int32Array(examples.length + 1);
        examples.forEach((example, b) => {
          bounds[b + 1] = bounds[b] + (example.choices?.length ?? 0);
        });
        const choiceOffsets = tensor(bounds, [bounds.length], { device: device as "cpu" });
        const values = collected(examples, "labels", (example) => example.labels as number | undefined);
        if (!values) return { tensors: { choiceOffsets }, lossCount: 0 };
        examples.forEach((example, b) => {
          const choices = example.choices?.length ?? 0;
          if (!(values[b] >= 0 && values[b] < choices)) {
            throw new AthanorError(
              "ERR_ARGUMENT",
              `collate: example ${b}: labels must be 0 to ${choices - 1}, got ${values[b]}`,
            );
          }
        });
        const labels = integerLabels(values, "labels", device);
        return { tensors: { choiceOffsets, labels }, lossCount: values.length };
      },
      forward({ pooled }, batch, training) {
        const logits = classifier.forward(headDropout(pooled as Tensor, p, training)).reshape([-1]); // (choices)
        const { labels, choiceOffsets } = batch.extra;
        return { loss: labels && segmentCrossEntropy(logits, choiceOffsets, labels), logits };
      },
    };
  },
};

const questionAnswering: HeadKind = {
  pooler: false,
  make(store, encoder, config) {
    const outputs = new Linear(store, "qa_outputs", encoder.hiddenSize, 2, headInit(config));
    return {
      collate(examples, device) {
        const starts = collected(examples, "startPosition", (example) => example.startPosition);
        const ends = collected(examples, "endPosition", (example) => example.endPosition);
        if (!starts !== !ends) {
          throw new AthanorError(
            "ERR_ARGUMENT",
            "collate: question answering needs both startPosition and endPosition, or neither",
          );
        }
        if (!starts || !ends) return noLabels;
        const startPositions = integerLabels(starts, "startPosition", device);
        const endPositions = integerLabels(ends, "endPosition", device);
        // As the loss counts: a start outside of its sequence is none.
        const lossCount = examples.filter((example, b) => {
          const ids = example.inputIds ?? example.ids ?? [];
          return starts[b] >= 0 && starts[b] < ids.length;
        }).length;
        return { tensors: { startPositions, endPositions }, lossCount };
      },
      forward({ hidden }, batch) {
        const both = outputs.forward(hidden); // (T, 2)
        const startLogits = both.slice(0, 1, 1).reshape([-1]); // (T)
        const endLogits = both.slice(1, 2, 1).reshape([-1]);
        const { startPositions, endPositions } = batch.extra;
        const loss = startPositions && spanLoss(startLogits, endLogits, batch, startPositions, endPositions);
        return { loss, startLogits, endLogits };
      },
    };
  },
};

/** The mean of the two softmax losses over each sequence's own tokens; padding cannot take part, there is none. */
function spanLoss(
  startLogits: Tensor,
  endLogits: Tensor,
  batch: Batch,
  starts: Tensor,
  ends: Tensor,
): Tensor {
  const start = segmentCrossEntropy(startLogits, batch.offsets, starts);
  const end = segmentCrossEntropy(endLogits, batch.offsets, ends);
  return mul(add(start, end), 0.5);
}

export const headKinds = {
  Model: bare,
  ForPreTraining: preTraining,
  ForMaskedLM: maskedLM,
  ForNextSentencePrediction: nextSentence,
  ForSequenceClassification: sequenceClassification,
  ForTokenClassification: tokenClassification,
  ForMultipleChoice: multipleChoice,
  ForQuestionAnswering: questionAnswering,
} as const;

export type HeadName = keyof typeof headKinds;
