// A fresh process: loads a base and an adapter, prints logits as JSON. Arguments: the two folders.
import { readFileSync } from "node:fs";
import {
  AutoModelForCausalLM,
  AutoModelForSequenceClassification,
  loadAdapter,
  noGrad,
} from "../../src/index.js";

const [base, adapter] = process.argv.slice(2);
const { model_type: family } = JSON.parse(readFileSync(`${base}/config.json`, "utf8"));
const auto = family === "gpt2" ? AutoModelForCausalLM : AutoModelForSequenceClassification;
const model = await auto.fromPretrained(base);
await loadAdapter(model, adapter);
const { logits } = noGrad(() => model.forward(model.collate([{ inputIds: [2, 9, 14, 3] }])));
console.log(JSON.stringify(Array.from(await logits.data())));
model.dispose();
