// An encoder and a decoder that attends to it (Vaswani et al. 2017, arXiv:1706.03762, section 3.1), whatever their
// layers: how a batch goes through both, and how the decoder goes on from a cache. All tensors are ragged: S source
// tokens, T target tokens, hidden size C.
import { AthanorError } from "../errors.js";
import type { LayerRun, Memory } from "../nn/attention-layers.js";
import type { KeyValueCache } from "../nn/key-value-cache.js";
import type { Parameter } from "../nn/parameter.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Batch } from "./batch.js";
import type { CachedDecoder, Encoder, EncoderOptions, EncoderOutput } from "./encoder.js";
import type { EncoderSizes } from "./encoder-sizes.js";
import { headDropout } from "./head.js";
import { perSequence } from "./layer-stack.js";
import type { ResidualStack, StackOutput } from "./residual-stack.js";

/** One of the two. */
export interface Side {
  stack: ResidualStack;
  heads: number;
  /** Of the embeddings. */
  dropout: number;
  /**
   * i32 (T) twice -> (T, C), before dropout.
   *
   * @param counted positions count from 0, as a cache has them, whatever the model's first position is
   */
  embed(inputIds: Tensor, positionIds: Tensor, counted: boolean, tokenTypeIds?: Tensor): Tensor;
}

export interface EncoderDecoderParts {
  sizes: EncoderSizes;
  /** The decoder's. */
  words: Parameter;
  /** The encoder's: other ones, or the same. */
  inputWords: Parameter;
  encoder: Side;
  decoder: Side;
  /** Columns of the decoder's keys and values. */
  width: number;
  /** Longest source and longest target; Infinity where positions are relative. */
  positions: number;
  firstPosition?: number;
  /** Entries of the config whose layers would be left out at random while training (LayerDrop), if there are any. */
  layerDrop?: readonly string[];
}

export class EncoderDecoder implements Encoder, CachedDecoder {
  readonly sizes: EncoderSizes;
  readonly words: Parameter;
  readonly inputVocabulary: number;
  readonly positions: number;
  readonly firstPosition: number;
  readonly layers: number;
  readonly width: number;
  readonly decoder = this;

  constructor(private readonly parts: EncoderDecoderParts) {
    this.sizes = parts.sizes;
    this.words = parts.words;
    this.inputVocabulary = parts.inputWords.shape[0];
    this.positions = parts.positions;
    this.firstPosition = parts.firstPosition ?? 0;
    this.layers = parts.decoder.stack.layers.length;
    this.width = parts.width;
  }

  forward(batch: Batch, training: boolean, options: EncoderOptions): EncoderOutput {
    this.#requireAllLayers(training);
    const { encoderOutputs: given, attentions } = options;
    const target = batch.decoder ?? (given && batch);
    if (!target) {
      throw new AthanorError(
        "ERR_ARGUMENT",
        "forward: an encoder-decoder needs labels or decoderInputIds in the examples, got neither",
      );
    }
    const lists = () => (attentions ? [] : undefined);
    const encoderRun: LayerRun = { training, offsets: batch.offsets, attentions: lists() };
    const encoded: StackOutput = given
      ? { hidden: given.lastHiddenState }
      : this.#through(this.parts.encoder, batch, encoderRun, options);
    const memory: Memory = { hidden: encoded.hidden, offsets: given?.offsets ?? batch.offsets };
    const run: LayerRun = {
      training,
      offsets: target.offsets,
      memory,
      attentions: lists(),
      crossAttentions: lists(),
    };
    const decoded = this.#through(this.parts.decoder, target, run, options);
    const cut = (flat: Tensor[] | undefined, queries: Batch, { heads }: Side, keys: Batch) =>
      flat?.map((weights) => perSequence(weights, queries, heads, keys));
    const { encoder, decoder } = this.parts;
    return {
      hidden: decoded.hidden,
      others: {
        encoderLastHiddenState: encoded.hidden,
        encoderHiddenStates: encoded.hiddenStates,
        decoderHiddenStates: decoded.hiddenStates,
        encoderAttentions: given ? undefined : cut(encoderRun.attentions, batch, encoder, batch),
        decoderAttentions: cut(run.attentions, target, decoder, target),
        crossAttentions: given ? undefined : cut(run.crossAttentions, target, decoder, batch),
      },
    };
  }

  encode(batch: Batch, training: boolean): Tensor {
    this.#requireAllLayers(training);
    return this.#through(this.parts.encoder, batch, { training, offsets: batch.offsets }, {}).hidden;
  }

  keepMemory(cache: KeyValueCache, hidden: Tensor): void {
    for (const layer of this.parts.decoder.stack.layers) layer.keepMemory(cache, hidden);
  }

  decode(inputIds: Tensor, cache: KeyValueCache): Tensor {
    const { stack, embed } = this.parts.decoder;
    return stack.forward(embed(inputIds, cache.positionIds, true), { training: false, cache }).hidden;
  }

  #through(
    { embed, stack, dropout }: Side,
    tokens: Batch,
    run: LayerRun,
    options: EncoderOptions,
  ): StackOutput {
    const x = embed(tokens.inputIds, tokens.positionIds, false, tokens.tokenTypeIds);
    return stack.forward(headDropout(x, dropout, run.training), run, options);
  }

  #requireAllLayers(training: boolean): void {
    const { layerDrop = [] } = this.parts;
    if (!training || layerDrop.length === 0) return;
    throw new AthanorError(
      "ERR_ARGUMENT",
      `forward: training leaves out no layers, ${layerDrop.join(" and ")} must be 0; load the model with ` +
        `config: { ${layerDrop.map((name) => `${name}: 0`).join(", ")} }`,
    );
  }
}
