// The program of a worker thread: builds the tokenizer once, then answers requests.

import { parentPort, workerData } from "node:worker_threads";

import type { AthanorError } from "../../errors.js";
import { build, type TokenizerDefinition } from "../definition.js";
import { Tokenizer } from "../tokenizer.js";
import type { Reply, Request } from "./messages.js";
import { pack } from "./pack.js";

const definition = workerData as TokenizerDefinition;
// It neither saves nor starts threads of its own
const tokenizer = new Tokenizer({ ...build(definition), definition: () => definition, files: () => ({}) });

parentPort!.on("message", ({ number, texts, options }: Request) => {
  try {
    const packed = pack(tokenizer.encodeBatch(texts, options));
    parentPort!.postMessage({ number, packed } satisfies Reply, [packed.buffer as ArrayBuffer]);
  } catch (cause) {
    const { code = "ERR_INTERNAL", message } = cause as AthanorError;
    parentPort!.postMessage({ number, error: { code, message } } satisfies Reply);
  }
});
