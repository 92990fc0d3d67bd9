// Inference of BERT and training steps of BERT and GPT-2 as tasks of the driver, through the public API.
import { readFile } from "node:fs/promises";
import {
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForQuestionAnswering,
  AutoModelForSequenceClassification,
} from "../../src/models/auto.js";
import type { Example } from "../../src/models/batch.js";
import { synchronize } from "../../src/tensor/device.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { AdamW } from "../../src/training/optimizers/adamw.js";
import type { InferenceTask, Loaded, Rows, TrainingTask } from "./tasks.js";

function examplesOf(rows: Rows, head?: TrainingTask["head"]): Example[] {
  return rows.ids.map((inputIds, b) => ({
    inputIds,
    tokenTypeIds: rows.types?.[b],
    labels: head === "causal-language-modeling" ? inputIds : rows.labels?.[b],
    startPosition: rows.starts?.[b],
    endPosition: rows.ends?.[b],
  }));
}

async function readBatches(file: string): Promise<Rows[]> {
  return JSON.parse(await readFile(file, "utf8")) as Rows[];
}

export async function loadModelTask(task: InferenceTask | TrainingTask): Promise<Loaded> {
  return task.kind === "inference" ? inference(task) : training(task);
}

async function inference({ folder, batches: file, dtype }: InferenceTask): Promise<Loaded> {
  const model = await AutoModel.fromPretrained(folder, { dtype });
  model.eval();
  const batches = (await readBatches(file)).map((rows) => model.collate(examplesOf(rows)));
  const outputs = async () => {
    const results: Float32Array[] = [];
    for (const batch of batches) {
      const { lastHiddenState, poolerOutput } = scope(() => noGrad(() => model.forward(batch)));
      results.push((await lastHiddenState.data()) as Float32Array);
      results.push((await poolerOutput.data()) as Float32Array);
      lastHiddenState.dispose();
      poolerOutput.dispose();
    }
    return results;
  };
  await outputs();
  return {
    run: async (repeats) => {
      for (let i = 0; i < repeats; i++) await outputs();
      return undefined;
    },
    output: async () => concatenated(await outputs()),
    dispose: () => {
      for (const batch of batches) batch.dispose();
      model.dispose();
    },
  };
}

function concatenated(parts: Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const heads = {
  classification: AutoModelForSequenceClassification,
  "question-answering": AutoModelForQuestionAnswering,
  "causal-language-modeling": AutoModelForCausalLM,
};

/** Of BERT and of GPT-2. */
const withoutDropout = {
  bert: { hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 },
  gpt2: { resid_pdrop: 0, embd_pdrop: 0, attn_pdrop: 0 },
};

async function training({
  head,
  folder,
  batches: file,
  learningRate,
  dropout,
}: TrainingTask): Promise<Loaded> {
  const config = dropout ? {} : withoutDropout[head === "causal-language-modeling" ? "gpt2" : "bert"];
  const model = await heads[head].fromPretrained(folder, { config, seed: 1 });
  model.train();
  const optimizer = new AdamW(model.parameters(), { lr: learningRate, weightDecay: 0.01 });
  const batches = (await readBatches(file)).map((rows) => model.collate(examplesOf(rows, head)));
  return {
    run: async (_, index) => {
      const loss = scope(() => {
        const output = model.forward(batches[index % batches.length]);
        output.loss!.backward();
        optimizer.step({ maxGradNorm: 1 });
        optimizer.zeroGrad();
        return output.loss!;
      });
      const value = await loss.item();
      await synchronize();
      loss.dispose();
      return value;
    },
    dispose: () => model.dispose(),
  };
}
