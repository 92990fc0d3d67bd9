// OUTPUT/run.json: what a run was made of and what came out, so that it can be found out later and done again.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../../models/atomic-file.js";
import { packageVersion } from "../../package-version.js";
import { engineState } from "../../tensor/device.js";
import type { DataMark } from "../checkpoint.js";
import type { BestEvaluation, TrainEvent } from "../events.js";
import { plainArgs } from "../run-schedule.js";
import type { Outcome, RunContext, TrainerCallback } from "./callback.js";

/** run.json. Times are ISO 8601, in UTC. */
export interface RunManifest {
  status: "running" | Outcome["status"];
  error?: { code?: string; message: string };
  startedAt: string;
  endedAt?: string;
  seconds?: number;
  /** The steps that were there at the beginning, when the run went on from a checkpoint. */
  resumedAtStep?: number;
  steps: number;
  totalSteps: number;
  /** Passes over the data. */
  epoch: number;
  tokens: number;
  /** Mean loss per label of the whole run, once it has ended. */
  loss?: number;
  metrics?: Record<string, number>;
  best?: BestEvaluation;
  /** The last one saved. */
  checkpoint?: string;
  stopped?: string;
  task: string;
  model: { architecture: string; parameters: number; config: Record<string, unknown> };
  args: Record<string, unknown>;
  data: { train: DataMark; eval?: DataMark };
  versions: { athanor: string; node: string };
  machine: { platform: string; arch: string; device: string; threads: number; instructionSet: string };
}

export interface ManifestParts {
  outputFolder: string;
  task: string;
  data: RunManifest["data"];
  /** The best evaluation so far. */
  best(): BestEvaluation | undefined;
}

/** Writes run.json when the run begins, evaluates, saves and ends. Rejects with ERR_CHECKPOINT. */
export function runManifest(parts: ManifestParts): TrainerCallback {
  const { outputFolder, task, data } = parts;
  const start = performance.now();
  let manifest: RunManifest | undefined;
  const write = async (changes: Partial<RunManifest>) => {
    if (!manifest) return;
    Object.assign(manifest, changes, { best: parts.best() });
    await writeFileAtomic(join(outputFolder, "run.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  };
  const update = (event: TrainEvent) => write(progressOf(event));
  return {
    async onTrainBegin(run) {
      await mkdir(outputFolder, { recursive: true });
      manifest = { ...beginning(run), task, data };
      await write({});
    },
    onEvaluate: update,
    onSave: update,
    onTrainEnd: update,
    async onClose({ status, error }) {
      const seconds = (performance.now() - start) / 1000;
      await write({ status, error: described(error), endedAt: new Date().toISOString(), seconds });
    },
  };
}

function progressOf(event: TrainEvent): Partial<RunManifest> {
  const { type, step: steps, epoch, tokens, loss, metrics, folder, stopped } = event;
  return {
    ...{ steps, epoch, tokens },
    ...(type === "end" && { loss }),
    ...(metrics && { metrics }),
    ...(folder !== undefined && { checkpoint: folder }),
    ...(stopped !== undefined && { stopped }),
  };
}

function beginning({ model, args, totalSteps, firstStep }: RunContext): Omit<RunManifest, "task" | "data"> {
  const { config } = model;
  const [architecture = "unknown"] = (config.architectures as string[] | undefined) ?? [];
  const parameters = [...model.parameters().values()].reduce((sum, { size }) => sum + size, 0);
  const { threads, instructionSet } = engineState();
  return {
    status: "running",
    startedAt: new Date().toISOString(),
    ...(firstStep > 0 && { resumedAtStep: firstStep }),
    ...{ steps: firstStep, totalSteps, epoch: 0, tokens: 0 },
    model: { architecture, parameters, config },
    args: plainArgs(args),
    versions: { athanor: packageVersion(), node: process.version },
    machine: {
      ...{ platform: process.platform, arch: process.arch, device: model.device ?? "unknown" },
      ...{ threads, instructionSet },
    },
  };
}

function described(error: unknown): RunManifest["error"] {
  if (error === undefined) return undefined;
  const { code, message = String(error) } = error as { code?: string; message?: string };
  return { ...(typeof code === "string" && { code }), message };
}
