// Fine-tunes an intent classifier and tries it out: `npm start`. By default a small BERT with fresh weights
// learns the 77 intents of BANKING77 (examples/banking77); --model starts from a checkpoint, --data brings
// other rows.
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import { classLabels, type Row, readTable, split } from "../src/data/index.js";
import { AutoModelForSequenceClassification, type Model } from "../src/models/index.js";
import { type TextClassification, textClassification } from "../src/tasks/index.js";
import { AutoTokenizer, BertTokenizer, type Tokenizer } from "../src/tokenizers/index.js";
import { progressBar, type TrainEvent, Trainer, type TrainingArgs } from "../src/training/index.js";
import { bundled } from "./small-bert.js";

const HELP = `Fine-tunes a text classifier.  npm start -- [options]

  --model FOLDER         start from a BERT checkpoint folder instead of fresh weights
  --data FILE            rows to train on: CSV, TSV, JSON or JSON Lines (.gz too)
  --test FILE            rows to test on; without it a tenth of --data is kept back
  --text-column NAME     default text
  --label-column NAME    default label (category for the bundled data)
  --epochs N             default 4, with --model 3
  --batch-size N         rows per step, default 32
  --learning-rate X      default 7e-4, with --model 5e-5
  --seed N               default 42
  --output FOLDER        where the model goes, default models/banking77
  --resume               go on from the checkpoint of a run that was stopped
  --help                 this text
`;

/** Four layers, 256 wide: 11 million parameters, most of them word embeddings. */
const smallBert = {
  model_type: "bert",
  vocab_size: 30522,
  hidden_size: 256,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  intermediate_size: 1024,
  max_position_embeddings: 512,
};

const questions = [
  "I am still waiting for my new card, when will it arrive?",
  "Why was I charged a fee for taking out cash?",
  "My phone got stolen, what should I do about the app?",
  "How do I change my PIN?",
];

const options = readOptions();

function readOptions() {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  try {
    const { values } = parseArgs({
      options: {
        ...{
          model: text,
          data: text,
          test: text,
          "text-column": { ...text, default: "text" },
          "label-column": text,
        },
        ...{ epochs: text, "batch-size": { ...text, default: "32" }, "learning-rate": text },
        ...{ seed: { ...text, default: "42" }, output: { ...text, default: "models/banking77" } },
        ...{ resume: flag, help: flag },
      },
    });
    return values;
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    process.exit(2);
  }
}

interface Data {
  train: Row[];
  test: Row[];
  labelColumn: string;
}

async function loadData(seed: number): Promise<Data> {
  const labelColumn = options["label-column"] ?? (options.data ? "label" : "category");
  if (options.data === undefined) {
    const [train, test] = [bundled("banking77/train.csv.gz"), bundled("banking77/test.csv.gz")];
    return { train: await readTable(train), test: await readTable(test), labelColumn };
  }
  const rows = await readTable(options.data);
  if (options.test !== undefined) return { train: rows, test: await readTable(options.test), labelColumn };
  return { ...split(rows, { test: 0.1, seed, stratifyBy: labelColumn }), labelColumn };
}

async function loadModel(labels: string[], seed: number): Promise<{ model: Model; tokenizer: Tokenizer }> {
  if (options.model !== undefined) {
    const tokenizer = await AutoTokenizer.fromPretrained(options.model);
    // Its head, if it has one, knows other classes.
    const how = { labels, seed, ignoreMismatchedSizes: true };
    return { model: await AutoModelForSequenceClassification.fromPretrained(options.model, how), tokenizer };
  }
  const vocabulary = gunzipSync(await readFile(bundled("vocab/bert-base-uncased/vocab.txt.gz"))).toString();
  const tokenizer = BertTokenizer.fromVocabulary(vocabulary.trimEnd().split("\n"), { modelMaxLength: 512 });
  return {
    model: await AutoModelForSequenceClassification.fromConfig(smallBert, { labels, seed }),
    tokenizer,
  };
}

function trainingArgs(seed: number): TrainingArgs {
  const fresh = options.model === undefined;
  const checkpoints = join(options.output, "checkpoints");
  return {
    epochs: Number(options.epochs ?? (fresh ? 4 : 3)),
    learningRate: Number(options["learning-rate"] ?? (fresh ? 7e-4 : 5e-5)),
    batchSize: Number(options["batch-size"]),
    warmupRatio: 0.1,
    weightDecay: 0.01,
    seed,
    logEvery: 25,
    evalBatchSize: 128,
    evalEvery: "no",
    outputFolder: checkpoints,
    saveEvery: "epoch",
    saveTotalLimit: 1,
    resume: options.resume,
  };
}

/** Plain lines where there is no terminal for the bar. */
function show({ type, step, totalSteps, epoch, loss, tokensPerSecond }: TrainEvent): void {
  if (type !== "log" || process.stdout.isTTY) return;
  const speed = Math.round(tokensPerSecond);
  console.log(
    `step ${step}/${totalSteps} | epoch ${epoch.toFixed(2)} | loss ${loss.toFixed(3)} | ${speed} tokens/s`,
  );
}

/** Trains; returns false when Ctrl-C ended it. */
async function train(trainer: Trainer<TextClassification>): Promise<boolean> {
  const abort = new AbortController();
  const stop = () => abort.abort();
  process.once("SIGINT", stop);
  let saved = options.resume;
  try {
    for await (const event of trainer.run({ signal: abort.signal })) {
      show(event);
      saved ||= event.type === "save";
    }
    return true;
  } catch (error) {
    if ((error as { code?: string }).code !== "ERR_ABORTED") throw error;
    const left = saved ? "--resume goes on from the last epoch's checkpoint." : "There is no checkpoint yet.";
    console.log(`Stopped by Ctrl-C. ${left}`);
    return false;
  } finally {
    process.off("SIGINT", stop);
  }
}

/** Loads what was saved, as any other program would, and asks it. */
async function tryOut(folder: string, texts: string[]): Promise<void> {
  using model = await AutoModelForSequenceClassification.fromPretrained(folder, { priority: "high" });
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const answers = await new Trainer({ model, tokenizer, task: textClassification() }).predict(
    texts.map((text) => ({ text })),
  );
  console.log(`\nLoaded again from ${folder}:`);
  answers.forEach(({ label, score }, i) => {
    console.log(`  ${(100 * score).toFixed(0).padStart(3)} %  ${label.padEnd(34)} ${texts[i]}`);
  });
}

async function main(): Promise<void> {
  if (options.help) {
    console.log(HELP);
    return;
  }
  const start = performance.now();
  const seconds = () => `${((performance.now() - start) / 1000).toFixed(0)} s`;
  const seed = Number(options.seed);
  const { train: rows, test, labelColumn } = await loadData(seed);
  const { labels } = classLabels(rows, labelColumn);
  const { model, tokenizer } = await loadModel(labels, seed);
  const size = [...model.parameters().values()].reduce((sum, parameter) => sum + parameter.size, 0);
  const from = options.model ?? "fresh weights";
  console.log(`${rows.length} rows to train on, ${test.length} to test on, ${labels.length} labels`);
  console.log(`${(size / 1e6).toFixed(1)} million parameters, from ${from}`);
  const task = textClassification({ textColumn: options["text-column"], labelColumn });
  const args = trainingArgs(seed);
  const trainer = new Trainer({
    ...{ model, tokenizer, task, train: rows, eval: test, args },
    callbacks: [progressBar({ stream: process.stdout })],
  });
  if (!(await train(trainer))) {
    process.exitCode = 130;
    return;
  }
  console.log(`Trained in ${seconds()}.`);
  const { accuracy, loss } = await trainer.evaluate();
  console.log(`Test accuracy ${accuracy.toFixed(4)}, loss ${loss.toFixed(3)}, after ${seconds()}.`);
  await model.savePretrained(options.output);
  await tokenizer.save(options.output);
  await rm(args.outputFolder as string, { recursive: true, force: true });
  model.dispose();
  const bundledData = options.data === undefined;
  const texts = bundledData ? questions : test.slice(0, 4).map((row) => String(row[options["text-column"]]));
  await tryOut(options.output, texts);
  console.log(`Done in ${seconds()}.`);
}

try {
  await main();
} catch (error) {
  // The package's own errors say all in their message; anything else is a fault that needs its stack.
  const known = (error as { name?: string }).name === "AthanorError";
  console.error(known ? `${(error as Error).message}` : error);
  process.exitCode = 1;
}
