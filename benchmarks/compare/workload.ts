// What a workload is: the same task given to several engines, and what is recorded of it. Promises are in targets.ts.
import type { Task } from "../engines/tasks.js";

export type EngineName = "athanor" | "torch" | "onnxruntime";

/** One engine's part in a workload. */
export interface Runner {
  engine: EngineName;
  /** Names it in the results where an engine runs twice: "athanor bf16". Default: the engine. */
  label?: string;
  task: Task;
  env?: Record<string, string>;
}

export interface Workload {
  /** GROUP/NAME. */
  name: string;
  runners: Runner[];
  /** Floating-point operations of a run, over the real tokens. */
  flops?: number;
  /** Bytes that a run must move at least, where memory bounds it. */
  bytes?: number;
  /** Held to vectors of 256 bits. */
  narrow?: boolean;
  /** Real tokens of a run, or of each sample in turn. */
  tokens?: number | number[];
  /** Shortest sample in milliseconds: shorter runs are repeated. Default 40. */
  leastMs?: number;
  /** Processes of its own, whose peak memory is reported. */
  fresh?: boolean;
  /** Sample i is step i: a sample is one run and its loss is kept. */
  steps?: boolean;
  /** Report the largest difference of each engine's results from the first one's. */
  compareOutputs?: boolean;
  /** Steps without dropout, in other processes first: losses must agree. */
  lossCheck?: { runners: Runner[]; steps: number };
  note?: string;
}
