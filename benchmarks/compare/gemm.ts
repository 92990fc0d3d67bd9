// The matrix products of BERT-base, against torch.nn.functional.linear and its gradients.
import type { LinearTask } from "../engines/tasks.js";
import type { Runner, Workload } from "./workload.js";

const sizes: [outputs: number, inputs: number][] = [
  [768, 768],
  [3072, 768],
  [768, 3072],
];
const manyBytes = 400e6; // of weights, where they must come from memory: several times the largest cache

/** A model has a weight for every layer: few rows read it from memory, many rows do not notice. */
function weightCount(rows: number, outputs: number, inputs: number): number {
  if (rows <= 16) return Math.ceil(manyBytes / (4 * outputs * inputs));
  return rows <= 128 ? 12 : 2;
}

function product(pass: LinearTask["pass"], rows: number, outputs: number, inputs: number): Workload {
  const weights = pass === "forward" ? weightCount(rows, outputs, inputs) : 1;
  const task: LinearTask = { kind: "linear", pass, rows, outputs, inputs, weights };
  const fewRows = rows <= 16;
  const runners: Runner[] = [
    { engine: "athanor", task },
    { engine: "torch", task },
  ];
  if (fewRows) runners.push({ engine: "athanor", label: "athanor bf16", task: { ...task, dtype: "bf16" } });
  return {
    name: `gemm/${pass} ${rows}x${outputs}x${inputs}`,
    runners,
    flops: 2 * rows * outputs * inputs,
    bytes: fewRows ? 4 * outputs * inputs : undefined,
    compareOutputs: true,
  };
}

export function gemmWorkloads(): Workload[] {
  const forward = [1, 16, 128, 1024, 2048, 4096].flatMap((rows) =>
    sizes.map(([outputs, inputs]) => product("forward", rows, outputs, inputs)),
  );
  const gradients = (["dx", "dw"] as const).flatMap((pass) =>
    sizes.map(([outputs, inputs]) => product(pass, 2048, outputs, inputs)),
  );
  return [...forward, ...gradients];
}

/** Everything held to AVX2: ours by ATHANOR_ISA, PyTorch and its MKL by their own switches. */
export const avx2Environment: Record<"athanor" | "torch", Record<string, string>> = {
  athanor: { ATHANOR_ISA: "avx2" },
  torch: { ATEN_CPU_CAPABILITY: "avx2", MKL_ENABLE_INSTRUCTIONS: "AVX2" },
};

export function avx2(workload: Workload): Workload {
  const runners = workload.runners
    .filter(({ engine, label }) => label === undefined && engine !== "onnxruntime")
    .map((runner) => ({ ...runner, env: avx2Environment[runner.engine as "athanor" | "torch"] }));
  return {
    ...workload,
    narrow: true,
    name: `avx2/${workload.name.replace("/", " ")}`,
    runners,
  };
}
