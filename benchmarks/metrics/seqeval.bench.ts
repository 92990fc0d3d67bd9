// Entity F1 of tagged sentences of 20 tokens on average. Prints one JSON line.
//
//   node dist/benchmarks/metrics/seqeval.bench.js [--pairs 10000] [--rounds 20] [--python PYTHON]
//
// With --python and an interpreter that has seqeval, the original runs in turn with ours.

import { parseArgs } from "node:util";

import { seqeval } from "../../src/metrics/index.js";
import { compare, fractions } from "./peer.js";

const { values } = parseArgs({ options: { pairs: { type: "string", default: "10000" } }, strict: false });
const random = fractions(20240);
const kinds = ["PER", "LOC", "ORG", "MISC"];
const tag = (before: string) => {
  if (before !== "O" && random() < 0.4) return `I-${before.slice(2)}`;
  return random() < 0.15 ? `B-${kinds[Math.floor(random() * kinds.length)]}` : "O";
};

function sentence(): string[] {
  const tags: string[] = [];
  const length = 5 + Math.floor(random() * 30);
  while (tags.length < length) tags.push(tag(tags.at(-1) ?? "O"));
  return tags;
}

const actual = Array.from({ length: Number(values.pairs) }, sentence);
const predicted = actual.map((tags) =>
  tags.map((own, i) => (random() < 0.1 ? tag(tags[i - 1] ?? "O") : own)),
);
const join = (sentences: string[][]) => sentences.map((tags) => tags.join(" "));
await compare("metrics/seqeval", { ours: join(predicted), theirs: join(actual) }, [
  { name: "seqeval", run: () => seqeval(predicted, actual).micro.f1 },
]);
