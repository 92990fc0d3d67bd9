// One training run of one tagger, in a process of its own: prints a line of JSON. See main.ts.
import { createHash } from "node:crypto";
import { tokenClassification, tokenLabelNames, withoutPositionDigits } from "../../src/tasks/index.js";
import { Trainer } from "../../src/training/index.js";
import { configOf, rowsOf, taskWorkload, tokenizerOf } from "../tasks/workloads.js";
import { taggers } from "./heads.js";

const [name, head, seedText, epochs, data] = process.argv.slice(2);
const seed = Number(seedText);
const workload = taskWorkload(`token-classification/${name}`, { epochs: Number(epochs) });
const rows = await rowsOf(workload, data);
const weibo = name === "weibo";
const [train, held] = [rows.train, rows.evaluate].map((part) => (weibo ? withoutPositionDigits(part) : part));
const labels = tokenLabelNames([...train, ...held]);
const tokenizer = await tokenizerOf(workload, data);
const dropout = { hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1 };
const config = { ...configOf(workload, tokenizer), ...dropout };
const model = await taggers.get(head)!.fromConfig(config, { labels, seed, device: "cpu" });
const encoder = createHash("sha256");
for (const [parameter, values] of model.parameters()) {
  if (parameter.startsWith("bert.")) encoder.update((await values.data()) as Float32Array);
}
const task = tokenClassification({ joiner: weibo ? "" : " " });
const args = { ...workload.args, seed };
const trainer = new Trainer({ model, tokenizer, task, train, args });
const stepMs: number[] = [];
let loss = Number.NaN;
let began = performance.now();
for await (const { type, loss: mean } of trainer.run()) {
  if (type === "epoch") loss = mean;
  if (type !== "step") continue;
  stepMs.push(performance.now() - began);
  began = performance.now();
}
const peakMb = Math.round(process.resourceUsage().maxRSS / 1024);
const { precision, recall, f1 } = await trainer.evaluate(held);
const parameters = [...model.parameters().values()].reduce((sum, { size }) => sum + size, 0);
const fingerprint = encoder.digest("hex").slice(0, 16);
const result = { precision, recall, f1, loss, parameters, stepMs, peakMb, encoder: fingerprint };
console.log(JSON.stringify(result));
model.dispose();
