// The heads of generative models: logits over the vocabulary from the word embeddings or a layer of its own, and the
// loss of the next token, of which (T, V) logits are never stored.
import type { Parameter, ParameterStore, WeightType } from "../nn/parameter.js";
import { mul } from "../tensor/ops/elementwise.js";
import { linear, quantizeRows } from "../tensor/ops/linear.js";
import { cast } from "../tensor/ops/shape.js";
import { noGrad, untracked } from "../tensor/scope.js";
import type { Tensor } from "../tensor/tensor.js";
import {
  type BatchLabels,
  collateTokenLabels,
  type Example,
  integerLabels,
  nextLabels,
  noLabels,
} from "./batch.js";
import { headInit, type ModelConfig } from "./config.js";
import type { Encoder } from "./encoder.js";
import type { HeadKind, HeadOutput } from "./head.js";
import { makeWhenRead } from "./lazy-outputs.js";
import type { HeadLoss } from "./loss-options.js";

/** What is between hidden states and logits. */
export interface VocabularyProjection {
  /** (V, C) */
  weight: Parameter;
  /** (V) or (1, V) */
  bias?: Parameter;
  /** Multiplies x weightᵀ. */
  scale?: number;
  /** What is projected, where that is not the hidden states: (T, C) -> (T, C). */
  features?(hidden: Tensor): Tensor;
}

export class VocabularyHead {
  /** The word embeddings in fewer bits, where the layer is tied to them: look-ups need them in f32. */
  #reduced: { weight: Tensor; scale?: Tensor } | undefined;

  constructor(private readonly projection: VocabularyProjection) {}

  /** hidden (T, C) -> (T, V) */
  logits(hidden: Tensor): Tensor {
    const { weight, bias, scale = 1, features } = this.projection;
    const made = features ? features(hidden) : hidden;
    const x = scale === 1 ? made : mul(made, scale);
    const { weight: used, scale: weightScale } = this.#reduced ?? {
      weight: weight.tensor,
      scale: weight.scale,
    };
    return linear(x, used, bias?.tensor.reshape([-1]), { weightScale });
  }

  /** For inference: logits are made with a copy of tied weights in fewer bits, which is read at every token. */
  reduce(type: Exclude<WeightType, "f32">): void {
    const { weight } = this.projection;
    this.dispose();
    // Not tied: reduced as other weights are. On a GPU in bf16 all tensors are.
    if (weight.isWeight || weight.tensor.dtype !== "f32") return;
    this.#reduced = untracked(() =>
      noGrad(() => {
        if (type === "bf16") return { weight: cast(weight.tensor, "bf16") };
        const { values, scale } = quantizeRows(weight.tensor);
        return { weight: values, scale };
      }),
    );
  }

  dispose(): void {
    this.#reduced?.weight.dispose();
    this.#reduced?.scale?.dispose();
    this.#reduced = undefined;
  }

  /** The mean over the rows whose label is not -100: labels i32 (T). */
  loss(hidden: Tensor, labels: Tensor, loss: HeadLoss): Tensor {
    const { weight, bias, scale, features } = this.projection;
    const options = { bias: bias?.tensor.reshape([-1]), scale };
    const x = features ? features(hidden) : hidden;
    return loss.linearCrossEntropy(x, weight.tensor, labels, options);
  }

  /** The loss where there are labels; the logits are then made when somebody reads them. */
  outputs(hidden: Tensor, labels: Tensor | undefined, loss: HeadLoss): HeadOutput {
    const output: HeadOutput = { lastHiddenState: hidden };
    if (!labels) return { ...output, logits: this.logits(hidden) };
    output.loss = this.loss(hidden, labels, loss);
    makeWhenRead(output, ["logits"], () => this.logits(hidden));
    return output;
  }
}

/** Each token's label is the next token's: those of a sequence's first token, and -100, count nowhere. */
export const causalLanguageModel: HeadKind = {
  pooler: false,
  make(store, encoder, config) {
    const head = new VocabularyHead({ weight: outputLayer(store, encoder, config) });
    return {
      lossOptions: ["labelSmoothing"],
      collate: collateNextTokens,
      vocabulary: head,
      forward: ({ hidden }, batch, _, loss) => head.outputs(hidden, batch.extra.nextLabels, loss),
    };
  },
};

function outputLayer(store: ParameterStore, encoder: Encoder, config: ModelConfig): Parameter {
  if (config.tie_word_embeddings !== false) return encoder.words;
  const { vocabulary, hidden } = encoder.sizes;
  return store.declare("lm_head.weight", [vocabulary, hidden], headInit(config), true);
}

/** Labels as they are, and those of the next tokens, -100 for the last one of a sequence. */
function collateNextTokens(examples: readonly Example[], device: string): BatchLabels {
  const { tensors } = collateTokenLabels(examples, device);
  if (!tensors.labels) return noLabels;
  const next = examples.flatMap(({ labels }) => nextLabels(Array.from(labels as ArrayLike<number>, Number)));
  const lossCount = next.filter((label) => label !== -100).length;
  return { tensors: { ...tensors, nextLabels: integerLabels(next, "labels", device) }, lossCount };
}
