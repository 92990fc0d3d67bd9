// What a task head is, whatever its task and family.
import type { ParameterStore } from "../nn/parameter.js";
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
  | "LMHeadModel"
  | "ForNextSentencePrediction"
  | "ForSequenceClassification"
  | "ForTokenClassification"
  | "ForMultipleChoice"
  | "ForQuestionAnswering";

/** Named outputs; `logits` is there for every head but the bare model and question answering. */
export type HeadOutput = Record<string, Tensor | undefined>;

export interface Head {
  /** Whether it reads the hidden states of all layers. */
  readonly hiddenStates?: boolean;
  /** Which options its loss has; none when left out. */
  readonly lossOptions?: readonly LossOption[];
  collate(examples: readonly Example[], device: string): BatchLabels;
  forward(encoded: EncoderOutput, batch: Batch, training: boolean, loss: HeadLoss): HeadOutput;
}

export interface HeadKind {
  /** Whether the encoder needs its pooler, if the family has one. */
  pooler: boolean;
  make(store: ParameterStore, encoder: Encoder, config: ModelConfig): Head;
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
