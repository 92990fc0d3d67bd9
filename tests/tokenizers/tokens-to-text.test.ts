// The text of tokens that need not be in the vocabulary, and the mark of tokens inside a word.
import { expect, test } from "@jest/globals";
import { Tokenizer } from "../../src/tokenizers/index.js";
import { bert, gpt2 } from "./support.js";

test("tokens become text as ids do, unknown ones as they are", async () => {
  const wordPiece = bert();
  expect(wordPiece.tokensToText(["play", "##ground", "##s", "are", "qzxv", "."])).toBe(
    "playgrounds are qzxv.",
  );
  expect(wordPiece.tokensToText([])).toBe("");
  for (const tokenizer of [wordPiece, await gpt2()]) {
    const { ids, tokens } = tokenizer.encode("Skateboarders don't  like café 小米 😀");
    expect(tokenizer.tokensToText(tokens)).toBe(tokenizer.decode(ids));
  }
});

test("the mark of tokens inside a word, null where there is none", async () => {
  expect(bert().continuingSubwordPrefix).toBe("##");
  expect((await gpt2()).continuingSubwordPrefix).toBeNull();
  const bpe = (prefix: string | null) =>
    Tokenizer.fromJson({
      model: {
        ...{ type: "BPE", vocab: { a: 0, "@@b": 1, "a@@b": 2 }, merges: [] },
        continuing_subword_prefix: prefix,
      },
    });
  expect(bpe("@@").continuingSubwordPrefix).toBe("@@");
  // As in the reference, an empty mark is none.
  expect(bpe("").continuingSubwordPrefix).toBeNull();
  expect(bpe(null).continuingSubwordPrefix).toBeNull();
});
