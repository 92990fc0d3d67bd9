// Checkpoints of a run: OUTPUT/checkpoint-STEP with the model (config.json, model.safetensors), the
// tokenizer, optimizer.safetensors and trainer_state.json. A folder appears complete or not at all.
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { AthanorError } from "../errors.js";
import { writeFileAtomic } from "../models/atomic-file.js";
import type { Example } from "../models/batch.js";
import { resolveCheckpoint } from "../models/checkpoint-files.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";
import type { BestEvaluation } from "./events.js";
import type { Optimizer } from "./optimizers/optimizer.js";
import type { Rest } from "./rest.js";
import { idsOf, type TrainableModel } from "./task.js";
import { type FileTarget, fillTensors, requireFit } from "./tensor-files.js";

/** A data set by which a resumed run knows it again. */
export interface DataMark {
  rows: number;
  /** sha256 over token ids and labels. */
  sha256: string;
}

/** Sum and weight of a mean so far. */
export type MeanState = [sum: number, weight: number];

/** trainer_state.json: where a run stands. */
export interface TrainerState {
  version: 1;
  /** Optimizer steps made, of ... */
  step: number;
  totalSteps: number;
  /** Epoch (from 0) and the number of its steps that were made. */
  epoch: number;
  position: number;
  tokens: number;
  /** Dropout. */
  generator: { seed: number; calls: number };
  args: Record<string, unknown>;
  data: DataMark;
  best?: BestEvaluation;
  metrics?: Record<string, number>;
  means: { run: MeanState; log: MeanState; epoch: MeanState };
  /** What callbacks keep, by name. */
  callbacks?: Record<string, unknown>;
  /** Why a callback has ended the run: it does not go on. */
  stopped?: string;
}

const STATE = "trainer_state.json";
const OPTIMIZER = "optimizer.safetensors";
const NAME = /^checkpoint-(\d+)$/;

/** Saves a checkpoint (without optimizer only the model) and returns its folder. Rejects with ERR_CHECKPOINT; nothing half-made stays. */
export async function saveCheckpoint(
  outputFolder: string,
  state: TrainerState,
  parts: { model: TrainableModel; optimizer?: Optimizer; tokenizer?: Tokenizer },
): Promise<string> {
  const folder = join(outputFolder, `checkpoint-${state.step}`);
  const temporary = join(outputFolder, `.checkpoint-${state.step}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await mkdir(temporary, { recursive: true });
    await parts.model.savePretrained(temporary, { withAdapter: true });
    await parts.tokenizer?.save(temporary);
    if (parts.optimizer) {
      await parts.optimizer.save(join(temporary, OPTIMIZER));
      await writeFileAtomic(join(temporary, STATE), `${JSON.stringify(state, null, 2)}\n`);
    }
    await replaceFolder(temporary, folder);
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true }).catch(() => {});
    if (cause instanceof AthanorError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    throw new AthanorError("ERR_CHECKPOINT", `${folder}: needs a folder that can be written, got ${code}`, {
      cause,
    });
  }
  return folder;
}

/**
 * A folder cannot take the place of a full one, so an older checkpoint of the same step steps aside first.
 */
async function replaceFolder(from: string, to: string): Promise<void> {
  const aside = `${from}.old`;
  const moved = await rename(to, aside).then(
    () => true,
    () => false,
  );
  await rename(from, to);
  if (moved) await rm(aside, { recursive: true, force: true });
}

/**
 * Deletes the oldest checkpoints but `limit`, never the best one nor the newest: with a limit of 1 these may be two, as
 * in Transformers.
 */
export async function pruneCheckpoints(outputFolder: string, limit: number, best?: string): Promise<void> {
  const steps = (await checkpointSteps(outputFolder)).map((step) => `checkpoint-${step}`);
  const newest = steps.pop();
  const others = steps.filter((name) => best === undefined || name !== basename(best));
  const bestIsOther = others.length < steps.length;
  const room = Math.max(0, limit - (newest === undefined ? 0 : 1) - (bestIsOther ? 1 : 0));
  for (const name of others.slice(0, Math.max(0, others.length - room))) {
    await rm(join(outputFolder, name), { recursive: true, force: true });
  }
}

/** The newest checkpoint of a run's output folder. Rejects with ERR_CHECKPOINT when there is none. */
export async function newestCheckpoint(outputFolder: string): Promise<string> {
  const step = (await checkpointSteps(outputFolder)).at(-1);
  if (step !== undefined) return join(outputFolder, `checkpoint-${step}`);
  throw new AthanorError(
    "ERR_CHECKPOINT",
    `${outputFolder}: needs a folder checkpoint-STEP to resume from, got none`,
  );
}

async function checkpointSteps(outputFolder: string): Promise<number[]> {
  const names = await readdir(outputFolder).catch(() => []);
  const steps = names.flatMap((name) => {
    const found = NAME.exec(name);
    return found ? [Number(found[1])] : [];
  });
  return steps.sort((a, b) => a - b);
}

/**
 * Reads a checkpoint's state and checks that it belongs to these arguments and data. @throws ERR_CHECKPOINT
 */
export async function readState(
  folder: string,
  now: { args: Record<string, unknown>; data: DataMark; totalSteps: number },
): Promise<TrainerState> {
  const file = join(folder, STATE);
  let state: TrainerState;
  try {
    state = JSON.parse(await readFile(file, "utf8"));
  } catch (cause) {
    throw new AthanorError("ERR_CHECKPOINT", `${file}: needs a trainer's state in JSON, got ${cause}`, {
      cause,
    });
  }
  const counts = [state?.step, state?.totalSteps, state?.epoch, state?.position, state?.tokens];
  const sound = counts.every((count) => Number.isSafeInteger(count) && count >= 0);
  const { generator, means } = state ?? {};
  if (state?.version !== 1 || !sound || !Number.isSafeInteger(generator?.calls) || !means?.run) {
    throw new AthanorError(
      "ERR_CHECKPOINT",
      `${file}: needs a trainer's state of version 1, got something else`,
    );
  }
  const differences = differencesOf({ ...state.args, data: state.data }, { ...now.args, data: now.data });
  if (differences.length > 0) {
    const text = differences.join("; ");
    throw new AthanorError(
      "ERR_CHECKPOINT",
      `${folder}: needs the arguments and data it was made with: ${text}`,
    );
  }
  return state;
}

function differencesOf(then: Record<string, unknown>, now: Record<string, unknown>): string[] {
  const found: string[] = [];
  for (const name of new Set([...Object.keys(then), ...Object.keys(now)])) {
    const [a, b] = [JSON.stringify(then[name]), JSON.stringify(now[name])];
    if (a !== b) found.push(`${name} was ${a ?? "absent"}, is ${b ?? "absent"}`);
  }
  return found;
}

/** Reads optimizer state and weights; both are checked before either changes anything. */
export async function loadCheckpoint(
  folder: string,
  model: TrainableModel,
  optimizer: Optimizer,
): Promise<void> {
  const weights = await weightTargets(folder, model);
  await optimizer.load(join(folder, OPTIMIZER));
  await fillTensors(weights);
  model.refreshWeights?.();
}

/**
 * Reads the weights of a folder into a model that is in use. Rejects with ERR_CHECKPOINT for any that do not
 * fit.
 */
export async function loadWeights(folder: string, model: TrainableModel): Promise<void> {
  await fillTensors(await weightTargets(folder, model));
  model.refreshWeights?.();
}

async function weightTargets(folder: string, model: TrainableModel): Promise<FileTarget[]> {
  const stored = (await model.storedWeights?.(folder)) ?? (await resolveCheckpoint(folder));
  return [...(model.weights?.() ?? model.parameters())].map(([name, target]) => {
    const entry = stored.get(name);
    if (!entry) throw new AthanorError("ERR_CHECKPOINT", `${folder}: needs the weight ${name}, got none`);
    requireFit(entry.file, name, entry, target.shape);
    return { file: entry.file, begin: entry.begin, target };
  });
}

/** The mark of a data set, made in slices. */
export async function markData(examples: readonly Example[], rest: Rest): Promise<DataMark> {
  const hash = createHash("sha256");
  for (const example of examples) {
    hashExample(example, (bytes) => hash.update(bytes));
    if (rest.due) await rest.now();
  }
  return { rows: examples.length, sha256: hash.digest("hex") };
}

function hashExample(example: Example, update: (bytes: Uint8Array | string) => void): void {
  const { inputIds: _, ids: __, choices, ...others } = example;
  update(new Uint8Array(Int32Array.from(idsOf(example)).buffer));
  // Lengths are part of the text, so that ids cannot run into the next example's.
  update(`|${idsOf(example).length}|${JSON.stringify(others, plainArrays)}\n`);
  for (const choice of choices ?? []) hashExample(choice, update);
}

function plainArrays(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  return ArrayBuffer.isView(value) ? Array.from(value as Int32Array) : value;
}
