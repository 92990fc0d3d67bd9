// What the main thread and its workers say to each other.

import type { ErrorCode } from "../../errors.js";
import type { TextOrPair } from "../batch.js";
import type { BatchOptions } from "../options.js";

/** Work for a thread. */
export interface Request {
  number: number;
  texts: TextOrPair[];
  options: BatchOptions;
}

/** Its outcome: packed encodings, or an error. */
export interface Reply {
  number: number;
  packed?: Int32Array;
  error?: { code: ErrorCode; message: string };
}
