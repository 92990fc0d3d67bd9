// The one error class of the package and its stable codes. Imports nothing, so that the parts that
// stand apart (tokenizers, data, metrics) can use it too.

/** Stable error codes; a message may change, a code does not. */
export const errorCodes = [
  "ERR_SHAPE",
  "ERR_DTYPE",
  "ERR_DEVICE",
  "ERR_ARGUMENT",
  "ERR_DISPOSED",
  "ERR_VERSION",
  "ERR_QUEUE_FULL",
  "ERR_OUT_OF_MEMORY",
  "ERR_CUDA",
  "ERR_CHECKPOINT",
  "ERR_TOKENIZER",
  "ERR_DATA",
  "ERR_HUB",
  "ERR_NATIVE_LOAD",
  "ERR_ABORTED",
  "ERR_INTERNAL",
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/**
 * Every error that the package throws or rejects with. Test `error.code`, not `instanceof`: errors may
 * come from another realm or another copy of the package.
 *
 * The message says who, what was needed, and what came: `layer_norm: weight must be (768), got (512)`.
 */
export class AthanorError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AthanorError";
    this.code = code;
  }
}
