// What the examples of adaptation share: an encoder that knows something already, and rows of what it is to learn. Fresh
// weights first learn fifty intents of BANKING77; the other twenty-seven are left for the example.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AutoModelForSequenceClassification,
  AutoTokenizer,
  classLabels,
  type Model,
  type Row,
  readTable,
  type Tokenizer,
  Trainer,
  textClassification,
} from "../src/index.js";
import { bundled, loadModel, saveModel } from "./small-bert.js";

export const task = textClassification({ labelColumn: "category" });

export interface Adaptation {
  tokenizer: Tokenizer;
  train: Row[];
  test: Row[];
  labels: string[];
  /** Where the encoder is. */
  folder: string;
  /** The encoder with a fresh head for the new classes. */
  load(): Promise<Model>;
  /** Deletes what was written. */
  end(): Promise<void>;
}

/** @param model a folder or a Hub repository instead of what is trained here */
export async function prepareAdaptation({
  model,
  quick,
}: {
  model?: string;
  quick: boolean;
}): Promise<Adaptation> {
  const [train, test] = await Promise.all([
    readTable(bundled("banking77/train.csv.gz")),
    readTable(bundled("banking77/test.csv.gz")),
  ]);
  const intents = classLabels(train, "category").labels;
  const [known, labels] = [intents.slice(0, 50), intents.slice(50)];
  const rowsOf = (rows: Row[], names: string[], most: number) =>
    rows.filter(({ category }, i) => names.includes(String(category)) && (!quick || i % most === 0));
  const temporary = await mkdtemp(join(tmpdir(), "adaptation-"));
  const folder = model ?? temporary;
  if (model === undefined) {
    const sizes = { width: quick ? 16 : 128, positions: 128, head: { labels: known } };
    const { model: first, tokenizer } = await loadModel(AutoModelForSequenceClassification, sizes);
    const args = { epochs: quick ? 1 : 4, learningRate: 1e-3, batchSize: 32, warmupRatio: 0.1 };
    await new Trainer({ model: first, tokenizer, task, train: rowsOf(train, known, 40), args }).train();
    await saveModel(first, tokenizer, folder);
    first.dispose();
  }
  return {
    tokenizer: await AutoTokenizer.fromPretrained(folder),
    train: rowsOf(train, labels, 40),
    test: rowsOf(test, labels, 40),
    labels,
    folder,
    load: () =>
      AutoModelForSequenceClassification.fromPretrained(folder, { labels, ignoreMismatchedSizes: true }),
    end: () => rm(temporary, { recursive: true }),
  };
}
