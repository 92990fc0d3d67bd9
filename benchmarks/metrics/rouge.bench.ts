// ROUGE-L of pairs of 60 words on average. Prints one JSON line.
//
//   node dist/benchmarks/metrics/rouge.bench.js [--pairs 10000] [--rounds 20] [--python PYTHON]
//
// With --python and an interpreter that has rouge_score, the original runs in turn with ours.

import { parseArgs } from "node:util";

import { rouge } from "../../src/metrics/index.js";
import { compare, sentencePairs } from "./peer.js";

const { values } = parseArgs({ options: { pairs: { type: "string", default: "10000" } }, strict: false });
const texts = sentencePairs(Number(values.pairs), 60, 20240);
await compare("metrics/rouge", texts, [
  {
    name: "rougeL",
    run: () => rouge(texts.ours, texts.theirs, { types: ["rougeL"] }).rougeL.mean.fmeasure,
  },
]);
