// What a family of tokenizers is that can be loaded without tokenizer.json.

import type { Tokenizer } from "../tokenizer.js";
import type { TokenizerFolder } from "./folder.js";

/** Options of a tokenizer: those of tokenizer_config.json in camel case. Each family checks its own. */
export type FamilyOptions = Record<string, unknown>;

/** A family of tokenizers. */
export interface Family {
  /** Names of its classes, without "Fast" at the end. */
  readonly classes: readonly string[];
  /** `model_type` in config.json of the models that use it. */
  readonly modelTypes: readonly string[];
  /** The files that it cannot do without; a folder that has them, and names no class, is taken for its own. */
  readonly files: readonly string[];
  /** Builds the tokenizer. Throws ERR_TOKENIZER (files), ERR_ARGUMENT (options). */
  load(folder: TokenizerFolder, options: FamilyOptions): Promise<Tokenizer>;
}
