// BLEU, chrF, chrF++ and TER of a corpus, tokenization included. Prints one JSON line each.
//
//   node dist/benchmarks/metrics/translation.bench.js
//     [--pairs 100000] [--rounds 20] [--only bleu] [--python PYTHON]
//
// Workload: pairs of generated English-looking sentences of 20 words on average, one reference set. With --python (an
// interpreter that has sacrebleu) the original runs in turn with ours; both get the same texts and print their score.
// TER is measured on a hundredth of the pairs.

import { parseArgs } from "node:util";

import { bleu, chrf, ter } from "../../src/metrics/index.js";
import { compare, sentencePairs } from "./peer.js";

const { values } = parseArgs({
  options: { pairs: { type: "string", default: "100000" }, only: { type: "string" } },
  strict: false,
});
const pairs = Number(values.pairs);
const texts = sentencePairs(pairs, 20, 20240);
const { ours, theirs } = texts;
if (values.only !== "ter") {
  await compare("metrics/translation", texts, [
    { name: "bleu", run: () => bleu(ours, [theirs]).score },
    { name: "chrf", run: () => chrf(ours, [theirs]).score },
    { name: "chrf++", run: () => chrf(ours, [theirs], { wordOrder: 2 }).score },
  ]);
}
const fewer = { ours: ours.slice(0, pairs / 100), theirs: theirs.slice(0, pairs / 100) };
await compare("metrics/translation", fewer, [
  { name: "ter", run: () => ter(fewer.ours, [fewer.theirs]).score },
]);
