// The layers, for heads of one's own (docs/extending.md). Each declares its parameters by name in the store that a
// head's constructor is given.
export {
  type AttentionOptions,
  type AttentionOutput,
  type AttentionSizes,
  CrossAttention,
  SelfAttention,
  type SelfAttentionNames,
} from "./attention.js";
export { Crf, type CrfOptions } from "./crf.js";
export { Dropout, Embedding, FeedForward, LayerNorm, Linear } from "./layers.js";
export { Lstm, type LstmOutput, type LstmShape } from "./lstm.js";
export { type Init, ones, type Parameter, ParameterStore, usualInit, zeros } from "./parameter.js";
