// Pre-training: documents, pairs and their shares, what a model learns from them.
import { describe, expect, test } from "@jest/globals";
import { AutoModelForPreTraining, type Example, type Model } from "../../src/models/index.js";
import { type PreTrainingOptions, preTraining } from "../../src/tasks/index.js";
import { documentTexts } from "../../src/tasks/pre-training/documents.js";
import { type Sentence, sentencePairs } from "../../src/tasks/pre-training/pairs.js";
import { type MaskableExample, Random, Trainer } from "../../src/training/index.js";
import { errorOf } from "../data/temporary.js";
import { uniform } from "../support/random.js";
import { contextOf, wordTokenizer } from "./language-support.js";

/** Documents whose tokens tell where they come from: 1000 times the document, plus a number of their own. */
function numberedDocuments(count: number, seed: number): Sentence[][] {
  const next = uniform(seed);
  return Array.from({ length: count }, (_, document) => {
    let token = 0;
    return Array.from({ length: 1 + Math.floor(next() * 20) }, (_, row) => {
      const ids = Int32Array.from({ length: 1 + Math.floor(next() * 18) }, () => 1000 * document + token++);
      return { ids, row };
    });
  });
}

interface Flat {
  first: number[];
  second: number[];
  label: 0 | 1;
  document: number;
}

function pairsOf(documents: Sentence[][], objective: "nsp" | "sop", room: number, seed = 1): Flat[] {
  const random = new Random(seed);
  const options = { objective, room, shortProbability: 0.1 };
  return documents.flatMap((_, document) =>
    sentencePairs(documents, document, options, random).map(({ first, second, label }) => {
      const [a, b] = [first, second].map(({ sentences, begin, end }) =>
        sentences.flatMap(({ ids }) => Array.from(ids)).slice(begin, end),
      );
      return { first: a, second: b, label, document };
    }),
  );
}

const documentOf = (tokens: number[]) => Math.floor(tokens[0] / 1000);
const contiguous = (tokens: number[]) => tokens.every((token, i) => i === 0 || token === tokens[i - 1] + 1);

/** Within five standard deviations of a binomial count. */
function expectHalf(count: number, of: number): void {
  expect(Math.abs(count - of / 2)).toBeLessThan(5 * Math.sqrt(of / 4));
}

describe("pairs", () => {
  const documents = numberedDocuments(200, 3);

  test("next sentence: half follow, half come from another document; lengths and order are kept", () => {
    const pairs = pairsOf(documents, "nsp", 60);
    expect(pairs.length).toBeGreaterThan(300);
    for (const { first, second, label, document } of pairs) {
      expect(first.length + second.length).toBeLessThanOrEqual(60);
      expect(Math.min(first.length, second.length)).toBeGreaterThan(0);
      expect(contiguous(first) && contiguous(second)).toBe(true);
      expect(documentOf(first)).toBe(document);
      expect(documentOf(second) === document).toBe(label === 0);
      if (label === 0) expect(second[0]).toBeGreaterThan(first[first.length - 1]);
    }
    // A chunk of a single sentence cannot be followed by its own: those are always from elsewhere.
    const followed = pairs.filter(({ label }) => label === 0).length;
    expect(followed).toBeGreaterThan(0.35 * pairs.length);
    expect(followed).toBeLessThan(0.55 * pairs.length);
    const full = pairs.filter(({ first, second }) => first.length + second.length === 60).length;
    expect(full).toBeGreaterThan(0.3 * pairs.length);
  });

  test("next sentence: nothing of a document is lost, as what was replaced comes again", () => {
    const pairs = pairsOf(documents, "nsp", 1000);
    const seen = new Set(pairs.flatMap(({ first, second }) => [...first, ...second]));
    const all = documents.flatMap((document) => document.flatMap(({ ids }) => Array.from(ids)));
    expect(all.filter((id) => !seen.has(id))).toEqual([]);
  });

  test("sentence order: half are swapped, all of one document", () => {
    const pairs = pairsOf(documents, "sop", 60);
    expect(pairs.length).toBeGreaterThan(300);
    for (const { first, second, label, document } of pairs) {
      expect(first.length + second.length).toBeLessThanOrEqual(60);
      expect([documentOf(first), documentOf(second)]).toEqual([document, document]);
      expect(second[0] > first[0]).toBe(label === 0);
    }
    expectHalf(pairs.filter(({ label }) => label === 1).length, pairs.length);
  });

  test("a chunk of several sentences is followed in half of the cases; a seed repeats", () => {
    // The first pair of each: how a document ends depends on what was drawn before.
    const long = numberedDocuments(400, 9).filter((document) => document.length > 8);
    const random = new Random(5);
    const options = { objective: "nsp", room: 60, shortProbability: 0 } as const;
    const labels = [0, 1, 2, 3].flatMap(() =>
      long.map((_, number) => sentencePairs(long, number, options, random)[0].label),
    );
    expectHalf(labels.filter((label) => label === 0).length, labels.length);
    expect(pairsOf(documents, "nsp", 60, 7)).toEqual(pairsOf(documents, "nsp", 60, 7));
    expect(pairsOf(documents, "nsp", 60, 7)).not.toEqual(pairsOf(documents, "nsp", 60, 8));
  });
});

const words = "the sun rises it shines then sets rain falls hard stops so . ?".split(" ");
const tokenizer = wordTokenizer(words, 32);
const lines = [
  "the sun rises .",
  "it shines .",
  "then it sets .",
  "",
  " ",
  "rain falls .",
  "it falls hard .",
  "so it stops .",
];
const rows = lines.map((text) => ({ text }));

async function prepared(options: PreTrainingOptions = {}, from: object[] = rows): Promise<MaskableExample[]> {
  return preTraining(options).prepare(from, contextOf(tokenizer, "train")) as Promise<MaskableExample[]>;
}

const textOf = (ids: ArrayLike<number>) => Array.from(ids, (id) => tokenizer.idToToken(id)).join(" ");

const rest = async () => {};

test("documents: blank rows between them, or one to a row", async () => {
  const options = { textColumn: "text", wholeWord: false, sentences: (text: string) => text.split("|") };
  const plain = (found: { text: string }[][]) => found.map((document) => document.map(({ text }) => text));
  expect(plain(await documentTexts(rows, { ...options, documents: "blank-lines" }, rest))).toEqual([
    lines.slice(0, 3),
    lines.slice(5),
  ]);
  const whole = [{ text: "a|b| " }, { text: " " }, { text: "c" }];
  expect(plain(await documentTexts(whole, { ...options, documents: "rows" }, rest))).toEqual([
    ["a", "b"],
    ["c"],
  ]);
});

test("examples: two segments between special tokens, types, words, both names of the label", async () => {
  const examples = await prepared({ wholeWord: true, shortProbability: 0 });
  expect(examples.length).toBeGreaterThanOrEqual(2);
  for (const example of examples) {
    const ids = Array.from(example.inputIds!);
    const text = textOf(ids);
    expect(text).toMatch(/^\[CLS\] [^[]+ \[SEP\] [^[]+ \[SEP\]$/);
    const boundary = ids.indexOf(3) + 1;
    expect(Array.from(example.tokenTypeIds!)).toEqual(ids.map((_, i) => (i < boundary ? 0 : 1)));
    expect(Array.from(example.specialTokensMask!)).toEqual(ids.map((id) => (id === 2 || id === 3 ? 1 : 0)));
    // Every word is a token here, and a number of its own.
    const numbers = Array.from(example.wordIds!).filter((word) => word !== -1);
    expect(numbers).toEqual(numbers.map((_, i) => i));
    expect((example as { sentenceOrderLabel?: number }).sentenceOrderLabel).toBe(example.nextSentenceLabel);
  }
  const documents = await prepared({ documents: "rows" }, [
    { text: "The sun rises. It sets." },
    { text: "Rain falls. It stops." },
  ]);
  expect(documents.map(({ row }) => row).every((row) => row === 0 || row === 1)).toBe(true);
  expect(textOf(documents[0].inputIds!)).toMatch(/the sun rises \. \[SEP\]/);
  expect(await prepared({ seed: 3 })).toEqual(await prepared({ seed: 3 }));
});

test.each<[string, PreTrainingOptions, object[], string]>([
  ["no text", {}, [{ text: "it sets" }, { body: 1 }], 'row 1 column "text" must be a text, got undefined'],
  [
    "a single document",
    {},
    rows.slice(0, 3),
    'objective "nsp" needs two documents at least (a blank row between them, or documents: "rows"), got 1 documents ' +
      "with 3 sentences in 3 rows",
  ],
  [
    "single sentences",
    { objective: "sop" },
    [rows[0], rows[3], rows[5]],
    'objective "sop" needs a document of two sentences at least, got 2 documents with 2 sentences in 3 rows',
  ],
])("%s: refused", async (_, options, from, message) => {
  const error = await errorOf(() => prepared(options, from));
  expect(error.code).toBe("ERR_DATA");
  expect(error.message).toBe(`preTraining: ${message}`);
});

test.each<[object, string]>([
  [{ objective: "mlm" }, 'objective must be one of nsp, sop, got "mlm"'],
  [{ documents: "lines" }, 'documents must be one of blank-lines, rows, got "lines"'],
  [{ maxLength: 4 }, "maxLength must be an integer from 5, got 4"],
  [{ shortProbability: -1 }, "shortProbability must be a number from 0 to 1, got -1"],
  [{ seed: 0.5 }, "seed must be an integer from 0, got 0.5"],
  [{ words: () => [] }, "wholeWord must be true beside words, got false"],
])("options %j are refused", (options, message) => {
  expect(() => preTraining(options as PreTrainingOptions)).toThrow(
    expect.objectContaining({ code: "ERR_ARGUMENT", message: `preTraining: ${message}` }),
  );
});

async function withPreTrainingModel<T>(use: (model: Model) => Promise<T>): Promise<T> {
  const config = {
    ...{ model_type: "bert", vocab_size: 5 + words.length, hidden_size: 32, num_hidden_layers: 2 },
    ...{ num_attention_heads: 2, intermediate_size: 64, max_position_embeddings: 32, initializer_range: 0.1 },
    ...{ hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 },
  };
  const model = await AutoModelForPreTraining.fromConfig(config, { seed: 1 });
  try {
    return await use(model);
  } finally {
    model.dispose();
  }
}

/** Documents about the sun, and about rain: a segment of the other subject is easily told. */
function subjectDocuments(count: number): { text: string }[] {
  const next = uniform(6);
  const one = (list: string[]) => list[Math.floor(next() * list.length)];
  return Array.from({ length: count }, (_, i) => {
    const [subject, verbs] = i % 2 ? ["the sun", ["rises", "shines", "sets"]] : ["rain", ["falls", "stops"]];
    const sentences = Array.from({ length: 4 }, () => ({ text: `${subject} ${one(verbs as string[])} .` }));
    return [...sentences, { text: "" }];
  }).flat();
}

test("learns both objectives; the losses are told apart exactly", async () => {
  await withPreTrainingModel(async (model) => {
    const train = subjectDocuments(120);
    const task = preTraining({ maxLength: 24, probability: 0.2, shortProbability: 0 });
    const args = { epochs: 20, batchSize: 16, learningRate: 3e-3, seed: 2, evalBatchSize: 7 };
    const trainer = new Trainer({ model, tokenizer, task, train, args });
    const before = await trainer.evaluate(train);
    await trainer.train();
    const after = await trainer.evaluate(train);
    expect(Object.keys(after)).toEqual(["loss", "mlmLoss", "perplexity", "mlmAccuracy", "nspAccuracy"]);
    expect(after.mlmLoss).toBeLessThan(before.mlmLoss / 2);
    expect(after.perplexity).toBeCloseTo(Math.exp(after.mlmLoss), 9);
    expect(after.mlmAccuracy).toBeGreaterThan(before.mlmAccuracy);
    // A segment "from another document" may be of the same subject in half of the cases.
    expect(after.nspAccuracy).toBeGreaterThan(0.65);
    const [same, other, single] = await trainer.predict([
      { text: "the sun rises .", pair: "the sun [MASK] ." },
      { text: "the sun rises .", pair: "rain falls ." },
      { text: "[MASK] sun sets ." },
    ]);
    expect(same.follows).toBeGreaterThan(0.5);
    expect(other.follows).toBeLessThan(0.2);
    expect(["rises", "shines", "sets"]).toContain(same.masks[0].candidates[0].token);
    expect(other.masks).toEqual([]);
    expect(single.masks[0].candidates[0]).toMatchObject({ token: "the", sequence: "the sun sets." });
    // Rows without any mask, alone in their batch.
    expect((await trainer.predict([{ text: "rain falls ." }]))[0].masks).toEqual([]);
  });
});

test("the losses of tokens are those of a masked language model alone", async () => {
  await withPreTrainingModel(async (model) => {
    model.eval();
    const task = preTraining({ maxLength: 24, probability: 0.4 });
    const examples = task.vary!(
      await task.prepare(subjectDocuments(10), contextOf(tokenizer, "evaluate")),
      new Random(3),
    );
    const width = 5 + words.length;
    let [loss, tokens, right, sum] = [0, 0, 0, 0];
    const predictions = [];
    for (const batch of [examples.slice(0, 5), examples.slice(5)]) {
      const collated = model.collate(batch);
      const output = model.forward(collated);
      const count = collated.lossCount;
      sum += (await output.loss!.item()) * count;
      tokens += count;
      const logits = (await output.logits.data()) as Float32Array;
      const pairs = (await output.seqRelationshipLogits.data()) as Float32Array;
      const outputs = {
        logits: { data: logits, shape: [collated.tokens, width] },
        seqRelationshipLogits: { data: pairs, shape: [batch.length, 2] },
      };
      predictions.push(...task.predict(outputs, batch, model));
      batch.flatMap(labelsOf).forEach((label, row) => {
        if (label === -100) return;
        const own = Array.from(logits.slice(row * width, (row + 1) * width));
        loss += Math.log(own.reduce((total, logit) => total + Math.exp(logit), 0)) - own[label];
        if (own.indexOf(Math.max(...own)) === label) right++;
      });
    }
    const metrics = task.metrics(predictions, examples, model, [], sum / tokens);
    expect(metrics.mlmLoss).toBeCloseTo(loss / tokens, 5);
    expect(metrics.mlmAccuracy).toBeCloseTo(right / tokens, 9);
  });
});

const labelsOf = ({ labels }: Example) => Array.from(labels as Int32Array);

test("a model that is not asked about pairs is refused", () => {
  const outputs = { logits: { data: new Float32Array(5), shape: [1, 5] } };
  expect(() => preTraining().predict(outputs, [{ inputIds: [2], labels: [-100] }], {} as Model)).toThrow(
    expect.objectContaining({
      code: "ERR_ARGUMENT",
      message: expect.stringContaining("model must be one of AutoModelForPreTraining"),
    }),
  );
});
