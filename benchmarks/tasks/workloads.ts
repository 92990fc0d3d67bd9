// What the tasks are compared on.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Row, readTable } from "../../src/data/index.js";
import type { ModelConfig } from "../../src/models/index.js";
import { CODAH_COLUMNS } from "../../src/tasks/index.js";
import { BertTokenizer, type Tokenizer } from "../../src/tokenizers/index.js";
import { generativeWorkloads } from "./generative-workloads.js";
import { trainVocabulary } from "./trained-vocabulary.js";
import {
  standardArgs as args,
  byHeart,
  type Cut,
  type DataPart,
  type SmallModel,
  type TaskWorkload,
} from "./workload.js";

const bert: SmallModel = {
  title: "BERT, 2 layers, 128 wide",
  config: {
    ...{ model_type: "bert", hidden_size: 128, num_hidden_layers: 2, num_attention_heads: 2 },
    ...{ intermediate_size: 512, max_position_embeddings: 512 },
    ...{ hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 },
  },
};

const reading = { task: "question-answering", metric: "exact", atLeast: 95 };

const classification = { task: "text-classification", metric: "accuracy" };

export const taskWorkloads: readonly TaskWorkload[] = [
  {
    name: "text-classification/sst2",
    ...classification,
    settings: { textColumn: "sentence" },
    vocabulary: "bert-base-uncased",
    train: { file: "classification/sst2/train.tsv.gz", rows: 4000 },
    evaluate: { file: "classification/sst2/test.tsv.gz" },
    args,
  },
  {
    name: "text-classification/chnsenticorp",
    ...classification,
    settings: { textColumn: "text_a", maxLength: 96 },
    vocabulary: "bert-base-chinese",
    train: { file: "classification/chnsenticorp-zh/train.tsv.gz", rows: 1600 },
    evaluate: { file: "classification/chnsenticorp-zh/test.tsv.gz", rows: 600 },
    args: { ...args, epochs: 2 },
  },
  {
    name: "token-classification/wnut17",
    ...{ task: "token-classification", metric: "f1" },
    settings: {},
    vocabulary: "bert-base-uncased",
    train: { file: "ner/wnut17/wnut17train.conll.gz" },
    evaluate: { file: "ner/wnut17/emerging.dev.conll.gz" },
    args: { ...args, epochs: 10 },
  },
  {
    name: "token-classification/weibo",
    ...{ task: "token-classification", metric: "f1" },
    settings: { positionDigits: true, joiner: "" },
    vocabulary: "bert-base-chinese",
    train: { file: "ner/weibo-zh/weiboNER_2nd_conll.train.gz", reading: { format: "conll" } },
    evaluate: { file: "ner/weibo-zh/weiboNER_2nd_conll.test.gz", reading: { format: "conll" } },
    args: { ...args, epochs: 12 },
  },
  {
    name: "token-classification/ud-english",
    ...{ task: "token-classification", metric: "accuracy" },
    settings: { tagsColumn: "upos" },
    vocabulary: "bert-base-uncased",
    train: { file: "pos/ud-english-ewt/en_ewt-ud-dev.conllu.gz" },
    evaluate: { file: "pos/ud-english-ewt/en_ewt-ud-test.conllu.gz" },
    args,
  },
  {
    name: "token-classification/ud-chinese",
    ...{ task: "token-classification", metric: "accuracy" },
    settings: { tagsColumn: "upos", joiner: "" },
    vocabulary: "bert-base-chinese",
    train: { file: "pos/ud-chinese-gsdsimp/zh_gsdsimp-ud-dev.conllu.gz" },
    evaluate: { file: "pos/ud-chinese-gsdsimp/zh_gsdsimp-ud-test.conllu.gz" },
    args: { ...args, epochs: 6 },
  },
  {
    name: "multiple-choice/codah",
    ...{ task: "multiple-choice", metric: "accuracy", atLeast: 0.95 },
    settings: {},
    vocabulary: "bert-base-uncased",
    train: {
      file: "multiple-choice/codah/fold_0/train.tsv.gz",
      reading: { columns: CODAH_COLUMNS },
      rows: 200,
    },
    args: byHeart,
  },
  {
    name: "question-answering/xquad-en",
    ...reading,
    settings: { maxLength: 384, stride: 128 },
    vocabulary: "bert-base-uncased",
    train: { file: "qa/xquad/xquad.en.json.gz", reading: { format: "squad" }, rows: 200 },
    args: byHeart,
  },
  {
    name: "question-answering/cmrc2018",
    ...reading,
    // A third of the answers is longer than the default of 30 tokens.
    settings: { maxLength: 384, stride: 128, maxAnswerLength: 200, language: "zh" },
    vocabulary: "bert-base-chinese",
    train: { file: "qa/cmrc2018-zh/cmrc2018_trial.json.gz", reading: { format: "squad" }, rows: 200 },
    args: { ...byHeart, epochs: 100 },
  },
  {
    name: "masked-language-modeling/wikitext-2",
    ...{ task: "masked-language-modeling", metric: "perplexity" },
    settings: { maxLength: 128 },
    vocabulary: "bert-base-uncased",
    train: { file: "lm/wikitext-2/valid.txt.gz", rows: 2000 },
    // Outputs as wide as the vocabulary are written to a file: a part of the test split is enough.
    evaluate: { file: "lm/wikitext-2/test.txt.gz", rows: 200 },
    args: { ...args, batchSize: 16, epochs: 1 },
  },
  {
    name: "pre-training/wikitext-2",
    ...{ task: "pre-training", metric: "mlmLoss" },
    settings: { maxLength: 128 },
    vocabulary: "bert-base-uncased",
    train: { file: "lm/wikitext-2/valid.txt.gz", rows: 2000 },
    evaluate: { file: "lm/wikitext-2/test.txt.gz", rows: 200 },
    args: { ...args, batchSize: 16, epochs: 1 },
  },
  ...generativeWorkloads,
];

/** The workload of a name, cut short where that is asked. */
export function taskWorkload(name: string, { rows, epochs }: Cut): TaskWorkload {
  const workload = taskWorkloads.find((one) => one.name === name);
  if (!workload) throw new Error(`no workload ${name}`);
  const { train, evaluate, args } = workload;
  const part = (whole: DataPart): DataPart => (rows === undefined ? whole : { ...whole, rows });
  const { maxSteps: _, ...byEpochs } = args;
  return {
    ...{ ...workload, train: part(train), evaluate: evaluate && part(evaluate) },
    args: epochs === undefined ? args : { ...byEpochs, epochs },
  };
}

export function modelOf({ model = bert }: TaskWorkload): SmallModel {
  return model;
}

/** The config of a workload's model. */
export function configOf(workload: TaskWorkload, tokenizer: Tokenizer): ModelConfig {
  return { ...modelOf(workload).config, vocab_size: tokenizer.vocabSize };
}

export async function tokenizerOf(workload: TaskWorkload, data: string): Promise<Tokenizer> {
  const { vocabulary } = workload;
  if (typeof vocabulary !== "string")
    return await trainVocabulary(vocabulary, (await rowsOf(workload, data)).train);
  const text = await readFile(join(data, "vocab", vocabulary, "vocab.txt"), "utf8");
  const options = { modelMaxLength: 512, doLowerCase: !vocabulary.endsWith("-cased") };
  return BertTokenizer.fromVocabulary(text.trimEnd().split("\n"), options);
}

/** The rows to train on and to evaluate on. */
export async function rowsOf(
  workload: TaskWorkload,
  data: string,
): Promise<{ train: Row[]; evaluate: Row[] }> {
  const read = async ({ file, reading, select, rows }: DataPart): Promise<Row[]> => {
    const all = await readTable(join(data, file), reading);
    return (select?.(all) ?? all).slice(0, rows);
  };
  const train = await read(workload.train);
  return { train, evaluate: workload.evaluate ? await read(workload.evaluate) : train };
}
