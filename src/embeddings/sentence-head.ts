// The head of a sentence model: pooling, dense layers and scaling to length one, then the loss that the model has at the
// time.
import type { Batch, BatchLabels, Example } from "../models/batch.js";
import type { EncoderOutput } from "../models/encoder.js";
import type { Head, HeadOutput } from "../models/head.js";
import { type Parameter, type ParameterStore, zeros } from "../nn/parameter.js";
import { pool } from "../nn/pooling.js";
import { linear } from "../tensor/ops/linear.js";
import { l2Normalize } from "../tensor/ops/reduce.js";
import type { Tensor } from "../tensor/tensor.js";
import type { SentenceLoss } from "./losses.js";
import type { DenseModule, SentenceModules } from "./sentence-files.js";

/** A sentence whose first tokens are a prompt. */
export interface SentenceExample extends Example {
  promptLength?: number;
}

/** act(x Wᵀ + b): PATH.linear.weight (out, in), PATH.linear.bias (out). */
class Dense {
  readonly #weight: Parameter;
  readonly #bias: Parameter | undefined;

  constructor(
    store: ParameterStore,
    readonly module: DenseModule,
  ) {
    const { path, inFeatures, outFeatures, bias } = module;
    // As wide as torch.nn.Linear's uniform start.
    const init = { kind: "normal", std: 1 / Math.sqrt(3 * inFeatures) } as const;
    this.#weight = store.declare(`${path}.linear.weight`, [outFeatures, inFeatures], init, true);
    if (bias) this.#bias = store.declare(`${path}.linear.bias`, [outFeatures], zeros);
  }

  forward(x: Tensor): Tensor {
    const { tensor, scale: weightScale } = this.#weight;
    return linear(x, tensor, this.#bias?.tensor, { activation: this.module.activation, weightScale });
  }
}

export class SentenceHead implements Head {
  /** What examples with several sentences are trained by. */
  loss: SentenceLoss | undefined;
  readonly #steps: ((x: Tensor) => Tensor)[];
  // A batch holds tensors; these are numbers that pooling needs, found by the record of the batch's tensors.
  readonly #prompts = new WeakMap<object, Int32Array>();

  constructor(
    store: ParameterStore,
    readonly modules: SentenceModules,
  ) {
    this.#steps = modules.further.map((module) => {
      if (module.kind === "normalize") return (x: Tensor) => l2Normalize(x);
      const dense = new Dense(store, module);
      return (x: Tensor) => dense.forward(x);
    });
  }

  collate(examples: readonly Example[], device: string): BatchLabels {
    const several = examples.every(({ choices = [] }) => choices.length > 1);
    const { tensors, lossCount } = (several ? this.loss?.collate(examples, device) : undefined) ?? {
      tensors: {},
      lossCount: 0,
    };
    const labels = { tensors: { ...tensors }, lossCount };
    if (!this.modules.pooling.includePrompt) {
      const sentences = examples.flatMap((example): SentenceExample[] => example.choices ?? [example]);
      this.#prompts.set(
        labels.tensors,
        Int32Array.from(sentences, ({ promptLength = 0 }) => promptLength),
      );
    }
    return labels;
  }

  forward({ hidden }: EncoderOutput, batch: Batch): HeadOutput {
    const sequences = { ...batch, skipped: this.#prompts.get(batch.extra) };
    const pooled = pool(hidden, sequences, this.modules.pooling.modes); // (S, modes·C)
    const sentenceEmbedding = this.#steps.reduce((x, step) => step(x), pooled); // (S, D)
    const loss = this.loss && batch.lossCount > 0 ? this.loss.forward(sentenceEmbedding, batch) : undefined;
    return { loss, sentenceEmbedding, lastHiddenState: hidden };
  }
}
