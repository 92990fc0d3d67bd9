// Encoding on one thread by a fresh tokenizer, of text it has not seen, with every field read: MB of UTF-8 per
// second, ours and others in turns. Prints one JSON line per tokenizer.
//
//   node dist/benchmarks/tokenizers/encode.bench.js [--tokenizer bert-base-uncased | gpt2 | FOLDER]...
//     [--text FILE[.gz]]... [--runs 20] [--python PYTHON] [--peers FOLDER]
//
// Every run makes a tokenizer (not timed) and encodes all lines of the text in one batch. Without --text: the
// 10,570 SQuAD questions of the tests. --python: an interpreter with `tokenizers` (its encode_batch, parallelism
// off). --peers: a folder where benchmarks/peers/package.json is installed (`tokenizers`, the Node binding of the
// same library, call by call; `@huggingface/tokenizers`, JavaScript, which gives ids and tokens alone).
// first_load_ms is the first load of the process, before anything is compiled.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";

import { AutoTokenizer } from "../../src/tokenizers/index.js";
import { describeMachine, summarise } from "../support/runner.js";
import { type Engine, javascript, nodeBinding, own, python, type Run } from "./engines.js";

const root = new URL("../../../", import.meta.url);
const WARM_UP = 3;
const { values: args } = parseArgs({
  options: {
    tokenizer: { type: "string", multiple: true, default: ["bert-base-uncased", "gpt2"] },
    text: { type: "string", multiple: true },
    runs: { type: "string", default: "20" },
    python: { type: "string" },
    peers: { type: "string" },
  },
});

function readText(path: string | URL): string {
  const bytes = readFileSync(path);
  return (String(path).endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
}

function questions(): string {
  const file = new URL("tests/fixtures/tokenizers/golden-questions/question_tokens.json.gz", root);
  return (JSON.parse(readText(file)) as { original: string }[]).map(({ original }) => original).join("\n");
}

// The vocabularies of the tests as folders.
function folderOf(name: string, into: string): string {
  const files: Record<string, string[]> = {
    "bert-base-uncased": ["vocab.txt"],
    gpt2: ["vocab.json", "merges.txt"],
  };
  if (!Object.hasOwn(files, name)) return resolve(name);
  const folder = join(into, name);
  mkdirSync(folder);
  for (const file of files[name]) {
    writeFileSync(join(folder, file), readText(new URL(`tests/fixtures/vocab/${name}/${file}.gz`, root)));
  }
  return folder;
}

// Runs of all engines in turns.
async function inTurns(engines: readonly Engine[], runs: number): Promise<Run[][]> {
  const found = engines.map((): Run[] => []);
  for (let i = -WARM_UP; i < runs; i++) {
    for (const [index, engine] of engines.entries()) {
      const run = await engine.run();
      if (i >= 0) found[index].push(run);
    }
  }
  for (const engine of engines) engine.end?.();
  return found;
}

async function measure(name: string, text: string, folder: string): Promise<void> {
  const source = folderOf(name, folder);
  const started = performance.now();
  const tokenizer = await AutoTokenizer.fromPretrained(source);
  const firstLoadMs = performance.now() - started;
  const json = JSON.stringify(tokenizer.toJson());
  const files = [join(folder, "tokenizer.json"), join(folder, "text.txt")];
  writeFileSync(files[0], json);
  writeFileSync(files[1], text);
  const lines = text.split("\n");
  const engines: Engine[] = [own(json, lines)];
  if (args.python !== undefined) {
    const script = new URL("benchmarks/tokenizers/encode_peer.py", root).pathname;
    engines.push(await python(args.python, script, files));
  }
  if (args.peers !== undefined) {
    engines.push(nodeBinding(args.peers, files[0], lines), javascript(args.peers, json, lines));
  }
  const runs = Math.max(20, Number(args.runs));
  const found = await inTurns(engines, runs);
  const bytes = Buffer.byteLength(text);
  const rate = (seconds: number) => Number((bytes / 1e6 / seconds).toPrecision(3));
  const seconds = found.map((list) => summarise(list.map((run) => run.seconds)));
  const results = engines.map((engine, index) => ({
    name: engine.name,
    mb_s: rate(seconds[index].median_ms),
    spread_mb_s: seconds[index].spread_ms.map(rate).reverse(),
    tokens: found[index][0].tokens,
    ours_is_faster_by: Number((seconds[index].median_ms / seconds[0].median_ms).toPrecision(3)),
  }));
  const what = { benchmark: "tokenizers/encode", tokenizer: name, bytes, lines: lines.length, runs };
  const load = { first_load_ms: Number(firstLoadMs.toPrecision(3)) };
  console.log(JSON.stringify({ ...what, ...load, results, ...describeMachine() }));
}

async function main(): Promise<void> {
  const text = args.text === undefined ? questions() : args.text.map(readText).join("\n");
  for (const name of args.tokenizer) {
    const folder = mkdtempSync(join(tmpdir(), "athanor-bench-"));
    try {
      await measure(name, text, folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
}

await main();
