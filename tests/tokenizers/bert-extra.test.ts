// Text given as words, added tokens, windows at both sides: Hugging Face tokenizers 0.23.2, transformers
// 5.18.0 (tests/fixtures/tokenizers/make_bert_extra.py).

import { describe, expect, test } from "@jest/globals";

import { type AddedTokenOptions, BertTokenizer, type Encoding } from "../../src/tokenizers/index.js";
import { bert, expectError, plain, readJson, vocabulary } from "./support.js";

interface Shown {
  ids: number[];
  typeIds: number[];
  specialTokensMask: number[];
  tokens: string[];
  offsets: number[];
  wordIds: (number | null)[];
  sequenceIds: (number | null)[];
}

interface Extra {
  words: (Shown & { words: string[]; pair: string[] | null })[];
  added: {
    added: (Omit<AddedTokenOptions, "singleWord"> & { single_word?: boolean })[];
    size: number;
    strings: (Shown & { text: string })[];
  }[];
  stopped: Windows[];
  complete: Windows[];
}

interface Windows {
  text: string;
  pair: string | null;
  max_length: number;
  stride: number;
  strategy: "longest_first" | "only_first" | "only_second";
  direction: "left" | "right";
  windows?: Partial<Shown>[];
  error?: string;
}

const extra = readJson<Extra>("tokenizers/bert-extra.json.gz");

function shown(encoding: Encoding): Shown {
  const { attentionMask, ...rest } = plain(encoding);
  expect(attentionMask.every((mask) => mask === 1)).toBe(true);
  return rest;
}

describe("text given as words", () => {
  test("singly, in batches and on another thread", async () => {
    for (const { words, pair, ...wanted } of extra.words) {
      expect(shown(bert().encode(words, { pair: pair ?? undefined }))).toEqual(wanted);
      const entry = pair === null ? words : ([words, pair] as [string[], string[]]);
      expect(shown(bert().encodeBatch([entry], { isSplitIntoWords: true })[0])).toEqual(wanted);
      const later = await bert().encodeBatchAsync([entry], { isSplitIntoWords: true });
      expect(shown(later[0])).toEqual(wanted);
    }
  });
});

describe("added tokens", () => {
  test.each(extra.added.map((item) => [JSON.stringify(item.added), item] as const))("%s", (_, item) => {
    const addedTokens = item.added.map(({ single_word: singleWord, ...rest }) => ({ ...rest, singleWord }));
    const tokenizer = BertTokenizer.fromVocabulary(vocabulary("bert-base-uncased"), { addedTokens });
    expect(tokenizer.vocabSize).toBe(item.size);
    for (const { text, ...wanted } of item.strings) {
      expect(shown(tokenizer.encode(text))).toEqual(wanted);
    }
  });

  test("are decoded, and left out where they are special", () => {
    const tokenizer = BertTokenizer.fromVocabulary(vocabulary("bert-base-uncased"), {
      addedTokens: ["word", { content: "[X]", special: true }, "Newword"],
    });
    expect(tokenizer.vocabSize).toBe(30524);
    expect(tokenizer.idToToken(30522)).toBe("[X]");
    expect(tokenizer.tokenToId("Newword")).toBe(30523);
    const { ids } = tokenizer.encode("my newword[X]word");
    expect(tokenizer.decode(ids)).toBe("[CLS] my newword [X] word [SEP]");
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe("my newword word");
  });
});

describe("windows of random texts and pairs", () => {
  test.each(["stopped", "complete"] as const)("%s", async (kind) => {
    expect(extra[kind].length).toBe(300);
    for (const item of extra[kind]) {
      const encode = () =>
        bert().encode(item.text, {
          pair: item.pair ?? undefined,
          truncation: item.strategy,
          maxLength: item.max_length,
          stride: item.stride,
          truncationSide: item.direction,
          returnOverflow: true,
          stopAtMaxLength: kind === "stopped",
        });
      if (item.error !== undefined) {
        await expectError(
          encode,
          "ERR_ARGUMENT",
          item.error.includes("stride") ? /stride/ : /tokens to remove/,
        );
      } else {
        const first = encode();
        // Stopping at the left is the library's own: there only the first window is compared
        const windows =
          kind === "stopped" && item.direction === "left" ? [first] : [first, ...first.overflowing];
        const found = windows.map(shown);
        // "complete" lacks types and sequences: the library loses them on the way
        const wanted = item.windows!.map((window, i) => ({ ...found[i], ...window }));
        expect({ item, found }).toEqual({ item, found: wanted });
        for (const { typeIds, sequenceIds, specialTokensMask } of found) {
          const types = typeIds.map((type, i) => (specialTokensMask[i] === 1 ? null : type));
          expect(sequenceIds).toEqual(types);
          expect(typeIds).toEqual(typeIds.toSorted());
        }
      }
    }
  });

  test("what is truncated does not depend on whether the overflow is asked for", () => {
    for (const item of [...extra.stopped, ...extra.complete]) {
      if (item.error !== undefined) continue;
      const options = {
        pair: item.pair ?? undefined,
        truncation: item.strategy,
        maxLength: item.max_length,
        truncationSide: item.direction,
      };
      const short = bert().encode(item.text, options);
      expect(short.overflowing).toEqual([]);
      expect(shown(short)).toEqual(shown(bert().encode(item.text, { ...options, returnOverflow: true })));
    }
  });

  test("reach the end of the text", () => {
    const text = "unaffable ".repeat(300);
    const first = bert().encode(text, {
      maxLength: 32,
      stride: 8,
      truncation: "longest_first",
      returnOverflow: true,
    });
    const last = first.overflowing[first.overflowing.length - 1];
    expect(first.overflowing.length).toBe(40);
    expect(last.offsets[2 * last.length - 3]).toBe(text.length - 1);
  });
});
