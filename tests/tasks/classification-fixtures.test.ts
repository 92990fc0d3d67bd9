// Text classification and multiple choice against Transformers: ids, types, labels, and padded batches.
import { describe, expect, test } from "@jest/globals";
import { readCsv, readGlue, readJsonl } from "../../src/data/index.js";
import type { Example, Model } from "../../src/models/index.js";
import { paddedBatch } from "../../src/models/index.js";
import {
  CODAH_COLUMNS,
  glueModelOptions,
  multipleChoice,
  textClassification,
} from "../../src/tasks/index.js";
import { type Collated, multipleChoiceCollator, paddingCollator } from "../../src/training/index.js";
import { contextOf, gunzipped, repositoryFile, tokenizerOf } from "./language-support.js";

interface Features {
  input_ids: number[];
  token_type_ids: number[];
}
interface Batch {
  input_ids: number[][];
  token_type_ids: number[][];
  attention_mask: number[][];
  labels: number[];
}
const fixture: {
  max_length: number;
  glue: Record<"mrpc" | "stsb", { features: Features[]; labels: number[]; padded: Batch }>;
  choice: Record<
    "swag" | "codah",
    {
      features: { input_ids: number[][]; token_type_ids: number[][] }[];
      labels: number[];
      padded: Record<string, number[][][] | number[]>;
    }
  >;
} = JSON.parse(gunzipped("tests/fixtures/tasks/classification.json.gz"));

const data = (name: string) => repositoryFile(`tests/fixtures/data/${name}`);
const { max_length: maxLength } = fixture;
const idsOf = (example: Example) => Array.from(example.inputIds!);
const typesOf = (example: Example) =>
  Array.from(example.tokenTypeIds ?? new Int32Array(example.inputIds!.length));
const nested = (collated: Collated, name: string) => Array.from(collated[name].data);

describe.each(["mrpc", "stsb"] as const)("GLUE's %s", (name) => {
  const { features, labels, padded } = fixture.glue[name];

  async function examples(): Promise<Example[]> {
    const tokenizer = await tokenizerOf("bert-base-uncased", "right");
    const rows = await readGlue(name, data(name === "mrpc" ? "mrpc.tsv" : "sts-b.tsv"));
    const { labels: names, config } = glueModelOptions(name);
    const id2label = Object.fromEntries(names.map((label, id) => [id, label]));
    const model = { config: { ...config, id2label } } as unknown as Model;
    return textClassification({ glue: name, maxLength }).prepare(rows, {
      ...contextOf(tokenizer, "train"),
      model,
    });
  }

  test("examples", async () => {
    const made = await examples();
    expect(made.map(idsOf)).toEqual(features.map(({ input_ids }) => input_ids));
    expect(made.map(typesOf)).toEqual(features.map(({ token_type_ids }) => token_type_ids));
    expect(made.map((example) => example.labels)).toEqual(labels);
  });

  test("padded batches, and back", async () => {
    const tokenizer = await tokenizerOf("bert-base-uncased", "right");
    const made = await examples();
    const collated = paddingCollator({ tokenizer, padToMultipleOf: 8 })(made);
    expect(collated.inputIds.shape).toEqual([padded.input_ids.length, padded.input_ids[0].length]);
    expect(nested(collated, "inputIds")).toEqual(padded.input_ids.flat());
    expect(nested(collated, "tokenTypeIds")).toEqual(padded.token_type_ids.flat());
    expect(nested(collated, "attentionMask")).toEqual(padded.attention_mask.flat());
    expect(nested(collated, "labels")).toEqual(Array.from(Float32Array.from(padded.labels)));
    const back = paddedBatch({
      inputIds: padded.input_ids,
      attentionMask: padded.attention_mask,
      labels: padded.labels,
    });
    expect(back.map(idsOf)).toEqual(made.map(idsOf));
  });
});

describe.each(["swag", "codah"] as const)("multiple choice of %s", (name) => {
  const { features, labels, padded } = fixture.choice[name];

  async function examples(): Promise<Example[]> {
    const tokenizer = await tokenizerOf("bert-base-uncased", "right");
    const rows =
      name === "swag"
        ? await readJsonl(data("swag.json"))
        : (await readCsv(data("codah.tsv.gz"), { separator: "\t", columns: CODAH_COLUMNS })).slice(0, 12);
    return multipleChoice({ maxLength }).prepare(rows, contextOf(tokenizer, "train"));
  }

  test("examples", async () => {
    const made = await examples();
    expect(made.map(({ choices }) => choices!.map(idsOf))).toEqual(features.map((f) => f.input_ids));
    expect(made.map(({ choices }) => choices!.map(typesOf))).toEqual(features.map((f) => f.token_type_ids));
    expect(made.map((example) => example.labels)).toEqual(labels);
  });

  test("padded batches", async () => {
    const tokenizer = await tokenizerOf("bert-base-uncased", "right");
    const collated = multipleChoiceCollator({ tokenizer, padding: "longest" })(await examples());
    const ids = padded.input_ids as number[][][];
    expect(collated.inputIds.shape).toEqual([ids.length, ids[0].length, ids[0][0].length]);
    expect(nested(collated, "inputIds")).toEqual(ids.flat(2));
    expect(nested(collated, "tokenTypeIds")).toEqual((padded.token_type_ids as number[][][]).flat(2));
    expect(nested(collated, "attentionMask")).toEqual((padded.attention_mask as number[][][]).flat(2));
    expect(nested(collated, "labels")).toEqual(padded.labels);
  });
});
