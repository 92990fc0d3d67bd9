// Decoding beside Transformers' generate, in turns: a Marian-sized model with fresh weights (32 sources, 64 tokens each,
// greedy and with 4 beams), and GPT-2 124M on one prompt, beside what reading its weights once per token would take.
//   node dist/benchmarks/generation/main.js --python VENV/bin/python [--only marian/greedy]... [--runs 20] [--cache FOLDER]
//     [--dtype bf16] [--out FILE] [--seconds N: no further turn after so many]
// Prints JSON lines: medians in milliseconds, the median over turns of our time over theirs, the share of sequences that
// are equal and the largest difference of a score.
import { appendFileSync, existsSync, mkdirSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { GenerateOptions } from "../../src/generation/options.js";
import { AutoModelForCausalLM, AutoModelForSeq2SeqLM, type Model } from "../../src/models/index.js";
import type { WeightType } from "../../src/nn/parameter.js";
import { uniform } from "../../tests/support/random.js";
import { Child } from "../compare/child.js";
import { Machine } from "../compare/machine.js";
import type { BenchLine, ResultLine } from "../report.js";
import { describeRun, selects } from "../support/run-line.js";
import { summarise } from "../support/runner.js";

const { values: args } = parseArgs({
  options: {
    python: { type: "string" },
    only: { type: "string", multiple: true },
    runs: { type: "string", default: "20" },
    cache: { type: "string", default: join(os.tmpdir(), "athanor-generation-bench") },
    dtype: { type: "string", default: "f32" },
    out: { type: "string" },
    seconds: { type: "string", default: "Infinity" },
  },
});
const runs = Number(args.runs);
const threads = Number(process.env.ATHANOR_THREADS ?? os.availableParallelism());

/** As opus-mt checkpoints are: 6 + 6 layers, 512 wide, 58,101 words. */
const marian = {
  model_type: "marian",
  is_encoder_decoder: true,
  vocab_size: 58101,
  d_model: 512,
  encoder_layers: 6,
  decoder_layers: 6,
  encoder_attention_heads: 8,
  decoder_attention_heads: 8,
  encoder_ffn_dim: 2048,
  decoder_ffn_dim: 2048,
  max_position_embeddings: 512,
  activation_function: "swish",
  scale_embedding: true,
  static_position_embeddings: true,
  pad_token_id: 58100,
  eos_token_id: 0,
  decoder_start_token_id: 58100,
  forced_eos_token_id: 0,
};
const gpt2 = { model_type: "gpt2", bos_token_id: 50256, eos_token_id: 50256 };

/** Sources of 8 to 40 tokens; the same every time. */
function sources(count: number, vocabulary: number): number[][] {
  const next = uniform(7);
  return Array.from({ length: count }, () =>
    Array.from({ length: 8 + Math.floor(next() * 33) }, () => 1 + Math.floor(next() * (vocabulary - 2))),
  );
}

interface Workload {
  name: string;
  model: "marian" | "gpt2";
  sources: number[][];
  /** In the spelling of both sides. */
  options: Record<string, number>;
}

const fixed = { max_new_tokens: 64, min_new_tokens: 64 };
const workloads: Workload[] = [
  { name: "marian/greedy", model: "marian", sources: sources(32, 58100), options: fixed },
  { name: "marian/beams", model: "marian", sources: sources(32, 58100), options: { ...fixed, num_beams: 4 } },
  { name: "gpt2/stream", model: "gpt2", sources: [sources(1, 50256)[0].slice(0, 8)], options: fixed },
];

/** The folder of a model with fresh weights, made on first use. */
async function folderOf(name: Workload["model"]): Promise<string> {
  const folder = join(args.cache, name);
  if (existsSync(join(folder, "model.safetensors"))) return folder;
  mkdirSync(folder, { recursive: true });
  const auto = name === "marian" ? AutoModelForSeq2SeqLM : AutoModelForCausalLM;
  const model = await auto.fromConfig(name === "marian" ? marian : gpt2, { seed: 1 });
  await model.savePretrained(folder);
  model.dispose();
  return folder;
}

function camelCased(options: Record<string, number>): GenerateOptions {
  const name = (text: string) => text.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [name(key), value]));
}

interface Answer {
  seconds: number;
  sequences: number[][];
  scores: number[] | null;
}

async function ours(model: Model, { sources: given, options }: Workload): Promise<Answer> {
  const examples = given.map((inputIds) => ({ inputIds }));
  const start = performance.now();
  const { sequences, scores } = await model.generate(examples, camelCased(options));
  const seconds = (performance.now() - start) / 1000;
  return {
    seconds,
    sequences: sequences.map((tokens) => Array.from(tokens)),
    scores: scores ? Array.from(scores) : null,
  };
}

function agreement(mine: Answer, theirs: Answer) {
  const equal = mine.sequences.filter((tokens, i) =>
    tokens.every((t, j) => t === theirs.sequences[i][j]),
  ).length;
  const differences = (mine.scores ?? []).map((score, i) => Math.abs(score - (theirs.scores?.[i] ?? score)));
  return { equal: equal / mine.sequences.length, difference: Math.max(0, ...differences) };
}

async function measure(workload: Workload, machine: Machine): Promise<BenchLine[]> {
  const folder = await folderOf(workload.model);
  const auto = workload.model === "marian" ? AutoModelForSeq2SeqLM : AutoModelForCausalLM;
  const model = await auto.fromPretrained(folder, { dtype: args.dtype as WeightType });
  const script = fileURLToPath(new URL("../../../benchmarks/generation/torch_peer.py", import.meta.url));
  const peer = args.python
    ? new Child("transformers", [args.python, script, folder, String(threads)])
    : undefined;
  const samples: Answer[] = [];
  const others: Answer[] = [];
  const bandwidths: number[] = [];
  const end = performance.now() + 1000 * Number(args.seconds);
  for (let turn = -1; turn < runs && (samples.length === 0 || performance.now() < end); turn++) {
    peer?.wake();
    const theirs = await peer?.ask<Answer>({ sources: workload.sources, options: workload.options });
    peer?.sleep();
    const read = await machine.read();
    const mine = await ours(model, workload);
    if (turn < 0) continue; // the first turn warms up
    samples.push(mine);
    bandwidths.push(read);
    if (theirs) others.push(theirs);
  }
  const bytes = [...model.parameters().values()].reduce((sum, t) => sum + t.size * bytesOf(t.dtype), 0);
  model.dispose();
  await peer?.close();
  return lines(workload, { samples, others, bandwidths, bytes });
}

interface Measured {
  samples: Answer[];
  others: Answer[];
  /** GB/s, read just before each sample. */
  bandwidths: number[];
  /** Of the weights. */
  bytes: number;
}

function lines(
  { name, model, sources: given, options }: Workload,
  { samples, others, bandwidths, bytes }: Measured,
): BenchLine[] {
  const program = `generation/${name}`;
  const tokens = given.length * options.max_new_tokens;
  const times = (answers: Answer[]) => summarise(answers.map(({ seconds }) => 1000 * seconds));
  const rate = (median_ms: number) => Math.round((1000 * tokens) / median_ms);
  const time = times(samples);
  // What a single stream must read of memory for each token, but for the rows of positions and words looked up.
  const read = (bytes * options.max_new_tokens) / (time.median_ms * 1e6);
  const share = read / summarise(bandwidths).median_ms;
  const bound = model === "gpt2" ? { gb_s: read, share } : {};
  const mine: BenchLine = { kind: "bench", program, op: "ours", variant: args.dtype, ...time, ...bound };
  const found = [{ ...mine, tokens_s: rate(time.median_ms) }];
  if (others.length === 0) return found;
  const { equal, difference } = agreement(samples[0], others[0]);
  const same = `${Math.round(100 * equal)} % of the sequences equal`;
  const scores = samples[0].scores ? `, scores differ by at most ${difference.toExponential(1)}` : "";
  const theirs = times(others);
  // The median over turns: both engines of a turn met the same machine.
  const ratio = summarise(others.map(({ seconds }, i) => samples[i].seconds / seconds)).median_ms;
  return [
    ...found,
    {
      ...{ kind: "bench", program, op: "transformers", variant: `f32; ${same}${scores}`, ...theirs },
      ...{ tokens_s: rate(theirs.median_ms), speedup: ratio, baseline: { name: "ours" } },
    },
  ];
}

function bytesOf(dtype: string): number {
  return dtype === "bf16" ? 2 : dtype === "i8" ? 1 : 4;
}

mkdirSync(args.cache, { recursive: true });
const machine = new Machine(args.cache, threads);
function write(line: ResultLine): void {
  console.log(JSON.stringify(line));
  if (args.out) appendFileSync(args.out, `${JSON.stringify(line)}\n`);
}
try {
  write(describeRun({ threads, samples: runs, peaks: await machine.peaks() }));
  for (const workload of workloads) {
    if (!selects(args.only, workload.name)) continue;
    for (const line of await measure(workload, machine)) write(line);
  }
} finally {
  await machine.close();
}
