// The row of the table for sentence embeddings.
import { SentenceTransformer } from "../../embeddings/sentence-transformer.js";
import { factoryOptions, settingOf, type TaskEntry, type TaskSettings } from "../entry.js";
import { sentenceEmbeddings, sentenceLosses } from "../sentence-embeddings.js";

const options: TaskEntry["options"] = [
  {
    name: "loss",
    kind: sentenceLosses,
    default: "multipleNegativesRanking",
    description: "pairs that belong together, or pairs with a score",
  },
  {
    name: "firstColumn",
    kind: "text",
    default: "anchor",
    column: "input",
    description: "column with the first text (sentence1 with scores)",
  },
  {
    name: "secondColumn",
    kind: "text",
    default: "positive",
    column: "label",
    description: "column with the second text (sentence2 with scores)",
  },
  {
    name: "negativeColumn",
    kind: "text",
    default: "negative",
    column: "optional",
    description: "column with a text that must not be found, or a list",
  },
  { name: "groupColumn", kind: "text", description: "rows with equal values are no negatives of each other" },
  { name: "scoreColumn", kind: "text", description: "column with the score (default: score)" },
  { name: "maxScore", kind: "number", default: 1, description: "what scores are divided by: 5 for STS-B" },
  {
    name: "scale",
    kind: "number",
    default: 20,
    description: "what cosines are multiplied with when ranking",
  },
  { name: "maxLength", kind: "integer", description: "most tokens of a text; longer ones are cut" },
];

const byScore = (settings: TaskSettings) => settingOf({ options }, settings, "loss") === "cosineSimilarity";

export const sentenceEmbeddingsEntry: TaskEntry = {
  name: "sentence-embeddings",
  summary: "Gives texts vectors that are near where their meanings are.",
  rows: "two texts that belong together and maybe some that do not, or two texts and a score",
  example: "--tokenizer vocab.txt --train pairs.csv --eval test.csv --output my-embeddings",
  auto: SentenceTransformer,
  autoName: "SentenceTransformer",
  options,
  defaults: (settings) =>
    byScore({ loss: settings.loss }) ? { firstColumn: "sentence1", secondColumn: "sentence2" } : {},
  make: (settings) => sentenceEmbeddings(factoryOptions({ options }, settings)),
  best: (settings) => ({ name: byScore(settings) ? "spearman" : "mrrAt10", greaterIsBetter: true }),
};
