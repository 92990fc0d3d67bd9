// Labels of tokens, padded batches and entities against Transformers 5.18.0.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type ConlluRow, readConll, readConllu } from "../../src/data/index.js";
import { AutoModelForTokenClassification, type Example, type Model } from "../../src/models/index.js";
import {
  type Aggregation,
  type Entity,
  type TokenClassificationOptions,
  tokenClassification,
  withoutPositionDigits,
} from "../../src/tasks/index.js";
import { AutoTokenizer, type Tokenizer } from "../../src/tokenizers/index.js";
import { type TrainableModel, Trainer, tokenClassificationCollator } from "../../src/training/index.js";
import { uniform } from "../support/random.js";
import { readJson } from "../tokenizers/support.js";
import { contextOf, repositoryFile, tokenizerOf } from "./language-support.js";

interface Aligned {
  ids: number[];
  labels: number[];
}

interface ReferenceEntity {
  label: string;
  score: number;
  word: string;
  /** Code points. */
  start: number;
  end: number;
  index?: number;
}

interface Fixture {
  alignments: {
    data: string;
    vocabulary: string;
    labels: string[];
    maxLength: number | null;
    labelAllTokens: boolean;
    inside: boolean;
    examples: Aligned[];
  }[];
  batches: {
    side: "left" | "right";
    options: { padding: "longest" | "max_length"; max_length?: number; pad_to_multiple_of?: number };
    examples: Aligned[];
    input_ids: number[][];
    attention_mask: number[][];
    labels: number[][];
  }[];
  texts: string[];
  words: { joiner: string; tokens: string[] }[];
  long: { text: string; maxLength: number; stride: number };
  entities: {
    aggregation: Aggregation;
    texts: ReferenceEntity[][];
    words: ReferenceEntity[][];
    long: ReferenceEntity[] | null;
    ignoring: ReferenceEntity[];
  }[];
  drawn: { aggregation: Aggregation; texts: ReferenceEntity[][] }[];
}

const fixture = readJson<Fixture>("tasks/token_classification.json.gz");

async function rowsOf(data: string): Promise<object[]> {
  const file = repositoryFile(`tests/fixtures/data/${data}`);
  if (data.includes("conllu")) {
    const rows = await readConllu(file);
    return rows.map(({ tokens, upos }: ConlluRow) => ({ tokens, tags: upos }));
  }
  const rows = await readConll(file);
  return data.startsWith("weibo") ? withoutPositionDigits(rows) : rows;
}

/** A model in name only. */
const withLabels = (labels: string[]) =>
  ({ config: { id2label: { ...labels } } }) as unknown as TrainableModel;

test.each(fixture.alignments)(
  "labels of $data with $vocabulary, all tokens: $labelAllTokens, inside: $inside",
  async ({ data, vocabulary, labels, maxLength, labelAllTokens, inside, examples }) => {
    const task = tokenClassification({
      labelAllTokens,
      continuation: inside ? "inside" : "same",
      maxLength: maxLength ?? undefined,
    });
    const tokenizer = await tokenizerOf(vocabulary, "right");
    const context = { ...contextOf(tokenizer, "train"), model: withLabels(labels) };
    const made = await task.prepare(await rowsOf(data), context);
    expect(made.map(plainExample)).toEqual(examples);
  },
);

const plainExample = ({ inputIds, labels }: Example): Aligned => ({
  ids: Array.from(inputIds!),
  labels: Array.from(labels as ArrayLike<number>),
});

test.each(fixture.batches)("a batch padded on the $side, $options", (batch) => {
  const { padding, max_length: maxLength, pad_to_multiple_of: padToMultipleOf } = batch.options;
  const tokenizer = { padTokenId: 0, paddingSide: batch.side };
  const collate = tokenClassificationCollator({ tokenizer, padding, maxLength, padToMultipleOf });
  const made = collate(batch.examples.map(({ ids, labels }) => ({ inputIds: ids, labels })));
  for (const [ours, theirs] of [
    ["inputIds", "input_ids"],
    ["attentionMask", "attention_mask"],
    ["labels", "labels"],
  ] as const) {
    expect(made[ours].shape).toEqual([batch[theirs].length, batch[theirs][0].length]);
    expect(Array.from(made[ours].data)).toEqual(batch[theirs].flat());
  }
});

/** UTF-16 units of a text before each of its code points. */
function unitsOf(text: string): number[] {
  const units = [0];
  for (const character of text) units.push(units[units.length - 1] + character.length);
  return units;
}

function expectEntities(made: readonly Entity[], wanted: readonly ReferenceEntity[], text: string): void {
  const units = unitsOf(text);
  const placed = wanted.map(({ score, start, end, ...rest }) => ({
    ...rest,
    // 5e-6: three times what float32 costs PyTorch on these texts (1.6e-6 against float64)
    score: expect.closeTo(score, 5),
    start: units[start],
    end: units[end],
  }));
  expect(made).toEqual(placed);
}

describe("entities", () => {
  let model: Model;
  let tokenizer: Tokenizer;

  beforeAll(async () => {
    const folder = repositoryFile("tests/fixtures/tasks/tagger");
    model = await AutoModelForTokenClassification.fromPretrained(folder);
    tokenizer = await AutoTokenizer.fromPretrained(folder);
  });
  afterAll(() => model.dispose());

  const predicted = (rows: object[], options: TokenClassificationOptions) =>
    new Trainer({ model, tokenizer, task: tokenClassification(options) }).predict(rows);

  test.each(fixture.entities)("of texts and words, aggregation $aggregation", async (wanted) => {
    const { aggregation } = wanted;
    const ofTexts = await predicted(
      fixture.texts.map((text) => ({ text })),
      { aggregation },
    );
    ofTexts.forEach(({ entities, text }, i) => {
      expectEntities(entities, wanted.texts[i], text);
    });
    for (const [i, { joiner, tokens }] of fixture.words.entries()) {
      const [{ entities, text }] = await predicted([{ tokens }], { aggregation, joiner });
      expect(text).toBe(tokens.join(joiner));
      expectEntities(entities, wanted.words[i], text);
    }
    const ignoreLabels = ["PER", "I-LOC", "misc"];
    const [ignoring] = await predicted([{ text: fixture.texts[7] }], { aggregation, ignoreLabels });
    expectEntities(ignoring.entities, wanted.ignoring, ignoring.text);
  });

  test.each(fixture.entities.filter(({ long }) => long))(
    "of windows, aggregation $aggregation",
    async ({ aggregation, long }) => {
      const { text, maxLength, stride } = fixture.long;
      const [{ entities }] = await predicted([{ text }], { aggregation, maxLength, stride });
      expectEntities(entities, long!, text);
    },
  );

  test.each(fixture.drawn)(
    "of a tokenizer without a mark for parts of words, aggregation $aggregation",
    async ({ aggregation, texts }) => {
      const task = tokenClassification({ aggregation });
      const albert = await tokenizerOf("albert", "right");
      const context = { ...contextOf(albert, "predict"), model };
      const rows = fixture.texts.filter((text) => text !== "").map((text) => ({ text }));
      const examples = await task.prepare(rows, context);
      const draw = uniform(11);
      const labels = 7;
      const tokens = examples.reduce((sum, { inputIds }) => sum + inputIds!.length, 0);
      const data = Float32Array.from({ length: tokens * labels }, () => 4 * draw());
      const predictions = task.predict({ logits: { data, shape: [tokens, labels] } }, examples, model);
      const results = task.join!(predictions, examples, rows, model);
      results.forEach(({ entities, text }, i) => {
        expectEntities(entities, texts[i], text);
      });
    },
  );
});
