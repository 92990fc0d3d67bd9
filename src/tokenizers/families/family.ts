// What a family of tokenizers is that can be loaded without tokenizer.json.

import type { TokenizerSource } from "../source.js";
import type { Tokenizer } from "../tokenizer.js";
import type { TokenizerFolder } from "./folder.js";
import type { OptionKind } from "./options.js";

/** Options of a tokenizer: those of tokenizer_config.json in camel case. Each family checks its own. */
export type FamilyOptions = Record<string, unknown>;

/** What a family knows of its tokenizers that tokenizer.json cannot say. */
export interface JsonAdjustment {
  /** Its own options. */
  readonly options: Readonly<Record<string, OptionKind>>;
  adjust(source: TokenizerSource, folder: TokenizerFolder, options: FamilyOptions): TokenizerSource;
}

/** A family of tokenizers. */
export interface Family {
  /** Names of its classes, without "Fast" at the end. */
  readonly classes: readonly string[];
  /** `model_type` in config.json of the models that use it. */
  readonly modelTypes: readonly string[];
  /**
   * The files that it cannot do without; a folder that has them, and names no class, is taken for its own.
   */
  readonly files: readonly string[];
  /** For a folder with a tokenizer.json whose tokenizer_config.json names a class of the family. */
  readonly json?: JsonAdjustment;
  /** Builds the tokenizer. Throws ERR_TOKENIZER (files), ERR_ARGUMENT (options). */
  load(folder: TokenizerFolder, options: FamilyOptions): Promise<Tokenizer>;
}
