// Run by event-loop.test.ts: tokenizes 10 000 rows and trains a BERT of the size of the main job, prints the
// delays of the event loop in ms, less the millisecond that the measuring timer itself waits.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { AutoModelForSequenceClassification } from "../../src/models/index.js";
import { Trainer } from "../../src/training/index.js";
import { labels, tinyRows, tinyTokenizer } from "./support.js";

const config = {
  ...{
    model_type: "bert",
    vocab_size: 20_000,
    hidden_size: 256,
    num_hidden_layers: 4,
    num_attention_heads: 4,
  },
  ...{ intermediate_size: 1024, max_position_embeddings: 64 },
};
const train = tinyRows(10_000);
using model = await AutoModelForSequenceClassification.fromConfig(config, { labels });
const tokenizer = tinyTokenizer();
const trainer = (maxSteps: number) =>
  new Trainer({ model, tokenizer, train, eval: train.slice(0, 500), args: { maxSteps, batchSize: 32 } });

// Warm-up: modules are loaded and functions compiled.
await trainer(3).train();
const delays = monitorEventLoopDelay({ resolution: 1 });
delays.enable();
const { steps } = await trainer(24).train();
delays.disable();
const ms = (nanoseconds: number) => Math.round(nanoseconds / 1e4) / 100 - 1;
process.stdout.write(
  JSON.stringify({ p99: ms(delays.percentile(99)), max: ms(delays.max), steps, rows: train.length }),
);
