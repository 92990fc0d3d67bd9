// This library as an engine: answers "load" and "run" lines (see main.ts) for one workload.
import { readFile, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import {
  AdamW,
  AutoModelForSequenceClassification,
  AutoTokenizer,
  cosineSimilarityLoss,
  type Example,
  FeatureClassifier,
  type Model,
  memory,
  multipleNegativesRankingLoss,
  SentenceTransformer,
  synchronize,
  type Tokenizer,
} from "../../src/index.js";
import type { Job } from "./job.js";

interface Work {
  /** One sample: what it took care of, and its loss. */
  run(): Promise<{ tokens: number; loss?: number }>;
}

async function encoding({ folder, texts }: Job, outputs: string): Promise<Work> {
  const model = await SentenceTransformer.fromPretrained(folder);
  const vectors = await model.encode(texts);
  await writeFile(outputs, Buffer.concat(vectors.map(({ buffer }) => Buffer.from(buffer))));
  const tokens = texts.reduce((sum, text) => sum + model.tokenizer!.encode(text).ids.length, 0);
  return {
    async run() {
      await model.encode(texts, { batchSize: 32 });
      return { tokens };
    },
  };
}

/** The model of a step, and its examples: as many sentences whatever is learnt. */
async function learner(
  kind: string,
  { folder, batches, labels }: Job,
  tokenizer: Tokenizer,
): Promise<{ model: Model; batches: Example[][] }> {
  const ids = (text: string) => ({ inputIds: tokenizer.encode(text).ids });
  const pairs = (labelled: boolean) =>
    batches.map((batch) =>
      batch.map(({ texts, score }) => ({ choices: texts.map(ids), ...(labelled && { labels: score }) })),
    );
  if (kind === "ranking" || kind === "cosine") {
    const loss = kind === "ranking" ? multipleNegativesRankingLoss() : cosineSimilarityLoss();
    const model = (await SentenceTransformer.fromPretrained(folder)).useLoss(loss);
    return { model, batches: pairs(kind === "cosine") };
  }
  const auto = kind === "features" ? FeatureClassifier : AutoModelForSequenceClassification;
  const model = await auto.fromPretrained(folder, { labels });
  const single = batches.map((batch) =>
    batch.flatMap(({ texts, intent }) => texts.map((text) => ({ ...ids(text), labels: intent }))),
  );
  return { model, batches: single };
}

async function training(kind: string, job: Job): Promise<Work> {
  const tokenizer = await AutoTokenizer.fromPretrained(job.folder);
  const { model, batches } = await learner(kind, job, tokenizer);
  model.train();
  const trained = new Map([...model.parameters()].filter(([, { requiresGrad }]) => requiresGrad));
  const optimizer = new AdamW(trained, { lr: job.learningRate, weightDecay: 0.01 });
  let step = 0;
  return {
    async run() {
      const batch = model.collate(batches[step++ % batches.length]);
      const { tokens } = batch;
      const output = model.forward(batch);
      const loss = output.loss!;
      loss.backward();
      optimizer.step({ maxGradNorm: 1 }).gradNorm.dispose();
      optimizer.zeroGrad();
      const value = await loss.item();
      for (const part of Object.values(output)) {
        for (const tensor of [part].flat(2)) tensor?.dispose?.();
      }
      batch.dispose();
      await synchronize();
      return { tokens, loss: value };
    },
  };
}

let work: Work;

async function answer(request: {
  command: string;
  workload: string;
  job: string;
  outputs: string;
}): Promise<object> {
  if (request.command === "load") {
    const job: Job = JSON.parse(await readFile(request.job, "utf8"));
    const [group, kind] = request.workload.split("/");
    work = group === "encode" ? await encoding(job, request.outputs) : await training(kind, job);
    return { engine: `athanor, Node ${process.version}` };
  }
  const start = performance.now();
  const facts = await work.run();
  return { ...facts, ms: performance.now() - start, peak: memory().peak };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
}
