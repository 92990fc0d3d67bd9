// Every case of the shared fixtures: Hugging Face tokenizers 0.23.2, transformers 5.18.0 (BertTokenizer,
// GPT2Tokenizer, T5Tokenizer).

import { beforeAll, describe, expect, test } from "@jest/globals";

import { type BatchOptions, Tokenizer } from "../../src/tokenizers/index.js";
import { loadFamily } from "./sentencepiece-folder.js";
import { bert, expectError, gpt2, plain, readJson, toUtf16 } from "./support.js";

type Pairs = [number, number][];
type Nullable = (number | null)[];

interface Described {
  ids: number[];
  tokens: string[];
  offsets: Pairs;
  utf16?: Pairs;
  type_ids?: number[];
  attention_mask?: number[];
  special_tokens_mask: number[];
  word_ids: Nullable;
  sequence_ids?: Nullable;
}

interface Text extends Described {
  text: string;
  decoded: string;
  decoded_skip_special: string;
  decoded_clean_up?: string;
}

interface Truncated {
  text: string;
  pair: string | null;
  max_length: number;
  stride: number;
  strategy: "longest_first" | "only_first" | "only_second";
  direction: "left" | "right";
  first: { ids: number[]; offsets: Pairs; sequence_ids: Nullable; type_ids: number[] };
  overflowing: { ids: number[]; offsets: Pairs }[];
  error?: string;
}

interface Windows {
  question: string;
  context: string;
  max_length: number;
  stride: number;
  windows: {
    ids: number[];
    attention_mask: number[];
    type_ids: number[];
    offsets: Pairs;
    sequence_ids: Nullable;
  }[];
}

interface Padded {
  texts: string[];
  side: "left" | "right";
  pad_to_multiple_of: number | null;
  ids: number[][];
  attention_mask: number[][];
  type_ids: number[][];
}

interface Fixture {
  vocabulary: string;
  options: { do_lower_case?: boolean; add_prefix_space?: boolean };
  vocabulary_size: number;
  special_tokens: Record<string, string>;
  strings: Text[];
  pairs: (Described & { text: string; pair: string })[];
  without_special: { text: string; ids: number[] }[];
  truncated: Truncated[];
  windows: Windows[];
  padded: Padded[];
}

// Trivial fields are left out of the fixtures
function expected(described: Described, texts: string[]) {
  const { ids, tokens } = described;
  const zeros = ids.map(() => 0);
  const sequenceIds =
    described.sequence_ids ?? described.special_tokens_mask.map((mask) => (mask ? null : 0));
  const offsets = toUtf16(described.offsets.flat(), sequenceIds, texts);
  if (described.utf16) expect(offsets).toEqual(described.utf16.flat());
  return {
    ids,
    tokens,
    offsets,
    sequenceIds,
    typeIds: described.type_ids ?? zeros,
    attentionMask: described.attention_mask ?? ids.map(() => 1),
    specialTokensMask: described.special_tokens_mask,
    wordIds: described.word_ids,
  };
}

const NAMES = [
  "bert-base-uncased",
  "bert-base-cased",
  "bert-base-chinese",
  "bert-base-chinese-lower",
  "gpt2",
  "gpt2-prefix-space",
  "t5",
];

async function load({ vocabulary, options }: Fixture): Promise<Tokenizer> {
  if (vocabulary === "t5") return await loadFamily("t5");
  if (vocabulary !== "gpt2") return bert(vocabulary, { doLowerCase: options.do_lower_case });
  return await gpt2({ addPrefixSpace: options.add_prefix_space });
}

// The same tokenizer where it can pad: GPT-2 has no token for that, and the fixtures pad with id 0.
async function padding(fixture: Fixture): Promise<Tokenizer> {
  const tokenizer = await load(fixture);
  if (tokenizer.padTokenId !== null) return tokenizer;
  const how = { strategy: "BatchLongest", direction: "Right", pad_id: 0, pad_type_id: 0, pad_token: "!" };
  return Tokenizer.fromJson({ ...(tokenizer.toJson() as object), padding: how });
}

describe.each(NAMES)("%s", (name) => {
  const fixture = readJson<Fixture>(`tokenizers/${name}.json.gz`);
  let tokenizer: Tokenizer;

  beforeAll(async () => {
    tokenizer = await load(fixture);
  });

  test("vocabulary and special tokens", () => {
    expect(tokenizer.vocabSize).toBe(fixture.vocabulary_size);
    for (const role of ["bos", "eos", "unk", "pad", "cls", "sep", "mask"] as const) {
      const token = fixture.special_tokens[`${role}_token`];
      const id = tokenizer[`${role}TokenId`];
      expect({ role, token: id === null ? undefined : tokenizer.idToToken(id) }).toEqual({ role, token });
    }
    expect(tokenizer.tokenToId("not a token")).toBeNull();
    expect(tokenizer.idToToken(fixture.vocabulary_size)).toBeUndefined();
  });

  test("strings, in every field", () => {
    expect(fixture.strings.length).toBe(159);
    for (const item of fixture.strings) {
      expect({ text: item.text, ...plain(tokenizer.encode(item.text)) }).toEqual({
        text: item.text,
        ...expected(item, [item.text]),
      });
    }
  });

  test("decoding", () => {
    for (const item of fixture.strings) {
      expect(tokenizer.decode(item.ids)).toBe(item.decoded);
      expect(tokenizer.decode(item.ids, { skipSpecialTokens: true })).toBe(item.decoded_skip_special);
      const cleaned = tokenizer.decode(item.ids, {
        skipSpecialTokens: true,
        cleanUpTokenizationSpaces: true,
      });
      expect(cleaned).toBe(item.decoded_clean_up ?? item.decoded_skip_special);
    }
    expect(tokenizer.decodeBatch(fixture.strings.map((item) => Int32Array.from(item.ids)))).toEqual(
      fixture.strings.map((item) => item.decoded),
    );
  });

  test("pairs", () => {
    expect(fixture.pairs.length).toBe(9);
    for (const item of fixture.pairs) {
      const wanted = expected(item, [item.text, item.pair]);
      expect(plain(tokenizer.encode(item.text, { pair: item.pair }))).toEqual(wanted);
      expect(plain(tokenizer.encodeBatch([[item.text, item.pair]])[0])).toEqual(wanted);
    }
  });

  test("without special tokens", () => {
    for (const { text, ids } of fixture.without_special) {
      expect(Array.from(tokenizer.encode(text, { addSpecialTokens: false }).ids)).toEqual(ids);
    }
  });

  test("truncation with overflow", async () => {
    expect(fixture.truncated.length).toBe(124);
    for (const item of fixture.truncated) {
      const options = {
        pair: item.pair ?? undefined,
        truncation: item.strategy,
        maxLength: item.max_length,
        stride: item.stride,
        truncationSide: item.direction,
        returnOverflow: true,
        stopAtMaxLength: true,
      };
      const encode = () => tokenizer.encode(item.text, options);
      if (item.error !== undefined) {
        await expectError(
          encode,
          "ERR_ARGUMENT",
          item.error.includes("stride") ? /stride/ : /tokens to remove/,
        );
        continue;
      }
      const encoding = encode();
      const texts = [item.text, item.pair ?? ""];
      const { ids, offsets, sequenceIds, typeIds } = plain(encoding);
      expect({ ids, offsets, sequenceIds, typeIds }).toEqual({
        ids: item.first.ids,
        offsets: toUtf16(item.first.offsets.flat(), item.first.sequence_ids, texts),
        sequenceIds: item.first.sequence_ids,
        typeIds: item.first.type_ids,
      });
      expect(encoding.overflowing.map((window) => Array.from(window.ids))).toEqual(
        item.overflowing.map((window) => window.ids),
      );
      expect(encoding.overflowing.map((window) => Array.from(window.offsets))).toEqual(
        item.overflowing.map((w, i) => toUtf16(w.offsets.flat(), encoding.overflowing[i].sequenceIds, texts)),
      );
      expect(tokenizer.encode(item.text, { ...options, returnOverflow: false }).overflowing).toEqual([]);
    }
  });

  test("windows of a context under a question, padded", async () => {
    expect(fixture.windows.length).toBe(4);
    const padder = await padding(fixture);
    for (const item of fixture.windows) {
      const first = padder.encode(item.question, {
        pair: item.context,
        truncation: "only_second",
        maxLength: item.max_length,
        stride: item.stride,
        returnOverflow: true,
        stopAtMaxLength: true,
        padding: "max_length",
      });
      const found = [first, ...first.overflowing].map((window) => {
        const { ids, attentionMask, typeIds, offsets, sequenceIds } = plain(window);
        return { ids, attentionMask, typeIds, offsets, sequenceIds };
      });
      expect(found).toEqual(
        item.windows.map((window) => ({
          ids: window.ids,
          attentionMask: window.attention_mask,
          typeIds: window.type_ids,
          offsets: toUtf16(window.offsets.flat(), window.sequence_ids, [item.question, item.context]),
          sequenceIds: window.sequence_ids,
        })),
      );
    }
  });

  test("padding of batches", async () => {
    expect(fixture.padded.length).toBe(4);
    const padder = await padding(fixture);
    for (const item of fixture.padded) {
      const options: BatchOptions = { padding: "longest", paddingSide: item.side };
      if (item.pad_to_multiple_of !== null) options.padToMultipleOf = item.pad_to_multiple_of;
      for (const rows of [
        padder.encodeBatch(item.texts, options),
        await padder.encodeBatchAsync(item.texts, options),
      ]) {
        expect(rows.map((row) => Array.from(row.ids))).toEqual(item.ids);
        expect(rows.map((row) => Array.from(row.attentionMask))).toEqual(item.attention_mask);
        expect(rows.map((row) => Array.from(row.typeIds))).toEqual(item.type_ids);
      }
    }
  });
});
