// The heads of encoder-decoders: target batches made of labels, and the loss of each target token.
import { AthanorError } from "../errors.js";
import type { ParameterStore } from "../nn/parameter.js";
import {
  type Batch,
  type BatchLabels,
  collateTokens,
  type Example,
  integerLabels,
  noLabels,
} from "./batch.js";
import { VocabularyHead, type VocabularyProjection } from "./causal-language-model-head.js";
import { integerOf, type ModelConfig } from "./config.js";
import type { Encoder } from "./encoder.js";
import type { HeadKind } from "./head.js";

/** What the decoder reads to say these labels: one token later, behind a start. */
export type Shift = (labels: readonly number[], config: ModelConfig) => number[];

export interface Seq2SeqLayout {
  shift: Shift;
  /** @param stored whether a checkpoint is loaded that has a tensor of this name */
  projection(
    store: ParameterStore,
    encoder: Encoder,
    config: ModelConfig,
    stored?: (name: string) => boolean,
  ): VocabularyProjection;
}

const IGNORED = -100;

/** Labels one place to the right, behind `decoder_start_token_id`; what is not counted is read as padding. */
export const shiftRight: Shift = (labels, config) => {
  const start = integerOf(config, "decoder_start_token_id", -1, 0);
  return [start, ...labels.slice(0, -1).map((label) => readable(label, config))];
};

/** mBART's: behind the last label, which names the language. */
export const shiftAround: Shift = (labels, config) => {
  const padding = integerOf(config, "pad_token_id", 1, 0);
  const read = labels.map((label) => readable(label, config));
  const last = read.filter((id) => id !== padding).pop() ?? padding;
  return [last, ...read.slice(0, -1)];
};

function readable(label: number, config: ModelConfig): number {
  return label === IGNORED ? integerOf(config, "pad_token_id", -1, 0) : label;
}

/** Logits of the next target token and their loss. */
export const conditionalGeneration = ({ shift, projection }: Seq2SeqLayout): HeadKind => ({
  pooler: false,
  make(store, encoder, config, stored) {
    const head = new VocabularyHead(projection(store, encoder, config, stored));
    return {
      lossOptions: ["labelSmoothing"],
      collate(examples, device) {
        const labels = examples.map(({ labels: own }, b) => (own === undefined ? own : targetLabels(own, b)));
        requireAllOrNone(labels, "labels");
        const inputs = examples.map((example, b) => decoderInputs(example, b, labels[b], shift, config));
        const decoder = collateTargets(inputs, encoder, device);
        if (!decoder || !labels[0]) return { ...noLabels, decoder };
        const flat = (labels as number[][]).flat();
        const lossCount = flat.filter((label) => label !== IGNORED).length;
        return { tensors: { labels: integerLabels(flat, "labels", device) }, lossCount, decoder };
      },
      vocabulary: head,
      forward: ({ hidden }, batch, _, loss) => head.outputs(hidden, batch.labels, loss),
    };
  },
});

/** No head: hidden states of both sides. @param shift where the family reads the source itself for want of a target */
export const bareEncoderDecoder = (shift?: Shift): HeadKind => ({
  pooler: false,
  make: (_, encoder, config) => ({
    collate(examples, device): BatchLabels {
      const inputs = examples.map(
        ({ decoderInputIds, inputIds, ids }) =>
          decoderInputIds ?? shift?.(Array.from(inputIds ?? ids ?? [], Number), config),
      );
      return { ...noLabels, decoder: collateTargets(inputs, encoder, device) };
    },
    forward: ({ hidden }) => ({ lastHiddenState: hidden }),
  }),
});

function targetLabels(labels: number | ArrayLike<number>, b: number): number[] {
  if (typeof labels !== "number" && labels.length > 0) return Array.from(labels, Number);
  const came = typeof labels === "number" ? "a number" : "none";
  throw fault(`example ${b}: labels must be at least one token, got ${came}`);
}

function decoderInputs(
  { decoderInputIds }: Example,
  b: number,
  labels: number[] | undefined,
  shift: Shift,
  config: ModelConfig,
): ArrayLike<number> | undefined {
  if (decoderInputIds === undefined) return labels && shift(labels, config);
  if (labels && labels.length !== decoderInputIds.length) {
    const length = decoderInputIds.length;
    throw fault(`example ${b}: labels must be ${length} long, as decoderInputIds, got ${labels.length}`);
  }
  return decoderInputIds;
}

/** The targets as a batch of their own; none where no example has one. */
function collateTargets(
  inputs: readonly (ArrayLike<number> | undefined)[],
  encoder: Encoder,
  device: string,
): Batch | undefined {
  requireAllOrNone(inputs, "decoderInputIds");
  if (!inputs[0]) return undefined;
  const { positions, firstPosition, words } = encoder;
  const limits = { positions, vocabulary: words.shape[0], firstPosition, device, what: "target tokens" };
  const examples = inputs.map((inputIds) => ({ inputIds }));
  return collateTokens(examples, limits, noLabels);
}

function requireAllOrNone(values: readonly unknown[], name: string): void {
  const missing = values.indexOf(undefined);
  if (missing < 0 || values.every((value) => value === undefined)) return;
  throw fault(`example ${missing} has no ${name}, others have`);
}

function fault(message: string): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `collate: ${message}`);
}
