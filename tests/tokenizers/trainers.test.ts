// Trained vocabularies: BPE and WordPiece equal to those of the trainers of tokenizers 0.23.2 on a text whose
// counts leave no choice; Unigram by its properties.

import { expect, test } from "@jest/globals";

import { Tokenizer, trainBpe, trainUnigram, trainWordPiece } from "../../src/tokenizers/index.js";
import { expectError, readJson } from "./support.js";

interface Learned {
  tokens: string[];
  merges: [string, string][] | null;
}

const { lines, trained } = readJson<{ lines: string[]; trained: Record<string, Learned> }>(
  "tokenizers/sentencepiece.json.gz",
);

test("BPE: the same tokens and merges, in order", async () => {
  const { tokens, merges } = await trainBpe(lines, { vocabSize: 300, specialTokens: ["[UNK]"] });
  expect(tokens).toEqual(trained.bpe.tokens);
  expect(merges).toEqual(trained.bpe.merges);
});

test("BPE with a mark at the end of words and a least frequency", async () => {
  const options = { vocabSize: 300, endOfWordSuffix: "</w>", minFrequency: 3 };
  const { tokens } = await trainBpe(lines, options);
  expect(tokens.toSorted()).toEqual(trained.bpe_suffix.tokens.toSorted());
});

test("WordPiece: the same tokens; the ids of marked characters are ours", async () => {
  const { tokens, model } = await trainWordPiece(lines, { vocabSize: 300, specialTokens: ["[UNK]"] });
  expect(tokens.toSorted()).toEqual(trained.wordpiece.tokens.toSorted());
  const tokenizer = Tokenizer.fromJson({ version: "1.0", model });
  expect(tokenizer.encode("katomi").tokens.join("").replaceAll("##", "")).toBe("katomi");
});

test("Unigram: size, every character, scores in order, and a text likelier than by characters", async () => {
  const { pieces, model } = await trainUnigram(lines, { vocabSize: 200 });
  expect(pieces.length).toBe(200);
  expect(pieces[0]).toEqual(["<unk>", 0]);
  const known = new Set(pieces.map(([piece]) => piece));
  for (const character of new Set(lines.join("").replaceAll(" ", "\u2581")))
    expect(known).toContain(character);
  const scores = pieces.slice(1).map(([, score]) => score);
  expect(scores).toEqual(scores.toSorted((a, b) => b - a));
  const sum = pieces.slice(1).reduce((total, [, score]) => total + Math.exp(score), 0);
  expect(sum).toBeGreaterThan(0.9);
  expect(sum).toBeLessThanOrEqual(1.001);
  const metaspace = { type: "Metaspace", replacement: "\u2581", prepend_scheme: "always", split: true };
  const pre_tokenizer = { type: "Sequence", pretokenizers: [{ type: "WhitespaceSplit" }, metaspace] };
  const tokenizer = Tokenizer.fromJson({ version: "1.0", pre_tokenizer, decoder: metaspace, model });
  const { ids } = tokenizer.encode(lines[0]);
  expect(ids.length).toBeLessThan(0.5 * lines[0].length);
  expect(Array.from(ids)).not.toContain(0);
  expect(tokenizer.decode(ids)).toBe(lines[0]);
});

test("the same texts give the same vocabulary, whatever the order", async () => {
  const options = { vocabSize: 150 };
  const backwards = lines.toReversed();
  expect((await trainWordPiece(backwards, options)).tokens).toEqual(
    (await trainWordPiece(lines, options)).tokens,
  );
  expect((await trainUnigram(lines, options)).pieces).toEqual((await trainUnigram(lines, options)).pieces);
});

test("progress, other work in between, and an end on request", async () => {
  const stages = new Set<string>();
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  await trainUnigram(lines, { vocabSize: 200, onProgress: ({ stage }) => stages.add(stage) });
  clearInterval(timer);
  expect([...stages]).toEqual(
    expect.arrayContaining(["count words", "find substrings", "estimate", "prune"]),
  );
  expect(ticks).toBeGreaterThan(5);
  const controller = new AbortController();
  const stop = { vocabSize: 200, signal: controller.signal };
  const training = trainUnigram(lines, { ...stop, onProgress: () => controller.abort() });
  await expectError(() => training, "ERR_ABORTED", /trainUnigram/);
  await expectError(() => trainBpe(lines, stop), "ERR_ABORTED", /trainBpe/);
});

test("misuse", async () => {
  const wrong = (call: () => unknown, message: RegExp) => expectError(call, "ERR_ARGUMENT", message);
  await wrong(() => trainBpe("text" as never), /texts must be many texts/);
  await wrong(() => trainBpe([1] as never), /texts\[0\] must be a string/);
  await wrong(() => trainBpe([" ", ""]), /at least one word/);
  await wrong(() => trainBpe(["a"], { vocabSize: 0 }), /vocabSize must be an integer/);
  await wrong(
    () => trainWordPiece(["a"], { specialTokens: ["<s>"] }),
    /specialTokens must be a list with "\[UNK\]"/,
  );
  await wrong(() => trainUnigram(["abc"], { vocabSize: 3 }), /vocabSize must be at least 5/);
  await wrong(() => trainUnigram(["abc"], { shrinkingFactor: 1 }), /shrinkingFactor/);
});
