// What the engine's tests share: long work to queue behind, tensors on queues of their own, child processes.
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Priority } from "../../src/native/contract.js";
import { priorities } from "../../src/native/contract.js";
import { getEngine } from "../../src/native/load.js";
import { handles, makeTensor } from "../../src/tensor/tensor.js";
import { ops, type Tensor } from "./engine.js";

/** From dist/tests/engine to the root of the repository. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");

/** Queues `count` products that take some 50 ms each; dispose of the results. */
export function longWork(count: number, size = 1280): Tensor[] {
  const a = ops.uniform([size, size]);
  const results = Array.from({ length: count }, () => ops.matmul(a, a));
  a.dispose();
  return results;
}

/** On the standard device unless one is named. */
export function createQueue(priority: Priority, device = "auto"): number {
  return getEngine().native.createQueue(device, priorities.indexOf(priority));
}

/** A tensor that belongs to a queue: the ops that it goes into run there. */
export function tensorOn(queue: number, data: ArrayLike<number>, shape: number[], device = "auto"): Tensor {
  return makeTensor(Float32Array.from(data), "f32", shape, device, queue);
}

/** Rows [row, row + rows) of a packed parameter as a parameter of its own. */
export function partOf(base: Tensor, row: number, rows: number): Tensor {
  return handles.wrap(getEngine().native.part(handles.of(base), row, rows));
}

export const numbers = async (t: Tensor | null): Promise<number[] | null> =>
  t ? [...(await t.data())] : null;

/** The error that a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise;
  } catch (error) {
    return error as Error & { code?: string };
  }
  throw new Error("nothing was rejected");
}

export interface Ended {
  code: number | null;
  signal: string | null;
  output: string;
  milliseconds: number;
}

/** Runs node and waits for its end; 60 s at most. The result of a hang is the signal SIGKILL. */
export function runNode(
  args: string[],
  environment: Record<string, string | undefined> = {},
): Promise<Ended> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, env: { ...process.env, ...environment } });
    const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
    let output = "";
    child.stdout.on("data", (text) => {
      output += text;
    });
    child.stderr.on("data", (text) => {
      output += text;
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, output, milliseconds: performance.now() - began });
    });
  });
}

/** Runs one of tests/engine/scripts; the flags are node's. */
export function runScript(name: string, args: string[] = [], flags: string[] = []): Promise<Ended> {
  return runNode([...flags, join(root, "dist", "tests", "engine", "scripts", `${name}.js`), ...args]);
}
