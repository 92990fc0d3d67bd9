// Run by recompute.test.ts, as the peak of memory is that of the process: one step of 16 layers, with their inputs kept
// alone or with all of them; prints the bytes that it needed at most, and what was alive before and after.
//   node recompute-child.js true|false
import { AutoModelForSequenceClassification } from "../../src/models/index.js";
import { engineState, memory, synchronize } from "../../src/tensor/device.js";
import { scope } from "../../src/tensor/scope.js";
import { uniform } from "../support/random.js";
import { labels, tinyConfig } from "./support.js";

const next = uniform(1);
const inputIds = Array.from({ length: 512 }, () => 1 + Math.floor(next() * 20));
const sizes = { num_hidden_layers: 16, hidden_size: 64, max_position_embeddings: 512 };
const model = await AutoModelForSequenceClassification.fromConfig({ ...tinyConfig, ...sizes }, { labels });
model.train().gradientCheckpointing = process.argv[2] === "true";
await synchronize();
const alive = () => ({ handles: engineState().liveHandles, bytes: memory().live });
const before = alive();
scope(() => model.forward(model.collate([{ inputIds, labels: 1 }])).loss!.backward());
for (const parameter of model.parameters().values()) parameter.grad = null;
await synchronize();
console.log(JSON.stringify({ before, after: alive(), needed: memory().peak - before.bytes }));
model.dispose();
