// A model as a search sees it: next-token logits from a cache of keys and values, or from whole sequences each time.
import type { GenerativeModel } from "../generation/generate.js";
import type { Admitted, NextTokenModel, Source } from "../generation/next-token-model.js";
import type { CacheSequence, KeyValueCache } from "../nn/key-value-cache.js";
import { cast, gatherRows } from "../tensor/ops/shape.js";
import { computed, untracked } from "../tensor/scope.js";
import { type Tensor, tensor } from "../tensor/tensor.js";
import type { Example } from "./batch.js";
import { concatenated } from "./batch.js";
import type { EncoderOutputs } from "./encoder.js";
import type { Model } from "./model.js";

export interface GenerativeShape {
  vocabulary: number;
  /** Of an encoder's input. */
  inputVocabulary: number;
  isEncoderDecoder: boolean;
}

/** What model.generate gives to the searches. */
export function generativeModel(model: Model, shape: GenerativeShape): GenerativeModel {
  const { vocabulary, inputVocabulary, isEncoderDecoder } = shape;
  return {
    generationConfig: model.generationConfig,
    isEncoderDecoder,
    vocabulary,
    inputVocabulary,
    inputPositions: model.maxLength,
    decoderPositions: model.maxTargetLength,
    nextTokens: (useCache, tokens) =>
      (useCache
        ? new CachedTokens(model, shape, tokens)
        : new WholeSequences(model, shape)) as NextTokenModel<unknown>,
  };
}

/** Runs `fn` as inference: without gradients and dropout, all but the result freed. */
function inference<T>(model: Model, fn: () => T): T {
  const { training } = model;
  model.training = false;
  try {
    return computed(fn);
  } finally {
    model.training = training;
  }
}

function integers(values: ArrayLike<number>, model: Model): Tensor {
  return tensor(Int32Array.from(values), [values.length], { device: model.device as "cpu" });
}

/** Rows that a cache has at once, where so many may be needed; it grows beyond. */
const mostFirstRows = 2048;

class CachedTokens implements NextTokenModel<CacheSequence> {
  readonly vocabulary: number;
  readonly #cache: KeyValueCache;
  /** Of the sources admitted last, until a step has kept their keys and values. */
  #encoded: EncoderOutputs | undefined;

  constructor(
    private readonly model: Model,
    private readonly shape: GenerativeShape,
    tokens: number,
  ) {
    this.vocabulary = shape.vocabulary;
    this.#cache = untracked(() => model.createCache({ rows: Math.min(tokens, mostFirstRows) }));
  }

  admit(sources: readonly Source[]): Admitted<CacheSequence>[] {
    const cache = this.#cache;
    const lengths = this.shape.isEncoderDecoder ? this.#encode(sources) : sources.map(() => 0);
    return cache.admit(lengths).map((place) => ({
      state: cache.start(place),
      release: () => cache.release(place),
    }));
  }

  #encode(sources: readonly Source[]): number[] {
    const { model } = this;
    this.#encoded = inference(model, () => {
      const batch = model.collate(sources.map(({ inputIds }) => ({ inputIds })));
      return model.encode(batch);
    });
    return this.#encoded.lengths;
  }

  fork(state: CacheSequence): CacheSequence {
    return state.fork();
  }

  drop(state: CacheSequence): void {
    state.drop();
  }

  step(states: readonly CacheSequence[], tokens: readonly Int32Array[]): Tensor {
    const counts = tokens.map(({ length }) => length);
    return this.#forward(states, counts, () => integers(concatenated(tokens), this.model));
  }

  stepAhead(states: readonly CacheSequence[], tokens: Tensor): Tensor {
    const counts = states.map(() => 1);
    return this.#forward(states, counts, () => tokens);
  }

  #forward(states: readonly CacheSequence[], counts: readonly number[], inputIds: () => Tensor): Tensor {
    const cache = this.#cache;
    cache.begin(states, counts);
    try {
      return inference(this.model, () => {
        const batch = { inputIds: inputIds() };
        const { logits } = this.model.forward(batch, { cache, encoderOutputs: this.#encoded });
        return cast(logits, "f32");
      });
    } finally {
      this.#forgetEncoded();
      cache.end();
    }
  }

  #forgetEncoded(): void {
    this.#encoded?.lastHiddenState.dispose();
    this.#encoded?.offsets.dispose();
    this.#encoded = undefined;
  }

  dispose(): void {
    this.#forgetEncoded();
    this.#cache.dispose();
  }
}

interface Whole {
  source: Source;
  tokens: number[];
}

/** Computes every sequence anew for each of its tokens: slow, and a referee for the cache. */
class WholeSequences implements NextTokenModel<Whole> {
  readonly vocabulary: number;

  constructor(
    private readonly model: Model,
    private readonly shape: GenerativeShape,
  ) {
    this.vocabulary = shape.vocabulary;
  }

  admit(sources: readonly Source[]): Admitted<Whole>[] {
    return sources.map((source) => ({ state: { source, tokens: [] }, release: () => {} }));
  }

  fork({ source, tokens }: Whole): Whole {
    return { source, tokens: [...tokens] };
  }

  drop(): void {}

  step(states: readonly Whole[], tokens: readonly Int32Array[]): Tensor {
    const { model } = this;
    states.forEach((state, i) => {
      state.tokens.push(...tokens[i]);
    });
    const examples = states.map(({ source, tokens: all }) => {
      const { inputIds } = source;
      return (
        this.shape.isEncoderDecoder ? { inputIds, decoderInputIds: all } : { inputIds: all }
      ) as Example;
    });
    let end = -1;
    const last = states.map(({ tokens: all }) => {
      end += all.length;
      return end;
    });
    return inference(model, () => {
      const { logits } = model.forward(model.collate(examples));
      return cast(gatherRows(logits, integers(last, model)), "f32");
    });
  }

  dispose(): void {}
}
