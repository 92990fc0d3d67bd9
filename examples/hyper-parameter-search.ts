// Hyper-parameter search: learning rate, dropout, batch size and optimizer of a small BERT on the bundled BANKING77.
//
//   node dist/examples/hyper-parameter-search.js --trials 20 --journal trials.jsonl       run it again: it goes on
import { parseArgs } from "node:util";
import {
  AutoModelForSequenceClassification,
  type Parameters,
  readTable,
  retrain,
  type SearchSpace,
  search,
  split,
  Trainer,
  textClassification,
  textLabelNames,
} from "../src/index.js";
import { bundled, loadModel } from "./small-bert.js";

const text = { type: "string" } as const;
const { values: options } = parseArgs({
  options: { trials: text, journal: text, quick: { type: "boolean", default: false } },
});
const { quick, journal, trials = quick ? 4 : 20 } = options;
const intents = /^(card_arrival|lost_or_stolen_card|change_pin|exchange_rate|top_up_failed)$/;
const rows = await readTable(bundled("banking77/train.csv.gz"));
const some = rows.filter(({ category }) => intents.test(String(category)));
const { train: most, test: held } = split(some, { test: 100, seed: 1 });
const train = quick ? most.slice(0, 64) : most;
const labels = textLabelNames(some, "category");
const task = textClassification({ labelColumn: "category" });

const space: SearchSpace = {
  learningRate: { type: "logUniform", low: 1e-5, high: 1e-1 },
  dropout: { type: "uniform", low: 0, high: 0.4 },
  batchSize: { type: "choice", values: [8, 16, 32] },
  optimizer: { type: "choice", values: ["adamw", "sgd"] },
};

async function trainerFor({ dropout, ...parameters }: Parameters) {
  const { model, tokenizer } = await loadModel(AutoModelForSequenceClassification, {
    ...{ width: quick ? 16 : 64, positions: 64, dropout: Number(dropout), head: { labels, seed: 1 } },
  });
  const args = { epochs: quick ? 1 : 4, metric: "accuracy", warmupRatio: 0.1, ...parameters };
  return new Trainer({ model, tokenizer, task, train, eval: held, args });
}

const { best, table, importance } = await search(trainerFor, space, {
  ...{ trials: Number(trials), pruner: "median", direction: "maximize" },
  ...(journal !== undefined && { journal, resume: true }),
  onEvent: (event) => void (event.type === "end" && console.log(`trial ${event.trial.number} is over`)),
});
console.log(table);
console.log("importance", importance);
const { result } = await retrain(trainerFor, best);
console.log(`trained again: accuracy ${result.best!.value.toFixed(4)}, as in trial ${best.number}`);
