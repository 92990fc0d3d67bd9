// Tokenizers whose texts carry a code of their language (mBART, mBART-50): what surrounds them.

import { Fields } from "./fields.js";
import { readPostProcessor } from "./registry.js";
import type { Json, PostProcessor } from "./stages.js";

/** The languages of a tokenizer: plain data. */
export interface Languages {
  /** What surrounds a text, by the code of its language: a stage of tokenizer.json. */
  readonly templates: Readonly<Record<string, Json>>;
  /** The language of texts for which a call says none. */
  readonly srcLang: string;
  /** The language of target text, where the files or options say one; otherwise it is that of texts. */
  readonly tgtLang: string | null;
}

/** The template of target text. */
export function targetTemplate({ templates, srcLang, tgtLang }: Languages): Json {
  return templates[tgtLang ?? srcLang];
}

/** The post-processors of all languages. */
export function languageProcessors(languages: Languages | undefined): ReadonlyMap<string, PostProcessor> {
  const entries = Object.entries(languages?.templates ?? {});
  return new Map(
    entries.map(([code, json]) => [code, readPostProcessor(new Fields(`language ${code}`, json))]),
  );
}
