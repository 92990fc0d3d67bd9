// The line that begins a results file: commit, date, machine and what it gave.
import os from "node:os";
import type { Peaks } from "../compare/machine.js";
import { describeCommit } from "./runner.js";

/** A run of a driver; a file that was taken up again has several. */
export interface RunLine {
  kind: "run";
  commit: string;
  date: string;
  cpu: string;
  cores: number;
  threads: number;
  node: string;
  samples: number;
  peaks: Peaks;
}

export function describeRun(facts: Pick<RunLine, "threads" | "samples" | "peaks">): RunLine {
  return {
    kind: "run",
    commit: describeCommit(),
    date: new Date().toISOString(),
    cpu: os.cpus()[0]?.model ?? "unknown",
    cores: os.availableParallelism(),
    node: process.version,
    ...facts,
  };
}

/** Whether `--only` asks for a name: each is GROUP, GROUP/NAME or the beginning of it; nothing asks for all. */
export function selects(only: readonly string[] | undefined, name: string): boolean {
  return only?.some((prefix) => name.startsWith(prefix)) ?? true;
}
