// What a task head is, whatever its task and family.
import type { ParameterStore, WeightType } from "../nn/parameter.js";
import { dropout } from "../tensor/ops/norm.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Batch, BatchLabels, Example } from "./batch.js";
import { type ModelConfig, numberOf } from "./config.js";
import type { Encoder, EncoderOutput } from "./encoder.js";
import type { HeadLoss, LossOption } from "./loss-options.js";

/** The heads, by what their class is called after the family's name. */
export type HeadName =
  | "Model"
  | "ForPreTraining"
  | "ForMaskedLM"
  | "ForNextSentencePrediction"
  | "ForSequenceClassification"
  | "ForTokenClassification"
  | "ForMultipleChoice"
  | "ForQuestionAnswering"
  | "ForCausalLM"
  | "ForSeq2SeqLM";

/** Named outputs; `logits` is there for every head but the bare model and question answering. */
export type HeadOutput = Record<string, Tensor | undefined>;

/** Logits over a vocabulary, and their weights in fewer bits. */
export interface VocabularyLogits {
  /** hidden (N, C) -> (N, V) */
  logits(hidden: Tensor): Tensor;
  /** Also after the model was moved. */
  reduce(type: Exclude<WeightType, "f32">): void;
  dispose(): void;
}

export interface Head {
  /** Whether it reads the hidden states of all layers. */
  readonly hiddenStates?: boolean;
  /** Which options its loss has; none when left out. */
  readonly lossOptions?: readonly LossOption[];
  collate(examples: readonly Example[], device: string): BatchLabels;
  /** Heads of models that generate: what makes logits of hidden states. */
  readonly vocabulary?: VocabularyLogits;
  forward(encoded: EncoderOutput, batch: Batch, training: boolean, loss: HeadLoss): HeadOutput;
}

export interface HeadKind {
  /** Whether the encoder needs its pooler, if the family has one. */
  pooler: boolean;
  /** @param stored whether a checkpoint is loaded that has a tensor of this name */
  make(
    store: ParameterStore,
    encoder: Encoder,
    config: ModelConfig,
    stored?: (name: string) => boolean,
  ): Head;
}

/** A head that is in no family's table. */
export interface NamedHead {
  /** After the family's name: ForTagging. */
  name: string;
  kind: HeadKind;
}

/** A name stands for that head: what Transformers' Auto class gives for the family. */
export type FamilyHeads = Partial<Record<HeadName, HeadKind | HeadName>>;

/** A probability of dropout that a config holds. */
export type DropoutOf = (config: ModelConfig, encoder: Encoder) => number;

/** The entry of a config, else `fallback`, else the dropout between layers. */
export function dropoutEntry(name: string, fallback?: number): DropoutOf {
  return (config, { sizes }) => numberOf(config, name, fallback ?? sizes.hiddenDropout, 0, 1);
}

export const hiddenDropout: DropoutOf = (_, { sizes }) => sizes.hiddenDropout;
export const noDropout: DropoutOf = () => 0;

export function headDropout(x: Tensor, p: number, training: boolean): Tensor {
  return training && p > 0 ? dropout(x, p) : x;
}
