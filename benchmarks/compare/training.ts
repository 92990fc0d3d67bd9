// Training steps of BERT-base and GPT-2: forward, backward, clipping, AdamW; dropout on. PyTorch runs eager with SDPA and fused
// AdamW, on rows padded to the longest of their batch as DataCollatorWithPadding does.
import type { TrainingTask } from "../engines/tasks.js";
import { encoderFlops } from "./inference.js";
import type { Cache, FolderName } from "./prepare.js";
import * as rows from "./rows.js";
import type { Runner, Workload } from "./workload.js";

interface Case {
  name: string;
  head: TrainingTask["head"];
  folder: FolderName;
  batches: rows.TokenRow[][];
  /** Compare losses without dropout first. */
  check: boolean;
  note?: string;
}

const checkedSteps = 5;

/** Every token is the label of the one before it. */
function languageCase(count: number, length: number): Case {
  const batches = [rows.fullRows(count, length)];
  const head = "causal-language-modeling";
  return { name: `gpt2 ${count}x${length}`, head, folder: "gpt2", batches, check: true };
}

function fullCase(count: number, length: number, check: boolean): Case {
  const batches = [rows.fullRows(count, length)];
  return { name: `${count}x${length}`, head: "classification", folder: "bert-base-2", batches, check };
}

interface RaggedSet {
  name: rows.DataSetName;
  head: TrainingTask["head"];
  folder: FolderName;
  /** Rows of a batch. */
  size: number;
  load: () => Promise<rows.TokenRow[]>;
}

function raggedSets(data: string | undefined): RaggedSet[] {
  const head = "classification";
  return [
    {
      name: "banking77",
      head,
      folder: "bert-base-77",
      size: 32,
      load: () => rows.textRows("banking77", "train", data),
    },
    {
      name: "sst2",
      head,
      folder: "bert-base-2",
      size: 32,
      load: () => rows.textRows("sst2", "train", data),
    },
    // Question answering over spans. Of 32 rows a step of PyTorch would take most of a minute.
    {
      name: "xquad",
      head: "question-answering",
      folder: "bert-base-qa",
      size: 8,
      load: async () => rows.questionRows(data),
    },
  ];
}

async function raggedCases(set: RaggedSet, samples: number): Promise<Case[]> {
  const all = await set.load();
  return (["random", "grouped"] as const).map((order) => {
    const pick = order === "random" ? rows.randomBatches : rows.groupedBatches;
    const batches = pick(all, set.size, samples);
    const factor = rows.paddingFactor(batches).toFixed(2);
    const tokens = Math.round(rows.tokensOf(batches.flat()) / batches.length);
    const note = `batches of ${set.size}, ${tokens} tokens on average, padded ${factor} times as long`;
    return { ...set, name: `${set.name} ${order}`, batches, check: order === "random", note };
  });
}

/** GPT-2's layers are as large as BERT's; its projection to 50,257 words is not in them. */
function projectionFlops(head: TrainingTask["head"], batches: rows.TokenRow[][]): number {
  return head === "causal-language-modeling" ? 2 * 768 * 50257 * rows.tokensOf(batches.flat()) : 0;
}

async function workloadOf(
  { name, head, folder, batches, check, note }: Case,
  cache: Cache,
): Promise<Workload> {
  const task: TrainingTask = {
    kind: "training",
    head,
    folder: await cache.model(folder),
    batches: await cache.batches(`training ${name}`, batches),
    learningRate: 2e-5,
    dropout: true,
  };
  const runners = (dropout: boolean): Runner[] =>
    (["athanor", "torch"] as const).map((engine) => ({ engine, task: { ...task, dropout } }));
  return {
    name: `training/${name}`,
    runners: runners(true),
    flops: (3 * (encoderFlops(batches) + projectionFlops(head, batches))) / batches.length,
    tokens: batches.map(rows.tokensOf),
    fresh: true,
    steps: true,
    lossCheck: check ? { runners: runners(false), steps: checkedSteps } : undefined,
    note,
  };
}

export async function trainingWorkloads(
  cache: Cache,
  data: string | undefined,
  samples: number,
): Promise<Workload[]> {
  const cases = [fullCase(8, 128, true), fullCase(16, 128, false), languageCase(4, 256)];
  for (const set of raggedSets(data)) {
    if (data === undefined && set.name !== "banking77") continue;
    cases.push(...(await raggedCases(set, samples)));
  }
  const workloads: Workload[] = [];
  for (const one of cases) workloads.push(await workloadOf(one, cache));
  return workloads;
}
