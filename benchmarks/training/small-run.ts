// The run that search and diagnostics are measured beside: BERT with 2 layers, 128 wide, a vocabulary of 4000, fresh weights, on 32 rows
// of 32 tokens in batches of 16.
import { AutoModelForSequenceClassification } from "../../src/models/index.js";
import type { TrainingArgs } from "../../src/training/index.js";
import { fullRows } from "../compare/rows.js";

export const [ROWS, LENGTH] = [32, 32];
const VOCABULARY = 4000;

export const rows = fullRows(ROWS, LENGTH).map(({ ids, label }) => ({
  inputIds: Array.from(ids, (id) => id % VOCABULARY),
  labels: label,
}));

export const runArgs: TrainingArgs = { epochs: 1, batchSize: 16, learningRate: 1e-4 };

export function modelInit() {
  const sizes = { hidden_size: 128, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 512 };
  const config = { model_type: "bert", vocab_size: VOCABULARY, ...sizes };
  return AutoModelForSequenceClassification.fromConfig(config, { seed: 1 });
}
