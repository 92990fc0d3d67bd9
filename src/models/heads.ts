// The heads for tasks over an encoder: what they declare, how they collate labels, their logits and loss. Each is
// made for a family by what differs there; family-heads.ts has the table.
import { AthanorError } from "../errors.js";
import { Linear } from "../nn/layers.js";
import { add, mul } from "../tensor/ops/elementwise.js";
import { segmentCrossEntropy } from "../tensor/ops/segment.js";
import type { Tensor } from "../tensor/tensor.js";
import { tensor } from "../tensor/tensor.js";
import {
  type Batch,
  type BatchLabels,
  collateTokenLabels,
  collected,
  floatLabels,
  integerLabels,
  noLabels,
} from "./batch.js";
import type { ClassifierKind } from "./classifiers.js";
import { headInit, labelCount, type ModelConfig } from "./config.js";
import { type DropoutOf, type HeadKind, type HeadOutput, headDropout } from "./head.js";

/** No head: hidden states, and the pooler's output where the family has one. */
export const bare: HeadKind = {
  pooler: true,
  make: () => ({
    collate: () => noLabels,
    forward: ({ hidden, pooled }) => ({ lastHiddenState: hidden, poolerOutput: pooled }),
  }),
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

export const sequenceClassification = (kind: ClassifierKind): HeadKind => ({
  pooler: kind.pooler,
  make(store, encoder, config) {
    const classes = labelCount(config);
    const classifier = kind.make(store, encoder, config, classes);
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
      forward(encoded, batch, training, loss): HeadOutput {
        const logits = classifier(encoded, batch, training); // (B, classes)
        const { labels } = batch;
        if (!labels) return { logits };
        if (labels.dtype === "i32") return { loss: loss.crossEntropy(logits, labels), logits };
        const regression = config.problem_type ? config.problem_type === "regression" : classes === 1;
        return { loss: regression ? loss.mse(logits, labels) : loss.bceWithLogits(logits, labels), logits };
      },
    };
  },
});

export const tokenClassification = (dropoutOf: DropoutOf): HeadKind => ({
  pooler: false,
  make(store, encoder, config) {
    const p = dropoutOf(config, encoder);
    const { hidden: size } = encoder.sizes;
    const classifier = new Linear(store, "classifier", size, labelCount(config), headInit(config));
    return {
      lossOptions: ["labelSmoothing", "classWeights"],
      collate: collateTokenLabels,
      forward({ hidden }, batch, training, loss) {
        const logits = classifier.forward(headDropout(hidden, p, training)); // (T, classes)
        return { loss: batch.labels && loss.crossEntropy(logits, batch.labels), logits };
      },
    };
  },
});

export const multipleChoice = (kind: ClassifierKind): HeadKind => ({
  pooler: kind.pooler,
  make(store, encoder, config) {
    const classifier = kind.make(store, encoder, config, 1);
    return {
      lossOptions: ["labelSmoothing"],
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
        const rows = values.map((label, b) => bounds[b] + label);
        const labelRows = integerLabels(rows, "labels", device);
        return { tensors: { choiceOffsets, labels, labelRows }, lossCount: values.length };
      },
      forward(encoded, batch, training, loss) {
        const logits = classifier(encoded, batch, training).reshape([-1]); // (choices)
        const { labels, choiceOffsets, labelRows } = batch.extra;
        if (!labels) return { logits };
        return { loss: loss.segmentCrossEntropy(logits, choiceOffsets, labels, labelRows), logits };
      },
    };
  },
});

export const questionAnswering = (dropoutOf: DropoutOf): HeadKind => ({
  pooler: false,
  make(store, encoder, config) {
    const p = dropoutOf(config, encoder);
    const outputs = new Linear(store, "qa_outputs", encoder.sizes.hidden, 2, headInit(config));
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
      forward({ hidden }, batch, training) {
        const both = outputs.forward(headDropout(hidden, p, training)); // (T, 2)
        const startLogits = both.slice(0, 1, 1).reshape([-1]); // (T)
        const endLogits = both.slice(1, 2, 1).reshape([-1]);
        const { startPositions, endPositions } = batch.extra;
        const loss = startPositions && spanLoss(startLogits, endLogits, batch, startPositions, endPositions);
        return { loss, startLogits, endLogits };
      },
    };
  },
});

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
