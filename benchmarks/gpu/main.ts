// Times ops on a GPU by its own clock, in turns with PyTorch where that host has it, and writes one JSON line each:
//   node dist/benchmarks/gpu/main.js [--out FOLDER] [--only linear,attention] [--runs 20] [--trial]
// Without a GPU it says why. --trial takes every kind of work in small, to try this program where the GPU is
// emulated: its times mean nothing. A "share" is of the fastest copy or the named peak that the same run measured.
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { getEngine } from "../../src/native/load.js";
import { devices, memory, synchronize } from "../../src/tensor/device.js";
import { describeCommit, summarise } from "../support/runner.js";
import { prepare, trialOf, type Workload, workloads } from "./workloads.js";

const { values: options } = parseArgs({
  options: {
    out: { type: "string", default: "gpu-results" },
    only: { type: "string" },
    runs: { type: "string", default: "20" },
    trial: { type: "boolean", default: false },
  },
});
const runs = Number(options.runs);
const warmUps = options.trial ? 1 : 5;
const chosen = options.trial ? trialOf(workloads) : workloads;

/** Milliseconds of each of `count` runs, by the GPU's events. */
async function timeOurs(run: () => void, count: number): Promise<number[]> {
  const { native } = getEngine();
  const samples: number[] = [];
  await synchronize();
  for (let i = 0; i < count; i++) {
    native.trace(true);
    run();
    await synchronize();
    samples.push(native.trace(false).reduce((sum, [, , , milliseconds]) => sum + milliseconds, 0));
  }
  return samples;
}

/** A PyTorch process that answers one line per question. */
class Peer {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    const script = join(
      dirname(fileURLToPath(import.meta.url)),
      "..",
      "..",
      "..",
      "benchmarks/gpu/torch_peer.py",
    );
    this.#child = spawn("python3", ["-u", script], { stdio: ["pipe", "pipe", "inherit"] }) as never;
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  static available(): boolean {
    const question = "import torch, sys; sys.exit(0 if torch.cuda.is_available() else 1)";
    return spawnSync("python3", ["-c", question]).status === 0;
  }

  async ask(question: object): Promise<{ samples?: number[]; error?: string; versions?: object }> {
    this.#child.stdin.write(`${JSON.stringify(question)}\n`);
    const { value, done } = await this.#lines.next();
    return done ? { error: "the peer has ended" } : JSON.parse(value);
  }

  end(): void {
    this.#child.stdin.end();
  }
}

function host(): Record<string, unknown> {
  const query = spawnSync("nvidia-smi", [
    "--query-gpu=name,driver_version,clocks.sm,clocks.mem,power.limit",
    "--format=csv,noheader",
  ]);
  return {
    commit: describeCommit(),
    date: new Date().toISOString(),
    gpu: query.status === 0 ? query.stdout.toString().trim().split("\n")[0] : devices()[1]?.name,
  };
}

const gpu = devices().find(({ kind, available }) => kind === "cuda" && available);
if (!gpu) {
  console.error(`no GPU to measure: ${devices().at(-1)?.reason}`);
  process.exit(1);
}
mkdirSync(options.out, { recursive: true });
const file = join(options.out, "ops.jsonl");
rmSync(file, { force: true });
const peer = Peer.available() ? new Peer() : undefined;
const versions = (await peer?.ask({ op: "versions" }))?.versions;
const wanted = options.only?.split(",");
let copyRate = 0;
for (const [index, workload] of chosen.entries()) {
  if (wanted && !wanted.includes(workload.op) && workload.op !== "copy") continue;
  const line = await measure(workload);
  if (workload.op === "copy" && line.ours) copyRate = line.ours.gb_s ?? 0;
  appendFileSync(file, `${JSON.stringify({ ...line, ...host(), peer: versions })}\n`);
  const { ours, theirs, speedup } = line;
  console.log(
    `${index + 1}/${chosen.length} ${describe(workload)}: ` +
      `${ours ? `${ours.median_ms} ms` : line.error}, PyTorch ${theirs?.median_ms ?? "-"} ms, ${speedup ?? "-"}x`,
  );
}
peer?.end();

async function measure(workload: Workload) {
  let ready: ReturnType<typeof prepare> | undefined;
  try {
    ready = prepare(workload);
    await timeOurs(ready.run, warmUps);
    // In turns of half the runs, so that clocks and heat fall on both.
    const ours = await timeOurs(ready.run, Math.ceil(runs / 2));
    const first = await peer?.ask({ ...workload, runs: Math.ceil(runs / 2) });
    ours.push(...(await timeOurs(ready.run, Math.ceil(runs / 2))));
    const second = await peer?.ask({ ...workload, runs: Math.ceil(runs / 2) });
    const theirs = [...(first?.samples ?? []), ...(second?.samples ?? [])];
    const mine = { ...summarise(ours), ...rates(workload, summarise(ours).median_ms) };
    const other = theirs.length > 0 ? summarise(theirs) : undefined;
    return {
      workload,
      runs: ours.length,
      ours: mine,
      theirs: other,
      peerError: first?.error,
      speedup: other && Number((other.median_ms / mine.median_ms).toPrecision(3)),
      peakBytes: memory("cuda").peak,
    };
  } catch (error) {
    return { workload, error: error instanceof Error ? error.message : String(error) };
  } finally {
    ready?.dispose();
  }
}

function rates({ bytes, flops }: Workload, milliseconds: number) {
  const rate = (amount: number | undefined, unit: number) =>
    amount === undefined ? undefined : Number((amount / (milliseconds * unit)).toPrecision(4));
  const gb_s = rate(bytes, 1e6);
  const share = gb_s && copyRate ? Number((gb_s / copyRate).toPrecision(3)) : undefined;
  return { gb_s, share_of_copy: share, tflop_s: rate(flops, 1e9) };
}

function describe({ op, dtype, backward, causal, activation, sizes, lengths }: Workload): string {
  const words = [
    op,
    dtype,
    backward && "with backward",
    causal && "causal",
    activation !== "none" && activation,
  ];
  const numbers = Object.entries(sizes).map(([name, size]) => `${name} ${size}`);
  if (lengths)
    numbers.push(`${lengths.length} sequences of ${Math.min(...lengths)} to ${Math.max(...lengths)}`);
  return `${words.filter(Boolean).join(" ")} (${numbers.join(", ")})`;
}
