// What the driver asks of an engine, one line of JSON each way; benchmarks/tasks/torch_peer.py answers the same.
import type { Cut } from "./workload.js";

export type Request =
  | { command: "load"; job: string; threads: number; workload: string; cut: Cut; data: string }
  /** So many optimizer steps more. */
  | { command: "train"; steps: number }
  /** Over all evaluation examples; PyTorch's outputs go to a file, from which the task takes its metrics. */
  | { command: "evaluate"; file: string };

export interface LoadAnswer {
  engine: string;
}

export interface TrainAnswer {
  losses: number[];
  seconds: number;
}

export interface EvaluateAnswer {
  /** Mean per label. */
  loss?: number;
  /** Ours. */
  metrics?: Record<string, number>;
  /** PyTorch's: the outputs of each batch, which lie in the file one after the other, in float32. */
  batches?: { name: string; shape: number[] }[][];
  /** PyTorch's: what it generated for each example, padding included. */
  sequences?: number[][];
}

export interface Failure {
  error: { code: string; message: string };
}
