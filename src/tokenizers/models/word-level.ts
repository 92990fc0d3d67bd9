// WordLevel: a word is a token, or the unknown token.

import { AthanorError } from "../../errors.js";
import type { Fields } from "../fields.js";
import type { NormalizedText } from "../normalized-text.js";
import type { Json, Model } from "../stages.js";
import type { TokenList } from "../token-list.js";
import { idsByToken, readTokens, repeatedToken, type Tokens } from "./vocabulary.js";

/** A vocabulary of whole words. */
export class WordLevel implements Model {
  readonly #tokens: Tokens;
  readonly #ids = new Map<string, number>();
  readonly #unkToken: string;

  /** @throws AthanorError ERR_TOKENIZER: see `readTokens`. */
  constructor(vocabulary: unknown, unkToken = "<unk>") {
    this.#tokens = readTokens("WordLevel", vocabulary);
    this.#unkToken = unkToken;
    for (let id = 0; id < this.#tokens.length; id++) {
      const token = this.#tokens[id];
      if (token === undefined) continue;
      const known = this.#ids.get(token);
      if (known !== undefined) throw repeatedToken("WordLevel", token, known, id);
      this.#ids.set(token, id);
    }
  }

  get size(): number {
    return this.#tokens.length;
  }

  tokenToId(token: string): number | undefined {
    return this.#ids.get(token);
  }

  idToToken(id: number): string | undefined {
    return this.#tokens[id];
  }

  tokenize(text: NormalizedText, from: number, to: number, word: number, out: TokenList): void {
    const id = this.#ids.get(text.slice(from, to)) ?? this.#ids.get(this.#unkToken);
    if (id === undefined) {
      throw new AthanorError(
        "ERR_TOKENIZER",
        `WordLevel: the vocabulary must hold the unknown token ${JSON.stringify(this.#unkToken)}, ` +
          "got a word without token",
      );
    }
    out.push(id, text.starts[from], text.ends[to - 1], word);
  }

  toJson(): Json {
    return { type: "WordLevel", vocab: idsByToken(this.#tokens), unk_token: this.#unkToken };
  }

  vocabularyFiles(): Record<string, string> {
    return { "vocab.json": JSON.stringify(idsByToken(this.#tokens)) };
  }
}

/** WordLevel of tokenizer.json. */
export function readWordLevel(fields: Fields): WordLevel {
  return new WordLevel(fields.get("vocab"), fields.string("unk_token", "<unk>"));
}
