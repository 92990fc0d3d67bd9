// T5's tokenizer (Unigram, character map, marked words) on one thread, every field of every encoding read.
// Prints JSON.
//
//   node dist/benchmarks/tokenizers/sentencepiece.bench.js --model spiece.model --text FILE[.gz]
//     [--runs 20] [--python PYTHON]
//
// Each run makes a fresh tokenizer, which is not timed, and encodes all lines in one call: no word is in a
// cache. With --python (an interpreter that has `tokenizers`, `transformers`, `sentencepiece`) the tokenizers library
// does the same in turn with ours, its parallelism off. The load of the model is timed too, in a process of
// its own each time.

import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";

import { AutoTokenizer, type Encoding } from "../../src/tokenizers/index.js";
import { describeMachine, summarise } from "../support/runner.js";

const { values: args } = parseArgs({
  options: {
    model: { type: "string" },
    text: { type: "string", multiple: true },
    runs: { type: "string", default: "20" },
    python: { type: "string" },
    load: { type: "string" },
  },
});
const WARM_UP = 3;

function readText(path: string): string {
  const bytes = readFileSync(path);
  return (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
}

const load = (folder: string) => AutoTokenizer.fromPretrained(folder, { class: "T5Tokenizer" });

// Every field, so that none is left unmade.
function readAll(encodings: Encoding[]): number {
  let sum = 0;
  for (const e of encodings) {
    sum += e.ids.length + e.typeIds.length + e.attentionMask.length + e.specialTokensMask.length;
    sum += e.offsets.length + e.tokens.length + e.wordIds.length + e.sequenceIds.length;
  }
  return sum;
}

function startPeer(python: string, files: string[]) {
  const script = new URL("../../../benchmarks/tokenizers/sentencepiece_peer.py", import.meta.url).pathname;
  const child = spawn(python, [script, ...files], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value as string);
  return {
    next,
    run: async (): Promise<number> => {
      child.stdin.write("run\n");
      return ((await next()) as { ms: number }).ms;
    },
    end: () => child.stdin.end(),
  };
}

async function main(folder: string): Promise<void> {
  const text = args.text!.map(readText).join("\n");
  const lines = text.split("\n");
  const textFile = join(folder, "text.txt");
  writeFileSync(textFile, text);
  const peer = args.python === undefined ? null : startPeer(args.python, [folder, textFile]);
  const versions = peer === null ? null : await peer.next();
  const ours: number[] = [];
  const theirs: number[] = [];
  let tokens = 0;
  for (let i = -WARM_UP; i < Number(args.runs); i++) {
    const tokenizer = await load(folder);
    const start = performance.now();
    const encodings = tokenizer.encodeBatch(lines);
    readAll(encodings);
    const ms = performance.now() - start;
    tokens = encodings.reduce((sum, encoding) => sum + encoding.ids.length, 0);
    const other = await peer?.run();
    if (i < 0) continue;
    ours.push(ms);
    if (other !== undefined) theirs.push(other);
  }
  peer?.end();
  const loads = Array.from({ length: Number(args.runs) }, () =>
    Number(execFileSync(process.execPath, [process.argv[1], "--load", folder], { encoding: "utf8" })),
  );
  const timing = summarise(ours);
  const against = theirs.length > 0 ? summarise(theirs) : undefined;
  const bytes = Buffer.byteLength(text);
  console.log(
    JSON.stringify({
      benchmark: "tokenizers/t5",
      runs: ours.length,
      bytes,
      tokens,
      ...timing,
      mb_s: Number((bytes / 1e3 / timing.median_ms).toPrecision(3)),
      baseline: against && {
        ...versions,
        ...against,
        mb_s: Number((bytes / 1e3 / against.median_ms).toPrecision(3)),
      },
      speedup: against && Number((against.median_ms / timing.median_ms).toPrecision(3)),
      load: summarise(loads),
      ...describeMachine(),
    }),
  );
}

if (args.load !== undefined) {
  const start = performance.now();
  await load(args.load);
  console.log(performance.now() - start);
} else {
  const folder = mkdtempSync(join(tmpdir(), "athanor-bench-"));
  copyFileSync(args.model!, join(folder, "spiece.model"));
  await main(folder);
  rmSync(folder, { recursive: true });
}
