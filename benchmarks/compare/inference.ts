// BERT-base inference: full rows, and real ragged rows, which ONNX Runtime and PyTorch pad to the longest of a batch.
import type { InferenceTask } from "../engines/tasks.js";
import type { Cache } from "./prepare.js";
import * as rows from "./rows.js";
import type { Runner, Workload } from "./workload.js";

const layers = 12;
const hidden = 768;
// Elements of the weights that a token meets: attention, feed-forward.
const encoderWeights = layers * (4 * hidden * hidden + 8 * hidden * hidden);

/** Products of the encoder over the real tokens: weights, and scores and values of attention. */
export function encoderFlops(batches: rows.TokenRow[][]): number {
  let flops = 0;
  for (const { ids } of batches.flat()) {
    flops += 2 * encoderWeights * ids.length + 4 * layers * hidden * ids.length ** 2;
  }
  return flops;
}

interface Case {
  name: string;
  batches: rows.TokenRow[][];
  peers: ("torch" | "int8")[];
  note?: string;
}

function fullCases(): Case[] {
  // 1x1 is one row through every weight: what the storage type of weights is worth.
  const sizes = [
    [1, 1],
    [1, 16],
    [1, 128],
    [8, 128],
  ];
  return sizes.map(([count, length]) => ({
    name: `${count}x${length}`,
    batches: [rows.fullRows(count, length)],
    peers: ["torch", "int8"],
  }));
}

interface RaggedSet {
  name: string;
  load: () => Promise<rows.TokenRow[]>;
  batches: number;
  torch: boolean;
}

function raggedSets(data: string | undefined): RaggedSet[] {
  const text = (name: "banking77" | "sst2") => () => rows.textRows(name, "test", data);
  return [
    { name: "banking77", load: text("banking77"), batches: 2, torch: true },
    { name: "sst2", load: text("sst2"), batches: 2, torch: true },
    // A padded batch of these takes seconds: one of them, and no third engine.
    { name: "xquad", load: async () => rows.contextRows(data), batches: 1, torch: false },
  ];
}

async function raggedCases({ name, load, batches: count, torch }: RaggedSet): Promise<Case[]> {
  const all = await load();
  const make = (order: "random" | "sorted", peers: Case["peers"]): Case => {
    const pick = order === "random" ? rows.typicalBatches : rows.sortedBatches;
    const batches = pick(all, 32, count);
    const factor = rows.paddingFactor(batches).toFixed(2);
    return {
      name: `${name} ${order}`,
      batches,
      peers,
      note: `${count} x 32 rows, ${rows.tokensOf(batches.flat())} tokens, padded ${factor} times as long`,
    };
  };
  return [make("random", torch ? ["torch"] : []), make("sorted", [])];
}

function runnersOf(task: InferenceTask, peers: Case["peers"]): Runner[] {
  const runners: Runner[] = [
    { engine: "athanor", task },
    { engine: "onnxruntime", task },
  ];
  if (peers.includes("torch")) runners.push({ engine: "torch", task });
  if (peers.includes("int8")) {
    runners.push({ engine: "athanor", label: "athanor bf16", task: { ...task, dtype: "bf16" } });
    for (const engine of ["athanor", "onnxruntime"] as const) {
      runners.push({ engine, label: `${engine} int8`, task: { ...task, dtype: "int8" } });
    }
  }
  return runners;
}

async function workloadOf({ name, batches, peers, note }: Case, cache: Cache): Promise<Workload> {
  const folder = await cache.model("bert-base");
  const file = await cache.batches(`inference ${name}`, batches);
  const tokens = rows.tokensOf(batches.flat());
  return {
    name: `inference/${name}`,
    runners: runnersOf({ kind: "inference", folder, batches: file, dtype: "f32" }, peers),
    flops: encoderFlops(batches),
    bytes: tokens <= 16 ? 4 * encoderWeights : undefined,
    tokens,
    leastMs: 100,
    compareOutputs: true,
    note,
  };
}

export async function inferenceWorkloads(cache: Cache, data: string | undefined): Promise<Workload[]> {
  await cache.onnx(await cache.model("bert-base"));
  const cases = fullCases();
  for (const set of raggedSets(data)) {
    if (data === undefined && set.name !== "banking77") continue;
    cases.push(...(await raggedCases(set)));
  }
  return Promise.all(cases.map((one) => workloadOf(one, cache)));
}
